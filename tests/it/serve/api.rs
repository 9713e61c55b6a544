//! `/api/v1`, its description, and `/metrics`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::service::Service;
use crate::cli::world::{small, small_with};
use crate::support::runner::{PINS, World};

const TOKEN: &str = "t0ken-t0ken-t0ken";

async fn with_token() -> World {
    small().await.with("UPMON_SERVER_TOKEN", TOKEN)
}

/// Asks for a check as who has the token does.
fn check(service: &Service, body: &str) -> super::service::Answer {
    service.post("/api/v1/check", &format!("Authorization: Bearer {TOKEN}\r\n"), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_that_of_the_command_line() {
    let world = small().await;
    let service = Service::checked(&world);
    let answer = service.get("/api/v1/report");
    let (told, printed) = (answer.json(), world.run(&["check", "--json"]).ended(3).json());
    assert_eq!(told["findings"], printed["findings"]);
    assert_eq!(told["summary"], printed["summary"]);
    let again = service.get_with("/api/v1/report", &format!("If-None-Match: {}\r\n", answer.header("etag")));
    assert_eq!((again.status, answer.header("cache-control")), (304, "no-cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_told_one_by_one_and_by_group() {
    let service = Service::checked(&small().await);
    let ids = |path: &str| -> Vec<String> {
        let packages = service.get(path).json()["packages"].as_array().unwrap().clone();
        packages.iter().map(|package| package["finding"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/api/v1/packages").len(), 6);
    assert_eq!(ids("/api/v1/packages?group=rust"), ["rust/steady", "rust/drift"]);
    assert_eq!(ids("/api/v1/packages?group=nope"), [""; 0]);
    for path in ["typescript/@acme/pad", "typescript/@acme%2Fpad", "typescript/%40acme%2fpad"] {
        let package = service.get(&format!("/api/v1/packages/{path}")).json();
        assert_eq!(package["finding"]["newest"]["version"], "1.1.0", "{path}");
        assert_eq!(package["checked_at"], package["known_at"]);
    }
    assert_eq!(service.get("/api/v1/packages/typescript/lost").json()["known_at"], Value::Null);
    for path in ["rust/nope", "nope/steady", "rust/", "rust/steady/"] {
        let answer = service.get(&format!("/api/v1/packages/{path}"));
        assert_eq!((answer.status, answer.json()["error"].is_string()), (404, true), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_token_may_ask_for_a_check() {
    let world = with_token().await;
    let service = Service::checked(&world);
    for header in ["", "Authorization: Bearer wrong\r\n", "Authorization: Basic dDBrZW4=\r\n", "Authorization: \r\n"] {
        let answer = service.post("/api/v1/check", header, "");
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{header}");
    }
    assert_eq!(check(&service, "").status, 202);
    assert_eq!(check(&service, "{}").status, 202);
    let table = [
        ("{", 400, "EOF"),
        ("{\"pins\": []}", 400, "unknown field `pins`"),
        ("{\"packages\": []}", 422, "`packages` is empty"),
        ("{\"packages\": [\"steady\"]}", 422, "no pin is called `steady`"),
        ("{\"packages\": [\"rust/st\\u001beady\"]}", 422, "`rust/st\\u{1b}eady`"),
    ];
    for (body, status, expected) in table {
        let answer = check(&service, body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains(expected), "{answer:?}");
    }
    assert!(!service.log().contains(TOKEN));
    let nobody = Service::start(&small().await);
    assert_eq!(check(&nobody, "").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_can_be_guessed_or_read_by_nobody_is_refused() {
    let world = small_with("{}").await;
    world.write("token", "short\n");
    world.write("upmon.toml", "[server]\ntoken-file = \"token\"\n");
    let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
    assert!(run.stderr.contains("shorter than 16 characters") && !run.stderr.contains("short\n"), "{run:?}");
    for (text, expected) in [("two-tokens-in-it two-tokens-in-it", "more than one token"), (" \n", "holds no secret")] {
        world.write("token", text);
        let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
        assert!(run.stderr.contains(expected), "{run:?}");
    }
    std::fs::remove_file(world.path("token")).unwrap();
    let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
    assert!(run.stderr.contains("token` cannot be read"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_one_package_asks_upstream_again_and_leaves_the_others() {
    let world = with_token().await;
    let service = Service::checked(&world);
    let others = || {
        let packages = service.get("/api/v1/packages").json()["packages"].as_array().unwrap().clone();
        packages.into_iter().filter(|package| package["finding"]["id"] != "rust/drift").collect::<Vec<_>>()
    };
    let (before, questions) = (others(), world.questions().await);
    world.write(PINS, &crate::cli::world::PINS.replace("\"version\": \"1.0.0\"", "\"version\": \"1.2.0\""));
    assert_eq!(check(&service, "{\"packages\": [\"rust/drift\", \"rust/drift\"]}").status, 202);
    service.until("the check", |service| service.get("/badge/rust/drift.json").json()["message"] == "current");
    assert_eq!(others(), before);
    // the answer is fresh for an hour, and yet it is asked for
    assert_eq!(world.questions().await, questions + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_told_page_by_page() {
    let world = with_token().await;
    let service = Service::checked(&world);
    for version in ["1.1.0", "1.2.0"] {
        world.write(PINS, &format!("{{ \"rust\": {{ \"drift\": \"{version}\" }} }}"));
        assert_eq!(check(&service, "").status, 202);
        let path = "/api/v1/packages/rust/drift";
        service.until("the check", |service| service.get(path).json()["finding"]["pinned"]["version"] == version);
    }
    let history = service.get("/api/v1/history?id=rust/drift").json();
    let versions = |history: &Value| -> Vec<String> {
        let changes = history["changes"].as_array().unwrap().iter();
        changes.map(|change| change["finding"]["pinned"]["version"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (versions(&history), &history["next"]),
        (vec!["1.2.0".into(), "1.1.0".into(), "1.0.0".into()], &Value::Null)
    );
    let first = service.get("/api/v1/history?id=rust/drift&limit=2").json();
    assert_eq!(versions(&first), ["1.2.0", "1.1.0"]);
    let next = first["next"].as_str().unwrap();
    let second = service.get(&format!("/api/v1/history?id=rust/drift&limit=2&before={next}")).json();
    assert_eq!((versions(&second), &second["next"]), (vec!["1.0.0".to_owned()], &Value::Null));
    // what is no longer pinned has a past
    assert_eq!(service.get("/api/v1/history?id=rust/steady").json()["changes"].as_array().unwrap().len(), 1);
    assert_eq!(service.get("/api/v1/history?id=rust/nope").status, 404);
    for query in ["", "id=", "id=a/b&limit=0", "id=a/b&limit=501", "id=a/b&limit=x", "id=a/b&before=yesterday"] {
        assert_eq!(service.get(&format!("/api/v1/history?{query}")).status, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pins_file_that_is_wrong_for_a_while_takes_nothing_away() {
    let world = with_token().await;
    let service = Service::checked(&world);
    let before = service.get("/badge.json").body;
    world.write(PINS, "{ \"rust\": ");
    assert_eq!(check(&service, "").status, 202);
    service.until("the failure", |service| service.log().contains("nothing could be checked"));
    assert_eq!(service.get("/badge.json").body, before);
    let answer = check(&service, "{\"packages\": [\"rust/drift\"]}");
    assert_eq!((answer.status, answer.json()["error"].as_str().unwrap().contains(PINS)), (500, false), "{answer:?}");
    service.until("the count", |service| {
        service.get("/metrics").body.contains("upmon_checks_total{cause=\"api\",outcome=\"failed\"} 1\n")
    });
    assert!(service.get("/metrics").body.contains("upmon_queue_jobs 1\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_is_known_and_nothing_of_what_is_not() {
    let service = Service::checked(&small().await);
    let answer = service.get("/metrics");
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{answer:?}");
    let text = answer.body;
    let drift = "group=\"rust\",package=\"drift\",registry=\"crates-io\"";
    for line in [
        &format!("upmon_package_severity{{{drift}}} 4"),
        &format!("upmon_package_behind{{{drift},part=\"minor\"}} 2"),
        &format!("upmon_package_behind_days{{{drift}}} 688"),
        "upmon_packages{status=\"behind\"} 4",
        "upmon_packages{status=\"unknown\"} 1",
        "upmon_registry_errors{registry=\"npm\",kind=\"not-found\"} 1",
        "upmon_checks_total{cause=\"schedule\",outcome=\"done\"} 1",
        "upmon_check_duration_seconds_count 1",
        "upmon_queue_jobs 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
    assert!(text.contains("\nupmon_last_good_check_timestamp_seconds "), "{text}");
    assert!(!text.contains("severity{group=\"typescript\",package=\"lost\""), "{text}");
}

/// The paths of the router as its source names them, in the words of OpenAPI.
fn routes() -> BTreeSet<String> {
    let source = include_str!("../../../src/server/routes.rs");
    let paths = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let described = |path: &str| match path {
        "/badge/{*path}" => ["/badge/{group}", "/badge/{group}/{package}"]
            .into_iter()
            .flat_map(|path| [format!("{path}.svg"), format!("{path}.json")])
            .collect(),
        // pages for people are no part of the API
        "/" | "/packages/{*path}" => Vec::new(),
        path => vec![path.replace("{*", "{")],
    };
    paths.flat_map(described).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_that_of_what_is_answered() {
    let world = with_token().await;
    let service = Service::checked(&world);
    let document = service.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), routes());
    let examples = [("{group}", "typescript"), ("{package}", "@acme%2Fpad")];
    for (path, operations) in paths {
        let at = examples.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        let at = if path.ends_with("/history") { format!("{at}?id=rust/drift") } else { at };
        let (operation, answer) = match operations.get("get") {
            Some(operation) => (operation, service.get(&at)),
            None if path.starts_with("/webhook") => (&operations["post"], service.post(&at, "", "{}")),
            None => (&operations["post"], check(&service, "{\"packages\": [\"rust/drift\"]}")),
        };
        let described = &operation["responses"][answer.status.to_string()]["content"];
        let media_type = answer.header("content-type").split(';').next().unwrap();
        let schema = &described[media_type]["schema"];
        assert!(schema.is_object(), "{path}: {answer:?}");
        if media_type == "application/json" {
            let whole = json!({ "allOf": [schema], "components": document["components"] });
            let validator = jsonschema::draft202012::new(&whole).unwrap();
            let errors: Vec<_> = validator.iter_errors(&answer.json()).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{path}: {errors:?}");
        }
    }
    let refused = &document["paths"]["/api/v1/history"]["get"]["responses"]["400"];
    assert_eq!(refused["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Refused");
}
