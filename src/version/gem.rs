//! Versions and requirements as RubyGems reads them: [`Gem::Version`] and [`Gem::Requirement`].
//!
//! Own code, since numbers of any length are numbers here (date stamps such as `20240101123456` are common) and the
//! ports that exist stop at 32 bits.
//!
//! [`Gem::Version`]: https://github.com/rubygems/rubygems/blob/master/lib/rubygems/version.rb
//! [`Gem::Requirement`]: https://github.com/rubygems/rubygems/blob/master/lib/rubygems/requirement.rb

use std::cmp::Ordering;

use super::{Number, Scheme, Segments};

/// RubyGems' scheme: any letter makes a prerelease, zeros at the end mean nothing.
#[derive(Debug)]
pub(super) struct Gem;

/// The label cut into numbers and letters at the first letter.
#[derive(Debug, Clone)]
pub(super) struct GemVersion {
    /// The numbers before the first letter, as written; at least one.
    release: Vec<Number>,
    /// From the first letter on, without zeros at the end; empty for a release.
    prerelease: Box<[Segment]>,
}

/// Letters sort below numbers, which is what puts `1.0.a` below `1.0`, whose missing segment counts as 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Letters(Box<str>),
    Number(Number),
}

const ZERO: Segment = Segment::Number(Number::ZERO);

impl GemVersion {
    /// Reads a label that matches RubyGems' pattern; blank counts as `0`, and `-` as `.pre.`.
    fn parse(text: &str) -> Option<Self> {
        let label = text.trim_matches(is_space);
        if label.is_empty() {
            return Some(Self { release: vec![Number::ZERO], prerelease: Box::default() });
        }
        let (release, tail) = match label.split_once('-') {
            Some((release, tail)) => (release, Some(tail)),
            None => (label, None),
        };
        if !is_dotted(release, false) || !tail.is_none_or(|tail| is_dotted(tail, true)) {
            return None;
        }
        let major = release.split('.').next()?;
        major.bytes().all(|byte| byte.is_ascii_digit()).then(|| Self::split(release, tail))
    }

    fn split(release: &str, tail: Option<&str>) -> Self {
        let numeric = release.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(release.len());
        let (numbers, letters) = release.split_at(numeric);
        let mut prerelease = Vec::new();
        push_segments(&mut prerelease, letters);
        for part in tail.into_iter().flat_map(|tail| tail.split('-')) {
            prerelease.push(Segment::Letters("pre".into()));
            push_segments(&mut prerelease, part);
        }
        let significant = significant(&prerelease, &ZERO).len();
        prerelease.truncate(significant);
        Self { release: numbers.split('.').filter_map(Number::parse).collect(), prerelease: prerelease.into() }
    }

    /// The segments that count: zeros at the end of the numbers, and of the whole, do not.
    fn canonical(&self) -> impl Iterator<Item = SegmentRef<'_>> {
        let numbers = significant(&self.release, &Number::ZERO).iter().map(SegmentRef::Number);
        numbers.chain(self.prerelease.iter().map(|segment| match segment {
            Segment::Letters(letters) => SegmentRef::Letters(letters),
            Segment::Number(number) => SegmentRef::Number(number),
        }))
    }

    /// The first release that `~>` no longer accepts: the last segment but one, plus one.
    fn bump(&self) -> Vec<Number> {
        let kept = self.release.len().saturating_sub(1).max(1);
        let mut bumped = self.release[..kept].to_vec();
        if let Some(last) = bumped.last_mut() {
            *last = last.successor();
        }
        bumped
    }
}

/// A [`Segment`] that borrows, in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SegmentRef<'version> {
    Letters(&'version str),
    Number(&'version Number),
}

/// Without the zeros at the end.
fn significant<'list, T: PartialEq>(list: &'list [T], zero: &T) -> &'list [T] {
    let length = list.iter().rposition(|item| item != zero).map_or(0, |last| last + 1);
    &list[..length]
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

/// One operator with its version, all of which must hold.
#[derive(Debug, Clone)]
pub(super) struct Clause {
    operator: Operator,
    version: GemVersion,
}

#[derive(Debug, Clone)]
enum Operator {
    /// One of the six that a comparison answers, as the answers that satisfy it.
    Compare(&'static [Ordering]),
    /// `~>`, with the first release that it no longer accepts.
    Pessimistic(Vec<Number>),
}

/// Longer operators first, so that none is taken for its own beginning.
const COMPARISONS: &[(&str, &[Ordering])] = &[
    ("!=", &[Ordering::Less, Ordering::Greater]),
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("<=", &[Ordering::Less, Ordering::Equal]),
    ("=", &[Ordering::Equal]),
    (">", &[Ordering::Greater]),
    ("<", &[Ordering::Less]),
];

impl Clause {
    fn parse(text: &str) -> Result<Self, String> {
        let clause = text.trim_matches(is_space);
        let version = |rest: &str| {
            let blank = rest.trim_matches(is_space).is_empty();
            GemVersion::parse(rest)
                .filter(|_| !blank)
                .ok_or_else(|| format!("`{clause}` is no operator with a version"))
        };
        if let Some(rest) = clause.strip_prefix("~>") {
            let version = version(rest)?;
            return Ok(Self { operator: Operator::Pessimistic(version.bump()), version });
        }
        let (orderings, rest) = COMPARISONS
            .iter()
            .find_map(|(sign, orderings)| Some((*orderings, clause.strip_prefix(sign)?)))
            .unwrap_or((&[Ordering::Equal], clause));
        Ok(Self { operator: Operator::Compare(orderings), version: version(rest)? })
    }

    fn accepts(&self, version: &GemVersion) -> bool {
        let order = Gem::compare(version, &self.version);
        match &self.operator {
            Operator::Compare(orderings) => orderings.contains(&order),
            Operator::Pessimistic(end) => {
                order.is_ge() && compare_padded(version.release.iter(), end.iter(), &Number::ZERO).is_lt()
            }
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
        compare_padded(a.canonical(), b.canonical(), SegmentRef::Number(&Number::ZERO))
    }

    fn is_prerelease(version: &Self::Version) -> bool {
        !version.prerelease.is_empty()
    }

    fn segments(version: &Self::Version) -> Segments {
        Segments::new(version.release.iter().cloned())
    }

    /// Clauses between commas, as Bundler and gemspecs print them: `>= 1.2, < 2`.
    fn parse_requirement(text: &str) -> Result<Self::Requirement, String> {
        text.split(',').map(Clause::parse).collect()
    }

    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.iter().all(|clause| clause.accepts(version))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use crate::version::{Number, SchemeId};

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
        for text in ["", ">=", "> = 1", "== 1", "=> 1", "~ 1", "^1", "1 2", ">= 1,", "1.x*"] {
            assert!(SchemeId::Gem.requirement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn segments_end_at_the_first_letter() {
        let version = SchemeId::Gem.parse("1.20b3.4").unwrap();
        assert_eq!(version.segments().numbers, [Number::from(1), Number::from(20)]);
        assert!(version.is_prerelease());
    }

    #[test]
    fn requirements_accept_what_rubygems_accepts() {
        let table = [
            ("1.0", "1.0.0", true),
            ("= 1.0", "1.0.1", false),
            ("!= 1.0", "1.0.0", false),
            (">1.0", "1.0.1", true),
            ("<= 1.0", "1.0.a", true),
            (">= 1, < 2", "2.0.a", true),
            (">= 1, < 2", "2.0", false),
            ("~> 1.0", "1.9.9", true),
            ("~> 1.0", "2.0.a", false),
            ("~> 1.0.a", "1.1", true),
            ("~> 1.2.0.a", "1.3", false),
            ("~> 1", "1.9", true),
            ("~> 1", "2", false),
            ("~> 2.99999999999999999999.1", "2.100000000000000000000", false),
        ];
        for (requirement, version, accepted) in table {
            let requirement = SchemeId::Gem.requirement(requirement).unwrap();
            let version = SchemeId::Gem.parse(version).unwrap();
            assert_eq!(requirement.accepts(&version), accepted, "{} over {version}", requirement.as_str());
        }
    }

    #[test]
    fn equal_spellings_are_told_apart_only_by_their_text() {
        let [short, long] = ["1.0", "1.0.0"].map(|text| SchemeId::Gem.parse(text).unwrap());
        assert_eq!(short.precedence(&long), Ordering::Equal);
        assert_eq!(short.total_order(&long), Ordering::Less);
    }
}
