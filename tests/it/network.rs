//! How the binary finds its way out: settings of package managers, proxies, certificates, and what it keeps of git.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by panicking")]

pub(crate) mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use serde_json::{Value, json};
use upmon::http::limit::Pace;
use upmon::http::options::Options;
use upmon::registry::RegistryId;
use upmon::registry::git::GitOptions;
use url::Url;

use self::support::{Machine, Stand, answer, git_pin, is_text_below, pins, registry};

const ALL: &[&str] = &["rust", "ruby", "python", "typescript"];

/// The status and, where there is one, the kind of error of the only finding.
fn only(report: &Value) -> (&str, Option<&str>) {
    let finding = &report["findings"][0];
    (finding["status"].as_str().unwrap(), finding["error"]["kind"].as_str())
}

fn basic(user: &str, password: &str) -> String {
    format!("authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// A machine whose package managers know these four addresses, each with a secret of its own.
fn with_client_config([cargo, gem, pip, npm]: [&str; 4]) -> Machine {
    let machine = Machine::new(&pins(ALL));
    let with_login = |url: &str, secret: &str| url.replace("http://", &format!("http://me:{secret}@"));
    machine.file(
        ".cargo/config.toml",
        &format!("[source.crates-io]\nreplace-with = \"corp\"\n[registries.corp]\nindex = \"sparse+{cargo}/index/\"\n"),
    );
    machine.file(".cargo/credentials.toml", "[registries.corp]\ntoken = \"cargo-s3cr3t\"\n");
    let mirror = format!("---\nBUNDLE_MIRROR__ALL: \"{}/gems/\"\n", with_login(gem, "gem-s3cr3t"));
    machine.file(".bundle/config", &mirror);
    let index = format!("[global]\nindex-url = {}/pypi/simple/\n", with_login(pip, "pip-s3cr3t"));
    machine.file(".config/pip/pip.conf", &index);
    let host = npm.trim_start_matches("http:");
    machine.file(".npmrc", &format!("registry={npm}/npm/\n{host}/npm/:_authToken=npm-s3cr3t\n"));
    machine
}

#[test]
fn what_package_managers_know_leads_every_registry_home_and_no_token_astray() {
    let stands = [(); 4].map(|()| Stand::start(registry));
    let addresses = stands.each_ref().map(Stand::url);
    let machine = with_client_config(addresses.each_ref().map(String::as_str));
    let ended = machine.run(&["-vv", "check", "--json", "--use-client-config"]);
    assert_eq!((ended.code, &ended.json()["summary"]["current"]), (0, &json!(4)), "{}", ended.printed());
    let secrets = [
        ("/index/ti/ny/tiny-up", "authorization: cargo-s3cr3t".to_owned()),
        ("/gems/info/tiny-up", basic("me", "gem-s3cr3t")),
        ("/pypi/simple/tiny-up/", basic("me", "pip-s3cr3t")),
        ("/npm/tiny-up", "authorization: Bearer npm-s3cr3t".to_owned()),
    ];
    for (stand, (path, header)) in stands.iter().zip(secrets) {
        let requests = stand.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert!(requests[0].starts_with(&format!("GET {path} ")) && requests[0].contains(&header), "{requests:?}");
    }
    assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
    assert!(!is_text_below(&machine.path("cache"), "s3cr3t"));
}

#[test]
fn upmons_own_address_beats_a_package_managers_and_gets_none_of_its_tokens() {
    let stands = [(); 4].map(|()| Stand::start(registry));
    let addresses = stands.each_ref().map(Stand::url);
    let own = Stand::start(registry);
    let machine = with_client_config(addresses.each_ref().map(String::as_str));
    let url = format!("{}/own/", own.url());
    let ended = machine.run_with(&["check", "--json"], &[("UPMON_NPM_URL", &url), ("UPMON_USE_CLIENT_CONFIG", "1")]);
    assert_eq!(ended.code, 0, "{}", ended.printed());
    let requests = own.requests();
    assert!(requests[0].starts_with("GET /own/tiny-up ") && !requests[0].contains("authorization"), "{requests:?}");
    assert!(stands[3].requests().is_empty());
}

#[test]
fn a_secret_in_a_file_that_the_settings_name_is_sent_and_the_environment_beats_it() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(&["typescript"]));
    machine.file("work/token", "from-file-s3cr3t\n");
    let settings = format!("[registries.npm]\nurl = \"{}/\"\ntoken-file = \"token\"\n", stand.url());
    machine.file("work/upmon.toml", &settings);
    let arguments = ["-vv", "check", "--json", "--no-cache"];
    for variables in [&[][..], &[("UPMON_NPM_TOKEN", "from-variable-s3cr3t")]] {
        let ended = machine.run_with(&arguments, variables);
        assert_eq!(ended.code, 0, "{}", ended.printed());
        assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
    }
    let requests = stand.requests();
    assert!(requests[0].contains("authorization: Bearer from-file-s3cr3t\r\n"), "{requests:?}");
    assert!(requests[1].contains("authorization: Bearer from-variable-s3cr3t\r\n"), "{requests:?}");
    std::fs::remove_file(machine.path("work/token")).unwrap();
    let ended = machine.run(&arguments);
    assert!(ended.code == 2 && ended.stderr.contains("`token-file` of `[registries.npm]`"), "{}", ended.printed());
}

#[test]
fn the_user_agent_says_how_to_reach_you() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(&["rust"])).with_registries_at(&stand.url());
    machine.run_with(&["check"], &[("UPMON_NETWORK_CONTACT", "ops@example.org")]);
    let requests = stand.requests();
    let agent = requests[0].lines().find_map(|line| line.strip_prefix("user-agent: ")).unwrap();
    assert!(agent.starts_with("upmon/") && agent.contains("ops@example.org)"), "{agent}");
}

/// A git remote that can be told to hang up, or to have moved away.
fn git_remote() -> (Stand, Arc<AtomicBool>, Arc<AtomicBool>) {
    let (is_down, is_gone) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (down, gone) = (Arc::clone(&is_down), Arc::clone(&is_gone));
    let stand = Stand::start(move |request| match () {
        () if down.load(Ordering::SeqCst) => Vec::new(),
        () if gone.load(Ordering::SeqCst) => answer("404 Not Found", "x-from: stand", b""),
        () => registry(request),
    });
    (stand, is_down, is_gone)
}

const FRESH: (&str, &str) = ("UPMON_GIT_FRESH_FOR", "5m");

#[test]
fn what_a_git_remote_said_is_not_asked_again_for_as_long_as_the_settings_say() {
    let (stand, is_down, _) = git_remote();
    let machine = Machine::new(&git_pin(&format!("{}/git/tiny-up", stand.url())));
    let first = machine.run_with(&["check", "--json"], &[FRESH]);
    assert_eq!((first.code, only(&first.json())), (0, ("current", None)), "{}", first.printed());
    let asked = stand.requests().len();
    is_down.store(true, Ordering::SeqCst);
    let second = machine.run_with(&["check", "--json"], &[FRESH]);
    assert_eq!((second.code, only(&second.json())), (0, ("current", None)), "{}", second.printed());
    assert_eq!(stand.requests().len(), asked);
    let login = [FRESH, ("UPMON_GIT_TOKEN", "t"), ("UPMON_GIT_TOKEN_HOST", "127.0.0.1")];
    let other = machine.run_with(&["check", "--json"], &login);
    assert_eq!(only(&other.json()), ("unknown", Some("unreachable")), "what another login sees is kept apart");
}

#[test]
fn what_a_git_remote_last_said_is_shown_as_stale_only_to_those_who_ask() {
    let (stand, is_down, _) = git_remote();
    let machine = Machine::new(&git_pin(&format!("{}/git/tiny-up", stand.url())));
    assert_eq!(machine.run(&["check"]).code, 0);
    is_down.store(true, Ordering::SeqCst);
    let failed = machine.run(&["check", "--json"]);
    assert_eq!((failed.code, only(&failed.json())), (3, ("unknown", Some("unreachable"))), "{}", failed.printed());
    for (flag, is_asked) in [("--stale", true), ("--offline", false)] {
        let asked = stand.requests().len();
        let ended = machine.run(&["check", "--json", flag]);
        let report = ended.json();
        assert_eq!(only(&report).0, "current", "{flag}: {}", ended.printed());
        let notices = &report["findings"][0]["notices"];
        assert!(notices.as_array().unwrap().iter().any(|notice| notice["kind"] == "stale"), "{flag}: {notices}");
        assert!(report["findings"][0]["confirmed_at"].is_string(), "{flag}: {report}");
        assert_eq!(stand.requests().len() > asked, is_asked, "{flag}");
    }
}

#[test]
fn a_git_remote_that_is_gone_is_not_remembered() {
    let (stand, is_down, is_gone) = git_remote();
    let machine = Machine::new(&git_pin(&format!("{}/git/tiny-up", stand.url())));
    assert_eq!(machine.run(&["check"]).code, 0);
    is_gone.store(true, Ordering::SeqCst);
    let gone = machine.run(&["check", "--json", "--stale"]);
    assert_eq!(only(&gone.json()), ("unknown", Some("not-found")), "{}", gone.printed());
    is_down.store(true, Ordering::SeqCst);
    let down = machine.run(&["check", "--json", "--stale"]);
    assert_eq!(only(&down.json()), ("unknown", Some("unreachable")), "{}", down.printed());
}

#[test]
fn a_proxy_sees_every_request_but_those_to_hosts_without_one() {
    let proxy = Stand::start(registry);
    let direct = Stand::start(registry);
    let remote = format!("{}/git/tiny-up", direct.url());
    let mut everything = pins(ALL);
    everything["git"] = git_pin(&remote)["git"].clone();
    let machine = Machine::new(&everything).with_registries_at(&direct.url());
    let with_login = proxy.url().replace("http://", "http://me:pr0xy@");
    let arguments = ["-vv", "check", "--json", "--no-cache"];
    let ended = machine.run_with(&arguments, &[("HTTP_PROXY", &with_login)]);
    assert_eq!(ended.code, 0, "{}", ended.printed());
    assert!(!ended.printed().contains("pr0xy"), "{}", ended.printed());
    let seen = proxy.requests();
    assert_eq!((seen.len(), direct.requests().len()), (6, 0), "four registries and two requests for git: {seen:?}");
    let absolute = format!(" {}/", direct.url());
    for request in &seen {
        let authorization = format!("proxy-{}", basic("me", "pr0xy"));
        assert!(request.contains(&absolute) && request.contains(&authorization), "{request}");
    }
    let variables = [("HTTP_PROXY", with_login.as_str()), ("NO_PROXY", "example.org,127.0.0.1")];
    let ended = machine.run_with(&arguments, &variables);
    assert_eq!(ended.code, 0, "{}", ended.printed());
    assert_eq!((proxy.requests().len(), direct.requests().len()), (6, 6));
    assert!(direct.requests().iter().all(|request| !request.contains("proxy-authorization")));
}

#[test]
fn an_https_registry_is_reached_through_a_tunnel() {
    let proxy = Stand::start(|_| answer("502 Bad Gateway", "x-from: proxy", b""));
    let machine = Machine::new(&pins(&["typescript"]))
        .with("UPMON_NPM_URL", "https://127.0.0.1:1/")
        .with("UPMON_NPM_TOKEN", "t0k3n");
    let ended = machine.run_with(&["check", "--json"], &[("HTTPS_PROXY", &proxy.url())]);
    assert_eq!(only(&ended.json()), ("unknown", Some("unreachable")), "{}", ended.printed());
    let requests = proxy.requests();
    assert!(requests.iter().all(|request| request.starts_with("CONNECT 127.0.0.1:1 ")), "{requests:?}");
    assert!(!requests.is_empty() && !requests.concat().contains("t0k3n"), "{requests:?}");
}

#[test]
fn an_authority_is_trusted_once_it_is_named() {
    let (stand, pem) = Stand::secure(registry);
    let mut both = pins(&["typescript"]);
    both["git"] = git_pin(&format!("{}/git/tiny-up", stand.url()))["git"].clone();
    let machine = Machine::new(&both).with("UPMON_NPM_URL", stand.url());
    machine.file("work/ours.pem", &pem);
    let file = machine.path("work/ours.pem");
    let file = file.to_str().unwrap();
    let arguments = ["check", "--json", "--no-cache"];
    let ended = machine.run(&arguments);
    assert_eq!((ended.code, &ended.json()["summary"]["unknown"]), (3, &json!(2)), "{}", ended.printed());
    for finding in ended.json()["findings"].as_array().unwrap() {
        assert!(finding["error"]["message"].as_str().unwrap().contains("certificate"), "{finding}");
    }
    assert!(stand.requests().is_empty());
    for variable in ["SSL_CERT_FILE", "UPMON_NETWORK_CERTIFICATES"] {
        let ended = machine.run_with(&arguments, &[(variable, file)]);
        assert_eq!(
            (ended.code, &ended.json()["summary"]["current"]),
            (0, &json!(2)),
            "{variable}: {}",
            ended.printed()
        );
    }
    let ended = machine.run_with(&arguments, &[("UPMON_NETWORK_CERTIFICATES", "nowhere.pem")]);
    assert!(ended.code == 2 && ended.stderr.contains("nowhere.pem"), "{}", ended.printed());
}

#[test]
fn a_run_ends_at_its_deadline_and_says_so() {
    let stand = Stand::start(|_| {
        loop {
            std::thread::park();
        }
    });
    let mut both = pins(&["rust"]);
    both["git"] = git_pin(&format!("{}/git/tiny-up", stand.url()))["git"].clone();
    let machine = Machine::new(&both).with_registries_at(&stand.url());
    let ended = machine.run_with(&["check", "--json"], &[("UPMON_NETWORK_DEADLINE", "300ms")]);
    assert_eq!((ended.code, &ended.json()["summary"]["unknown"]), (3, &json!(2)), "{}", ended.printed());
    for finding in ended.json()["findings"].as_array().unwrap() {
        assert_eq!(finding["error"]["kind"], "unreachable", "{finding}");
    }
}

#[test]
fn the_documentation_tells_the_pace_that_is_kept() {
    let documentation = include_str!("../../docs/network.md");
    let (_, pace) = documentation.split_once("## Pace").unwrap();
    for &id in RegistryId::ALL {
        let row = pace.lines().find(|line| line.starts_with(&format!("| `{id}` |"))).unwrap();
        let kept = match id.default_url() {
            Some(url) => Pace::of(id, &Url::parse(url).unwrap()).in_flight,
            None => GitOptions::default().per_host,
        };
        assert!(row.contains(&format!("| {kept} |")), "{kept}: {row}");
    }
    let defaults = Options::default();
    for time in [defaults.connect_timeout, defaults.timeout] {
        assert!(pace.contains(&format!("({} s)", time.as_secs())), "{time:?}");
    }
}
