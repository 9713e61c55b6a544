//! `upmon explain`: the whole decision about one pin.

use serde_json::{Value, json};
use upmon::registry::RegistryId;
use upmon::schema::{Which, schema};
use wiremock::ResponseTemplate;
use wiremock::matchers::header;

use super::git::tagged;
use super::world::{PINS as SMALL, small, small_with};
use crate::support::runner::{PINS, Run, World};

#[tokio::test]
async fn every_release_is_shown_with_its_verdict() {
    let world = small().await;
    let run = world.run(&["explain", "rust/drift"]).ended(0);
    insta::assert_snapshot!(world.plain(&run.stdout));
    assert_eq!(run.stderr, "");
    let second = world.run(&["explain", "drift"]).ended(0);
    assert!(second.stdout.contains(" old; still fresh, so nobody was asked\n"), "{second:?}");
}

#[tokio::test]
async fn what_is_unknown_is_explained_and_ends_so() {
    let world = small().await;
    insta::assert_snapshot!(world.plain(&world.run(&["explain", "lost"]).ended(3).stdout));
}

#[tokio::test]
async fn what_does_not_parse_comes_last_and_is_not_hidden() {
    let pins =
        r#"{ "rust": { "odd": { "version": "1.0.0", "ignore": [{ "versions": "=2.0.0", "reason": "broken" }] } } }"#;
    let world = small_with(pins).await;
    let versions = [("1", "2020-01-01", false), ("1.0.0", "2021-01-01", false), ("2.0.0", "2022-01-01", false)];
    super::world::add_crate_at(&world, "3/o/odd", "odd", &versions).await;
    insta::assert_snapshot!(world.plain(&world.run(&["explain", "odd"]).ended(0).stdout));
}

#[tokio::test]
async fn pins_of_one_name_are_all_explained() {
    let world = small_with(
        r#"{ "rust": { "drift": "1.0.0" }, "old": { "drift": { "version": "1.1.0", "registry": "crates-io" } } }"#,
    )
    .await;
    let run = world.run(&["explain", "drift"]).ended(0);
    assert!(run.stdout.starts_with("rust/drift: 1.0.0 ") && run.stdout.contains("\n\nold/drift: 1.1.0 "), "{run:?}");
}

#[tokio::test]
async fn escapes_from_upstream_reach_no_terminal() {
    let world = small_with(r#"{ "node": { "evil": "1.0.0" } }"#).await;
    let body = r#"{ "name": "evil", "versions": { "1.0.0": { "version": "1.0.0", "deprecated": "\u001b[31mred\u0007" } },
        "time": { "1.0.0": "2024-01-01T00:00:00Z" } }"#;
    world.answer(RegistryId::Npm, "evil", "application/json", body).await;
    for arguments in
        [&["explain", "evil"][..], &["check"], &["check", "--format", "markdown"], &["check", "--format", "github"]]
    {
        let run = world.run(arguments).ended(0);
        assert!(run.stdout.contains("red") && !run.stdout.contains(['\u{1b}', '\u{7}']), "{arguments:?}: {run:?}");
    }
}

/// The one explanation of a run, if it keeps the schema.
#[track_caller]
fn explained(run: &Run) -> Value {
    let validator = jsonschema::draft202012::new(&schema(Which::Explain)).unwrap();
    let errors: Vec<String> = validator.iter_errors(&run.json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {run:?}");
    run.json()["explanations"][0].clone()
}

#[tokio::test]
async fn json_tells_the_whole_decision_by_its_schema() {
    let world = small().await;
    let run = world.run(&["explain", "rust/drift", "--json"]).ended(0);
    insta::assert_snapshot!(world.plain(&run.stdout));
    let explained = explained(&run);
    let report = world.run(&["check", "--json", "rust/drift"]).ended(0);
    assert_eq!(explained["finding"], report.json()["findings"][0]);
    let pins: Value = serde_json::from_str(SMALL).unwrap();
    for group in pins.as_object().unwrap().values() {
        for package in group.as_object().unwrap().keys() {
            self::explained(&world.run(&["explain", "--json", package]));
        }
    }
}

#[tokio::test]
async fn a_request_is_told_with_its_cache_entry() {
    let world = small_with(r#"{ "rust": { "moved": "1.0.0" } }"#).await;
    let line = r#"{"name":"moved","vers":"1.0.0","deps":[],"cksum":"00","features":{},"yanked":false}"#;
    let there = "/crates-io/there?signature=hunter2";
    world
        .respond(RegistryId::CratesIo, "mo/ve/moved", ResponseTemplate::new(302).insert_header("location", there))
        .await;
    let answer = ResponseTemplate::new(200).set_body_string(format!("{line}\n")).insert_header("etag", "\"a\"");
    world
        .respond_when(RegistryId::CratesIo, "there", header("if-none-match", "\"a\""), ResponseTemplate::new(304))
        .await;
    world.respond(RegistryId::CratesIo, "there", answer).await;
    let requests = |arguments: &[&str]| {
        let run = world.run(&[&["explain", "moved", "--json"], arguments].concat()).ended(0);
        assert!(!run.stdout.contains("hunter2"), "{run:?}");
        explained(&run)["requests"].clone()
    };
    let statuses = |requests: &Value| -> Vec<Value> {
        requests[0]["answers"].as_array().unwrap().iter().map(|answer| answer["status"].clone()).collect()
    };
    let first = requests(&[]);
    assert_eq!((&first[0]["origin"], &first[0]["age_seconds"]), (&json!("fetched"), &Value::Null));
    assert_eq!(statuses(&first), [302, 200]);
    let second = requests(&[]);
    assert_eq!((&second[0]["origin"], statuses(&second)), (&json!("revalidated"), vec![json!(302), json!(304)]));
    assert!(second[0]["age_seconds"].is_u64() && second[0]["confirmed_at"].is_string(), "{second}");
    let offline = requests(&["--offline"]);
    assert_eq!((&offline[0]["origin"], statuses(&offline)), (&json!("stale"), vec![]));
}

#[tokio::test]
async fn that_a_package_is_missing_may_come_from_the_cache_and_says_so() {
    let world = small().await;
    world.run(&["explain", "lost"]).ended(3);
    let again = world.run(&["explain", "lost"]).ended(3).stdout;
    assert!(
        again.contains(" old; still fresh, so nobody was asked\n    no facts: npm has no package `lost`"),
        "{again}"
    );
    let request = explained(&world.run(&["explain", "lost", "--json"]).ended(3))["requests"][0].clone();
    assert!(
        request["age_seconds"].is_u64() && request["origin"].is_null() && request["error"].is_string(),
        "{request}"
    );
}

/// Dates are asked for only where a pin is behind, and then they are known of all pins of the package.
#[tokio::test]
async fn a_pin_is_judged_alike_alone_and_beside_others_of_its_package() {
    let pins = r#"{ "npm": { "pad": "1.1.0" }, "old": { "pad": { "version": "1.0.0", "registry": "npm" } } }"#;
    let world = small_with(pins).await.with("UPMON_AS_OF", None);
    let versions = json!({ "1.0.0": { "version": "1.0.0" }, "1.1.0": { "version": "1.1.0" } });
    let time = json!({ "1.0.0": "2024-01-01T00:00:00.000Z", "1.1.0": "2025-01-01T00:00:00.000Z" });
    let packument = |time| json!({ "name": "pad", "dist-tags": {}, "versions": versions, "time": time });
    let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let full = header("accept", "application/json");
    world.respond_when(RegistryId::Npm, "pad", full, answer(packument(time))).await;
    world.respond(RegistryId::Npm, "pad", answer(packument(json!({})))).await;
    let report = world.run(&["check", "--json", "--no-cache"]).ended(0).json();
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["newest"]["published_at"], "2025-01-01T00:00:00Z", "{finding}");
        let id = finding["id"].as_str().unwrap();
        let alone = world.run(&["check", "--json", "--no-cache", id]).ended(0).json()["findings"][0].clone();
        let explained = explained(&world.run(&["explain", "--json", "--no-cache", id]).ended(0))["finding"].clone();
        let both = world.run(&["explain", "--json", "--no-cache", "pad"]).ended(0).json();
        let told =
            both["explanations"].as_array().unwrap().iter().any(|one| one["finding"]["newest"] == finding["newest"]);
        assert!(told && both["explanations"][0]["finding"]["newest"]["published_at"].is_string(), "{both}");
        // days would differ at midnight
        for part in ["status", "pinned", "newest", "behind_since", "libyears", "notices"] {
            assert_eq!((&alone[part], &explained[part]), (&finding[part], &finding[part]), "{id}: {part}");
        }
    }
}

#[tokio::test]
async fn the_distance_of_a_pinned_commit_is_told_with_its_dates() {
    let world = tagged(&[]).await;
    let git = |arguments: &[&str], day: &str| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
        command.env("GIT_COMMITTER_DATE", format!("{day}T00:00:00Z")).current_dir(world.path("repository"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["config", "uploadpack.allowFilter", "true"], "2024-01-01");
    git(&["commit", "-q", "--allow-empty", "-m", "pinned"], "2024-01-01");
    let commit = git(&["rev-parse", "HEAD"], "2024-01-01");
    for day in ["2025-01-01", "2026-01-01"] {
        git(&["commit", "-q", "--allow-empty", "-m", "more"], day);
    }
    let url = world.path("repository");
    let pin = format!(r#"{{ "version": "{commit}", "url": {url:?}, "strategy": "commits" }}"#);
    world.write(PINS, &format!(r#"{{ "git": {{ "x": {pin} }} }}"#));
    let text = world.run(&["explain", "x"]).ended(0).stdout;
    for line in [
        "commits      2: those of the branch that the pin lacks; each counts as a patch",
        "behind since 2025-01-01, the date of the first of these, where it is known",
        "days         688: whole days from then",
        "libyears     2.00: years of 365.25 days from the pin (2024-01-01) to newest (2026-01-01)",
    ] {
        assert!(text.contains(&format!("\n  {line}\n")), "{line}: {text}");
    }
}

#[tokio::test]
async fn what_went_wrong_on_the_wire_is_told() {
    let world = small_with(r#"{ "rust": { "sick": "1.0.0" } }"#).await;
    world.respond(RegistryId::CratesIo, "si/ck/sick", ResponseTemplate::new(500)).await;
    let run = world.run(&["explain", "sick"]).ended(3);
    assert!(run.stdout.contains("\n    answered 500 Internal Server Error\n    no facts: "), "{run:?}");
    let explained = explained(&world.run(&["explain", "sick", "--json"]).ended(3));
    assert_eq!(explained["requests"][0]["answers"].as_array().unwrap().len(), 3, "{explained}");
    assert_eq!((&explained["lag"], &explained["requests"][0]["origin"]), (&Value::Null, &Value::Null));
}

/// Tags of one repository with several components, of one commit each.
async fn monorepo() -> World {
    let mut tags: Vec<String> = (0..12).map(|minor| format!("gopls/v0.{minor}.0")).collect();
    tags.extend((0..9).map(|minor| format!("v0.{minor}.0")));
    tags.extend(["gopls/v0.12.0-pre.1".to_owned(), "gopls/latest".to_owned()]);
    let world = tagged(&tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let url = json!(world.path("repository"));
    let pin = r#""version": "0.3.0", "tag": "gopls/v{version}""#;
    world.write(PINS, &format!(r#"{{ "git": {{ "gopls": {{ {pin}, "url": {url} }} }} }}"#));
    world
}

#[tokio::test]
async fn the_tags_of_a_monorepo_are_folded_by_rule() {
    let world = monorepo().await.with("UPMON_AS_OF", None);
    let at = ["--as-of", "2100-01-01"];
    let run = world.run(&[&["explain", "gopls"][..], &at].concat()).ended(0);
    let place = world.path("repository").display().to_string();
    let list = |run: &Run| -> Vec<String> {
        let plain = run.stdout.replace(&place, "/repository");
        let from = plain.lines().skip_while(|line| !line.starts_with("Releases")).skip(1);
        let lines =
            from.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect()
    };
    let list_folded = list(&run);
    assert!(
        list_folded.iter().any(|line| line.starts_with("yes gopls/v0.10.0 .. gopls/v0.4.0 7 releases")),
        "{list_folded:#?}"
    );
    assert!(run.stdout.contains("only those that are spelled `gopls/v{version}`"), "{run:?}");
    assert!(run.stdout.contains("tags under gopls/v"), "{run:?}");
    let all = list(&world.run(&[&["explain", "gopls", "--all"][..], &at].concat()).ended(0));
    assert!(all.len() > list_folded.len() && all.iter().all(|line| !line.contains(" .. ")), "{all:#?}");
    let json = explained(&world.run(&[&["explain", "gopls", "--json"][..], &at].concat()).ended(0));
    assert_eq!(json["releases"].as_array().unwrap().len(), all.len());
    assert_eq!(json["lag"]["minor"]["steps"][0], json!({ "parts": "0.4", "versions": ["gopls/v0.4.0"] }));
}

#[tokio::test]
async fn the_policy_that_decided_is_told_with_its_row() {
    let world = small().await;
    world.write(
        "upmon.toml",
        "[policies.calm]\nmajor = \"notice\"\nby-age = [{ days = 30, severity = \"info\" }, { days = 400, severity = \"error\" }]\n\
         [[rules]]\npins = \"python/*\"\npolicy = \"calm\"\n",
    );
    let policy = |package: &str| explained(&world.run(&["explain", package, "--json"]).ended(0))["policy"].clone();
    let decided = |policy: &Value| -> Vec<Value> {
        let rows = policy["rows"].as_array().unwrap().iter().chain(policy["raises"].as_array().unwrap());
        rows.filter(|row| row["decided"] == true).map(|row| row["when"].clone()).collect()
    };
    let (serpent, pad, drift) = (policy("serpent"), policy("@acme/pad"), policy("drift"));
    assert_eq!(
        (&serpent["policy"], &serpent["chosen_by"], &serpent["glob"]),
        (&json!("calm"), &json!("rule"), &json!("python/*"))
    );
    assert_eq!(decided(&serpent), ["400 days or more"]);
    assert_eq!((&pad["policy"], &pad["chosen_by"]), (&json!("default"), &json!("default")));
    assert_eq!((decided(&pad), decided(&drift)), (vec![json!("1 minor")], vec![json!("2 or more minors")]));
    let text = world.run(&["explain", "drift"]).ended(0).stdout;
    assert!(text.contains("\n    > 2 or more minors   error\n"), "{text}");
    // without a date, the mildest row holds
    world.write("upmon.toml", "[policy]\nby-age = [{ days = 1, severity = \"info\" }]\n");
    let undated =
        ["1.0", "2.0"].map(|version| format!(r#"{{"filename":"serpent-{version}.tar.gz","url":"x"}}"#)).join(",");
    let page = format!(r#"{{"meta":{{"api-version":"1.0"}},"name":"serpent","files":[{undated}]}}"#);
    let bare = small_with(r#"{ "python": { "serpent": "1.0" } }"#).await;
    bare.write("upmon.toml", &world.read("upmon.toml"));
    bare.missing(RegistryId::PyPi, "pypi/serpent/json").await;
    let media_type = "application/vnd.pypi.simple.v1+json";
    bare.answer(RegistryId::PyPi, "simple/serpent/", media_type, &page).await;
    assert_eq!(decided(&explained(&bare.run(&["explain", "serpent", "--json"]).ended(0))["policy"]), ["1 day or more"]);
}
