//! The lines of `Gemfile.lock`, as
//! [Bundler reads them](https://github.com/rubygems/rubygems/blob/master/bundler/lib/bundler/lockfile_parser.rb): sections at
//! the margin, two spaces for attributes and dependencies, four for a gem, six for what it asks for.

use std::ops::Range;
use std::sync::Arc;

use super::super::text::wrong;
use crate::document::{FileError, Source};
use crate::pin::{Place, Written};

/// Where the gems of a section come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gem,
    Git,
    Path,
    Plugin,
}

/// A name, and what stands behind it in parentheses.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    name_range: Range<usize>,
    /// The version without its platform, or the requirement.
    pub(super) detail: Option<Range<usize>>,
}

/// A gem that was chosen.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) remote: String,
    /// Whether it can come from nowhere but RubyGems.org.
    pub(super) is_public: bool,
    pub(super) line: Line,
    pub(super) asks: Vec<Line>,
}

#[derive(Debug, Default)]
pub(super) struct Lockfile {
    pub(super) specs: Vec<Spec>,
    pub(super) dependencies: Vec<Line>,
}

#[derive(Clone)]
enum Section {
    Source { kind: Kind, remotes: Vec<String> },
    Dependencies,
    Other,
}

impl Lockfile {
    pub(super) fn read(file: &Arc<Source>) -> Result<Self, FileError> {
        let mut lock = Self::default();
        let mut section = None;
        let mut start = 0;
        for raw in file.text().split_inclusive('\n') {
            let text = raw.trim_end();
            let range = start..start + text.len();
            start += raw.len();
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| text.starts_with(mark)) {
                return Err(wrong(file, range, "a merge has left its mark: resolve it, or run `bundle lock`"));
            }
            if !text.starts_with(' ') {
                section = headed(text).or(section.filter(|_| text.is_empty()));
            } else if let Some(section) = &mut section {
                lock.add(section, text, range.start);
            }
        }
        if section.is_none() {
            return Err(wrong(file, 0..0, "no section of a `Gemfile.lock` stands in the file"));
        }
        Ok(lock)
    }

    fn add(&mut self, section: &mut Section, text: &str, start: usize) {
        let indent = text.len() - text.trim_start().len();
        match (section, indent) {
            (Section::Source { remotes, .. }, 2) => {
                remotes.extend(text.trim_start().strip_prefix("remote: ").map(str::to_owned));
            }
            (Section::Source { kind, remotes }, 4) => {
                let is_public = remotes.iter().all(|remote| is_rubygems(remote));
                let remote = remotes.first().cloned().unwrap_or_default();
                let line = Line::read(text, start, true);
                let is_known = |spec: &Spec| spec.line.name == line.name;
                // the same version for another platform
                if !self.specs.iter().any(is_known) {
                    self.specs.push(Spec { kind: *kind, remote, is_public, line, asks: Vec::new() });
                }
            }
            (Section::Source { .. }, 6) => {
                let line = Line::read(text, start, false);
                self.specs.last_mut().into_iter().for_each(|spec| spec.ask(&line));
            }
            (Section::Dependencies, 2) => self.dependencies.push(Line::read(text, start, false)),
            _ => {}
        }
    }

    /// The names that the project itself asks for.
    pub(super) fn direct(&self) -> impl Iterator<Item = &str> {
        let own = self.specs.iter().filter(|spec| spec.kind == Kind::Path).flat_map(|spec| &spec.asks);
        self.dependencies.iter().chain(own).map(|line| line.name.as_str())
    }
}

impl Spec {
    fn ask(&mut self, line: &Line) {
        if !self.asks.iter().any(|known| known.name == line.name) {
            let Line { name, name_range, detail } = line;
            self.asks.push(Line { name: name.clone(), name_range: name_range.clone(), detail: detail.clone() });
        }
    }
}

/// Whether an address is that of the public server; older files have it without encryption.
fn is_rubygems(remote: &str) -> bool {
    let host = remote.strip_prefix("https://").or_else(|| remote.strip_prefix("http://"));
    host.is_some_and(|host| host.trim_end_matches('/') == "rubygems.org")
}

fn headed(text: &str) -> Option<Section> {
    let source = |kind| Some(Section::Source { kind, remotes: Vec::new() });
    match text {
        "GEM" => source(Kind::Gem),
        "GIT" => source(Kind::Git),
        "PATH" => source(Kind::Path),
        "PLUGIN SOURCE" => source(Kind::Plugin),
        "DEPENDENCIES" => Some(Section::Dependencies),
        "PLATFORMS" | "CHECKSUMS" | "BUNDLED WITH" | "RUBY VERSION" => Some(Section::Other),
        _ => None,
    }
}

impl Line {
    /// `name (1.0-platform)` of a gem, `name (>= 1, < 2)!` of a dependency.
    fn read(text: &str, start: usize, is_gem: bool) -> Self {
        let at = text.len() - text.trim_start().len();
        let line = text.trim_end_matches('!');
        let (end, detail) = match line[at..].find(" (").filter(|_| line.ends_with(')')) {
            Some(length) => {
                let end = at + length;
                let inner = end + 2..line.len() - 1;
                let length = if is_gem { line[inner.clone()].find('-') } else { None };
                (end, Some(inner.start..length.map_or(inner.end, |length| inner.start + length)))
            }
            None => (line.len(), None),
        };
        Self {
            name: line[at..end].to_owned(),
            name_range: start + at..start + end,
            detail: detail.map(|range| start + range.start..start + range.end),
        }
    }

    pub(super) fn place(&self, file: &Source) -> Place {
        Place::of(file, &self.name_range)
    }
}

/// A range of the file as a text with its place.
pub(super) fn written(file: &Source, range: &Range<usize>) -> Written {
    Written { text: file.text()[range.clone()].to_owned(), place: Place::of(file, range) }
}
