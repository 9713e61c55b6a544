//! The `from` entries of the pins file: which files of the project hold more pins, and which of those count.

use std::borrow::Cow;

use globset::{Glob, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::entry::{refused, text};
use super::names;
use super::project::{Dependency, Format};
use crate::document::{
    Entry, FromText, Node, Placed, Problem, Read, Refusal, Text, Value, hidden_character, table, wrong_kind,
};

table! {
    /// A file of the project that holds more pins.
    #[schemars(rename = "from")]
    struct FromTable required ["file"] {
        /// The file, relative to this one; `*` and `?` stand for any characters but a slash. Required.
        #[schemars(example = &"Cargo.lock", example = &"services/*/package-lock.json")]
        file = "file": Text,
        /// What kind of file it is. Default: what its name says.
        #[schemars(example = &"cargo-lock")]
        format = "format": Format,
        /// The group that the pins belong to. Default: one named after the kind of file, such as `rust`.
        #[schemars(example = &"web")]
        group = "group": Text,
        /// The packages that count, as globs over their names. Default: every package.
        #[schemars(extend("examples" = [["tokio", "serde*"]]), extend("minItems" = 1))]
        include = "include": Vec<Placed<NameGlob>>,
        /// The packages that do not count, as globs over their names. Default: none.
        #[schemars(extend("examples" = [["@internal/*"]]), extend("minItems" = 1))]
        exclude = "exclude": Vec<Placed<NameGlob>>,
        /// Whether packages count that only other packages depend on. Default: only direct dependencies count.
        #[schemars(extend("default" = false), example = true)]
        all = "all": bool,
    }
}

/// A file that holds more pins, and which of them count.
#[derive(Debug, Clone)]
pub(crate) struct FromEntry {
    /// The file, relative to the pins file; may hold `*` and `?`.
    pub(super) file: Placed<Text>,
    /// What kind of file it is, where its name does not say.
    pub(super) format: Option<Format>,
    /// The group of its pins.
    pub(super) group: Option<String>,
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
    all: bool,
}

impl FromEntry {
    /// Whether a dependency is one that was asked for.
    pub(super) fn takes(&self, dependency: &Dependency) -> bool {
        let is_named = |globs: &[GlobMatcher]| {
            globs.iter().any(|glob| glob.is_match(&dependency.name) || glob.is_match(&dependency.upstream))
        };
        (self.all || dependency.is_direct)
            && (self.include.is_empty() || is_named(&self.include))
            && !is_named(&self.exclude)
    }
}

impl Read for FromEntry {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let table = match &node.value {
            Value::Table(_) => FromTable::read(node, name, problems)?,
            Value::Text(_) => {
                let file = Entry { key: "file".to_owned(), key_span: node.span.clone(), node: node.clone() };
                let table = Node { value: Value::Table(vec![file]), ..node.clone() };
                FromTable::read(&table, name, problems)?
            }
            _ => {
                problems.push(wrong_kind(node, name, "a list of file names or of objects with a `file`"));
                return None;
            }
        };
        problems.extend(table.problems());
        let globs = |field: &crate::document::Field<Vec<Placed<NameGlob>>>| {
            field.get().into_iter().flatten().map(|glob| glob.value.0.clone()).collect()
        };
        Some(Self {
            file: table.file.placed()?.clone(),
            format: table.format.cloned(),
            group: text(&table.group),
            include: globs(&table.include),
            exclude: globs(&table.exclude),
            all: table.all.cloned().unwrap_or(false),
        })
    }
}

impl FromTable {
    /// What keys of the right type say wrong.
    fn problems(&self) -> Vec<Problem> {
        let group = self
            .group
            .placed()
            .and_then(|group| names::group(&group.value.0).err().map(|refusal| refused("group", &group.span, refusal)));
        let file = self
            .file
            .placed()
            .and_then(|file| relative(&file.value.0).err().map(|refusal| refused("file", &file.span, refusal)));
        let empty = [("include", &self.include), ("exclude", &self.exclude)].into_iter().filter_map(|(key, list)| {
            let span = list.span().filter(|_| list.get().is_some_and(Vec::is_empty))?.clone();
            Some(Problem::new(span, format!("`{key}` has no effect here: the list is empty")).label("of no use"))
        });
        empty.chain(group).chain(file).collect()
    }
}

/// A path with slashes that starts beside the pins file.
fn relative(path: &str) -> Result<(), Refusal> {
    if path.starts_with(['/', '~']) || path.contains('\\') || path.contains(':') {
        let refusal = Refusal::new("must be a path relative to this file, with slashes");
        return Err(refusal.help("such as \"Cargo.lock\" or \"services/web/package-lock.json\""));
    }
    Ok(())
}

impl JsonSchema for FromEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FromEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = json_schema!({ "type": "string", "pattern": "^[^/~\\\\:][^\\\\:]*$" });
        json_schema!({ "anyOf": [file, generator.subschema_for::<FromTable>()] })
    }
}

/// A glob over the names of packages.
#[derive(Debug, Clone)]
pub(crate) struct NameGlob(GlobMatcher);

impl FromText for NameGlob {
    fn expected() -> Option<String> {
        Some("a glob over the names of packages, such as \"serde*\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.contains(hidden_character) {
            return Err(Refusal::new("matches no name"));
        }
        match Glob::new(text) {
            Ok(glob) => Ok(Self(glob.compile_matcher())),
            Err(error) => Err(Refusal::new(format!("is not a glob: {}", error.kind()))),
        }
    }
}

impl JsonSchema for NameGlob {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NameGlob".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "\\S" })
    }
}
