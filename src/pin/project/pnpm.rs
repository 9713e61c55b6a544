//! pnpm: `pnpm-lock.yaml` of the versions 5.3 to 9.
//! <https://github.com/pnpm/spec/tree/master/lockfile>
//!
//! The projects of a workspace are its `importers`; before version 9, what a single project depends on stands at the root.
//! From pnpm 11 on, [a document of its own](https://pnpm.io/lockfile) for pnpm itself may come before the project's.
//! Before version 6, `specifiers` say apart what is required, and peers follow a version behind an underscore.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Dependency;
use super::catalog::{Catalogs, named};
use super::files::Files;
use super::npm::{self, Meant, parted};
use super::text::{Document, Shape, beside};
use crate::document::{Entry, FileError, Node, Source};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

const KINDS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// Reads a lock file and the manifests of its projects.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lock::read(file)?;
    let catalogs = Catalogs::read(&beside(file, "pnpm-workspace.yaml"), files)?;
    let overridden = lock.overridden();
    let mut found = Vec::new();
    for (directory, project) in lock.projects() {
        let manifest = files.read(&beside(file, directory).join("package.json"))?;
        let manifest = manifest.map(npm::project).transpose()?;
        let declared = manifest.iter().flat_map(|manifest| npm::declared(manifest, &manifest.root));
        let declared: Vec<npm::Declared<'_>> = declared.map(|one| one.with(&catalogs)).collect();
        let mut named: HashMap<&str, Vec<&npm::Declared<'_>>> = HashMap::new();
        for one in &declared {
            named.entry(&one.entry.key).or_default().push(one);
        }
        for entry in chosen(project) {
            let meant = named.get(entry.key.as_str()).map(Vec::as_slice).unwrap_or_default();
            let copy = || lock.copy(project, entry);
            if meant.is_empty() {
                found.push(lock.pinned(entry, copy()));
            }
            let is_overridden = overridden.contains(entry.key.as_str());
            let requirement = |one: &npm::Declared<'_>| match one.requirement() {
                Some(own) if !is_overridden => Some(own),
                _ => (is_overridden || one.is_shared()).then(copy).flatten(),
            };
            found.extend(meant.iter().map(|one| lock.pinned(entry, requirement(one))));
        }
        let chosen: HashSet<&str> = chosen(project).map(|entry| entry.key.as_str()).collect();
        let rest = declared.iter().filter(|one| !chosen.contains(one.entry.key.as_str()));
        found.extend(rest.map(|one| missing(one, file)));
    }
    let direct: HashSet<(String, String)> = found.iter().filter_map(identity).collect();
    let packages = lock.document.root.get("packages").map(Node::entries).unwrap_or_default();
    let indirect: Vec<Dependency> = packages.iter().filter_map(|entry| lock.indirect(entry)).collect();
    let mut seen = direct;
    found.extend(indirect.into_iter().filter(|one| identity(one).is_none_or(|identity| seen.insert(identity))));
    Ok(found)
}

/// `pnpm-lock.yaml`.
struct Lock {
    document: Document,
    /// How it says which version was chosen.
    spelling: Spelling,
}

/// How a version is told with the peers that it was chosen with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// `18.2.0(react@18.2.0)`, `/name@18.2.0` of version 6, `name@18.2.0` of version 9.
    Parentheses,
    /// `18.2.0_react@18.2.0`, `/name/18.2.0` of version 5.
    Underscore,
}

impl Lock {
    fn read(file: &Arc<Source>) -> Result<Self, FileError> {
        let document = Document::last_yaml(Arc::clone(file))?
            .shaped(&[(&["importers"], Shape::Table), (&["packages"], Shape::Table)])?;
        let version = document.root.get("lockfileVersion");
        let spelling = match version.and_then(Node::text) {
            Some("6.0" | "6.1" | "9.0") => Spelling::Parentheses,
            Some("5.3" | "5.4") => Spelling::Underscore,
            _ => {
                let message = "only `lockfileVersion` 5.3 to 9.0 is read: write it anew with `pnpm install`";
                return Err(document.wrong(version.unwrap_or(&document.root), message));
            }
        };
        Ok(Self { document, spelling })
    }

    /// The projects of the workspace, each with its directory.
    fn projects(&self) -> Vec<(&str, &Node)> {
        let root = &self.document.root;
        match root.get("importers") {
            Some(importers) => importers.entries().iter().map(|entry| (entry.key.as_str(), &entry.node)).collect(),
            None => vec![(".", root)],
        }
    }

    /// The packages of [`overrides`](https://pnpm.io/settings#overrides), which may stand for what a manifest requires: then
    /// the lock file has what counts.
    fn overridden(&self) -> HashSet<&str> {
        let overrides = self.document.root.get("overrides").map(Node::entries).unwrap_or_default();
        overrides.iter().map(|entry| parted(overridden(&entry.key)).0).collect()
    }

    /// What a project requires, as the lock file repeats it.
    fn copy(&self, project: &Node, entry: &Entry) -> Option<Written> {
        let own = entry.node.get("specifier").or_else(|| project.get("specifiers")?.get(&entry.key))?;
        let shared = named(&self.document.root, &entry.key, own.text()?).and_then(|shared| shared.get("specifier"));
        let specifier = shared.unwrap_or(own);
        let meant = Meant::of(specifier.text()?);
        let range = meant.range().filter(|range| !matches!(*range, "" | "*"))?;
        Some(self.document.part(specifier, range))
    }

    fn pinned(&self, entry: &Entry, requirement: Option<Written>) -> Dependency {
        let lock = &self.document;
        // version 5 has the version itself where later ones have a table
        let version = entry.node.get("version").unwrap_or(&entry.node);
        let Some(text) = version.text() else {
            return Dependency::open(&entry.key, lock.place(&entry.node), "the lock file names no version for it");
        };
        match Resolved::of(text, self.spelling) {
            Resolved::Version { package, version: text } => {
                let upstream = package.unwrap_or(&entry.key);
                Dependency::pinned(RegistryId::Npm, &entry.key, lock.part(version, text))
                    .of(upstream)
                    .requiring(requirement)
            }
            Resolved::Elsewhere(why) => Dependency::open(&entry.key, lock.place(version), why),
        }
    }

    /// A package that only others may depend on: `name@version`, in older versions with a slash before it.
    fn indirect(&self, entry: &Entry) -> Option<Dependency> {
        let Resolved::Version { package: Some(package), version } = Resolved::of(&entry.key, self.spelling) else {
            return None;
        };
        let key = Node { span: entry.key_span.clone(), ..entry.node.clone() };
        let pinned = Dependency::pinned(RegistryId::Npm, package, self.document.part(&key, version));
        Some(Dependency { is_direct: false, ..pinned })
    }
}

/// The package of an override's key: `name`, `name@range` or `parent>name`. A range may hold the same sign.
fn overridden(key: &str) -> &str {
    let is_between = |(at, _): &(usize, &str)| key[..*at].ends_with(|before| !matches!(before, ' ' | '|' | '@'));
    key.match_indices('>').find(is_between).map_or(key, |(at, _)| &key[at + 1..])
}

/// The dependencies of a project.
fn chosen(project: &Node) -> impl Iterator<Item = &Entry> {
    KINDS.into_iter().filter_map(|kind| project.get(kind)).flat_map(Node::entries)
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

fn identity(dependency: &Dependency) -> Option<(String, String)> {
    Some((dependency.upstream.clone(), dependency.version.as_ref()?.text.clone()))
}

/// What was chosen for a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolved<'a> {
    /// A version, under the package's own name where the project calls it otherwise.
    Version { package: Option<&'a str>, version: &'a str },
    /// No package of the registry, and why.
    Elsewhere(&'static str),
}

impl<'a> Resolved<'a> {
    fn of(text: &'a str, spelling: Spelling) -> Self {
        if ["link:", "file:", "workspace:"].iter().any(|start| text.starts_with(start)) {
            return Self::Elsewhere("a package of this repository");
        }
        let (package, version) = match spelling {
            Spelling::Parentheses => {
                let plain = text.split('(').next().unwrap_or_default().trim_start_matches('/');
                match plain.rfind('@').filter(|at| *at > 0) {
                    Some(at) => (Some(&plain[..at]), &plain[at + 1..]),
                    None => (None, plain),
                }
            }
            Spelling::Underscore => {
                let (package, version) = match text.strip_prefix('/').and_then(|text| text.rsplit_once('/')) {
                    Some((package, version)) => (Some(package), version),
                    None => (None, text),
                };
                (package, version.split('_').next().unwrap_or_default())
            }
        };
        if package.is_some_and(|package| package.starts_with("@jsr/")) {
            return Self::Elsewhere("comes from JSR, not from a registry of npm's");
        }
        if SchemeId::Npm.parse(version).is_ok() {
            return Self::Version { package, version };
        }
        let is_git = ["git", "bitbucket.org/"].iter().any(|start| text.starts_with(start))
            || ["git+", "codeload.github.com"].iter().any(|part| text.contains(part));
        Self::Elsewhere(if is_git {
            "comes from git, not from a registry"
        } else if text.starts_with("runtime:") {
            "a runtime that pnpm installs, no package"
        } else if text.contains("://") || text.starts_with('@') {
            "comes from an address, not from a registry"
        } else {
            "is pinned in a way that upmon does not know"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn what_was_chosen_is_a_version_or_comes_from_elsewhere() {
        let version = |package, version| Resolved::Version { package, version };
        let git = Resolved::Elsewhere("comes from git, not from a registry");
        let address = Resolved::Elsewhere("comes from an address, not from a registry");
        for (text, expected) in [
            ("1.2.3", version(None, "1.2.3")),
            ("1.2.3(react@18.2.0)(x@1)", version(None, "1.2.3")),
            ("ms@2.0.0", version(Some("ms"), "2.0.0")),
            ("/@a/b@2.0.0(x@1)", version(Some("@a/b"), "2.0.0")),
            ("link:../b", Resolved::Elsewhere("a package of this repository")),
            ("https://codeload.github.com/a/b/tar.gz/00", git),
            ("https://host/x.tgz", address),
            ("@host/x.tgz", address),
            ("@jsr/a__b@1.0.0", Resolved::Elsewhere("comes from JSR, not from a registry of npm's")),
            ("runtime:22.1.0", Resolved::Elsewhere("a runtime that pnpm installs, no package")),
            ("odd", Resolved::Elsewhere("is pinned in a way that upmon does not know")),
        ] {
            assert_eq!(Resolved::of(text, Spelling::Parentheses), expected, "{text}");
        }
        for (text, expected) in [
            ("1.2.3", version(None, "1.2.3")),
            ("1.2.3_react@18.2.0+x@1.0.0", version(None, "1.2.3")),
            ("/ms/2.0.0", version(Some("ms"), "2.0.0")),
            ("/@a/b_c/2.0.0_@x+y@1.0.0", version(Some("@a/b_c"), "2.0.0")),
            ("github.com/a/b/00", git),
            ("link:../b", Resolved::Elsewhere("a package of this repository")),
        ] {
            assert_eq!(Resolved::of(text, Spelling::Underscore), expected, "{text}");
        }
    }

    fn told(files: &[(&'static str, &str)]) -> Vec<String> {
        let memory = Memory::of(files);
        let file = memory.read("pnpm-lock.yaml".as_ref()).unwrap().unwrap();
        let shown = |written: Option<Written>| {
            written
                .map_or("-".to_owned(), |one| format!("{}@{}:{}", one.text, one.place.file.display(), one.place.line))
        };
        let told = |one: Dependency| {
            let mark = if one.is_direct { "" } else { "~" };
            let (name, obstacle) = (one.name, one.obstacle.unwrap_or_default());
            format!("{mark}{name} {} {} {obstacle}", shown(one.version), shown(one.requirement)).trim_end().to_owned()
        };
        lock(&file, &memory).unwrap_or_else(|error| panic!("{}", error.render(false))).into_iter().map(told).collect()
    }

    #[test]
    fn older_versions_have_one_project_at_the_root() {
        let manifest = ("package.json", r#"{ "dependencies": { "a": "^1.0.0", "gone": "1" } }"#);
        let gone = "gone - 1@package.json:1 `pnpm-lock.yaml` does not hold it: run `pnpm install`";
        let fifth = "lockfileVersion: 5.4\nspecifiers:\n  a: ^1.0.0\n  b: ~2.0.0\ndependencies:\n  a: 1.2.3_b@2.0.1\n\
            devDependencies:\n  b: 2.0.1\npackages:\n  /a/1.2.3_b@2.0.1:\n    dev: false\n  /@c/d/3.0.0:\n    dev: true\n";
        let expected =
            ["a 1.2.3@pnpm-lock.yaml:6 ^1.0.0@package.json:1", "b 2.0.1@pnpm-lock.yaml:8 ~2.0.0@pnpm-lock.yaml:4"];
        assert_eq!(
            told(&[("pnpm-lock.yaml", fifth), manifest]),
            [expected[0], expected[1], gone, "~@c/d 3.0.0@pnpm-lock.yaml:12 -"]
        );
        let sixth = "lockfileVersion: '6.0'\ndependencies:\n  a:\n    specifier: ^1.0.0\n    version: 1.2.3(b@2.0.1)\n\
            packages:\n  /a@1.2.3(b@2.0.1):\n    dev: false\n  /@c/d@3.0.0:\n    dev: true\n";
        assert_eq!(
            told(&[("pnpm-lock.yaml", sixth), manifest]),
            ["a 1.2.3@pnpm-lock.yaml:5 ^1.0.0@package.json:1", gone, "~@c/d 3.0.0@pnpm-lock.yaml:9 -"]
        );
    }

    #[test]
    fn what_pnpm_needs_for_itself_stands_apart() {
        let own = "lockfileVersion: '9.0'\nimporters:\n  .:\n    configDependencies: {}\n    packageManagerDependencies:\n      \
            pnpm:\n        specifier: 12.3.4\n        version: 12.3.4\n";
        let project = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        \
            version: 1.2.3\n";
        let expected = |line: u8| format!("a 1.2.3@pnpm-lock.yaml:{line} ^1.0.0@pnpm-lock.yaml:{}", line - 1);
        assert_eq!(told(&[("pnpm-lock.yaml", &format!("---\n{own}---\n{project}"))]), [expected(17)]);
        let alias =
            project.replace("specifier: ^1.0.0", "specifier: npm:b@^1.0.0").replace("version: 1", "version: b@1");
        assert_eq!(told(&[("pnpm-lock.yaml", &alias)]), [expected(7)], "an alias says what is required, too");
        assert_eq!(told(&[("pnpm-lock.yaml", project)]), [expected(7)]);
    }

    #[test]
    fn an_override_stands_for_what_is_required() {
        let lock = |key: &str| {
            format!(
                "lockfileVersion: '9.0'\noverrides:\n  '{key}': 2.0.0\nimporters:\n  .:\n    dependencies:\n      '@t/a':\n        \
                 specifier: 2.0.0\n        version: 2.0.0\n"
            )
        };
        let manifest = ("package.json", r#"{ "dependencies": { "@t/a": "^1.0.0" } }"#);
        for (key, expected) in [
            ("@t/a", "2.0.0@pnpm-lock.yaml:8"),
            ("x@1>@t/a@^1", "2.0.0@pnpm-lock.yaml:8"),
            ("@t/a@>=1 || >3", "2.0.0@pnpm-lock.yaml:8"),
            ("other", "^1.0.0@package.json:1"),
        ] {
            assert_eq!(
                told(&[("pnpm-lock.yaml", &lock(key)), manifest]),
                [format!("@t/a 2.0.0@pnpm-lock.yaml:9 {expected}")]
            );
        }
    }

    #[test]
    fn a_catalog_says_what_is_required() {
        let lock = "lockfileVersion: '9.0'\ncatalogs:\n  default:\n    a:\n      specifier: ^1.0.0\n      version: 1.2.3\n\
            importers:\n  .:\n    dependencies:\n      a:\n        specifier: 'catalog:'\n        version: 1.2.3\n";
        let manifest = ("package.json", r#"{ "dependencies": { "a": "catalog:" } }"#);
        let workspace = ("pnpm-workspace.yaml", "catalog:\n  a: ^1.0.0\n");
        for (files, expected) in [
            (&[("pnpm-lock.yaml", lock), manifest, workspace][..], "^1.0.0@pnpm-workspace.yaml:2"),
            (&[("pnpm-lock.yaml", lock), manifest], "^1.0.0@pnpm-lock.yaml:5"),
            (&[("pnpm-lock.yaml", lock)], "^1.0.0@pnpm-lock.yaml:5"),
        ] {
            assert_eq!(told(files), [format!("a 1.2.3@pnpm-lock.yaml:12 {expected}")]);
        }
    }
}
