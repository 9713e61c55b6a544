//! `[[pins]]` of the settings: pins for who would rather have one file.
//!
//! A row with `file` is what an entry of `from` is in the pins file. Any other row is a pin, with its `group` and its `name`
//! beside the keys that an entry of the pins file has.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::entry::{EntryTable, refused};
use super::from::FromEntry;
use super::manifest::{Reader, TWICE};
use super::{Pin, names};
use crate::document::{Entry, Node, Placed, Problem, Read, Source, Table as _, Text, Value, unknown_key, wrong_kind};

/// The key of the settings that holds the rows.
pub(crate) const KEY: &str = "pins";

const FILE: &str = "file";
const GROUP: &str = "group";
const NAME: &str = "name";

/// The place of the rows among the settings. What they say is read with the other pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PinRows;

impl PinRows {
    /// Everything that is wrong in the rows of a settings file.
    pub(crate) fn problems(source: &Source, root: &Node) -> Vec<Problem> {
        let mut reader = Reader::new(source);
        reader.rows(root);
        let from = std::mem::take(&mut reader.from);
        reader.located(&from);
        reader.problems
    }
}

impl Read for PinRows {
    fn read(_node: &Node, _name: &str, _problems: &mut Vec<Problem>) -> Option<Self> {
        Some(Self)
    }
}

impl JsonSchema for PinRows {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PinRows".into()
    }

    /// An entry of `from`, or that of a pin with two keys more.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut pin = EntryTable::json_schema(generator);
        pin.insert("description".to_owned(), "A pin.".into());
        let text = |about: &str, example: &str| serde_json::json!({ "type": "string", "pattern": "\\S", "description": about, "examples": [example] });
        if let Some(keys) = pin.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            keys.insert(GROUP.to_owned(), text("The group that it belongs to. Required.", "rust"));
            keys.insert(NAME.to_owned(), text("What it is called in the group. Required.", "serde"));
        }
        pin.insert("required".to_owned(), serde_json::json!([GROUP, NAME, "version"]));
        json_schema!({ "type": "array", "items": { "anyOf": [generator.subschema_for::<FromEntry>(), pin] } })
    }
}

impl Reader<'_> {
    /// The rows of a settings file; its other keys are the settings' own.
    pub(super) fn rows(&mut self, root: &Node) {
        let Some(rows) = root.get(KEY) else { return };
        let Value::List(rows) = &rows.value else {
            return self.problems.push(wrong_kind(rows, KEY, "a list of tables, written as `[[pins]]`"));
        };
        let mut ids = HashMap::new();
        for row in rows {
            if !matches!(row.value, Value::Table(_)) || row.get(FILE).is_some() {
                let entry = FromEntry::read(row, KEY, &mut self.problems);
                self.from.extend(entry.map(|value| Placed { value, span: row.span.clone() }));
                continue;
            }
            let Some((pin, name)) = self.row(row) else { continue };
            match ids.insert(pin.id(), name.span.clone()) {
                Some(first) => {
                    let problem = Problem::new(name.span.clone(), format!("`{}` is pinned twice", pin.id()));
                    self.problems.push(problem.label("second").earlier(first, "first").help(TWICE));
                }
                None => self.pins.push(pin),
            }
        }
    }

    /// A row without `file`, and where it says its name.
    fn row<'a>(&mut self, row: &'a Node) -> Option<(Pin, &'a Node)> {
        let entries = row.entries();
        if row.get(NAME).is_none() && row.get(GROUP).is_none() && row.get("version").is_none() {
            let known = [&[FILE, GROUP, NAME], EntryTable::KEYS].concat();
            let strange = entries.iter().filter(|entry| !known.contains(&entry.key.as_str()));
            self.problems.extend(strange.map(|entry| unknown_key(entry, &known, &[])));
            let problem = Problem::new(row.span.clone(), "this is neither a `file` with pins nor a pin");
            let help = "a pin has a `group`, a `name` and a `version`";
            self.problems.push(problem.help(help));
            return None;
        }
        let name = self.word(row, NAME);
        let group = self.word(row, GROUP);
        if let Some(Err(refusal)) = group.as_ref().map(|group| names::group(group)) {
            let span = row.get(GROUP).map_or(&row.span, |node| &node.span);
            self.problems.push(refused(GROUP, span, refusal));
        }
        let others = entries.iter().filter(|entry| !matches!(entry.key.as_str(), GROUP | NAME)).cloned().collect();
        let node = Node { value: Value::Table(others), ..row.clone() };
        let (name, group) = (name?, group?);
        let key = row.get(NAME)?;
        let pin = self.pin(&group, &Entry { key: name, key_span: key.span.clone(), node })?;
        Some((pin, key))
    }

    /// The text of a key that a pin has to have.
    fn word(&mut self, row: &Node, key: &str) -> Option<String> {
        let Some(node) = row.get(key) else {
            self.problems.push(Problem::new(row.span.clone(), format!("`{key}` is missing from this pin")));
            return None;
        };
        Text::read(node, key, &mut self.problems).map(|text| text.0)
    }
}
