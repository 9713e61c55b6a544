//! nvchecker's record of old versions: `{"version": 2, "data": {...}}`, or the older `{"name": "1.0"}`.

use std::collections::HashMap;

use crate::document::{Node, Problem, Source, Value, read_json};

/// A version as nvchecker keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// The version, prefix and all cut off.
    pub(super) version: String,
    /// The tag that it was read from, which newer versions of nvchecker note.
    pub(super) tag: Option<String>,
}

/// The versions that are held, by the name of the package.
#[derive(Debug, Default)]
pub struct Record(HashMap<String, Held>);

impl Record {
    /// Reads the text of a record.
    ///
    /// # Errors
    /// When it is not JSON, or neither of the two forms.
    pub fn parse(source: &Source) -> Result<Self, Vec<Problem>> {
        let root = read_json(source)?;
        let data = match root.get("data") {
            Some(data) if root.get("version").is_some_and(|version| version.value == Value::Number("2".to_owned())) => {
                data
            }
            _ => &root,
        };
        let Value::Table(entries) = &data.value else {
            return Err(vec![Problem::new(
                data.span.clone(),
                "not a record of nvchecker: expected an object of versions",
            )]);
        };
        let held = entries.iter().filter_map(|entry| Some((entry.key.clone(), held(&entry.node)?)));
        Ok(Self(held.collect()))
    }

    /// The version of a package.
    pub(super) fn of(&self, package: &str) -> Option<&Held> {
        self.0.get(package)
    }
}

fn held(node: &Node) -> Option<Held> {
    let text = |node: &Node| node.text().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let tag = node.get("gitref").and_then(Node::text).and_then(|reference| reference.strip_prefix("refs/tags/"));
    let version = text(node).or_else(|| node.get("version").and_then(text))?;
    Some(Held { version, tag: tag.map(str::to_owned) })
}
