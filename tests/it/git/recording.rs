//! Conversations with git remotes that were recorded are listened to again, over every way, and nobody is asked.

use std::path::Path;
use std::sync::Arc;

use upmon::http::client::{Client, Options};
use upmon::http::recording::{About, Tape};

use super::*;

type Outcome = Result<ReleaseSet, LookupError>;

/// Asks for the releases, then for the dates of two, as a run does; with the tape.
async fn converse(tape: &Arc<Tape>, options: GitOptions, queries: &[Query]) -> Vec<Outcome> {
    let client = Client::new(Options { tape: Some(Arc::clone(tape)), ..Options::default() }).unwrap();
    let git = Git::with_options(options);
    let mut answers = Vec::new();
    for query in queries {
        answers.push(git.releases(query, &client).await.map(|fetched| fetched.facts));
        answers.push(git.dates(query, &["v1.0.0", "v1.1.0"], &client).await);
    }
    answers
}

async fn recorded(directory: &Path, options: GitOptions, queries: &[Query]) -> Vec<Outcome> {
    let tape = Arc::new(Tape::record(directory).unwrap());
    let answers = converse(&tape, options, queries).await;
    tape.finish(&About { now: DateTime::UNIX_EPOCH, as_of: false, links: false, state: None }).unwrap();
    answers
}

/// With other options: no login, no ssh, no patience for a second attempt.
async fn replayed(directory: &Path, queries: &[Query]) -> Vec<Outcome> {
    let nowhere = GitOptions { ssh: Some("/no/such/ssh".into()), ..options() };
    converse(&Arc::new(Tape::replay(directory).unwrap()), nowhere, queries).await
}

#[tokio::test]
async fn every_way_to_a_repository_is_recorded() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let old = Web::start(root.path(), Manner { is_old: true, ..Manner::default() });
    let moved =
        Web::start(root.path(), Manner { redirect_to: Some(format!("http://{}", web.address)), ..Manner::default() });
    let stumbling = Web::start(root.path(), Manner { failures: 2, ..Manner::default() });
    let ssh = fake_ssh(root.path(), "for last; do :; done\nexec sh -c \"git ${last#git-}\"");
    let path = path.to_str().unwrap();
    let remotes = [
        web.url("tool.git"),
        old.url("tool.git"),
        moved.url("tool.git"),
        stumbling.url("tool.git"),
        format!("git://{}/tool.git", daemon(root.path())),
        format!("git@example.org:{path}"),
        path.to_owned(),
    ];
    let pin = root.id("tool.git", "refs/tags/v1.0.0^{commit}");
    let queries: Vec<Query> = remotes.iter().flat_map(|remote| [query(remote), commits(remote, None, &pin)]).collect();
    let directory = tempfile::tempdir().unwrap();
    let live = recorded(directory.path(), GitOptions { ssh: Some(ssh.into()), ..options() }, &queries).await;
    for (index, query) in queries.iter().enumerate() {
        // an old server neither dates tags nor compares commits
        let is_old = query.url.as_ref() == Some(&remotes[1]);
        assert!(live[2 * index].is_ok() || is_old, "{query:?}: {:?}", live[2 * index]);
    }
    let asked = web.log().len() + old.log().len() + stumbling.log().len();
    std::fs::rename(path, root.path().join("elsewhere")).unwrap();
    assert_eq!(replayed(directory.path(), &queries).await, live);
    assert_eq!(web.log().len() + old.log().len() + stumbling.log().len(), asked);
}

/// What stood in the way is recorded in words alone: only `upmon doctor` asks for its kind, and it plays no recording.
fn without_trouble(outcome: Outcome) -> Outcome {
    match outcome {
        Err(LookupError::Unreachable { message, .. }) => {
            Err(LookupError::Unreachable { message, trouble: Trouble::Other })
        }
        other => other,
    }
}

#[tokio::test]
async fn every_failure_is_recorded() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let failing = Web::start(root.path(), Manner { failures: 99, ..Manner::default() });
    let cut = Web::start(root.path(), Manner { cut: Some(40), ..Manner::default() });
    let limited = ("429 Too Many Requests\r\nRetry-After: 60".to_owned(), String::new());
    let limited = Web::start(root.path(), Manner { fixed: Some(limited), ..Manner::default() });
    let queries = [
        query(&failing.url("tool.git")),
        query(&cut.url("tool.git")),
        query(&limited.url("tool.git")),
        query(&cut.url("nothing.git")),
        query(&format!("http://{}/tool.git", nobody())),
        query(root.path().join("nothing.git").to_str().unwrap()),
    ];
    let directory = tempfile::tempdir().unwrap();
    let live = recorded(directory.path(), options(), &queries).await;
    assert!(live.iter().all(Result::is_err), "{live:?}");
    let told = |outcomes: &[Outcome]| -> Vec<Outcome> { outcomes.iter().cloned().map(without_trouble).collect() };
    assert_eq!(told(&replayed(directory.path(), &queries).await), told(&live));
    let other = replayed(directory.path(), &[query("git://example.org/other")]).await;
    let message =
        "asked the git remote `git://example.org/other` for `tool`: it was not asked: it is not in the recording";
    assert_eq!(other[0], Err(LookupError::Unreachable { message: message.to_owned(), trouble: Trouble::Other }));
}

#[tokio::test]
async fn a_login_is_in_no_recording_and_not_needed_to_play_it() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner { credential: Some("x:s3cret".to_owned()), ..Manner::default() });
    let login = |_: &url::Url| {
        Some(Login { username: "x".to_owned(), password: SecretString::from("s3cret"), found_in: "a test".to_owned() })
    };
    let queries = [query(&web.url("tool.git"))];
    let directory = tempfile::tempdir().unwrap();
    let live = recorded(directory.path(), GitOptions { logins: Logins::new(login), ..options() }, &queries).await;
    assert!(live[0].is_ok(), "{live:?}");
    assert_eq!(replayed(directory.path(), &queries).await, live);
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("s3cret") && !text.contains("eDpzM2NyZXQ"), "{text}");
    }
}
