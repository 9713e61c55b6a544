//! The `from` entries of the pins file: which files of the project hold more pins, and which of those count.

use globset::{Glob, GlobMatcher};
use schemars::json_schema;

use super::entry::{refused, text};
use super::finder::{Kind, Language, Pattern};
use super::located::PinNodes;
use super::names;
use super::project::files::is_pattern;
use super::project::{Dependency, Format};
use crate::document::{
    Entry, FromText, Node, Placed, Problem, Read, Refusal, Text, Value, hidden_character, inline_schema, table,
    wrong_kind,
};
use crate::registry::RegistryId;

table! {
    /// A file of the project that holds more pins.
    #[schemars(rename = "from")]
    struct FromTable required ["file"] {
        /// The file, relative to this one; `*` and `?` stand for any characters but a slash, `**` for any number of
        /// directories. Required.
        #[schemars(example = &"Cargo.lock", example = &"services/*/package-lock.json")]
        file = "file": Text,
        /// What kind of file it is. Default: what its name says.
        #[schemars(example = &"cargo-lock", example = &"yaml")]
        format = "format": Kind,
        /// The group that the pins belong to. Default: one named after the kind of file, such as `rust`; with `pins` or
        /// `pattern` it is required.
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
        /// The pins whose versions stand in a file of no known format: packages with all that an entry may say, but for the
        /// version, which a JSONPath or a regular expression finds. Default: none.
        #[schemars(extend("examples" = [{ "just": { "path": "$.tools.just", "registry": "crates-io" } }]))]
        pins = "pins": PinNodes,
        /// A regular expression whose every match is a pin, with the groups `package` and `version` and perhaps `registry`
        /// and `requirement`. `^` and `$` are the ends of a line. Default: none.
        #[schemars(example = &"^(?<package>\\S+) (?<version>\\S+)$")]
        pattern = "pattern": Pattern,
        /// Who lists the packages that `pattern` finds. Default: what a match or the group's name says.
        #[schemars(example = &"crates-io")]
        registry = "registry": RegistryId,
    }
}

/// A file that holds more pins, and which of them count.
#[derive(Debug, Clone)]
pub(crate) struct FromEntry {
    /// The file, relative to the pins file; may hold `*` and `?`.
    pub(super) file: Placed<Text>,
    /// What kind of file it is, where its name does not say.
    format: Option<Kind>,
    /// The group of its pins.
    pub(super) group: Option<String>,
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
    all: bool,
    /// The pins that are named here.
    pub(super) pins: Vec<Entry>,
    /// What finds every pin of the file.
    pub(super) pattern: Option<Placed<Pattern>>,
    registry: Option<RegistryId>,
}

impl FromEntry {
    /// The known format, where the name of the file does not say it.
    pub(super) const fn format(&self) -> Option<Format> {
        if let Some(Kind::Project(format)) = self.format { Some(format) } else { None }
    }

    /// The language, where the name of the file does not say it.
    pub(super) const fn language(&self) -> Option<Language> {
        if let Some(Kind::Tree(language)) = self.format { Some(language) } else { None }
    }

    /// Who lists the packages that a pattern finds.
    pub(super) fn registry(&self) -> Option<RegistryId> {
        self.registry.or_else(|| RegistryId::of_group(self.group.as_deref()?))
    }

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
            pins: table.pins.get().map(|pins| pins.0.clone()).unwrap_or_default(),
            pattern: table.pattern.placed().cloned(),
            registry: table.registry.cloned(),
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
        empty.chain(group).chain(file).chain(self.wrong_together()).collect()
    }

    /// What keys say that do not go together.
    fn wrong_together(&self) -> Vec<Problem> {
        let (has_pins, has_pattern) = (self.pins.span().is_some(), self.pattern.span().is_some());
        let is_project = matches!(self.format.get(), Some(Kind::Project(_)));
        let names_pins = "`pins` names each of them";
        let rows = [
            ("include", self.include.span(), has_pins, names_pins),
            ("exclude", self.exclude.span(), has_pins, names_pins),
            ("all", self.all.span(), has_pins, names_pins),
            ("pattern", self.pattern.span(), has_pins, "each of the `pins` has a `path` or a `pattern` of its own"),
            ("registry", self.registry.span(), has_pins, "each of the `pins` has its own"),
            ("registry", self.registry.span(), !has_pins && !has_pattern, "the format says it"),
            ("all", self.all.span(), has_pattern, "a pattern finds what it finds"),
            ("format", self.format.span(), has_pattern, "a pattern reads any text"),
            ("format", self.format.span(), has_pins && is_project, "`pins` takes one of json, toml, yaml"),
            ("format", self.format.span(), !has_pins && !is_project && !has_pattern, "only `pins` says where in it"),
        ];
        let useless = rows.into_iter().filter_map(|(key, span, applies, why)| {
            let span = span.filter(|_| applies)?.clone();
            Some(Problem::new(span, format!("`{key}` has no effect here: {why}")).label("of no use"))
        });
        useless.chain(self.incomplete()).collect()
    }

    /// What `pins` and `pattern` lack.
    fn incomplete(&self) -> Vec<Problem> {
        let Some((key, span)) = [("pins", self.pins.span()), ("pattern", self.pattern.span())]
            .into_iter()
            .find_map(|(key, span)| Some((key, span?.clone())))
        else {
            return Vec::new();
        };
        let problem = |message: String, help: &str| Problem::new(span.clone(), message).help(help);
        let no_group = self.group.span().is_none().then(|| {
            problem(format!("`{key}` needs a `group`, to which the pins belong"), "such as \"group\": \"tools\"")
        });
        let is_empty = self.pins.get().is_some_and(|pins| pins.0.is_empty());
        let no_pins = is_empty.then(|| Problem::new(span.clone(), "`pins` has no effect here: it is empty"));
        let many = self.file.placed().filter(|file| key == "pins" && is_pattern(&file.value.0));
        let many = many.map(|file| Problem::new(file.span.clone(), "`pins` takes one file, and this may be many"));
        let pattern = self.pattern.get().filter(|_| key == "pattern");
        let no_package = pattern.filter(|pattern| !pattern.has("package")).map(|_| {
            problem(
                "`pattern` has no group `package`".to_owned(),
                "add one, or name the package under `pins` with this pattern",
            )
        });
        let group = self.group.get().and_then(|group| RegistryId::of_group(&group.0));
        let is_told = self.registry.span().is_some() || group.is_some();
        let no_registry = pattern.filter(|pattern| !is_told && !pattern.has("registry")).map(|_| {
            problem(
                "nothing says who lists the packages".to_owned(),
                "add a `registry`, such as \"registry\": \"crates-io\"",
            )
        });
        [no_group, no_pins, many, no_package, no_registry].into_iter().flatten().collect()
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

inline_schema!(FromEntry, |generator| {
    let file = json_schema!({ "type": "string", "pattern": "^[^/~\\\\:][^\\\\:]*$" });
    json_schema!({ "anyOf": [file, generator.subschema_for::<FromTable>()] })
});

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

inline_schema!(NameGlob, |_| json_schema!({ "type": "string", "pattern": "\\S" }));
