//! Cargo: `Cargo.lock` says which version, the manifests beside it what is direct and what is required.
//!
//! The [lock file](https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html) lists for each member of the
//! workspace the packages that were chosen for it, so a dependency is looked up among those of its own member, as Cargo
//! does: one workspace may hold several versions of a package.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use super::Dependency;
use super::files::{Files, expand};
use super::text::{Document, Shape, beside};
use crate::document::{Entry, FileError, Node, Source, Value};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// The public registry, as lock files name it.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// Reads `Cargo.lock` and the manifests of its workspace.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lock::read(Arc::clone(file))?;
    let name = beside(&lock.document.source, "Cargo.toml");
    let Some(root) = files.read(&name)? else {
        let message =
            format!("`{}` is missing, and only it says which packages are direct dependencies", name.display());
        return Err(lock.document.wrong(&lock.document.root, message));
    };
    let workspace = Workspace::read(manifest_of(root)?, files)?;
    let mut found: Vec<Dependency> = Vec::new();
    let mut seen = HashSet::new();
    for manifest in &workspace.members {
        let own = manifest.package().and_then(|name| lock.member(name));
        for declared in workspace.declared(manifest) {
            let (dependency, package) = lock.resolve(&declared, own);
            seen.extend(package);
            found.push(dependency);
        }
    }
    let indirect = lock.packages.iter().enumerate().filter(|(index, _)| !seen.contains(index));
    found.extend(indirect.filter_map(|(_, package)| package.indirect()));
    Ok(found)
}

/// Reads `Cargo.toml` without a lock file.
pub(super) fn manifest(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let workspace = Workspace::read(manifest_of(Arc::clone(file))?, files)?;
    Ok(workspace
        .members
        .iter()
        .flat_map(|member| workspace.declared(member))
        .map(|declared| declared.alone())
        .collect())
}

/// `Cargo.lock`.
struct Lock {
    document: Document,
    packages: Vec<Package>,
    by_name: HashMap<String, Vec<usize>>,
}

/// A package of the lock file.
struct Package {
    name: String,
    version: Written,
    source: Option<String>,
    /// `name`, `name version` or `name version (source)`, as short as is clear.
    dependencies: Vec<String>,
}

impl Lock {
    fn read(file: Arc<Source>) -> Result<Self, FileError> {
        let document = Document::toml(file)?;
        let listed = document.root.get("package").map(Node::items).unwrap_or_default();
        let packages = listed.iter().map(|node| Package::read(&document, node)).collect::<Result<Vec<_>, _>>()?;
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, package) in packages.iter().enumerate() {
            by_name.entry(package.name.clone()).or_default().push(index);
        }
        Ok(Self { document, packages, by_name })
    }

    /// The packages of a name.
    fn called(&self, name: &str) -> impl Iterator<Item = usize> {
        self.by_name.get(name).into_iter().flatten().copied()
    }

    /// The member of the workspace that has a name: it comes from nowhere else.
    fn member(&self, name: &str) -> Option<&Package> {
        self.called(name).map(|index| &self.packages[index]).find(|package| package.source.is_none())
    }

    /// What was chosen for a dependency of a member, and which package of the list that is.
    fn resolve(&self, declared: &Declared<'_>, own: Option<&Package>) -> (Dependency, Option<usize>) {
        if let Some(obstacle) = &declared.obstacle {
            let open = declared.open(obstacle.clone());
            // the package is told of here, so it is none that only others depend on
            return (open, self.called(&declared.package).find(|&index| self.packages[index].obstacle().is_some()));
        }
        let chosen = own.and_then(|own| self.chosen(declared, own));
        let Some(index) = chosen else {
            let lock = self.document.source.name().display();
            let obstacle = format!("`{lock}` does not hold it: run `cargo update --workspace`");
            return (declared.open(obstacle), None);
        };
        let package = &self.packages[index];
        let dependency = match package.obstacle() {
            Some(obstacle) => declared.open(obstacle),
            None => Dependency::pinned(RegistryId::CratesIo, &declared.name, package.version.clone())
                .of(&declared.package)
                .requiring(declared.requirement.clone()),
        };
        (dependency, Some(index))
    }

    /// The one package among those chosen for a member that a dependency can mean. Where the member has two versions of
    /// it under two names, the requirement tells them apart, as they cannot both be accepted.
    fn chosen(&self, declared: &Declared<'_>, own: &Package) -> Option<usize> {
        let named: Vec<usize> = own
            .dependencies
            .iter()
            .flat_map(|text| self.meant(text))
            .filter(|&index| self.packages[index].name == declared.package)
            .collect();
        let mut accepted = named.iter().filter(|index| declared.accepts(&self.packages[**index].version.text));
        let first = accepted.clone().next();
        // another may come from git, under another name
        let listed = accepted.find(|index| self.packages[**index].obstacle().is_none());
        listed.or(first).or_else(|| named.first().filter(|_| named.len() == 1)).copied()
    }

    /// The packages that an entry of a list of dependencies names; one, in a lock file that Cargo wrote.
    fn meant<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let version = words.next();
        let source = words.next().map(|word| word.trim_matches(['(', ')']));
        self.called(name).filter(move |&index| {
            let package = &self.packages[index];
            version.is_none_or(|version| package.version.text == version)
                && source.is_none_or(|source| package.source.as_deref() == Some(source))
        })
    }
}

impl Package {
    fn read(document: &Document, node: &Node) -> Result<Self, FileError> {
        let name = node.get("name").and_then(Node::text);
        let version = node.get("version").and_then(|version| document.written(version));
        let (Some(name), Some(version)) = (name, version) else {
            return Err(document.wrong(node, "a package of the lock file has no name or no version"));
        };
        let dependencies = node.get("dependencies").map(Node::items).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            version,
            source: node.get("source").and_then(Node::text).map(str::to_owned),
            dependencies: dependencies.iter().filter_map(Node::text).map(str::to_owned).collect(),
        })
    }

    /// Why its releases cannot be looked up.
    fn obstacle(&self) -> Option<String> {
        match self.source.as_deref() {
            None => Some("a package of this repository".to_owned()),
            Some(source) if CRATES_IO.contains(&source) => None,
            Some(source) if source.starts_with("git+") => Some("comes from git, not from a registry".to_owned()),
            Some(_) => Some("comes from another registry than crates.io".to_owned()),
        }
    }

    /// It as a dependency of dependencies; `None` for packages of this repository.
    fn indirect(&self) -> Option<Dependency> {
        self.source.as_ref()?;
        let dependency = match self.obstacle() {
            Some(obstacle) => Dependency::open(&self.name, self.version.place.clone(), obstacle),
            None => Dependency::pinned(RegistryId::CratesIo, &self.name, self.version.clone()),
        };
        Some(Dependency { is_direct: false, ..dependency })
    }
}

/// The manifests of a workspace, or of one package.
struct Workspace {
    root: Document,
    members: Vec<Manifest>,
}

/// A `Cargo.toml`.
struct Manifest(Document);

/// The tables of a manifest that name packages.
const KINDS: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

/// Reads a `Cargo.toml`.
fn manifest_of(file: Arc<Source>) -> Result<Document, FileError> {
    Document::toml(file)?.shaped(&KINDS.each_ref().map(|kind| (std::slice::from_ref(kind), Shape::Table)))
}

/// A dependency as a manifest declares it.
struct Declared<'a> {
    name: String,
    package: String,
    requirement: Option<Written>,
    /// Why it is none of crates.io's.
    obstacle: Option<String>,
    /// Where the requirement stands: the member's file, or the workspace's.
    source: &'a Document,
    /// The string of the requirement, or what stands in its place.
    node: &'a Node,
    document: &'a Document,
    entry: &'a Entry,
}

impl Workspace {
    /// The root's own package, then the members in the order of their names, as
    /// [Cargo finds them](https://doc.rust-lang.org/cargo/reference/workspaces.html#the-members-and-exclude-fields).
    fn read(root: Document, files: &dyn Files) -> Result<Self, FileError> {
        let mut members: Vec<Manifest> = root.root.get("package").map(|_| Manifest(root.clone())).into_iter().collect();
        if root.root.get("workspace").is_some() {
            Self::add_members(&root, &mut members, files)?;
        }
        Ok(Self { root, members })
    }

    fn add_members(root: &Document, members: &mut Vec<Manifest>, files: &dyn Files) -> Result<(), FileError> {
        let listed = |key: &str| {
            let list = root.root.at(&["workspace", key]).map(Node::items).unwrap_or_default();
            list.iter().filter_map(Node::text).map(|path| beside(&root.source, path)).collect::<Vec<_>>()
        };
        let excluded = listed("exclude");
        let named = listed("members");
        let mut waiting: VecDeque<PathBuf> = named.iter().flat_map(|pattern| expand(pattern, files)).collect();
        waiting.extend(members.iter().flat_map(|member| member.paths(root)));
        let mut seen: HashSet<PathBuf> = HashSet::from([files.real(&beside(&root.source, ""))]);
        while let Some(directory) = waiting.pop_front() {
            let is_excluded = excluded.iter().any(|path| directory.starts_with(path));
            let is_below = directory.starts_with(beside(&root.source, ""));
            if !is_below || is_excluded || !seen.insert(files.real(&directory)) {
                continue;
            }
            let Some(file) = files.read(&directory.join("Cargo.toml"))? else { continue };
            let manifest = Manifest(manifest_of(file)?);
            waiting.extend(manifest.paths(root));
            members.push(manifest);
        }
        Ok(())
    }

    /// What a member declares, with what it inherits from the workspace.
    fn declared<'a>(&'a self, member: &'a Manifest) -> impl Iterator<Item = Declared<'a>> {
        member.dependencies().map(|entry| {
            let (source, node) = member.meant(entry, &self.root);
            Declared::read(entry, node, source, &member.0)
        })
    }
}

impl Manifest {
    fn package(&self) -> Option<&str> {
        self.0.root.at(&["package", "name"])?.text()
    }

    /// The entries of every table of dependencies, those for single targets included.
    fn dependencies(&self) -> impl Iterator<Item = &Entry> {
        let targets = self.0.root.get("target").map(Node::entries).unwrap_or_default();
        let tables = std::iter::once(&self.0.root).chain(targets.iter().map(|target| &target.node));
        tables.flat_map(|table| KINDS.iter().filter_map(|kind| table.get(kind)).flat_map(Node::entries))
    }

    /// What an entry says, and the file that says it: the workspace's, where the entry inherits from there.
    fn meant<'a>(&'a self, entry: &'a Entry, root: &'a Document) -> (&'a Document, &'a Node) {
        let inherits = matches!(entry.node.get("workspace").map(|node| &node.value), Some(Value::Boolean(true)));
        let shared = root.root.at(&["workspace", "dependencies", &entry.key]).filter(|_| inherits);
        shared.map_or((&self.0, &entry.node), |shared| (root, shared))
    }

    /// The directories of its path dependencies.
    fn paths(&self, root: &Document) -> Vec<PathBuf> {
        let path = |entry| {
            let (source, node) = self.meant(entry, root);
            Some(beside(&source.source, node.get("path")?.text()?))
        };
        self.dependencies().filter_map(path).collect()
    }
}

impl<'a> Declared<'a> {
    fn read(entry: &'a Entry, node: &'a Node, source: &'a Document, document: &'a Document) -> Self {
        let has = |key: &str| node.get(key).is_some();
        let obstacle = if has("path") {
            Some("a path dependency".to_owned())
        } else if has("git") {
            Some("comes from git, not from a registry".to_owned())
        } else if has("registry") || has("registry-index") {
            Some("comes from another registry than crates.io".to_owned())
        } else if has("workspace") && !has("version") {
            // what the workspace says would stand here
            Some("its requirement stands in the `Cargo.toml` of its workspace: name that one".to_owned())
        } else {
            None
        };
        let requirement = if node.text().is_some() { Some(node) } else { node.get("version") };
        let requirement_node = requirement.unwrap_or(node);
        Self {
            name: entry.key.clone(),
            package: node.get("package").and_then(Node::text).unwrap_or(&entry.key).to_owned(),
            requirement: requirement.and_then(|node| source.written(node)),
            obstacle,
            source,
            node: requirement_node,
            document,
            entry,
        }
    }

    fn accepts(&self, version: &str) -> bool {
        let requirement = self.requirement.as_ref().and_then(|text| SchemeId::Semver.requirement(&text.text).ok());
        let version = SchemeId::Semver.parse(version).ok();
        requirement.zip(version).is_some_and(|(requirement, version)| requirement.accepts(&version))
    }

    fn open(&self, obstacle: impl Into<String>) -> Dependency {
        let place = self.document.place(&self.entry.node);
        Dependency::open(&self.name, place, obstacle).of(&self.package).requiring(self.requirement.clone())
    }

    /// It without a lock file: what is required exactly is a pin, and then requires nothing else.
    fn alone(&self) -> Dependency {
        if let Some(obstacle) = &self.obstacle {
            return self.open(obstacle.clone());
        }
        match self.requirement.as_ref().and_then(|written| exact(&written.text)) {
            Some(version) => {
                let pin = self.source.part(self.node, version);
                Dependency::pinned(RegistryId::CratesIo, &self.name, pin).of(&self.package)
            }
            None => Dependency {
                registry: Some(RegistryId::CratesIo),
                ..self.open("its manifest requires a range and pins no version: name the `Cargo.lock`")
            },
        }
    }
}

/// The version of a requirement that accepts only one.
fn exact(requirement: &str) -> Option<&str> {
    let version = requirement.trim().strip_prefix('=')?.trim();
    SchemeId::Semver.parse(version).is_ok().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn told(files: &[(&'static str, &str)]) -> Vec<String> {
        let files = Memory::of(files);
        let file = files.read("Cargo.lock".as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            let version = one.version.map_or("-".to_owned(), |version| version.text);
            let required = one.requirement.map_or(String::new(), |it| format!(" {} ({})", it.text, it.place));
            format!("{} {version}{required} {}", one.name, one.obstacle.unwrap_or_default()).trim_end().to_owned()
        };
        let found = lock(&file, &files).unwrap_or_else(|error| panic!("{}", error.render(false)));
        found.into_iter().filter(|one| one.is_direct).map(told).collect()
    }

    const CRATES: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

    #[test]
    fn a_path_that_is_inherited_leads_to_a_member() {
        let package = |name: &str, rest: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}");
        let lock = [
            package("one", "dependencies = [\"two\"]\n"),
            package("three", CRATES),
            package("two", "dependencies = [\"three\"]\n"),
        ];
        let root =
            "[workspace]\nmembers = ['one']\n[workspace.dependencies]\nt = { path = 'sub/two', package = 'two' }\n";
        let one = "[package]\nname = 'one'\n[dependencies]\nt.workspace = true\n";
        let two = "[package]\nname = 'two'\n[dependencies]\nthree = '1'\n";
        let files = [
            ("Cargo.lock", lock.concat()),
            ("Cargo.toml", root.to_owned()),
            ("one/Cargo.toml", one.to_owned()),
            ("sub/two/Cargo.toml", two.to_owned()),
        ];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        assert_eq!(told(&files), ["t - a path dependency", "three 1.0.0 1 (sub/two/Cargo.toml:4:9)"]);
    }

    #[test]
    fn a_member_alone_does_not_say_what_it_inherits() {
        let files = Memory::of(&[("Cargo.toml", "[package]\nname = 'x'\n[dependencies]\na.workspace = true\n")]);
        let file = files.read("Cargo.toml".as_ref()).unwrap().unwrap();
        let [one] = &manifest(&file, &files).unwrap()[..] else { panic!("one dependency") };
        let reason = "its requirement stands in the `Cargo.toml` of its workspace: name that one";
        assert_eq!((one.registry, one.obstacle.as_deref()), (None, Some(reason)));
    }

    #[test]
    fn of_two_packages_of_a_name_the_registry_s_own_is_the_pin() {
        let git = "source = \"git+https://host/a?branch=main#00\"\n";
        let lock = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n{git}[[package]]\nname = \"a\"\nversion = \"1.1.0\"\n{CRATES}\
             [[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\"a 1.1.0\", \"a 1.2.0\"]\n"
        );
        let swapped = lock.replace("[\"a 1.1.0\", \"a 1.2.0\"]", "[\"a 1.2.0\", \"a 1.1.0\"]");
        let own = "[package]\nname = 'own'\n[dependencies]\na = '1'\nb = { git = 'https://host/a', package = 'a' }\n";
        for lock in [&lock, &swapped] {
            let expected = ["a 1.1.0 1 (Cargo.toml:4:5)", "b - comes from git, not from a registry"];
            assert_eq!(told(&[("Cargo.lock", lock.as_str()), ("Cargo.toml", own)]), expected);
        }
    }
}
