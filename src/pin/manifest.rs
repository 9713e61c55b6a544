//! Reads `upstream-versions.json`: what we hold, and where each pin stands.
//!
//! Everything that is wrong with the file is told at once, with its place, before anything is asked of any registry. A
//! version that does not parse is not wrong here: that is a finding about one pin, and the others are checked.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::entry::{EntryTable, refused, text};
use super::from::FromEntry;
use super::located::LocatedFile;
use super::{Pin, Place, Written, names};
use crate::document::{
    Entry, FileError, HttpUrl, Node, Placed, Problem, Read as _, Source, Text, Value, Wrong, nearest, read_json,
    repeated_keys, unknown_key, wrong_kind,
};
use crate::registry::RegistryId;

/// The pins file that is read when none is named.
pub const DEFAULT_PATH: &str = "upstream-versions.json";

/// The one key at the top that is never a group: where the JSON Schema of the file is.
pub(crate) const SCHEMA_KEY: &str = "$schema";

/// The key at the top that lists files with more pins. An object under it is a group that happens to have this name.
pub(crate) const FROM_KEY: &str = "from";

const MISSING: &str = "create it, such as { \"rust\": { \"serde\": \"1.0.200\" } }, or name another file with --pins";

/// The pins of a file, in its order.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The pins.
    pub pins: Vec<Pin>,
    /// The files of the project that hold more pins.
    pub(super) from: Vec<Placed<FromEntry>>,
    /// Those of them whose pins are named here, and only the versions stand there.
    pub(super) located: Vec<LocatedFile>,
    source: Arc<Source>,
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
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or with everything that is wrong in it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Ok(Self::parse(Source::read(path, MISSING)?)?)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(source: Source) -> Result<Self, Wrong> {
        let source = Arc::new(source);
        let mut reader = Reader {
            source: &source,
            pins: Vec::new(),
            from: Vec::new(),
            named: Named::default(),
            problems: Vec::new(),
        };
        match read_json(&source) {
            Ok(root) => reader.root(&root),
            Err(problems) => reader.problems = problems,
        }
        let from = std::mem::take(&mut reader.from);
        let located = reader.located(&from);
        let Reader { pins, named, problems, .. } = reader;
        if problems.is_empty() {
            Ok(Self { pins, from, located, source, named })
        } else {
            Err(Wrong::new(source, problems))
        }
    }

    /// The file, for what is wrong about it beyond its own text.
    pub(crate) const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Checks that every policy and every dispatch target that a pin names is one of those known.
    ///
    /// # Errors
    /// With the places of those that are not.
    pub fn check_names(&self, policies: &[&str], targets: &[&str]) -> Result<(), Wrong> {
        let problems: Vec<_> = unknown("policy", &self.named.policies, policies)
            .chain(unknown("dispatch target", &self.named.targets, targets))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Wrong::new(Arc::clone(&self.source), problems)) }
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
    from: Vec<Placed<FromEntry>>,
    named: Named,
    pub(super) problems: Vec<Problem>,
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
                FROM_KEY if matches!(entry.node.value, Value::List(_)) => {
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
            self.problems.push(problem.label("whose package is it?").help(registry_help(group)));
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

fn registry_help(group: &str) -> String {
    let implied: Vec<&str> = RegistryId::ALL
        .iter()
        .flat_map(|registry| registry.groups().iter().copied().chain([registry.as_str()]))
        .collect();
    match nearest(group, &implied) {
        Some(name) => format!("did you mean the group `{name}`? A group of another name implies no registry"),
        None => format!(
            "write {{ \"version\": \"...\", \"registry\": \"...\" }}, or move it to a group that implies one: {}",
            implied.join(", ")
        ),
    }
}
