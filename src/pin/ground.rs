//! A file in which versions are looked for, and what is said when they are not found.

use std::ops::Range;
use std::sync::Arc;

use super::finder::{Language, Path, Pattern, values};
use super::project::Dependency;
use super::project::text::{Document, wrong};
use super::{Place, Written};
use crate::document::{FileError, FromText as _, Node, Placed, Problem, Source, Text, Value, Wrong};
use crate::registry::RegistryId;

/// A file, and the pins file that sends there.
pub(super) struct Ground<'a> {
    own: &'a Arc<Source>,
    file: &'a Arc<Source>,
    /// Where the pins file names the file.
    named: &'a Placed<Text>,
    language: Option<Language>,
    /// The file as a tree, once a path has asked for it.
    tree: Option<(Document, serde_json::Value)>,
}

/// A pattern that matches more often is meant otherwise.
const MOST_MATCHES: usize = 10_000;

impl<'a> Ground<'a> {
    /// `language` is what the pins file says of the file, else its name tells.
    pub(super) const fn new(
        own: &'a Arc<Source>,
        file: &'a Arc<Source>,
        named: &'a Placed<Text>,
        language: Option<Language>,
    ) -> Self {
        Self { own, file, named, language, tree: None }
    }

    fn told(&self, span: &Range<usize>, message: String, help: impl Into<String>) -> FileError {
        Wrong::new(Arc::clone(self.own), vec![Problem::new(span.clone(), message).help(help)]).into()
    }

    fn name(&self) -> String {
        self.file.name().display().to_string()
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.file.line_and_column(span.start).0
    }

    /// The text at a range of the file.
    fn written(&self, span: Range<usize>) -> Written {
        Written { text: self.file.text()[span.clone()].to_owned(), place: Place::of(self.file, &span) }
    }

    /// Reads the file as a tree, once.
    fn grow(&mut self) -> Result<(), FileError> {
        if self.tree.is_none() {
            let language = self.language.or_else(|| Language::of(&self.named.value.0));
            let Some(language) = language else {
                let message = format!(
                    "`{}` is not called like JSON, TOML or YAML, in which a `path` leads somewhere",
                    self.named.value.0
                );
                let help =
                    "say what it is with a `format`, one of json, toml, yaml; or find the version by a `pattern`";
                return Err(self.told(&self.named.span, message, help));
            };
            let read = match language {
                Language::Json => Document::json,
                Language::Toml => Document::toml,
                Language::Yaml => Document::yaml,
            };
            let document = read(Arc::clone(self.file))?;
            let values = values(&document.root);
            self.tree = Some((document, values));
        }
        Ok(())
    }

    /// The one value at a path; `span` is where the pins file says the path.
    pub(super) fn at_path(&mut self, path: &Path, span: &Range<usize>) -> Result<Written, FileError> {
        let (file, text) = (Arc::clone(self.file), path.text());
        self.grow()?;
        let (document, values) = self.tree.as_ref().expect("it was read just now");
        let found = path.find(&document.root, values);
        let node = match found.as_slice() {
            [node] => node,
            [] => {
                let keys = keys(&document.root);
                return Err(self.told(span, format!("`{text}` leads to nothing in `{}`", self.name()), keys));
            }
            [first, second, ..] => {
                let (first, second) = (self.line(&first.span), self.line(&second.span));
                let message = format!(
                    "`{text}` leads to {} values in `{}`, the first in line {first} and line {second}",
                    found.len(),
                    self.name()
                );
                return Err(self.told(span, message, "make it lead to one, such as `$.tools.just` or `$.tools[0]`"));
            }
        };
        let said = match &node.value {
            Value::Text(said) => said.clone(),
            Value::Number(_) => file.text()[node.span.clone()].to_owned(),
            _ => {
                let message =
                    format!("`{text}` leads here, and a version is a string or a number, not {}", node.kind());
                return Err(wrong(&file, node.span.clone(), message));
            }
        };
        if let Err(refusal) = Text::from_text(&said) {
            return Err(wrong(
                &file,
                node.span.clone(),
                format!("`{text}` leads here, and the version {}", refusal.reason),
            ));
        }
        Ok(Written { text: said, place: document.place(node) })
    }

    /// Version and requirement of the one match of a pattern.
    pub(super) fn at_match(
        &self,
        pattern: &Pattern,
        span: &Range<usize>,
    ) -> Result<(Written, Option<Written>), FileError> {
        let matches: Vec<_> = pattern.find(self.file.text(), 2).collect();
        match matches.as_slice() {
            [] => Err(self.no_match(span)),
            [found] => match found.group("version") {
                Some(version) => {
                    Ok((self.written(version), found.group("requirement").map(|range| self.written(range))))
                }
                None => Err(self.no_version(found.whole())),
            },
            [first, second, ..] => {
                let (first, second) = (self.line(&first.whole()), self.line(&second.whole()));
                let message =
                    format!("the pattern matches twice in `{}`, in line {first} and line {second}", self.name());
                Err(self.told(span, message, "make it match the one place where the version stands"))
            }
        }
    }

    fn no_match(&self, span: &Range<usize>) -> FileError {
        let message = format!("the pattern matches nothing in `{}`", self.name());
        self.told(span, message, "`^` and `$` are the ends of a line; a backslash is written twice in JSON")
    }

    fn no_version(&self, span: Range<usize>) -> FileError {
        wrong(self.file, span, "the pattern matches here, and its group `version` matches nothing")
    }

    /// Every match of a pattern as a dependency; `registry` is who lists the packages, where a match does not say so.
    pub(super) fn matches(
        &self,
        pattern: &Placed<Pattern>,
        registry: Option<RegistryId>,
    ) -> Result<Vec<Dependency>, FileError> {
        let found: Vec<_> = pattern.value.find(self.file.text(), MOST_MATCHES + 1).collect();
        if found.is_empty() {
            return Err(self.no_match(&pattern.span));
        }
        if found.len() > MOST_MATCHES {
            let message = format!("the pattern matches more than {MOST_MATCHES} times in `{}`", self.name());
            return Err(self.told(&pattern.span, message, "make it match the pins alone"));
        }
        let dependency = |found: &super::finder::Match<'_>| {
            let Some(version) = found.group("version") else { return Err(self.no_version(found.whole())) };
            let Some(package) = found.group("package") else {
                return Err(wrong(
                    self.file,
                    found.whole(),
                    "the pattern matches here, and its group `package` matches nothing",
                ));
            };
            let package = &self.file.text()[package];
            let said = found.group("registry").map(|range| &self.file.text()[range]);
            let requirement = found.group("requirement").map(|range| self.written(range));
            let registry = match said {
                Some(word) => RegistryId::ALL.iter().copied().find(|registry| registry.as_str() == word),
                None => registry,
            };
            let open = |reason: String| {
                let written = self.written(version.clone());
                let open = Dependency::open(package, written.place.clone(), reason);
                Dependency { version: Some(written), ..open }
            };
            let dependency = match registry {
                None => open(format!("upmon knows no registry `{}`", said.unwrap_or_default())),
                Some(RegistryId::Git) => {
                    open("a git remote has an address, which `pins` can say and a pattern cannot".to_owned())
                }
                Some(registry) => Dependency::pinned(registry, package, self.written(version.clone())),
            };
            Ok(dependency.requiring(requirement))
        };
        found.iter().map(dependency).collect()
    }
}

/// What is at the top of a file, as a help for who looked for something else.
fn keys(root: &Node) -> String {
    const MOST: usize = 12;
    let keys: Vec<&str> = root.entries().iter().map(|entry| entry.key.as_str()).take(MOST).collect();
    match &root.value {
        Value::Table(_) if !keys.is_empty() => format!("the keys at the top of the file are {}", keys.join(", ")),
        _ => format!("the file is {} at its top", root.kind()),
    }
}
