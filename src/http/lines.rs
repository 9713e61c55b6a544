//! Cuts a body that arrives in chunks into its lines, for the registries whose answers are lists of lines.
//!
//! Only a line that spans two chunks is copied, and no line may be longer than its registry has reason to write: a body
//! without line ends costs as much memory as one longest line.

use super::Malformed;

/// The lines of one body, fed chunk by chunk.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The start of a line whose end has not arrived yet.
    begun: Vec<u8>,
    longest: usize,
}

impl Lines {
    /// Lines of at most `longest` bytes, line end not counted.
    pub(crate) const fn new(longest: usize) -> Self {
        Self { begun: Vec::new(), longest }
    }

    /// Hands every line that ends within these bytes to `line`, without its `\n` or `\r\n`.
    ///
    /// # Errors
    /// When a line is too long, and whatever `line` says.
    pub(crate) fn chunk(
        &mut self,
        bytes: &[u8],
        mut line: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let piece = &bytes[start..end];
            start = end + 1;
            self.check_length(piece)?;
            if self.begun.is_empty() {
                line(without_return(piece))?;
            } else {
                self.begun.extend_from_slice(piece);
                line(without_return(&self.begun))?;
                self.begun.clear();
            }
        }
        let rest = &bytes[start..];
        self.check_length(rest)?;
        self.begun.extend_from_slice(rest);
        Ok(())
    }

    /// The bytes that are kept until their line ends.
    pub(crate) fn held(&self) -> usize {
        self.begun.capacity()
    }

    /// Hands out what stands after the last line end, if anything does.
    ///
    /// # Errors
    /// What `line` says.
    pub(crate) fn finish(self, mut line: impl FnMut(&[u8]) -> Result<(), Malformed>) -> Result<(), Malformed> {
        if self.begun.is_empty() { Ok(()) } else { line(without_return(&self.begun)) }
    }

    fn check_length(&self, more: &[u8]) -> Result<(), Malformed> {
        if self.begun.len() + more.len() <= self.longest {
            return Ok(());
        }
        Err(Malformed::new(format!("a line is longer than {} bytes", self.longest)))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The start of a line as it may stand in a message: short, in printable ASCII, with a `�` for every other byte.
pub(crate) fn preview(line: &[u8]) -> String {
    const SHOWN: usize = 40;
    let printable = |&byte: &u8| match byte {
        b' '..=b'~' => char::from(byte),
        _ => char::REPLACEMENT_CHARACTER,
    };
    let start: String = line.iter().take(SHOWN).map(printable).collect();
    let ellipsis = if line.len() > SHOWN { "..." } else { "" };
    format!("`{start}{ellipsis}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a body in chunks of one size and gives back the lines that ended, then the rest.
    fn cut(body: &[u8], size: usize, longest: usize) -> Result<(Vec<String>, Vec<String>), Malformed> {
        let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
        let (mut ended, mut rest) = (Vec::new(), Vec::new());
        let mut lines = Lines::new(longest);
        for chunk in body.chunks(size) {
            lines.chunk(chunk, |line| {
                ended.push(text(line));
                Ok(())
            })?;
        }
        lines.finish(|line| {
            rest.push(text(line));
            Ok(())
        })?;
        Ok((ended, rest))
    }

    #[test]
    fn chunk_borders_mean_nothing() {
        let rows: [(&str, &[&str], &[&str]); 6] = [
            ("", &[], &[]),
            ("\n", &[""], &[]),
            ("one\ntwo\n", &["one", "two"], &[]),
            ("one\r\n\r\ntwo", &["one", ""], &["two"]),
            ("one\n\n\ntwo\r", &["one", "", ""], &["two"]),
            ("größe\nünder\n", &["größe", "ünder"], &[]),
        ];
        for (body, ended, rest) in rows {
            for size in 1..=body.len().max(1) {
                let (found, left) = cut(body.as_bytes(), size, 100).unwrap();
                assert_eq!(
                    (found, left),
                    (ended.iter().map(|&s| s.into()).collect(), rest.iter().map(|&s| s.into()).collect()),
                    "{body:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn a_line_that_never_ends_is_refused_at_the_limit() {
        for size in [1, 3, 64] {
            assert!(cut(b"12345\n12345\n", size, 5).is_ok(), "by {size}");
            for body in [&b"123456\n"[..], b"ok\n123456", b"123456"] {
                let refused = cut(body, size, 5).unwrap_err();
                assert_eq!(refused.0, "a line is longer than 5 bytes", "by {size}");
            }
        }
    }

    #[test]
    fn the_first_complaint_ends_the_reading() {
        let mut seen = 0;
        let refused = Lines::new(10).chunk(b"a\nb\nc\n", |_| {
            seen += 1;
            Err(Malformed::new("no"))
        });
        assert_eq!((refused, seen), (Err(Malformed::new("no")), 1));
    }

    #[test]
    fn a_preview_is_printable_and_short() {
        assert_eq!(preview(b"<!doctype html>"), "`<!doctype html>`");
        assert_eq!(preview(b"\x1b[31m\xff\n"), "`\u{fffd}[31m\u{fffd}\u{fffd}`");
        assert_eq!(preview(&[b'x'; 41]), format!("`{}...`", "x".repeat(40)));
    }
}
