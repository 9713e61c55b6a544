//! Values that are written as text, beside the words of a fixed set: texts, dates, terms, addresses.

use std::borrow::Cow;

use chrono::{NaiveDate, TimeDelta};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use url::Url;

use super::{Node, Problem, Read, Value, wrong_kind};

/// A value that is written as a string, in a file or in an environment variable.
pub(crate) trait FromText: Sized {
    /// What such a value looks like, where the reason of a refusal does not say so itself.
    fn expected() -> Option<String>;

    /// Reads it.
    fn from_text(text: &str) -> Result<Self, Refusal>;
}

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What continues "`key` ...".
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
    /// Whether the text may hold a credential.
    pub(crate) is_secret: bool,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: None, is_secret: false }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
}

/// Whether a character steers a terminal or cannot be seen: control characters, zero-width ones, and those that change
/// the direction of writing, with which a text can look like another (<https://trojansource.codes/>).
pub(crate) fn hidden_character(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text with something in it, all of which can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl FromText for Text {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() {
            return Err(Refusal::new("is empty"));
        }
        if let Some(hidden) = text.chars().find(|character| hidden_character(*character)) {
            return Err(Refusal::new(format!("holds the hidden character U+{:04X}", u32::from(hidden))));
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "\\S" })
    }
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) NaiveDate);

impl FromText for Date {
    fn expected() -> Option<String> {
        Some("a date such as \"2027-01-31\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        // chrono also takes "2027-1-1" and "+12027-01-01"
        let parsed = (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
        parsed.map(Self).ok_or_else(|| Refusal::new("is not a date"))
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
    }
}

/// A length of time with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(pub(crate) TimeDelta);

/// A century; sums of a date and a term stay well inside what a date can hold.
const LONGEST_DAYS: i64 = 36_525;

impl FromText for Term {
    fn expected() -> Option<String> {
        Some("a number with a unit, h, d or w, such as \"14d\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten();
        let Some(number) = number else { return Err(Refusal::new("is not a length of time")) };
        let hours = match &text[digits.len()..] {
            "h" => Some(1),
            "d" => Some(24),
            "w" => Some(24 * 7),
            "" => return Err(Refusal::new("has no unit").help(format!("for days write \"{number}d\""))),
            _ => None,
        };
        let Some(hours) = hours else { return Err(Refusal::new("has an unknown unit")) };
        match number.checked_mul(hours).filter(|hours| *hours <= LONGEST_DAYS * 24) {
            Some(hours) => Ok(Self(TimeDelta::hours(hours))),
            None => Err(Refusal::new("is longer than a century")),
        }
    }
}

impl JsonSchema for Term {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Term".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+[hdw]$" })
    }
}

/// The address of a page for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl(pub(crate) String);

impl FromText for HttpUrl {
    fn expected() -> Option<String> {
        Some("an address that starts with https:// or http://".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let url = http_url(text)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(credential_in_file());
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for HttpUrl {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpUrl".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://" })
    }
}

/// Parses an http(s) address. The text may hold a credential, so a refusal never repeats it.
pub(crate) fn http_url(text: &str) -> Result<Url, Refusal> {
    Text::from_text(text)?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && text.contains("://") => Ok(url),
        Ok(_) => Err(Refusal::new("is not an http address").secret()),
        Err(error) => Err(Refusal::new(format!("is not an address: {error}")).secret()),
    }
}

/// An address with a user, a password or a token in a file that is made to be shared.
pub(crate) fn credential_in_file() -> Refusal {
    Refusal::new("holds a credential, and this file is made to be shared")
        .help("take it out; credentials come from the environment or a netrc file")
        .secret()
}

/// A number of days up to a century.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) i64);

impl Whole {
    fn from_digits(text: &str) -> Result<Self, Refusal> {
        let number = text.parse().ok().filter(|number| (0..=LONGEST_DAYS).contains(number));
        number.map(Self).ok_or_else(|| Refusal::new(format!("must be a whole number from 0 to {LONGEST_DAYS}")))
    }
}

impl Read for Whole {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Number(text) = &node.value else {
            problems.push(wrong_kind(node, name, "a whole number"));
            return None;
        };
        let refused =
            |refusal: Refusal| problems.push(Problem::new(node.span.clone(), format!("`{name}` {}", refusal.reason)));
        Self::from_digits(text).map_err(refused).ok()
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        Some(Self::from_digits(text))
    }
}

impl JsonSchema for Whole {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": LONGEST_DAYS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_needs_a_unit() {
        for (text, hours) in [("14d", 336), ("2w", 336), ("12h", 12), ("0d", 0), ("36525d", 876_600)] {
            assert_eq!(Term::from_text(text).unwrap().0, TimeDelta::hours(hours), "{text}");
        }
        for text in
            ["14", "", "d", "-1d", "1.5d", "14 d", "14m", "1y", "36526d", "99999999999999999999d", "+1d", "1d2h"]
        {
            assert!(Term::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_have_ten_characters() {
        assert_eq!(Date::from_text("2027-01-31").unwrap().0, NaiveDate::from_ymd_opt(2027, 1, 31).unwrap());
        for text in ["2027-1-31", "2027-02-30", "tomorrow", "20270131", "2027-01-31T00:00:00Z", ""] {
            assert!(Date::from_text(text).is_err(), "{text}");
        }
    }
}
