//! Semantic Versioning as Cargo reads it, through the `semver` crate, which is Cargo's own reference.
//!
//! Strict: no leading `v`, no surrounding space, three numbers up to 2^64-1.

use std::cmp::Ordering;

use semver::{Comparator, Op};

use super::{Number, Scheme, Segments};

/// Semantic Versioning with [Cargo's requirements](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html).
#[derive(Debug)]
pub(super) struct Semver;

impl Scheme for Semver {
    type Version = semver::Version;
    type Requirement = semver::VersionReq;

    fn parse(text: &str) -> Result<Self::Version, String> {
        semver::Version::parse(text).map_err(|error| error.to_string())
    }

    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.cmp_precedence(b)
    }

    /// The crate's `Ord` agrees with precedence and goes on to build metadata.
    fn tie_break(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.cmp(b)
    }

    fn is_prerelease(version: &Self::Version) -> bool {
        !version.pre.is_empty()
    }

    fn segments(version: &Self::Version) -> Segments {
        Segments::new([version.major, version.minor, version.patch].map(Number::from))
    }

    fn parse_requirement(text: &str) -> Result<Self::Requirement, String> {
        semver::VersionReq::parse(text).map_err(|error| error.to_string())
    }

    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.matches(version)
    }

    /// Cargo's comparators take no prerelease but of a version that they name.
    fn covers(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.matches(version) || requirement.comparators.iter().all(|comparator| covers(comparator, version))
    }

    /// A lone star stands for anything, and may not stand in a list.
    fn all_of(requirements: &[&str]) -> Option<String> {
        let narrowing: Vec<&str> = requirements.iter().copied().filter(|text| text.trim() != "*").collect();
        Some(if narrowing.is_empty() { "*".to_owned() } else { narrowing.join(", ") })
    }
}

/// A prerelease lies just below its release: where that is within, so is the prerelease, unless the range begins there.
fn covers(comparator: &Comparator, version: &semver::Version) -> bool {
    if comparator.matches(version) {
        return true;
    }
    let release = semver::Version::new(version.major, version.minor, version.patch);
    let (minor, patch) = (comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
    let begins_there = !matches!(comparator.op, Op::Greater | Op::Less | Op::LessEq)
        && release == semver::Version::new(comparator.major, minor, patch);
    !version.pre.is_empty() && !begins_there && comparator.matches(&release)
}

#[cfg(test)]
mod tests {
    use crate::version::{SchemeId, Step};

    #[test]
    fn a_prerelease_within_a_range_is_covered_though_it_is_not_accepted() {
        for (requirement, version, covered) in [
            (">1.0.0", "2.0.0-rc.1", true),
            (">1.0.0", "1.0.1-rc.1", true),
            (">1.0.0", "1.0.0-rc.1", false),
            (">=2.0.0", "2.0.0-rc.1", false),
            (">=2.0.0", "3.0.0-rc.1", true),
            (">=2, <3", "2.5.0-rc.1", true),
            (">=2, <3", "3.0.0-rc.1", false),
            ("<=3.0.0", "3.0.0-rc.1", true),
            ("=2.0.0", "2.0.0-rc.1", false),
            ("=2.0.0-rc.1", "2.0.0-rc.1", true),
            (">1.0.0-alpha, <1.0.0", "1.0.0-rc.1", true),
            ("^2", "2.1.0-rc.1", true),
            ("~2.1", "2.1.1-rc.1", true),
            ("2.*", "3.0.0-rc.1", false),
            ("*", "3.0.0-rc.1", true),
            ("^2", "2.1.0", true),
            ("^2", "3.0.0", false),
        ] {
            // npm joins with blanks what Cargo joins with commas
            for (scheme, text) in
                [(SchemeId::Semver, requirement.to_owned()), (SchemeId::Npm, requirement.replace(',', ""))]
            {
                let (requirement, version) = (scheme.requirement(&text).unwrap(), scheme.parse(version).unwrap());
                assert_eq!(requirement.covers(&version), covered, "{scheme}: {text} {}", version.as_str());
            }
        }
    }

    #[test]
    fn build_metadata_breaks_ties_and_nothing_more() {
        let ascending = ["1.0.0", "1.0.0+0", "1.0.0+00", "1.0.0+9", "1.0.0+10", "1.0.0+curl-8.4.0", "1.0.1"];
        let versions = ascending.map(|text| SchemeId::Semver.parse(text).unwrap());
        for (index, lower) in versions.iter().enumerate() {
            for higher in &versions[index + 1..] {
                assert!(lower.total_order(higher).is_lt(), "{lower} < {higher}");
            }
        }
        assert!(versions[0].precedence(&versions[5]).is_eq());
    }

    #[test]
    fn a_requirement_is_a_caret_unless_it_says_otherwise() {
        let table = [
            ("1.2.3", "1.9.0", true),
            ("1.2.3", "2.0.0", false),
            ("^0.0.3", "0.0.4", false),
            (">1.2", "1.2.9", false),
            ("^1.0.0-alpha", "1.0.0-beta", true),
            ("^1.0.0-alpha", "1.1.0-alpha", false),
            ("*", "2.0.0-alpha", false),
        ];
        for (requirement, version, accepted) in table {
            let requirement = SchemeId::Semver.requirement(requirement).unwrap();
            let version = SchemeId::Semver.parse(version).unwrap();
            assert_eq!(requirement.accepts(&version), accepted, "{} over {version}", requirement.as_str());
        }
    }

    #[test]
    fn what_cargo_refuses_is_refused() {
        for text in ["", "1", "1.2", "v1.2.3", " 1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.18446744073709551616"] {
            assert!(SchemeId::Semver.parse(text).is_err(), "{text}");
        }
        for text in ["", "*, <2", ">=1 <2", "1 || 2", "v1", "^1.2-alpha"] {
            assert!(SchemeId::Semver.requirement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_step_to_a_final_release_from_its_prerelease_is_prerelease() {
        let [pre, release] = ["1.2.0-rc.1", "1.2.0"].map(|text| SchemeId::Semver.parse(text).unwrap());
        assert_eq!(pre.step_to(&release), Step::Prerelease);
        assert_eq!(release.step_to(&pre), Step::None);
    }
}
