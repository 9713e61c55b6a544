//! What must hold of every scheme, whatever the labels: a total order, texts kept, and no panic on hostile text.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use upmon::version::{SchemeId, Step, Version};

/// Labels that look like the scheme's; numbers beyond 64 bits and equal spellings among them.
fn shape(scheme: SchemeId) -> &'static str {
    match scheme {
        SchemeId::Semver => {
            r"[0-2]\.[0-2]\.[0-2](-(alpha|rc|0|2|10|99999999999999999999)(\.[0-3a])?)?(\+[0-1]{1,2}(\.[ab])?)?"
        }
        SchemeId::Npm => {
            r"( |v)?[0-2]\.[0-2]\.[0-2](-(rc|-|2|10|900719925474099[0-9])(\.[0-3a])?)?(\+0?[0-2](\.[ab1])?)?"
        }
        SchemeId::Pep440 => {
            r"v?([01]!)?[0-2](\.[0-2]){0,3}((a|-beta\.|rc)[0-2]?)?(\.?post[0-2]|-1)?(\.dev([0-2]|99999999999999999999))?(\+[a1](-[b2])?)?"
        }
        SchemeId::Gem => r"[0-2](\.[0-2]|\.99999999999999999999){0,3}(\.?(a|rc|beta)\.?[0-2]?)?(-[0-1a]{1,2})?",
        SchemeId::Loose => r"v?[0-3](\.[0-3]){0,3}(-?(rc|beta|p)[0-2]?)?",
        SchemeId::Calver => r"20[12][0-9]\.[1-9](\.[0-9])?",
    }
}

/// A scheme with as many of its versions.
fn versions(count: usize) -> impl Strategy<Value = Vec<Version>> {
    select(SchemeId::ALL).prop_flat_map(move |scheme| {
        let version =
            shape(scheme).prop_filter_map("a label that the scheme reads", move |text| scheme.parse(&text).ok());
        proptest::collection::vec(version, count)
    })
}

/// Text as an attacker writes it: any characters, or the ones that versions and requirements are made of.
fn hostile_text() -> impl Strategy<Value = String> {
    let any_characters = proptest::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter);
    prop_oneof![any_characters, r"[-0-9a-cvxX.+*^~<>=|!,_ é\u{feff}]{0,300}", r"[-0-9x.+*^~<>=|!, ]{0,12}"]
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_scheme_is_a_total_order(versions in versions(3)) {
        let [a, b, c] = &versions[..] else { unreachable!("three were asked for") };
        prop_assert_eq!(a.total_order(b), b.total_order(a).reverse());
        prop_assert_eq!(a.total_order(b) == Ordering::Equal, a.as_str() == b.as_str());
        if a.total_order(b).is_le() && b.total_order(c).is_le() {
            prop_assert!(a.total_order(c).is_le(), "{} <= {} <= {}", a, b, c);
        }
    }

    #[test]
    fn the_total_order_only_tells_equal_versions_apart(versions in versions(2)) {
        let [a, b] = &versions[..] else { unreachable!("two were asked for") };
        prop_assert_eq!(a.precedence(a), Ordering::Equal);
        prop_assert_eq!(a.precedence(b), b.precedence(a).reverse());
        prop_assert!(a.precedence(b).is_eq() || a.precedence(b) == a.total_order(b), "{} and {}", a, b);
    }

    #[test]
    fn there_is_a_step_exactly_to_what_is_newer(versions in versions(2)) {
        let [a, b] = &versions[..] else { unreachable!("two were asked for") };
        prop_assert_eq!(a.step_to(b) != Step::None, b.precedence(a).is_gt());
    }

    #[test]
    fn a_version_keeps_its_text(scheme in select(SchemeId::ALL), text in hostile_text()) {
        match scheme.parse(&text) {
            Ok(version) => prop_assert_eq!(version.as_str(), text),
            Err(error) => prop_assert_eq!(error.text, text),
        }
    }

    #[test]
    fn a_requirement_keeps_its_text_and_judges_any_version(
        scheme in select(SchemeId::ALL),
        text in hostile_text(),
        label in hostile_text(),
        versions in versions(1),
    ) {
        match scheme.requirement(&text) {
            Ok(requirement) => {
                prop_assert_eq!(requirement.as_str(), &text);
                prop_assert!(!requirement.accepts(&versions[0]) || versions[0].scheme() == scheme);
                let accepted = requirement.accepts_text(&label);
                prop_assert!(!accepted || scheme.parse(&label).is_ok() || scheme == SchemeId::Pep440);
            }
            Err(error) => prop_assert_eq!(error.text, text),
        }
    }
}
