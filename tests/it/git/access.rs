//! Who asks, how often, and what nobody is told: credentials, redirects, concurrency, offline.

use super::*;

fn login(password: &str) -> Logins {
    let password = password.to_owned();
    Logins::new(move |_| {
        let password = SecretString::from(password.clone());
        Some(Login { username: "x-access-token".to_owned(), password, found_in: "a test".to_owned() })
    })
}

fn authorized(web: &Web) -> Vec<bool> {
    web.log().iter().map(|asked| asked.headers.contains_key("authorization")).collect()
}

#[tokio::test]
async fn a_credential_is_given_only_when_it_is_asked_for() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let open = Web::start(root.path(), Manner::default());
    let credential = Some("x-access-token:s3cret".to_owned());
    let closed = Web::start(root.path(), Manner { credential, ..Manner::default() });
    let with_login = GitOptions { logins: login("s3cret"), ..options() };
    for web in [&open, &closed] {
        let facts = ask_with(with_login.clone(), &query(&web.url("tool.git"))).await.unwrap();
        assert_eq!(facts.releases.len(), 7);
    }
    assert_eq!(authorized(&open), [false, false]);
    assert_eq!(authorized(&closed), [false, true, true]);
    let own = format!("http://x-access-token:s3cret@{}/tool.git", closed.address);
    let fetched = Git::with_options(options()).releases(&query(&own), &NoFetch).await;
    assert_eq!(fetched.unwrap().address, closed.url("tool.git"));
}

#[tokio::test]
async fn what_kept_a_remote_from_being_reached_is_told_in_words_for_a_person() {
    for (url, trouble, words) in [
        (format!("http://{}/a", nobody()), Trouble::NobodyListens, "nobody listens there"),
        (format!("git://{}/a", nobody()), Trouble::NobodyListens, "nobody listens there"),
        ("http://no-such-host.invalid/a".to_owned(), Trouble::NoSuchHost, "there is no host of that name"),
        ("git://no-such-host.invalid/a".to_owned(), Trouble::NoSuchHost, "there is no host of that name"),
    ] {
        let error = ask(&query(&url)).await.unwrap_err();
        let message = format!("asked the git remote `{url}` for `tool`: {words}");
        assert_eq!(error, LookupError::Unreachable { message, trouble });
    }
}

#[tokio::test]
async fn a_refused_credential_is_unauthorized_and_stays_out_of_the_message() {
    let root = Root::new();
    let credential = Some("x-access-token:right".to_owned());
    let web = Web::start(root.path(), Manner { credential, ..Manner::default() });
    let own = format!("http://me:wr0ng@{}/tool.git?token=wr0ng", web.address);
    for (options, url) in [
        (options(), web.url("tool.git")),
        (GitOptions { logins: login("wr0ng"), ..options() }, web.url("tool.git")),
        (options(), own),
    ] {
        let error = ask_with(options, &query(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error:?}");
    }
}

#[tokio::test]
async fn a_moved_repository_is_followed_without_its_old_credential() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let credential = Some("someone:else".to_owned());
    let target = Web::start(root.path(), Manner { credential, ..Manner::default() });
    let open = Web::start(root.path(), Manner::default());
    let moved = |to: &Web| {
        let redirect_to = Some(format!("http://{}", to.address));
        Web::start(root.path(), Manner { redirect_to, ..Manner::default() })
    };
    let old = moved(&open);
    let facts = ask(&query(&old.url("tool.git"))).await.unwrap();
    assert_eq!(tags(&facts), expected(&root, "tool.git"));
    assert_eq!((old.log().len(), open.log().len()), (1, 2), "the list is asked where the handshake led");
    let old = moved(&target);
    let own = format!("http://me:s3cret@{}/tool.git", old.address);
    let error = ask(&query(&own)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    assert_eq!(authorized(&target), [false]);
    let old = moved(&target);
    let port = old.address.port();
    let token = || Login { username: "t".into(), password: SecretString::from("s3cret"), found_in: "a test".into() };
    let logins = Logins::new(move |url| (url.port() == Some(port)).then(token));
    let error = ask_with(GitOptions { logins, ..options() }, &query(&old.url("tool.git"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    assert_eq!(authorized(&target), [false, false]);
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let there =
        Web::start(Root::new().path(), Manner { redirect_to: Some(format!("http://{address}")), ..Manner::default() });
    // a server that sends everybody to itself
    let head = format!("301 Moved\r\nLocation: http://{}/a/info/refs?service=git-upload-pack", there.address);
    let here = Web::start(Root::new().path(), Manner { fixed: Some((head, String::new())), ..Manner::default() });
    let error = ask(&query(&here.url("a"))).await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
    let circle = Web::start(
        Root::new().path(),
        Manner {
            fixed: Some(("301 Moved\r\nLocation: ?service=git-upload-pack".to_owned(), String::new())),
            ..Manner::default()
        },
    );
    let error = ask(&query(&circle.url("a"))).await.unwrap_err();
    assert_eq!((error.kind(), circle.log().len()), (ErrorKind::BadResponse, 11), "{error}");
}

#[tokio::test]
async fn no_more_conversations_than_allowed_reach_a_host_at_once() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let git = Git::with_options(GitOptions { per_host: 3, ..options() });
    let query = query(&web.url("tool.git"));
    let answers = join_all((0..24).map(|_| git.releases(&query, &NoFetch))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().facts.releases.len() == 7));
    assert!(web.most() <= 3, "{} at once", web.most());
}

#[tokio::test]
async fn offline_asks_nobody_but_this_machine() {
    let root = Root::new();
    let path = root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let offline = GitOptions { offline: true, ..options() };
    assert_eq!(ask_with(offline.clone(), &query(path.to_str().unwrap())).await.unwrap().releases.len(), 7);
    for url in [web.url("tool.git"), "git@127.0.0.1:a".to_owned(), format!("git://{}/a", web.address)] {
        let error = ask_with(offline.clone(), &query(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    }
    assert!(web.log().is_empty());
}

#[tokio::test]
async fn a_web_address_is_a_link_without_its_credential() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner::default());
    let own = format!("http://me:s3cret@{}/tool.git", web.address);
    assert_eq!(ask(&query(&own)).await.unwrap().links.repository.as_deref(), Some(&*web.url("tool.git")));
}
