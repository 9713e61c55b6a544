//! pnpm: `pnpm-lock.yaml` of the versions that list the projects of the workspace as `importers` (6 and 9).
//! <https://github.com/pnpm/spec/tree/master/lockfile>

use std::collections::HashSet;
use std::sync::Arc;

use super::Dependency;
use super::files::Files;
use super::npm::{self, Meant};
use super::text::{Document, beside};
use crate::document::{Entry, FileError, Node, Source};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

const KINDS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// Reads a lock file and the manifests of its projects.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Document::yaml(Arc::clone(file))?;
    check_version(&lock)?;
    let mut found = Vec::new();
    for project in lock.root.get("importers").map(Node::entries).unwrap_or_default() {
        let manifest = files.read(&beside(file, &project.key).join("package.json"))?;
        let manifest = manifest.map(Document::json).transpose()?;
        let declared: Vec<npm::Declared<'_>> =
            manifest.iter().flat_map(|manifest| npm::declared(manifest, &manifest.root)).collect();
        for entry in chosen(project) {
            let meant: Vec<&npm::Declared<'_>> = declared.iter().filter(|one| one.entry.key == entry.key).collect();
            if meant.is_empty() {
                found.push(pinned(&lock, entry, copy(&lock, entry)));
            }
            found.extend(meant.iter().map(|one| pinned(&lock, entry, one.requirement())));
        }
        let is_chosen = |one: &&npm::Declared<'_>| chosen(project).any(|entry| entry.key == one.entry.key);
        found.extend(declared.iter().filter(|one| !is_chosen(one)).map(|one| missing(one, file)));
    }
    let direct: HashSet<(String, String)> = found.iter().filter_map(identity).collect();
    let packages = lock.root.get("packages").map(Node::entries).unwrap_or_default();
    let indirect: Vec<Dependency> = packages.iter().filter_map(|entry| indirect(&lock, entry)).collect();
    let mut seen = direct;
    found.extend(indirect.into_iter().filter(|one| identity(one).is_none_or(|identity| seen.insert(identity))));
    Ok(found)
}

fn check_version(lock: &Document) -> Result<(), FileError> {
    let version = lock.root.get("lockfileVersion");
    match version.and_then(Node::text) {
        Some("6.0" | "6.1" | "9.0") if lock.root.get("importers").is_some() => Ok(()),
        _ => {
            let message = "only `lockfileVersion` 6 and 9 with `importers` are read: write it anew with `pnpm install`";
            Err(lock.wrong(version.unwrap_or(&lock.root), message))
        }
    }
}

/// The dependencies of a project.
fn chosen(project: &Entry) -> impl Iterator<Item = &Entry> {
    KINDS.into_iter().filter_map(|kind| project.node.get(kind)).flat_map(Node::entries)
}

/// What a project requires, as the lock file repeats it.
fn copy(lock: &Document, entry: &Entry) -> Option<Written> {
    let specifier = entry.node.get("specifier")?;
    match Meant::of(specifier.text()?) {
        Meant::Range(range) if !matches!(range.as_str(), "" | "*") => Some(lock.part(specifier, &range)),
        _ => None,
    }
}

fn missing(declared: &npm::Declared<'_>, file: &Source) -> Dependency {
    if let Meant::Elsewhere(why) = &declared.meant {
        return declared.open(*why);
    }
    let lock = file.name().display();
    declared.without_pin(if declared.is_peer {
        format!("a peer dependency that `{lock}` does not hold")
    } else {
        format!("`{lock}` does not hold it: run `pnpm install`")
    })
}

fn pinned(lock: &Document, entry: &Entry, requirement: Option<Written>) -> Dependency {
    let Some(version) = entry.node.get("version").filter(|version| version.text().is_some()) else {
        return Dependency::open(&entry.key, lock.place(&entry.node), "the lock file names no version for it");
    };
    match Resolved::of(version.text().unwrap_or_default()) {
        Resolved::Version { package, version: text } => {
            let upstream = package.unwrap_or(&entry.key);
            Dependency::pinned(RegistryId::Npm, &entry.key, lock.part(version, text))
                .of(upstream)
                .requiring(requirement)
        }
        Resolved::Elsewhere(why) => Dependency::open(&entry.key, lock.place(version), why),
    }
}

/// A package that only others may depend on: `name@version`, with a slash before it in version 6.
fn indirect(lock: &Document, entry: &Entry) -> Option<Dependency> {
    let Resolved::Version { package: Some(package), version } = Resolved::of(&entry.key) else { return None };
    let key = Node { span: entry.key_span.clone(), ..entry.node.clone() };
    let pinned = Dependency::pinned(RegistryId::Npm, package, lock.part(&key, version));
    Some(Dependency { is_direct: false, ..pinned })
}

fn identity(dependency: &Dependency) -> Option<(String, String)> {
    Some((dependency.upstream.clone(), dependency.version.as_ref()?.text.clone()))
}

/// What was chosen for a dependency.
#[derive(Debug, PartialEq, Eq)]
enum Resolved<'a> {
    /// A version, under the package's own name where the project calls it otherwise.
    Version { package: Option<&'a str>, version: &'a str },
    /// No package of the registry, and why.
    Elsewhere(&'static str),
}

impl<'a> Resolved<'a> {
    fn of(text: &'a str) -> Self {
        if ["link:", "file:", "workspace:"].iter().any(|start| text.starts_with(start)) {
            return Self::Elsewhere("a package of this repository");
        }
        // the peers that it was chosen with follow in parentheses
        let plain = text.split('(').next().unwrap_or_default().trim_start_matches('/');
        let (package, version) = match plain.rfind('@').filter(|at| *at > 0) {
            Some(at) => (Some(&plain[..at]), &plain[at + 1..]),
            None => (None, plain),
        };
        if SchemeId::Npm.parse(version).is_ok() {
            return Self::Version { package, version };
        }
        let is_git = text.starts_with("git") || text.contains("git+") || text.contains("codeload.github.com");
        Self::Elsewhere(if is_git {
            "comes from git, not from a registry"
        } else {
            "is pinned in a way that upmon does not know"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_a_version_or_comes_from_elsewhere() {
        let version = |package, version| Resolved::Version { package, version };
        for (text, expected) in [
            ("1.2.3", version(None, "1.2.3")),
            ("1.2.3(react@18.2.0)(x@1)", version(None, "1.2.3")),
            ("ms@2.0.0", version(Some("ms"), "2.0.0")),
            ("/@a/b@2.0.0(x@1)", version(Some("@a/b"), "2.0.0")),
            ("link:../b", Resolved::Elsewhere("a package of this repository")),
            ("https://codeload.github.com/a/b/tar.gz/00", Resolved::Elsewhere("comes from git, not from a registry")),
            ("https://host/x.tgz", Resolved::Elsewhere("is pinned in a way that upmon does not know")),
        ] {
            assert_eq!(Resolved::of(text), expected, "{text}");
        }
    }
}
