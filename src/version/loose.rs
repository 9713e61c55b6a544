//! Labels as people write them in git tags, ordered by [libversion](https://github.com/repology/libversion)'s rules.
//!
//! libversion orders any text and refuses none, so this scheme does too; what is no version of the package (`latest`,
//! another component's tag) is kept away by the pin's tag template, which also takes off the words that libversion would
//! misread (`2.1.12-stable`, `1.0p1`): see [`crate::pin::TagTemplate`]. A label without any digit counts as a
//! prerelease, and orders below every number.

use std::cmp::Ordering;

use super::comparators::{self, Comparators};
use super::{Scheme, Segments, words};

/// The scheme.
#[derive(Debug)]
pub(super) struct Loose;

/// A label, and what its words say.
#[derive(Debug, Clone)]
pub(super) struct LooseVersion {
    text: Box<str>,
    segments: Segments,
    is_prerelease: bool,
}

impl Scheme for Loose {
    type Version = LooseVersion;
    type Requirement = Comparators<LooseVersion>;

    fn parse(text: &str) -> Result<LooseVersion, String> {
        let cut = words::cut(text);
        Ok(LooseVersion {
            text: text.into(),
            segments: Segments::new(cut.iter().flat_map(words::Cut::numbers)),
            is_prerelease: cut.is_none_or(|cut| words::is_prerelease(cut.rest)),
        })
    }

    /// libversion's own answer: letters are a finer step (`1.1.1` < `1.1.1a` < `1.1.1w`), words it does not know come
    /// before the release, `1.0` and `1.0.0` are equal.
    fn compare(a: &LooseVersion, b: &LooseVersion) -> Ordering {
        libversion::version_compare2(&a.text, &b.text)
    }

    fn is_prerelease(version: &LooseVersion) -> bool {
        version.is_prerelease
    }

    fn segments(version: &LooseVersion) -> Segments {
        version.segments.clone()
    }

    fn parse_requirement(text: &str) -> Result<Comparators<LooseVersion>, String> {
        comparators::parse::<Self>(text)
    }

    fn accepts(requirement: &Comparators<LooseVersion>, version: &LooseVersion) -> bool {
        comparators::accept::<Self>(requirement, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::{SchemeId, Step};

    fn version(text: &str) -> crate::version::Version {
        SchemeId::Loose.parse(text).unwrap()
    }

    #[test]
    fn versions_order_as_libversion_orders_them() {
        let ascending = [
            "latest",
            "0.9",
            "1.0-alpha1",
            "1.0-beta1",
            "1.0-rc1",
            "1.0",
            "1.0pl1",
            "1.0pl2",
            "1.0.1",
            "1.0.1a",
            "1.0.1w",
            "1.1-rc.1",
            "1.1",
            "1.10",
            "2024.01.15",
            "99999999999999999999.1",
            "100000000000000000000",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(version(a).precedence(&version(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(version("1.0").precedence(&version("1.0.0")), Ordering::Equal);
        assert_eq!(version("1.0-1").precedence(&version("1.0.1")), Ordering::Equal);
        assert_eq!(version("1.01").precedence(&version("1.1")), Ordering::Equal);
    }

    #[test]
    fn the_step_is_the_first_number_that_differs() {
        for (older, newer, step) in [
            ("1.2.3", "2.0.0", Step::Major),
            ("1.2.3", "1.3", Step::Minor),
            ("1.2", "1.2.1", Step::Patch),
            ("7.1.1-3", "7.1.1-21", Step::Patch),
            ("1.1.1", "1.1.1w", Step::Patch),
            ("10.0pl1", "10.0pl2", Step::Patch),
            ("2.0-rc1", "2.0", Step::Prerelease),
            ("2.0", "2.0.0", Step::None),
            ("2.0", "1.9", Step::None),
        ] {
            assert_eq!(version(older).step_to(&version(newer)), step, "{older} to {newer}");
        }
    }

    #[test]
    fn a_label_without_a_number_is_a_prerelease() {
        for label in ["", "latest", "HEAD", "~"] {
            assert!(version(label).is_prerelease(), "{label:?}");
        }
    }

    #[test]
    fn comparators_accept_what_they_say() {
        for (requirement, accepted, refused) in [
            (">=1.2, <2", &["1.2", "1.9.9", "2.0-rc1"][..], &["1.1", "2", "2.0.0", "3"][..]),
            (">1.2", &["1.2.1", "1.2a"], &["1.2.0", "1.2-rc1"]),
            ("<=1.2", &["1.2.0", "1.1"], &["1.2.1"]),
            ("=1.2", &["1.2.0", "1.02"], &["1.2.1", "1.2-rc1"]),
            ("!=1.2", &["1.2.1"], &["1.2.0"]),
            ("1.2.*", &["1.2", "1.2.9", "1.2-rc1"], &["1.20", "1.3", "2"]),
            ("*", &["0", "99"], &[]),
            ("1.*,!=1.5", &["1.4"], &["1.5", "2"]),
        ] {
            let requirement = SchemeId::Loose.requirement(requirement).unwrap();
            for text in accepted {
                assert!(requirement.accepts(&version(text)), "{} {text}", requirement.as_str());
            }
            for text in refused {
                assert!(!requirement.accepts(&version(text)), "{} {text}", requirement.as_str());
            }
        }
    }

    #[test]
    fn a_requirement_that_is_not_understood_is_refused() {
        for text in
            ["", "1.2", "^1.2", "~>1.2", ">=", ">=v1", ">=1,", "==1.2", ">=1.*", "=1.2.*", ">=1 <2", "1.2 || 1.3", ".*"]
        {
            assert!(SchemeId::Loose.requirement(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_orders_both_ways(a in "\\PC{0,16}|[0-9a-zA-Z._+~-]{0,12}", b in "[0-9a-z._-]{0,12}") {
            let (a, b) = (version(&a), version(&b));
            proptest::prop_assert_eq!(a.precedence(&b), b.precedence(&a).reverse());
            proptest::prop_assert_eq!(a.precedence(&a), Ordering::Equal);
        }
    }
}
