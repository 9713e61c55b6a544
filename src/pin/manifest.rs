//! Reads `upstream-versions.json` and the `[[pins]]` of the settings: what we hold, and where each pin stands.
//!
//! Everything that is wrong with the file is told at once, with its place, before anything is asked of any registry. A
//! version that does not parse is not wrong here: that is a finding about one pin, and the others are checked.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::entry::{EntryTable, refused, text};
use super::from::FromEntry;
use super::located::LocatedFile;
use super::{Pin, Place, Written, names};
use crate::document::{
    Entry, FileError, HttpUrl, Node, Placed, Problem, Read as _, Source, Syntax, Text, Value, Wrong, nearest,
    read_json, read_toml, repeated_keys, unknown_key, wrong_kind,
};
use crate::registry::RegistryId;

/// The pins file that is read when none is named.
pub const DEFAULT_PATH: &str = "upstream-versions.json";

/// The one key at the top that is never a group: where the JSON Schema of the file is.
pub(crate) const SCHEMA_KEY: &str = "$schema";

/// The key at the top that lists files with more pins. An object under it is a group that happens to have this name.
pub(crate) const FROM_KEY: &str = "from";

/// What helps where two places pin the same.
pub(super) const TWICE: &str = "leave one of them out, or give it another name and a `package`";

const MISSING: &str = "create it, such as { \"rust\": { \"serde\": \"1.0.200\" } }, write `[[pins]]` into upmon.toml, or name another file with --pins";

/// The pins of a pins file, and those of the settings behind them, each in the order of its file.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The pins.
    pub pins: Vec<Pin>,
    /// The pins file, and the settings, if they name pins.
    pub(super) parts: Vec<Part>,
}

/// What one file says, beside its pins.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) source: Arc<Source>,
    /// Whether there is such a file: without a pins file, the settings may have all the pins.
    is_there: bool,
    /// The files of the project that hold more pins.
    pub(super) from: Vec<Placed<FromEntry>>,
    /// Those of them whose pins are named here, and only the versions stand there.
    pub(super) located: Vec<LocatedFile>,
    /// What pins name that the settings have.
    named: Named,
}

/// Where pins name what the settings have, each with the name.
#[derive(Debug, Clone, Default)]
struct Named {
    policies: Vec<(String, Range<usize>)>,
    targets: Vec<(String, Range<usize>)>,
}

impl Manifest {
    /// Reads the pins file and the `[[pins]]` of the settings, which may make up for a pins file that does not exist.
    ///
    /// # Errors
    /// When neither names pins, a file cannot be read, or with everything that is wrong in the first that is wrong.
    pub fn read(path: &Path, settings: Option<Source>) -> Result<Self, FileError> {
        let own = match Source::read(path, MISSING) {
            Ok(source) => Self::parse(source)?,
            Err(error) if error.is_missing() => {
                let alone = Self::absent(path).with_settings(settings)?;
                return if alone.parts.len() > 1 { Ok(alone) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        Ok(own.with_settings(settings)?)
    }

    /// Reads the text of a pins file.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(source: Source) -> Result<Self, Wrong> {
        Self::parse_with(source, |reader, source| match read_json(source) {
            Ok(root) => reader.root(&root),
            Err(problems) => reader.problems = problems,
        })
    }

    fn parse_with(source: Source, read: impl FnOnce(&mut Reader<'_>, &Source)) -> Result<Self, Wrong> {
        let source = Arc::new(source);
        let mut reader = Reader::new(&source);
        read(&mut reader, &source);
        let from = std::mem::take(&mut reader.from);
        let located = reader.located(&from);
        let Reader { pins, named, problems, .. } = reader;
        if problems.is_empty() {
            Ok(Self { pins, parts: vec![Part { source, is_there: true, from, located, named }] })
        } else {
            Err(Wrong::new(source, problems))
        }
    }

    /// A pins file that does not exist.
    fn absent(path: &Path) -> Self {
        let source = Arc::new(Source::new(path, "{}"));
        let part = Part { source, is_there: false, from: Vec::new(), located: Vec::new(), named: Named::default() };
        Self { pins: Vec::new(), parts: vec![part] }
    }

    /// Adds the `[[pins]]` of the settings, if they have any.
    ///
    /// # Errors
    /// With everything that is wrong in them, or with the pins that the pins file has, too.
    pub fn with_settings(mut self, settings: Option<Source>) -> Result<Self, Wrong> {
        let Some(settings) = settings else { return Ok(self) };
        let other = Self::parse_with(settings, |reader, source| match read_toml(source) {
            Ok(root) => reader.rows(&root),
            Err(problems) => reader.problems = problems,
        })?;
        if other.pins.is_empty() && other.parts.iter().all(|part| part.from.is_empty()) {
            return Ok(self);
        }
        let known: HashMap<String, &Place> = self.named_pins().map(|pin| (pin.id(), &pin.place)).collect();
        let source = other.source();
        let twice = other.named_pins().filter_map(|pin| {
            let place = known.get(&pin.id())?;
            let message = format!("`{}` is pinned in `{}:{}`, too", pin.id(), place.file.display(), place.line);
            Some(Problem::new(source.in_text(&pin.place.span), message).help(TWICE))
        });
        let twice: Vec<_> = twice.collect();
        if !twice.is_empty() {
            return Err(Wrong::new(Arc::clone(source), twice));
        }
        self.pins.extend(other.pins);
        self.parts.extend(other.parts);
        Ok(self)
    }

    /// The same with other texts in place of those of its files.
    ///
    /// # Errors
    /// As [`Self::parse`] and [`Self::with_settings`].
    pub(crate) fn again(&self, now: impl Fn(&Arc<Source>) -> Source) -> Result<Self, Wrong> {
        let mut own = Self::parse(now(self.source()))?;
        own.parts[0].is_there = self.parts[0].is_there;
        own.with_settings(self.parts.get(1).map(|settings| now(&settings.source)))
    }

    /// The pins that these files name, also those whose versions stand elsewhere.
    pub(crate) fn named_pins(&self) -> impl Iterator<Item = &Pin> {
        self.pins.iter().chain(self.parts.iter().flat_map(|part| &part.located).flat_map(LocatedFile::pins))
    }

    /// The pins file, for what is wrong about it beyond its own text; an empty one where there is none.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.parts[0].source
    }

    /// The files that exist: the pins file, and the settings, if they name pins.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.parts.iter().filter(|part| part.is_there).map(|part| &part.source)
    }

    /// The file around which the others lie: the pins file; without one, the settings.
    pub(crate) fn home(&self) -> &Path {
        self.sources().next().unwrap_or_else(|| self.source()).name()
    }

    /// Checks that every policy and every dispatch target that a pin names is one of those known.
    ///
    /// # Errors
    /// With the places of those that are not, in the first file that has one.
    pub fn check_names(&self, policies: &[&str], targets: &[&str]) -> Result<(), Wrong> {
        for Part { source, named, .. } in &self.parts {
            let problems: Vec<_> = unknown("policy", &named.policies, policies)
                .chain(unknown("dispatch target", &named.targets, targets))
                .collect();
            if !problems.is_empty() {
                return Err(Wrong::new(Arc::clone(source), problems));
            }
        }
        Ok(())
    }
}

/// Names that the settings do not have.
fn unknown<'a>(
    what: &'a str,
    named: &'a [(String, Range<usize>)],
    known: &'a [&'a str],
) -> impl Iterator<Item = Problem> + 'a {
    let unknown = named.iter().filter(move |(name, _)| !known.contains(&name.as_str()));
    unknown.map(move |(name, span)| {
        let help = match nearest(name, known) {
            Some(word) => format!("did you mean `{word}`?"),
            None if known.is_empty() => "the settings have none".to_owned(),
            None => format!("the settings have: {}", known.join(", ")),
        };
        Problem::new(span.clone(), format!("the settings have no {what} `{name}`")).help(help)
    })
}

pub(super) struct Reader<'a> {
    source: &'a Source,
    pub(super) pins: Vec<Pin>,
    pub(super) from: Vec<Placed<FromEntry>>,
    named: Named,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, pins: Vec::new(), from: Vec::new(), named: Named::default(), problems: Vec::new() }
    }
}

impl Reader<'_> {
    fn root(&mut self, root: &Node) {
        let Value::Table(entries) = &root.value else {
            let message = format!("the file must be an object of groups, not {}", root.kind());
            return self.problems.push(Problem::new(root.span.clone(), message));
        };
        self.problems.extend(repeated_keys(entries));
        for entry in entries {
            match entry.key.as_str() {
                SCHEMA_KEY => _ = Text::read(&entry.node, SCHEMA_KEY, &mut self.problems),
                FROM_KEY if !matches!(entry.node.value, Value::Table(_)) => {
                    self.from = Vec::read(&entry.node, FROM_KEY, &mut self.problems).unwrap_or_default();
                }
                key if key.starts_with('$') => self.problems.push(unknown_key(entry, &[SCHEMA_KEY], &[])),
                _ => self.group(entry),
            }
        }
    }

    fn group(&mut self, group: &Entry) {
        if let Err(refusal) = names::group(&group.key) {
            self.problems.push(refused(&group.key, &group.key_span, refusal));
        }
        let Value::Table(entries) = &group.node.value else {
            let problem = wrong_kind(&group.node, &group.key, "a group: an object of packages and versions");
            return self.problems.push(problem);
        };
        self.problems.extend(repeated_keys(entries));
        for entry in entries {
            let pin = self.pin(&group.key, entry);
            self.pins.extend(pin);
        }
    }

    pub(super) fn pin(&mut self, group: &str, entry: &Entry) -> Option<Pin> {
        let key = names::key(&entry.key).map_err(|refusal| {
            self.problems.push(refused(&entry.key, &entry.key_span, refusal));
        });
        let table = self.table(entry)?;
        let registry = self.registry(group, entry, &table)?;
        key.ok()?;
        let scheme = table.scheme.cloned().unwrap_or(registry.scheme());
        self.problems.extend(table.useless(registry));
        self.problems.extend(table.wrong_remote(registry, &entry.key_span));
        self.problems.extend(table.unreadable_requirements(scheme));
        let tag = table.template(&mut self.problems);
        let upstream = self.upstream(registry, entry, &table)?;
        let version = table.version.placed()?;
        let targets = table.dispatch.get().into_iter().flat_map(|targets| &targets.0);
        self.named.targets.extend(targets.map(|target| (target.value.0.clone(), target.span.clone())));
        self.named.policies.extend(table.policy.placed().map(|policy| (policy.value.0.clone(), policy.span.clone())));
        let address = |url: &HttpUrl| url.0.clone();
        Some(Pin {
            group: group.to_owned(),
            package: entry.key.clone(),
            upstream,
            version: version.value.0.clone(),
            registry,
            scheme,
            url: text(&table.url),
            strategy: table.strategy(&version.value.0),
            tag,
            requirement: text(&table.requirement),
            prereleases: table.prereleases.cloned(),
            channel: text(&table.channel),
            ignore: table.ignores(),
            policy: text(&table.policy),
            dispatch: table.targets(),
            changelog: table.changelog.get().map(address),
            migration_guide: table.migration_guide.get().map(address),
            requirements: table.requirement.placed().map(|requirement| self.written(requirement)).into_iter().collect(),
            elsewhere: Vec::new(),
            moves: false,
            place: Place::of(self.source, &version.span),
        })
    }

    /// The entry as a table: its own, or one with the version alone.
    fn table(&mut self, entry: &Entry) -> Option<EntryTable> {
        match &entry.node.value {
            Value::Table(_) => EntryTable::read(&entry.node, &entry.key, &mut self.problems),
            Value::Text(_) => {
                let version = Entry { key: "version".to_owned(), ..entry.clone() };
                let table = Node { value: Value::Table(vec![version]), ..entry.node.clone() };
                EntryTable::read(&table, &entry.key, &mut self.problems)
            }
            _ => {
                let problem =
                    wrong_kind(&entry.node, &entry.key, "a version as a string, or an object with a `version`");
                self.problems.push(match &entry.node.value {
                    Value::Number(number) => problem.help(format!("put it in quotes: \"{number}\"")),
                    _ => problem,
                });
                None
            }
        }
    }

    fn registry(&mut self, group: &str, entry: &Entry, table: &EntryTable) -> Option<RegistryId> {
        let registry = table.registry.cloned().or_else(|| RegistryId::of_group(group));
        if registry.is_none() && !has_registry(entry) {
            let problem = Problem::new(entry.key_span.clone(), format!("`{}` names no registry", entry.key));
            self.problems.push(problem.label("whose package is it?").help(registry_help(group, entry.node.syntax)));
        }
        registry
    }

    fn upstream(&mut self, registry: RegistryId, entry: &Entry, table: &EntryTable) -> Option<String> {
        let (key, name, span) = match table.package.placed() {
            Some(package) => ("package", &package.value.0, &package.span),
            None => (entry.key.as_str(), &entry.key, &entry.key_span),
        };
        match names::upstream(name, registry) {
            Ok(()) => Some(name.clone()),
            Err(refusal) => {
                self.problems.push(refused(key, span, refusal));
                None
            }
        }
    }

    /// A text of the file with its place.
    fn written(&self, text: &Placed<Text>) -> Written {
        Written { text: text.value.0.clone(), place: Place::of(self.source, &text.span) }
    }
}

/// Whether the entry names a registry, be it one that was refused.
fn has_registry(entry: &Entry) -> bool {
    matches!(&entry.node.value, Value::Table(entries) if entries.iter().any(|entry| entry.key == "registry"))
}

fn registry_help(group: &str, syntax: Syntax) -> String {
    let implied: Vec<&str> = RegistryId::ALL
        .iter()
        .flat_map(|registry| registry.groups().iter().copied().chain([registry.as_str()]))
        .collect();
    if let Some(name) = nearest(group, &implied) {
        return format!("did you mean the group `{name}`? A group of another name implies no registry");
    }
    let key = match syntax {
        Syntax::Toml => "add a `registry`",
        Syntax::Json | Syntax::Yaml => "write { \"version\": \"...\", \"registry\": \"...\" }",
    };
    format!("{key}, or move it to a group that implies one: {}", implied.join(", "))
}
