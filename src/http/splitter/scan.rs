//! Where a key or a value ends, however many chunks it spans.

use super::Malformed;
use super::block::{self, Block, SIZE};

/// Where one key or value ends, however many chunks it spans.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scan {
    kind: Kind,
    is_in_string: bool,
    /// The last byte was a backslash inside a string.
    is_escaped: bool,
    nesting: Nesting,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// A number, `true`, `false` or `null`: ends before the next punctuation.
    #[default]
    Scalar,
    String,
    Container,
}

impl Scan {
    /// For the value that starts with `byte`; `None` when no value can. The byte itself is still to be scanned.
    pub(super) fn of(byte: u8) -> Option<Self> {
        let kind = match byte {
            b'{' | b'[' => Kind::Container,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Kind::Scalar,
            _ => return None,
        };
        Some(Self { kind, ..Self::default() })
    }

    /// How many of `bytes` still belong to the value, if it ends in them.
    #[inline]
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        match self.kind {
            Kind::Scalar => Ok(bytes.iter().position(|byte| ends_scalar(*byte))),
            Kind::String if !self.is_in_string => {
                self.is_in_string = true;
                Ok(self.string_end(&bytes[1..]).map(|end| end + 1))
            }
            Kind::String => Ok(self.string_end(bytes)),
            Kind::Container => self.container_end(bytes),
        }
    }

    fn container_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let (blocks, rest) = bytes.as_chunks::<SIZE>();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(end) = self.block(block, SIZE)? {
                return Ok(Some(index * SIZE + end));
            }
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let mut last = [b' '; SIZE];
        last[..rest.len()].copy_from_slice(rest);
        Ok(self.block(&last, rest.len())?.map(|end| blocks.len() * SIZE + end))
    }

    /// Where the container ends within a block of which `length` bytes are its own and the rest are blanks.
    #[inline]
    fn block(&mut self, bytes: &[u8; SIZE], length: usize) -> Result<Option<usize>, Malformed> {
        let block = Block::of(*bytes);
        let quotes = block.quotes & !self.escaped(block.backslashes, length);
        let in_string = block::between(quotes) ^ if self.is_in_string { u64::MAX } else { 0 };
        let end = self.nest(bytes, block.brackets & !in_string)?;
        let stray = block.backslashes & !in_string;
        if stray != 0 && end.is_none_or(|end| (stray.trailing_zeros() as usize) < end) {
            return Err(Malformed::new("the JSON document has a backslash outside of its strings"));
        }
        self.is_in_string = in_string >> (SIZE - 1) == 1;
        Ok(end)
    }

    /// Just behind the bracket that closes the container, if it is one of these.
    #[inline]
    fn nest(&mut self, bytes: &[u8; SIZE], brackets: u64) -> Result<Option<usize>, Malformed> {
        for place in block::places(brackets) {
            match bytes[place % SIZE] {
                opening @ (b'{' | b'[') => self.nesting.open(opening)?,
                closing => {
                    self.nesting.close(closing)?;
                    if self.nesting.depth == 0 {
                        return Ok(Some(place + 1));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The escaped places of a block, and a note of whether the byte behind its own bytes is escaped.
    #[inline]
    fn escaped(&mut self, backslashes: u64, length: usize) -> u64 {
        if backslashes == 0 && !self.is_escaped {
            return 0;
        }
        let (escaped, is_next) = block::escaped(backslashes, self.is_escaped);
        self.is_escaped = if length < SIZE { escaped >> length & 1 == 1 } else { is_next };
        escaped
    }

    /// Just behind the closing quote of the string that `bytes` continue.
    #[inline]
    fn string_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.is_escaped));
        loop {
            let found = at + block::quote_or_backslash(bytes.get(at..)?)?;
            if bytes[found] == b'"' {
                self.is_in_string = false;
                return Some(found + 1);
            }
            at = found + 2;
            self.is_escaped = at > bytes.len();
        }
    }
}

/// The open brackets of a value, a bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Nesting {
    arrays: u128,
    depth: u8,
}

impl Nesting {
    fn open(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.depth == 127 {
            return Err(Malformed::new("the JSON document is nested too deeply"));
        }
        self.arrays = self.arrays << 1 | u128::from(byte == b'[');
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), Malformed> {
        if (self.arrays & 1 == 1) != (byte == b']') {
            return Err(Malformed::new("the JSON document's brackets do not match"));
        }
        self.arrays >>= 1;
        self.depth -= 1;
        Ok(())
    }
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const fn ends_scalar(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[')
}
