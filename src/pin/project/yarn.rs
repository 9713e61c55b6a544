//! Yarn: `yarn.lock` of version 1, which is a format of its own, and of later ones, which is YAML.
//!
//! Either lists for each `name@requirement` that somebody wrote what was chosen for it, and says nothing of who wrote it. So
//! what is direct is read from `package.json` beside it and from those of its workspaces.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::Dependency;
use super::catalog::Catalogs;
use super::files::{Files, expand};
use super::npm::{self, Meant, parted};
use super::text::{Document, beside, wrong};
use crate::document::{FileError, Node, Source};
use crate::pin::{Place, Written};
use crate::registry::RegistryId;

const OURS: &str = "a package of this repository";

/// Reads a lock file and the manifests of its project.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lock::read(file)?;
    let manifests = manifests(file, &lock, files)?;
    let catalogs = Catalogs::read(&beside(file, ".yarnrc.yml"), files)?;
    let resolutions = Resolutions::of(&manifests[0]);
    let own: HashSet<&str> = manifests.iter().filter_map(|manifest| manifest.root.get("name")?.text()).collect();
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let declared = manifests.iter().flat_map(|manifest| npm::declared(manifest, &manifest.root));
    for declared in declared.map(|one| one.with(&catalogs)) {
        let resolution = resolutions.meant(&declared);
        let block = lock.lookup(&declared, resolution);
        let declared = declared.replaced(resolution.map(|node| (&manifests[0], node)));
        seen.extend(block);
        found.push(resolve(file, &declared, block.map(|index| &lock.blocks[index]), &own));
    }
    let rest = lock.blocks.iter().enumerate().filter(|(index, _)| !seen.contains(index));
    found.extend(rest.filter_map(|(_, block)| block.indirect()));
    Ok(found)
}

fn resolve(file: &Source, declared: &npm::Declared<'_>, block: Option<&Block>, own: &HashSet<&str>) -> Dependency {
    if let Meant::Elsewhere(why) = &declared.meant {
        return declared.open(*why);
    }
    let name = &declared.entry.key;
    let Some(block) = block else {
        let lock = file.name().display();
        return match () {
            () if own.contains(name.as_str()) => declared.open(OURS),
            () if declared.is_peer => declared.without_pin(format!("a peer dependency that `{lock}` does not hold")),
            () => declared.without_pin(format!("`{lock}` does not hold it: run `yarn install`")),
        };
    };
    if block.is_ours {
        return declared.open(OURS);
    }
    let upstream = block.upstream().unwrap_or(declared.meant.package(name)).to_owned();
    Dependency::pinned(RegistryId::Npm, name, block.version.clone()).of(&upstream).requiring(declared.requirement())
}

/// `package.json` of the project and of its workspaces.
fn manifests(file: &Arc<Source>, lock: &Lock, files: &dyn Files) -> Result<Vec<Document>, FileError> {
    let name = beside(file, "package.json");
    let Some(root) = files.read(&name)? else {
        let message =
            format!("`{}` is missing, and only it says which packages are direct dependencies", name.display());
        return Err(wrong(file, 0..0, message));
    };
    let root = npm::project(root)?;
    let mut seen = HashSet::from([beside(file, "")]);
    let mut manifests = Vec::new();
    for directory in workspaces(file, &root, lock, files).into_iter().filter(|directory| seen.insert(directory.clone()))
    {
        manifests.extend(files.read(&directory.join("package.json"))?.map(npm::project).transpose()?);
    }
    manifests.insert(0, root);
    Ok(manifests)
}

/// The directories of the workspaces: those that the patterns of the root stand for, and those that later versions of Yarn
/// list in the lock file.
fn workspaces(file: &Source, root: &Document, lock: &Lock, files: &dyn Files) -> Vec<PathBuf> {
    let listed = root.root.get("workspaces");
    let patterns = listed.map(|listed| listed.get("packages").unwrap_or(listed).items()).unwrap_or_default();
    let meant = |pattern: &str| -> Vec<PathBuf> {
        alternatives(pattern).iter().flat_map(|pattern| expand(&beside(file, pattern), files)).collect()
    };
    let patterns = || patterns.iter().filter_map(Node::text);
    let excluded: HashSet<PathBuf> =
        patterns().filter_map(|pattern| pattern.strip_prefix('!')).flat_map(meant).collect();
    let included = patterns().filter(|pattern| !pattern.starts_with('!')).flat_map(meant);
    let locked = lock.blocks.iter().filter_map(Block::directory).map(|directory| beside(file, directory));
    included.filter(|directory| !excluded.contains(directory)).chain(locked).collect()
}

/// The most patterns that one with braces is taken for, and how long that may be in bytes.
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 1024;

/// A pattern for each alternative of its braces: `a/{b,c}/*`.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([pattern.to_owned()]);
    while let Some(pattern) = waiting.pop_front() {
        let braces = pattern.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let is_few = waiting.len() + found.len() < MOST_PATTERNS && pattern.len() <= LONGEST_PATTERN;
        match braces.filter(|_| is_few) {
            Some((before, (inner, after))) => {
                waiting.extend(inner.split(',').map(|inner| format!("{before}{inner}{after}")));
            }
            None => found.push(pattern),
        }
    }
    found
}

/// What was chosen for one or more requirements.
struct Block {
    /// `name@requirement` of each.
    keys: Vec<String>,
    version: Written,
    /// Which package it is, as later versions of Yarn tell: `name@npm:1.2.3`.
    resolution: Option<String>,
    /// Whether it is a package of the repository itself.
    is_ours: bool,
}

impl Block {
    /// Upstream's name, where the lock file says.
    fn upstream(&self) -> Option<&str> {
        self.resolution.as_deref().map(|resolution| parted(resolution).0)
    }

    /// Where a package of the repository lies, where the lock file says.
    fn directory(&self) -> Option<&str> {
        let (_, directory) = self.resolution.as_deref()?.split_once("@workspace:")?;
        (!directory.starts_with('/') && !directory.split('/').any(|part| part == "..")).then_some(directory)
    }

    /// A package that only others depend on.
    fn indirect(&self) -> Option<Dependency> {
        let (name, requirement) = parted(self.keys.first()?);
        if self.is_ours || self.keys.iter().any(|key| key.contains("@patch:")) {
            return None;
        }
        let meant =
            Meant::of(requirement.strip_prefix("npm:").filter(|rest| !rest.contains('@')).unwrap_or(requirement));
        let dependency = match &meant {
            Meant::Elsewhere(why) => Dependency::open(name, self.version.place.clone(), *why),
            _ => Dependency::pinned(RegistryId::Npm, name, self.version.clone()),
        };
        let upstream = self.upstream().unwrap_or(meant.package(name)).to_owned();
        Some(Dependency { is_direct: false, ..dependency.of(&upstream) })
    }
}

struct Lock {
    blocks: Vec<Block>,
    by_key: HashMap<String, usize>,
}

impl Lock {
    fn read(file: &Arc<Source>) -> Result<Self, FileError> {
        let blocks = if file.text().contains("\n__metadata:") { later(file)? } else { first(file)? };
        let keys = |(index, block): (usize, &Block)| {
            block.keys.iter().map(move |key| (key.clone(), index)).collect::<Vec<_>>()
        };
        let by_key = blocks.iter().enumerate().flat_map(keys).collect();
        Ok(Self { blocks, by_key })
    }

    /// What was chosen for a dependency, under the requirement as the manifest or the catalog writes it, or under what was
    /// put in its place.
    fn lookup(&self, declared: &npm::Declared<'_>, resolution: Option<&Node>) -> Option<usize> {
        let name = &declared.entry.key;
        let key = |requirement: &str| {
            let keys = [format!("{name}@{requirement}"), format!("{name}@npm:{requirement}")];
            keys.iter().find_map(|key| self.by_key.get(key)).copied()
        };
        key(declared.text()?).or_else(|| key(resolution?.text()?))
    }
}

/// What [`resolutions`](https://yarnpkg.com/configuration/manifest#resolutions) put in the place of requirements, by the
/// name of the package: each with the requirement that it is for, or nothing.
struct Resolutions<'a>(HashMap<&'a str, Vec<(&'a str, &'a Node)>>);

impl<'a> Resolutions<'a> {
    fn of(root: &'a Document) -> Self {
        let mut by_name: HashMap<&str, Vec<(&str, &Node)>> = HashMap::new();
        for entry in root.root.get("resolutions").map(Node::entries).unwrap_or_default() {
            let (package, range) = parted(entry.key.strip_prefix("**/").unwrap_or(&entry.key));
            let range = range.strip_prefix("npm:").unwrap_or(range);
            by_name.entry(package).or_default().push((range, &entry.node));
        }
        Self(by_name)
    }

    fn meant(&self, declared: &npm::Declared<'_>) -> Option<&'a Node> {
        let requirement = declared.text()?;
        let named = self.0.get(declared.entry.key.as_str())?;
        named.iter().find(|(range, _)| range.is_empty() || *range == requirement).map(|(_, node)| *node)
    }
}

/// The YAML of later versions. <https://yarnpkg.com/advanced/lexicon#lockfile>
fn later(file: &Arc<Source>) -> Result<Vec<Block>, FileError> {
    let document = Document::yaml(Arc::clone(file))?;
    let mut blocks = Vec::new();
    for entry in document.root.entries().iter().filter(|entry| entry.key != "__metadata") {
        let Some(version) = entry.node.get("version").and_then(|version| document.written(version)) else {
            return Err(wrong(file, entry.key_span.clone(), "a package of the lock file has no version"));
        };
        let resolution = entry.node.get("resolution").and_then(Node::text).map(str::to_owned);
        blocks.push(Block {
            keys: entry.key.split(", ").map(str::to_owned).collect(),
            version,
            is_ours: resolution.as_ref().is_some_and(|resolution| resolution.contains("@workspace:")),
            resolution,
        });
    }
    Ok(blocks)
}

/// Version 1: the keys at the margin, with a colon at their end, and two spaces before each field.
fn first(file: &Arc<Source>) -> Result<Vec<Block>, FileError> {
    if !file.text().contains("# yarn lockfile v1") {
        return Err(wrong(file, 0..0, "is no lock file that Yarn wrote: `# yarn lockfile v1` is missing"));
    }
    let mut blocks = Vec::new();
    let mut open: Option<(Vec<String>, Range<usize>)> = None;
    let mut start = 0;
    for raw in file.text().split_inclusive('\n') {
        let line = raw.trim_end();
        let range = start..start + line.len();
        start += raw.len();
        if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
            return Err(wrong(file, range, "a merge has left its mark: run `yarn install`"));
        }
        if let Some(header) = line.strip_suffix(':').filter(|line| !line.starts_with([' ', '#'])) {
            no_version(file, open.take())?;
            let keys = header.split(", ").map(|key| key.trim_matches('"').to_owned()).collect();
            open = Some((keys, range));
        } else if let Some(version) = line.strip_prefix("  version ") {
            let Some((keys, _)) = open.take() else { continue };
            let place = Place::of(file, &(range.end - version.len()..range.end));
            let version = Written { text: version.trim_matches('"').to_owned(), place };
            blocks.push(Block { keys, version, resolution: None, is_ours: false });
        } else if let (None, true, Some(block)) = (&open, line.starts_with("  resolved \"file:"), blocks.last_mut()) {
            block.is_ours = true;
        }
    }
    no_version(file, open)?;
    Ok(blocks)
}

fn no_version(file: &Arc<Source>, open: Option<(Vec<String>, Range<usize>)>) -> Result<(), FileError> {
    open.map_or(Ok(()), |(_, range)| Err(wrong(file, range, "a package of the lock file has no version")))
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    const FIRST: &str = "# yarn lockfile v1\n\n\n\"@t/a@^1\", \"@t/a@^1.2\":\n  version \"1.2.3\"\n  dependencies:\n    b \"2\"\n\n\
        b@2:\n  version \"2.0.0\"\n\n\"alias@npm:real@3\":\n  version \"3.0.0\"\n\n\"g@git+https://host/g\":\n  version \"0.1.0\"\n\n\
        \"beside@>= 1\", \"beside@file:p/beside\":\n  version \"1.0.0\"\n  resolved \"file:p/beside\"\n";
    const LATER: &str = "# a head\n\n__metadata:\n  version: 8\n\n\"@t/a@npm:^1, @t/a@npm:^1.2\":\n  version: 1.2.3\n  resolution: \
        \"@t/a@npm:1.2.3\"\n\n\"alias@npm:real@3\":\n  version: 3.0.0\n  resolution: \"real@npm:3.0.0\"\n\n\"b@npm:2\":\n  version: \
        2.0.0\n  resolution: \"b@npm:2.0.0\"\n\n\"ours@workspace:p/ours\":\n  version: 0.0.0-use.local\n  resolution: \"ours@workspace:p/ours\"\n\n\
        \"beside@npm:>= 1, beside@workspace:p/beside\":\n  version: 0.0.0-use.local\n  resolution: \"beside@workspace:p/beside\"\n";
    const ROOT: &str = r#"{ "workspaces": { "packages": ["p/*"] }, "dependencies": { "@t/a": "^1.2", "alias": "npm:real@3", "ours": "*", "beside": ">= 1" } }"#;
    const OWN: &str =
        r#"{ "name": "ours", "peerDependencies": { "@t/a": "^1", "none": ">=1" }, "dependencies": { "gone": "1" } }"#;

    fn told(lock_text: &str) -> Vec<String> {
        let files = Memory::of(&[("yarn.lock", lock_text), ("package.json", ROOT), ("p/ours/package.json", OWN)]);
        let file = files.read("yarn.lock".as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            let version =
                one.version.map_or("-".to_owned(), |version| format!("{}@{}", version.text, version.place.line));
            let mark = if one.is_direct { "" } else { "~" };
            format!("{mark}{}={} {version} {}", one.name, one.upstream, one.obstacle.unwrap_or_default())
                .trim_end()
                .to_owned()
        };
        lock(&file, &files).unwrap_or_else(|error| panic!("{}", error.render(false))).into_iter().map(told).collect()
    }

    #[test]
    fn both_formats_say_the_same() {
        let own = [
            "ours=ours - a package of this repository",
            "beside=beside - a package of this repository",
            "gone=gone - `yarn.lock` does not hold it: run `yarn install`",
        ];
        let peer = "none=none - a peer dependency that `yarn.lock` does not hold";
        assert_eq!(
            told(FIRST),
            [
                "@t/a=@t/a 1.2.3@5",
                "alias=real 3.0.0@13",
                own[0],
                own[1],
                own[2],
                "@t/a=@t/a 1.2.3@5",
                peer,
                "~b=b 2.0.0@10",
                "~g=g - comes from git, not from a registry",
            ]
        );
        assert_eq!(
            told(LATER),
            [
                "@t/a=@t/a 1.2.3@7",
                "alias=real 3.0.0@11",
                own[0],
                own[1],
                own[2],
                "@t/a=@t/a 1.2.3@7",
                peer,
                "~b=b 2.0.0@15"
            ]
        );
    }

    #[test]
    fn catalogs_and_resolutions_say_what_was_looked_up() {
        let lock = "# a head\n\n__metadata:\n  version: 8\n\n\"a@npm:^1\":\n  version: 1.2.3\n  resolution: \"a@npm:1.2.3\"\n\n\
            \"b@npm:2.0.1\":\n  version: 2.0.1\n  resolution: \"b@npm:2.0.1\"\n\n\"c@npm:3.0.1\":\n  version: 3.0.1\n  resolution: \"c@npm:3.0.1\"\n";
        let manifest = r#"{ "dependencies": { "a": "catalog:", "b": "^2", "c": "^3", "d": "^4" },
            "resolutions": { "b": "npm:2.0.1", "**/c@^3": "3.0.1", "d@^3": "4.0.0" } }"#;
        let files =
            Memory::of(&[("yarn.lock", lock), ("package.json", manifest), (".yarnrc.yml", "catalog:\n  a: ^1\n")]);
        let file = files.read("yarn.lock".as_ref()).unwrap().unwrap();
        let text = |written: Option<Written>| written.map(|one| one.text).unwrap_or_default();
        let told: Vec<String> = super::lock(&file, &files)
            .unwrap()
            .into_iter()
            .map(|one| format!("{} {} {}", one.name, text(one.version), text(one.requirement)))
            .collect();
        assert_eq!(told, ["a 1.2.3 ^1", "b 2.0.1 2.0.1", "c 3.0.1 3.0.1", "d  ^4"]);
    }

    #[test]
    fn workspaces_are_found_wherever_they_lie() {
        let root = r#"{ "workspaces": ["p/**", "{x,y}/*", "!p/out"] }"#;
        let later = "# a head\n\n__metadata:\n  version: 8\n\n\"a@workspace:far/a\":\n  version: 0.0.0-use.local\n  resolution: \
            \"a@workspace:far/a\"\n\n\"root@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"root@workspace:.\"\n";
        let asks = |name: &str| format!(r#"{{ "dependencies": {{ "{name}": "1" }} }}"#);
        let [deep, x, y, out, far] = ["deep", "x", "y", "out", "far"].map(asks);
        for (lock_text, expected) in
            [("# yarn lockfile v1\n", vec!["deep", "x", "y"]), (later, vec!["deep", "x", "y", "far"])]
        {
            let files = Memory::of(&[
                ("yarn.lock", lock_text),
                ("package.json", root),
                ("p/deep/er/package.json", &deep),
                ("p/out/package.json", &out),
                ("p/node_modules/no/package.json", &out),
                ("x/a/package.json", &x),
                ("y/b/package.json", &y),
                ("far/a/package.json", &far),
            ]);
            let file = files.read("yarn.lock".as_ref()).unwrap().unwrap();
            let told: Vec<String> = lock(&file, &files).unwrap().into_iter().map(|one| one.name).collect();
            assert_eq!(told, expected);
        }
        assert_eq!(alternatives("{a,b}/{c,d}"), ["a/c", "a/d", "b/c", "b/d"]);
        assert_eq!(alternatives("{a,b"), ["{a,b"]);
        assert_eq!(alternatives(&"{a,b}".repeat(100)).len(), MOST_PATTERNS + 1);
        assert_eq!(alternatives(&"{a,b}".repeat(1000)).len(), 1);
    }

    #[test]
    fn what_is_no_lock_file_is_told() {
        for text in [
            "",
            "# yarn lockfile v1\na@1:\n  resolved \"x\"\n",
            "# yarn lockfile v1\n<<<<<<< HEAD\n",
            "\n__metadata:\n  version: 8\na@1: x\n",
        ] {
            let files = Memory::of(&[("yarn.lock", text), ("package.json", "{}")]);
            let file = files.read("yarn.lock".as_ref()).unwrap().unwrap();
            let error = lock(&file, &files).unwrap_err().to_string();
            assert!(error.starts_with("yarn.lock:"), "{text}: {error}");
        }
    }
}
