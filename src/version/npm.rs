//! Versions and ranges as npm reads them: node-semver 7 in its strict mode.
//!
//! Own code, since the ports that exist differ where npm packages do publish: stars beside operators, empty sides of
//! `||`, contradictory sets, and numbers near the end of what a JavaScript number holds. [`range`] reads requirements.

mod partial;
mod range;

use std::cmp::Ordering;

use super::number::Plain;
use super::{Number, Scheme, Segments};
use range::Range;

/// [node-semver](https://github.com/npm/node-semver), strict: a leading `v` and surrounding space are all it forgives.
#[derive(Debug)]
pub(super) struct Npm;

/// The largest number that node-semver takes for major, minor and patch: 2^53-1, JavaScript's largest safe integer.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// The longest label in UTF-16 units, white space included.
const MAX_LENGTH: usize = 256;

/// A version without its build metadata's meaning: that only breaks ties.
#[derive(Debug, Clone)]
pub(super) struct NpmVersion {
    core: Core,
    prerelease: Box<[Identifier]>,
    build: Option<Box<str>>,
}

/// Major, minor and patch.
type Core = [u64; 3];

/// Numbers sort below words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    /// Any number. From 2^53 on node-semver compares it as the nearest JavaScript number: see [`Identifier::compare`].
    Number(Number),
    Word(Box<str>),
}

impl Identifier {
    /// Reads a prerelease identifier; `None` for an empty one, another character, or a number with a leading zero.
    fn parse(text: &str) -> Option<Self> {
        if is_number(text) {
            return Number::parse(text).map(Self::Number);
        }
        let is_word = is_identifier(text) && text.bytes().any(|byte| !byte.is_ascii_digit());
        is_word.then(|| Self::Word(text.into()))
    }

    /// node-semver's answer: words by their bytes, numbers as JavaScript numbers.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_as_doubles(a, b),
            _ => self.cmp(other),
        }
    }
}

/// Digits without a leading zero.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// Letters, digits and hyphens.
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Reads a number up to [`MAX_SAFE`].
fn parse_safe(text: &str) -> Option<u64> {
    is_number(text).then(|| text.parse().ok()).flatten().filter(|number| *number <= MAX_SAFE)
}

/// Compares as IEEE doubles do, in which neighbours beyond 2^53 are equal.
fn compare_as_doubles(a: &Number, b: &Number) -> Ordering {
    let is_exact = |number: &Number| number.as_u64().is_some_and(|small| small <= MAX_SAFE);
    if is_exact(a) || is_exact(b) {
        return a.cmp(b);
    }
    let double = |number: &Number| number.to_string().parse::<f64>().unwrap_or(f64::INFINITY);
    double(a).total_cmp(&double(b))
}

/// White space as JavaScript's `\s` and `trim` have it.
fn is_space(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

impl NpmVersion {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some([major, minor, patch]) = Plain::parse(text).as_ref().map(Plain::as_slice) {
            return Ok(Self { core: [*major, *minor, *patch], prerelease: Box::default(), build: None });
        }
        if text.len() > MAX_LENGTH && text.encode_utf16().count() > MAX_LENGTH {
            return Err("longer than 256 characters");
        }
        let label = text.trim_matches(is_space);
        Self::parse_exact(label.strip_prefix('v').unwrap_or(label))
    }

    /// Reads `1.2.3-pre+build` and nothing around it.
    fn parse_exact(label: &str) -> Result<Self, &'static str> {
        let (label, build) = match label.split_once('+') {
            Some((label, build)) => (label, Some(build)),
            None => (label, None),
        };
        let (core, prerelease) = match label.split_once('-') {
            Some((core, prerelease)) => (core, Some(prerelease)),
            None => (label, None),
        };
        if !build.is_none_or(|build| build.split('.').all(is_identifier)) {
            return Err("the build metadata is not identifiers between dots");
        }
        Ok(Self {
            core: parse_core(core).ok_or("expected three numbers below 2^53, without leading zeros")?,
            prerelease: prerelease
                .map_or_else(|| Some(Box::default()), parse_prerelease)
                .ok_or("the prerelease is not identifiers between dots")?,
            build: build.map(Into::into),
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.core.cmp(&other.core).then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }
}

fn parse_core(text: &str) -> Option<Core> {
    let mut parts = text.splitn(3, '.').map(parse_safe);
    Some([parts.next()??, parts.next()??, parts.next()??])
}

fn parse_prerelease(text: &str) -> Option<Box<[Identifier]>> {
    text.split('.').map(Identifier::parse).collect()
}

/// The first identifiers that are written differently decide, even where they are equal as doubles: node-semver does
/// not look at the later ones then.
fn compare_prereleases(a: &[Identifier], b: &[Identifier]) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (false, false) => match a.iter().zip(b).find(|(a, b)| a != b) {
            Some((a, b)) => a.compare(b),
            None => a.len().cmp(&b.len()),
        },
        (a_is_release, b_is_release) => a_is_release.cmp(&b_is_release),
    }
}

/// Build identifiers as node-semver's `compareBuild` orders them, and where it calls two spellings equal, by spelling.
fn compare_builds(a: &str, b: &str) -> Ordering {
    let key = |identifier| (Number::parse(identifier).map_or((1, None), |number| (0, Some(number))), identifier);
    a.split('.').map(key).cmp(b.split('.').map(key))
}

impl Scheme for Npm {
    type Version = NpmVersion;
    type Requirement = Range;

    fn parse(text: &str) -> Result<Self::Version, String> {
        NpmVersion::parse(text).map_err(ToOwned::to_owned)
    }

    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.compare(b)
    }

    /// Exact numbers first, then build metadata. Equality among numbers beyond 2^53 is not transitive in node-semver,
    /// and a sort must not depend on it.
    fn tie_break(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.prerelease.cmp(&b.prerelease).then_with(|| match (&a.build, &b.build) {
            (Some(a), Some(b)) => compare_builds(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
    }

    fn is_prerelease(version: &Self::Version) -> bool {
        !version.prerelease.is_empty()
    }

    fn segments(version: &Self::Version) -> Segments {
        Segments::new(version.core.map(Number::from))
    }

    fn parse_requirement(text: &str) -> Result<Self::Requirement, String> {
        Range::parse(text)
    }

    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.accepts(version)
    }

    fn covers(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.covers(version)
    }

    /// A space means that both hold, but an alternative and a span take the whole range.
    fn all_of(requirements: &[&str]) -> Option<String> {
        let is_plain = |text: &&str| !text.contains("||") && !text.contains(" - ");
        requirements.iter().all(is_plain).then(|| requirements.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use crate::version::{SchemeId, Version};

    fn version(text: &str) -> Version {
        SchemeId::Npm.parse(text).unwrap()
    }

    #[test]
    fn labels_order_as_node_semver_orders_them() {
        let ascending = [
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-9007199254740990",
            "1.0.0-9007199254740992",
            "1.0.0-99999999999999999999999999",
            "1.0.0--",
            "1.0.0-A",
            "1.0.0-a",
            "1.0.0-alpha.2",
            "1.0.0-alpha.10",
            "1.0.0-alpha10",
            "1.0.0-alpha2",
            "1.0.0",
            "1.0.1-0",
            "9007199254740991.0.0",
        ];
        for (index, lower) in ascending.iter().enumerate() {
            assert_eq!(version(lower).precedence(&version(lower)), Ordering::Equal, "{lower}");
            for higher in &ascending[index + 1..] {
                assert_eq!(version(lower).precedence(&version(higher)), Ordering::Less, "{lower} < {higher}");
                assert_eq!(version(higher).precedence(&version(lower)), Ordering::Greater, "{higher} > {lower}");
            }
        }
    }

    #[test]
    fn numbers_beyond_the_safe_integers_compare_as_doubles_and_hide_what_follows() {
        let [lower, higher] = ["1.2.3-9007199254740992.9", "1.2.3-9007199254740993.1"].map(version);
        assert_eq!(lower.precedence(&higher), Ordering::Equal);
        assert_eq!(lower.total_order(&higher), Ordering::Less);
    }

    #[test]
    fn build_metadata_only_breaks_ties() {
        let ascending = ["1.0.0", "1.0.0+1", "1.0.0+9", "1.0.0+10", "1.0.0+10.1", "1.0.0+a"];
        for pair in ascending.windows(2) {
            assert_eq!(version(pair[0]).precedence(&version(pair[1])), Ordering::Equal, "{pair:?}");
            assert_eq!(version(pair[0]).total_order(&version(pair[1])), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn a_leading_v_and_white_space_are_all_that_is_forgiven() {
        for text in ["v1.2.3", " 1.2.3\n", "\u{feff}v1.2.3-a.b-c.0+01.-", "1.0.0--"] {
            assert!(SchemeId::Npm.parse(text).is_ok(), "{text:?}");
        }
        let refused =
            ["", "1", "1.2", "=1.2.3", "V1.2.3", "v 1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3.4"];
        for text in refused.into_iter().chain(["9007199254740992.0.0", "1.2.3-a..b", "1.2.3+a+b", "1.2.3\u{200b}"]) {
            assert!(SchemeId::Npm.parse(text).is_err(), "{text:?}");
        }
        assert!(SchemeId::Npm.parse(&format!("1.2.3-{}", "a".repeat(250))).is_ok());
        assert!(SchemeId::Npm.parse(&format!("1.2.3-{}", "a".repeat(251))).is_err());
    }
}
