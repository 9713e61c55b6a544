//! Publication times as registries and the managers in front of them write them.
//!
//! A time that cannot be read is unknown, never a guess and never the ruin of the answer around it: a release without a
//! date is still a release.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Reads an RFC 3339 time with any number of fraction digits; without a zone it is UTC, as `PyPI` means its
/// `upload_time`. `None` for anything else, and for the years that stand for "unknown" (1970 and before).
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let zoned = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let bare = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|time| time.and_utc());
    zoned().or_else(bare).filter(|time| time.year() > 1970)
}

/// A JSON member that should be a time: `None` for null, another type, or a text that is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Instant(pub(super) Option<DateTime<Utc>>);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Text(#[serde(borrow)] Cow<'a, str>),
            Other(IgnoredAny),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) => Self(instant(&text)),
            Written::Other(_) => Self(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_registries_write_is_read_and_nothing_else() {
        let table = [
            ("2024-08-30T10:00:00Z", Some("2024-08-30T10:00:00+00:00")),
            ("2024-08-30T10:00:00.123Z", Some("2024-08-30T10:00:00.123+00:00")),
            ("2024-08-30T10:00:00.123456+00:00", Some("2024-08-30T10:00:00.123456+00:00")),
            ("2024-08-30T10:00:00.123456789Z", Some("2024-08-30T10:00:00.123456789+00:00")),
            ("2024-08-30T12:00:00+02:00", Some("2024-08-30T10:00:00+00:00")),
            ("2012-05-01T13:22:11", Some("2012-05-01T13:22:11+00:00")),
            ("2012-05-01T13:22:11.5", Some("2012-05-01T13:22:11.500+00:00")),
            ("1970-01-01T00:00:00Z", None),
            ("1900-01-01T00:00:00Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("2024-02-30T10:00:00Z", None),
            ("2024-08-30", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(instant(text).map(|time| time.to_rfc3339()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_member_of_another_type_is_an_unknown_time() {
        for json in ["null", "1", "{\"time\": []}", "\"yesterday\"", "false"] {
            assert_eq!(serde_json::from_str::<Instant>(json).unwrap(), Instant(None), "{json}");
        }
        let read: Instant = serde_json::from_str("\"2020-01-01T00:00:0\\u0030Z\"").unwrap();
        assert_eq!(read, Instant(instant("2020-01-01T00:00:00Z")));
    }
}
