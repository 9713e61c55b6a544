//! What a registry tells of a package: its releases and the few facts beside them.
//!
//! These are facts as published, with no opinion: nothing here is sorted, filtered or compared. They are also what the
//! cache stores, so every type serialises, and [`FORMAT`] changes whenever one of them does.

mod content;

use std::collections::BTreeMap;

use chrono::serde::ts_microseconds_option;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::content::Content;

/// The version of the serialised form of [`ReleaseSet`]. Raise it with every change of a type in this module: entries of
/// another format are refetched.
pub const FORMAT: u32 = 3;

/// One published version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The label as the registry writes it; for git the whole tag name.
    pub version: Box<str>,
    /// When it was first published: the earliest file where a version has several. `None` where the registry does not say.
    #[serde(with = "ts_microseconds_option")]
    pub published_at: Option<DateTime<Utc>>,
    /// Withdrawn from new use by its maintainers: the reason, empty where none was given.
    pub yanked: Option<Box<str>>,
    /// The maintainers advise against it: their words, empty where they gave none.
    pub deprecated: Option<Box<str>>,
    /// Listed, but with no file to install (PyPI keeps such versions).
    pub without_files: bool,
    /// The git object that the label points to: the commit, for a tag, as lower-case hex.
    pub commit: Option<Box<str>>,
    /// What it consists of; `None` where the registry publishes no checksum, and for git, which has the commit.
    pub content: Option<Content>,
}

impl Release {
    /// A release of which only the label is known.
    pub fn new(version: impl Into<Box<str>>) -> Self {
        Self { version: version.into(), ..Self::default() }
    }
}

/// What upstream says of the package as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackageStatus {
    /// In ordinary use.
    Active,
    /// No more uploads are expected (PEP 792 `archived`), with the reason if one was given.
    Archived(Option<Box<str>>),
    /// Hidden by the registry's staff as possibly harmful (PEP 792 `quarantined`).
    Quarantined(Option<Box<str>>),
    /// Superseded or obsolete as a whole (PEP 792 `deprecated`, npm with every version deprecated).
    Deprecated(Option<Box<str>>),
}

/// Addresses that help a person to decide about an update. Upstream's text: checked to be http(s) before use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The list of changes.
    pub changelog: Option<Box<str>>,
    /// The source repository.
    pub repository: Option<Box<str>>,
    /// The project's page or documentation.
    pub homepage: Option<Box<str>>,
}

/// How a branch has moved since a pinned commit (`strategy: commits`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRange {
    /// The commit at the head of the branch, as full lower-case hex.
    pub head: Box<str>,
    /// The committer date of the head.
    #[serde(with = "ts_microseconds_option")]
    pub head_at: Option<DateTime<Utc>>,
    /// The pinned commit as the remote knows it; `None` when the remote does not have it.
    pub pinned: Option<Box<str>>,
    /// The committer date of the pinned commit.
    #[serde(with = "ts_microseconds_option")]
    pub pinned_at: Option<DateTime<Utc>>,
    /// Commits on the branch that the pin does not contain; `None` when the remote offers no cheap way to count them.
    pub ahead_by: Option<u64>,
    /// The earliest committer date among those commits.
    #[serde(with = "ts_microseconds_option")]
    pub first_at: Option<DateTime<Utc>>,
}

/// Everything one lookup learned of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSet {
    /// The releases, in the registry's order, which means nothing.
    pub releases: Vec<Release>,
    /// Named pointers such as npm's `latest`.
    pub dist_tags: BTreeMap<Box<str>, Box<str>>,
    /// What upstream says of the whole package.
    pub status: PackageStatus,
    /// Addresses, where the answer held some.
    pub links: Links,
    /// Entries of the answer that could not be read as a release, with the reason; `explain` shows them.
    pub unreadable: Vec<(Box<str>, Box<str>)>,
    /// How the branch moved, for `strategy: commits`; then there are no releases.
    pub commits: Option<CommitRange>,
    /// Who owns the source repository, as host and first part of the path in small letters: `github.com/acme`. `None` where
    /// nothing told.
    pub owner: Option<Box<str>>,
}

impl Default for ReleaseSet {
    fn default() -> Self {
        Self {
            releases: Vec::new(),
            dist_tags: BTreeMap::new(),
            status: PackageStatus::Active,
            links: Links::default(),
            unreadable: Vec::new(),
            commits: None,
            owner: None,
        }
    }
}

impl ReleaseSet {
    /// How many bytes of memory it takes, roughly.
    pub fn held(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let releases = self.releases.iter().map(|release| {
            size_of::<Release>() + release.version.len() + length(&release.yanked) + length(&release.deprecated)
        });
        let tags = self.dist_tags.iter();
        let pairs = tags.chain(self.unreadable.iter().map(|(label, reason)| (label, reason)));
        let pairs = pairs.map(|(one, other)| 2 * size_of::<Box<str>>() + one.len() + other.len());
        releases.sum::<usize>() + pairs.sum::<usize>()
    }

    /// Takes over the publication times that `dated` knows and this set does not, label by label.
    pub fn adopt_dates(&mut self, dated: &Self) {
        let known: foldhash::HashMap<&str, DateTime<Utc>> =
            dated.releases.iter().filter_map(|release| Some((&*release.version, release.published_at?))).collect();
        for release in self.releases.iter_mut().filter(|release| release.published_at.is_none()) {
            release.published_at = known.get(&*release.version).copied();
        }
    }
}

/// Reads a publication time as registries write it: RFC 3339 with any offset and up to nine fraction digits, or the same
/// without an offset, which means UTC.
///
/// Nothing was published before the first of these registries, so dates up to 1970 are placeholders for "unknown"
/// (reproducible builds, unset columns) and read as `None`, and so does text that is no time at all.
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let usual = usual_time(text).map(|time| time.and_utc());
    let zoned = || DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let naive = || NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f");
    let time = usual.map_or_else(|| zoned().or_else(|_| naive().map(|time| time.and_utc())).ok(), Some)?;
    (time.year() > 1970).then_some(time)
}

/// Reads the form that nearly all times have, `2024-08-30T10:00:00Z` with or without a fraction, several times as fast as
/// a parser of every form; `None` for any other, which may be a time nevertheless.
fn usual_time(text: &str) -> Option<NaiveDateTime> {
    let (time, fraction) = text.strip_suffix('Z')?.as_bytes().split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *time else {
        return None;
    };
    let year = number([y1, y2])? * 100 + number([y3, y4])?;
    let date = NaiveDate::from_ymd_opt(year.cast_signed(), number([o1, o2])?, number([d1, d2])?)?;
    date.and_hms_nano_opt(number([h1, h2])?, number([m1, m2])?, number([s1, s2])?, nanoseconds(fraction)?)
}

fn number(digits: [u8; 2]) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    Some(digit(digits[0])? * 10 + digit(digits[1])?)
}

/// Reads a point and up to nine digits, or nothing.
fn nanoseconds(fraction: &[u8]) -> Option<u32> {
    let Some((b'.', digits @ [_, ..])) = fraction.split_first() else {
        return fraction.is_empty().then_some(0);
    };
    let fits = digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    fits.then(|| padded.fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_registries_write_them() {
        let rows = [
            ("2015-07-08T01:11:24Z", Some("2015-07-08T01:11:24Z")),
            ("2024-08-30T10:00:00+00:00", Some("2024-08-30T10:00:00Z")),
            ("2024-08-30T12:00:00+02:00", Some("2024-08-30T10:00:00Z")),
            ("2024-08-30T10:00:00.123456789Z", Some("2024-08-30T10:00:00.123456789Z")),
            ("2024-08-30T10:00:00.1", Some("2024-08-30T10:00:00.100Z")),
            ("2024-08-30T10:00:00", Some("2024-08-30T10:00:00Z")),
            ("2024-08-30 10:00:00", Some("2024-08-30T10:00:00Z")),
            ("1970-01-01T00:00:00Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("1900-01-01T00:00:00+00:00", None),
            ("2024-08-30", None),
            ("2024-13-30T10:00:00Z", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|time| time.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_every_form_is(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,9})?Z?",
        ) {
            let expected = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.to_utc());
            let usual = usual_time(&text).map(|time| time.and_utc());
            // a leap second is left to the parser of every form
            prop_assert!(usual == expected || (usual.is_none() && text.get(17..19) == Some("60")), "{text}: {usual:?}");
        }
    }
}
