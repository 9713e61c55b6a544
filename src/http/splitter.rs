//! Picks members out of a JSON document while it arrives, and skips the rest without keeping it.
//!
//! A packument of 40 MB holds a few hundred kilobytes that matter: version labels, dates, tags. Reading it whole, as
//! text or as a tree of values, would cost its size many times over for every package in hand. So a decoder names the
//! paths it wants ([`Wanted`]), feeds the chunks as they come off the wire, and gets exactly those members, each as
//! the raw JSON that `serde_json` then reads into a typed struct. Of everything else only strings and brackets are
//! followed, with `memchr` inside strings, so skipping runs at about the speed of reading memory.
//!
//! Why own code: the streaming readers at hand pull (`serde_json::from_reader`, `struson`), which for a body that is
//! pushed needs a thread and a pipe a request, or visit every token (`actson`), which costs more than the whole
//! download. What is needed is small: find where a member starts and ends. What a member *means* stays with `serde_json`.
//!
//! What is checked: the document is one object, complete, with nothing but blanks behind it; every object and array on
//! the way to a wanted path is well-formed; brackets match everywhere; nothing is nested deeper than 127 levels within a
//! member; a wanted member is no larger than the cap. What is not: the inside of a skipped member beyond its strings and brackets.

mod scan;

use serde::Deserialize;

use self::scan::{Scan, is_blank};
use super::Malformed;

/// Largest wanted member (or key) in bytes: far above any true one, far below what would hurt.
pub const MEMBER_CAP: usize = 8 << 20;

/// One place in a document that a decoder wants to hear of, and the name by which it will.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<T> {
    name: T,
    path: &'static [&'static str],
    take: Take,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Only the first byte, as soon as it is there.
    Start,
    /// The whole member.
    Whole,
}

impl<T> Wanted<T> {
    /// The whole member at `path`: keys from the outside in, `*` for every key and for every element of an array.
    pub const fn value(name: T, path: &'static [&'static str]) -> Self {
        Self { name, path, take: Take::Whole }
    }

    /// That there is a member at `path`, and of which kind, told before anything inside it: its JSON is the first byte
    /// alone. With it a decoder learns the key of a member of which it wants only a part, or nothing.
    pub const fn start(name: T, path: &'static [&'static str]) -> Self {
        Self { name, path, take: Take::Start }
    }
}

/// A wanted member, or its start.
#[derive(Debug, Clone, Copy)]
pub struct Part<'doc, T> {
    /// Which of the wanted places this is.
    pub name: T,
    /// The member's own key; empty for an element of an array.
    pub key: &'doc str,
    /// Its JSON, without blanks around it; for [`Wanted::start`] the first byte.
    pub json: &'doc [u8],
}

impl<'doc, T> Part<'doc, T> {
    /// Reads the member.
    ///
    /// # Errors
    /// When it is not JSON, or not of that shape.
    pub fn read<V: Deserialize<'doc>>(&self) -> Result<V, Malformed> {
        serde_json::from_slice(self.json)
            .map_err(|error| Malformed::new(format!("cannot read {}: {error}", self.label())))
    }

    /// Whether the member is an object.
    pub fn is_object(&self) -> bool {
        self.json.first() == Some(&b'{')
    }

    /// Whether the member is an array.
    pub fn is_array(&self) -> bool {
        self.json.first() == Some(&b'[')
    }

    /// Whether the member is `null`.
    pub fn is_null(&self) -> bool {
        self.json.first() == Some(&b'n')
    }

    fn label(&self) -> String {
        if self.key.is_empty() { "an element".to_owned() } else { format!("`{}`", self.key) }
    }
}

/// What is done with each part.
pub type Sink<'a, T> = &'a mut dyn FnMut(Part<'_, T>) -> Result<(), Malformed>;

/// Follows one document. Chunk borders may fall anywhere, inside an escape or a UTF-8 sequence too; a member that lies
/// within one chunk is handed over without a copy. After an error the document is lost: nothing more may be fed.
#[derive(Debug)]
pub struct Splitter<T: 'static> {
    wanted: &'static [Wanted<T>],
    cap: usize,
    state: State,
    /// The containers around the current place, outermost first.
    frames: Vec<Frame>,
    /// The key of the member being read.
    key: String,
    /// The beginning of a key or a wanted member whose end is in a later chunk.
    held: Vec<u8>,
    /// How many bytes have been understood.
    offset: u64,
}

/// A container that is read member by member, since wanted paths lead into it.
#[derive(Debug, Clone, Copy)]
struct Frame {
    is_array: bool,
    /// The wanted paths that lead here, a bit each.
    alive: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the document's opening brace.
    Document,
    /// After an opening brace: a key or the closing brace.
    FirstKey,
    /// After a comma in an object.
    Key,
    InKey(Scan),
    Colon,
    /// After an opening bracket: an element or the closing bracket.
    FirstElement,
    /// After a colon, or after a comma in an array.
    Value,
    /// Inside a member that is skipped or, with the index of who wants it, kept.
    InValue(Scan, Option<usize>),
    AfterValue,
    End,
}

impl<T: Copy> Splitter<T> {
    /// A splitter for one document. At most 32 places, and none inside a member that is wanted whole.
    pub fn new(wanted: &'static [Wanted<T>]) -> Self {
        assert!(wanted.len() <= 32, "one bit for each wanted place");
        Self {
            wanted,
            cap: MEMBER_CAP,
            state: State::Document,
            frames: Vec::new(),
            key: String::new(),
            held: Vec::new(),
            offset: 0,
        }
    }

    /// The same with another limit on the size of a wanted member, in bytes.
    #[must_use]
    pub fn with_cap(self, cap: usize) -> Self {
        Self { cap, ..self }
    }

    /// Takes the next bytes and hands over the parts that end in them.
    ///
    /// # Errors
    /// When the bytes cannot be part of a right document, and whatever `sink` says.
    pub fn chunk(&mut self, chunk: &[u8], sink: Sink<'_, T>) -> Result<(), Malformed> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let used = match self.state {
                State::InKey(scan) => self.key_bytes(scan, rest)?,
                State::InValue(scan, wanted_by) => self.value_bytes(scan, wanted_by, rest, sink)?,
                _ => self.structure(rest, sink)?,
            };
            rest = &rest[used..];
            self.offset += used as u64;
        }
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// When it was not complete.
    pub fn finish(&self) -> Result<(), Malformed> {
        match self.state {
            State::End => Ok(()),
            State::Document => Err(Malformed::new("expected a JSON object, got nothing")),
            _ => Err(Malformed::new("the JSON document ends too early")),
        }
    }

    /// Blanks and one byte of punctuation. A byte that starts a key or a value that is not entered is left in place.
    fn structure(&mut self, rest: &[u8], sink: Sink<'_, T>) -> Result<usize, Malformed> {
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        let Some(&byte) = rest.get(blanks) else { return Ok(blanks) };
        let is_used = self.punctuation(byte, sink).map_err(|expected| match expected {
            Refusal::Expected(what) => {
                let (at, got) = (self.offset + blanks as u64, excerpt(&rest[blanks..]));
                Malformed::new(format!("expected {what} at byte {at}, got `{got}`"))
            }
            Refusal::Malformed(malformed) => malformed,
        })?;
        Ok(blanks + usize::from(is_used))
    }

    /// Whether the byte was used up.
    fn punctuation(&mut self, byte: u8, sink: Sink<'_, T>) -> Result<bool, Refusal> {
        let frame = self.frames.last().copied();
        let is_array = frame.is_some_and(|frame| frame.is_array);
        match (self.state, byte) {
            (State::Document, b'{') => self.enter(byte, u32::MAX),
            (State::FirstKey | State::Key, b'"') => {
                self.state = State::InKey(Scan::of(byte).ok_or(Refusal::Expected("a key"))?);
                return Ok(false);
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::FirstKey, b'}') | (State::FirstElement, b']') => self.leave(),
            (State::AfterValue, b'}') if !is_array => self.leave(),
            (State::AfterValue, b']') if is_array => self.leave(),
            (State::AfterValue, b',') => self.state = if is_array { State::Value } else { State::Key },
            (State::FirstElement | State::Value, _) => return self.begin_value(byte, sink),
            (State::Document, _) => return Err(Refusal::Expected("a JSON object")),
            (State::End, _) => return Err(Refusal::Expected("the end of the document")),
            (State::Colon, _) => return Err(Refusal::Expected("a colon")),
            (State::AfterValue, _) => return Err(Refusal::Expected("a comma or a closing bracket")),
            _ => return Err(Refusal::Expected("a key")),
        }
        Ok(true)
    }

    fn enter(&mut self, byte: u8, alive: u32) {
        let is_array = byte == b'[';
        self.frames.push(Frame { is_array, alive });
        self.state = if is_array { State::FirstElement } else { State::FirstKey };
    }

    fn leave(&mut self) {
        self.frames.pop();
        self.state = if self.frames.is_empty() { State::End } else { State::AfterValue };
    }

    /// Decides what to do with the member that starts with `byte`: enter, keep or skip.
    fn begin_value(&mut self, byte: u8, sink: Sink<'_, T>) -> Result<bool, Refusal> {
        let scan = Scan::of(byte).ok_or(Refusal::Expected("a value"))?;
        let frame = *self.frames.last().expect("a value stands in a container");
        if frame.is_array {
            self.key.clear();
        }
        let depth = self.frames.len();
        let (mut deeper, mut wanted_by) = (0, None);
        for index in bits(frame.alive).take_while(|index| *index < self.wanted.len()) {
            let wanted = &self.wanted[index];
            if !wanted.path.get(depth - 1).is_some_and(|segment| *segment == "*" || *segment == self.key) {
                continue;
            }
            match wanted.take {
                _ if wanted.path.len() > depth => deeper |= 1 << index,
                Take::Whole => wanted_by = Some(index),
                Take::Start => sink(Part { name: wanted.name, key: &self.key, json: &[byte] })?,
            }
        }
        if deeper != 0 && wanted_by.is_none() && matches!(byte, b'{' | b'[') {
            self.enter(byte, deeper);
            return Ok(true);
        }
        self.state = State::InValue(scan, wanted_by);
        Ok(false)
    }

    fn key_bytes(&mut self, mut scan: Scan, rest: &[u8]) -> Result<usize, Malformed> {
        let end = scan.end(rest)?;
        let used = end.unwrap_or(rest.len());
        self.state = if end.is_some() { State::Colon } else { State::InKey(scan) };
        let is_whole = end.is_some() && self.held.is_empty();
        if !is_whole {
            self.hold(&rest[..used])?;
        }
        if end.is_some() {
            read_key(if is_whole { &rest[..used] } else { &self.held }, &mut self.key)?;
            self.held.clear();
        }
        Ok(used)
    }

    fn value_bytes(
        &mut self,
        mut scan: Scan,
        wanted_by: Option<usize>,
        rest: &[u8],
        sink: Sink<'_, T>,
    ) -> Result<usize, Malformed> {
        let end = scan.end(rest)?;
        let used = end.unwrap_or(rest.len());
        self.state = if end.is_some() { State::AfterValue } else { State::InValue(scan, wanted_by) };
        let Some(index) = wanted_by else { return Ok(used) };
        let is_whole = end.is_some() && self.held.is_empty() && used <= self.cap;
        if !is_whole {
            self.hold(&rest[..used])?;
        }
        if end.is_some() {
            let json = if is_whole { &rest[..used] } else { &self.held };
            sink(Part { name: self.wanted[index].name, key: &self.key, json })?;
            self.held.clear();
        }
        Ok(used)
    }

    /// Keeps the beginning of a member until the rest of it comes.
    fn hold(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.held.len() + bytes.len() > self.cap {
            let (offset, cap) = (self.offset, self.cap);
            return Err(Malformed::new(format!("a member that ends after byte {offset} is larger than {cap} bytes")));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }
}

/// Why a byte cannot stand where it does.
enum Refusal {
    Expected(&'static str),
    Malformed(Malformed),
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (lowest < u32::BITS).then_some(lowest as usize)
    })
}

/// Decodes a key, quotes and all; most have nothing to decode.
fn read_key(json: &[u8], key: &mut String) -> Result<(), Malformed> {
    key.clear();
    let inner = &json[1..json.len() - 1];
    let is_plain = !inner.iter().any(|byte| *byte == b'\\' || *byte < b' ');
    match std::str::from_utf8(inner) {
        Ok(text) if is_plain => key.push_str(text),
        _ => key.push_str(&read_escaped_key(json)?),
    }
    Ok(())
}

fn read_escaped_key(json: &[u8]) -> Result<String, Malformed> {
    serde_json::from_slice(json).map_err(|error| Malformed::new(format!("cannot read a key: {error}")))
}

/// The first few characters of what came, fit for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    text.chars().take(20).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
