//! How the binary finds its way out: settings of package managers, proxies, certificates, and what it keeps of git.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by panicking")]

pub(crate) mod support;

use std::path::Path;
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
    assert_eq!((ended.code(), &ended.json()["summary"]["current"]), (0, &json!(4)), "{}", ended.printed());
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
    assert_eq!(ended.code(), 0, "{}", ended.printed());
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
        assert_eq!(ended.code(), 0, "{}", ended.printed());
        assert!(!ended.printed().contains("s3cr3t"), "{}", ended.printed());
    }
    let requests = stand.requests();
    assert!(requests[0].contains("authorization: Bearer from-file-s3cr3t\r\n"), "{requests:?}");
    assert!(requests[1].contains("authorization: Bearer from-variable-s3cr3t\r\n"), "{requests:?}");
    std::fs::remove_file(machine.path("work/token")).unwrap();
    let ended = machine.run(&arguments);
    assert!(ended.code() == 2 && ended.stderr.contains("`token-file` of `[registries.npm]`"), "{}", ended.printed());
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

#[test]
fn nobody_is_asked_for_a_part_of_an_answer() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(ALL)).with_registries_at(&stand.url());
    assert_eq!(machine.run(&["check"]).code(), 0);
    let requests = stand.requests();
    assert_eq!(requests.len(), ALL.len());
    assert!(!requests.iter().any(|request| request.to_lowercase().contains("\nrange:")), "{requests:?}");
}

#[test]
fn lookups_that_ask_more_than_once_end_where_one_request_is_allowed_at_a_time() {
    let undated = |request: &str| {
        let told = String::from_utf8(registry(request)).unwrap();
        // without times in the first answer, every registry is asked twice
        let is_first = request.starts_with("GET /rubygems/info/") || request.starts_with("GET /pypi/simple/");
        if is_first { told.replace("created_at:", "created_xx:").replace("upload-time", "upload-xxxx") } else { told }
            .into_bytes()
    };
    let stand = Stand::start(undated);
    let everything: serde_json::Map<_, _> =
        ALL.iter().map(|group| ((*group).to_owned(), json!({ "tiny-up": "1.0.0", "other_name": "1.0.0" }))).collect();
    let mut machine = Machine::new(&everything.into()).with_registries_at(&stand.url());
    for id in RegistryId::ALL {
        machine = machine.with(&id.url_variable().replace("_URL", "_CONCURRENCY"), "1");
    }
    let ended = machine.run_with(&["check", "--json"], &[("UPMON_NETWORK_DEADLINE", "60s")]);
    let report = ended.json();
    assert_eq!((&report["summary"]["behind"], &report["summary"]["unknown"]), (&json!(4), &json!(4)), "{report:#}");
    for finding in report["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "unknown") {
        assert_eq!(finding["error"]["kind"], "not-found", "{finding}");
    }
}

#[test]
fn a_run_over_one_pin_keeps_what_is_known_of_the_others() {
    let stand = Stand::start(registry);
    let machine = Machine::new(&pins(ALL)).with_registries_at(&stand.url());
    for arguments in [&["check", "--json"][..], &["check", "--json", "rust/tiny-up"], &["check", "--json", "--offline"]]
    {
        let ended = machine.run(arguments);
        assert_eq!(ended.code(), 0, "{arguments:?}: {}", ended.printed());
    }
    let ended = machine.run(&["check", "--json", "--offline"]);
    assert_eq!(ended.json()["summary"]["current"], 4, "{}", ended.printed());
}

#[test]
fn a_token_for_git_is_in_no_log_and_no_report_and_goes_nowhere_else() {
    let other = Stand::start(|_| answer("404 Not Found", "x-from: other", b""));
    let elsewhere = other.url().replace("127.0.0.1", "localhost");
    let token = basic("x-access-token", "s3cr3t-of-git");
    let header = token.clone();
    let home = Stand::start(move |request| {
        let path = request.split(' ').nth(1).unwrap();
        match path.split('/').nth(1).unwrap() {
            _ if !request.contains(&header) => answer("401 Unauthorized", "www-authenticate: Basic realm=\"git\"", b""),
            "moved" => answer("302 Found", &format!("location: {elsewhere}{path}"), b""),
            "refuses" => {
                answer("401 Unauthorized", &format!("www-authenticate: Basic realm=\"{header}\""), header.as_bytes())
            }
            "fails" => answer("500 Internal Server Error", &format!("x-echo: {header}"), header.as_bytes()),
            _ => answer("200 OK", "content-type: application/x-git-upload-pack-advertisement", header.as_bytes()),
        }
    });
    for (place, kind) in
        [("moved", "not-found"), ("refuses", "unauthorized"), ("fails", "unreachable"), ("echoes", "bad-response")]
    {
        let machine = Machine::new(&git_pin(&format!("{}/{place}/tool.git", home.url())))
            .with("UPMON_GIT_TOKEN", "s3cr3t-of-git")
            .with("UPMON_GIT_TOKEN_HOST", "127.0.0.1")
            .with("UPMON_LOG", "trace")
            .with("RUST_LOG", "trace")
            .with("RUST_BACKTRACE", "full");
        let ended = machine.run(&["-vv", "check", "--json", "--write-report", "report.json"]);
        assert_eq!(only(&ended.json()), ("unknown", Some(kind)), "{place}: {}", ended.printed());
        assert!(ended.stderr.contains("TRACE"), "{place}: {}", ended.stderr);
        for secret in ["s3cr3t-of-git", token.rsplit(' ').next().unwrap()] {
            assert!(!ended.printed().contains(secret), "{place}: {}", ended.printed());
            assert!(!is_text_below(&machine.path(""), secret), "{place}");
        }
    }
    assert!(home.requests().iter().any(|request| request.contains(&token)), "{:?}", home.requests());
    let led = other.requests();
    assert!(!led.is_empty() && !led.iter().any(|request| request.contains("authorization")), "{led:?}");
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
    assert_eq!((first.code(), only(&first.json())), (0, ("current", None)), "{}", first.printed());
    let asked = stand.requests().len();
    is_down.store(true, Ordering::SeqCst);
    let second = machine.run_with(&["check", "--json"], &[FRESH]);
    assert_eq!((second.code(), only(&second.json())), (0, ("current", None)), "{}", second.printed());
    assert_eq!(stand.requests().len(), asked);
    let login = [FRESH, ("UPMON_GIT_TOKEN", "t"), ("UPMON_GIT_TOKEN_HOST", "127.0.0.1")];
    let other = machine.run_with(&["check", "--json"], &login);
    assert_eq!(only(&other.json()), ("unknown", Some("unreachable")), "what another login sees is kept apart");
}

#[test]
fn what_a_git_remote_last_said_is_shown_as_stale_only_to_those_who_ask() {
    let (stand, is_down, _) = git_remote();
    let machine = Machine::new(&git_pin(&format!("{}/git/tiny-up", stand.url())));
    assert_eq!(machine.run(&["check"]).code(), 0);
    is_down.store(true, Ordering::SeqCst);
    let failed = machine.run(&["check", "--json"]);
    assert_eq!((failed.code(), only(&failed.json())), (3, ("unknown", Some("unreachable"))), "{}", failed.printed());
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
    assert_eq!(machine.run(&["check"]).code(), 0);
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
    assert_eq!(ended.code(), 0, "{}", ended.printed());
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
    assert_eq!(ended.code(), 0, "{}", ended.printed());
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

/// What the web API of crates.io says of a crate.
fn of_crate() -> Vec<u8> {
    let told = json!({
        "crate": {
            "id": "tiny-up", "name": "tiny-up", "description": null, "license": null, "documentation": null,
            "homepage": null, "repository": "https://example.org/tiny-up", "downloads": 1, "recent_downloads": null,
            "categories": null, "keywords": null, "versions": null, "max_version": "1.1.0", "max_stable_version": null,
            "links": {
                "owner_team": "", "owner_user": "", "owners": "", "reverse_dependencies": "", "version_downloads": "",
                "versions": null,
            },
            "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "exact_match": null,
        },
        "categories": [], "keywords": [], "versions": [],
    });
    answer("200 OK", "content-type: application/json", told.to_string().as_bytes())
}

#[test]
fn links_are_asked_for_with_the_same_contact_certificates_and_proxy() {
    let (stand, pem) = Stand::in_place_of(&["crates.io", "index.crates.io"], |request| {
        if request.starts_with("GET /api/v1/crates/tiny-up ") { of_crate() } else { registry(request) }
    });
    let machine = Machine::new(&json!({ "rust": { "tiny-up": "1.0.0" } }));
    machine.file("work/ours.pem", &pem);
    machine.file("work/upmon.toml", "[network]\ncertificates = \"ours.pem\"\ncontact = \"ops@example.org\"\n");
    let ended = machine.run_with(&["check", "--json", "--no-cache", "--links"], &[("HTTPS_PROXY", &stand.url())]);
    assert_eq!(
        ended.json()["findings"][0]["links"]["repository"],
        "https://example.org/tiny-up",
        "{}",
        ended.printed()
    );
    let requests = stand.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in requests {
        let agent = request.lines().find_map(|line| line.strip_prefix("user-agent: ")).unwrap();
        assert!(agent.starts_with("upmon/") && agent.contains("ops@example.org)"), "{agent}");
    }
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
    assert_eq!((ended.code(), &ended.json()["summary"]["unknown"]), (3, &json!(2)), "{}", ended.printed());
    for finding in ended.json()["findings"].as_array().unwrap() {
        assert!(finding["error"]["message"].as_str().unwrap().contains("certificate"), "{finding}");
    }
    assert!(stand.requests().is_empty());
    for variable in ["SSL_CERT_FILE", "UPMON_NETWORK_CERTIFICATES"] {
        let ended = machine.run_with(&arguments, &[(variable, file)]);
        assert_eq!(
            (ended.code(), &ended.json()["summary"]["current"]),
            (0, &json!(2)),
            "{variable}: {}",
            ended.printed()
        );
    }
    let ended = machine.run_with(&arguments, &[("UPMON_NETWORK_CERTIFICATES", "nowhere.pem")]);
    assert!(ended.code() == 2 && ended.stderr.contains("nowhere.pem"), "{}", ended.printed());
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
    assert_eq!((ended.code(), &ended.json()["summary"]["unknown"]), (3, &json!(2)), "{}", ended.printed());
    for finding in ended.json()["findings"].as_array().unwrap() {
        assert_eq!(finding["error"]["kind"], "unreachable", "{finding}");
    }
}

/// The text of every Rust file below a directory.
fn code_below(directory: &Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => std::fs::read_to_string(path).unwrap(),
        None if path.is_dir() => code_below(&path),
        _ => String::new(),
    };
    entries.map(text).collect()
}

#[test]
fn every_pitfall_of_the_documentation_has_its_tests() {
    let documentation = include_str!("../../docs/network.md");
    let (_, pitfalls) = documentation.split_once("## Where others have stumbled").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = ["src", "tests/it"].map(|folder| code_below(&root.join(folder))).concat();
    let scenarios = std::fs::read_to_string(root.join("tests/real/run")).unwrap();
    let rows: Vec<_> = pitfalls.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), 11);
    for row in rows {
        let tests = row.rsplit("| ").next().unwrap().split('`').skip(1).step_by(2);
        let (names, scenario): (Vec<&str>, Vec<&str>) = tests.partition(|name| name.contains('_'));
        assert!(names.len() >= 2, "{row}");
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
        }
        for name in scenario.into_iter().filter(|name| !name.contains('/')) {
            assert!(scenarios.contains(&format!(" {name}")), "no scenario is called {name}");
        }
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
