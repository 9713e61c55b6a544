//! Where a key or a value ends, however many chunks it spans.

use memchr::memchr2;

use super::Malformed;

/// Where one key or value ends, however many chunks it spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan {
    kind: Kind,
    is_in_string: bool,
    /// The last byte was a backslash inside a string.
    is_escaped: bool,
    nesting: Nesting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number, `true`, `false` or `null`: ends before the next punctuation.
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
        Some(Self { kind, is_in_string: false, is_escaped: false, nesting: Nesting::default() })
    }

    /// How many of `bytes` still belong to the value, if it ends in them.
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
        let mut at = 0;
        loop {
            if self.is_in_string {
                let Some(end) = self.string_end(&bytes[at..]) else { return Ok(None) };
                at += end;
            }
            let Some(next) = bytes[at..].iter().position(|byte| IS_BRACKET_OR_QUOTE[usize::from(*byte)]) else {
                return Ok(None);
            };
            at += next + 1;
            match bytes[at - 1] {
                b'"' => self.is_in_string = true,
                opening @ (b'{' | b'[') => self.nesting.open(opening)?,
                closing => {
                    self.nesting.close(closing)?;
                    if self.nesting.depth == 0 {
                        return Ok(Some(at));
                    }
                }
            }
        }
    }

    /// Just behind the closing quote of the string that `bytes` continue.
    fn string_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.is_escaped));
        loop {
            let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
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

const IS_BRACKET_OR_QUOTE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const fn ends_scalar(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[')
}
