//! A release segment: a number of any length.

use std::cmp::Ordering;
use std::fmt;

/// A non-negative whole number. Registries hold segments beyond 64 bits (timestamps glued to counters), and those order
/// by value too, so such a number keeps its digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(Repr);

/// Derived order is right: every `Small` is below every `Big`, since `Big` holds only what does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    Small(u64),
    Big(Digits),
}

/// Decimal digits without leading zeros, longer ones being larger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Digits(Box<str>);

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl Number {
    /// Nought, which is also what a missing segment counts as.
    pub const ZERO: Self = Self(Repr::Small(0));

    /// Reads ASCII digits, leading zeros allowed; `None` for an empty text or any other character.
    pub fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self::of_digits(digits))
    }

    fn of_digits(digits: &str) -> Self {
        match digits.parse() {
            Ok(small) => Self(Repr::Small(small)),
            Err(_) => Self(Repr::Big(Digits(digits.trim_start_matches('0').into()))),
        }
    }

    /// The next number.
    #[must_use]
    pub fn successor(&self) -> Self {
        match &self.0 {
            Repr::Small(small) => match small.checked_add(1) {
                Some(next) => Self(Repr::Small(next)),
                None => Self::of_digits(&increment(&small.to_string())),
            },
            Repr::Big(Digits(digits)) => Self::of_digits(&increment(digits)),
        }
    }

    /// The value, if it fits into 64 bits.
    pub const fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Small(small) => Some(small),
            Repr::Big(_) => None,
        }
    }
}

/// Up to four numbers, all below 10^15, so that every kind of number holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain {
    numbers: [u64; 4],
    length: usize,
}

impl Plain {
    /// Reads a label that is nothing but numbers between single dots, none with a leading zero. Nearly all labels are, and
    /// every scheme means the same by them, so they are read in one go; any other is `None` and has to be read in full.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const DIGITS: usize = 15;
        let (mut numbers, mut length, mut digits) = ([0; 4], 0, 0);
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' if digits < DIGITS && (digits == 0 || numbers[length] != 0) => {
                    numbers[length] = numbers[length] * 10 + u64::from(byte - b'0');
                    digits += 1;
                }
                b'.' if digits > 0 && length < numbers.len() - 1 => (length, digits) = (length + 1, 0),
                _ => return None,
            }
        }
        (digits > 0).then_some(Self { numbers, length: length + 1 })
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        &self.numbers[..self.length]
    }

    pub(super) fn to_numbers(self) -> impl Iterator<Item = Number> {
        self.numbers.into_iter().take(self.length).map(Number::from)
    }
}

/// Adds one to a decimal number: the nines at the end turn to zeros, the digit before them goes up.
fn increment(digits: &str) -> String {
    let head = digits.trim_end_matches('9');
    let zeros = "0".repeat(digits.len() - head.len());
    match head.as_bytes().split_last() {
        None => format!("1{zeros}"),
        Some((last, _)) => format!("{}{}{zeros}", &head[..head.len() - 1], char::from(last + 1)),
    }
}

impl From<u64> for Number {
    fn from(small: u64) -> Self {
        Self(Repr::Small(small))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(small) => fmt::Display::fmt(small, formatter),
            Repr::Big(Digits(digits)) => formatter.pad(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_order_by_value() {
        let ascending = [
            "0",
            "9",
            "10",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000",
        ];
        for pair in ascending.windows(2) {
            assert!(Number::parse(pair[0]) < Number::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(Number::parse("007"), Number::parse("7"));
        assert_eq!(Number::parse("000018446744073709551616"), Number::parse("18446744073709551616"));
        assert_eq!(Number::parse(""), None);
        assert_eq!(Number::parse("1a"), None);
    }

    #[test]
    fn plain_labels_are_numbers_between_dots_and_nothing_else() {
        for (text, expected) in [
            ("0", Some(&[0][..])),
            ("1.20.3", Some(&[1, 20, 3])),
            ("1.0.0.4", Some(&[1, 0, 0, 4])),
            ("999999999999999", Some(&[999_999_999_999_999])),
            ("1000000000000000", None),
            ("1.2.3.4.5", None),
            ("1.02", None),
            ("00", None),
            ("", None),
            (".1", None),
            ("1.", None),
            ("1..2", None),
            ("1.2-3", None),
            (" 1", None),
            ("v1", None),
            ("1.\u{662}", None),
        ] {
            assert_eq!(Plain::parse(text).as_ref().map(Plain::as_slice), expected, "{text}");
        }
    }

    #[test]
    fn the_next_number_carries_as_far_as_it_must() {
        let table = [
            ("0", "1"),
            ("18446744073709551615", "18446744073709551616"),
            ("99999999999999999999", "100000000000000000000"),
            ("20000000000000000199", "20000000000000000200"),
        ];
        for (number, next) in table {
            assert_eq!(Number::parse(number).unwrap().successor(), Number::parse(next).unwrap(), "{number}");
        }
    }
}
