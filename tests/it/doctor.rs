//! `upmon doctor` through the binary: what it sees, that it tells no secret, and that each fault has its remedy.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by panicking")]

use serde_json::{Value, json};

use crate::contract::fixtures::PACKAGE;
use crate::network::support::{Machine, NEWEST, Stand, answer, git_pin, nobody, pins, registry};
use crate::support::runner::Run;

const ALL: &[&str] = &["rust", "ruby", "python", "typescript"];

/// The section of a checkup as JSON.
fn section<'a>(checkup: &'a Value, name: &str) -> &'a Value {
    let sections = checkup["sections"].as_array().unwrap();
    sections.iter().find(|section| section["name"] == name).unwrap_or_else(|| panic!("no `{name}` in {checkup}"))
}

fn state<'a>(ended: &'a Value, name: &str) -> &'a str {
    section(ended, name)["state"].as_str().unwrap()
}

/// The block of a section in the text, with its facts and its hint.
fn block(ended: &Run, name: &str) -> String {
    let head = format!("  {name}: ");
    let mut lines = ended.stdout.lines().skip_while(|line| !line.contains(&head));
    let first = lines.next().unwrap_or_else(|| panic!("no `{name}` in {}", ended.printed()));
    let rest = lines.take_while(|line| line.starts_with(' '));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_healthy_machine_is_shown_with_everything_and_no_secret() {
    let stand = Stand::start(|request| {
        let answer = String::from_utf8(registry(request)).unwrap();
        answer
            .replacen("connection: close", "x-ratelimit-limit: 60\r\nx-ratelimit-remaining: 58\r\nconnection: close", 1)
            .into()
    });
    let mut everything = pins(ALL);
    everything["git"] = git_pin(&format!("{}/git/{PACKAGE}", stand.url()))["git"].clone();
    let machine = Machine::new(&everything)
        .with_registries_at(&stand.url())
        .with("UPMON_NPM_TOKEN", "s3cr3t")
        .with("UPMON_PYPI_USERNAME", "me")
        .with("UPMON_PYPI_PASSWORD", "s3cr3t")
        .with("UPMON_GIT_TOKEN", "s3cr3t")
        .with("UPMON_GIT_TOKEN_HOST", "127.0.0.1")
        .with("UPMON_RUBYGEMS_URL", format!("{}/gems/", stand.url().replace("http://", "http://me:s3cr3t@")));
    let ended = machine.run(&["-vv", "doctor"]);
    assert_eq!(ended.code(), 0, "{}", ended.printed());
    assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
    for (name, facts) in [
        ("pins", &["5 in `upstream-versions.json`"][..]),
        ("crates-io", &["answers in ", "with 2 releases of `tiny-up`", "/crates-io/ (`UPMON_CRATES_IO_URL`)", "none"]),
        ("rubygems", &["credential  the address in `UPMON_RUBYGEMS_URL`"]),
        ("pypi", &["credential  `UPMON_PYPI_USERNAME`"]),
        ("npm", &["credential  `UPMON_NPM_TOKEN`", "rate limit  58 of 60 requests left"]),
        ("git 127.0.0.1", &["(the pins)", "credential  `UPMON_GIT_TOKEN`"]),
        ("certificates", &[" from the platform"]),
        ("cache", &["can be written to", "cache/upmon"]),
    ] {
        let block = block(&ended, name);
        assert!(block.starts_with("ok "), "{block}");
        assert!(facts.iter().all(|fact| block.contains(fact)), "{facts:?}: {block}");
    }
    let checkup = machine.run(&["doctor", "--json"]).json();
    assert_eq!(section(&checkup, "npm")["facts"]["credential"], "`UPMON_NPM_TOKEN`");
    assert!(!checkup.to_string().contains("s3cr3t"));
}

#[test]
fn every_fault_has_its_remedy_beside_it() {
    let html = |_: &str| answer("200 OK", "content-type: text/html", b"<!doctype html><title>Login</title>");
    let cases = [
        ("refused", nobody(), "is the server running"),
        ("401", Stand::start(|_| answer("401 Unauthorized", "x: y", b"")).url(), "set `UPMON_NPM_TOKEN`"),
        ("404", Stand::start(|_| answer("404 Not Found", "x: y", b"")).url(), "`UPMON_NPM_URL` is not the root"),
        ("html", Stand::start(html).url(), "login page"),
        ("503", Stand::start(|_| answer("503 Service Unavailable", "x: y", b"")).url(), "try again later"),
        ("429", Stand::start(|_| answer("429 Too Many Requests", "retry-after: 9999", b"")).url(), "[registries.npm]"),
        ("reset", Stand::start(|_| Vec::new()).url(), "mend the address in `UPMON_NPM_URL`"),
        ("tls", Stand::secure(registry).0.url(), "UPMON_NETWORK_CERTIFICATES"),
    ];
    let good = Stand::start(registry);
    for (fault, url, remedy) in cases {
        let machine = Machine::new(&pins(&["typescript"])).with_registries_at(&good.url()).with("UPMON_NPM_URL", url);
        let ended = machine.run(&["doctor"]);
        let block = block(&ended, "npm");
        assert_eq!(ended.code(), 3, "{fault}: {}", ended.printed());
        assert!(block.starts_with("fault ") && block.contains("hint: ") && block.contains(remedy), "{fault}: {block}");
        assert!(self::block(&ended, "crates-io").starts_with("ok "), "{fault}: {}", ended.printed());
    }
}

#[test]
fn a_refused_credential_is_named_and_not_shown() {
    let stand = Stand::start(|_| answer("401 Unauthorized", "www-authenticate: Bearer realm=\"s3cr3t\"", b""));
    let good = Stand::start(registry);
    let machine = Machine::new(&pins(&["typescript"]))
        .with_registries_at(&good.url())
        .with("UPMON_NPM_URL", stand.url())
        .with("UPMON_NPM_TOKEN", "s3cr3t");
    let ended = machine.run(&["-vv", "doctor"]);
    let block = block(&ended, "npm");
    assert!(block.contains("hint: the credential from `UPMON_NPM_TOKEN` is not accepted"), "{block}");
    assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
}

#[test]
fn a_proxy_is_shown_without_its_password_and_suspected_first() {
    let good = Stand::start(registry);
    let proxy = nobody().replace("http://", "http://me:s3cr3t@");
    let machine = Machine::new(&pins(&["typescript"]))
        .with_registries_at(&good.url())
        .with("UPMON_NPM_URL", "https://npm.example.org/")
        .with("https_proxy", proxy);
    let ended = machine.run(&["-vv", "doctor"]);
    let block = block(&ended, "npm");
    assert_eq!(ended.code(), 3, "{}", ended.printed());
    assert!(block.contains("proxy       http://127.0.0.1:") && block.contains("(`https_proxy`)"), "{block}");
    assert!(block.contains("hint: the way leads through the proxy"), "{block}");
    assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
    let untouched = self::block(&ended, "pypi");
    assert!(!untouched.contains("proxy"), "{untouched}");
}

#[test]
fn programs_that_pins_need_are_looked_for() {
    let good = Stand::start(registry);
    let remotes = json!({ "git": {
        "a": { "version": "1.0.0", "url": "git@127.0.0.1:a.git" },
        "b": { "version": "1.0.0", "url": "/nowhere/b.git" },
    } });
    let machine = Machine::new(&remotes).with_registries_at(&good.url());
    let ended = machine.run_with(&["doctor"], &[("PATH", "/nowhere")]);
    assert_eq!(ended.code(), 3, "{}", ended.printed());
    for (program, place, remedy) in
        [("ssh", "git 127.0.0.1", "install OpenSSH's client"), ("git", "git this machine", "install git")]
    {
        for name in [program, place] {
            let block = block(&ended, name);
            assert!(block.starts_with("fault ") && block.contains(&format!("hint: {remedy}")), "{block}");
        }
    }
    let ended = machine.run_with(&["doctor"], &[("GIT_SSH_COMMAND", "false")]);
    assert!(block(&ended, "ssh").contains("GIT_SSH_COMMAND"), "{}", ended.printed());
}

#[test]
fn each_git_host_is_asked_once() {
    let stands = [Stand::start(registry), Stand::start(registry)];
    let remote = |stand: &Stand, host: &str| format!("{}/git/{PACKAGE}", stand.url().replace("127.0.0.1", host));
    let remotes = json!({ "git": {
        "a": { "version": NEWEST, "url": remote(&stands[0], "127.0.0.1") },
        "b": { "version": NEWEST, "url": remote(&stands[0], "127.0.0.1") },
        "c": { "version": NEWEST, "url": remote(&stands[1], "localhost") },
    } });
    let machine = Machine::new(&remotes).with_registries_at(&Stand::start(registry).url());
    let checkup = machine.run(&["doctor", "--json"]).json();
    assert_eq!((state(&checkup, "git 127.0.0.1"), state(&checkup, "git localhost")), ("ok", "ok"), "{checkup}");
    let asked = stands.map(|stand| stand.requests().len());
    assert_eq!(asked, [2, 2], "the capabilities and the tags, once each");
}

#[test]
fn the_cache_is_looked_at_and_not_asked() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(&["typescript"])).with_registries_at(&stand.url());
    machine.run(&["check"]);
    let ended = machine.run(&["doctor"]);
    assert!(block(&ended, "cache").contains("holds 1 answer in "), "{}", ended.printed());
    let asked = stand.requests().iter().filter(|request| request.starts_with("GET /npm/tiny-up ")).count();
    assert_eq!(asked, 2);
    machine.file("work/no-directory", "");
    let ended = machine.run(&["doctor", "--cache-dir", "no-directory"]);
    let block = block(&ended, "cache");
    assert_eq!(ended.code(), 0, "a run without a cache is as right: {}", ended.printed());
    assert!(block.starts_with("warning ") && block.contains("hint: ") && block.contains("--cache-dir"), "{block}");
    let ended = machine.run(&["doctor", "--no-cache"]);
    assert!(self::block(&ended, "cache").contains("nothing is kept"), "{}", ended.printed());
}

#[test]
fn a_machine_without_pins_is_looked_at_all_the_same() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&json!({})).with_registries_at(&stand.url());
    std::fs::remove_file(machine.path("work/upstream-versions.json")).unwrap();
    let ended = machine.run(&["doctor"]);
    assert_eq!(ended.code(), 0, "{}", ended.printed());
    assert!(block(&ended, "pins").contains("there is no `upstream-versions.json`"), "{}", ended.printed());
    assert!(block(&ended, "npm").contains("and has no `wrappy`"), "{}", ended.printed());
}

#[test]
fn wrong_settings_and_wrong_pins_end_it_before_anybody_is_asked() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(ALL)).with_registries_at(&stand.url());
    for (file, text, told) in [
        ("work/upmon.toml", "[network]\ntimeout = \"soon\"\n", "`timeout` is not a length of time"),
        ("work/upmon.toml", "[cache]\nsize = \"1\"\n", "`size` has no unit"),
        ("work/upstream-versions.json", "{", "upstream-versions.json"),
    ] {
        machine.file("work/upmon.toml", "");
        machine.file(file, text);
        let ended = machine.run(&["doctor"]);
        assert!(ended.code() == 2 && ended.stderr.contains(told) && ended.stdout.is_empty(), "{}", ended.printed());
    }
    assert!(stand.requests().is_empty());
}
