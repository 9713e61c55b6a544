//! Values that are written as text, beside the words of a fixed set: texts, dates, terms, addresses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use schemars::json_schema;
use url::Url;

use super::{Node, Problem, Read, Value, inline_schema, wrong_kind};

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

inline_schema!(Text, |_| json_schema!({ "type": "string", "pattern": "\\S" }));

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

inline_schema!(
    Date,
    |_| json_schema!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
);

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

inline_schema!(Term, |_| json_schema!({ "type": "string", "pattern": "^[0-9]+[hdw]$" }));

/// A length of time as machines wait: from milliseconds to days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lapse(pub(crate) Duration);

/// Far longer than any wait makes sense, and well inside what a clock can hold.
const LONGEST_LAPSE: Duration = Duration::from_hours(24 * 366);

impl FromText for Lapse {
    fn expected() -> Option<String> {
        Some("a number with a unit, ms, s, m, h or d, such as \"30s\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = number_and_unit(text).ok_or_else(|| Refusal::new("is not a length of time"))?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(Refusal::new("has no unit").help(format!("for seconds write \"{number}s\""))),
            _ => return Err(Refusal::new("has an unknown unit")),
        };
        let lapse = number.checked_mul(milliseconds).map(Duration::from_millis);
        let lapse = lapse.filter(|lapse| *lapse <= LONGEST_LAPSE);
        lapse.map(Self).ok_or_else(|| Refusal::new("is longer than a year"))
    }
}

inline_schema!(Lapse, |_| json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }));

/// The longest that something may take: a length of time that is not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Duration);

impl FromText for Timeout {
    fn expected() -> Option<String> {
        Lapse::expected()
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Lapse(duration) = Lapse::from_text(text)?;
        if duration.is_zero() { Err(Refusal::new("leaves no time at all")) } else { Ok(Self(duration)) }
    }
}

inline_schema!(Timeout, |_| json_schema!({ "type": "string", "pattern": "^0*[1-9][0-9]*(ms|s|m|h|d)$" }));

/// A number of bytes with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromText for Bytes {
    fn expected() -> Option<String> {
        Some("a number with a unit, B, KiB, MiB, GiB, kB, MB or GB, such as \"64 MiB\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = number_and_unit(text).ok_or_else(|| Refusal::new("is not a number of bytes"))?;
        let bytes: u64 = match unit.trim_start_matches(' ') {
            "B" => 1,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "" => return Err(Refusal::new("has no unit").help(format!("for mebibytes write \"{number} MiB\""))),
            _ => return Err(Refusal::new("has an unknown unit")),
        };
        match number.checked_mul(bytes) {
            Some(0) => Err(Refusal::new("leaves room for nothing")),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Refusal::new("is more than a machine can count")),
        }
    }
}

inline_schema!(Bytes, |_| json_schema!({ "type": "string", "pattern": "^0*[1-9][0-9]* *(B|KiB|MiB|GiB|kB|MB|GB)$" }));

/// The digits at the start of a text, and what follows them.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A file or directory. One that a file names relatively lies beside that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath(pub(crate) PathBuf);

impl FilePath {
    /// The path as it is meant in a file: relative to the directory of that file.
    pub(crate) fn beside(self, file: &Path) -> Self {
        Self(file.parent().map_or(self.0.clone(), |directory| directory.join(self.0)))
    }
}

impl FromText for FilePath {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Text(text) = Text::from_text(text)?;
        if text.starts_with('~') {
            return Err(
                Refusal::new("starts with `~`").help("only a shell knows what that means: write the whole path")
            );
        }
        Ok(Self(text.into()))
    }
}

inline_schema!(FilePath, |_| json_schema!({ "type": "string", "pattern": "^[^~]" }));

/// A value that only a file gives: its environment variable is read elsewhere, or there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InFile<T>(pub(crate) T);

impl<T: FromText> Read for InFile<T> {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        T::read(node, name, problems).map(Self)
    }
}

/// How many things at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

/// More requests at once than this are an attack, whatever a registry allows.
const MOST: usize = 1000;

impl Count {
    fn from_digits(text: &str) -> Result<Self, Refusal> {
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.map(Self).ok_or_else(|| Refusal::new(format!("must be a whole number from 1 to {MOST}")))
    }
}

impl Read for Count {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        read_number(node, name, problems, "a whole number", Self::from_digits)
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        Some(Self::from_digits(text))
    }
}

inline_schema!(Count, |_| json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST }));

/// How often a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

/// Once in seventeen minutes; a run with a slower pace would never end.
const SLOWEST: f64 = 0.001;
const FASTEST: f64 = 1000.0;

impl Rate {
    fn from_digits(text: &str) -> Result<Self, Refusal> {
        let number = text.parse().ok().filter(|rate| (SLOWEST..=FASTEST).contains(rate));
        number.map(Self).ok_or_else(|| Refusal::new(format!("must be a number from {SLOWEST} to {FASTEST}")))
    }
}

impl Read for Rate {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        read_number(node, name, problems, "a number", Self::from_digits)
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        Some(Self::from_digits(text))
    }
}

inline_schema!(Rate, |_| json_schema!({ "type": "number", "minimum": SLOWEST, "maximum": FASTEST }));

/// Reads a value that is written as a number.
fn read_number<T>(
    node: &Node,
    name: &str,
    problems: &mut Vec<Problem>,
    kind: &str,
    from_digits: fn(&str) -> Result<T, Refusal>,
) -> Option<T> {
    let Value::Number(text) = &node.value else {
        problems.push(wrong_kind(node, name, kind));
        return None;
    };
    let refused =
        |refusal: Refusal| problems.push(Problem::new(node.span.clone(), format!("`{name}` {}", refusal.reason)));
    from_digits(text).map_err(refused).ok()
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

inline_schema!(
    HttpUrl,
    |_| json_schema!({ "type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://" })
);

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
        read_number(node, name, problems, "a whole number", Self::from_digits)
    }

    fn from_environment(text: &str) -> Option<Result<Self, Refusal>> {
        Some(Self::from_digits(text))
    }
}

inline_schema!(Whole, |_| json_schema!({ "type": "integer", "minimum": 0, "maximum": LONGEST_DAYS }));

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
    fn a_lapse_needs_a_unit_and_a_timeout_some_time() {
        for (text, milliseconds) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(Lapse::from_text(text).unwrap().0, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(Timeout::from_text(text).is_ok(), milliseconds > 0, "{text}");
        }
        for text in ["30", "", "s", "-1s", "1.5s", "30 s", "1w", "1M", "367d", "99999999999999999999s", "+1s", "1m30s"]
        {
            assert!(Lapse::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_need_a_unit_and_tell_thousands_from_powers_of_two() {
        for (text, bytes) in
            [("1 B", 1), ("64 MiB", 64 << 20), ("64MiB", 64 << 20), ("1 kB", 1000), ("2 GB", 2_000_000_000)]
        {
            assert_eq!(Bytes::from_text(text).unwrap().0, bytes, "{text}");
        }
        for text in ["64", "", "MiB", "0 MiB", "-1 MiB", "1.5 MiB", "1 mib", "1 M", "1\tMiB", "99999999999999 GiB"] {
            assert!(Bytes::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_of_a_file_lies_beside_it() {
        for (text, path) in [("token", "/etc/upmon/token"), ("../token", "/etc/upmon/../token"), ("/run/t", "/run/t")] {
            let read = FilePath::from_text(text).unwrap();
            assert_eq!(read.beside(Path::new("/etc/upmon/upmon.toml")).0, Path::new(path), "{text}");
        }
        assert_eq!(FilePath("token".into()).beside(Path::new("upmon.toml")).0, Path::new("token"));
        assert!(FilePath::from_text("~/token").unwrap_err().help.unwrap().contains("shell"));
    }

    #[test]
    fn dates_have_ten_characters() {
        assert_eq!(Date::from_text("2027-01-31").unwrap().0, NaiveDate::from_ymd_opt(2027, 1, 31).unwrap());
        for text in ["2027-1-31", "2027-02-30", "tomorrow", "20270131", "2027-01-31T00:00:00Z", ""] {
            assert!(Date::from_text(text).is_err(), "{text}");
        }
    }
}
