//! A file's content as a tree in which everything knows where it stands.

use std::ops::Range;

/// A value and the bytes it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
    pub(crate) syntax: Syntax,
}

/// The language of a file, whose word for a table its readers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Json,
    Toml,
    Yaml,
}

/// What JSON and TOML have in common, as far as our files use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Boolean(bool),
    /// A number as it was written: which ones fit is for the reader of the field to say.
    Number(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// Something that no field takes: `null`, a date of TOML.
    Other(&'static str),
}

/// A key of a table with its value. Keys may repeat (JSON); the reader of the table says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Node {
    /// The entries of a table; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Table(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The value of a key. Of a key that stands twice, the first.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value at the end of a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// What it is, for messages, with an article.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::List(_) => "a list",
            Value::Table(_) => self.table(),
            Value::Other(kind) => kind,
        }
    }

    /// What a table is called in the file's language, with an article.
    pub(crate) const fn table(&self) -> &'static str {
        match self.syntax {
            Syntax::Json => "an object",
            Syntax::Toml => "a table",
            Syntax::Yaml => "a mapping",
        }
    }
}
