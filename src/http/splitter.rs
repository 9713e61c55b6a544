//! Picks members out of a JSON document while it arrives, and skips the rest without keeping it.
//!
//! A packument of 40 MB holds a few hundred kilobytes that matter: version labels, dates, tags. Reading it whole, as
//! text or as a tree of values, would cost its size many times over for every package in hand. So a decoder names the
//! paths it wants ([`Wanted`]), feeds the chunks as they come off the wire, and gets exactly those members, each as
//! the raw JSON that `serde_json` then reads into a typed struct. Of everything else only strings and brackets are
//! followed, many bytes at a time ([`block`]), so skipping runs at about the speed of reading memory.
//!
//! Why own code: the streaming readers at hand pull (`serde_json::from_reader`, `struson`), which for a body that is
//! pushed needs a thread and a pipe a request, or visit every token (`actson`), which costs more than the whole
//! download. What is needed is small: find where a member starts and ends. What a member *means* stays with `serde_json`.
//!
//! What is checked: the document is one object, complete, with nothing but blanks behind it; every object and array on
//! the way to a wanted path is well-formed; brackets match everywhere; nothing is nested deeper than 127 levels within a
//! member; a wanted member is no larger than the cap. What is not: the inside of a skipped member beyond its strings and brackets.

mod block;
mod scan;

use std::borrow::Cow;

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

    /// The text, where the member is a string in which every byte means itself: neither escapes nor anything beyond ASCII.
    pub fn plain(&self) -> Option<&'doc str> {
        let inner = self.json.strip_prefix(b"\"")?;
        let end = block::plain_text(inner)?;
        std::str::from_utf8(&inner[..end]).ok()
    }

    /// The text, where the member is a string.
    ///
    /// # Errors
    /// When it is something else, or no right string.
    pub fn text(&self) -> Result<Cow<'doc, str>, Malformed> {
        self.plain().map_or_else(|| self.read(), |text| Ok(Cow::Borrowed(text)))
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
    /// How far the key or value is read of which the beginning was in an earlier chunk.
    scan: Scan,
    /// The containers around the current place, outermost first.
    frames: Vec<Frame>,
    /// The wanted paths that go on with the member being read, a bit each.
    hits: u32,
    /// The key of the member being read, if any path goes on with it.
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
    /// The wanted paths that lead here and go on with any member, a bit each.
    any: u32,
    /// Those that go on with a member of one name.
    named: u32,
    /// The lengths of these names, a bit each, so that most keys need not be compared with any.
    lengths: u64,
}

/// The bit of a name's length; those of 64 bytes and more share the bits of shorter ones.
const fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the document's opening brace.
    Document,
    /// After an opening brace: a key or the closing brace.
    FirstKey,
    /// After a comma in an object.
    Key,
    /// Inside a key.
    InKey,
    Colon,
    /// After an opening bracket: an element or the closing bracket.
    FirstElement,
    /// After a colon, or after a comma in an array.
    Value,
    /// Inside a member that is skipped or, with the index of who wants it, kept.
    InValue(Option<usize>),
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
            scan: Scan::default(),
            frames: Vec::new(),
            hits: 0,
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
        while let Some(&byte) = rest.first() {
            let used = match self.state {
                State::InKey => self.key_bytes(rest)?,
                State::InValue(wanted_by) => self.value_bytes(wanted_by, rest, sink)?,
                _ if is_blank(byte) => rest.iter().take_while(|byte| is_blank(**byte)).count(),
                State::Key | State::FirstKey if byte == b'"' => self.begin_key(rest, sink)?,
                State::Value => self.begin_value(byte, rest, sink)?,
                State::FirstElement if byte != b']' => self.begin_value(byte, rest, sink)?,
                _ => self.punctuation(byte, rest)?,
            };
            rest = &rest[used..];
            self.offset += used as u64;
        }
        Ok(())
    }

    /// The bytes that are kept until their member ends.
    pub fn held(&self) -> usize {
        self.held.capacity() + self.key.capacity()
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

    /// Whether nothing but blanks came so far.
    pub fn is_blank(&self) -> bool {
        self.state == State::Document
    }

    /// Makes ready for the next document, in a body that holds several.
    pub fn restart(&mut self) {
        self.state = State::Document;
        self.frames.clear();
        self.held.clear();
        self.offset = 0;
    }

    /// Everything that is neither blank, key nor value.
    fn punctuation(&mut self, byte: u8, rest: &[u8]) -> Result<usize, Malformed> {
        let is_array = self.frames.last().is_some_and(|frame| frame.is_array);
        match (self.state, byte) {
            (State::Document, b'{') => self.enter(byte, u32::MAX),
            (State::Colon, b':') => self.state = State::Value,
            (State::FirstKey, b'}') | (State::FirstElement, b']') => self.leave(),
            (State::AfterValue, b'}') if !is_array => self.leave(),
            (State::AfterValue, b']') if is_array => self.leave(),
            (State::AfterValue, b',') => self.state = self.after_comma(),
            (State::Document, _) => return Err(self.expected("a JSON object", rest)),
            (State::End, _) => return Err(self.expected("the end of the document", rest)),
            (State::Colon, _) => return Err(self.expected("a colon", rest)),
            (State::AfterValue, _) => return Err(self.expected("a comma or a closing bracket", rest)),
            _ => return Err(self.expected("a key", rest)),
        }
        Ok(1)
    }

    fn expected(&self, what: &str, rest: &[u8]) -> Malformed {
        Malformed::new(format!("expected {what} at byte {}, got `{}`", self.offset, excerpt(rest)))
    }

    /// Enters a container; `alive` are the wanted paths that lead into it.
    fn enter(&mut self, byte: u8, alive: u32) {
        let is_array = byte == b'[';
        let depth = self.frames.len();
        let mut frame = Frame { is_array, any: 0, named: 0, lengths: 0 };
        for index in block::places(alive.into()).take_while(|index| *index < self.wanted.len()) {
            match self.wanted[index].path.get(depth) {
                Some(&"*") => frame.any |= 1 << index,
                Some(name) if !is_array => {
                    frame.named |= 1 << index;
                    frame.lengths |= length_bit(name.as_bytes());
                }
                _ => {}
            }
        }
        self.frames.push(frame);
        self.state = if is_array { State::FirstElement } else { State::FirstKey };
    }

    fn after_comma(&self) -> State {
        if self.frames.last().is_some_and(|frame| frame.is_array) { State::Value } else { State::Key }
    }

    fn leave(&mut self) {
        self.frames.pop();
        self.state = if self.frames.is_empty() { State::End } else { State::AfterValue };
    }

    /// Reads a key that lies within the chunk and is plain, with its colon if that follows at once, and goes on with the
    /// value if that follows at once too.
    fn begin_key(&mut self, rest: &[u8], sink: Sink<'_, T>) -> Result<usize, Malformed> {
        let Some(length) = block::plain_text(&rest[1..]) else {
            self.scan = Scan::of(b'"').expect("a quote starts a string");
            self.state = State::InKey;
            return self.key_bytes(rest);
        };
        self.meet(&rest[1..=length]);
        match rest[length + 2..] {
            [b':', byte, ..] if !is_blank(byte) => {
                let before = length + 3;
                self.offset += before as u64;
                let used = self.begin_value(byte, &rest[before..], sink)?;
                self.offset -= before as u64;
                Ok(before + used)
            }
            [b':', ..] => {
                self.state = State::Value;
                Ok(length + 3)
            }
            _ => {
                self.state = State::Colon;
                Ok(length + 2)
            }
        }
    }

    fn key_bytes(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        let end = self.scan.end(rest)?;
        let used = end.unwrap_or(rest.len());
        self.hold(&rest[..used])?;
        if end.is_some() {
            let key: String = serde_json::from_slice(&self.held)
                .map_err(|error| Malformed::new(format!("cannot read a key: {error}")))?;
            self.held.clear();
            self.meet(key.as_bytes());
            self.state = State::Colon;
        }
        Ok(used)
    }

    /// Notes which wanted paths go on with the member of this key, which is UTF-8.
    fn meet(&mut self, key: &[u8]) {
        let depth = self.frames.len() - 1;
        let frame = &self.frames[depth];
        self.hits = frame.any;
        if frame.lengths & length_bit(key) != 0 {
            let named = block::places(frame.named.into());
            let is_met = |index: &usize| self.wanted[*index].path[depth].as_bytes() == key;
            self.hits = named.filter(is_met).fold(frame.any, |hits, index| hits | 1 << index);
        }
        if self.hits != 0 {
            self.key.clear();
            self.key.push_str(std::str::from_utf8(key).expect("the key was read"));
        }
    }

    /// Decides what to do with the member that starts with `byte`: enter, keep or skip.
    fn begin_value(&mut self, byte: u8, rest: &[u8], sink: Sink<'_, T>) -> Result<usize, Malformed> {
        self.scan = Scan::of(byte).ok_or_else(|| self.expected("a value", rest))?;
        let frame = *self.frames.last().expect("a value stands in a container");
        if frame.is_array {
            self.key.clear();
            self.hits = frame.any;
        }
        let (mut deeper, mut wanted_by) = (0, None);
        for index in block::places(self.hits.into()) {
            let wanted = &self.wanted[index];
            match wanted.take {
                _ if wanted.path.len() > self.frames.len() => deeper |= 1 << index,
                Take::Whole => wanted_by = Some(index),
                Take::Start => sink(Part { name: wanted.name, key: &self.key, json: &[byte] })?,
            }
        }
        if deeper != 0 && wanted_by.is_none() && matches!(byte, b'{' | b'[') {
            self.enter(byte, deeper);
            return Ok(1);
        }
        self.value_bytes(wanted_by, rest, sink)
    }

    fn value_bytes(&mut self, wanted_by: Option<usize>, rest: &[u8], sink: Sink<'_, T>) -> Result<usize, Malformed> {
        let Some(end) = self.scan.end(rest)? else {
            self.state = State::InValue(wanted_by);
            if wanted_by.is_some() {
                self.hold(rest)?;
            }
            return Ok(rest.len());
        };
        if let Some(index) = wanted_by {
            self.hand_over(index, &rest[..end], sink)?;
        }
        let has_comma = rest.get(end) == Some(&b',');
        self.state = if has_comma { self.after_comma() } else { State::AfterValue };
        Ok(end + usize::from(has_comma))
    }

    fn hand_over(&mut self, index: usize, last: &[u8], sink: Sink<'_, T>) -> Result<(), Malformed> {
        let name = self.wanted[index].name;
        if self.held.is_empty() && last.len() <= self.cap {
            return sink(Part { name, key: &self.key, json: last });
        }
        self.hold(last)?;
        sink(Part { name, key: &self.key, json: &self.held })?;
        self.held.clear();
        Ok(())
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

/// The first few characters of what came, fit for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    text.chars().take(20).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
