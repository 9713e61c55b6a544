//! What an event is about, and which pins that concerns.
//!
//! Payloads change over the years and with the server's version, so only the few fields that are needed are looked at, and
//! what is not as expected is an event about nothing. A pin too many costs one request; so where an event does not say all
//! of it, it concerns what it may be about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pin::{Pin, Strategy};
use crate::registry::RegistryId;
use crate::registry::git::place;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::server) enum Concern {
    /// The releases or tags of a repository, by its [`place`].
    Repository(String),
    /// The commits of a branch.
    Branch {
        /// Of which repository, by its [`place`].
        repository: String,
        /// Its name.
        branch: String,
        /// Whether it is the repository's default branch.
        is_default: bool,
    },
    /// A package of a registry.
    Package {
        /// Which registry, where it is one that pins can be of.
        registry: Option<RegistryId>,
        /// Its name, perhaps without its scope.
        name: String,
        /// The repository that it was published from, by its [`place`].
        repository: Option<String>,
    },
    /// Pins that are named, by id.
    Pins(Vec<String>),
}

/// The events of GitHub that mean something here.
pub(super) const KNOWN: [&str; 8] =
    ["create", "package", "ping", "push", "registry_package", "release", "repository_dispatch", "workflow_run"];

/// What an event of GitHub is about; `None` for one that concerns no pin, or that nobody here knows.
pub(super) fn read(event: &str, payload: &Value) -> Option<Concern> {
    let repository = repository(payload);
    let is_one_of = |words: &[&str]| payload["action"].as_str().is_some_and(|action| words.contains(&action));
    match event {
        "release" if is_one_of(&["published", "released", "prereleased", "unpublished", "deleted"]) => {
            repository.map(Concern::Repository)
        }
        "create" if payload["ref_type"] == "tag" => repository.map(Concern::Repository),
        "push" => pushed(payload["ref"].as_str()?, repository?, payload),
        "package" | "registry_package" if is_one_of(&["published", "updated"]) => {
            published(&payload[event], repository)
        }
        // what publishes a release to a registry is mostly a workflow that has just ended well
        "workflow_run" if is_one_of(&["completed"]) && payload["workflow_run"]["conclusion"] == "success" => {
            repository.map(Concern::Repository)
        }
        "repository_dispatch" => named(&payload["client_payload"]).or_else(|| repository.map(Concern::Repository)),
        _ => None,
    }
}

/// What a sender of one's own says.
pub(super) fn read_own(payload: &Value) -> Option<Concern> {
    let repository = || payload["repository"].as_str().and_then(place).map(Concern::Repository);
    named(payload).or_else(repository)
}

/// `packages`: a list of ids.
fn named(payload: &Value) -> Option<Concern> {
    let ids = payload["packages"].as_array()?.iter().map(|id| id.as_str().map(str::to_owned));
    ids.collect::<Option<Vec<_>>>().map(Concern::Pins)
}

fn repository(payload: &Value) -> Option<String> {
    place(payload["repository"]["html_url"].as_str()?)
}

fn pushed(full: &str, repository: String, payload: &Value) -> Option<Concern> {
    if full.starts_with("refs/tags/") {
        return Some(Concern::Repository(repository));
    }
    let branch = full.strip_prefix("refs/heads/")?.to_owned();
    let is_default = payload["repository"]["default_branch"] == *branch;
    Some(Concern::Branch { repository, branch, is_default })
}

fn published(package: &Value, repository: Option<String>) -> Option<Concern> {
    // recorded events call one npm package `docker` under the first key, so either may say it
    let registry = ["ecosystem", "package_type"].into_iter().find_map(|key| {
        match package[key].as_str()?.to_lowercase().as_str() {
            "npm" => Some(RegistryId::Npm),
            "rubygems" => Some(RegistryId::RubyGems),
            _ => None,
        }
    });
    Some(Concern::Package { registry, name: package["name"].as_str()?.to_owned(), repository })
}

impl Concern {
    /// Whether it is about a pin. `links_to` is the repository that upstream names for it, as far as that is known.
    pub(super) fn is_about(&self, pin: &Pin, links_to: Option<&str>) -> bool {
        let is_at = |repository: &str| {
            pin.url.as_deref().and_then(place).as_deref() == Some(repository)
                || links_to.and_then(place).as_deref() == Some(repository)
        };
        match self {
            // commits are told of by pushes
            Self::Repository(repository) => pin.strategy == Strategy::Tags && is_at(repository),
            Self::Branch { repository, branch, is_default } => match &pin.strategy {
                Strategy::Tags => false,
                Strategy::Commits { branch: Some(followed), .. } => followed == branch && is_at(repository),
                Strategy::Commits { branch: None, .. } => *is_default && is_at(repository),
            },
            Self::Package { registry, name, repository } => {
                *registry == Some(pin.registry) && is_named(&pin.upstream, name)
                    || pin.strategy == Strategy::Tags && repository.as_deref().is_some_and(is_at)
            }
            Self::Pins(ids) => ids.contains(&pin.id()),
        }
    }
}

/// Whether a package is called so; events leave the scope of npm's names away.
fn is_named(upstream: &str, name: &str) -> bool {
    upstream == name || upstream.starts_with('@') && upstream.split_once('/').is_some_and(|(_, bare)| bare == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn github(event: &str, payload: Value) -> Option<Concern> {
        let mut payload = payload;
        payload["repository"] = json!({ "html_url": "https://github.com/Acme/Shop", "default_branch": "main" });
        read(event, &payload)
    }

    const SHOP: &str = "github.com/acme/shop";

    #[test]
    fn events_are_about_what_they_say_and_others_about_nothing() {
        let repository = || Some(Concern::Repository(SHOP.to_owned()));
        let branch = |branch: &str, is_default| {
            Some(Concern::Branch { repository: SHOP.to_owned(), branch: branch.to_owned(), is_default })
        };
        let package = |registry, name: &str| {
            Some(Concern::Package { registry, name: name.to_owned(), repository: Some(SHOP.to_owned()) })
        };
        let done = |conclusion: &str| json!({ "action": "completed", "workflow_run": { "conclusion": conclusion } });
        let npm = json!({ "action": "published", "package": { "name": "pad", "ecosystem": "npm" } });
        let gem = json!({ "action": "updated", "registry_package": { "name": "g", "package_type": "RUBYGEMS" } });
        let image = json!({ "action": "published", "package": { "name": "i", "ecosystem": "docker" } });
        let table = [
            ("release", json!({ "action": "published" }), repository()),
            ("release", json!({ "action": "deleted" }), repository()),
            ("release", json!({ "action": "created" }), None),
            ("release", json!({}), None),
            ("create", json!({ "ref": "v1", "ref_type": "tag" }), repository()),
            ("create", json!({ "ref": "dev", "ref_type": "branch" }), None),
            ("push", json!({ "ref": "refs/tags/v1" }), repository()),
            ("push", json!({ "ref": "refs/heads/main" }), branch("main", true)),
            ("push", json!({ "ref": "refs/heads/a/b" }), branch("a/b", false)),
            ("push", json!({ "ref": "refs/notes/x" }), None),
            ("push", json!({ "ref": 1 }), None),
            ("package", npm, package(Some(RegistryId::Npm), "pad")),
            ("registry_package", gem, package(Some(RegistryId::RubyGems), "g")),
            ("package", image, package(None, "i")),
            ("package", json!({ "action": "published", "package": null }), None),
            ("workflow_run", done("success"), repository()),
            ("workflow_run", done("failure"), None),
            ("workflow_run", json!({ "action": "requested" }), None),
            ("repository_dispatch", json!({ "client_payload": {} }), repository()),
            (
                "repository_dispatch",
                json!({ "client_payload": { "packages": ["rust/a"] } }),
                Some(Concern::Pins(vec!["rust/a".to_owned()])),
            ),
            ("issues", json!({ "action": "opened" }), None),
            ("star", json!([]).get(0).cloned().unwrap_or(json!({})), None),
        ];
        for (event, payload, expected) in table {
            assert_eq!(github(event, payload.clone()), expected, "{event} {payload}");
            assert!(expected.is_none() || KNOWN.contains(&event), "{event}");
        }
        assert_eq!(read("release", &json!({ "action": "published" })), None);
        assert_eq!(read("release", &json!("text")), None);
    }

    #[test]
    fn a_concern_is_about_the_pins_at_its_place() {
        let at = |url: &str, strategy: Strategy| Pin { url: Some(url.to_owned()), strategy, ..Pin::sample("v1.0.0") };
        let commits =
            |branch: Option<&str>| Strategy::Commits { branch: branch.map(str::to_owned), pin: "0".repeat(40) };
        let tags = at("git@github.com:acme/shop.git", Strategy::Tags);
        let repository = Concern::Repository(SHOP.to_owned());
        assert!(repository.is_about(&tags, None));
        assert!(repository.is_about(&at("https://x.example/y", Strategy::Tags), Some("https://github.com/acme/Shop/")));
        assert!(!repository.is_about(&at("https://github.com/acme/shops", Strategy::Tags), None));
        assert!(!repository.is_about(&at("https://github.com/acme/shop", commits(None)), None));
        for (branch, is_default, followed, expected) in [
            ("main", true, None, true),
            ("dev", false, None, false),
            ("dev", false, Some("dev"), true),
            ("main", true, Some("dev"), false),
        ] {
            let concern = Concern::Branch { repository: SHOP.to_owned(), branch: branch.to_owned(), is_default };
            let pin = at("https://github.com/acme/shop", commits(followed));
            assert_eq!(concern.is_about(&pin, None), expected, "{branch} {followed:?}");
            assert!(!concern.is_about(&tags, None));
        }
        let package = Concern::Package { registry: Some(RegistryId::Npm), name: "pad".to_owned(), repository: None };
        let npm = |upstream: &str| Pin {
            registry: RegistryId::Npm,
            upstream: upstream.to_owned(),
            url: None,
            ..Pin::sample("1")
        };
        assert!(package.is_about(&npm("pad"), None) && package.is_about(&npm("@acme/pad"), None));
        assert!(!package.is_about(&npm("pads"), None) && !package.is_about(&npm("acme/pad"), None));
        assert!(!package.is_about(&Pin { registry: RegistryId::PyPi, ..npm("pad") }, None));
    }

    #[test]
    fn who_signs_names_pins_or_a_repository() {
        let own = |payload: Value| read_own(&payload);
        assert_eq!(own(json!({ "packages": ["a/b"] })), Some(Concern::Pins(vec!["a/b".to_owned()])));
        let repository = json!({ "repository": "https://github.com/Acme/Shop.git" });
        assert_eq!(own(repository), Some(Concern::Repository(SHOP.to_owned())));
        for payload in [json!({}), json!([]), json!({ "packages": [1] }), json!({ "repository": "" })] {
            assert_eq!(own(payload.clone()), None, "{payload}");
        }
    }
}
