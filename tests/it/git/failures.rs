//! Remotes that are gone, refuse, stumble, lie or stay silent.

use super::*;

#[tokio::test]
async fn a_missing_repository_is_not_found_by_every_way() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    std::fs::create_dir(root.path().join("folder")).unwrap();
    let web = Web::start(root.path(), Manner::default());
    let path = root.path().to_str().unwrap();
    let ssh = fake_ssh(root.path(), "echo 'a banner' >&2; echo 'ERROR: Repository not found.' >&2; exit 128");
    let options = GitOptions { ssh: Some(ssh.into()), ..options() };
    let urls = [
        format!("{path}/nope.git"),
        format!("{path}/folder"),
        format!("file://{path}/nope.git"),
        format!("git://{}/nope.git", daemon(root.path())),
        web.url("nope.git"),
        "git@127.0.0.1:nope.git".to_owned(),
        "nothing:// at all".to_owned(),
    ];
    for url in urls {
        let error = ask_with(options.clone(), &query(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{url}: {error}");
        assert!(error.to_string().contains("`tool`"), "{error}");
    }
    let error = ask(&Query { url: None, ..query("") }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn every_status_and_every_wrong_body_has_its_kind() {
    const REFS: &str = "200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement";
    let rows = [
        ("401 Unauthorized", "", ErrorKind::Unauthorized),
        ("402 Payment Required", "", ErrorKind::Unauthorized),
        ("403 Forbidden", "", ErrorKind::Unauthorized),
        ("404 Not Found", "", ErrorKind::NotFound),
        ("410 Gone", "", ErrorKind::NotFound),
        ("429 Too Many Requests\r\nRetry-After: 60", "", ErrorKind::RateLimited),
        ("503 Service Unavailable\r\nRetry-After: 60", "", ErrorKind::RateLimited),
        ("403 Forbidden\r\nRetry-After: 60", "", ErrorKind::RateLimited),
        ("418 I'm a teapot", "", ErrorKind::BadResponse),
        ("304 Not Modified", "", ErrorKind::BadResponse),
        ("200 OK\r\nContent-Type: text/html", "<html>Welcome to our hotel</html>", ErrorKind::BadResponse),
        ("200 OK", "", ErrorKind::BadResponse),
        (REFS, "", ErrorKind::BadResponse),
        (REFS, "<html>", ErrorKind::BadResponse),
        (REFS, "zzzz", ErrorKind::BadResponse),
        (REFS, "001e# service=git-upload-pack\n0000000eversion 2\n", ErrorKind::BadResponse),
        (REFS, "0012version 2\nagent", ErrorKind::BadResponse),
        (REFS, "000eversion 9\n0000", ErrorKind::BadResponse),
        (REFS, "001e# service=git-upload-pack\n0000003f0123456789 refs/tags/v1\0 agent=x 0000", ErrorKind::BadResponse),
        (REFS, "001e# service=git-upload-pack\n0000001cERR Repository not found", ErrorKind::NotFound),
        ("302 Found\r\nLocation: /login", "", ErrorKind::BadResponse),
        ("302 Found", "", ErrorKind::BadResponse),
    ];
    let root = Root::new();
    for (head, body, kind) in rows {
        let fixed = Some((head.to_owned(), body.to_owned()));
        let web = Web::start(root.path(), Manner { fixed, ..Manner::default() });
        let error = ask(&query(&web.url("tool.git"))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{head} {body}: {error}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_anywhere_is_never_a_shorter_list() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    for is_old in [false, true] {
        let mut kinds = Vec::new();
        for cut in (0..64).step_by(5).chain((64..1500).step_by(61)) {
            let web = Web::start(root.path(), Manner { is_old, cut: Some(cut), ..Manner::default() });
            match ask(&query(&web.url("tool.git"))).await {
                Ok(facts) => assert_eq!(tags(&facts), expected(&root, "tool.git"), "{is_old} {cut}"),
                Err(error) => kinds.push(error.kind()),
            }
        }
        assert!(kinds.len() > 20 && kinds.iter().all(|kind| *kind == ErrorKind::BadResponse), "{is_old} {kinds:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_says_until_when_by_the_servers_clock() {
    let head = "429 Too Many Requests\r\nRetry-After: 60\r\nDate: Fri, 20 Nov 2026 06:00:00 GMT";
    let web =
        Web::start(Root::new().path(), Manner { fixed: Some((head.to_owned(), String::new())), ..Manner::default() });
    let error = ask(&query(&web.url("tool.git"))).await.unwrap_err();
    assert!(
        matches!(error, LookupError::RateLimited { until, .. } if until == "2026-11-20T06:01:00Z".parse().ok()),
        "{error:?}"
    );
    assert_eq!(web.log().len(), 1, "no second request into a rate limit");
}

#[tokio::test]
async fn a_server_that_stumbles_once_is_asked_again() {
    let root = Root::new();
    root.import("tool.git", &history(), true);
    let web = Web::start(root.path(), Manner { failures: 2, ..Manner::default() });
    assert_eq!(ask(&query(&web.url("tool.git"))).await.unwrap().releases.len(), 7);
    let broken = Web::start(root.path(), Manner { failures: usize::MAX, ..Manner::default() });
    let error = ask(&query(&broken.url("tool.git"))).await.unwrap_err();
    assert_eq!((error.kind(), broken.log().len()), (ErrorKind::Unreachable, 3), "{error}");
}

#[tokio::test]
async fn nobody_and_silence_are_unreachable_within_the_time() {
    let root = Root::new();
    let short = GitOptions { silence: Duration::from_millis(300), ..options() };
    let ssh = fake_ssh(root.path(), "exec sleep 600");
    let short = GitOptions { ssh: Some(ssh.into()), ..short };
    let urls = [
        format!("http://{}/a", nobody()),
        format!("git://{}/a", nobody()),
        format!("http://{}/a", silent("")),
        format!("http://{}/a", silent("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n001e")),
        format!("git://{}/a", silent("")),
        format!("git://{}/a", silent("000eversion 2\n")),
        "git@127.0.0.1:a".to_owned(),
        "http://no-such-host.invalid/a".to_owned(),
    ];
    for url in urls {
        let (query, git) = (query(&url), Git::with_options(short.clone()));
        let answer = tokio::time::timeout(Duration::from_secs(30), git.releases(&query, &NoFetch)).await;
        let error = answer.unwrap_or_else(|_| panic!("{url} hangs")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{url}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_for_ever_ends_with_the_lookup() {
    let (listener, options) = (
        std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
        GitOptions { total: Duration::from_millis(700), silence: Duration::from_secs(20), ..options() },
    );
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = listener.accept().unwrap().0;
        // an endless list of capabilities, a piece at a time
        while stream.write_all(b"000eversion 2\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let error = ask_with(options, &query(&format!("git://{address}/a"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("time for one lookup"), "{error}");
}

#[tokio::test]
async fn no_program_outlives_its_lookup() {
    let root = Root::new();
    let note = root.path().join("pid");
    let ssh = fake_ssh(root.path(), &format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600", note.display()));
    let git = Git::with_options(GitOptions { ssh: Some(ssh.into()), ..options() });
    let query = query("git@127.0.0.1:a");
    // the lookup is dropped as soon as the program runs
    tokio::select! {
        answer = git.releases(&query, &NoFetch) => panic!("{answer:?}"),
        () = until(|| note.exists()) => {}
    }
    let pid = std::fs::read_to_string(&note).unwrap();
    let process = std::path::Path::new("/proc").join(pid.trim());
    if std::path::Path::new("/proc/self").exists() {
        until(|| !process.exists()).await;
    }
}

/// Waits for something that has to happen; fails the test when it does not.
async fn until(happens: impl Fn() -> bool) {
    for _ in 0..2000 {
        if happens() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 20 s in vain");
}
