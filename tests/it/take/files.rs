//! `take --files`: the files that pin the same are changed together with the pins file.

use serde_json::json;

use crate::cli::world::{add_gem, add_package, add_project, small_with};
use crate::support::runner::{PINS, World};

const MANIFEST: &str =
    "[project]\nname = \"app\"\ndependencies = [\n  'serpent == 1.0', # kept\n  \"other==1.0\",\n]\n";

async fn project(pins: &str) -> World {
    let world = small_with(pins).await;
    world.write("pyproject.toml", MANIFEST);
    std::fs::create_dir(world.path("web")).expect("the test's directory takes directories");
    world.write("web/package.json", "{\r\n  \"dependencies\": { \"@acme/pad\": \"1.0.0\" }\r\n}\r\n");
    world.write("web/package-lock.json", LOCK);
    world.write("Cargo.toml", "[package]\nname = \"app\"\n\n[dependencies]\ndrift = \"~1.1\"\n");
    world
}

const LOCK: &str = r#"{ "lockfileVersion": 3, "packages": { "": { "dependencies": { "@acme/pad": "^1.0.0" } },
  "node_modules/@acme/pad": { "version": "1.0.0", "integrity": "sha512-x" } } }
"#;

#[tokio::test]
async fn every_file_that_pins_the_same_is_changed() {
    let pins = r#"{ "python": { "serpent": "1.0" }, "from": ["pyproject.toml"] }"#;
    let world = project(pins).await;
    let run = world.run(&["take", "serpent", "--files"]).ended(0);
    insta::assert_snapshot!(run.stdout, @r#"
    python/serpent: 1.0 -> 2.0
    pyproject.toml:4
    -  'serpent == 1.0', # kept
    +  'serpent == 2.0', # kept
    upstream-versions.json:1
    -{ "python": { "serpent": "1.0" }, "from": ["pyproject.toml"] }
    +{ "python": { "serpent": "2.0" }, "from": ["pyproject.toml"] }
    "#);
    assert_eq!(world.read("pyproject.toml"), MANIFEST.replace("serpent == 1.0", "serpent == 2.0"));
    assert_eq!(world.read(PINS), pins.replace("1.0", "2.0"));
}

#[tokio::test]
async fn a_pin_of_another_file_is_changed_only_on_request() {
    let world = project(r#"{ "from": ["web/package.json"] }"#).await;
    let run = world.run(&["take", "@acme/pad"]).ended(4);
    assert_eq!(
        run.stderr,
        "error: `npm/@acme/pad`: it is pinned in `web/package.json:2`, not in the pins file\nhint: --files changes it there\n"
    );
    world.run(&["take", "@acme/pad", "--files"]).ended(0);
    assert_eq!(world.read("web/package.json"), "{\r\n  \"dependencies\": { \"@acme/pad\": \"1.1.0\" }\r\n}\r\n");
    assert_eq!(world.read(PINS), r#"{ "from": ["web/package.json"] }"#);
}

#[tokio::test]
async fn a_lock_file_is_left_to_its_tool() {
    let world = project(r#"{ "npm": { "@acme/pad": "1.0.0" }, "from": ["web/package-lock.json"] }"#).await;
    world.write("web/package.json", r#"{ "dependencies": { "@acme/pad": "^1.0.0" } }"#);
    let run = world.run(&["take", "@acme/pad", "--files", "--json"]).ended(0).json();
    assert_eq!(
        run["commands"],
        json!([
            { "file": "web/package-lock.json", "directory": "web", "command": "npm install @acme/pad@1.1.0 --package-lock-only --ignore-scripts" },
            { "file": "web/package-lock.json", "directory": "web", "command": "npm install --package-lock-only --ignore-scripts" },
        ])
    );
    assert_eq!(world.read("web/package-lock.json"), LOCK);
    let run = world.run(&["take", "@acme/pad", "1.0.0", "--files", "--dry-run"]).ended(0);
    // the lock file is at that version already
    assert!(!run.stdout.contains("left to do"), "{}", run.stdout);
}

#[tokio::test]
async fn a_named_version_moves_what_is_required_along() {
    let world = project(r#"{ "rust": { "drift": "1.1.0" }, "from": ["Cargo.toml"] }"#).await;
    world.run(&["take", "drift", "1.2.0", "--files"]).ended(0);
    assert!(world.read("Cargo.toml").ends_with("drift = \"~1.2\"\n"));
    assert!(world.read(PINS).contains(r#""drift": "1.2.0""#));
}

#[tokio::test]
async fn nothing_is_written_where_one_file_cannot_be() {
    let pins = r#"{ "npm": { "@acme/pad": "1.0.0" }, "from": ["package.json", "pyproject.toml"] }"#;
    let world = project(pins).await;
    let manifest = r#"{ "dependencies": { "@acme/pad": "^1.0.0 <1.0.5 || ^0.9.0" } }"#;
    world.write("package.json", manifest);
    let run = world.run(&["take", "@acme/pad", "1.1.0", "--files"]).ended(4);
    assert!(run.stderr.contains("package.json:1: the requirement"), "{}", run.stderr);
    assert_eq!((world.read("package.json").as_str(), world.read(PINS).as_str()), (manifest, pins));
    assert!(world.files().iter().all(|name| !name.starts_with(".upmon-")), "{:?}", world.files());
}

const GEMFILE: &str = "source 'https://rubygems.org'\r\n\r\ngem 'gemmy', '~> 1.0.0', require: false # ~> 1.0.0\r\n";

fn gemfile_lock(required: &str) -> String {
    let source = "GEM\n  remote: https://rubygems.org/\n  specs:\n    gemmy (1.0.0)\n";
    format!("{source}\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  gemmy ({required})\n\nBUNDLED WITH\n   2.6.2\n")
}

#[tokio::test]
async fn what_a_gemfile_requires_in_strings_moves_along_and_anything_else_is_refused() {
    let world = World::new(r#"{ "from": ["Gemfile.lock"] }"#).await;
    add_gem(&world, "gemmy", &[("1.0.0", "2024-01-01"), ("1.1.0", "2025-01-01")]).await;
    for (text, after) in [
        (GEMFILE.to_owned(), Some(GEMFILE.replacen("1.0.0", "1.1.0", 1))),
        (GEMFILE.replace("'~> 1.0.0'", "GEMMY"), None),
    ] {
        world.write("Gemfile", &text);
        world.write("Gemfile.lock", &gemfile_lock("~> 1.0.0"));
        let run = world.run(&["take", "gemmy", "1.1.0", "--files"]);
        assert_eq!(world.read("Gemfile"), after.clone().unwrap_or(text));
        assert_eq!(world.read("Gemfile.lock"), gemfile_lock("~> 1.0.0"));
        if after.is_some() {
            let run = run.ended(0);
            assert!(run.stdout.contains("bundle lock --conservative --update gemmy"), "{run:?}");
        } else {
            let run = run.ended(4);
            assert!(run.stderr.contains("Gemfile.lock:10: the requirement `~> 1.0.0` is a copy"), "{run:?}");
        }
    }
}

#[tokio::test]
async fn of_two_pins_that_want_different_things_of_one_place_the_second_is_left() {
    let pins = r#"{ "npm": { "@acme/pad": "1.0.0" }, "node": { "@acme/pad": { "version": "1.0.0", "ignore": [{ "versions": "1.1.0" }] } },
      "python": { "serpent": "1.0" }, "from": ["web/package.json"] }"#;
    let world = World::new(pins).await;
    add_package(&world, "@acme/pad", &[("1.0.0", "2026-01-01"), ("1.0.9", "2026-02-01"), ("1.1.0", "2026-11-15")])
        .await;
    add_project(&world, "serpent", &[("1.0", "2022-01-01"), ("2.0", "2024-11-20")]).await;
    std::fs::create_dir(world.path("web")).unwrap();
    world.write("web/package.json", r#"{ "dependencies": { "@acme/pad": "1.0.0" } }"#);
    let told = world.run(&["take", "--all", "--files", "--json"]).ended(4).json();
    assert_eq!(told["taken"][0], json!({ "id": "npm/@acme/pad", "from": "1.0.0", "to": "1.1.0" }), "{told:#}");
    assert_eq!(told["taken"][1]["id"], "python/serpent");
    assert_eq!(told["left"][0]["id"], "node/@acme/pad");
    assert!(told["left"][0]["reason"].as_str().unwrap().starts_with("`npm/@acme/pad` goes to `1.1.0`"), "{told:#}");
    assert!(world.read("web/package.json").contains(r#""@acme/pad": "1.1.0""#));
    assert_eq!(
        world.read(PINS),
        pins.replacen("1.0.0", "1.1.0", 1).replace(r#""serpent": "1.0""#, r#""serpent": "2.0""#)
    );
}
