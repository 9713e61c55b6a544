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

use memchr::memchr2;
use serde::Deserialize;

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

/// Where one key or value ends, however many chunks it spans.
#[derive(Debug, Clone, Copy)]
struct Scan {
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
    fn of(byte: u8) -> Option<Self> {
        let kind = match byte {
            b'{' | b'[' => Kind::Container,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Kind::Scalar,
            _ => return None,
        };
        Some(Self { kind, is_in_string: false, is_escaped: false, nesting: Nesting::default() })
    }

    /// How many of `bytes` still belong to the value, if it ends in them.
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
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

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const fn ends_scalar(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[')
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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const PACKUMENT: &[Wanted<&str>] = &[
        Wanted::start("versions", &["versions"]),
        Wanted::start("version", &["versions", "*"]),
        Wanted::value("deprecated", &["versions", "*", "deprecated"]),
        Wanted::value("time", &["time", "*"]),
        Wanted::value("name", &["name"]),
        Wanted::value("file", &["files", "*"]),
    ];

    /// Name, key and JSON of each part, in order.
    type Parts = Vec<(&'static str, String, String)>;

    fn parts_of(
        wanted: &'static [Wanted<&'static str>],
        chunks: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Parts, Malformed> {
        let (mut splitter, mut parts) = (Splitter::new(wanted), Vec::new());
        for chunk in chunks {
            splitter.chunk(chunk.as_ref(), &mut |part| {
                parts.push((part.name, part.key.to_owned(), String::from_utf8(part.json.to_vec()).unwrap()));
                Ok(())
            })?;
        }
        splitter.finish().map(|()| parts)
    }

    fn split(document: &str) -> Result<Parts, Malformed> {
        parts_of(PACKUMENT, [document])
    }

    fn part(name: &'static str, key: &str, json: &str) -> (&'static str, String, String) {
        (name, key.to_owned(), json.to_owned())
    }

    #[test]
    fn wanted_members_are_handed_over_and_the_rest_is_skipped() {
        let document = r#" {"readme": "a \"}]\\", "name" : "x" , "versions": {
            "1.0.0": {"dependencies": {"a": "1"}, "deprecated": "no [more]", "dist": {"deprecated": "not this"}},
            "2.0.0": {}, "3.0.0": null},
            "time": {"1.0.0": "2020", "unpublished": {"a": [1, {}]}}, "files": [{"a": 1}, 2.5e-3 ,[]], "last": -0 } "#;
        let expected = [
            part("name", "name", r#""x""#),
            part("versions", "versions", "{"),
            part("version", "1.0.0", "{"),
            part("deprecated", "deprecated", r#""no [more]""#),
            part("version", "2.0.0", "{"),
            part("version", "3.0.0", "n"),
            part("time", "1.0.0", r#""2020""#),
            part("time", "unpublished", r#"{"a": [1, {}]}"#),
            part("file", "", r#"{"a": 1}"#),
            part("file", "", "2.5e-3"),
            part("file", "", "[]"),
        ];
        assert_eq!(split(document).unwrap(), expected);
        let bytes = document.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(parts_of(PACKUMENT, [&bytes[..at], &bytes[at..]]).unwrap(), expected, "cut at {at}");
        }
        assert_eq!(parts_of(PACKUMENT, bytes.chunks(1)).unwrap(), expected);
    }

    #[test]
    fn keys_are_decoded_before_they_are_compared() {
        let document = r#"{"n\u0061me": 1, "time": {"\u00fc\"": 2, "ü\\": 3}}"#;
        let expected = [part("name", "name", "1"), part("time", "ü\"", "2"), part("time", "ü\\", "3")];
        assert_eq!(split(document).unwrap(), expected);
        assert_eq!(parts_of(PACKUMENT, document.as_bytes().chunks(1)).unwrap(), expected);
    }

    #[test]
    fn a_member_wanted_in_parts_may_be_something_else() {
        let document = r#"{"versions": null, "time": "never", "files": {}}"#;
        assert_eq!(split(document).unwrap(), [part("versions", "versions", "n")]);
    }

    #[test]
    fn what_is_not_one_whole_object_is_malformed() {
        let table = [
            ("", "expected a JSON object, got nothing"),
            ("  \n", "expected a JSON object, got nothing"),
            ("<!doctype html>", "expected a JSON object at byte 0, got `<!doctype html>`"),
            ("[1]", "expected a JSON object at byte 0, got `[1]`"),
            ("null", "expected a JSON object at byte 0, got `null`"),
            ("\u{feff}{}", "expected a JSON object at byte 0, got `\\u{feff}{}`"),
            ("{} x", "expected the end of the document at byte 3, got `x`"),
            ("{}{}", "expected the end of the document at byte 2, got `{}`"),
            (r#"{"a" 1}"#, "expected a colon at byte 5, got `1}`"),
            (r#"{"a": }"#, "expected a value at byte 6, got `}`"),
            (r#"{"a": 1, }"#, "expected a key at byte 9, got `}`"),
            (r#"{"a": 1 "b": 2}"#, "expected a comma or a closing bracket at byte 8, got `\\\"b\\\": 2}`"),
            (r#"{"a": 1]"#, "expected a comma or a closing bracket at byte 7, got `]`"),
            (r#"{"files": [1,]}"#, "expected a value at byte 13, got `]}`"),
            (r#"{"files": [1}"#, "expected a comma or a closing bracket at byte 12, got `}`"),
            ("{1: 2}", "expected a key at byte 1, got `1: 2}`"),
            (r#"{"a": {"b": ]}}"#, "the JSON document's brackets do not match"),
            (r#"{"a": {"b": 1}"#, "the JSON document ends too early"),
            (r#"{"a": "b"#, "the JSON document ends too early"),
        ];
        for (document, reason) in table {
            assert_eq!(split(document).unwrap_err().0, reason, "{document}");
        }
        let raw = b"{\"\xff\": 1}";
        assert!(parts_of(PACKUMENT, [raw]).unwrap_err().0.starts_with("cannot read a key"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(split(&nested(127)).unwrap(), []);
        assert_eq!(split(&nested(128)).unwrap_err().0, "the JSON document is nested too deeply");
    }

    #[test]
    fn a_wanted_member_over_the_cap_is_malformed_and_a_skipped_one_is_not() {
        let document = format!(r#"{{"readme": "{}", "name": "123456"}}"#, "x".repeat(100));
        for (cap, fits) in [(8, true), (7, false)] {
            for size in [1, 3, 1000] {
                let mut splitter = Splitter::new(PACKUMENT).with_cap(cap);
                // the key `readme` has eight bytes with its quotes; it is held only when a chunk ends in it
                let skip = document.find(':').unwrap();
                splitter.chunk(&document.as_bytes()[..skip], &mut |_| Ok(())).unwrap();
                let mut chunks = document.as_bytes()[skip..].chunks(size);
                let ended = chunks.try_for_each(|chunk| splitter.chunk(chunk, &mut |_| Ok(())));
                assert_eq!(ended.is_ok(), fits, "cap {cap}, chunks of {size}: {ended:?}");
            }
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_document() {
        let mut splitter = Splitter::new(PACKUMENT);
        let ended = splitter.chunk(br#"{"name": 1}"#, &mut |part| part.read::<String>().map(drop));
        assert_eq!(
            ended.unwrap_err().0,
            "cannot read `name`: invalid type: integer `1`, expected a string at line 1 column 1"
        );
    }

    const ANY: &[Wanted<&str>] = &[
        Wanted::start("start of a.*", &["a", "*"]),
        Wanted::value("a.*.b", &["a", "*", "b"]),
        Wanted::value("b", &["b"]),
        Wanted::value("c.*.*", &["c", "*", "*"]),
    ];

    /// The same parts out of the whole tree.
    fn expected(wanted: &[Wanted<&'static str>], document: &Value) -> Vec<(&'static str, String, Value)> {
        fn visit(
            wanted: &[Wanted<&'static str>],
            path: &mut Vec<String>,
            value: &Value,
            found: &mut Vec<(&'static str, String, Value)>,
        ) {
            for place in wanted {
                let is_here = place.path.len() == path.len()
                    && place.path.iter().zip(&*path).all(|(segment, key)| *segment == "*" || segment == key);
                if is_here {
                    let seen = if place.take == Take::Whole { value.clone() } else { Value::Null };
                    found.push((place.name, path.last().unwrap().clone(), seen));
                }
            }
            let members: Vec<(String, &Value)> = match value {
                Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
                Value::Array(elements) => elements.iter().map(|value| (String::new(), value)).collect(),
                _ => Vec::new(),
            };
            for (key, member) in members {
                path.push(key);
                visit(wanted, path, member, found);
                path.pop();
            }
        }
        let mut found = Vec::new();
        visit(wanted, &mut Vec::new(), document, &mut found);
        found
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("c".to_owned()), any::<String>()]
    }

    fn object(member: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        prop::collection::vec((key(), member), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("]}\\\"")),
        ];
        leaf.prop_recursive(4, 48, 5, |inner| {
            prop_oneof![prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array), object(inner)]
        })
    }

    fn chunks<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
        let (mut rest, mut chunks) = (bytes, Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, left) = rest.split_at(rest.len().min(*size));
            chunks.push(chunk);
            rest = left;
        }
        chunks
    }

    proptest! {
        #[test]
        fn any_document_in_any_chunks_gives_what_the_tree_gives(
            document in object(value()),
            sizes in prop::collection::vec(1usize..12, 1..8),
            is_pretty in any::<bool>(),
        ) {
            let text = if is_pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let text = text.unwrap();
            let parts = parts_of(ANY, chunks(text.as_bytes(), &sizes)).unwrap();
            let parts: Vec<_> = parts
                .into_iter()
                .map(|(name, key, json)| {
                    (name, key, if name.starts_with("start") { Value::Null } else { serde_json::from_str(&json).unwrap() })
                })
                .collect();
            prop_assert_eq!(parts, expected(ANY, &document));
        }

        #[test]
        fn every_truncation_fails(document in object(value()), at in any::<prop::sample::Index>()) {
            let text = serde_json::to_vec(&document).unwrap();
            prop_assert!(parts_of(ANY, [&text[..at.index(text.len())]]).is_err());
        }
    }
}
