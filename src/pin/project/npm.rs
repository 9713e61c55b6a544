//! npm: `package-lock.json` (`npm-shrinkwrap.json`) of version 2 and 3, and `package.json`.
//!
//! The [lock file](https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json) says where each package lies in
//! `node_modules`, so a dependency is found as Node.js finds it: beside the package that asks, then one directory up, and
//! so on. What is required is read from the `package.json` of the project and of its workspaces, or, without those, from
//! the copy in the lock file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::Dependency;
use super::catalog::Catalogs;
use super::files::Files;
use super::text::{Document, Shape, beside};
use crate::document::{Entry, FileError, Node, Source, Value};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// The tables of a `package.json` whose packages the project itself asks for.
const KINDS: [&str; 4] = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Reads a lock file and the manifests beside it.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lock::read(Arc::clone(file))?;
    let root = files.read(&beside(file, "package.json"))?.map(project).transpose()?;
    let overrides = root.as_ref().map(Overrides::of);
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (directory, copy) in lock.projects() {
        let manifest = files.read(&beside(&lock.document.source, directory).join("package.json"))?;
        let manifest = manifest.map(project).transpose()?;
        let (document, node) = manifest.as_ref().map_or((&lock.document, copy), |own| (own, &own.root));
        for declared in declared(document, node) {
            let place = lock.lookup(directory, &declared.entry.key);
            seen.extend(place.map(|place| place.key.as_str()));
            let version = place.and_then(|entry| entry.node.get("version")?.text());
            let other = overrides.as_ref().and_then(|overrides| overrides.meant(&declared, version));
            let declared = declared.replaced(other);
            found.push(lock.resolve(&declared, place));
        }
    }
    found.extend(
        lock.packages()
            .iter()
            .filter(|entry| !seen.contains(entry.key.as_str()))
            .filter_map(|entry| lock.indirect(entry)),
    );
    Ok(found)
}

/// What [`overrides`](https://docs.npmjs.com/cli/v11/configuring-npm/package-json#overrides) of the root put in the place
/// of requirements.
struct Overrides<'a> {
    root: &'a Document,
    by_name: HashMap<&'a str, Vec<&'a Entry>>,
    /// What the root itself asks for, to which `$name` refers.
    direct: HashMap<&'a str, &'a Node>,
}

impl<'a> Overrides<'a> {
    fn of(root: &'a Document) -> Self {
        let mut by_name: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for entry in root.root.get("overrides").map(Node::entries).unwrap_or_default() {
            by_name.entry(parted(&entry.key).0).or_default().push(entry);
        }
        // of what stands in several tables the first counts
        let direct = declared(root, &root.root).collect::<Vec<_>>().into_iter().rev();
        Self { root, by_name, direct: direct.map(|one| (one.entry.key.as_str(), &one.entry.node)).collect() }
    }

    /// What counts in the place of a requirement. An override that is for some requirements only (`name@range`) is meant
    /// where the declared one refuses what was locked.
    fn meant(&self, declared: &Declared<'_>, locked: Option<&str>) -> Option<(&'a Document, &'a Node)> {
        let is_refused = || {
            let version = locked.and_then(|version| SchemeId::Npm.parse(version).ok());
            let requirement = declared.meant.range().and_then(|range| SchemeId::Npm.requirement(range).ok());
            requirement.zip(version).is_some_and(|(requirement, version)| !requirement.accepts(&version))
        };
        let entries = self.by_name.get(declared.entry.key.as_str())?;
        let entry = entries.iter().find(|entry| parted(&entry.key).1.is_empty() || is_refused())?;
        let node = entry.node.get(".").unwrap_or(&entry.node);
        let meant = match node.text()?.strip_prefix('$') {
            Some(name) => self.direct.get(name)?,
            None => node,
        };
        Some((self.root, meant))
    }
}

/// Reads `package.json` without a lock file.
pub(super) fn manifest(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let document = project(Arc::clone(file))?;
    Ok(declared(&document, &document.root).map(|declared| declared.alone()).collect())
}

/// Reads a `package.json`.
pub(super) fn project(file: Arc<Source>) -> Result<Document, FileError> {
    Document::json(file)?.shaped(&KINDS.each_ref().map(|kind| (std::slice::from_ref(kind), Shape::Table)))
}

/// `package-lock.json`.
struct Lock {
    document: Document,
    /// Where each package stands among those of the file.
    by_key: HashMap<String, usize>,
}

impl Lock {
    fn read(file: Arc<Source>) -> Result<Self, FileError> {
        let document = Document::json(file)?.shaped(&[(&["packages"], Shape::Table)])?;
        let version = document.root.get("lockfileVersion");
        match version.map(|node| &node.value) {
            Some(Value::Number(number)) if matches!(number.as_str(), "2" | "3") => {}
            _ => {
                let message =
                    "only `lockfileVersion` 2 and 3 are read: write it anew with `npm install --lockfile-version 3`";
                return Err(document.wrong(version.unwrap_or(&document.root), message));
            }
        }
        let Some(packages) = document.root.get("packages").map(Node::entries) else {
            return Err(
                document.wrong(&document.root, "the lock file lists no `packages`: write it anew with `npm install`")
            );
        };
        let by_key = packages.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
        Ok(Self { document, by_key })
    }

    fn packages(&self) -> &[Entry] {
        self.document.root.get("packages").map(Node::entries).unwrap_or_default()
    }

    /// The project itself and its workspaces: what lies in the repository and not in `node_modules`.
    fn projects(&self) -> impl Iterator<Item = (&str, &Node)> {
        let is_ours = |key: &str| !key.split('/').any(|part| part == "node_modules" || part == "..");
        self.packages().iter().filter(move |entry| is_ours(&entry.key)).map(|entry| (entry.key.as_str(), &entry.node))
    }

    /// The package that `name` means to who asks in `directory`.
    fn lookup(&self, directory: &str, name: &str) -> Option<&Entry> {
        let mut directory = directory;
        loop {
            let separator = if directory.is_empty() { "" } else { "/" };
            let key = format!("{directory}{separator}node_modules/{name}");
            if let Some(&index) = self.by_key.get(&key) {
                return self.packages().get(index);
            }
            if directory.is_empty() {
                return None;
            }
            directory = directory.rfind('/').map_or("", |at| &directory[..at]);
        }
    }

    fn resolve(&self, declared: &Declared<'_>, place: Option<&Entry>) -> Dependency {
        if let Meant::Elsewhere(why) = &declared.meant {
            return declared.open(*why);
        }
        let Some(entry) = place else {
            let lock = self.document.source.name().display();
            return declared.without_pin(if declared.is_peer {
                format!("a peer dependency that `{lock}` does not hold")
            } else {
                format!("`{lock}` does not hold it: run `npm install`")
            });
        };
        match (obstacle(&entry.node), self.version(entry)) {
            (Some(obstacle), _) => declared.open(obstacle),
            (None, None) => declared.without_pin("the lock file names no version for it"),
            (None, Some(version)) => {
                let upstream =
                    entry.node.get("name").and_then(Node::text).unwrap_or(declared.meant.package(&declared.entry.key));
                Dependency::pinned(RegistryId::Npm, &declared.entry.key, version)
                    .of(upstream)
                    .requiring(declared.requirement())
            }
        }
    }

    fn version(&self, entry: &Entry) -> Option<Written> {
        self.document.written(entry.node.get("version")?)
    }

    /// A package that only others depend on.
    fn indirect(&self, entry: &Entry) -> Option<Dependency> {
        let (_, name) = entry.key.rsplit_once("node_modules/")?;
        let upstream = entry.node.get("name").and_then(Node::text).unwrap_or(name);
        let version = self.version(entry)?;
        let dependency = match obstacle(&entry.node) {
            Some(obstacle) => Dependency::open(name, version.place, obstacle),
            None => Dependency::pinned(RegistryId::Npm, name, version),
        };
        Some(Dependency { is_direct: false, ..dependency.of(upstream) })
    }
}

/// Why a package of the lock file is none of a registry's.
fn obstacle(package: &Node) -> Option<&'static str> {
    if package.get("link").is_some_and(|link| link.value == Value::Boolean(true)) {
        return Some("a package of this repository");
    }
    match package.get("resolved").and_then(Node::text).unwrap_or_default() {
        from if from.starts_with("file:") => Some("a package of this repository"),
        from if from.starts_with("git") || from.starts_with("https://codeload.github.com/") => {
            Some("comes from git, not from a registry")
        }
        _ => None,
    }
}

/// A name, which may itself start with an at sign, and what follows it behind another.
pub(super) fn parted(key: &str) -> (&str, &str) {
    let at = key.char_indices().skip(1).find(|(_, character)| *character == '@');
    at.map_or((key, ""), |(at, _)| (&key[..at], &key[at + 1..]))
}

/// What a `package.json` asks for.
pub(super) fn declared<'a>(document: &'a Document, node: &'a Node) -> impl Iterator<Item = Declared<'a>> {
    KINDS.into_iter().flat_map(move |kind| {
        let entries = node.get(kind).map(Node::entries).unwrap_or_default();
        entries.iter().map(move |entry| Declared {
            meant: Meant::of(entry.node.text().unwrap_or_default()),
            is_peer: kind == "peerDependencies",
            document,
            entry,
            required: (document, &entry.node),
        })
    })
}

/// A dependency as a `package.json` declares it.
pub(super) struct Declared<'a> {
    pub(super) meant: Meant,
    pub(super) is_peer: bool,
    pub(super) document: &'a Document,
    pub(super) entry: &'a Entry,
    /// Where it stands what is required: in the manifest, or in a catalog.
    required: (&'a Document, &'a Node),
}

/// What the [value of a dependency](https://docs.npmjs.com/cli/v11/configuring-npm/package-json#dependencies) means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// A range of versions.
    Range(String),
    /// A dist-tag, which accepts whatever it points to.
    Tag,
    /// A package under another name, and what is required of it.
    Alias(String, Box<Self>),
    /// No package of the registry, and why.
    Elsewhere(&'static str),
}

impl Meant {
    pub(super) fn of(text: &str) -> Self {
        // a patch of an alias
        Self::within(text, 2)
    }

    /// What it means where `depth` more may be put around it: aliases of aliases are none.
    fn within(text: &str, depth: usize) -> Self {
        const HOSTS: [&str; 4] = ["github:", "gitlab:", "bitbucket:", "gist:"];
        let text = text.trim();
        let starts = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
        if let Some(alias) = text.strip_prefix("npm:") {
            let (package, rest) = parted(alias);
            // later versions of Yarn write it before a range, too
            let is_range = rest.is_empty() && !package.starts_with(|first: char| first.is_ascii_alphabetic());
            if is_range && SchemeId::Npm.requirement(package).is_ok() {
                return Self::Range(package.to_owned());
            }
            return Self::aliased(package, rest, depth);
        }
        if let Some(patched) = text.strip_prefix("patch:") {
            // https://yarnpkg.com/protocol/patch: what it stands for, encoded, and behind a number sign the patch
            let (package, rest) = parted(patched.split('#').next().unwrap_or_default());
            let rest = percent_decode_str(rest).decode_utf8_lossy();
            return Self::aliased(package, &rest, depth);
        }
        if starts(&["file:", "link:", "portal:", "workspace:", "./", "../", "/", "~/"]) {
            return Self::Elsewhere("a package of this repository");
        }
        if starts(&["git+", "git:", "git@", "ssh:"]) || starts(&HOSTS) {
            return Self::Elsewhere("comes from git, not from a registry");
        }
        if starts(&["https:", "http:"]) {
            return Self::Elsewhere("comes from an address, not from a registry");
        }
        // `owner/repository#semver:^1`
        let (before, _) = text.split_once('#').unwrap_or((text, ""));
        if before.contains(':') {
            return Self::UNKNOWN;
        }
        if SchemeId::Npm.requirement(text).is_ok() {
            return Self::Range(text.to_owned());
        }
        if text.contains('/') { Self::Elsewhere("comes from git, not from a registry") } else { Self::Tag }
    }

    const UNKNOWN: Self = Self::Elsewhere("is required in a way that upmon does not know");

    fn aliased(package: &str, rest: &str, depth: usize) -> Self {
        match depth.checked_sub(1).map_or(Self::UNKNOWN, |depth| Self::within(rest, depth)) {
            // what it comes down to is the package
            inner @ (Self::Alias(..) | Self::Elsewhere(_)) => inner,
            inner => Self::Alias(package.to_owned(), Box::new(inner)),
        }
    }

    /// The range, if versions are required.
    pub(super) fn range(&self) -> Option<&str> {
        match self {
            Self::Range(range) => Some(range),
            Self::Alias(_, inner) => inner.range(),
            Self::Tag | Self::Elsewhere(_) => None,
        }
    }

    /// Upstream's name of what the project calls `name`.
    pub(super) fn package<'a>(&'a self, name: &'a str) -> &'a str {
        if let Self::Alias(package, _) = self { package } else { name }
    }
}

impl<'a> Declared<'a> {
    /// It with what `catalog:` stands for.
    pub(super) fn with(self, catalogs: &'a Catalogs) -> Self {
        let meant = catalogs.meant(&self.entry.key, self.entry.node.text().unwrap_or_default());
        self.replaced(meant)
    }

    /// It with what another place says in its stead, if one does.
    pub(super) fn replaced(self, other: Option<(&'a Document, &'a Node)>) -> Self {
        match other.and_then(|required| Some((required, Meant::of(required.1.text()?)))) {
            Some((required, meant)) => Self { meant, required, ..self },
            None => self,
        }
    }

    /// Whether a catalog says what is required.
    pub(super) fn is_shared(&self) -> bool {
        self.entry.node.text().is_some_and(|text| text.trim().starts_with("catalog:"))
    }

    /// What is required, as it is written.
    pub(super) fn text(&self) -> Option<&str> {
        self.required.1.text()
    }

    /// The range with its place.
    pub(super) fn requirement(&self) -> Option<Written> {
        let (document, node) = self.required;
        let range = self.meant.range()?;
        // nothing and a star require nothing
        (!matches!(range, "" | "*")).then(|| document.part(node, range))
    }

    pub(super) fn open(&self, obstacle: impl Into<String>) -> Dependency {
        let place = self.document.place(&self.entry.node);
        Dependency::open(&self.entry.key, place, obstacle)
            .of(self.meant.package(&self.entry.key))
            .requiring(self.requirement())
    }

    /// A package of the registry without a version that is pinned.
    pub(super) fn without_pin(&self, obstacle: impl Into<String>) -> Dependency {
        Dependency { registry: Some(RegistryId::Npm), ..self.open(obstacle) }
    }

    /// It without a lock file: what is required exactly is a pin, and then requires nothing else.
    fn alone(&self) -> Dependency {
        if let Meant::Elsewhere(why) = &self.meant {
            return self.open(*why);
        }
        let exact = self.meant.range().map(|range| range.trim_start_matches('=').trim());
        match exact.filter(|version| !self.is_peer && SchemeId::Npm.parse(version).is_ok()) {
            Some(version) => {
                Dependency::pinned(RegistryId::Npm, &self.entry.key, self.document.part(&self.entry.node, version))
                    .of(self.meant.package(&self.entry.key))
            }
            None => self.without_pin("the file requires a range and pins no version: name the lock file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_dependencies_mean_what_npm_says() {
        let range = |text: &str| Meant::Range(text.to_owned());
        let alias = |name: &str, inner| Meant::Alias(name.to_owned(), Box::new(inner));
        for (text, expected) in [
            ("^1.2.3", range("^1.2.3")),
            ("", range("")),
            ("*", range("*")),
            ("1.x || >=2.5.0 || 5.0.0 - 7.2.3", range("1.x || >=2.5.0 || 5.0.0 - 7.2.3")),
            ("latest", Meant::Tag),
            ("npm:real@^1", alias("real", range("^1"))),
            ("npm:@a/real@1.2.3", alias("@a/real", range("1.2.3"))),
            ("npm:@a/real", alias("@a/real", range(""))),
            ("workspace:^", Meant::Elsewhere("a package of this repository")),
            ("file:../x", Meant::Elsewhere("a package of this repository")),
            ("git+ssh://git@github.com/a/b.git#v1", Meant::Elsewhere("comes from git, not from a registry")),
            ("npm:^1.2", range("^1.2")),
            ("npm:7zip", alias("7zip", range(""))),
            ("npm:x", alias("x", range(""))),
            ("a/b#semver:^1", Meant::Elsewhere("comes from git, not from a registry")),
            ("patch:@a/b@npm%3A^1.2#~/.yarn/patches/x.patch", alias("@a/b", range("^1.2"))),
            ("patch:a@npm%3A%5E1.2#x", alias("a", range("^1.2"))),
            ("patch:a@npm%3Ab@1#x", alias("b", range("1"))),
            ("npm:a@file:x", Meant::Elsewhere("a package of this repository")),
            ("jsr:^1", Meant::Elsewhere("is required in a way that upmon does not know")),
            ("a/b", Meant::Elsewhere("comes from git, not from a registry")),
            ("https://host/x.tgz", Meant::Elsewhere("comes from an address, not from a registry")),
            ("catalog:", Meant::Elsewhere("is required in a way that upmon does not know")),
        ] {
            assert_eq!(Meant::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_alias_of_aliases_without_end_is_read() {
        for start in ["npm:a@", "patch:a@", "npm:a@patch:a@"] {
            assert_eq!(Meant::of(&(start.repeat(1_000_000) + "1.0.0")), Meant::UNKNOWN, "{start}");
        }
    }

    #[test]
    fn what_lists_no_packages_is_told() {
        for (name, text, expected) in [
            ("package.json", "[]", "package.json:1:1: the file holds a list, where an object is expected"),
            ("package.json", r#"{ "dependencies": ["a"] }"#, "package.json:1:19: `dependencies` must be an object"),
            (
                "package-lock.json",
                r#"{ "lockfileVersion": 3 }"#,
                "package-lock.json:1:1: the lock file lists no `packages`",
            ),
            ("package-lock.json", r#"{ "lockfileVersion": 3, "packages": 1 }"#, "1:37: `packages` must be an object"),
        ] {
            let files = super::super::files::Memory::of(&[(name, text)]);
            let file = files.read(name.as_ref()).unwrap().unwrap();
            let read = if name == "package.json" { manifest } else { lock };
            assert!(read(&file, &files).unwrap_err().to_string().contains(expected), "{text}");
        }
    }

    #[test]
    fn an_override_of_the_root_stands_for_what_is_required() {
        let package = |name: &str, version: &str| format!(r#""node_modules/{name}": {{ "version": "{version}" }},"#);
        let lock_text = format!(
            r#"{{ "lockfileVersion": 3, "packages": {{ {} "": {{}}, "p": {{}} }} }}"#,
            [
                package("a", "2.0.0"),
                package("b", "2.0.0"),
                package("c", "3.1.0"),
                package("d", "4.0.0"),
                package("e", "5.0.0")
            ]
            .concat()
        );
        let root = r#"{ "devDependencies": { "c": "~3.1.0" }, "overrides": { "a": "2.0.0", "b@^1": { ".": "2.x", "z": "9" },
            "c": "$c", "d@^5": "5.0.0", "x": { "e": "1" } } }"#;
        let own = r#"{ "dependencies": { "a": "^1", "b": "^1.1", "c": "^3", "d": "^4", "e": "^5" } }"#;
        let files = [("package-lock.json", lock_text.as_str()), ("package.json", root), ("p/package.json", own)];
        let files = super::super::files::Memory::of(&files);
        let file = files.read("package-lock.json".as_ref()).unwrap().unwrap();
        let told: Vec<String> = lock(&file, &files)
            .unwrap()
            .into_iter()
            .filter_map(|one| Some(format!("{} {} {}", one.name, one.version?.text, one.requirement?.text)))
            .collect();
        assert_eq!(
            told,
            ["c 3.1.0 ~3.1.0", "a 2.0.0 2.0.0", "b 2.0.0 2.x", "c 3.1.0 ~3.1.0", "d 4.0.0 ^4", "e 5.0.0 ^5"]
        );
    }
}
