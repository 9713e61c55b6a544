//! Versions as [`Gem::Version`] reads them. [`requirement`] reads requirements.
//!
//! Own code, since numbers of any length are numbers here (date stamps such as `20240101123456` are common) and the
//! port that exists stops at 32 bits.
//!
//! [`Gem::Version`]: https://github.com/rubygems/rubygems/blob/master/lib/rubygems/version.rb

mod requirement;

use std::cmp::Ordering;

use super::number::Plain;
use super::{Number, Scheme, Segments};
use requirement::Clause;

/// RubyGems' scheme: any letter makes a prerelease, zeros at the end mean nothing.
#[derive(Debug)]
pub(super) struct Gem;

/// The label cut into numbers and runs of letters.
#[derive(Debug, Clone)]
pub(super) struct GemVersion {
    /// All segments, without zeros at the end of what follows the release.
    segments: Vec<Segment>,
    /// How many of them come before the first letter: the release, as written.
    numbers: usize,
}

/// Letters sort below numbers, which is what puts `1.0.a` below `1.0`, whose missing segment counts as 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Letters(Box<str>),
    Number(Number),
}

impl Segment {
    const ZERO: &Self = &Self::Number(Number::ZERO);

    const fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Letters(_) => None,
        }
    }
}

impl GemVersion {
    /// Reads a label that matches RubyGems' pattern; blank counts as `0`, and `-` as `.pre.`.
    fn parse(text: &str) -> Option<Self> {
        if let Some(plain) = Plain::parse(text) {
            let segments: Vec<Segment> = plain.to_numbers().map(Segment::Number).collect();
            return Some(Self { numbers: segments.len(), segments });
        }
        Self::parse_any(text)
    }

    fn parse_any(text: &str) -> Option<Self> {
        let label = match text.trim_matches(is_space) {
            "" => "0",
            label => label,
        };
        let (release, tail) = match label.split_once('-') {
            Some((release, tail)) => (release, Some(tail)),
            None => (label, None),
        };
        let major = release.split('.').next()?;
        let is_label = major.bytes().all(|byte| byte.is_ascii_digit())
            && is_dotted(release, false)
            && tail.is_none_or(|tail| is_dotted(tail, true));
        is_label.then(|| Self::split(release, tail))
    }

    fn split(release: &str, tail: Option<&str>) -> Self {
        let numeric = release.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(release.len());
        let (numbers, letters) = release.split_at(numeric);
        let mut segments: Vec<Segment> = numbers.split('.').filter_map(Number::parse).map(Segment::Number).collect();
        let numbers = segments.len();
        push_segments(&mut segments, letters);
        for part in tail.into_iter().flat_map(|tail| tail.split('-')) {
            segments.push(Segment::Letters("pre".into()));
            push_segments(&mut segments, part);
        }
        let kept = numbers + significant(&segments[numbers..]).len();
        segments.truncate(kept);
        Self { segments, numbers }
    }

    /// The numbers before the first letter.
    fn release(&self) -> impl Iterator<Item = &Number> {
        self.segments[..self.numbers].iter().filter_map(Segment::as_number)
    }

    /// The segments that count: zeros at the end of the release, and of what follows it, do not.
    fn canonical(&self) -> impl Iterator<Item = &Segment> {
        let (release, prerelease) = self.segments.split_at(self.numbers);
        significant(release).iter().chain(prerelease)
    }

    /// The first release that `~>` no longer accepts: without the last number, and one more in the one before.
    fn bump(&self) -> Vec<Number> {
        let kept = self.numbers.saturating_sub(1).max(1);
        let mut bumped: Vec<Number> = self.release().take(kept).cloned().collect();
        if let Some(last) = bumped.last_mut() {
            *last = last.successor();
        }
        bumped
    }
}

/// Without the zeros at the end.
fn significant(segments: &[Segment]) -> &[Segment] {
    let length = segments.iter().rposition(|segment| segment != Segment::ZERO).map_or(0, |last| last + 1);
    &segments[..length]
}

/// Ruby's `\s`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

/// Letters and digits between single dots.
fn is_dotted(text: &str, hyphens: bool) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || (hyphens && byte == b'-');
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_part))
}

/// Cuts text into runs of digits and runs of letters; whatever else it holds only separates.
fn push_segments(segments: &mut Vec<Segment>, mut text: &str) {
    while let Some(first) = text.bytes().next() {
        let is_digit = first.is_ascii_digit();
        let belongs = |byte: u8| if is_digit { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
        let length = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
        let (run, rest) = text.split_at(length.max(1));
        match Number::parse(run) {
            Some(number) => segments.push(Segment::Number(number)),
            None if length > 0 => segments.push(Segment::Letters(run.into())),
            None => {}
        }
        text = rest;
    }
}

/// Compares lists of which the shorter goes on with zeros.
fn compare_padded<T: Ord + Copy>(a: impl Iterator<Item = T>, b: impl Iterator<Item = T>, zero: T) -> Ordering {
    let (mut a, mut b) = (a.fuse(), b.fuse());
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => a.unwrap_or(zero).cmp(&b.unwrap_or(zero)),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl Scheme for Gem {
    type Version = GemVersion;
    type Requirement = Vec<Clause>;

    fn parse(text: &str) -> Result<Self::Version, String> {
        GemVersion::parse(text).ok_or_else(|| "expected a number, then letters and digits between dots".to_owned())
    }

    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering {
        compare_padded(a.canonical(), b.canonical(), Segment::ZERO)
    }

    fn is_prerelease(version: &Self::Version) -> bool {
        version.segments.len() > version.numbers
    }

    fn segments(version: &Self::Version) -> Segments {
        Segments::new(version.release().cloned())
    }

    /// Clauses between commas, as Bundler and gemspecs print them: `>= 1.2, < 2`.
    fn parse_requirement(text: &str) -> Result<Self::Requirement, String> {
        text.split(',').map(Clause::parse).collect()
    }

    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.iter().all(|clause| clause.accepts(version))
    }

    fn all_of(requirements: &[&str]) -> Option<String> {
        Some(requirements.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::{Gem, GemVersion};
    use crate::version::{Number, Scheme, SchemeId};

    #[test]
    fn labels_order_as_rubygems_orders_them() {
        let ascending = [
            &["0.a"][..],
            &["", "0", " 0.0\n"],
            &["1.0.A"],
            &["1.0.a", "1.a", "1.0.0.a.0"],
            &["1.0.a9", "1.a.9"],
            &["1.0.a10"],
            &["1.0.b", "1.0b"],
            &["1.0.post1"],
            &["1.0-1", "1.0.pre.1"],
            &["1", "1.0", "1.0.0"],
            &["1.0.1"],
            &["3.2016.221", "3.2016.0221"],
            &["3.20240101123456"],
            &["3.99999999999999999999"],
        ];
        let versions: Vec<(usize, _)> = ascending
            .iter()
            .enumerate()
            .flat_map(|(rank, labels)| labels.iter().map(move |text| (rank, SchemeId::Gem.parse(text).unwrap())))
            .collect();
        for (rank_a, a) in &versions {
            for (rank_b, b) in &versions {
                assert_eq!(a.precedence(b), rank_a.cmp(rank_b), "`{a}` and `{b}`");
            }
        }
    }

    #[test]
    fn what_rubygems_refuses_is_refused() {
        for text in ["junk", "1..2", "1.", ".1", "v1.0", "1_0", "1.0+1", "1.0\n2.0", "1.0-", "1.0-a..b", "a1", "1b"] {
            assert!(SchemeId::Gem.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn segments_end_at_the_first_letter() {
        let version = SchemeId::Gem.parse("1.20b3.4").unwrap();
        assert_eq!(version.segments().numbers, [Number::from(1), Number::from(20)]);
        assert!(version.is_prerelease());
    }

    #[test]
    fn equal_spellings_are_told_apart_only_by_their_text() {
        let [short, long] = ["1.0", "1.0.0"].map(|text| SchemeId::Gem.parse(text).unwrap());
        assert_eq!(short.precedence(&long), Ordering::Equal);
        assert_eq!(short.total_order(&long), Ordering::Less);
    }

    proptest! {
        #[test]
        fn a_plain_label_is_read_as_any_other(a in "[0-9]{1,17}(\\.[0-9]{1,17}){0,5}", b in "[0-9]{1,3}(\\.[0-9]{1,3}){0,5}") {
            let version = |text: &str| (GemVersion::parse(text).unwrap(), GemVersion::parse_any(text).unwrap());
            let ((a, a_in_full), (b, b_in_full)) = (version(&a), version(&b));
            prop_assert_eq!((&a.segments, a.numbers), (&a_in_full.segments, a_in_full.numbers));
            prop_assert_eq!(Gem::compare(&a, &b), Gem::compare(&a_in_full, &b_in_full));
        }
    }
}
