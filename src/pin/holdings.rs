//! Everything that we hold: the pins of `upstream-versions.json` and those of the files that it names.
//!
//! A package has one pin a version. What `upstream-versions.json` itself says of a package comes first: then a file that
//! pins it too is only compared with it (`drift`), and lends it its requirement. Otherwise every version that files pin
//! is a pin, at its first place, named after the package; a second version of it in the same group carries the version in
//! its name, so that ids stay unique.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::from::FromEntry;
use super::manifest::Manifest;
use super::project::files::{Disk, Files, directory, expand, is_pattern};
use super::project::{Dependency, Format};
use super::{Pin, Place, Strategy, Written, names};
use crate::document::{FileError, Placed, Problem, Text, Wrong};
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
    /// The pins file, whose pins include those of other files.
    pub manifest: Manifest,
    /// What could not be pinned down, in the order of the files.
    pub unpinned: Vec<Unpinned>,
}

impl Holdings {
    /// Reads the pins file and every file that it names.
    ///
    /// # Errors
    /// When one of them cannot be read, or with everything that is wrong in the first that is wrong.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::with(Manifest::read(path)?, &Disk::around(path))
    }

    /// Adds what the files say that a pins file names.
    ///
    /// # Errors
    /// When one of them cannot be read, or with everything that is wrong in the first that is wrong.
    pub fn with(mut manifest: Manifest, files: &dyn Files) -> Result<Self, FileError> {
        let mut gathering = Gathering::new(&manifest);
        for entry in &manifest.from {
            for (format, file) in chosen(&manifest, &entry.value, files)? {
                let Some(source) = files.read(&file)? else { return Err(missing(&manifest, &entry.value)) };
                let found = format.read(&source, files)?;
                gathering.take(&entry.value, format, found);
            }
        }
        let Gathering { pins, unpinned, .. } = gathering;
        manifest.pins = pins;
        Ok(Self { manifest, unpinned })
    }
}

/// The files of an entry, each with its format.
fn chosen(manifest: &Manifest, entry: &FromEntry, files: &dyn Files) -> Result<Vec<(Format, PathBuf)>, FileError> {
    let base = directory(manifest.source().name());
    let found = expand(&base.join(&entry.file.value.0), files);
    if found.is_empty() {
        return Err(missing(manifest, entry));
    }
    let with_format = |file: PathBuf| {
        let format = entry.format.or_else(|| Format::of(&file.to_string_lossy()));
        format.map(|format| (format, file)).ok_or_else(|| no_format(manifest, &entry.file))
    };
    found.into_iter().map(with_format).collect()
}

fn missing(manifest: &Manifest, entry: &FromEntry) -> FileError {
    let what = if is_pattern(&entry.file.value.0) { "no file matches" } else { "there is no file" };
    let message = format!("{what} `{}`", entry.file.value.0);
    let problem = Problem::new(entry.file.span.clone(), message);
    told(manifest, problem.help("the path starts at the directory of this file"))
}

fn no_format(manifest: &Manifest, file: &Placed<Text>) -> FileError {
    let words: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let message = format!("`{}` is not called like a file that upmon knows", file.value.0);
    let help = format!("say what it is with a `format`, one of {}", words.join(", "));
    told(manifest, Problem::new(file.span.clone(), message).help(help))
}

fn told(manifest: &Manifest, problem: Problem) -> FileError {
    Wrong::new(manifest.source().clone(), vec![problem]).into()
}

/// What names a package, whoever spells it.
type Identity = (RegistryId, String);

struct Gathering {
    pins: Vec<Pin>,
    unpinned: Vec<Unpinned>,
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
            .entry(identity(pin.registry, &pin.upstream, pin.url.as_deref()))
            .or_default()
            .push(self.pins.len());
        self.pins.push(pin);
    }

    fn take(&mut self, entry: &FromEntry, format: Format, found: Vec<Dependency>) {
        let group = entry.group.clone().unwrap_or_else(|| format.group().to_owned());
        for dependency in found.into_iter().filter(|dependency| entry.takes(dependency)) {
            self.add(&group, dependency);
        }
    }

    fn add(&mut self, group: &str, dependency: Dependency) {
        let known = self.known(&dependency);
        let own: Vec<usize> = known.iter().copied().filter(|&index| index < self.own).collect();
        if !own.is_empty() {
            return own.into_iter().for_each(|index| confirm(&mut self.pins[index], &dependency));
        }
        if let Some(obstacle) = obstacle(&dependency) {
            let lent: Vec<usize> =
                known.into_iter().filter(|&index| self.is_beside(index, group, &dependency)).collect();
            if lent.is_empty() || dependency.requirement.is_none() {
                self.leave_out(group, dependency, obstacle);
            } else {
                for index in lent {
                    require(&mut self.pins[index], dependency.requirement.clone());
                }
            }
            return;
        }
        let same = |&index: &usize| {
            let pin = &self.pins[index];
            pin.group == group && dependency.version.as_ref().is_some_and(|version| version.text == pin.version)
        };
        match known.iter().copied().find(same) {
            Some(index) => require(&mut self.pins[index], dependency.requirement),
            None => self.pin(group, dependency),
        }
    }

    /// The pins of the same package.
    fn known(&self, dependency: &Dependency) -> Vec<usize> {
        let Some(registry) = dependency.registry else { return Vec::new() };
        let identity = identity(registry, &dependency.upstream, dependency.url.as_deref());
        self.by_package.get(&identity).cloned().unwrap_or_default()
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
        let is_same = |known: &Unpinned| {
            (&known.group, &known.package, &known.version, &known.reason)
                == (&unpinned.group, &unpinned.package, &unpinned.version, &unpinned.reason)
        };
        if !self.unpinned.iter().any(is_same) {
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
            scheme: registry.scheme(),
            url: dependency.url,
            strategy: Strategy::Tags,
            tag: None,
            requirement: None,
            requirements: Vec::new(),
            elsewhere: Vec::new(),
            moves: dependency.moves,
            prereleases: None,
            channel: None,
            ignore: Vec::new(),
            policy: None,
            dispatch: None,
            changelog: None,
            migration_guide: None,
            place: version.place,
        };
        require(&mut pin, dependency.requirement);
        self.push(pin);
    }
}

/// What a file says of a package that the pins file pins itself.
fn confirm(pin: &mut Pin, dependency: &Dependency) {
    if dependency.obstacle.is_none() {
        pin.elsewhere.extend(dependency.version.clone());
    }
    require(pin, dependency.requirement.clone());
}

/// Adds a requirement; what is wanted has to meet all of them.
fn require(pin: &mut Pin, requirement: Option<Written>) {
    let Some(requirement) = requirement else { return };
    if pin.requirements.iter().any(|known| known.text == requirement.text) {
        return;
    }
    pin.requirements.push(requirement);
    let texts: Vec<&str> = pin.requirements.iter().map(|requirement| requirement.text.as_str()).collect();
    pin.requirement = pin.scheme.all_of(&texts);
}

/// Why it is no pin: what the format says, or a name that no registry could be asked for.
fn obstacle(dependency: &Dependency) -> Option<String> {
    if let Some(obstacle) = &dependency.obstacle {
        return Some(obstacle.clone());
    }
    let Some(registry) = dependency.registry else { return Some("no registry of upmon lists it".to_owned()) };
    let refusal = names::key(&dependency.name).and_then(|()| names::upstream(&dependency.upstream, registry)).err()?;
    Some(format!("its name {}", refusal.reason))
}

/// A package by the name under which its registry knows it, as far as spellings differ.
fn identity(registry: RegistryId, upstream: &str, url: Option<&str>) -> Identity {
    let name = match registry {
        RegistryId::PyPi => crate::registry::pypi::fold(upstream),
        RegistryId::Git => url.unwrap_or(upstream).trim_end_matches('/').trim_end_matches(".git").to_lowercase(),
        RegistryId::CratesIo => upstream.to_lowercase().replace('_', "-"),
        RegistryId::Npm | RegistryId::RubyGems => upstream.to_owned(),
    };
    (registry, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;
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
}
