//! The git registry against git's own servers, and against servers that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by panicking")]

mod access;
mod failures;
mod recording;
mod support;

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, join_all};
use secrecy::SecretString;
use upmon::error::{ErrorKind, LookupError, Trouble};
use upmon::http::{Decoder, Fetch, Fetched, Request};
use upmon::pin::Strategy;
use upmon::registry::git::{Git, GitOptions, Login, Logins};
use upmon::registry::{Query, Registry};
use upmon::release::{CommitRange, ReleaseSet};

use self::support::{Manner, Root, Web, commit, daemon, fake_ssh, history, january, nobody, silent};

/// Git does not use the HTTP seam.
struct NoFetch;

impl Fetch for NoFetch {
    fn fetch<'a>(&'a self, request: Request, _: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        panic!("{request:?} did not go through git")
    }
}

fn options() -> GitOptions {
    let _ = rustls::crypto::ring::default_provider().install_default();
    GitOptions {
        silence: Duration::from_secs(20),
        total: Duration::from_mins(1),
        pauses: [Duration::from_millis(1); 2],
        ssh: None,
        logins: Logins::none(),
        ..GitOptions::default()
    }
}

fn query(url: &str) -> Query {
    Query {
        package: "tool".to_owned(),
        url: Some(url.to_owned()),
        strategy: Strategy::Tags,
        tag_prefix: String::new(),
        dates: false,
    }
}

fn commits(url: &str, branch: Option<&str>, pin: &str) -> Query {
    let strategy = Strategy::Commits { branch: branch.map(str::to_owned), pin: pin.to_owned() };
    Query { strategy, ..query(url) }
}

async fn ask(query: &Query) -> Result<ReleaseSet, LookupError> {
    ask_with(options(), query).await
}

async fn ask_with(options: GitOptions, query: &Query) -> Result<ReleaseSet, LookupError> {
    Git::with_options(options).releases(query, &NoFetch).await.map(|fetched| fetched.facts)
}

async fn range(query: &Query) -> Result<CommitRange, LookupError> {
    ask(query).await.map(|facts| facts.commits.unwrap())
}

/// Names, sorted as git sorts them, with the commits that they lead to.
fn tags(facts: &ReleaseSet) -> Vec<(String, String)> {
    let mut tags: Vec<_> = facts
        .releases
        .iter()
        .map(|release| (release.version.to_string(), release.commit.as_deref().unwrap().to_owned()))
        .collect();
    tags.sort_unstable();
    tags
}

fn dates(facts: &ReleaseSet) -> Vec<(&str, Option<DateTime<Utc>>)> {
    let mut dates: Vec<_> = facts.releases.iter().map(|release| (&*release.version, release.published_at)).collect();
    dates.sort_unstable();
    dates
}

fn at(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.try_into().unwrap(), 0)
}

/// What `history` makes, as git itself resolves it.
fn expected(root: &Root, name: &str) -> Vec<(String, String)> {
    let names = ["gopls/v0.1.0", "inner", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0"];
    names.map(|tag| (tag.to_owned(), root.id(name, &format!("refs/tags/{tag}^{{commit}}")))).to_vec()
}

fn fetches(web: &Web) -> usize {
    web.log().iter().filter(|asked| asked.text().contains("command=fetch")).count()
}

#[tokio::test]
async fn every_way_to_a_repository_gives_the_same_tags() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    // what ssh would run at the far end, with the name of the program as `git` knows it
    let ssh = fake_ssh(root.path(), "for last; do :; done\nexec sh -c \"git ${last#git-}\"");
    let options = GitOptions { ssh: Some(ssh.into()), ..options() };
    let path = path.to_str().unwrap();
    let urls = [
        path.to_owned(),
        format!("file://{path}"),
        format!("git://{}/tool.git", daemon(root.path())),
        web.url("tool.git"),
        old.url("tool.git"),
        format!("git@127.0.0.1:{path}"),
        format!("ssh://127.0.0.1:2222{path}"),
    ];
    for url in urls {
        let facts = ask_with(options.clone(), &query(&url)).await.unwrap();
        assert_eq!(tags(&facts), expected(&root, "tool.git"), "{url}");
        assert!(facts.unreadable.is_empty(), "{url}");
    }
}

#[tokio::test]
async fn only_the_tags_under_the_prefix_travel() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    for server in [&web, &old] {
        let query = Query { tag_prefix: "gopls/v".to_owned(), ..query(&server.url("tool.git")) };
        let facts = ask(&query).await.unwrap();
        assert_eq!(tags(&facts), [("gopls/v0.1.0".to_owned(), root.id("tool.git", "main~1"))]);
    }
    let log = web.log();
    assert_eq!(log.len(), 2, "a handshake and a list");
    assert!(log[1].text().contains("ref-prefix refs/tags/gopls/v\n"), "{}", log[1].text());
    assert_eq!(old.log().len(), 1, "an old server lists in the handshake");
}

#[tokio::test]
async fn two_thousand_tags_are_all_there() {
    let root = Root::new();
    let mut stream = history();
    for number in 0..2500 {
        writeln!(stream, "reset refs/tags/bulk/{number}\nfrom :{}\n", number % 6 + 1).unwrap();
    }
    let path = root.import("tool.git", &stream, false);
    let facts = ask(&query(path.to_str().unwrap())).await.unwrap();
    assert_eq!(facts.releases.len(), 2507);
    let listed = root.in_repository("tool.git", &["for-each-ref", "--format=%(refname:strip=2)", "refs/tags"]);
    assert_eq!(tags(&facts).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), listed.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hundred_thousand_tags_are_all_there() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), false);
    let head = root.in_repository("tool.git", &["rev-parse", "main"]);
    let mut packed = format!("# pack-refs with: peeled fully-peeled sorted \n{head} refs/heads/main\n");
    for number in 0..100_000 {
        writeln!(packed, "{head} refs/tags/bulk/{number:06}").unwrap();
    }
    std::fs::write(path.join("packed-refs"), packed).unwrap();
    let web = Web::start(root.path(), Manner::default());
    let bulk = Query { tag_prefix: "bulk/".to_owned(), ..query(&web.url("tool.git")) };
    let facts = ask(&bulk).await.unwrap();
    assert_eq!(facts.releases.len(), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_remotes_at_once_take_turns_and_are_all_read() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), false);
    let head = root.in_repository("tool.git", &["rev-parse", "main"]);
    let packed: String = (0..20_000).fold(format!("{head} refs/heads/main\n"), |text, number| {
        text + &format!("{head} refs/tags/bulk/{number:06}\n")
    });
    std::fs::write(path.join("packed-refs"), packed).unwrap();
    let git = Git::with_options(options());
    let query = query(path.to_str().unwrap());
    let ended = futures_util::future::join_all((0..12).map(|_| git.releases(&query, &NoFetch))).await;
    for answer in ended {
        assert!(answer.unwrap().facts.releases.len() >= 20_000);
    }
}

#[tokio::test]
async fn dates_of_wanted_tags_cost_one_fetch() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let wanted = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "v9.9.9"];
    let urls =
        [web.url("tool.git"), path.to_str().unwrap().to_owned(), format!("git://{}/tool.git", daemon(root.path()))];
    for url in urls {
        let dated = Git::with_options(options()).dates(&query(&url), &wanted, &NoFetch).await.unwrap();
        let expected = [
            ("v1.0.0", at(january(1))),
            ("v1.1.0", at(january(10))),
            ("v1.2.0", at(january(12))),
            ("v1.3.0", at(january(4))),
            ("v1.4.0", at(january(5))),
        ];
        assert_eq!(dates(&dated), expected, "{url}");
    }
    assert_eq!(fetches(&web), 1);
    let asked = web.log().pop().unwrap().text();
    assert!(asked.contains("filter tree:0") && asked.contains("deepen 1"), "{asked}");
}

#[tokio::test]
async fn all_dates_come_with_the_tags_when_asked_for() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let facts = ask(&Query { dates: true, ..query(&web.url("tool.git")) }).await.unwrap();
    assert!(dates(&facts).iter().all(|(_, at)| at.is_some()), "{:?}", dates(&facts));
    assert_eq!((web.log().len(), fetches(&web)), (3, 1));
}

#[tokio::test]
async fn a_server_that_cannot_leave_trees_out_is_not_asked_for_dates() {
    let root = Root::new();
    root.import("plain.git", &history(), false);
    root.import("old.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    for (server, url) in [(&web, web.url("plain.git")), (&old, old.url("old.git"))] {
        let dated = Git::with_options(options()).dates(&query(&url), &["v1.0.0"], &NoFetch).await.unwrap();
        assert!(dated.releases.is_empty(), "{url}");
        let facts = ask(&Query { dates: true, ..query(&url) }).await.unwrap();
        assert_eq!(facts.releases.len(), 7, "{url}");
        assert!(facts.releases.iter().all(|release| release.published_at.is_none()), "{url}");
        assert_eq!(fetches(server), 0, "{url}");
    }
}

#[tokio::test]
async fn a_repository_without_tags_or_commits_is_an_empty_set() {
    let root = Root::new();
    let path = root.empty("empty.git", "sha1");
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    let urls = [path.to_str().unwrap().to_owned(), web.url("empty.git"), old.url("empty.git")];
    for url in urls {
        let facts = ask(&query(&url)).await.unwrap();
        assert!(facts.releases.is_empty() && facts.unreadable.is_empty(), "{url}");
    }
}

#[tokio::test]
async fn commits_between_the_pin_and_the_head_are_counted_and_dated() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let id = |revision: &str| root.id("tool.git", revision);
    let urls =
        [web.url("tool.git"), path.to_str().unwrap().to_owned(), format!("git://{}/tool.git", daemon(root.path()))];
    for url in urls {
        // branch, pin, commits ahead, the first of them, the head's and the pin's day
        let rows = [
            (None, "main~3", 3, Some(4), 6, 3),
            (Some("main"), "main~1", 1, Some(6), 6, 5),
            (Some("dev"), "main~5", 3, Some(2), 20, 1),
            (Some("dev"), "main", 1, Some(20), 20, 6),
            (Some("main"), "main", 0, None, 6, 6),
            (Some("main"), "dev", 3, Some(4), 6, 20),
        ];
        for (branch, pin, ahead, first, head_at, pinned_at) in rows {
            let found = range(&commits(&url, branch, &id(pin))).await.unwrap();
            let expected = CommitRange {
                head: id(branch.unwrap_or("HEAD")).into(),
                head_at: at(january(head_at)),
                pinned: Some(id(pin).into()),
                pinned_at: at(january(pinned_at)),
                ahead_by: Some(ahead),
                first_at: first.and_then(|day| at(january(day))),
            };
            assert_eq!(found, expected, "{url}: {branch:?} {pin}");
        }
    }
}

#[tokio::test]
async fn a_pin_ahead_of_its_branch_leaves_no_commit_to_count() {
    let root = Root::new();
    let mut stream = history();
    stream.push_str("reset refs/heads/behind\nfrom :4\n\n");
    let path = root.import("tool.git", &stream, true);
    let pin = root.id("tool.git", "main");
    let found = range(&commits(path.to_str().unwrap(), Some("behind"), &pin)).await.unwrap();
    assert_eq!((found.pinned.as_deref(), found.ahead_by, found.first_at), (Some(&*pin), Some(0), None));
    assert_eq!((found.head_at, found.pinned_at), (at(january(4)), at(january(6))));
}

#[tokio::test]
async fn history_with_deltas_and_many_commits_is_counted_whole() {
    let root = Root::new();
    let mut stream = String::new();
    for number in 1..=3000 {
        commit(&mut stream, "refs/heads/main", number, january(1) + number);
    }
    let path = root.import("long.git", &stream, true);
    root.in_repository("long.git", &["repack", "-adfq", "--depth=50", "--window=50"]);
    let query = commits(path.to_str().unwrap(), None, &root.id("long.git", "main~2990"));
    let found = range(&query).await.unwrap();
    assert_eq!((found.ahead_by, found.first_at), (Some(2990), at(january(1) + 11)));
}

#[tokio::test]
async fn an_unknown_pin_is_told_from_a_commit_that_cannot_be_counted() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    root.import("plain.git", &history(), false);
    let web = Web::start(root.path(), Manner::default());
    let nowhere = "0123456789abcdef0123456789abcdef01234567";
    for name in ["tool.git", "plain.git"] {
        let found = range(&commits(&web.url(name), None, nowhere)).await.unwrap();
        assert_eq!((found.pinned, found.ahead_by), (None, None), "{name}");
    }
    let pin = root.id("plain.git", "main~2");
    let found = range(&commits(&web.url("plain.git"), None, &pin)).await.unwrap();
    assert_eq!((found.pinned.as_deref(), found.ahead_by, found.head_at), (Some(&*pin), None, None));
    let sent: Vec<_> = web.log().into_iter().filter(|asked| asked.line.contains("POST")).collect();
    let is_cheap = |text: &str| text.contains("wait-for-done") || text.contains("filter tree:0");
    let fetches = || sent.iter().map(support::Asked::text).filter(|text| text.contains("command=fetch"));
    assert!(fetches().count() == 3 && fetches().all(|text| is_cheap(&text)));
}

#[tokio::test]
async fn pins_and_branches_that_mean_nothing_are_told_by_name() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let url = path.to_str().unwrap();
    let file = range(&commits(url, None, &root.id("tool.git", "main:file1"))).await.unwrap();
    assert_eq!((file.pinned, file.ahead_by), (None, None), "a file is no commit");
    let head = root.id("tool.git", "main");
    let found = range(&commits(url, None, &head[..9])).await.unwrap();
    assert_eq!((found.pinned.as_deref(), found.ahead_by), (Some(&*head), Some(0)));
    let older = root.id("tool.git", "main~1");
    let rows = [
        (Some("nope"), head.as_str(), "no branch `nope`"),
        (None, &older[..9], "full commit id"),
        (None, "v1.0.0", "full commit id"),
    ];
    for (branch, pin, words) in rows {
        let error = range(&commits(url, branch, pin)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_old_server_tells_the_head_and_nothing_between() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    let url = old.url("tool.git");
    let found = range(&commits(&url, None, &root.id("tool.git", "main"))).await.unwrap();
    assert_eq!((found.ahead_by, found.head_at), (Some(0), None));
    let error = range(&commits(&url, None, &root.id("tool.git", "main~1"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse, "{error}");
}

#[tokio::test]
async fn a_sha256_repository_is_read_like_any_other() {
    let root = Root::new();
    let path = root.import_as("sha256", "new.git", &history(), true);
    root.empty("empty.git", "sha256");
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    for url in [path.to_str().unwrap().to_owned(), web.url("new.git"), old.url("new.git")] {
        assert_eq!(tags(&ask(&query(&url)).await.unwrap()), expected(&root, "new.git"), "{url}");
    }
    assert!(ask(&query(&web.url("empty.git"))).await.unwrap().releases.is_empty());
    let url = web.url("new.git");
    let dated = Git::with_options(options()).dates(&query(&url), &["v1.1.0"], &NoFetch).await.unwrap();
    assert_eq!(dates(&dated), [("v1.1.0", at(january(10)))]);
    let found = range(&commits(&url, None, &root.id("new.git", "main~3"))).await.unwrap();
    assert_eq!((found.ahead_by, found.first_at), (Some(3), at(january(4))));
}

#[tokio::test]
async fn objects_named_in_an_unknown_way_get_a_sentence() {
    let head = "200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement".to_owned();
    let body = "001e# service=git-upload-pack\n0000000eversion 2\n0016object-format=md5\n000cls-refs\n0000".to_owned();
    let web = Web::start(Root::new().path(), Manner { fixed: Some((head, body)), ..Manner::default() });
    let error = ask(&query(&web.url("a"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse, "{error}");
    assert!(error.to_string().contains("`md5`"), "{error}");
}
