//! `[[pins]]` of the settings: pins for who would rather have one file.
//!
//! A row with `file` is what an entry of `from` is in the pins file. Any other row is a pin, with its `group` and its `name`
//! beside the keys that an entry of the pins file has.

use std::collections::HashMap;

use schemars::json_schema;

use super::entry::{EntryTable, refused};
use super::from::FromEntry;
use super::manifest::{Reader, TWICE};
use super::{Pin, names};
use crate::document::{
    Entry, Node, Placed, Problem, Read, Source, Table as _, Text, Value, inline_schema, unknown_key, wrong_kind,
};

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

// an entry of `from`, or that of a pin with two keys more
inline_schema!(PinRows, |generator| {
    let mut pin = EntryTable::json_schema(generator);
    pin.insert("description".to_owned(), "A pin.".into());
    let text = |about: &str, example: &str| serde_json::json!({ "type": "string", "pattern": "\\S", "description": about, "examples": [example] });
    if let Some(keys) = pin.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        keys.insert(GROUP.to_owned(), text("The group that it belongs to. Required.", "rust"));
        keys.insert(NAME.to_owned(), text("What it is called in the group. Required.", "serde"));
    }
    pin.insert("required".to_owned(), serde_json::json!([GROUP, NAME, "version"]));
    json_schema!({ "type": "array", "items": { "anyOf": [generator.subschema_for::<FromEntry>(), pin] } })
});

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

#[cfg(test)]
mod tests {
    use crate::document::Source;
    use crate::pin::Strategy;
    use crate::pin::holdings::Holdings;
    use crate::pin::manifest::Manifest;
    use crate::pin::project::files::Memory;

    fn read(own: &str, settings: &str) -> Result<Holdings, String> {
        let files = Memory::of(&[
            ("ci/versions.toml", "[tools]\njust = \"1.36.0\"\n"),
            ("ci/web/package.json", r#"{ "dependencies": { "a": "1.0.0", "b": "1.0.0" } }"#),
            ("web/package.json", r#"{ "dependencies": { "c": "1.0.0" } }"#),
        ]);
        let manifest = Manifest::parse(Source::new("pins.json", own)).unwrap();
        let settings = Some(Source::new("ci/upmon.toml", settings));
        let manifest = manifest.with_settings(settings).map_err(|wrong| wrong.to_string())?;
        Holdings::with(manifest, &files).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_pins_and_files_with_pins_each_beside_its_own_file() {
        let own = r#"{ "npm": { "b": "1.1.0" }, "from": ["web/package.json"] }"#;
        let settings = r#"fail = 1
[[pins]]
group = "rust"
name = "serde"
version = "1.0.0"
requirement = "^1"
ignore = [{ versions = "=1.0.1", until = "2027-01-31" }]

[[pins]]
file = "web/package.json"
exclude = ["x*"]

[[pins]]
group = "tools"
name = "git"
registry = "git"
url = "https://github.com/git/git"
strategy = "commits"
version = '0123abc'

[[pins]]
file = "versions.toml"
group = "tools"
pins.just = { path = "$.tools.just", registry = "crates-io" }
"#;
        let held = read(own, settings).unwrap();
        let pins: Vec<String> =
            held.manifest.pins.iter().map(|pin| format!("{} {} {}", pin.id(), pin.version, pin.place)).collect();
        assert_eq!(
            pins,
            [
                "npm/b 1.1.0 pins.json:1:17",
                "rust/serde 1.0.0 ci/upmon.toml:5:11",
                "tools/git 0123abc ci/upmon.toml:19:11",
                "tools/just 1.36.0 ci/versions.toml:2:8",
                "npm/c 1.0.0 web/package.json:1:27",
                "npm/a 1.0.0 ci/web/package.json:1:27",
            ]
        );
        let [b, serde, git, ..] = &held.manifest.pins[..] else { panic!("three pins") };
        assert_eq!(b.elsewhere[0].place.file.to_str(), Some("ci/web/package.json"), "what stands twice is compared");
        assert_eq!((serde.requirement.as_deref(), serde.ignore.len()), (Some("^1"), 1));
        assert_eq!(git.strategy, Strategy::Commits { branch: None, pin: "0123abc".to_owned() });
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        for (settings, expected) in [
            ("pins = 1", "ci/upmon.toml:1:8: `pins` must be a list of tables, written as `[[pins]]`, not a number"),
            (
                "pins = [1]",
                "ci/upmon.toml:1:9: `pins` must be a list of file names or of objects with a `file`, not a number",
            ),
            ("[[pins]]\n", "ci/upmon.toml:1:1: this is neither a `file` with pins nor a pin"),
            ("[[pins]]\nfiel = 'x'\n", "ci/upmon.toml:2:1: unknown key `fiel`"),
            ("[[pins]]\nname = 'a'\nversion = '1'\n", "ci/upmon.toml:1:1: `group` is missing from this pin"),
            ("[[pins]]\ngroup = 'rust'\nversion = '1'\n", "ci/upmon.toml:1:1: `name` is missing from this pin"),
            ("[[pins]]\ngroup = 'rust'\nname = 'a'\n", "ci/upmon.toml:1:1: `version` is missing from `a`"),
            ("[[pins]]\ngroup = 'rust'\nname = 'a'\nversion = 1\n", "ci/upmon.toml:4:11: `version` must be a string"),
            ("[[pins]]\ngroup = 'x'\nname = 'a'\nversion = '1'\n", "ci/upmon.toml:3:8: `a` names no registry"),
            ("[[pins]]\ngroup = 'a/b'\nname = 'a'\nversion = '1'\n", "ci/upmon.toml:2:9: `group`"),
            ("[[pins]]\nfile = '/etc/x'\n", "ci/upmon.toml:2:8: `file` must be a path relative to this file"),
            ("[[pins]]\nfile = 'x.json'\nname = 'a'\n", "ci/upmon.toml:3:1: unknown key `name`"),
            (
                "[[pins]]\nfile = 'web/package.json'\n[[pins]]\nfile = 'x.lock'\n",
                "ci/upmon.toml:4:8: `x.lock` is not called",
            ),
            ("[[pins]]\nfile = '*.lock'\n", "ci/upmon.toml:2:8: no file matches `*.lock`"),
            (
                "[[pins]]\nname = 'a'\ngroup = 'npm'\nversion = '1'\n[[pins]]\ngroup = 'npm'\nname = 'a'\nversion = '2'\n",
                "ci/upmon.toml:7:8: `npm/a` is pinned twice",
            ),
            (
                "[[pins]]\nname = 'b'\ngroup = 'npm'\nversion = '1'\n",
                "ci/upmon.toml:4:11: `npm/b` is pinned in `pins.json:2`, too",
            ),
            (
                "[[pins]]\nfile = 'versions.toml'\ngroup = 'npm'\npins.b.path = '$.tools.just'\n",
                "ci/upmon.toml:4:6: `npm/b` is pinned in `pins.json:2`, too",
            ),
        ] {
            let own = "{ \"npm\":\n { \"b\": \"1.1.0\" } }";
            let told = read(own, settings).expect_err(expected);
            assert!(told.contains(expected), "{settings}: {told}");
        }
    }
}
