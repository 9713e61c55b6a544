//! `upmon list`, and what files of the project mean for a check.

use serde_json::{Value, json};

use super::world::{CARGO_LOCK, add_crate_at, add_gem, add_package, add_project};
use crate::support::runner::{PINS, Run, World};

const MANIFEST: &str = r#"[package]
name = "app"
version = "0.1.0"

[dependencies]
steady = "~0.5.0"
ours = { path = "ours" }
"#;

/// A world whose registry has `steady` at 0.5.0, 0.5.3, 0.6.0 and 1.0.0.
async fn world(pins: &str) -> World {
    let world = World::new(pins).await;
    world.write("Cargo.toml", MANIFEST);
    world.write("Cargo.lock", CARGO_LOCK);
    let versions = [
        ("0.5.0", "2024-01-01", false),
        ("0.5.3", "2024-02-01", false),
        ("0.6.0", "2025-01-01", false),
        ("1.0.0", "2026-01-01", false),
    ];
    add_crate_at(&world, "st/ea/steady", "steady", &versions).await;
    world
}

#[tokio::test]
async fn pins_and_what_is_none_are_shown_with_their_places() {
    let world = World::new(r#"{ "from": ["Cargo.lock"] }"#).await;
    world.write("Cargo.toml", MANIFEST);
    world.write("Cargo.lock", CARGO_LOCK);
    let run = world.run(&["list"]).ended(0);
    insta::assert_snapshot!(run.stdout);
    assert_eq!(run.stderr, "");
    let listed = world.run(&["list", "--json"]).ended(0).json();
    assert_eq!(listed["pins"][0]["place"], json!({ "file": "Cargo.lock", "line": 14, "column": 11 }));
    assert_eq!(listed["unpinned"][0]["reason"], "a path dependency");
}

#[tokio::test]
async fn a_pin_of_a_lock_file_is_checked_with_what_its_manifest_requires() {
    let run = world(r#"{ "from": ["Cargo.lock"] }"#).await.run(&["check", "--json"]).ended(0);
    assert_eq!(run.each("/id"), ["rust/steady"]);
    assert_eq!(run.each("/newest/version"), ["1.0.0"]);
    assert_eq!(run.each("/wanted/version"), ["0.5.3"]);
    assert_eq!(run.each("/place/line"), [14]);
    assert_eq!(run.each("/notices"), [json!([])]);
    assert_eq!(run.stderr, "note: 1 dependency is not checked, `upmon list` says which and why\n");
}

#[tokio::test]
async fn files_that_disagree_are_a_drift_with_both_places() {
    let pins = "{ \"from\": [\"Cargo.lock\"],\n  \"rust\": { \"steady\": \"0.6.0\" } }";
    let run = world(pins).await.run(&["check", "--json", "--quiet"]).ended(0);
    let notice = |message: &str| json!({ "kind": "drift", "message": message });
    let expected: Value = json!([
        notice("`upstream-versions.json:2` pins `0.6.0`, `Cargo.lock:14` pins `0.5.0`"),
        notice("`upstream-versions.json:2` pins `0.6.0`, which `Cargo.toml:6` does not accept: `~0.5.0`"),
    ]);
    assert_eq!(run.each("/notices"), [expected]);
    assert_eq!(run.each("/pinned/version"), ["0.6.0"]);
    assert_eq!(run.each("/wanted/version"), ["0.5.3"]);
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn explain_names_every_file_that_has_a_say() {
    let world = world("{ \"from\": [\"Cargo.lock\"],\n  \"rust\": { \"steady\": \"0.6.0\" } }").await;
    let explained = world.run(&["explain", "steady", "--json"]).ended(0).json()["explanations"][0].clone();
    let required = json!([{ "requirement": "~0.5.0", "place": { "file": "Cargo.toml", "line": 6, "column": 10 } }]);
    let elsewhere = json!([{ "version": "0.5.0", "place": { "file": "Cargo.lock", "line": 14, "column": 11 } }]);
    assert_eq!((&explained["requirements"], &explained["elsewhere"]), (&required, &elsewhere));
    assert_eq!(explained["moves"], false);
    let text = world.run(&["explain", "steady"]).ended(0).stdout;
    for row in ["also pinned  0.5.0 at Cargo.lock:14:11", "required     ~0.5.0 at Cargo.toml:6:10"] {
        assert!(text.contains(&format!("\n  {row}\n")), "{text}");
    }
}

/// Three ways to say the same: nothing above 0.5. The registries have 0.5.0, 0.5.3, 0.6.0 and 1.0.0.
async fn constrained(version: &str) -> World {
    let pins = json!({
        "ruby": { "gemmy": version },
        "python": { "serpent": version },
        "npm": { "@acme/pad": version },
        "from": ["app.gemspec", "pyproject.toml", "package.json"],
    });
    let world = World::new(&format!("{pins:#}")).await;
    world
        .write("app.gemspec", "Gem::Specification.new do |spec|\n  spec.add_dependency \"gemmy\", \"~> 0.5.0\"\nend\n");
    world.write("pyproject.toml", "[project]\nname = \"app\"\ndependencies = [\n  \"Serpent>=0.5.0,<0.6.0\",\n]\n");
    world.write("package.json", "{\n  \"peerDependencies\": {\n    \"@acme/pad\": \">=0.5.0 <0.6.0\"\n  }\n}\n");
    let versions = [("0.5.0", "2024-01-01"), ("0.5.3", "2024-02-01"), ("0.6.0", "2025-01-01"), ("1.0.0", "2026-01-01")];
    add_gem(&world, "gemmy", &versions).await;
    add_project(&world, "serpent", &versions).await;
    add_package(&world, "@acme/pad", &versions).await;
    world
}

#[tokio::test]
async fn what_a_gemspec_a_pyproject_and_a_peer_dependency_require_decides_what_is_wanted() {
    let run = constrained("0.5.0").await.run(&["check", "--json"]).ended(0);
    assert_eq!(run.each("/id"), ["ruby/gemmy", "python/serpent", "npm/@acme/pad"]);
    assert_eq!(run.each("/requirement"), ["~> 0.5.0", ">=0.5.0,<0.6.0", ">=0.5.0 <0.6.0"]);
    assert_eq!(run.each("/wanted/version"), ["0.5.3"; 3]);
    assert_eq!(run.each("/newest/version"), ["1.0.0"; 3]);
    assert_eq!(run.each("/notices"), [json!([]), json!([]), json!([])]);
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn a_pin_outside_of_what_is_required_is_a_drift_in_every_ecosystem() {
    let run = constrained("0.6.0").await.run(&["check", "--json"]).ended(0);
    let drift = |line: usize, place: &str, requirement: &str| {
        let message =
            format!("`upstream-versions.json:{line}` pins `0.6.0`, which `{place}` does not accept: `{requirement}`");
        json!([{ "kind": "drift", "message": message }])
    };
    assert_eq!(
        run.each("/notices"),
        [
            drift(3, "app.gemspec:2", "~> 0.5.0"),
            drift(6, "pyproject.toml:4", ">=0.5.0,<0.6.0"),
            drift(9, "package.json:3", ">=0.5.0 <0.6.0"),
        ]
    );
    assert_eq!(run.each("/wanted/version"), ["0.5.3"; 3]);
    assert_eq!(run.each("/newest/version"), ["1.0.0"; 3]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_whose_name_is_no_text_is_shown_as_far_as_it_is() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = world(r#"{ "rust": { "steady": "0.5.0" } }"#).await;
    let directory = world.path("x").with_file_name(std::ffi::OsStr::from_bytes(b"x\xff"));
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(world.path(PINS), directory.join("pins.json")).unwrap();
    for arguments in [["list", "--json"].as_slice(), &["take", "steady", "--json"]] {
        let mut command = world.command(arguments);
        command.arg("--pins").arg(directory.join("pins.json"));
        let told = Run::of(command.output().unwrap()).ended(0);
        assert!(told.stdout.contains("x\u{fffd}/pins.json"), "{told:?}");
    }
}
