//! Publication times as members of JSON documents.
//!
//! A time that cannot be read is unknown, never a guess and never the ruin of the answer around it: a release without a
//! date is still a release.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use super::loose::Loose;
use crate::http::Malformed;
use crate::http::splitter::Part;
use crate::release::parse_time;

/// A JSON member that should be a time: `None` for null, another type, or a text that is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Instant(pub(super) Option<DateTime<Utc>>);

impl Instant {
    /// Reads a member.
    ///
    /// # Errors
    /// When it is not JSON.
    pub(super) fn of<T>(part: &Part<'_, T>) -> Result<Self, Malformed> {
        Ok(Self::from(Loose::of(part)?))
    }
}

impl From<Loose<'_>> for Instant {
    fn from(told: Loose<'_>) -> Self {
        match told {
            Loose::Text(text) => Self(parse_time(&text)),
            _ => Self(None),
        }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_another_type_is_an_unknown_time() {
        for json in ["null", "1", "{\"time\": []}", "\"yesterday\"", "false"] {
            assert_eq!(serde_json::from_str::<Instant>(json).unwrap(), Instant(None), "{json}");
        }
        let read: Instant = serde_json::from_str("\"2020-01-01T00:00:0\\u0030Z\"").unwrap();
        assert_eq!(read, Instant(parse_time("2020-01-01T00:00:00Z")));
    }
}
