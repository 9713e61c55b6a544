//! The part of an issue's body that is ours: found by its markers, and replaced without touching what stands around it.
//!
//! The first line is a comment that people do not see, `<!-- upmon:v1 id=rust/tokio state=... -->`. It holds the finding's
//! id, by which the next run recognises the issue whoever wrote it and whatever its title is, and what upmon last said
//! there, as JSON in base64. The last line is `<!-- /upmon:v1 id=rust/tokio -->`. People may write before and behind.
//! A marker counts only where it has a line to itself, so that no text from upstream can pass for one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::NaiveDate;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::policy::Severity;

const BEGIN: &str = "<!-- upmon:v1 ";
const END: &str = "<!-- /upmon:v1 ";
const CLOSE: &str = " -->";

/// What an id may show of itself; the rest is percent-encoded, so that no id can end the marker.
const NOT_IN_ID: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'_').remove(b'.').remove(b'@').remove(b'-');

/// What upmon last said in an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The title that upmon gave the issue; another one is a person's, and stays.
    pub(crate) title: String,
    /// The newest version.
    pub(crate) to: String,
    /// The severity, whose label upmon set.
    pub(crate) severity: Option<Severity>,
    /// Whether the update was overdue.
    pub(crate) overdue: bool,
    /// Whether the pin was yanked or no longer listed.
    pub(crate) withdrawn: bool,
    /// Whether upmon closed the issue.
    pub(crate) closed: bool,
    /// How many comments upmon has written: the key of the next one.
    pub(crate) comments: u32,
    /// For the rollup: what was last known of each package that it shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Vec<Known>,
    /// What was started for the package, where the record of that is kept in issues: kept for `dispatch`, and not read
    /// here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dispatches: Vec<serde_json::Value>,
}

/// What was last known of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) pinned: String,
    pub(crate) newest: String,
    pub(crate) severity: Severity,
}

/// Our part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// Whose issue it is.
    pub(crate) id: String,
    /// What was last said; `None` where somebody has damaged it.
    pub(crate) state: Option<State>,
    range: Range<usize>,
}

/// A text between its markers.
pub(crate) fn enclose(id: &str, state: &State, text: &str) -> String {
    format!("{}\n{}\n{END}id={}{CLOSE}", begin(id, state), text.trim_end(), utf8_percent_encode(id, NOT_IN_ID))
}

/// The marker's first line.
fn begin(id: &str, state: &State) -> String {
    let json = serde_json::to_vec(state).expect("a state is plain data");
    format!("{BEGIN}id={} state={}{CLOSE}", utf8_percent_encode(id, NOT_IN_ID), BASE64.encode(json))
}

/// The key of a box with which a person approves a version, at the end of its line.
pub(crate) fn approval_key(version: &str) -> String {
    format!("<!-- upmon:v1 approve={} -->", digest(version))
}

/// Whether the box for a version is ticked in our part of a body.
pub(crate) fn is_approved(body: &str, version: &str) -> bool {
    let Some(section) = Section::find(body) else { return false };
    let key = approval_key(version);
    let is_tick = |line: &str| ["- [x] ", "- [X] "].iter().any(|tick| line.starts_with(tick));
    body[section.range].lines().map(str::trim_end).any(|line| is_tick(line) && line.ends_with(&key))
}

/// The key of a comment, which nobody sees.
pub(crate) fn comment_key(key: &str) -> String {
    format!("<!-- upmon:v1 comment={key} -->")
}

impl Section {
    /// Finds our part. Where one of its markers is lost, it is no more than the other one's line: what stands below or
    /// above may be somebody's text by now.
    pub(crate) fn find(body: &str) -> Option<Self> {
        let (begin, attributes) = markers(body, BEGIN).next().unzip();
        let id = attributes.and_then(|attributes| attribute(attributes, "id"));
        let (Some(begin), Some(attributes), Some(id)) = (begin, attributes, id) else {
            let (range, attributes) = markers(body, END).next()?;
            return Some(Self { id: attribute(attributes, "id")?.into_owned(), state: None, range });
        };
        let end = markers(&body[begin.end..], END)
            .find(|(_, attributes)| attribute(attributes, "id").as_ref() == Some(&id))
            .map_or(begin.end, |(range, _)| begin.end + range.end);
        Some(Self { id: id.into_owned(), state: state(attributes), range: begin.start..end })
    }

    /// Whether our part is this text already. GitHub's editor writes CR LF.
    pub(crate) fn is(&self, body: &str, text: &str) -> bool {
        body[self.range.clone()].replace("\r\n", "\n") == text
    }

    /// The body with another text for our part.
    pub(crate) fn replace(&self, body: &str, text: &str) -> String {
        format!("{}{text}{}", &body[..self.range.start], &body[self.range.end..])
    }

    /// The body with another state in its marker, and all else as it is; `None` where no state can be read.
    pub(crate) fn with_state(&self, body: &str, state: &State) -> Option<String> {
        self.state.as_ref()?;
        let line = body[self.range.clone()].lines().next()?;
        let end = self.range.start + line.trim_end().len();
        Some(format!("{}{}{}", &body[..self.range.start], begin(&self.id, state), &body[end..]))
    }

    /// What stands around our part.
    pub(crate) fn around<'a>(&self, body: &'a str) -> [&'a str; 2] {
        [&body[..self.range.start], &body[self.range.end..]]
    }
}

/// The lines that are markers of a kind, each with its place and its attributes.
fn markers<'a>(body: &'a str, kind: &'a str) -> impl Iterator<Item = (Range<usize>, &'a str)> {
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', body.as_bytes()).map(|at| at + 1));
    starts.filter_map(move |start| {
        let line = body[start..].lines().next()?.trim_end();
        let attributes = line.strip_prefix(kind)?.strip_suffix(CLOSE)?;
        Some((start..start + line.len(), attributes))
    })
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let value = attributes.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    percent_decode_str(value).decode_utf8().ok().filter(|value| !value.is_empty())
}

fn state(attributes: &str) -> Option<State> {
    let json = BASE64.decode(attribute(attributes, "state")?.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Whether a person has asked for quiet: `upmon: snooze until 2027-01-31` on a line of its own, up to and with that day.
pub(crate) fn is_snoozed(body: &str, today: NaiveDate) -> bool {
    let around = Section::find(body).map_or([body, ""], |section| section.around(body));
    around.iter().flat_map(|text| text.lines()).any(|line| {
        let line = line.trim().to_lowercase();
        let day = line.strip_prefix("upmon: snooze until ").map(str::trim);
        day.and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()).is_some_and(|day| today <= day)
    })
}

/// Twelve hexadecimal digits that stand for a text.
pub(crate) fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().take(6).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes every write");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> State {
        State { title: "tokio --> x".to_owned(), severity: Some(Severity::Error), ..State::default() }
    }

    #[test]
    fn what_was_said_is_read_back_for_every_id() {
        for id in ["rust/tokio", "typescript/@types/node", "x y/--> <!-- /upmon:v1 id=a -->\n", "日本/語", "%2F/%"] {
            let body = format!("above\r\n{}\nbelow", enclose(id, &said(), "text\n"));
            let section = Section::find(&body).unwrap();
            assert_eq!((section.id.as_str(), &section.state), (id, &Some(said())));
            assert!(section.is(&body, &enclose(id, &said(), "text")));
            assert_eq!(section.replace(&body, "new"), "above\r\nnew\nbelow");
        }
    }

    #[test]
    fn line_ends_of_an_editor_are_no_change() {
        let text = enclose("rust/tokio", &said(), "one\n\ntwo");
        let body = text.replace('\n', "\r\n");
        assert!(Section::find(&body).unwrap().is(&body, &text));
    }

    #[test]
    fn a_damaged_section_takes_no_text_of_a_person_with_it() {
        let whole = enclose("rust/tokio", &said(), "ours");
        let (begin, rest) = whole.split_once('\n').unwrap();
        let (_, end) = rest.split_once('\n').unwrap();
        let table = [
            (format!("{begin}\nmine"), "new\nmine", true),
            (format!("mine\n{end}"), "mine\nnew", false),
            ("mine\n<!-- upmon:v1 id=rust/tokio state=%%% -->\nours\n".to_owned() + end, "mine\nnew", false),
            ("<!-- upmon:v1 id=rust/tokio -->\nmine".to_owned(), "new\nmine", false),
        ];
        for (body, expected, has_state) in table {
            let section = Section::find(&body).unwrap();
            assert_eq!(section.id, "rust/tokio", "{body}");
            assert_eq!(section.replace(&body, "new"), expected, "{body}");
            assert_eq!(section.state.is_some(), has_state, "{body}");
        }
    }

    #[test]
    fn only_a_line_of_its_own_is_a_marker() {
        for body in ["", "text", "`<!-- upmon:v1 id=a/b -->`", "see <!-- /upmon:v1 id=a/b -->", "<!-- upmon:v1 id= -->"]
        {
            assert_eq!(Section::find(body), None, "{body}");
        }
    }

    #[test]
    fn quiet_lasts_to_the_end_of_its_day_and_is_not_asked_for_by_our_own_text() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        let ours = enclose("a/b", &State::default(), "upmon: snooze until 2027-01-31");
        let table = [
            ("upmon: snooze until 2026-11-20".to_owned(), true),
            ("text\r\n  Upmon: Snooze until 2027-01-31 \r\n".to_owned(), true),
            ("upmon: snooze until 2026-11-19".to_owned(), false),
            ("upmon: snooze until later".to_owned(), false),
            ("do not say upmon: snooze until 2027-01-31".to_owned(), false),
            (format!("{ours}\nupmon: snooze until 2027-01-31"), true),
            (ours, false),
        ];
        for (body, expected) in table {
            assert_eq!(is_snoozed(&body, today), expected, "{body}");
        }
    }
}
