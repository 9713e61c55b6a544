//! What forges and others tell: who is believed, what it leads to, and that nothing of it is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use upmon::server::sign;

use super::service::{Answer, Service};
use crate::cli::world::small_with;
use crate::manifest;
use crate::support::runner::World;

const SECRET: &str = "s3cret-s3cret-s3cret";

/// Pins that the recorded events are about, and others that they are not.
const PINNED: &str = r#"{
  "git": {
    "hello": { "version": "v1.0.0", "url": "https://github.com/codertocat/hello-world.git" },
    "hello-head": { "version": "0123456789012345678901234567890123456789", "strategy": "commits",
      "url": "git@github.com:Codertocat/Hello-World" },
    "hello-dev": { "version": "0123456789012345678901234567890123456789", "strategy": "commits", "branch": "dev",
      "url": "https://github.com/Codertocat/Hello-World" },
    "octo": { "version": "v1.0.0", "url": "https://github.com/octo-org/octo-repo" },
    "other": { "version": "v1.0.0", "url": "https://github.com/Codertocat/Hello-World-2" }
  },
  "typescript": { "@Codertocat/hello-world-npm": "1.0.0", "hello": "1.0.0" }
}"#;

fn event(name: &str) -> String {
    std::fs::read_to_string(manifest::root().join(format!("tests/data/webhooks/{name}.json"))).unwrap()
}

fn signature(secret: &str, text: &str) -> String {
    sign(secret, text.as_bytes())
}

/// Sends an event to an address, signed with a text that may not be its own.
fn send(service: &Service, to: &str, (kind, id): (&str, &str), body: &str, signature: &str) -> Answer {
    let headers = format!(
        "Content-Type: application/json\r\nX-GitHub-Event: {kind}\r\nX-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: {signature}\r\n"
    );
    service.post(to, &headers, body)
}

fn deliver(service: &Service, kind: &str, id: &str, body: &str) -> Answer {
    send(service, "/webhooks/github", (kind, id), body, &signature(SECRET, body))
}

/// A world that asks nobody beyond this machine.
async fn offline() -> (World, Service) {
    let world = small_with(PINNED).await.with("UPMON_SERVER_WEBHOOK_SECRET", SECRET);
    let service = Service::start_with(&world, &["--offline"]);
    (world, service)
}

/// What became of every delivery, once all of them are sorted.
fn sorted(service: &Service) -> Vec<Value> {
    let deliveries = || service.get("/api/v1/deliveries").json()["deliveries"].as_array().unwrap().clone();
    service.until("the sorting", |_| deliveries().iter().all(|delivery| !delivery["sorted_at"].is_null()));
    deliveries()
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_events_lead_to_the_checks_that_they_can_concern_and_to_no_other() {
    let (_world, service) = offline().await;
    let table: [(&str, u16, &[&str]); 11] = [
        ("release.published", 202, &["git/hello"]),
        ("release.created", 204, &[]),
        ("create.tag", 202, &["git/hello"]),
        ("push.tag", 202, &["git/hello"]),
        ("push.branch", 202, &["git/hello-head"]),
        ("ping", 200, &[]),
        ("package.published", 202, &["typescript/@Codertocat/hello-world-npm"]),
        ("repository_dispatch", 202, &["git/octo"]),
        ("workflow_run.completed", 202, &["git/octo"]),
        ("workflow_run.requested", 204, &[]),
        ("issues.edited", 204, &[]),
    ];
    for (name, status, _) in table {
        let (kind, body) = (name.split('.').next().unwrap(), event(name));
        let to = |signature: &str, body: &str| send(&service, "/webhooks/github", (kind, name), body, signature).status;
        assert_eq!(to("", &body), 401, "{name}");
        assert_eq!(to(&signature("another secret", &body), &body), 401, "{name}");
        let altered = body.replacen("Hello", "hello", 1);
        assert_eq!(to(&signature(SECRET, &body), &format!("{altered} ")), 401, "{name}");
        assert_eq!(deliver(&service, kind, name, &body).status, status, "{name}");
    }
    let sorted = sorted(&service);
    for (name, status, pins) in table {
        let of_name: Vec<&Value> = sorted.iter().filter(|delivery| delivery["id"] == name).collect();
        assert_eq!(of_name.len(), usize::from(status == 202), "{name}");
        assert!(of_name.iter().all(|delivery| delivery["pins"] == json!(pins)), "{name}: {of_name:?}");
    }
    assert!(!service.log().contains(SECRET) && !service.log().contains("panicked"), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pin_that_was_told_of_is_asked_for_again() {
    let world = small_with(crate::cli::world::PINS).await.with("UPMON_SERVER_WEBHOOK_SECRET", SECRET);
    let service = Service::checked(&world);
    let checked = |id: &str| service.get(&format!("/api/v1/packages/{id}")).json()["checked_at"].clone();
    let before = (checked("typescript/@acme/pad"), checked("rust/drift"), world.questions().await);
    let body = json!({ "action": "published", "registry_package": { "name": "pad", "ecosystem": "npm" } }).to_string();
    assert_eq!(deliver(&service, "registry_package", "one", &body).status, 202);
    service.until("the check", |_| checked("typescript/@acme/pad") != before.0);
    assert_eq!(checked("rust/drift"), before.1);
    assert_eq!(world.questions().await, before.2 + 1);
    let of_address = "/webhook/rust/drift";
    let body = event("release.published");
    let told = send(&service, of_address, ("release", "two"), &body, &signature(SECRET, &body));
    assert_eq!(told.status, 202, "{told:?}");
    service.until("the check", |_| checked("rust/drift") != before.1);
    assert_eq!(sorted(&service)[0]["pins"], json!(["rust/drift"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_is_known_whatever_it_calls_itself() {
    let (world, service) = offline().await;
    let body = event("release.published");
    let status = |service: &Service, id: &str| deliver(service, "release", id, &body).json()["status"].clone();
    assert_eq!(status(&service, "one"), "accepted");
    assert_eq!(status(&service, "one"), "came before");
    // the id is not signed
    assert_eq!(status(&service, "two"), "came before");
    drop(service);
    let again = Service::start_with(&world, &["--offline"]);
    assert_eq!(status(&again, "one"), "came before");
    assert_eq!(status(&again, "three"), "came before");
    assert_eq!(sorted(&again).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_can_follow_another_and_without_any_nothing_is_taken() {
    let world = small_with("{}").await;
    world.write("secrets", &format!("a-new-secret-a-new-secret\n{SECRET}\n"));
    world.write("upmon.toml", "[server]\nwebhook-secret-file = \"secrets\"\nmax-body = \"1 KiB\"\n");
    let service = Service::start(&world);
    let body = r#"{"zen":"x"}"#;
    for secret in [SECRET, "a-new-secret-a-new-secret"] {
        let told = send(&service, "/webhooks/github", ("ping", "x"), body, &signature(secret, body));
        assert_eq!((told.status, &told.json()["status"]), (200, &json!("pong")));
    }
    assert_eq!(send(&service, "/webhooks/github", ("ping", "x"), body, &signature("a-new-secret", body)).status, 401);
    let wrong = |kind: &str, id: &str, body: &str| deliver(&service, kind, id, body).status;
    assert_eq!(wrong("ping", "x", &format!("\"{}\"", "x".repeat(2000))), 413);
    assert_eq!(wrong("ping", "x", "payload=%7B%7D"), 400);
    assert_eq!(wrong("never-heard-of", "x", "{}"), 204);
    assert_eq!(wrong("repository_dispatch", "", r#"{"client_payload":{"packages":["a/b"]}}"#), 400);
    let unsigned = service.post("/webhooks/github", "X-GitHub-Event: ping\r\n", body);
    assert_eq!(unsigned.status, 401, "{unsigned:?}");
    world.write("upmon.toml", "");
    let nobody = Service::start(&world);
    assert_eq!(deliver(&nobody, "ping", "x", body).status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_of_ones_own_signs_its_time_as_well() {
    let (_world, service) = offline().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let tell = |at: u64, signed_at: u64, body: &str| {
        let signature = signature(SECRET, &format!("{signed_at}.{body}"));
        service.post("/webhooks/signed", &format!("Upmon-Timestamp: {at}\r\nUpmon-Signature: {signature}\r\n"), body)
    };
    let body = r#"{"packages":["git/octo","git/nope"]}"#;
    assert_eq!(tell(now, now, body).status, 202);
    assert_eq!(tell(now, now, body).json()["status"], "came before");
    assert_eq!(tell(now + 1, now, body).status, 401);
    assert_eq!(tell(now - 3600, now - 3600, body).status, 400);
    assert_eq!(tell(now + 3600, now + 3600, body).status, 400);
    assert_eq!(tell(now, now, "{}").status, 400);
    assert_eq!(tell(now, now, r#"{"repository":"https://github.com/octo-org/Octo-Repo.git"}"#).status, 202);
    let sorted = sorted(&service);
    assert_eq!(sorted.len(), 2);
    assert!(sorted.iter().all(|delivery| delivery["pins"] == json!(["git/octo"])), "{sorted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_shows_whether_the_way_and_the_secret_are_right() {
    let (world, service) = offline().await;
    let url = format!("http://{}/webhooks/github", service.address);
    let pong = world.run(&["webhook", "test", &url]).ended(0);
    assert_eq!(pong.stdout, format!("{url} answered 200 OK {{\"status\":\"pong\"}}\n"));
    for event in ["release", "push"] {
        let run =
            world.run(&["webhook", "test", &url, "--event", event, "--repository", "octo-org/octo-repo"]).ended(0);
        assert!(run.stdout.contains("answered 202 Accepted"), "{run:?}");
    }
    let sorted = sorted(&service);
    assert_eq!(sorted.len(), 2);
    assert!(sorted.iter().all(|delivery| delivery["pins"] == json!(["git/octo"])), "{sorted:?}");
    let world = world.with("UPMON_SERVER_WEBHOOK_SECRET", "another-secret-another");
    let refused = world.run(&["webhook", "test", &url]).ended(4);
    assert!(refused.stdout.contains("answered 401 Unauthorized"), "{refused:?}");
    drop(service);
    let with_password = url.replace("http://", "http://ann:s3cr3t@");
    let gone = world.run(&["webhook", "test", &with_password]).ended(4);
    assert!(gone.stderr.contains(&format!("cannot send an event to `{url}`")), "{gone:?}");
    assert!(!gone.stderr.contains("s3cr3t@"), "{gone:?}");
    let world = world.with("UPMON_SERVER_WEBHOOK_SECRET", None);
    assert!(world.run(&["webhook", "test", &url]).ended(2).stderr.contains("there is no secret to sign with"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_sent_as_each_forge_sends_it() {
    const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for (secret, forge, host) in [
        (SECRET, "github", "https://github.com"),
        (SECRET, "gitlab", "https://gitlab.com"),
        (STANDARD, "gitlab", "https://gitlab.com"),
        (SECRET, "gitea", "https://gitea.com"),
        (SECRET, "signed", "https://github.com"),
    ] {
        let pins = format!(
            r#"{{ "git": {{ "shop": {{ "version": "v1.0.0", "url": "{host}/acme/shop" }},
                "own": {{ "version": "v1.0.0", "url": "https://git.example/a/b/c" }} }} }}"#
        );
        let world = small_with(&pins).await.with("UPMON_SERVER_WEBHOOK_SECRET", secret);
        let service = Service::start_with(&world, &["--offline"]);
        let url = format!("http://{}/webhooks/{forge}", service.address);
        let test = |more: &[&str]| world.run(&[&["webhook", "test", &url], more].concat());
        // by the address, by name, and with nothing else said
        let named = ["--forge", forge, "--repository", "acme/shop", "--event"];
        for event in ["release", "push"] {
            let run = test(&[&named[..], &[event]].concat()).ended(0);
            assert!(run.stdout.contains("answered 202 Accepted"), "{forge}: {run:?}");
        }
        let own = test(&["--repository", "https://git.example/a/b/c", "--event", "release"]).ended(0);
        assert!(own.stdout.contains("answered 202 Accepted"), "{forge}: {own:?}");
        test(&[]).ended(0);
        let pins: Vec<Value> = sorted(&service).iter().map(|delivery| delivery["pins"].clone()).collect();
        let count = |id: &str| pins.iter().filter(|pins| **pins == json!([id])).count();
        assert_eq!((count("git/shop"), count("git/own")), (2, 1), "{forge}: {pins:?}");
        assert_eq!(pins.len(), if forge == "github" { 3 } else { 4 }, "{forge}: {pins:?}");
        // another's event is not believed
        let other = if forge == "gitea" { "signed" } else { "gitea" };
        let refused = test(&["--forge", other]).ended(4);
        assert!(refused.stdout.contains("answered 401 Unauthorized"), "{forge}: {refused:?}");
        let refused = test(&["--event", "ping"]);
        let expected = if forge == "github" { (0, "") } else { (2, "only GitHub has") };
        assert!(refused.code() == expected.0 && refused.stderr.contains(expected.1), "{forge}: {refused:?}");
    }
}

/// Every delivery, page by page.
fn all_deliveries(service: &Service) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let before = all.last().map(|last| format!("&before={}", last["received_at"].as_str().unwrap()));
        let path = format!("/api/v1/deliveries?limit=500{}", before.unwrap_or_default());
        let page = service.get(&path).json()["deliveries"].as_array().unwrap().clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// How often the service is killed.
const KILLS: usize = 8;

/// How many deliveries are accepted between two of them.
const BETWEEN: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_worked_off_once_however_often_the_service_is_killed() {
    let (world, first) = offline().await;
    let address = Arc::new(RwLock::new(first.address));
    let accepted = Arc::new(Mutex::new(BTreeSet::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let sender = |name: usize| {
        let (address, accepted, is_over) = (Arc::clone(&address), Arc::clone(&accepted), Arc::clone(&is_over));
        thread::spawn(move || {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("{name}-{number}");
                let body = json!({ "action": "published", "x": id,
                    "repository": { "html_url": "https://github.com/octo-org/octo-repo" } });
                // told again until somebody has taken it, as a forge does on request
                while !taken(*address.read().unwrap(), &id, &body.to_string()) {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                accepted.lock().unwrap().insert(id);
            }
        })
    };
    let senders: Vec<_> = (0..4).map(sender).collect();
    let mut service = first;
    for kill in 1..=KILLS {
        let enough = kill * BETWEEN;
        service.until("the deliveries", |_| accepted.lock().unwrap().len() >= enough);
        service.signal("KILL");
        assert_eq!(service.ended().0, None);
        service = Service::start_with(&world, &["--offline"]);
        *address.write().unwrap() = service.address;
    }
    is_over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    service.until("the end of the queue", |service| {
        let is_sorted = all_deliveries(service).iter().all(|delivery| !delivery["sorted_at"].is_null());
        is_sorted && service.get("/metrics").body.contains("\nupmon_queue_jobs 0\n")
    });
    let kept = all_deliveries(&service);
    let ids: BTreeSet<String> = kept.iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), kept.len(), "one is kept twice");
    let lost: Vec<_> = accepted.lock().unwrap().difference(&ids).cloned().collect();
    assert_eq!(lost, [""; 0], "these were accepted");
    assert!(kept.iter().all(|delivery| delivery["pins"] == json!(["git/octo"])), "{kept:?}");
    assert!(!service.get("/api/v1/packages/git/octo").json()["checked_at"].is_null());
    world.run(&["db", "check"]).ended(0);
}

/// Whether a service said that it has a delivery.
fn taken(address: std::net::SocketAddr, id: &str, body: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let signature = signature(SECRET, body);
    let request = format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\nX-GitHub-Event: release\r\n\
         X-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: {signature}\r\n\r\n{body}",
        body.len()
    );
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let mut told = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut told).is_ok()
        && (told.starts_with("HTTP/1.1 202 ") || told.contains("came before"))
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_shows_its_token_or_signs_and_is_known_again() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (_world, service) = offline().await;
    let body = |tag: &str| {
        json!({ "object_kind": "tag_push", "ref": format!("refs/tags/{tag}"),
            "project": { "web_url": "https://github.com/octo-org/octo-repo", "default_branch": "main" } })
        .to_string()
    };
    let send = |headers: &str, event: &str, body: &str| {
        service.post("/webhooks/gitlab", &format!("X-Gitlab-Event: {event}\r\n{headers}"), body)
    };
    let token = format!("X-Gitlab-Token: {SECRET}\r\nX-Gitlab-Event-UUID: one\r\n");
    let (event, v1, v2) = ("Tag Push Hook", body("v1"), body("v2"));
    for wrong in ["", "X-Gitlab-Token: wrong\r\n", "X-Gitlab-Token: \r\n"] {
        assert_eq!(send(wrong, event, &v1).status, 401, "{wrong}");
    }
    assert_eq!(send(&token, event, &v1).status, 202);
    assert_eq!(send(&token, event, &v1).json()["status"], "came before");
    // the same UUID may stand for several events, a key for one
    assert_eq!(send(&token, event, &v2).status, 202);
    let keyed = format!("{token}Idempotency-Key: key\r\n");
    assert_eq!(send(&keyed, event, &body("v3")).status, 202);
    assert_eq!(send(&keyed, event, &body("v4")).json()["status"], "came before");
    assert_eq!(send(&token, "Issue Hook", "{}").status, 204);
    assert_eq!(send(&token, event, "no JSON").status, 400);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let signed = |at: u64, body: &str| {
        let digits = signature(SECRET, &format!("id-{at}.{at}.{body}"));
        let bytes: Vec<u8> = digits
            .trim_start_matches("sha256=")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let signature = STANDARD.encode(bytes);
        format!("webhook-id: id-{at}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n")
    };
    let v5 = body("v5");
    assert_eq!(send(&signed(now, "another"), event, &v5).status, 401);
    // a right token does not make up for it
    assert_eq!(send(&format!("{token}{}", signed(now, "another")), event, &v5).status, 401);
    assert_eq!(send(&signed(now - 400, &v5), event, &v5).status, 400);
    assert_eq!(send(&signed(now, &v5), event, &v5).status, 202);
    assert!(sorted(&service).iter().all(|delivery| delivery["pins"] == json!(["git/octo"])));
    let metrics = service.get("/metrics").body;
    assert!(
        metrics.contains("upmon_deliveries_total{sender=\"gitlab\",event=\"Tag Push Hook\",outcome=\"accepted\"} 4"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gitea_and_forgejo_sign_the_body_under_names_of_their_own() {
    let (_world, service) = offline().await;
    let body = |tag: &str| {
        json!({ "action": "published", "release": { "tag_name": tag },
            "repository": { "html_url": "https://github.com/octo-org/octo-repo" } })
        .to_string()
    };
    let send = |forge: &str, event: &str, secret: &str, body: &str| {
        let digits = signature(secret, body).trim_start_matches("sha256=").to_owned();
        let id = format!("{forge}-{}", body.len());
        let headers =
            format!("X-{forge}-Event: {event}\r\nX-{forge}-Delivery: {id}\r\nX-{forge}-Signature: {digits}\r\n");
        service.post("/webhooks/gitea", &headers, body)
    };
    for (forge, tag) in [("Gitea", "v1"), ("Forgejo", "v2.0")] {
        let body = body(tag);
        assert_eq!(send(forge, "release", "another secret", &body).status, 401, "{forge}");
        assert_eq!(send(forge, "release", SECRET, &body).status, 202, "{forge}");
        assert_eq!(send(forge, "release", SECRET, &body).json()["status"], "came before", "{forge}");
        assert_eq!(send(forge, "issues", SECRET, "{}").status, 204, "{forge}");
        assert_eq!(send(forge, "release", SECRET, "no JSON").status, 400, "{forge}");
    }
    assert_eq!(service.post("/webhooks/gitea", "X-Gitea-Event: release\r\n", &body("v3")).status, 401);
    let sorted = sorted(&service);
    assert_eq!(sorted.len(), 2);
    assert!(sorted.iter().all(|delivery| delivery["pins"] == json!(["git/octo"])));
}
