//! JSON members that registries write in several types: a reason, or true or false, or nothing at all.
//!
//! Read by hand, since serde's untagged enums first copy the member into a tree of values: on answers that list thousands
//! of files that cost more than everything else that is read of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::http::Malformed;
use crate::http::splitter::Part;

/// A member of whatever type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Loose<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// True or false.
    Flag(bool),
    /// Null, or no member.
    #[default]
    Nothing,
    /// A number, a list or an object, of which nothing is kept.
    Other,
}

impl<'a> Loose<'a> {
    /// Reads a member. The commonest ones are recognised without a parser, since there are thousands of them.
    ///
    /// # Errors
    /// When it is not JSON.
    pub(super) fn of<T>(part: &Part<'a, T>) -> Result<Self, Malformed> {
        match part.json {
            b"false" => Ok(Self::Flag(false)),
            b"true" => Ok(Self::Flag(true)),
            b"null" => Ok(Self::Nothing),
            _ => part.plain().map_or_else(|| part.read(), |text| Ok(Self::Text(text.into()))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Loose<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(text.to_owned().into()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Loose::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(list).map(|_| Loose::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(object).map(|_| Loose::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_json_is_told_apart() {
        for (json, expected) in [
            ("\"a\"", Loose::Text("a".into())),
            ("\"\\u0061\"", Loose::Text("a".into())),
            ("\"\"", Loose::Text("".into())),
            ("true", Loose::Flag(true)),
            ("false", Loose::Flag(false)),
            ("null", Loose::Nothing),
            ("1", Loose::Other),
            ("-1", Loose::Other),
            ("1.5", Loose::Other),
            ("[1, {\"a\": []}]", Loose::Other),
            ("{\"a\": [null]}", Loose::Other),
        ] {
            assert_eq!(serde_json::from_str::<Loose<'_>>(json).unwrap(), expected, "{json}");
            assert_eq!(Loose::of(&Part { name: (), key: "", json: json.as_bytes() }).unwrap(), expected, "{json}");
        }
        assert!(serde_json::from_str::<Loose<'_>>("[1,").is_err());
        assert!(Loose::of(&Part { name: (), key: "", json: b"falsy" }).is_err());
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let read = serde_json::from_str("\"a\"").unwrap();
        assert!(matches!(read, Loose::Text(Cow::Borrowed("a"))));
    }
}
