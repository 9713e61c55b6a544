//! What a gemspec or a Gemfile asks for, as far as it is written in strings.
//!
//! Both are Ruby programs, and running one is running a stranger's code. But nearly all say `add_dependency "name",
//! "~> 1.0"` and `gem "name", "~> 1.0"`; what is not written so is told as computed.

use std::ops::Range;

use crate::document::Source;
use crate::pin::{Place, Written};

/// A dependency that a gemspec or a Gemfile adds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: String,
    /// All requirements, with commas between them; the place is theirs together.
    pub(super) requirement: Option<Written>,
    /// Whether name or requirement is more than strings.
    pub(super) is_computed: bool,
    pub(super) place: Place,
}

/// The longest string of a call in bytes, and the most of them; more than that is computed. Without such a bound, a line of
/// many calls would be read to its end for each of them.
const LONGEST: usize = 1024;
const MOST: usize = 32;

/// How much is shown of a call that is computed, in bytes.
const SHOWN: usize = 120;

const CALLS: [&str; 3] = ["add_dependency", "add_runtime_dependency", "add_development_dependency"];

/// Every line of a Gemfile that starts with `gem`, in the order of the file; options behind the strings may say anything.
pub(super) fn gemfile(file: &Source) -> Vec<Asked> {
    let text = file.text();
    // what stands in such a block is no code, and where it ends takes more than lines to tell
    if ["\n=begin", "\n__END__"].iter().any(|block| text.contains(block)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let said = line.trim_start();
        if said.strip_prefix("gem").is_some_and(|rest| rest.starts_with([' ', '(', '\t'])) {
            let at = start + line.len() - said.len();
            found.push(asked(file, at, at + "gem".len(), true));
        }
        start += line.len();
    }
    found
}

/// Every dependency of a gemspec, in the order of the file.
pub(super) fn read(file: &Source) -> Vec<Asked> {
    let text = file.text();
    let mut found: Vec<(usize, Asked)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = line.trim_start().starts_with('#');
        for call in CALLS.iter().filter(|_| !is_comment) {
            for (at, _) in line.match_indices(call) {
                let (at, end) = (start + at, start + at + call.len());
                // a method of something (`spec.add_dependency`), not part of a longer word
                if text[..at].ends_with('.') && text[end..].starts_with([' ', '(', '\t', '<']) {
                    found.push((at, asked(file, at, end, false)));
                }
            }
        }
        start += line.len();
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, asked)| asked).collect()
}

fn asked(file: &Source, call: usize, end: usize, takes_options: bool) -> Asked {
    let mut arguments = Arguments { text: file.text(), at: end };
    let strings = arguments.strings();
    let is_whole = takes_options && arguments.is_at_options() || arguments.is_at_end();
    let said = |range: &Range<usize>| file.text()[range.clone()].to_owned();
    let Some((name, rest)) = strings.split_first() else {
        let text = file.text();
        let line = text[call..text.floor_char_boundary(call + SHOWN)].lines().next().unwrap_or_default();
        let place = Place::of(file, &(call..call + line.len()));
        return Asked { name: line.to_owned(), requirement: None, is_computed: true, place };
    };
    let text = rest.iter().map(said).collect::<Vec<_>>().join(", ");
    let whole = rest.first().zip(rest.last()).map(|(first, last)| first.start..last.end);
    let requirement = whole.filter(|_| is_whole).map(|range| Written { text, place: Place::of(file, &range) });
    Asked { name: said(name), requirement, is_computed: !is_whole, place: Place::of(file, name) }
}

/// The arguments of a call, as far as they are strings, lists of strings, and commas.
struct Arguments<'a> {
    text: &'a str,
    at: usize,
}

impl Arguments<'_> {
    /// The ranges of the strings, without quotes, up to what is none.
    fn strings(&mut self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.skip(&[' ', '\t', '(']);
        while let Some(range) = self.string().filter(|_| found.len() < MOST) {
            found.push(range);
            self.skip(&[' ', '\t', ']']);
            if !self.text[self.at..].starts_with(',') {
                break;
            }
            self.skip(&[',', ' ', '\t', '\r', '\n', '[']);
        }
        found
    }

    /// One string: in quotes, or as `%q<name>`, which `gem build` writes.
    fn string(&mut self) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let (open, close) =
            [("\"", '"'), ("'", '\''), ("%q<", '>')].into_iter().find(|(open, _)| rest.starts_with(open))?;
        let length = rest[open.len()..rest.floor_char_boundary(LONGEST)].find(close)?;
        let range = self.at + open.len()..self.at + open.len() + length;
        let inner = &self.text[range.clone()];
        if inner.is_empty() || inner.contains(['\\', '\n']) || open == "\"" && inner.contains("#{") {
            return None;
        }
        self.at = range.end + close.len_utf8();
        if self.text[self.at..].starts_with(".freeze") {
            self.at += ".freeze".len();
        }
        Some(range)
    }

    /// Whether options follow, `require: false` or `:group => :test`; a constant or a call is none.
    fn is_at_options(&self) -> bool {
        let rest = &self.text[self.at..];
        let word =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let is_before = self.text[..self.at].trim_end().ends_with(',');
        let is_key = word(rest) > 0 && rest[word(rest)..].starts_with(':') && !rest[word(rest)..].starts_with("::");
        let symbol = rest.strip_prefix(':').map(|rest| &rest[word(rest)..]);
        is_before && (is_key || symbol.is_some_and(|rest| rest.trim_start_matches(' ').starts_with("=>")))
    }

    /// Whether nothing more is said: the line ends, or a comment or a condition follows.
    fn is_at_end(&mut self) -> bool {
        self.skip(&[' ', '\t', ')', ']']);
        let rest = &self.text[self.at..];
        rest.is_empty()
            || rest.starts_with(['\n', '\r', '#', ';', '}'])
            || rest.starts_with("if ")
            || rest.starts_with("unless ")
    }

    fn skip(&mut self, characters: &[char]) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(characters).len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_and_code_is_told_as_such() {
        let text = "  s.add_dependency \"a\", \"~> 0.5.0\"\n  s.add_runtime_dependency('b', '>= 1', \"< 2\") # why\n\
            s.add_development_dependency(%q<c>.freeze, [\">= 0\".freeze, \"< 3\"])\n# s.add_dependency 'no'\n\
            s.add_dependency 'd'\n s.add_dependency \"e\", VERSION\n s.add_dependency name, '1'\n s.add_dependency 'f',\n   '= 1.0' if x\n\
            s.add_dependency \"g#{x}\", '1'\n add_dependency 'h'\n s.add_dependency_of 'i'\n s.add_dependency 'j', \"~> #{V}\"\n";
        let file = Source::new("x.gemspec", text);
        let told: Vec<String> = read(&file)
            .into_iter()
            .map(|asked| {
                let requirement = asked
                    .requirement
                    .map_or("-".to_owned(), |written| format!("{} {}", written.text, written.place.line));
                format!("{} {requirement}{}", asked.name, if asked.is_computed { " computed" } else { "" })
            })
            .collect();
        assert_eq!(
            told,
            [
                "a ~> 0.5.0 1",
                "b >= 1, < 2 2",
                "c >= 0, < 3 3",
                "d -",
                "e - computed",
                "add_dependency name, '1' - computed",
                "f = 1.0 9",
                "add_dependency \"g#{x}\", '1' - computed",
                "j - computed",
            ]
        );
    }

    /// Each call was read to the end of its line, and kept it.
    #[test]
    fn a_line_of_a_hundred_thousand_calls_is_read_in_linear_time() {
        let requirements = ["'1', "; 100].concat();
        for (call, count, shown) in [
            ("s.add_dependency x ", 100_000, "add_dependency x s.add_dependency x s.add_dependency x"),
            ("s.add_dependency(%q<", 100_000, "add_dependency(%q<s.add_dependency(%q<"),
            ("s.add_dependency(\u{e9}", 100_000, "add_dependency(\u{e9}s.add_dependency(\u{e9}"),
            (&format!("s.add_dependency 'a', {requirements}"), 1, "a"),
        ] {
            let asked = read(&Source::new("x.gemspec", call.repeat(count)));
            assert_eq!(asked.len(), count);
            let Asked { name, requirement, is_computed, .. } = &asked[0];
            assert!(name.starts_with(shown) && name.len() <= SHOWN && *is_computed, "{name}");
            assert_eq!(requirement, &None);
        }
    }
}
