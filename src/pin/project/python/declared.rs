//! What `pyproject.toml` declares: the tables of the standard, of uv and of Poetry.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Dependency;
use super::super::text::{Document, Shape, without_secrets};
use super::requirement::{exact, pep508};
use super::{FROM_ADDRESS, FROM_GIT, OTHER_INDEX, OURS, fold, is_same, poetry};
use crate::document::{Entry, FileError, Node, Source};
use crate::pin::{Place, Written};
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// A dependency as a project declares it.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    /// In PEP 440's syntax, whatever the file writes.
    pub(super) requirement: Option<Written>,
    /// The version of a requirement that accepts only one, at its own place.
    pub(super) exact: Option<Written>,
    /// Whether it is for some interpreters or platforms only.
    pub(super) is_conditional: bool,
    /// Why it is none of PyPI's.
    pub(super) obstacle: Option<&'static str>,
    pub(super) place: Place,
}

impl Declared {
    pub(super) fn accepts(&self, version: &str) -> bool {
        let Some(written) = &self.requirement else { return true };
        let requirement = SchemeId::Pep440.requirement(&written.text).ok();
        let version = SchemeId::Pep440.parse(version).ok();
        requirement.zip(version).is_some_and(|(requirement, version)| requirement.accepts(&version))
    }

    /// It without a pin; PyPI may be asked for it, unless there is an obstacle of its own.
    pub(super) fn open(&self, obstacle: impl Into<String>) -> Dependency {
        let registry = self.obstacle.is_none().then_some(RegistryId::PyPi);
        let reason = self.obstacle.map_or_else(|| obstacle.into(), str::to_owned);
        let open = Dependency::open(&self.name, self.place.clone(), reason);
        Dependency { registry, ..open }.requiring(self.requirement.clone())
    }

    /// It without a lock file: what is required exactly is a pin, and then requires nothing else.
    pub(super) fn alone(self) -> Dependency {
        match &self.exact {
            Some(version) if self.obstacle.is_none() => {
                Dependency::pinned(RegistryId::PyPi, &self.name, version.clone())
            }
            _ => self.open("the file requires a range and pins no version: name the lock file"),
        }
    }
}

/// Reads `pyproject.toml`.
pub(super) fn manifest(file: Arc<Source>) -> Result<Document, FileError> {
    Document::toml(file)?.shaped(&[
        (&["project", "dependencies"], Shape::List),
        (&["project", "optional-dependencies"], Shape::Lists),
        (&["dependency-groups"], Shape::Lists),
        (&["tool", "uv", "dev-dependencies"], Shape::List),
        (&["tool", "poetry", "dependencies"], Shape::Table),
        (&["tool", "poetry", "dev-dependencies"], Shape::Table),
    ])
}

/// Everything that the project itself depends on, for any purpose.
pub(super) fn of(document: &Document) -> Vec<Declared> {
    let root = &document.root;
    let lists = [
        root.at(&["project", "dependencies"]).into_iter().collect::<Vec<_>>(),
        values(root.at(&["project", "optional-dependencies"])),
        values(root.get("dependency-groups")),
        root.at(&["tool", "uv", "dev-dependencies"]).into_iter().collect(),
    ];
    let standard = lists.iter().flatten().flat_map(|list| list.items()).filter_map(|node| declared(document, node));
    let mut found: Vec<Declared> = standard.collect();
    let own = root.at(&["project", "name"]).and_then(Node::text);
    let redirected = redirected(root);
    for declared in &mut found {
        // an extra may name others of the project itself
        let ours = || own.is_some_and(|own| is_same(own, &declared.name)).then_some(OURS);
        let elsewhere = || redirected.get(&fold(&declared.name)).copied();
        declared.obstacle = declared.obstacle.or_else(elsewhere).or_else(ours);
    }
    found.extend(poetry::declared(document));
    found
}

/// What [uv](https://docs.astral.sh/uv/reference/settings/#override-dependencies) is told of whole resolutions, by key:
/// requirements that stand for others, or narrow them.
pub(super) fn of_uv(document: &Document, key: &str) -> Vec<Declared> {
    let list = document.root.at(&["tool", "uv", key]).map(Node::items).unwrap_or_default();
    list.iter().filter_map(|node| declared(document, node)).collect()
}

fn values(table: Option<&Node>) -> Vec<&Node> {
    table.map(Node::entries).unwrap_or_default().iter().map(|entry| &entry.node).collect()
}

/// A requirement of the standard's; what is no string includes another group, which is read anyway.
fn declared(document: &Document, node: &Node) -> Option<Declared> {
    let text = node.text()?;
    let place = document.place(node);
    let Some(found) = pep508(text) else {
        let obstacle = Some("is required in a way that upmon does not know");
        let name = without_secrets(text);
        return Some(Declared { name, requirement: None, exact: None, is_conditional: false, obstacle, place });
    };
    let specifiers = &text[found.specifiers.clone()];
    // a marker behind them may hold the same text
    let end = found.specifiers.end;
    let at = |part: &str| document.part_at(node, end - part.len()..end);
    let obstacle = found.address.map(|address| if address.starts_with("git+") { FROM_GIT } else { FROM_ADDRESS });
    Some(Declared {
        name: found.name,
        requirement: (!specifiers.is_empty()).then(|| at(specifiers)),
        exact: exact(specifiers).map(at),
        is_conditional: found.has_marker,
        obstacle,
        place,
    })
}

/// Where [uv](https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources) is told to look for packages
/// that are not to come from the index.
fn redirected(root: &Node) -> HashMap<String, &'static str> {
    let sources = root.at(&["tool", "uv", "sources"]).map(Node::entries).unwrap_or_default();
    // of two spellings the first counts
    sources.iter().rev().map(|Entry { key, node, .. }| (fold(key), source(node))).collect()
}

fn source(node: &Node) -> &'static str {
    // a list has one for each platform
    let first = node.items().first().unwrap_or(node);
    let has = |key: &str| first.get(key).is_some();
    match () {
        () if has("git") => FROM_GIT,
        () if has("path") || has("workspace") => OURS,
        () if has("url") => FROM_ADDRESS,
        () => OTHER_INDEX,
    }
}
