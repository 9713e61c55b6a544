//! Everything that we hold: the pins of `upstream-versions.json` and the settings, and those of the files that they name.
//!
//! A package has one pin a version. What these two themselves say of a package comes first: then a file that pins it too
//! is only compared with it (`drift`), and lends it its requirement. Otherwise every version that files pin
//! is a pin, at its first place, named after the package; a second version of it in the same group carries the version in
//! its name, so that ids stay unique.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::from::FromEntry;
use super::ground::Ground;
use super::manifest::{Manifest, Part};
use super::project::files::{Disk, Files, directory, expand, is_pattern};
use super::project::text::normal;
use super::project::{Dependency, Format};
use super::{Pin, Place, Strategy, TagTemplate, names};
use crate::document::{FileError, Placed, Problem, Source, Text, Wrong};
use crate::registry::RegistryId;

/// A dependency of a file that is no pin, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpinned {
    /// The group that it would belong to.
    pub group: String,
    /// The package, as the file names it.
    pub package: String,
    /// The version, where the file has one.
    pub version: Option<String>,
    /// What the project requires of it.
    pub requirement: Option<String>,
    /// A sentence fragment.
    pub reason: String,
    /// Where it stands.
    pub place: Place,
}

/// Pins, and what could not be pinned down.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// The pins file and the settings, whose pins include those of other files.
    pub manifest: Manifest,
    /// What could not be pinned down, in the order of the files.
    pub unpinned: Vec<Unpinned>,
}

impl Holdings {
    /// Reads the pins file, the `[[pins]]` of the settings, and every file that they name.
    ///
    /// # Errors
    /// When one of them cannot be read, or with everything that is wrong in the first that is wrong.
    pub fn read(path: &Path, settings: Option<Source>) -> Result<Self, FileError> {
        let manifest = Manifest::read(path, settings)?;
        let files = Disk::around(manifest.home());
        Self::with(manifest, &files)
    }

    /// Adds what the files say that a pins file names.
    ///
    /// # Errors
    /// When one of them cannot be read, or with everything that is wrong in the first that is wrong.
    pub fn with(mut manifest: Manifest, files: &dyn Files) -> Result<Self, FileError> {
        let located = located(&manifest, files)?;
        manifest.pins.extend(located);
        let mut gathering = Gathering::new(&manifest);
        for Found { group, dependency, .. } in found(&manifest, files)? {
            gathering.add(&group, dependency);
        }
        let Gathering { pins, unpinned, .. } = gathering;
        manifest.pins = pins;
        Ok(Self { manifest, unpinned })
    }
}

/// What a file that the pins file names says of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The format of the file that was named; the dependency may stand in one that belongs to it. `None` for what a
    /// pattern found in a text.
    pub(crate) format: Option<Format>,
    /// The file that was named.
    pub(crate) file: PathBuf,
    /// The group that a pin of it belongs to.
    pub(crate) group: String,
    /// What it says.
    pub(crate) dependency: Dependency,
}

/// The pins whose versions stand in other files, by path or pattern, in their order.
///
/// # Errors
/// When such a file cannot be read, or does not hold a version where it should.
pub(crate) fn located(manifest: &Manifest, files: &dyn Files) -> Result<Vec<Pin>, FileError> {
    let mut pins = Vec::new();
    for Part { source: own, located, .. } in &manifest.parts {
        for located in located {
            let file = directory(own.name()).join(&located.file.value.0);
            let Some(source) = files.read(&normal(&file))? else { return Err(missing(own, &located.file)) };
            pins.extend(located.read(own, &source)?);
        }
    }
    Ok(pins)
}

/// Everything that counts in the files that the pins file names, in their order.
///
/// # Errors
/// When one of them cannot be read, or with everything that is wrong in the first that is wrong.
pub(crate) fn found(manifest: &Manifest, files: &dyn Files) -> Result<Vec<Found>, FileError> {
    let mut all = Vec::new();
    for (own, entry) in entries(manifest) {
        for file in chosen(own, entry, files)? {
            let format = if entry.pattern.is_some() { None } else { Some(format_of(own, entry, &file)?) };
            let Some(source) = files.read(&file)? else { return Err(gone(own, &entry.file, &file)) };
            let dependencies = match (format, &entry.pattern) {
                (Some(format), _) => format.read(&source, files)?,
                (None, Some(pattern)) => {
                    Ground::new(own, &source, &entry.file, None).matches(pattern, entry.registry())?
                }
                (None, None) => Vec::new(),
            };
            let group = entry.group.clone().unwrap_or_else(|| format.map_or("", Format::group).to_owned());
            let counted = dependencies.into_iter().filter(|dependency| entry.takes(dependency));
            all.extend(counted.map(|dependency| Found {
                format,
                file: file.clone(),
                group: group.clone(),
                dependency,
            }));
        }
    }
    Ok(all)
}

/// The files of known formats that the entries of the pins file name, each with its format.
///
/// # Errors
/// When a pattern matches nothing, or a name does not say what its file is.
pub(crate) fn named(manifest: &Manifest, files: &dyn Files) -> Result<Vec<(Format, PathBuf)>, FileError> {
    let mut all = Vec::new();
    for (own, entry) in entries(manifest).filter(|(_, entry)| entry.pattern.is_none()) {
        for file in chosen(own, entry, files)? {
            all.push((format_of(own, entry, &file)?, file));
        }
    }
    Ok(all)
}

/// The entries whose pins are those that their files say, each with the file that names it.
fn entries(manifest: &Manifest) -> impl Iterator<Item = (&Arc<Source>, &FromEntry)> {
    let all = manifest.parts.iter().flat_map(|part| part.from.iter().map(move |entry| (&part.source, &entry.value)));
    all.filter(|(_, entry)| entry.pins.is_empty())
}

fn format_of(own: &Arc<Source>, entry: &FromEntry, file: &Path) -> Result<Format, FileError> {
    let format = entry.format().or_else(|| Format::of(&file.to_string_lossy()));
    format.ok_or_else(|| no_format(own, &entry.file))
}

/// The files of an entry.
fn chosen(own: &Arc<Source>, entry: &FromEntry, files: &dyn Files) -> Result<Vec<PathBuf>, FileError> {
    let found = expand(&directory(own.name()).join(&entry.file.value.0), files);
    if found.is_empty() { Err(missing(own, &entry.file)) } else { Ok(found) }
}

fn missing(own: &Arc<Source>, file: &Placed<Text>) -> FileError {
    let what = if is_pattern(&file.value.0) { "no file matches" } else { "there is no file" };
    let message = format!("{what} `{}`", file.value.0);
    let problem = Problem::new(file.span.clone(), message);
    told(own, problem.help("the path starts at the directory of this file"))
}

/// A name was listed, and nothing is behind it.
fn gone(own: &Arc<Source>, named: &Placed<Text>, file: &Path) -> FileError {
    if !is_pattern(&named.value.0) {
        return missing(own, named);
    }
    let message = format!("`{}` matches `{}`, a link to nothing", named.value.0, file.display());
    told(own, Problem::new(named.span.clone(), message).help("remove the link, or mend it"))
}

fn no_format(own: &Arc<Source>, file: &Placed<Text>) -> FileError {
    let words: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let message = format!("`{}` is not called like a file that upmon knows", file.value.0);
    let help = format!(
        "say what it is with a `format`, one of {}; or where the versions stand in it with `pins` or a `pattern`",
        words.join(", ")
    );
    told(own, Problem::new(file.span.clone(), message).help(help))
}

fn told(own: &Arc<Source>, problem: Problem) -> FileError {
    Wrong::new(Arc::clone(own), vec![problem]).into()
}

/// What names a package, whoever spells it.
pub(crate) type Identity = (RegistryId, String, String);

struct Gathering {
    pins: Vec<Pin>,
    unpinned: Vec<Unpinned>,
    /// Group, package, version and reason of what could not be pinned down.
    told: HashSet<(String, String, Option<String>, String)>,
    /// How many of the pins are the pins file's own.
    own: usize,
    by_package: HashMap<Identity, Vec<usize>>,
    ids: HashSet<String>,
}

impl Gathering {
    fn new(manifest: &Manifest) -> Self {
        let mut gathering = Self {
            pins: Vec::new(),
            unpinned: Vec::new(),
            told: HashSet::new(),
            own: manifest.pins.len(),
            by_package: HashMap::new(),
            ids: HashSet::new(),
        };
        manifest.pins.iter().cloned().for_each(|pin| gathering.push(pin));
        gathering
    }

    fn push(&mut self, pin: Pin) {
        self.ids.insert(pin.id());
        self.by_package
            .entry(identity(pin.registry, &pin.upstream, pin.url.as_deref(), part(pin.tag.as_ref(), &pin.version)))
            .or_default()
            .push(self.pins.len());
        self.pins.push(pin);
    }

    fn add(&mut self, group: &str, dependency: Dependency) {
        let known = self.known(&dependency);
        let own: Vec<usize> = known.iter().copied().filter(|&index| index < self.own).collect();
        if !own.is_empty() {
            return own.into_iter().for_each(|index| confirm(&mut self.pins[index], &dependency));
        }
        if let Some(obstacle) = obstacle(&dependency) {
            if self.is_pinned_at(&dependency) {
                return;
            }
            let lent: Vec<usize> =
                known.into_iter().filter(|&index| self.is_beside(index, group, &dependency)).collect();
            if lent.is_empty() || dependency.requirement.is_none() {
                self.leave_out(group, dependency, obstacle);
            } else {
                for index in lent {
                    self.pins[index].require(dependency.requirement.clone());
                }
            }
            return;
        }
        let same = |&index: &usize| {
            let pin = &self.pins[index];
            pin.group == group && dependency.version.as_ref().is_some_and(|version| version.text == pin.version)
        };
        match known.iter().copied().find(same) {
            Some(index) => self.pins[index].require(dependency.requirement),
            None => self.pin(group, dependency),
        }
    }

    /// The pins of the same package.
    fn known(&self, dependency: &Dependency) -> Vec<usize> {
        let Some(registry) = dependency.registry else { return Vec::new() };
        let version = dependency.version.as_ref().map_or("", |version| &version.text);
        let part = part(dependency.tag.as_ref(), version);
        let identity = identity(registry, &dependency.upstream, dependency.url.as_deref(), part);
        self.by_package.get(&identity).cloned().unwrap_or_default()
    }

    /// Whether a path or a pattern of the pins file makes its version a pin.
    fn is_pinned_at(&self, dependency: &Dependency) -> bool {
        let version = dependency.version.as_ref();
        version.is_some_and(|version| self.pins[..self.own].iter().any(|pin| pin.place.overlaps(&version.place)))
    }

    /// Whether a pin is of the same project: one project's requirement says nothing of what another pins.
    fn is_beside(&self, index: usize, group: &str, dependency: &Dependency) -> bool {
        let pin = &self.pins[index];
        pin.group == group && pin.place.file.parent() == dependency.place.file.parent()
    }

    fn leave_out(&mut self, group: &str, dependency: Dependency, reason: String) {
        let unpinned = Unpinned {
            group: group.to_owned(),
            package: dependency.name,
            version: dependency.version.map(|version| version.text),
            requirement: dependency.requirement.map(|requirement| requirement.text),
            reason,
            place: dependency.place,
        };
        // members of a workspace declare the same dependency again and again
        let Unpinned { group, package, version, reason, .. } = unpinned.clone();
        if self.told.insert((group, package, version, reason)) {
            self.unpinned.push(unpinned);
        }
    }

    fn pin(&mut self, group: &str, dependency: Dependency) {
        let (Some(registry), Some(version)) = (dependency.registry, dependency.version) else { return };
        let plain = dependency.name;
        let is_taken = self.ids.contains(&format!("{group}/{plain}"));
        let package = if is_taken { format!("{plain}@{}", version.text) } else { plain };
        let mut pin = Pin {
            group: group.to_owned(),
            package,
            upstream: dependency.upstream,
            version: version.text,
            registry,
            scheme: dependency.scheme.unwrap_or(registry.scheme()),
            url: dependency.url,
            strategy: Strategy::Tags,
            tag: dependency.tag,
            requirement: None,
            requirements: Vec::new(),
            elsewhere: Vec::new(),
            moves: dependency.moves,
            prereleases: None,
            channel: None,
            ignore: dependency.ignore,
            policy: None,
            dispatch: None,
            changelog: None,
            migration_guide: None,
            place: version.place,
        };
        pin.require(dependency.requirement);
        self.push(pin);
    }
}

/// What a file says of a package that the pins file pins itself.
fn confirm(pin: &mut Pin, dependency: &Dependency) {
    if dependency.obstacle.is_none() {
        pin.elsewhere.extend(dependency.version.clone());
    }
    pin.require(dependency.requirement.clone());
}

/// Why it is no pin: what the format says, or a name that no registry could be asked for.
pub(crate) fn obstacle(dependency: &Dependency) -> Option<String> {
    if let Some(obstacle) = &dependency.obstacle {
        return Some(obstacle.clone());
    }
    let Some(registry) = dependency.registry else { return Some("no registry of upmon lists it".to_owned()) };
    let refusal = names::key(&dependency.name).and_then(|()| names::upstream(&dependency.upstream, registry)).err()?;
    Some(format!("its name {}", refusal.reason))
}

/// A package by the name under which its registry knows it, as far as spellings differ.
pub(crate) fn identity(registry: RegistryId, upstream: &str, url: Option<&str>, part: String) -> Identity {
    let name = match registry {
        RegistryId::PyPi => crate::registry::pypi::fold(upstream),
        RegistryId::Git => url.unwrap_or(upstream).trim_end_matches('/').trim_end_matches(".git").to_lowercase(),
        RegistryId::CratesIo => upstream.to_lowercase().replace('_', "-"),
        RegistryId::Npm | RegistryId::RubyGems => upstream.to_owned(),
    };
    (registry, name, part)
}

/// What of a git remote it is: a repository may hold several packages, each with the tags of its own directory
/// (`gopls/v0.15.0`).
pub(crate) fn part(tag: Option<&TagTemplate>, version: &str) -> String {
    let prefix = tag.map_or_else(|| TagTemplate::infer(version).prefix().to_owned(), |tag| tag.prefix().to_owned());
    prefix.rsplit_once('/').map(|(directory, _)| directory.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::project::files::Memory;

    fn held(pins: &str, files: &[(&'static str, &str)]) -> Holdings {
        let manifest = Manifest::parse(Source::new("pins.json", pins)).unwrap();
        Holdings::with(manifest, &Memory::of(files)).unwrap_or_else(|error| panic!("{}", error.render(false)))
    }

    fn pinned(holdings: &Holdings) -> Vec<String> {
        holdings.manifest.pins.iter().map(|pin| format!("{} {} {:?}", pin.id(), pin.version, pin.requirement)).collect()
    }

    const WEB: &str = r#"{ "dependencies": { "a": "1.0.0", "@t/b": "2.0.0", "c": "^3" }, "devDependencies": { "a": ">=1" },
        "peerDependencies": { "a": "<3" } }"#;

    #[test]
    fn every_version_is_a_pin_once_and_meets_all_that_is_required() {
        let older = r#"{ "dependencies": { "a": "0.9.0" }, "peerDependencies": { "c": "1 || 2", "a": "<2" } }"#;
        let found = held(
            r#"{ "from": ["x/package.json", "y/package.json", { "file": "x/package.json", "group": "web" }] }"#,
            &[("./x/package.json", WEB), ("x/package.json", WEB), ("y/package.json", older)],
        );
        assert_eq!(
            pinned(&found),
            [
                r#"npm/a 1.0.0 Some(">=1 <3")"#,
                "npm/@t/b 2.0.0 None",
                r#"npm/a@0.9.0 0.9.0 Some("<2")"#,
                r#"web/a 1.0.0 Some(">=1 <3")"#,
                "web/@t/b 2.0.0 None",
            ]
        );
    }

    #[test]
    fn the_pins_file_comes_first_and_is_compared() {
        let found = held(
            r#"{ "mine": { "key": { "version": "1.0.1", "registry": "npm", "package": "a" } },
                 "npm": { "c": "3.1.0" }, "from": ["package.json"] }"#,
            &[("package.json", WEB)],
        );
        assert_eq!(
            pinned(&found),
            [r#"mine/key 1.0.1 Some(">=1 <3")"#, r#"npm/c 3.1.0 Some("^3")"#, "npm/@t/b 2.0.0 None"]
        );
        let elsewhere: Vec<_> = found.manifest.pins[0].elsewhere.iter().map(|other| other.text.as_str()).collect();
        assert_eq!(elsewhere, ["1.0.0"]);
        assert!(found.manifest.pins[1].elsewhere.is_empty() && found.unpinned.is_empty());
    }

    #[test]
    fn globs_choose_among_the_packages() {
        let chosen = |entry: &str| {
            let pins = format!(r#"{{ "from": [{{ "file": "*.json", "format": "package-json", {entry} }}] }}"#);
            let found = held(&pins, &[("web.json", WEB)]);
            let names = found.manifest.pins.iter().map(|pin| pin.package.clone());
            names.chain(found.unpinned.iter().map(|other| format!("-{}", other.package))).collect::<Vec<_>>()
        };
        assert_eq!(chosen(r#""all": false"#), ["a", "@t/b", "-c"]);
        assert_eq!(chosen(r#""include": ["@t/*"]"#), ["@t/b"]);
        assert_eq!(chosen(r#""exclude": ["a", "@*"]"#), ["-c"]);
    }

    #[test]
    fn modules_of_one_repository_are_pins_apart_and_are_compared_by_their_own_tags() {
        let text =
            "require (\n\tgithub.com/a/b v1.0.0\n\tgithub.com/a/b/sub v1.0.0\n\tgithub.com/a/b/other v1.0.0\n)\n";
        let own = r#"{ "git": { "sub": { "version": "sub/v1.0.0", "url": "https://github.com/a/b.git" },
            "other": { "version": "1.1.0", "tag": "other/v{version}", "url": "https://github.com/a/b" } }, "from": ["go.mod"] }"#;
        let found = held(own, &[("go.mod", text)]);
        assert_eq!(
            pinned(&found),
            ["git/sub sub/v1.0.0 None", "git/other 1.1.0 None", "go/github.com/a/b v1.0.0 None"]
        );
        let drift: Vec<String> = found.manifest.pins.iter().flat_map(crate::pin::drift).collect();
        assert_eq!(drift, ["`pins.json:2` pins `1.1.0`, `go.mod:4` pins `1.0.0`"]);
    }

    const TOOLS: &str =
        "# tools\n[tools]\njust = \"1.36.0\"\nport = 8\n[[list]]\nname = \"ripgrep\"\nversion = \"14.1.0\"\n";

    #[test]
    fn versions_are_found_by_paths_and_by_patterns() {
        let own = r#"{ "npm": { "c": "1.0.0" }, "from": [
            { "file": "versions.toml", "group": "tools", "pins": {
                "just": { "path": "$.tools.just", "registry": "crates-io", "requirement": "^1" },
                "rg": { "path": "$.list[?@.name == 'ripgrep'].version", "registry": "crates-io", "package": "ripgrep" },
                "fd": { "path": "$.tools.port", "registry": "git", "url": "https://github.com/sharkdp/fd", "strategy": "commits" } } },
            { "file": "Taskfile.yml", "group": "npm", "pins": { "prettier": { "path": "$.vars['PRETTIER_VERSION']" } } },
            { "file": "x.json", "group": "npm", "pins": { "d": { "path": "$..d.version" } } },
            { "file": "build.sh", "group": "python", "pins": { "ruff": { "pattern": "^RUFF=(?<version>\\S+) # (?<requirement>\\S+)$" } } },
            { "file": "tools.txt", "group": "mixed", "registry": "npm", "exclude": ["no*"],
              "pattern": "^(?<package>\\S+)@(?<version>\\S+)(?: of (?<registry>\\S+))?$" }, "package.json" ] }"#;
        let found = held(
            own,
            &[
                ("versions.toml", TOOLS),
                ("Taskfile.yml", "version: '3'\nvars:\n  PRETTIER_VERSION: 3.10\n"),
                ("x.json", r#"{ "a": { "d": { "version": "2.0.0" } } }"#),
                ("build.sh", "set -e\r\nRUFF=0.5.0 # <1\r\n"),
                ("tools.txt", "a@1.0.0\nnope@1\nserde@1.0.1 of crates-io\nx@2 of hackage\ny@v1 of git\n"),
                ("package.json", r#"{ "dependencies": { "prettier": "3.9.0" } }"#),
            ],
        );
        assert_eq!(
            pinned(&found),
            [
                "npm/c 1.0.0 None",
                r#"tools/just 1.36.0 Some("^1")"#,
                "tools/rg 14.1.0 None",
                "tools/fd 8 None",
                "npm/prettier 3.10 None",
                "npm/d 2.0.0 None",
                r#"python/ruff 0.5.0 Some("<1")"#,
                "mixed/a 1.0.0 None",
                "mixed/serde 1.0.1 None",
            ]
        );
        let pins = &found.manifest.pins;
        let places: Vec<String> = pins.iter().map(|pin| pin.place.to_string()).collect();
        assert_eq!(
            places[1..7],
            [
                "versions.toml:3:8",
                "versions.toml:7:11",
                "versions.toml:4:8",
                "Taskfile.yml:3:21",
                "x.json:1:28",
                "build.sh:2:6"
            ]
        );
        assert_eq!(pins[3].strategy, Strategy::Commits { branch: None, pin: "8".to_owned() });
        assert_eq!(pins[4].elsewhere[0].text, "3.9.0", "a file that pins it too is compared");
        let reasons: Vec<&str> = found.unpinned.iter().map(|other| other.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "upmon knows no registry `hackage`",
                "a git remote has an address, which `pins` can say and a pattern cannot"
            ]
        );
    }

    #[test]
    fn what_a_pattern_pins_is_not_listed_as_an_image_too() {
        let own = r#"{ "from": ["Dockerfile", { "file": "Dockerfile", "group": "tools", "pins": {
            "tool": { "pattern": "^FROM ghcr[.]io/acme/tool:(?<version>[0-9.]+)", "registry": "npm" } } }] }"#;
        let found = held(own, &[("Dockerfile", "FROM ghcr.io/acme/tool:1.0.0-slim\nFROM ghcr.io/acme/other:1.0.1\n")]);
        assert_eq!(pinned(&found), ["tools/tool 1.0.0 None"]);
        let listed: Vec<_> = found.unpinned.iter().map(|other| other.version.as_deref()).collect();
        assert_eq!(listed, [Some("1.0.1")]);
    }

    #[test]
    fn what_is_not_found_is_told_with_place_and_remedy() {
        let files = Memory::of(&[
            ("versions.toml", TOOLS),
            ("v.yml", "a: &a [x, x]\nb: [*a, *a]\nc: |\n  1.0\n  2.0\nd:\n"),
            ("v", "a 1\na 2\n"),
            ("bad.json", "{"),
        ]);
        let path = |path: &str| format!(r#""path": "{path}""#);
        let pattern = |pattern: &str| format!(r#""pattern": "{pattern}""#);
        for (file, finder, expected) in [
            ("versions.toml", path("$.tools.jst"), "pins.json:1:81: `$.tools.jst` leads to nothing in `versions.toml`"),
            (
                "versions.toml",
                path("$.tools"),
                "versions.toml:2:1: `$.tools` leads here, and a version is a string or a number, not a table",
            ),
            (
                "versions.toml",
                path("$.tools.*"),
                "`$.tools.*` leads to 2 values in `versions.toml`, the first in line 3 and line 4",
            ),
            ("v.yml", path("$.c"), "v.yml:4:3: `$.c` leads here, and the version holds the hidden character U+000A"),
            ("v.yml", path("$.d"), "`$.d` leads here, and the version is empty"),
            ("v.yml", path("$.b..*"), "leads to 6 values"),
            ("bad.json", path("$.a"), "not valid JSON"),
            ("v", path("$.a"), "`v` is not called like JSON, TOML or YAML"),
            ("v", pattern("^b (?<version>.)"), "the pattern matches nothing in `v`"),
            ("v", pattern("^a (?<version>.)"), "the pattern matches twice in `v`, in line 1 and line 2"),
            (
                "v",
                pattern("a 1|(?<version>b)"),
                "v:1:1: the pattern matches here, and its group `version` matches nothing",
            ),
            ("gone", path("$.a"), "there is no file `gone`"),
        ] {
            let own = format!(
                r#"{{ "from": [{{ "file": "{file}", "group": "rust", "pins": {{ "x": {{ {finder} }} }} }}] }}"#
            );
            let manifest = Manifest::parse(Source::new("pins.json", own)).unwrap();
            let error = Holdings::with(manifest, &files).expect_err(expected);
            assert!(error.to_string().contains(expected), "{finder}: {error}");
        }
    }

    #[test]
    fn a_pattern_that_matches_everything_is_refused() {
        let own = r#"{ "from": [{ "file": "v", "group": "rust", "pattern": "(?<package>.)(?<version>.)" }] }"#;
        let text = "ab".repeat(20_000);
        let manifest = Manifest::parse(Source::new("pins.json", own)).unwrap();
        let error = Holdings::with(manifest, &Memory::of(&[("v", &text)])).expect_err("too many");
        assert!(error.to_string().contains("matches more than 10000 times"), "{error}");
    }
}
