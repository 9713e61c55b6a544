//! Files that people write: their text, the places in it, and what is wrong with them.
//!
//! The pins (JSON), the settings (TOML) and the files of other tools (YAML, too) become one tree of nodes that know where
//! they stand. Tables are read from it field by field, so that every mistake of a file is told in one go, each with its
//! place, a caret, what was expected and the nearest known word. What the fields mean is left to `pin` and `config`.

mod edit;
mod json;
mod node;
mod problem;
mod schema;
mod table;
mod toml;
mod values;
mod words;
mod yaml;

use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) use edit::{Edit, JsonEditor};
pub(crate) use json::read_json;
pub(crate) use node::{Entry, Node, Syntax, Value};
pub use problem::{Problem, Wrong};
pub(crate) use schema::{inline_schema, schema_of_words};
pub(crate) use table::{
    Environment, Field, Fields, Placed, Read, Table, read_table, repeated_keys, table, unknown_key, variable,
    wrong_kind,
};
pub(crate) use toml::read_toml;
pub(crate) use values::{
    Bytes, Count, Date, FilePath, FromText, HttpUrl, InFile, Lapse, Rate, Refusal, Term, Text, Timeout, Whole,
    credential_in_file, hidden_character, http_url,
};
pub(crate) use words::{NOT_YET, Word, nearest};
pub(crate) use yaml::{read_last_yaml, read_yaml};

/// A file's text under the name by which upmon was told of it. The text may hold credentials, so `Debug` leaves it out.
#[derive(Clone)]
pub struct Source {
    name: PathBuf,
    text: String,
    /// Where each line starts; ten thousand pins ask for their lines.
    lines: Vec<usize>,
    /// How many characters stand before each [`STRIDE`]: a lock file may be one line of megabytes.
    characters: Vec<usize>,
    byte_order_mark: usize,
}

/// In bytes.
const STRIDE: usize = 1 << 10;

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// Why a file of the user cannot be used. Nothing is asked of any registry then.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is missing, too large, not text, or may not be read.
    #[error("cannot read `{}`: {cause}", .path.display())]
    Unreadable {
        /// The file as it was named to upmon.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
        /// What to do about it.
        hint: Option<&'static str>,
    },
    /// It can be read, and says something wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
}

impl FileError {
    /// The whole message for a person, hints and source lines included, with a final newline.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Wrong(wrong) => wrong.render(color),
            Self::Unreadable { hint: Some(hint), .. } => format!("error: {self}\nhint: {hint}\n"),
            Self::Unreadable { hint: None, .. } => format!("error: {self}\n"),
        }
    }

    /// Whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// Ten thousand pins with all their options are about 3 MB; a device or a core dump named by mistake is more.
const LARGEST: u64 = 16 << 20;

impl Source {
    /// A text with a name. A byte order mark is not part of the text, but counts in [`Source::in_file`].
    pub fn new(name: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        let byte_order_mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        text.drain(..byte_order_mark);
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        let strides = text.as_bytes().chunks(STRIDE).scan(0, |before, stride| {
            *before += count_characters(stride);
            Some(*before)
        });
        let characters = std::iter::once(0).chain(strides).collect();
        Self { name: name.into(), text, lines, characters, byte_order_mark }
    }

    /// Reads a file; `hint` is what the user is told when it does not exist.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or is larger than 16 MiB.
    pub fn read(path: &Path, hint: &'static str) -> Result<Self, FileError> {
        match read_text(path) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(cause) => {
                let hint = (cause.kind() == io::ErrorKind::NotFound).then_some(hint);
                Err(FileError::Unreadable { path: path.to_owned(), cause, hint })
            }
        }
    }

    /// The name.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_index(offset);
        (1 + line, 1 + self.characters_before(offset) - self.characters_before(self.lines[line]))
    }

    fn characters_before(&self, offset: usize) -> usize {
        let stride = offset / STRIDE;
        self.characters[stride] + count_characters(&self.text.as_bytes()[stride * STRIDE..offset])
    }

    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset) - 1
    }

    /// A range of the text as a range of the file's bytes.
    pub fn in_file(&self, span: &Range<usize>) -> Range<usize> {
        span.start + self.byte_order_mark..span.end + self.byte_order_mark
    }

    /// The line that holds an offset, without its end.
    fn line(&self, offset: usize) -> Range<usize> {
        let index = self.line_index(offset);
        let start = self.lines[index];
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        start..start + self.text[start..end].trim_end_matches(['\r', '\n']).len().max(offset - start)
    }
}

/// Characters are counted where they start.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&byte| byte & 0b1100_0000 != 0b1000_0000).count()
}

fn read_text(path: &Path) -> io::Result<String> {
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, "it is larger than 16 MiB");
    let file = std::fs::File::open(path)?;
    // a device tells no size, and a file may grow while it is read
    if file.metadata()?.len() > LARGEST {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + memchr::memchr_iter(b'\n', valid).count();
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_newlines() {
        let source = Source::new("pins", "\u{feff}a\r\n\u{e9}\u{4e16}b\n");
        for (offset, place) in [(0, (1, 1)), (1, (1, 2)), (3, (2, 1)), (5, (2, 2)), (8, (2, 3)), (10, (3, 1))] {
            assert_eq!(source.line_and_column(offset), place, "offset {offset}");
        }
        assert_eq!(source.in_file(&(0..1)), 3..4);
        assert_eq!(source.line(0), 0..1);
    }

    #[test]
    fn columns_are_right_far_into_a_long_line() {
        let text = format!("\n{}", "a\u{e9}\u{4e16}".repeat(STRIDE));
        let source = Source::new("pins", text.as_str());
        for (column, (offset, _)) in text[1..].char_indices().enumerate() {
            assert_eq!(source.line_and_column(1 + offset), (2, 1 + column), "offset {offset}");
        }
        assert_eq!(source.line_and_column(text.len()), (2, 1 + 3 * STRIDE));
        let full = Source::new("pins", "a".repeat(STRIDE));
        assert_eq!(full.line_and_column(STRIDE), (1, 1 + STRIDE));
    }
}
