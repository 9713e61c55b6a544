//! One file of a sparse index: a JSON object a line, one line a version.
//! <https://doc.rust-lang.org/cargo/reference/registry-index.html>
//!
//! Dependencies and features are most of the bytes. They are skipped as [`Splitter`] skips, so that a file of 1.6 MB costs
//! some milliseconds at most and no more memory than its releases, however long its lines are.

use crate::http::lines::preview;
use crate::http::splitter::{Part, Splitter, Wanted};
use crate::http::{Decode, Malformed};
use crate::registry::instant::Instant;
use crate::registry::loose::Loose;
use crate::registry::members::once;
use crate::release::{Content, Release, ReleaseSet};

/// The newest format of a line that Cargo, and so upmon, understands; lines of a later one are not releases yet.
const NEWEST_FORMAT: u64 = 2;

/// Largest member that is read, in bytes: names and versions are far smaller.
const MAX_MEMBER: usize = 64 << 10;

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Version,
    Yanked,
    Time,
    Format,
    Checksum,
}

/// `rust_version`, dependencies and features are left out: facts of a release that nothing asks for.
const WANTED: &[Wanted<Field>] = &[
    Wanted::value(Field::Name, &["name"]),
    Wanted::value(Field::Version, &["vers"]),
    Wanted::value(Field::Yanked, &["yanked"]),
    Wanted::value(Field::Time, &["pubtime"]),
    Wanted::value(Field::Format, &["v"]),
    Wanted::value(Field::Checksum, &["cksum"]),
];

/// What a line has told so far.
#[derive(Debug, Default)]
struct Entry {
    whose: Option<Whose>,
    version: Option<Box<str>>,
    /// Null in some registries, which means no.
    yanked: Option<bool>,
    /// Missing in most registries but crates.io.
    published: Option<Instant>,
    format: Option<u64>,
    /// Missing, or none, in some registries.
    content: Option<Content>,
    /// The first member that could not be read.
    wrong: Option<Malformed>,
}

/// Which crate a line is of.
#[derive(Debug)]
enum Whose {
    /// The one that was asked for.
    Ours,
    /// Another, with its name as it may be shown.
    Other(String),
}

impl Entry {
    fn take(&mut self, crate_name: &str, part: &Part<'_, Field>) -> Result<(), Malformed> {
        match part.name {
            Field::Name => {
                let name = part.text()?;
                let is_ours = name.eq_ignore_ascii_case(crate_name);
                let whose = if is_ours { Whose::Ours } else { Whose::Other(preview(name.as_bytes())) };
                once(&mut self.whose, part, whose)
            }
            Field::Version => once(&mut self.version, part, part.text()?.into()),
            Field::Yanked => once(&mut self.yanked, part, flag(part)?),
            Field::Time => once(&mut self.published, part, Instant::of(part)?),
            Field::Checksum => {
                self.content = part.text().ok().and_then(|checksum| Content::of_hex("crate", true, &checksum));
                Ok(())
            }
            Field::Format => once(&mut self.format, part, part.read::<Option<u64>>()?.unwrap_or_default()),
        }
    }

    /// The format of the line, if upmon does not understand it.
    fn later_format(&self) -> Option<u64> {
        self.format.filter(|format| *format > NEWEST_FORMAT)
    }

    fn into_release(self) -> Result<Release, Malformed> {
        let lacks = |member: &str| Malformed::new(format!("it has no `{member}`"));
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self.whose.is_none() {
            return Err(lacks("name"));
        }
        Ok(Release {
            published_at: self.published.and_then(|published| published.0),
            yanked: self.yanked.unwrap_or_default().then(Box::default),
            content: self.content,
            ..Release::new(self.version.ok_or_else(|| lacks("vers"))?)
        })
    }
}

/// True, false or null, recognised without a parser, since every line has it.
fn flag(part: &Part<'_, Field>) -> Result<bool, Malformed> {
    match Loose::of(part)? {
        Loose::Flag(flag) => Ok(flag),
        Loose::Nothing => Ok(false),
        _ => Err(Malformed::new(format!("`{}` is neither true nor false", part.key))),
    }
}

/// Reads an index file.
///
/// Every line has to be an entry of the crate that was asked for; a body in which one is not cannot be trusted as a whole
/// (Cargo would skip it, and show too few versions). Of what is skipped in a line (dependencies, features) strings and
/// brackets are checked, and that it is whole; whether it means anything is not. A last line without its line end is taken when it is a whole JSON
/// object: an object that was cut off never is. A file without any entry is no answer: registries remove it instead.
pub(super) struct IndexFile {
    name: Box<str>,
    splitter: Splitter<Field>,
    entry: Entry,
    line: usize,
    facts: ReleaseSet,
}

impl IndexFile {
    pub(super) fn of(name: &str) -> Self {
        Self {
            name: name.into(),
            splitter: Splitter::new(WANTED).with_cap(MAX_MEMBER),
            entry: Entry::default(),
            line: 1,
            facts: ReleaseSet::default(),
        }
    }

    /// Takes a part of the current line.
    fn piece(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let Self { name, splitter, entry, .. } = self;
        let split = splitter.chunk(bytes, &mut |part| {
            if let Err(malformed) = entry.take(name, &part) {
                entry.wrong.get_or_insert(malformed);
            }
            Ok(())
        });
        split.map_err(|malformed| self.refusal(&malformed))
    }

    fn end_line(&mut self) -> Result<(), Malformed> {
        if !self.splitter.is_blank() {
            self.splitter.finish().map_err(|malformed| self.refusal(&malformed))?;
            self.splitter.restart();
            self.end_entry()?;
        }
        self.line += 1;
        Ok(())
    }

    /// A line of a later format is kept for `explain`; any other is a release, or the reason why the body is refused.
    fn end_entry(&mut self) -> Result<(), Malformed> {
        let entry = std::mem::take(&mut self.entry);
        if let Some(format) = entry.later_format() {
            let label = entry.version.unwrap_or_else(|| format!("line {}", self.line).into());
            let reason = format!("its index entry has format {format}; formats up to {NEWEST_FORMAT} are understood");
            self.facts.unreadable.push((label, reason.into()));
            return Ok(());
        }
        if let Entry { whose: Some(Whose::Other(name)), wrong: None, .. } = &entry {
            return Err(Malformed::new(format!("line {} is of another crate, {name}", self.line)));
        }
        let release = entry.into_release().map_err(|malformed| self.refusal(&malformed))?;
        self.facts.releases.push(release);
        Ok(())
    }

    fn refusal(&self, reason: &Malformed) -> Malformed {
        Malformed::new(format!("line {} is not an entry of this sparse index: {reason}", self.line))
    }
}

impl Decode for IndexFile {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.piece(&bytes[start..end])?;
            self.end_line()?;
            start = end + 1;
        }
        self.piece(&bytes[start..])
    }

    fn held(&self) -> usize {
        self.splitter.held() + self.facts.held()
    }

    fn finish(mut self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.end_line()?;
        if self.facts.releases.is_empty() && self.facts.unreadable.is_empty() {
            return Err(Malformed::new("expected an index of versions, got an empty body"));
        }
        Ok(self.facts)
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
                "line 1 is not an entry of this sparse index: expected a JSON object at byte 0, got `<",
            ),
            (
                format!("{good}\n{{\"name\":\"a\",\"vers\":\"1"),
                "line 2 is not an entry of this sparse index: the JSON document ends too early",
            ),
            (
                format!("{good}{good}\n"),
                "line 1 is not an entry of this sparse index: expected the end of the document at byte 27, got `{",
            ),
            ("{\"name\":\"a\"}\n".to_owned(), "line 1 is not an entry of this sparse index: it has no `vers`"),
            (format!("[{good}]\n"), "line 1 is not an entry"),
            ("{\"name\":\"a\",\"vers\":\"1.0.0\",\"yanked\":\"yes\"}\n".to_owned(), "line 1 is not an entry"),
            ("{\"name\":\"b\",\"vers\":\"1.0.0\"}\n".to_owned(), "line 1 is of another crate, `b`"),
            (
                "{\"name\":\"a\",\"vers\":\"1.0.0\",\"vers\":\"2.0.0\"}\n".to_owned(),
                "line 1 is not an entry of this sparse index: `vers` stands twice",
            ),
            (
                "{\"name\":\"a\",\n\"vers\":\"1.0.0\"}\n".to_owned(),
                "line 1 is not an entry of this sparse index: the JSON document ends too early",
            ),
            (
                "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[{]}}\n".to_owned(),
                "line 1 is not an entry of this sparse index: the JSON document's brackets do not match",
            ),
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
    fn a_long_line_is_read_and_not_collected() {
        let mut file = Box::new(IndexFile::of("a"));
        file.chunk(br#"{"name":"a","features":{"x":[""#).unwrap();
        (0..64).try_for_each(|_| file.chunk(&vec![b'y'; 1 << 16])).unwrap();
        file.chunk(br#""]},"vers":"1.0.0"}"#).unwrap();
        assert_eq!(file.finish().unwrap().releases, [release("1.0.0", None, false)]);
        let mut endless = IndexFile::of("a");
        endless.chunk(br#"{"name":""#).unwrap();
        let read = endless.chunk(&vec![b'a'; MAX_MEMBER]);
        assert!(read.unwrap_err().0.ends_with("is larger than 65536 bytes"));
    }
}
