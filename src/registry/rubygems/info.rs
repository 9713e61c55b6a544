//! One file of the compact index: a line for every version and platform of a gem.
//! <https://guides.rubygems.org/rubygems-org-compact-index-api/>
//!
//! ```text
//! ---
//! VERSION[-PLATFORM] DEPENDENCIES|checksum:...[,ruby:...][,rubygems:...][,created_at:...]
//! ```
//!
//! Times are in the files of RubyGems.org since 2026; other servers still write the older form. A yanked version is not
//! listed.

use crate::http::lines::{Lines, preview};
use crate::http::{Decode, Malformed};
use crate::release::{ReleaseSet, parse_time};

use super::Folded;

/// Longest line read: one version with all its dependencies, which is a few hundred bytes.
const MAX_LINE: usize = 128 << 10;

/// Reads an info file.
///
/// A body without the line `---` is something else than an index, and one line that is no version spoils the whole: a
/// list with holes would show a pin as current. A last line without its line end is taken when it has come as far as its
/// requirements: the version is whole then.
pub(super) struct InfoFile {
    lines: Lines,
    versions: Versions,
}

impl Default for InfoFile {
    fn default() -> Self {
        Self { lines: Lines::new(MAX_LINE), versions: Versions::default() }
    }
}

impl Decode for InfoFile {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.lines.chunk(bytes, |line| self.versions.take(line))
    }

    fn held(&self) -> usize {
        self.lines.held() + self.versions.folded.held()
    }

    fn finish(mut self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.lines.finish(|line| self.versions.take(line))?;
        if !self.versions.is_begun {
            return Err(Malformed::new("expected a compact index, got no line `---`"));
        }
        Ok(ReleaseSet { releases: self.versions.folded.releases, ..ReleaseSet::default() })
    }
}

#[derive(Default)]
struct Versions {
    folded: Folded,
    /// Whether the head is over.
    is_begun: bool,
    line: usize,
}

impl Versions {
    fn take(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if !self.is_begun {
            return self.head(line);
        }
        let version = std::str::from_utf8(line).ok().and_then(Version::parse);
        let version = version.ok_or_else(|| {
            Malformed::new(format!("line {} is not a version of a compact index, {}", self.line, preview(line)))
        })?;
        let content = version.checksum.and_then(|checksum| super::content(version.platform, checksum));
        self.folded.add(version.number, version.created_at.and_then(parse_time), content);
        Ok(())
    }

    /// Passes over the head. What starts like markup is refused at once instead of read to its end.
    fn head(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.is_begun = line.trim_ascii_end() == b"---";
        if line.trim_ascii_start().starts_with(b"<") {
            return Err(Malformed::new(format!("expected a compact index, got {}", preview(line))));
        }
        Ok(())
    }
}

/// What is read of a line.
#[derive(Debug, PartialEq, Eq)]
struct Version<'a> {
    number: &'a str,
    /// Empty for a gem of any platform.
    platform: &'a str,
    created_at: Option<&'a str>,
    checksum: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (label, rest) = split_at_byte(line, b' ')?;
        let (_dependencies, requirements) = split_at_byte(rest, b'|')?;
        // a platform may hold dashes of its own, a number never does
        let (number, platform) = split_at_byte(label, b'-').unwrap_or((label, ""));
        if number.is_empty() {
            return None;
        }
        // only the first colon ends the key: a time holds more of them
        let (mut created_at, mut checksum) = (None, None);
        for (key, value) in split_all(requirements, b',').filter_map(|requirement| split_at_byte(requirement, b':')) {
            match key {
                "created_at" if created_at.is_none() => created_at = Some(value),
                "checksum" if checksum.is_none() => checksum = Some(value),
                _ => {}
            }
        }
        Some(Self { number, platform, created_at, checksum })
    }
}

/// What stands before and behind the first of an ASCII character.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// What stands between all of an ASCII character.
fn split_all(text: &str, byte: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (first, more) = split_at_byte(text, byte).map_or((text, None), |(first, more)| (first, Some(more)));
        rest = more;
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    fn read(body: &[u8], size: usize) -> Result<ReleaseSet, Malformed> {
        let mut file = Box::<InfoFile>::default();
        for chunk in body.chunks(size) {
            file.chunk(chunk)?;
        }
        file.finish()
    }

    #[test]
    fn a_line_is_read_as_far_as_it_is_needed() {
        let rows = [
            ("1.0.0 |checksum:00", Some(("1.0.0", None))),
            ("1.0.0 rack:< 4&>= 2,a:>= 0|checksum:00,ruby:>= 2.7,rubygems:> 1.3.1", Some(("1.0.0", None))),
            (
                "2.0.0.rc1 |checksum:00,created_at:2026-06-01T10:20:30Z",
                Some(("2.0.0.rc1", Some("2026-06-01T10:20:30Z"))),
            ),
            ("1.1.0-x86_64-linux-gnu |checksum:00", Some(("1.1.0", None))),
            ("1.1.0-java rack:>= 0|", Some(("1.1.0", None))),
            ("1.0.0", None),
            ("1.0.0 rack:>= 0", None),
            ("-1.0.0 |checksum:00", None),
            (" |checksum:00", None),
        ];
        for (line, expected) in rows {
            let read = Version::parse(line);
            assert_eq!(read.as_ref().map(|version| (version.number, version.created_at)), expected, "{line}");
            assert!(read.is_none_or(|version| version.checksum.is_none_or(|checksum| checksum == "00")), "{line}");
        }
    }

    #[test]
    fn platforms_of_a_version_are_one_release_of_the_earliest_time() {
        let body = concat!(
            "---\n",
            "1.0.0 |checksum:00\n",
            "1.1.0-java |checksum:00,created_at:2026-06-02T00:00:00Z\n",
            "1.1.0 |checksum:00,created_at:2026-06-01T00:00:00Z\r\n",
            "1.1.0-arm64-darwin |checksum:00\n",
            "1.2.0-java |checksum:00,created_at:soon\n",
        );
        let dated = Some("2026-06-01T00:00:00Z".parse().unwrap());
        let expected =
            [Release::new("1.0.0"), Release { published_at: dated, ..Release::new("1.1.0") }, Release::new("1.2.0")];
        for size in [1, 5, body.len()] {
            assert_eq!(read(body.as_bytes(), size).unwrap().releases, expected, "by {size}");
        }
        assert_eq!(read(body.trim_end().as_bytes(), 3).unwrap().releases, expected, "without the last line end");
    }

    #[test]
    fn a_gem_may_have_a_head_and_no_version() {
        for body in ["---\n", "---", "created_at: 2026-06-01T00:00:00Z\n---\n\n"] {
            assert_eq!(read(body.as_bytes(), 4), Ok(ReleaseSet::default()), "{body:?}");
        }
    }

    #[test]
    fn one_line_that_is_not_understood_spoils_the_answer() {
        let rows = [
            (&b""[..], "expected a compact index, got no line `---`"),
            (b"1.0.0 |checksum:00\n", "expected a compact index, got no line `---`"),
            (b"<!DOCTYPE html>\n---\n", "expected a compact index, got `<!DOCTYPE html>`"),
            (b"---\n1.0.0 |checksum:00\n1.0", "line 3 is not a version of a compact index, `1.0`"),
            (
                b"---\nThis gem could not be found",
                "line 2 is not a version of a compact index, `This gem could not be found`",
            ),
            (b"---\n\xff |x\n", "line 2 is not a version of a compact index, `\u{fffd} |x`"),
        ];
        for (body, expected) in rows {
            for size in [1, 4096] {
                assert_eq!(read(body, size).unwrap_err().0, expected, "by {size}");
            }
        }
    }
}
