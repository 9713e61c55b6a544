//! One file of a sparse index: a JSON object a line, one line a version.
//! <https://doc.rust-lang.org/cargo/reference/registry-index.html>
//!
//! Dependencies and features are most of the bytes. They are skipped while parsing, and strings are borrowed from the
//! chunk, so that a file of 1.6 MB costs some milliseconds at most and no more memory than its releases.

use std::borrow::Cow;

use serde::Deserialize;

use crate::http::lines::{Lines, preview};
use crate::http::{Decode, Malformed};
use crate::registry::instant::Instant;
use crate::release::{Release, ReleaseSet};

/// The newest format of a line that Cargo, and so upmon, understands; lines of a later one are not releases yet.
const NEWEST_FORMAT: u64 = 2;

/// Longest line read: one version with all its dependencies and features. Above any true one (the longest seen, of
/// `icondata` with its thousands of features, has 1.33 MB), and small enough that a hundred endless lines at once can be
/// borne.
const MAX_LINE: usize = 1536 << 10;

/// One line, as far as it is read. `rust_version`, dependencies and features are left out: facts of a release that
/// nothing asks for.
#[derive(Debug, Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    vers: Cow<'a, str>,
    /// Null in some registries.
    yanked: Option<bool>,
    /// Missing in most registries but crates.io.
    #[serde(default)]
    pubtime: Instant,
    v: Option<u64>,
}

impl From<Entry<'_>> for Release {
    fn from(entry: Entry<'_>) -> Self {
        Self {
            published_at: entry.pubtime.0,
            yanked: (entry.yanked == Some(true)).then(Box::default),
            ..Self::new(entry.vers)
        }
    }
}

/// What can be said of a line in a format of the future: only that it is one.
#[derive(Debug, Deserialize)]
struct Later<'a> {
    v: u64,
    #[serde(default, borrow)]
    vers: Cow<'a, str>,
}

impl Later<'_> {
    fn reason(&self) -> Box<str> {
        format!("its index entry has format {}; formats up to {NEWEST_FORMAT} are understood", self.v).into()
    }
}

/// Reads an index file.
///
/// Every line has to be an entry of the crate that was asked for; a body in which one is not cannot be trusted as a whole
/// (Cargo would skip it, and show too few versions). A last line without its line end is taken when it is a whole JSON
/// object: an object that was cut off never is. A file without any entry is no answer: registries remove it instead.
pub(super) struct IndexFile {
    name: Box<str>,
    lines: Lines,
    entries: Entries,
}

impl IndexFile {
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.into(), lines: Lines::new(MAX_LINE), entries: Entries::default() }
    }
}

impl Decode for IndexFile {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.lines.chunk(bytes, |line| self.entries.take(&self.name, line))
    }

    fn held(&self) -> usize {
        self.lines.held() + self.entries.facts.held()
    }

    fn finish(mut self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.lines.finish(|line| self.entries.take(&self.name, line))?;
        let facts = self.entries.facts;
        if facts.releases.is_empty() && facts.unreadable.is_empty() {
            return Err(Malformed::new("expected an index of versions, got an empty body"));
        }
        Ok(facts)
    }
}

#[derive(Default)]
struct Entries {
    facts: ReleaseSet,
    line: usize,
}

impl Entries {
    fn take(&mut self, name: &str, line: &[u8]) -> Result<(), Malformed> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match serde_json::from_slice::<Entry<'_>>(line) {
            Ok(entry) if entry.v.is_none_or(|format| format <= NEWEST_FORMAT) => self.add(name, entry),
            result => self.set_aside(line, result.err()),
        }
    }

    fn add(&mut self, name: &str, entry: Entry<'_>) -> Result<(), Malformed> {
        if !entry.name.eq_ignore_ascii_case(name) {
            let other = preview(entry.name.as_bytes());
            return Err(Malformed::new(format!("line {} is of another crate, {other}", self.line)));
        }
        self.facts.releases.push(entry.into());
        Ok(())
    }

    /// A line of a later format is kept for `explain`; any other is the reason why the body is refused.
    fn set_aside(&mut self, line: &[u8], error: Option<serde_json::Error>) -> Result<(), Malformed> {
        match serde_json::from_slice::<Later<'_>>(line) {
            Ok(later) if later.v > NEWEST_FORMAT => {
                let label =
                    if later.vers.is_empty() { format!("line {}", self.line).into() } else { (&*later.vers).into() };
                self.facts.unreadable.push((label, later.reason()));
                Ok(())
            }
            _ => Err(self.refusal(line, error)),
        }
    }

    fn refusal(&self, line: &[u8], error: Option<serde_json::Error>) -> Malformed {
        let reason = error.map(|error| error.to_string()).unwrap_or_default();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Malformed::new(format!("line {} is not an entry of a sparse index, {}: {reason}", self.line, preview(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body as that of crate `a`, in chunks of one size.
    fn read(body: &[u8], size: usize) -> Result<ReleaseSet, Malformed> {
        let mut file = Box::new(IndexFile::of("a"));
        for chunk in body.chunks(size) {
            file.chunk(chunk)?;
        }
        file.finish()
    }

    fn release(version: &str, published_at: Option<&str>, yanked: bool) -> Release {
        let published_at = published_at.map(|time| time.parse().unwrap());
        Release { published_at, yanked: yanked.then(Box::default), ..Release::new(version) }
    }

    #[test]
    fn every_line_is_a_release() {
        let body = concat!(
            r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","req":"^1","features":[]}],"cksum":"00","features":{"x":["y"]},"yanked":false}"#,
            "\n",
            r#"{"name": "A", "vers": "1.1.0-rc.1+x", "deps": [], "yanked": true, "v": 2, "pubtime": "2015-07-08T01:11:24Z"}"#,
            "\r\n\n",
            r#"{"yanked":null,"pubtime":null,"rust_version":"1.60","vers":"1.\u0031.0","name":"a","features2":null,"v":1}"#,
            "\n",
        );
        let expected = [
            release("1.0.0", None, false),
            release("1.1.0-rc.1+x", Some("2015-07-08T01:11:24Z"), true),
            release("1.1.0", None, false),
        ];
        for size in [1, 7, 64, body.len()] {
            let facts = read(body.as_bytes(), size).unwrap();
            assert_eq!(facts.releases, expected, "by {size}");
            assert!(facts.unreadable.is_empty());
        }
        assert_eq!(read(body.trim_end().as_bytes(), 9).unwrap().releases, expected, "without the last line end");
    }

    #[test]
    fn a_time_that_is_none_leaves_the_release_without_a_date() {
        let facts = read(br#"{"name":"a","vers":"1.0.0","pubtime":"yesterday"}"#, 99).unwrap();
        assert_eq!(facts.releases, [release("1.0.0", None, false)]);
    }

    #[test]
    fn a_line_of_a_later_format_is_told_and_is_no_release() {
        let body = concat!(
            r#"{"name":"a","vers":"1.0.0","v":3}"#,
            "\n",
            r#"{"package":"a","v":4}"#,
            "\n",
            r#"{"name":"a","vers":"0.9.0"}"#,
            "\n"
        );
        let facts = read(body.as_bytes(), 99).unwrap();
        assert_eq!(facts.releases, [release("0.9.0", None, false)]);
        let reason = |format| format!("its index entry has format {format}; formats up to 2 are understood").into();
        assert_eq!(facts.unreadable, [("1.0.0".into(), reason(3)), ("line 2".into(), reason(4))]);
    }

    #[test]
    fn one_line_that_is_not_understood_spoils_the_answer() {
        let good = r#"{"name":"a","vers":"1.0.0"}"#;
        let rows = [
            (String::new(), "expected an index of versions, got an empty body"),
            ("\n\n".to_owned(), "expected an index of versions, got an empty body"),
            (
                "<!doctype html>\n".to_owned(),
                "line 1 is not an entry of a sparse index, `<!doctype html>`: expected value",
            ),
            (
                format!("{good}\n{{\"name\":\"a\",\"vers\":\"1"),
                r#"line 2 is not an entry of a sparse index, `{"name":"a","vers":"1`: EOF while parsing a string"#,
            ),
            (
                format!("{good}{good}\n"),
                r#"line 1 is not an entry of a sparse index, `{"name":"a","vers":"1.0.0"}{"name":"a","...`: trailing characters"#,
            ),
            (
                "{\"name\":\"a\"}\n".to_owned(),
                r#"line 1 is not an entry of a sparse index, `{"name":"a"}`: missing field `vers`"#,
            ),
            (format!("[{good}]\n"), "line 1 is not an entry"),
            ("{\"name\":\"a\",\"vers\":\"1.0.0\",\"yanked\":\"yes\"}\n".to_owned(), "line 1 is not an entry"),
            ("{\"name\":\"b\",\"vers\":\"1.0.0\"}\n".to_owned(), "line 1 is of another crate, `b`"),
            ("{\"errors\":[{\"detail\":\"no\"}]}".to_owned(), "line 1 is not an entry"),
        ];
        for (body, expected) in rows {
            for size in [1, 8, 4096] {
                let refused = read(body.as_bytes(), size).unwrap_err();
                assert!(refused.0.starts_with(expected), "{body:?} by {size}: {refused}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_collected() {
        let mut file = IndexFile::of("a");
        let chunk = vec![b' '; 1 << 20];
        let read = (0..8).try_for_each(|_| file.chunk(&chunk));
        assert_eq!(read.unwrap_err().0, format!("a line is longer than {MAX_LINE} bytes"));
    }
}
