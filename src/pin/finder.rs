//! How a version is found in a file that is none of the known formats: by a path in a tree, or by a pattern in a text.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, json_schema};
use serde_json_path::{JsonPath, NormalizedPath, PathElement};

use super::project::Format;
use crate::document::{FromText, Node, Refusal, Text, Value, Word, hidden_character, inline_schema};

/// A language whose files are trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
pub(crate) enum Language {
    /// JSON: a path finds the pins that `pins` names.
    #[schemars(rename = "json")]
    Json,
    /// TOML: a path finds the pins that `pins` names.
    #[schemars(rename = "toml")]
    Toml,
    /// YAML: a path finds the pins that `pins` names.
    #[schemars(rename = "yaml")]
    Yaml,
}

impl Language {
    const ALL: [Self; 3] = [Self::Json, Self::Toml, Self::Yaml];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Yaml => "yaml",
        }
    }

    /// The language of a file by its name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One whose pins upmon knows to find.
    Project(Format),
    /// One in which paths find them.
    Tree(Language),
}

impl Word for Kind {
    const KIND: &'static str = "a format that upmon reads";

    fn all() -> Vec<Self> {
        let formats = Format::ALL.iter().copied().map(Self::Project);
        formats.chain(Language::ALL.map(Self::Tree)).collect()
    }

    fn word(self) -> &'static str {
        match self {
            Self::Project(format) => format.as_str(),
            Self::Tree(language) => language.as_str(),
        }
    }
}

inline_schema!(
    Kind,
    |generator| json_schema!({ "anyOf": [generator.subschema_for::<Format>(), generator.subschema_for::<Language>()] })
);

/// A path to a value, in [JSONPath](https://www.rfc-editor.org/rfc/rfc9535).
#[derive(Debug, Clone)]
pub(crate) struct Path {
    text: String,
    path: JsonPath,
}

/// A path of a person is shorter; one that is not could nest filters in filters.
const LONGEST_PATH: usize = 500;

/// Each level of brackets may double the work of reading a path.
const DEEPEST_PATH: usize = 6;

impl Path {
    /// What was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The values of a tree that it names.
    pub(super) fn find<'a>(&self, root: &'a Node, values: &serde_json::Value) -> Vec<&'a Node> {
        self.path.query_located(values).locations().filter_map(|location| node_at(root, location)).collect()
    }
}

fn node_at<'a>(root: &'a Node, location: &NormalizedPath<'_>) -> Option<&'a Node> {
    location.iter().try_fold(root, |node, element| match element {
        PathElement::Name(name) => node.get(name),
        PathElement::Index(index) => node.items().get(*index),
    })
}

/// A tree as a path looks at it. Of a key that stands twice, the first counts, as in [`Node::get`].
pub(super) fn values(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Text(text) => text.as_str().into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Number(number) => number.parse::<serde_json::Number>().map_or(number.as_str().into(), Into::into),
        Value::List(items) => items.iter().map(values).collect(),
        Value::Table(entries) => {
            let mut map = serde_json::Map::new();
            for entry in entries {
                map.entry(entry.key.as_str()).or_insert_with(|| values(&entry.node));
            }
            map.into()
        }
        Value::Other(_) => serde_json::Value::Null,
    }
}

impl FromText for Path {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Text::from_text(text)?;
        let (deepest, descents) = shape(text);
        if text.len() > LONGEST_PATH || deepest > DEEPEST_PATH || descents > 1 {
            let help = "name the keys, such as `$.tools.just`; `..` may stand in it once";
            return Err(Refusal::new("is too long or too deep a path").help(help));
        }
        match JsonPath::parse(text) {
            Ok(path) => Ok(Self { text: text.to_owned(), path }),
            Err(error) => {
                let refusal = Refusal::new(format!("is not a JSONPath: {}", error.message()));
                let rooted = format!("$.{text}");
                let is_meant = !text.starts_with('$') && JsonPath::parse(&rooted).is_ok();
                Err(if is_meant { refusal.help(format!("did you mean `{rooted}`?")) } else { refusal })
            }
        }
    }
}

/// How deep brackets nest in a path, and how often it descends; what stands in quotes does not count.
fn shape(text: &str) -> (usize, usize) {
    let (mut depth, mut deepest, mut descents) = (0_usize, 0, 0);
    let mut quote = None;
    let mut before = ' ';
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character && before != '\\' => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '(' | '!') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, '.') if before == '.' => descents += 1,
            _ => {}
        }
        // an escaped backslash escapes nothing
        before = if before == '\\' && character == '\\' { ' ' } else { character };
    }
    (deepest, descents)
}

/// A pattern over a text, with named groups.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

/// The groups that mean something.
const GROUPS: [&str; 4] = ["version", "package", "registry", "requirement"];

impl Pattern {
    /// Whether it has a group.
    pub(super) fn has(&self, group: &str) -> bool {
        self.0.capture_names().flatten().any(|name| name == group)
    }

    /// Every match, up to a number.
    pub(super) fn find<'a>(&'a self, text: &'a str, most: usize) -> impl Iterator<Item = Match<'a>> {
        self.0.captures_iter(text).take(most).map(Match)
    }
}

/// Where a pattern matched.
pub(super) struct Match<'a>(regex::Captures<'a>);

impl Match<'_> {
    /// The range of a group; `None` where it matched nothing.
    pub(super) fn group(&self, name: &str) -> Option<Range<usize>> {
        self.0.name(name).map(|found| found.range()).filter(|range| !range.is_empty())
    }

    /// The range of the whole.
    pub(super) fn whole(&self) -> Range<usize> {
        self.0.get(0).map(|found| found.range()).unwrap_or_default()
    }
}

impl FromText for Pattern {
    fn expected() -> Option<String> {
        None
    }

    /// `^` and `$` are the ends of a line, whatever ends it. Matching takes time in proportion to the text, whatever the
    /// pattern is; its size is bounded.
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() || text.contains(|character| hidden_character(character) && character != '\t') {
            return Err(Refusal::new("is empty, or holds a hidden character"));
        }
        let regex = RegexBuilder::new(text).multi_line(true).crlf(true).size_limit(1 << 20).build();
        let regex = regex.map_err(|error| {
            // the last line has the reason; those before draw the pattern
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Refusal::new(format!("is not a regular expression: {reason}"))
                .help("the syntax is that of https://docs.rs/regex")
        })?;
        if let Some(unknown) = regex.capture_names().flatten().find(|name| !GROUPS.contains(name)) {
            let refusal = Refusal::new(format!("has a group `{unknown}`, which means nothing"));
            return Err(
                refusal.help(format!("the groups are {}; write `(?:...)` for one without a name", GROUPS.join(", ")))
            );
        }
        if regex.capture_names().flatten().all(|name| name != "version") {
            return Err(Refusal::new("has no group `version`").help("such as `just@(?<version>[0-9.]+)`"));
        }
        Ok(Self(regex))
    }
}

// a schema does not know their syntax
inline_schema!(Path, |_| json_schema!({ "type": "string", "pattern": "\\S" }));
inline_schema!(Pattern, |_| json_schema!({ "type": "string", "pattern": "\\S" }));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_would_take_for_ever_are_refused() {
        for text in [
            "$",
            "$.a.b",
            "$['a..b..c'][0]",
            "$..x",
            "$.a[?@.name == 'j(((((((((t'].version",
            "$[?(@.a && (@.b || !@.c))].v",
        ] {
            assert!(Path::from_text(text).is_ok(), "{text}: {:?}", Path::from_text(text).unwrap_err());
        }
        let deep = format!("$[?{}@.a{}]", "(".repeat(20), ")".repeat(20));
        for text in [
            "",
            "$..a..b",
            &deep,
            &format!("$.{}", "a".repeat(600)),
            &"[".repeat(400),
            &format!("$[?{}@.a]", "!".repeat(200)),
        ] {
            assert!(Path::from_text(text).is_err(), "{text}");
        }
        assert_eq!(Path::from_text("tools.just").unwrap_err().help.unwrap(), "did you mean `$.tools.just`?");
    }

    #[test]
    fn patterns_have_a_version_and_no_unknown_group() {
        for (text, expected) in [
            ("(?<version>x)", None),
            ("(?P<package>a) (?<version>x) (?:b)", None),
            ("(x)", Some("has no group `version`")),
            ("(?<versoin>x)", Some("has a group `versoin`")),
            ("(?<version>x", Some("is not a regular expression: unclosed group")),
            ("(?<version>(?:(?:x{1000}){1000}){1000})", Some("is not a regular expression: ")),
            (" ", Some("is empty")),
        ] {
            match (Pattern::from_text(text), expected) {
                (Ok(_), None) => {}
                (Err(refusal), Some(expected)) => assert!(refusal.reason.contains(expected), "{text}: {refusal:?}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
