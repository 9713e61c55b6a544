//! A project file as a tree with places, and the errors that name them.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::document::{
    Entry, FileError, Node, Problem, Source, Value, Wrong, read_json, read_last_yaml, read_toml, read_yaml, wrong_kind,
};
use crate::pin::{Place, Written};

/// A file that was read whole.
#[derive(Debug, Clone)]
pub(in crate::pin) struct Document {
    pub(in crate::pin) source: Arc<Source>,
    pub(in crate::pin) root: Node,
}

impl Document {
    /// Reads TOML.
    pub(in crate::pin) fn toml(source: Arc<Source>) -> Result<Self, FileError> {
        Self::with(source, read_toml)
    }

    /// Reads JSON. Of a key that stands twice in a table the last counts, as in JavaScript.
    pub(in crate::pin) fn json(source: Arc<Source>) -> Result<Self, FileError> {
        let mut document = Self::with(source, read_json)?;
        keep_last(&mut document.root);
        Ok(document)
    }

    /// Reads YAML.
    pub(in crate::pin) fn yaml(source: Arc<Source>) -> Result<Self, FileError> {
        Self::with(source, read_yaml)
    }

    /// Reads the last of the documents of a YAML file.
    pub(super) fn last_yaml(source: Arc<Source>) -> Result<Self, FileError> {
        Self::with(source, read_last_yaml)
    }

    fn with(source: Arc<Source>, read: fn(&Source) -> Result<Node, Vec<Problem>>) -> Result<Self, FileError> {
        match read(&source) {
            Ok(root) => Ok(Self { source, root }),
            Err(problems) => {
                let problems = merge_mark(&source).map_or(problems, |mark| vec![mark]);
                Err(Wrong::new(source, problems).into())
            }
        }
    }

    /// It, where it is a table and its keys hold what they have to. A key without a value is as good as none.
    ///
    /// # Errors
    /// With everything that is otherwise: what cannot be read is not to look as if nothing stood there.
    pub(super) fn shaped(self, keys: &[(&[&str], Shape)]) -> Result<Self, FileError> {
        if !matches!(self.root.value, Value::Table(_)) {
            let message = format!("the file holds {}, where {} is expected", self.root.kind(), self.root.table());
            return Err(self.wrong(&self.root, message));
        }
        let problems = keys.iter().flat_map(|(path, shape)| {
            let node = self.root.at(path);
            node.map(|node| shape.problems(node, &path.join("."))).unwrap_or_default()
        });
        let problems: Vec<Problem> = problems.collect();
        if problems.is_empty() { Ok(self) } else { Err(Wrong::new(self.source, problems).into()) }
    }

    /// Where a node stands.
    pub(in crate::pin) fn place(&self, node: &Node) -> Place {
        Place::of(&self.source, &node.span)
    }

    /// A string with its place.
    pub(in crate::pin) fn written(&self, node: &Node) -> Option<Written> {
        Some(Written { text: node.text()?.to_owned(), place: self.place(node) })
    }

    /// Text that is part of a string, with the place of that part; of the whole string, where it was written otherwise.
    pub(in crate::pin) fn part(&self, node: &Node, text: &str) -> Written {
        let raw = self.source.text().get(node.span.clone()).unwrap_or_default();
        let span = match raw.rfind(text).filter(|_| !text.is_empty()) {
            Some(at) => node.span.start + at..node.span.start + at + text.len(),
            None => node.span.clone(),
        };
        Written { text: text.to_owned(), place: Place::of(&self.source, &span) }
    }

    /// A part of a string by its place in that string; of the whole string, where it was written with escapes.
    pub(super) fn part_at(&self, node: &Node, range: Range<usize>) -> Written {
        let whole = node.text().unwrap_or_default();
        let raw = self.source.text().get(node.span.clone()).unwrap_or_default();
        let span = match raw.find(whole).filter(|_| !range.is_empty()) {
            Some(at) => node.span.start + at + range.start..node.span.start + at + range.end,
            None => node.span.clone(),
        };
        Written { text: whole[range].to_owned(), place: Place::of(&self.source, &span) }
    }

    /// What is wrong with a node.
    pub(in crate::pin) fn wrong(&self, node: &Node, message: impl Into<String>) -> FileError {
        wrong(&self.source, node.span.clone(), message)
    }
}

/// What a key of a project file has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A table.
    Table,
    /// A list.
    List,
    /// A table of lists.
    Lists,
}

impl Shape {
    fn problems(self, node: &Node, name: &str) -> Vec<Problem> {
        let wrong = |expected: &str| vec![wrong_kind(node, name, expected)];
        match (self, &node.value) {
            (_, Value::Text(text)) if matches!(text.as_str(), "" | "~" | "null") => Vec::new(),
            // programs write it for an empty table
            (_, Value::List(items)) if items.is_empty() => Vec::new(),
            (_, Value::Other("null")) | (Self::Table, Value::Table(_)) | (Self::List, Value::List(_)) => Vec::new(),
            (Self::Lists, Value::Table(entries)) => {
                let inner = |entry: &Entry| Self::List.problems(&entry.node, &format!("{name}.{}", entry.key));
                entries.iter().flat_map(inner).collect()
            }
            (Self::Table, _) => wrong(node.table()),
            (Self::List, _) => wrong("a list"),
            (Self::Lists, _) => wrong(&format!("{} of lists", node.table())),
        }
    }
}

/// What a merge left in a file, where that is why it cannot be read.
fn merge_mark(source: &Source) -> Option<Problem> {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") {
            let problem = Problem::new(start..start + line.trim_end().len(), "a merge has left its mark");
            return Some(problem.help("resolve the conflict, or have the tool that owns the file write it anew"));
        }
        start += line.len();
    }
    None
}

/// Takes out every entry of a table whose key stands in it again.
fn keep_last(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(keep_last),
        Value::Table(entries) => {
            let mut seen = HashSet::new();
            entries.reverse();
            entries.retain(|entry| seen.insert(entry.key.clone()));
            entries.reverse();
            for entry in entries {
                keep_last(&mut entry.node);
            }
        }
        _ => {}
    }
}

/// What is wrong with a range of a file.
pub(in crate::pin) fn wrong(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> FileError {
    Wrong::new(Arc::clone(source), vec![Problem::new(span, message)]).into()
}

/// The name of a file that lies in the same directory, or is reached from there.
pub(in crate::pin) fn beside(file: &Source, name: impl AsRef<Path>) -> PathBuf {
    normal(&file.name().parent().unwrap_or(Path::new("")).join(name))
}

/// A path without `.` and, as far as its own words tell, without `..`.
pub(in crate::pin) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// What is told as it is written: of an address in it neither user, password, query nor fragment, since any of
/// them may be a credential.
pub(super) fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_taken_out_of_paths() {
        for (path, expected) in
            [("a/./b", "a/b"), ("a/../b", "b"), ("../a", "../a"), ("a/../../b", "../b"), ("/a/../b", "/b"), (".", "")]
        {
            assert_eq!(normal(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_in_json_the_last_counts() {
        let text =
            r#"{ "a": { "b": "1", "c": "2", "b": "3" }, "d": [{ "e": "4", "e": "5" }], "a": { "b": "6", "b": "7" } }"#;
        let document = Document::json(Arc::new(Source::new("x.json", text))).unwrap();
        assert_eq!(document.root.entries().len(), 2);
        assert_eq!(document.root.at(&["a", "b"]).and_then(Node::text), Some("7"));
        let [item] = document.root.get("d").map(Node::items).unwrap_or_default() else { panic!("one item") };
        assert_eq!(item.get("e").and_then(Node::text), Some("5"));
    }

    #[test]
    fn what_is_of_another_shape_or_unmerged_is_told_with_its_place() {
        const KEYS: &[(&[&str], Shape)] = &[(&["t"], Shape::Table), (&["a", "l"], Shape::List), (&["m"], Shape::Lists)];
        let read = |text: &str| {
            let document = Document::json(Arc::new(Source::new("x.json", text)))?.shaped(KEYS);
            document.map(|document| document.root.entries().len())
        };
        for (text, expected) in [
            (r#"{ "t": {}, "a": { "l": [1] }, "m": { "x": [], "y": [1] }, "other": 1 }"#, Ok(4)),
            (r#"{ "t": null, "a": { "l": null }, "m": { "x": null } }"#, Ok(3)),
            (r#"{ "t": [], "m": [] }"#, Ok(2)),
            ("{}", Ok(0)),
            ("[]", Err("x.json:1:1: the file holds a list, where an object is expected")),
            (r#"{ "t": ["x"] }"#, Err("x.json:1:8: `t` must be an object, not a list")),
            (r#"{ "a": { "l": "x" } }"#, Err("x.json:1:15: `a.l` must be a list, not a string")),
            (r#"{ "m": 1 }"#, Err("x.json:1:8: `m` must be an object of lists, not a number")),
            (r#"{ "m": { "x": {} } }"#, Err("x.json:1:15: `m.x` must be a list, not an object")),
            ("{\n<<<<<<< HEAD\n}", Err("x.json:2:1: a merge has left its mark")),
            ("{\n<<<<<\n}", Err("x.json:2:1: not valid JSON")),
        ] {
            match (read(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn an_address_is_told_without_what_may_be_a_credential() {
        for (text, expected) in [
            ("odd >>1", "odd >>1"),
            ("git+https://host/a/b@v1", "git+https://host/a/b@v1"),
            ("git+https://me:secret@host/a@v1#x=secret", "git+https://host/a@v1"),
            ("https://secret@host?key=secret", "https://host"),
            ("https://me:sec@ret@host/a", "https://host/a"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }
}
