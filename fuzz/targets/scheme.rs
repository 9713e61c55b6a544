//! A version scheme: every line of the input is read as a label and as a requirement. Texts are kept, the order is total,
//! and a requirement gives the same answer to the same version.

#![no_main]

use std::cmp::Ordering;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use upmon::version::{Requirement, SchemeId, Step, Version};

static SCHEME: OnceLock<SchemeId> = OnceLock::new();

fn scheme() -> SchemeId {
    upmon_fuzz::chosen(&SCHEME, SchemeId::ALL, SchemeId::as_str)
}

/// The laws that hold between any two versions.
fn check_pair(a: &Version, b: &Version) {
    assert_eq!(a.precedence(b), b.precedence(a).reverse(), "{a} and {b}");
    assert_eq!(a.total_order(b), b.total_order(a).reverse(), "{a} and {b}");
    assert_eq!(a.total_order(b) == Ordering::Equal, a.as_str() == b.as_str(), "{a} and {b}");
    assert!(a.precedence(b).is_eq() || a.precedence(b) == a.total_order(b), "{a} and {b}");
    assert_eq!(a.step_to(b) != Step::None, b.precedence(a).is_gt(), "{a} and {b}");
}

/// Whether the order has to be one: node-semver compares numbers from 2^53 on as JavaScript does, so that `a` may equal `b`
/// and `b` may equal `c`, while `a` is above `c`. That is kept; the total order has no such gap.
fn is_exact(version: &Version) -> bool {
    let is_digit = |character: char| character.is_ascii_digit();
    scheme() != SchemeId::Npm || version.as_str().split(|c| !is_digit(c)).all(|digits| digits.len() < 16)
}

fn check_order(a: &Version, b: &Version, c: &Version) {
    let are_exact = [a, b, c].into_iter().all(is_exact);
    if are_exact && a.precedence(b).is_le() && b.precedence(c).is_le() {
        assert!(a.precedence(c).is_le(), "{a} <= {b} <= {c}");
        let is_equal = a.precedence(b).is_eq() && b.precedence(c).is_eq();
        assert_eq!(is_equal, a.precedence(c).is_eq(), "{a}, {b}, {c}");
    }
    if a.total_order(b).is_le() && b.total_order(c).is_le() {
        assert!(a.total_order(c).is_le(), "{a} <= {b} <= {c}");
    }
}

fn check_version(version: &Version, text: &str) {
    assert_eq!((version.as_str(), version.to_string().as_str()), (text, text));
    let again = scheme().parse(version.as_str()).expect("what was read once is read again");
    assert_eq!(version.total_order(&again), Ordering::Equal, "{version}");
    assert_eq!(version.is_prerelease(), again.is_prerelease(), "{version}");
    assert_eq!(version.segments(), again.segments(), "{version}");
}

/// One requirement and several, which together accept what each of them accepts.
fn check_requirements(requirements: &[Requirement], versions: &[Version]) {
    let texts: Vec<&str> = requirements.iter().map(Requirement::as_str).collect();
    let joined = scheme().all_of(&texts).map(|text| scheme().requirement(&text).expect("a joined requirement is read"));
    for version in versions {
        let mut is_accepted = true;
        for requirement in requirements {
            let accepts = requirement.accepts(version);
            assert_eq!(accepts, requirement.accepts_text(version.as_str()), "{version} for {}", requirement.as_str());
            assert!(!accepts || requirement.covers(version), "{version} within {}", requirement.as_str());
            is_accepted &= accepts;
        }
        if let Some(joined) = &joined {
            let all = joined.clone().beside(requirements.to_vec());
            assert_eq!(all.accepts(version), is_accepted, "{version} for {texts:?} as {}", all.as_str());
            // in one set, a bound that names a prerelease lets it in for all bounds
            let is_lenient = version.is_prerelease() && !is_accepted;
            assert!(
                is_lenient || joined.accepts(version) == is_accepted,
                "{version} for {texts:?} as {}",
                all.as_str()
            );
        }
    }
}

fuzz_target!(
    init: {
        scheme();
    },
    |text: &str| {
        let lines: Vec<&str> = text.split('\n').take(6).collect();
        let mut versions = Vec::new();
        for line in &lines {
            match scheme().parse(line) {
                Ok(version) => {
                    check_version(&version, line);
                    versions.push(version);
                }
                Err(error) => assert_eq!(error.text, *line),
            }
        }
        for a in &versions {
            for b in &versions {
                check_pair(a, b);
                versions.iter().for_each(|c| check_order(a, b, c));
            }
        }
        let requirements: Vec<Requirement> =
            lines.iter().filter_map(|line| scheme().requirement(line).ok()).take(3).collect();
        check_requirements(&requirements, &versions);
    }
);
