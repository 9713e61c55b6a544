//! Tables with a fixed set of keys, read field by field.
//!
//! The [`table!`] macro declares a table once; its keys, its reader, its environment variables and its JSON Schema come
//! from the same lines and cannot drift apart.

use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Entry, FromText, InFile, NOT_YET, Node, Problem, Refusal, Value, nearest};

/// Something that can be read from a node; `name` is the key that it stands under, for messages.
pub(crate) trait Read: Sized {
    /// Reads it, or says what is wrong and gives nothing.
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self>;

    /// Reads it from an environment variable; `None` for what has no place in one.
    fn from_environment(_text: &str) -> Option<Result<Self, Refusal>> {
        None
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// The value of a key that may be missing, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<T>(Option<Placed<T>>);

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Field<T> {
    /// The value.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|placed| &placed.value)
    }

    /// The value with its place.
    pub(crate) const fn placed(&self) -> Option<&Placed<T>> {
        self.0.as_ref()
    }

    /// Changes the value where there is one.
    pub(crate) fn map(self, change: impl FnOnce(T) -> T) -> Self {
        Self(self.0.map(|Placed { value, span }| Placed { value: change(value), span }))
    }

    /// The place, if the key was given.
    pub(crate) fn span(&self) -> Option<&Range<usize>> {
        self.0.as_ref().map(|placed| &placed.span)
    }
}

impl<T: Clone> Field<T> {
    /// A copy of the value.
    pub(crate) fn cloned(&self) -> Option<T> {
        self.get().cloned()
    }
}

/// A table whose keys are known.
pub(crate) trait Table: Default {
    /// Every key, in the order of the documentation.
    const KEYS: &'static [&'static str];

    /// Those without which the table says nothing.
    const REQUIRED: &'static [&'static str];

    /// Keys that are documented and not supported yet.
    const LATER: &'static [&'static str];

    /// Takes every key.
    fn fill(fields: &mut Fields<'_>) -> Self;

    /// Lets the environment override what the file says; `prefix` as in `UPMON_POLICY`.
    fn overlay(&mut self, prefix: &str, environment: &mut Environment<'_>);

    /// The environment variables that [`Table::overlay`] looks at, each with its key.
    fn variables(prefix: &str) -> Vec<(&'static str, String)>;
}

/// The entries of a table that is being read.
pub(crate) struct Fields<'a> {
    entries: &'a [Entry],
    problems: &'a mut Vec<Problem>,
}

impl Fields<'_> {
    /// The value of a key. Of a key that stands twice, the first counts; the second was already told.
    pub(crate) fn take<T: Read>(&mut self, key: &str) -> Field<T> {
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else { return Field(None) };
        let value = T::read(&entry.node, key, self.problems);
        Field(value.map(|value| Placed { value, span: entry.node.span.clone() }))
    }
}

/// Reads a table: tells keys that it does not have, that stand twice or that are missing, and fills the rest.
pub(crate) fn read_table<T: Table>(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<T> {
    let Value::Table(entries) = &node.value else {
        problems.push(wrong_kind(node, name, node.table()));
        return None;
    };
    problems.extend(repeated_keys(entries));
    problems.extend(unknown_keys::<T>(entries));
    problems.extend(
        missing_keys::<T>(entries)
            .map(|key| Problem::new(node.span.clone(), format!("`{key}` is missing from `{name}`"))),
    );
    Some(T::fill(&mut Fields { entries, problems }))
}

fn unknown_keys<T: Table>(entries: &[Entry]) -> impl Iterator<Item = Problem> {
    let unknown = entries.iter().filter(|entry| !T::KEYS.contains(&entry.key.as_str()));
    unknown.map(|entry| unknown_key(entry, T::KEYS, T::LATER))
}

/// Required keys that neither stand in the table nor in a spelling that is told as unknown.
fn missing_keys<T: Table>(entries: &[Entry]) -> impl Iterator<Item = &'static str> {
    let means = |entry: &Entry, key: &str| {
        entry.key == key || !T::KEYS.contains(&entry.key.as_str()) && nearest(&entry.key, T::KEYS) == Some(key)
    };
    T::REQUIRED.iter().copied().filter(move |key| !entries.iter().any(|entry| means(entry, key)))
}

impl<T: FromText> Read for T {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        read_text(node, name, problems)
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        // a variable has no caret with a label, so what was expected is told as help
        let helped = |refusal: Refusal| match T::expected() {
            Some(expected) if refusal.help.is_none() => refusal.help(format!("expected {expected}")),
            _ => refusal,
        };
        Some(T::from_text(text).map_err(helped))
    }
}

impl<T: Read> Read for Vec<Placed<T>> {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::List(nodes) = &node.value else {
            problems.push(wrong_kind(node, name, "a list"));
            return None;
        };
        // every item is read, so that all of their mistakes are told, before one that was refused spoils the list
        let read = |node: &Node| T::read(node, name, problems).map(|value| Placed { value, span: node.span.clone() });
        let items: Vec<_> = nodes.iter().map(read).collect();
        items.into_iter().collect()
    }
}

impl Read for bool {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Boolean(value) = node.value else {
            problems.push(wrong_kind(node, name, "`true` or `false`"));
            return None;
        };
        Some(value)
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        Some(text.parse().map_err(|_| Refusal::new("must be `true` or `false`")))
    }
}

/// Reads a value that is written as a string.
fn read_text<T: FromText>(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<T> {
    let Value::Text(text) = &node.value else {
        let problem = expecting::<T>(wrong_kind(node, name, "a string"));
        problems.push(match &node.value {
            Value::Number(number) if T::expected().is_none() => problem.help(format!("put it in quotes: \"{number}\"")),
            _ => problem,
        });
        return None;
    };
    match T::from_text(text) {
        Ok(value) => Some(value),
        Err(refusal) => {
            let problem = Problem::new(node.span.clone(), format!("`{name}` {}", refusal.reason));
            let problem = expecting::<T>(problem).maybe_help(refusal.help);
            problems.push(if refusal.is_secret { problem.secret() } else { problem });
            None
        }
    }
}

fn expecting<T: FromText>(problem: Problem) -> Problem {
    match T::expected() {
        Some(expected) => problem.label(format!("expected {expected}")),
        None => problem,
    }
}

/// A value of another kind than the key takes.
pub(crate) fn wrong_kind(node: &Node, name: &str, expected: &str) -> Problem {
    Problem::new(node.span.clone(), format!("`{name}` must be {expected}, not {}", node.kind()))
}

/// Every key that stands a second time.
pub(crate) fn repeated_keys(entries: &[Entry]) -> Vec<Problem> {
    let mut seen = std::collections::HashMap::new();
    let mut repeated = Vec::new();
    for entry in entries {
        match seen.entry(entry.key.as_str()) {
            std::collections::hash_map::Entry::Vacant(vacant) => _ = vacant.insert(entry.key_span.clone()),
            std::collections::hash_map::Entry::Occupied(first) => repeated.push(
                Problem::new(entry.key_span.clone(), format!("the key `{}` stands here a second time", entry.key))
                    .label("second")
                    .earlier(first.get().clone(), "first"),
            ),
        }
    }
    repeated
}

/// A key that the table does not have.
pub(crate) fn unknown_key(entry: &Entry, known: &[&str], later: &[&str]) -> Problem {
    let keys = format!("the keys here are {}", known.join(", "));
    let help = match nearest(&entry.key, known) {
        _ if later.contains(&entry.key.as_str()) => NOT_YET.to_owned(),
        Some(word) => format!("did you mean `{word}`? {keys}"),
        None => keys,
    };
    Problem::new(entry.key_span.clone(), format!("unknown key `{}`", entry.key)).help(help)
}

/// The environment that may override settings, and what was wrong in it.
pub(crate) struct Environment<'a> {
    look_up: &'a dyn Fn(&str) -> Option<String>,
    text: String,
    problems: Vec<Problem>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(look_up: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { look_up, text: String::new(), problems: Vec::new() }
    }

    /// Overrides a field from its variable. An empty variable counts as not set, as shells and CI leave them so.
    pub(crate) fn overlay<T: Read>(&mut self, field: &mut Field<T>, prefix: &str, key: &str) {
        let name = variable(prefix, key);
        let Some(text) = self.value(&name) else { return };
        match T::from_environment(&text) {
            Some(Ok(value)) => *field = Field(Some(Placed { value, span: 0..0 })),
            Some(Err(refusal)) => self.refuse(&name, &text, refusal),
            None => {}
        }
    }

    /// The value of a variable, where it is set and not empty.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        (self.look_up)(name).filter(|text| !text.is_empty())
    }

    /// Keeps what is wrong with a variable.
    pub(crate) fn refuse(&mut self, name: &str, value: &str, refusal: Refusal) {
        // one line a variable, whatever it holds
        let value = if refusal.is_secret { "***".to_owned() } else { value.replace(['\n', '\r'], " ") };
        let start = self.text.len() + name.len() + 1;
        self.text.extend([name, "=", &value, "\n"]);
        let problem = Problem::new(start..start + value.len(), format!("`{name}` {}", refusal.reason));
        self.problems.push(problem.maybe_help(refusal.help));
    }

    /// What was wrong, as a text of `NAME=value` lines with its problems.
    pub(crate) fn into_problems(self) -> (String, Vec<Problem>) {
        (self.text, self.problems)
    }
}

/// The name of a setting's environment variable.
pub(crate) fn variable(prefix: &str, key: &str) -> String {
    format!("{prefix}_{}", key.replace('-', "_").to_uppercase())
}

/// Schemas look through places.
macro_rules! schema_of_inner {
    ($($wrapper:ident),+) => {$(
        impl<T: JsonSchema> JsonSchema for $wrapper<T> {
            fn inline_schema() -> bool {
                T::inline_schema()
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                T::schema_name()
            }
            fn schema_id() -> std::borrow::Cow<'static, str> {
                T::schema_id()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        }
    )+};
}
schema_of_inner!(Placed, Field, InFile);

/// Declares a table: a struct of fields, its keys, its reader and its schema.
macro_rules! table {
    ($(#[$meta:meta])* struct $name:ident $(required [$($required:literal),+])? $(later [$($later:literal),+])? { $($(#[$field_meta:meta])* $field:ident = $key:literal: $type:ty,)+ }) => {
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        $(#[$meta])*
        #[schemars(deny_unknown_fields $(, extend("required" = [$($required),+]))?)]
        pub(crate) struct $name {
            $($(#[$field_meta])* #[schemars(rename = $key, default)] pub(crate) $field: $crate::document::Field<$type>,)+
        }

        impl $crate::document::Read for $name {
            fn read(
                node: &$crate::document::Node,
                name: &str,
                problems: &mut Vec<$crate::document::Problem>,
            ) -> Option<Self> {
                $crate::document::read_table(node, name, problems)
            }
        }

        impl $crate::document::Table for $name {
            const KEYS: &'static [&'static str] = &[$($key),+];
            const REQUIRED: &'static [&'static str] = &[$($($required),+)?];
            const LATER: &'static [&'static str] = &[$($($later),+)?];

            fn fill(fields: &mut $crate::document::Fields<'_>) -> Self {
                Self { $($field: fields.take($key),)+ }
            }

            fn overlay(&mut self, prefix: &str, environment: &mut $crate::document::Environment<'_>) {
                $(environment.overlay(&mut self.$field, prefix, $key);)+
            }

            fn variables(prefix: &str) -> Vec<(&'static str, String)> {
                [$(<$type as $crate::document::Read>::from_environment("").map(|_| ($key, $crate::document::variable(prefix, $key)))),+]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    };
}
pub(crate) use table;
