//! Calendar versions, in the formats of [calver.org](https://calver.org/): a date, then perhaps a counter, then perhaps
//! a modifier.
//!
//! Read are `2024.10.3`, `24.04.1` (two digits are a year from 2000), `2024.1`, `2024`, `2024-01-15`, `20240115`,
//! `202401`, `20240115093000`, `2024-01-15T09-30-00Z`, each with further numbers (`2024.10.3-1`) and with a letter or a
//! word (`2024a`, `2024.10-rc1`). What cannot be a date is refused, so that a project's old `1.2.3` never stands beside
//! its `2024.1`. Weeks are not read: a second number above 12 is no month.
//!
//! In the dotted form the third number may be a day or a counter; both order alike, so nobody has to know.

use std::cmp::Ordering;

use chrono::NaiveDate;

use super::comparators::{self, Comparators};
use super::words::{self, Cut, Meaning};
use super::{Number, Scheme, Segments};

/// The scheme.
#[derive(Debug)]
pub(super) struct Calver;

/// Year, month, day or counter, counters; then the modifier.
#[derive(Debug, Clone)]
pub(super) struct CalverVersion {
    segments: Segments,
    /// What follows the numbers, behind a nought, so that libversion can order it: `0-rc1` < `0` < `0a`.
    modifier: Box<str>,
    is_prerelease: bool,
}

impl Scheme for Calver {
    type Version = CalverVersion;
    type Requirement = Comparators<CalverVersion>;

    fn parse(text: &str) -> Result<CalverVersion, String> {
        let cut = words::cut(text).filter(|cut| cut.before.is_empty()).ok_or("it does not start with a year")?;
        let mut numbers = date(&cut)?;
        let rest = counters(time(cut.rest, &mut numbers), &mut numbers);
        if let Some(strange) = rest.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-+~".contains(*c)) {
            return Err(format!("`{}` does not belong in it", strange.escape_debug()));
        }
        let modifier = words::without_last_word(rest, |word| word.meaning() == Meaning::Final);
        Ok(CalverVersion {
            segments: Segments::new(numbers),
            modifier: format!("0{modifier}").into(),
            is_prerelease: words::is_prerelease(modifier),
        })
    }

    fn compare(a: &CalverVersion, b: &CalverVersion) -> Ordering {
        let longest = a.segments.numbers.len().max(b.segments.numbers.len());
        (0..longest)
            .map(|index| a.segments.get(index).cmp(b.segments.get(index)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| libversion::version_compare2(&a.modifier, &b.modifier))
    }

    fn is_prerelease(version: &CalverVersion) -> bool {
        version.is_prerelease
    }

    fn segments(version: &CalverVersion) -> Segments {
        version.segments.clone()
    }

    fn parse_requirement(text: &str) -> Result<Comparators<CalverVersion>, String> {
        comparators::parse::<Self>(text)
    }

    fn accepts(requirement: &Comparators<CalverVersion>, version: &CalverVersion) -> bool {
        comparators::accept::<Self>(requirement, version)
    }
}

/// Year, month and what follows, from the numbers at the start.
fn date(cut: &Cut<'_>) -> Result<Vec<Number>, String> {
    let mut texts = cut.numbers.split(['.', '_', '-']);
    let first = texts.next().unwrap_or_default();
    let mut numbers = match first.len() {
        2 => vec![Number::from(2000 + value(first)?)],
        4 => vec![Number::from(year(first)?)],
        6 | 8 | 12 | 14 => compact(first)?,
        _ => return Err(format!("`{first}` is not a year")),
    };
    numbers.extend(texts.filter_map(Number::parse));
    match numbers.as_slice() {
        [_] if first.len() == 2 => return Err(format!("`{first}` alone is not a date")),
        [_, month, ..] if !is_month(month) => return Err(format!("`{month}` is not a month")),
        [year, month, day, ..] if cut.numbers.contains('-') => check_day(year, month, day)?,
        _ => {}
    }
    Ok(numbers)
}

fn value(digits: &str) -> Result<u64, String> {
    digits.parse().map_err(|_| format!("`{digits}` is not a number"))
}

/// A year in which somebody may have published software.
fn year(digits: &str) -> Result<u64, String> {
    value(digits).ok().filter(|year| (1970..2200).contains(year)).ok_or_else(|| format!("`{digits}` is not a year"))
}

fn is_month(number: &Number) -> bool {
    number.as_u64().is_some_and(|month| (1..=12).contains(&month))
}

fn check_day(year: &Number, month: &Number, day: &Number) -> Result<(), String> {
    let part = |number: &Number| number.as_u64().and_then(|value| u32::try_from(value).ok());
    let years = part(year).and_then(|value| i32::try_from(value).ok());
    years
        .zip(part(month))
        .zip(part(day))
        .and_then(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day))
        .map(|_| ())
        .ok_or_else(|| format!("`{day}` is not a day of {year}-{month}"))
}

/// `202401`, `20240115`, `202401150930`, `20240115093000`: the year, then pairs.
fn compact(digits: &str) -> Result<Vec<Number>, String> {
    let (first, pairs) = digits.split_at(4);
    let mut numbers = vec![Number::from(year(first)?)];
    for start in (0..pairs.len()).step_by(2) {
        numbers.push(Number::from(value(&pairs[start..start + 2])?));
    }
    if let [year, month, day, ..] = numbers.as_slice() {
        check_day(year, month, day)?;
    }
    Ok(numbers)
}

/// Takes a time of day off the rest: `T16-36-33Z`.
fn time<'text>(rest: &'text str, numbers: &mut Vec<Number>) -> &'text str {
    let clock = rest.strip_prefix(['T', 't']).and_then(words::cut).filter(|cut| cut.before.is_empty());
    let Some(clock) = clock else { return rest };
    numbers.extend(clock.numbers());
    clock.rest.strip_prefix(['Z', 'z']).unwrap_or(clock.rest)
}

/// Takes counters off the rest: the `-1` of `2024.10.3-1`.
fn counters<'text>(mut rest: &'text str, numbers: &mut Vec<Number>) -> &'text str {
    while let Some(tail) = rest.strip_prefix(['-', '.', '_', '+']) {
        let Some(counter) = Number::parse(&tail[..words::digits(tail)]) else { break };
        numbers.push(counter);
        rest = &tail[words::digits(tail)..];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::{SchemeId, Step};

    fn version(text: &str) -> crate::version::Version {
        SchemeId::Calver.parse(text).unwrap()
    }

    #[test]
    fn versions_order_by_date_then_counter_then_modifier() {
        let ascending = [
            "2006.06",
            "12.04",
            "2023-12-31",
            "2024a",
            "2024b",
            "2024.1-rc1",
            "2024.1",
            "20240115",
            "2024.01.15.1",
            "2024-01-15T09-30-00Z",
            "2024.01.16",
            "24.04",
            "24.04.1",
            "2024.10.3-beta.1",
            "2024.10.3-rc1",
            "2024.10.3",
            "2024.10.3-1",
            "2024.10.3-2",
            "2024.10.10",
            "202411",
            "20241231235959",
            "2025.1.0.dev1",
            "2025.1.0",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(version(a).precedence(&version(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in [("2024-01-15", "20240115"), ("24.04", "2024.4"), ("2024.1", "2024.01.0"), ("22.04-LTS", "22.04")]
        {
            assert_eq!(version(a).precedence(&version(b)), Ordering::Equal, "{a} and {b}");
        }
    }

    #[test]
    fn what_cannot_be_a_date_is_refused() {
        for label in [
            "",
            "latest",
            "v2024.1",
            "1.2.3",
            "3",
            "24",
            "124.1",
            "1969.1",
            "2300.1",
            "2024.13",
            "2024.0",
            "24.17.1",
            "20241301",
            "20240230",
            "2024-02-30",
            "2024-13-01",
            "12345",
            "1234567",
            "123456789",
            "2024.1/2",
            "2024.1 b",
            "9999999999999999999999",
        ] {
            assert!(SchemeId::Calver.parse(label).is_err(), "{label:?}");
        }
    }

    #[test]
    fn modifiers_tell_a_prerelease() {
        for (label, is_prerelease) in [
            ("2024.10", false),
            ("2024a", false),
            ("2024.10-1", false),
            ("2024.10-lts", false),
            ("2024.10p1", false),
            ("2024.10-rc1", true),
            ("2024.10b2", true),
            ("2024.10.dev0", true),
            ("2024.10-nightly", true),
        ] {
            assert_eq!(version(label).is_prerelease(), is_prerelease, "{label}");
        }
    }

    #[test]
    fn the_step_is_year_month_or_less() {
        for (older, newer, step) in [
            ("2023.12", "2024.1", Step::Major),
            ("24.04", "24.10", Step::Minor),
            ("24.04.1", "24.04.2", Step::Patch),
            ("2024.10.3", "2024.10.3-1", Step::Patch),
            ("2024a", "2024b", Step::Patch),
            ("2024.10-rc1", "2024.10", Step::Prerelease),
        ] {
            assert_eq!(version(older).step_to(&version(newer)), step, "{older} to {newer}");
        }
    }

    #[test]
    fn comparators_read_dates() {
        let requirement = SchemeId::Calver.requirement(">=24.04, <2025").unwrap();
        assert!(requirement.accepts(&version("2024.04")) && requirement.accepts(&version("20241231")));
        assert!(!requirement.accepts(&version("2024.03")) && !requirement.accepts(&version("2025")));
        assert!(SchemeId::Calver.requirement("2024.*").unwrap().accepts(&version("2024.10.1")));
        for text in [">=1.2", "2024.1", "1.*", "24.*", "^2024"] {
            assert!(SchemeId::Calver.requirement(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,16}|(19|20)?[0-9]{2}[._-][0-9]{1,3}[0-9a-zA-Z._+~-]{0,8}") {
            if let Ok(version) = SchemeId::Calver.parse(&text) {
                let segments = version.segments();
                proptest::prop_assert!((1970..2200).contains(&segments.get(0).as_u64().unwrap()));
                proptest::prop_assert!(segments.get(1).as_u64().unwrap() <= 12);
            }
        }
    }
}
