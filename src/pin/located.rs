//! Pins whose version stands in another file: everything else about them is said in the pins file itself.

use std::collections::HashSet;
use std::sync::Arc;

use schemars::json_schema;

use super::entry::EntryTable;
use super::finder::{Language, Path, Pattern};
use super::from::FromEntry;
use super::ground::Ground;
use super::manifest::{Reader, TWICE};
use super::{Pin, Strategy};
use crate::document::{
    Entry, FileError, Node, Placed, Problem, Read, Source, Table as _, Text, Value, inline_schema, repeated_keys,
    unknown_key, wrong_kind,
};

/// The pins under `pins` of an entry of `from`, as they are written: their registry may follow from the group.
#[derive(Debug, Clone)]
pub(crate) struct PinNodes(pub(super) Vec<Entry>);

impl Read for PinNodes {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            problems.push(wrong_kind(node, name, "an object of packages, each with a `path` or a `pattern`"));
            return None;
        };
        problems.extend(repeated_keys(entries));
        Some(Self(entries.clone()))
    }
}

// that of an entry, with a finder in place of the version
inline_schema!(PinNodes, |generator| {
    let mut pin = EntryTable::json_schema(generator);
    pin.insert("description".to_owned(), "A package whose version stands in the file.".into());
    pin.remove("required");
    let text = |about: &str, example: &str| serde_json::json!({ "type": "string", "pattern": "\\S", "description": about, "examples": [example] });
    if let Some(keys) = pin.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        keys.shift_remove("version");
        let about = "Where the version stands in a JSON, TOML or YAML file, as a JSONPath (RFC 9535). Default: none.";
        keys.insert(PATH.to_owned(), text(about, "$.tools.just"));
        let about =
            "A regular expression that matches once, with a group `version` and perhaps `requirement`. Default: none.";
        keys.insert(PATTERN.to_owned(), text(about, "just@(?<version>[0-9.]+)"));
    }
    pin.insert("oneOf".to_owned(), serde_json::json!([{ "required": [PATH] }, { "required": [PATTERN] }]));
    json_schema!({ "type": "object", "minProperties": 1, "additionalProperties": pin })
});

const PATH: &str = "path";
const PATTERN: &str = "pattern";

/// How the version of a pin is found.
#[derive(Debug, Clone)]
enum Finder {
    Path(Path),
    Pattern(Pattern),
}

/// A pin without its version, and where to find that.
#[derive(Debug, Clone)]
struct Located {
    pin: Pin,
    finder: Placed<Finder>,
}

/// The pins whose versions stand in one file.
#[derive(Debug, Clone)]
pub(super) struct LocatedFile {
    /// The file, relative to the pins file.
    pub(super) file: Placed<Text>,
    language: Option<Language>,
    pins: Vec<Located>,
}

impl Reader<'_> {
    /// The pins under `pins` of every entry of `from`.
    pub(super) fn located(&mut self, entries: &[Placed<FromEntry>]) -> Vec<LocatedFile> {
        let mut ids: HashSet<String> = self.pins.iter().map(Pin::id).collect();
        let mut files = Vec::new();
        for entry in entries.iter().map(|entry| &entry.value).filter(|entry| !entry.pins.is_empty()) {
            let group = entry.group.clone().unwrap_or_default();
            let mut pins = Vec::new();
            for node in &entry.pins {
                let Some(located) = self.located_pin(&group, node) else { continue };
                if !ids.insert(located.pin.id()) {
                    let problem =
                        Problem::new(node.key_span.clone(), format!("`{}` is pinned twice", located.pin.id()));
                    self.problems.push(problem.help(TWICE));
                }
                pins.push(located);
            }
            files.push(LocatedFile { file: entry.file.clone(), language: entry.language(), pins });
        }
        files
    }

    fn located_pin(&mut self, group: &str, entry: &Entry) -> Option<Located> {
        let Value::Table(entries) = &entry.node.value else {
            self.problems.push(wrong_kind(&entry.node, &entry.key, "an object with a `path` or a `pattern`"));
            return None;
        };
        let keys: Vec<&str> = [PATH, PATTERN]
            .into_iter()
            .chain(EntryTable::KEYS.iter().copied().filter(|key| *key != "version"))
            .collect();
        let (known, unknown): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|one| keys.contains(&one.key.as_str()));
        self.problems.extend(unknown.into_iter().map(|one| match one.key.as_str() {
            "version" => Problem::new(one.key_span.clone(), "`version` has no place here: it stands in the file"),
            _ => unknown_key(one, &keys, &[]),
        }));
        let (finders, others): (Vec<&Entry>, Vec<&Entry>) =
            known.into_iter().partition(|one| matches!(one.key.as_str(), PATH | PATTERN));
        let finder = self.finder(entry, &finders);
        // the keys are those of any entry, and an entry has a version
        let span = entry.key_span.clone();
        let version = Node { span: span.clone(), value: Value::Text("0".to_owned()), syntax: entry.node.syntax };
        let version = Entry { key: "version".to_owned(), key_span: span, node: version };
        let entries = others.into_iter().cloned().chain([version]).collect();
        let node = Node { value: Value::Table(entries), ..entry.node.clone() };
        let pin = self.pin(group, &Entry { node, ..entry.clone() })?;
        Some(Located { pin, finder: finder? })
    }

    fn finder(&mut self, entry: &Entry, finders: &[&Entry]) -> Option<Placed<Finder>> {
        let [finder] = finders else {
            let (span, message) = match finders {
                [_, second, ..] => (second.key_span.clone(), "takes one `path` or one `pattern`"),
                _ => (entry.key_span.clone(), "says neither by `path` nor by `pattern` where its version stands"),
            };
            self.problems.push(Problem::new(span, format!("`{}` {message}", entry.key)));
            return None;
        };
        let span = finder.node.span.clone();
        let value = if finder.key == PATH {
            Finder::Path(Path::read(&finder.node, PATH, &mut self.problems)?)
        } else {
            let pattern = Pattern::read(&finder.node, PATTERN, &mut self.problems)?;
            if let Some(group) = ["package", "registry"].into_iter().find(|group| pattern.has(group)) {
                let problem =
                    Problem::new(span.clone(), format!("`pattern` has a group `{group}`, which the entry says"));
                let help = "leave the group out, or put `pattern` beside `file` to find many packages";
                self.problems.push(problem.help(help));
            }
            Finder::Pattern(pattern)
        };
        Some(Placed { value, span })
    }
}

impl LocatedFile {
    /// The pins, placed where they are named.
    pub(super) fn pins(&self) -> impl Iterator<Item = &Pin> {
        self.pins.iter().map(|located| &located.pin)
    }

    /// The pins at the versions that the file has; `own` is the pins file.
    ///
    /// # Errors
    /// When the file is not of its language, or one of the versions is not found there.
    pub(super) fn read(&self, own: &Arc<Source>, file: &Arc<Source>) -> Result<Vec<Pin>, FileError> {
        let mut ground = Ground::new(own, file, &self.file, self.language);
        self.pins.iter().map(|located| located.read(&mut ground)).collect()
    }
}

impl Located {
    fn read(&self, ground: &mut Ground<'_>) -> Result<Pin, FileError> {
        let (version, requirement) = match &self.finder.value {
            Finder::Path(path) => (ground.at_path(path, &self.finder.span)?, None),
            Finder::Pattern(pattern) => ground.at_match(pattern, &self.finder.span)?,
        };
        let mut pin = self.pin.clone();
        if let Strategy::Commits { pin: commit, .. } = &mut pin.strategy {
            commit.clone_from(&version.text);
        }
        pin.require(requirement);
        Ok(Pin { version: version.text, place: version.place, ..pin })
    }
}
