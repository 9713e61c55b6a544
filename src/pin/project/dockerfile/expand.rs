//! The variables of a Dockerfile: `$name`, `${name}` and `${name:-default}`, with the place of every part.
//! <https://docs.docker.com/reference/dockerfile/#environment-replacement>

use std::collections::HashMap;
use std::ops::Range;

/// No image has a longer name; variables of variables can double a text with every line.
const LONGEST: usize = 4096;

/// Defaults of defaults, `${a:-${b:-...}}`, nest no deeper.
const DEEPEST: usize = 16;

/// A text, and which part of the file each part of it was copied from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spelled {
    text: String,
    /// Where in the text a part starts, and where in the file it stands.
    parts: Vec<(usize, usize)>,
}

impl Spelled {
    /// A text as it stands in the file.
    pub(super) fn literal(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), parts: vec![(0, at)] }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a range of the text stands in the file, if that is one place.
    pub(super) fn place(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let index = self.parts.partition_point(|(start, _)| *start <= range.start).checked_sub(1)?;
        let (start, at) = self.parts[index];
        let end = self.parts.get(index + 1).map_or(self.text.len(), |(start, _)| *start);
        (range.end <= end).then(|| at + (range.start - start)..at + (range.end - start))
    }

    fn push(&mut self, text: &str, at: usize) {
        let continues = self.parts.last().is_some_and(|(start, file)| file + (self.text.len() - start) == at);
        if !continues && !text.is_empty() {
            self.parts.push((self.text.len(), at));
        }
        self.text.push_str(text);
    }

    fn append(&mut self, other: &Self) {
        for (index, (start, at)) in other.parts.iter().enumerate() {
            let end = other.parts.get(index + 1).map_or(other.text.len(), |(start, _)| *start);
            self.push(&other.text[*start..end], *at);
        }
    }
}

/// The variables that a file declares, with their defaults.
pub(super) struct Arguments {
    escape: char,
    defaults: HashMap<String, Result<Spelled, String>>,
}

/// What a text stands for, or why the file alone does not say that.
type Expanded = Result<Spelled, String>;

impl Arguments {
    pub(super) fn new(escape: char) -> Self {
        Self { escape, defaults: HashMap::new() }
    }

    /// Takes what stands behind `ARG`: one or more of `name` and `name=default`.
    pub(super) fn declare(&mut self, raw: &str, start: usize) {
        for range in self.words(raw) {
            let word = &raw[range.clone()];
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, self.expand(value, start + range.start + name.len() + 1)),
                None => (word, Err(format!("the variable `{word}` has no default in the file"))),
            };
            self.defaults.insert(name.to_owned(), value);
        }
    }

    /// The words of a text, quotes and escapes heeded.
    fn words(&self, raw: &str) -> Vec<Range<usize>> {
        let mut words = Vec::new();
        let (mut start, mut quote, mut is_escaped) = (None, None, false);
        for (at, character) in raw.char_indices() {
            if is_escaped || quote.is_none() && character == self.escape {
                is_escaped = !is_escaped;
                // an escaped line end is none
                if !character.is_whitespace() {
                    start.get_or_insert(at);
                }
            } else if quote == Some(character) {
                quote = None;
            } else if quote.is_none() && matches!(character, '"' | '\'') {
                quote = Some(character);
                start.get_or_insert(at);
            } else if quote.is_none() && character.is_whitespace() {
                words.extend(start.take().map(|start| start..at));
            } else {
                start.get_or_insert(at);
            }
        }
        words.extend(start.map(|start| start..raw.len()));
        words
    }

    /// A text of the file, that starts at `start`, with its variables replaced.
    pub(super) fn expand(&self, raw: &str, start: usize) -> Expanded {
        self.expand_to(raw, start, 0)
    }

    fn expand_to(&self, raw: &str, start: usize, depth: usize) -> Expanded {
        let mut spelled = Spelled::default();
        let mut at = 0;
        let mut is_quoted = false;
        while let Some(character) = raw[at..].chars().next() {
            let next = at + character.len_utf8();
            match character {
                '"' => (is_quoted, at) = (!is_quoted, next),
                '\'' if !is_quoted => {
                    let Some(length) = raw[next..].find('\'') else { return Err("a quote has no end".to_owned()) };
                    spelled.push(&raw[next..next + length], start + next);
                    at = next + length + 1;
                }
                '$' => {
                    let (part, length) = self.variable(&raw[at..], start + at, depth)?;
                    spelled.append(&part);
                    at += length;
                }
                _ if character == self.escape => {
                    let escaped = raw[next..].chars().next().map_or(0, char::len_utf8);
                    let text = &raw[next..next + escaped];
                    if !matches!(text, "\n" | "\r") {
                        spelled.push(text, start + next);
                    }
                    at = next + escaped;
                }
                // what is left of the line end behind an escape
                '\n' => at = next,
                _ => {
                    spelled.push(&raw[at..next], start + at);
                    at = next;
                }
            }
            if spelled.text.len() > LONGEST {
                return Err("its variables make it too long".to_owned());
            }
        }
        Ok(spelled)
    }

    /// The variable that a text starts with, and how long its name is in the text.
    fn variable(&self, raw: &str, start: usize, depth: usize) -> Result<(Spelled, usize), String> {
        let name_of = |text: &str| {
            let is_end = |character: char| !character.is_ascii_alphanumeric() && character != '_';
            text[..text.find(is_end).unwrap_or(text.len())].to_owned()
        };
        let Some(braced) = raw.strip_prefix("${") else {
            let name = name_of(&raw[1..]);
            return match name.as_str() {
                "" => Ok((Spelled::literal("$", start), 1)),
                _ => Ok((self.default_of(&name)?, 1 + name.len())),
            };
        };
        let name = name_of(braced);
        let end = closing(braced).ok_or("a variable has no `}`")?;
        let rule = braced.get(name.len()..end).unwrap_or_default();
        let length = end + 3;
        let otherwise = |sign: usize| {
            if depth == DEEPEST {
                return Err("its variables nest too deeply".to_owned());
            }
            self.expand_to(&rule[sign..], start + 2 + name.len() + sign, depth + 1)
        };
        let known = self.default_of(&name);
        let spelled = match rule {
            "" => known?,
            _ if rule.starts_with(":-") => match known.ok().filter(|known| !known.text.is_empty()) {
                Some(known) => known,
                None => otherwise(2)?,
            },
            _ if rule.starts_with('-') => known.or_else(|_| otherwise(1))?,
            _ => {
                return Err(format!("what becomes of the variable `{name}` is said in a way that upmon does not read"));
            }
        };
        Ok((spelled, length))
    }

    fn default_of(&self, name: &str) -> Expanded {
        let unset = || Err(format!("the variable `{name}` is set only when the image is built"));
        self.defaults.get(name).cloned().unwrap_or_else(unset)
    }
}

/// Where the brace is closed that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_keep_their_places() {
        let declared = "V=3.20 Q=\"4 5\" S='$V' EMPTY= T=a${V}b NONE";
        let mut arguments = Arguments::new('\\');
        arguments.declare(declared, 0);
        for (raw, expected) in [
            ("plain", Ok("plain")),
            ("x:$V", Ok("x:3.20")),
            ("${V}$V", Ok("3.203.20")),
            ("$Q|${S}|$T", Ok("4 5|$V|a3.20b")),
            ("${EMPTY:-7}${EMPTY-8}${NONE-9}${MISSING:-${V}}", Ok("793.20")),
            ("\\$V \"a\"'b'", Ok("$V ab")),
            ("a$", Ok("a$")),
            ("$NONE", Err("the variable `NONE` has no default in the file")),
            ("${MISSING}", Err("the variable `MISSING` is set only when the image is built")),
            ("${V", Err("a variable has no `}`")),
            ("'x", Err("a quote has no end")),
            ("${V%.*}", Err("what becomes of the variable `V` is said in a way that upmon does not read")),
        ] {
            let found = arguments.expand(raw, 1000);
            assert_eq!(found.as_ref().map(Spelled::text).map_err(String::as_str), expected, "{raw}");
        }
        let image = arguments.expand("x:$V-a", 1000).unwrap();
        assert_eq!(
            (image.place(&(2..6)), image.place(&(6..8)), image.place(&(2..8))),
            (Some(2..6), Some(1004..1006), None)
        );
    }

    #[test]
    fn variables_of_variables_end() {
        let mut arguments = Arguments::new('\\');
        arguments.declare("A0=aaaaaaaa", 0);
        for level in 1..64 {
            arguments.declare(&format!("A{level}=$A{0}$A{0}", level - 1), 0);
        }
        assert_eq!(arguments.expand("$A63", 0), Err("its variables make it too long".to_owned()));
        let nested = format!("{}x{}", "${N:-".repeat(10_000), "}".repeat(10_000));
        assert_eq!(arguments.expand(&nested, 0), Err("its variables nest too deeply".to_owned()));
    }
}
