//! A small world: every registry over HTTP, every way that a finding can go.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use upmon::registry::RegistryId;

use crate::support::runner::World;

/// Pins at every severity but `notice`, and one that nobody knows.
pub(crate) const PINS: &str = r#"{
  "rust": { "steady": "1.0.0", "drift": { "version": "1.0.0", "requirement": "~1.1" } },
  "ruby": { "gemmy": "1.0.0" },
  "python": { "serpent": "1.0" },
  "typescript": { "@acme/pad": "1.0.0", "lost": "0.1.0" }
}
"#;

/// The same without the unknown one.
pub(super) const KNOWN_PINS: &str = r#"{
  "rust": { "steady": "1.0.0", "drift": "1.0.0" },
  "ruby": { "gemmy": "1.0.0" }
}
"#;

/// The lock file of a package `app` that requires `steady`, and `ours` of the same repository.
pub(super) const CARGO_LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["ours", "steady"]

[[package]]
name = "ours"
version = "0.1.0"

[[package]]
name = "steady"
version = "0.5.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;

/// The small world with [`PINS`].
pub(crate) async fn small() -> World {
    small_with(PINS).await
}

/// The small world with other pins.
pub(crate) async fn small_with(pins: &str) -> World {
    let world = World::new(pins).await;
    add_crate(&world, "steady", &[("0.9.0", "2023-01-01", false), ("1.0.0", "2024-01-01", false)]).await;
    let drift = [
        ("1.0.0", "2024-01-01", true),
        ("1.1.0", "2025-01-01", false),
        ("1.1.1", "2025-02-01", false),
        ("1.2.0", "2026-01-01", false),
        ("2.0.0-rc.1", "2026-06-01", false),
    ];
    add_crate(&world, "drift", &drift).await;
    add_gem(&world, "gemmy", &[("1.0.0", "2024-01-01"), ("1.0.1", "2026-11-01")]).await;
    add_project(&world, "serpent", &[("1.0", "2022-01-01"), ("2.0", "2024-11-20")]).await;
    add_package(&world, "@acme/pad", &[("1.0.0", "2026-01-01"), ("1.1.0", "2026-11-15")]).await;
    world.missing(RegistryId::Npm, "lost").await;
    world
}

/// A crate with versions, their days, and whether they are yanked.
async fn add_crate(world: &World, name: &str, versions: &[(&str, &str, bool)]) {
    add_crate_at(world, &format!("{}/{}/{name}", &name[..2], &name[2..4]), name, versions).await;
}

/// The same for a name that is too short for the usual place.
pub(super) async fn add_crate_at(world: &World, place: &str, name: &str, versions: &[(&str, &str, bool)]) {
    let line = |(version, day, yanked): &(&str, &str, bool)| {
        json!({ "name": name, "vers": version, "deps": [], "cksum": "00", "features": {}, "yanked": yanked,
            "pubtime": format!("{day}T00:00:00Z") })
    };
    let mut index = String::new();
    for version in versions {
        writeln!(index, "{}", line(version)).unwrap();
    }
    world.answer(RegistryId::CratesIo, place, "text/plain", &index).await;
}

/// A gem with versions and their days.
pub(crate) async fn add_gem(world: &World, name: &str, versions: &[(&str, &str)]) {
    let mut info = "---\n".to_owned();
    for (version, day) in versions {
        writeln!(info, "{version} |checksum:00,created_at:{day}T00:00:00Z").unwrap();
    }
    world.answer(RegistryId::RubyGems, &format!("info/{name}"), "text/plain", &info).await;
    let gem = json!({ "name": name, "version": "1.0.1", "changelog_uri": "https://example.org/gemmy/CHANGELOG.md" });
    world.answer(RegistryId::RubyGems, &format!("api/v1/gems/{name}.json"), "application/json", &gem.to_string()).await;
}

/// A Python project with versions and their days.
pub(crate) async fn add_project(world: &World, name: &str, versions: &[(&str, &str)]) {
    let file = |(version, day): &(&str, &str)| {
        json!({ "filename": format!("{name}-{version}.tar.gz"), "hashes": {}, "url": "x",
            "upload-time": format!("{day}T00:00:00Z") })
    };
    let page = json!({ "meta": { "api-version": "1.1" }, "name": name,
        "versions": versions.iter().map(|(version, _)| version).collect::<Vec<_>>(),
        "files": versions.iter().map(file).collect::<Vec<_>>() });
    let media_type = "application/vnd.pypi.simple.v1+json";
    world.answer(RegistryId::PyPi, &format!("simple/{name}/"), media_type, &page.to_string()).await;
    let project = json!({ "info": { "name": name, "project_urls": { "Changelog": "https://example.org/changes" } },
        "releases": {}, "urls": [] });
    world.answer(RegistryId::PyPi, &format!("pypi/{name}/json"), "application/json", &project.to_string()).await;
}

/// An npm package with versions and their days.
pub(crate) async fn add_package(world: &World, name: &str, versions: &[(&str, &str)]) {
    let of = |pick: &dyn Fn(&str, &str) -> Value| -> Map<String, Value> {
        versions.iter().map(|(version, day)| ((*version).to_owned(), pick(version, day))).collect()
    };
    let (latest, _) = versions.last().unwrap();
    let packument = json!({ "name": name, "dist-tags": { "latest": latest },
        "versions": of(&|version, _| json!({ "name": name, "version": version })),
        "time": of(&|_, day| json!(format!("{day}T00:00:00.000Z"))) });
    world.answer(RegistryId::Npm, &name.replace('/', "%2F"), "application/json", &packument.to_string()).await;
}
