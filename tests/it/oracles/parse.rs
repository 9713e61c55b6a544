//! What parses, and into which parts.

use std::cmp::Ordering;

use serde_json::Value;
use upmon::version::{Number, SchemeId, Version};

use super::{Disagreements, check, flag_of, list_of, text_of};

#[test]
fn cargo_labels_parse_into_the_parts_that_cargo_reads() {
    check("B_parse/cargo", |row, disagreements| {
        let Some(version) = parsed(SchemeId::Semver, row, disagreements) else { return };
        let numbers = ["major", "minor", "patch"].map(|part| number(&row[part]));
        disagreements.expect("the release", &known(&version), &numbers.to_vec());
        disagreements.expect("prerelease", &version.is_prerelease(), &!text_of(row, "pre").is_empty());
    });
}

#[test]
fn npm_labels_parse_into_the_parts_that_node_semver_reads() {
    check("B_parse/npm", |row, disagreements| {
        let Some(version) = parsed(SchemeId::Npm, row, disagreements) else { return };
        let numbers = ["major", "minor", "patch"].map(|part| number(&row[part]));
        disagreements.expect("the release", &known(&version), &numbers.to_vec());
        disagreements.expect("prerelease", &version.is_prerelease(), &!list_of(row, "pre").is_empty());
        equals_spelling(&version, &row["norm"], disagreements);
    });
}

#[test]
fn python_labels_parse_into_the_parts_that_packaging_reads() {
    check("B_parse/pep440", |row, disagreements| {
        let Some(version) = parsed(SchemeId::Pep440, row, disagreements) else { return };
        let release = version.segments().numbers;
        disagreements.expect("how many numbers", &release.len(), &list_of(row, "release").len());
        for (ours, oracle) in release.iter().zip(list_of(row, "release")) {
            expect_number(ours, oracle, disagreements);
        }
        expect_number(&version.segments().epoch, &row["epoch"], disagreements);
        disagreements.expect("prerelease", &version.is_prerelease(), &flag_of(row, "is_prerelease", false));
        equals_spelling(&version, &row["norm"], disagreements);
        let [public, base] = ["public", "base"].map(|part| SchemeId::Pep440.parse(text_of(row, part)).expect(part));
        let order = if row["local"].is_null() { Ordering::Equal } else { Ordering::Greater };
        disagreements.expect("the order against the public part", &version.precedence(&public), &order);
        disagreements.expect("the segments of the base", &base.segments(), &version.segments());
    });
}

#[test]
fn gem_labels_parse_into_the_parts_that_rubygems_reads() {
    check("B_parse/gem", |row, disagreements| {
        let Some(version) = parsed(SchemeId::Gem, row, disagreements) else { return };
        let numbers: Vec<Option<Number>> =
            list_of(row, "segments").iter().map(number).take_while(Option::is_some).collect();
        disagreements.expect("the release", &known(&version), &numbers);
        disagreements.expect("prerelease", &version.is_prerelease(), &flag_of(row, "prerelease", false));
        equals_spelling(&version, &row["norm"], disagreements);
        let release = SchemeId::Gem.parse(text_of(row, "release")).expect("a release is a version");
        disagreements.expect("the release alone", &version.segments(), &release.segments());
        ends_before_bump(&version, text_of(row, "bump"), disagreements);
    });
}

/// `~>` is where `bump` shows.
fn ends_before_bump(version: &Version, bump: &str, disagreements: &mut Disagreements) {
    let bump = SchemeId::Gem.parse(bump).expect("a bump is a version");
    let requirement = SchemeId::Gem.requirement(&format!("~> {version}"));
    // a blank label is a version, and no version in a requirement
    let Ok(requirement) = requirement else { return };
    disagreements.expect("`~>` itself", &requirement.accepts(version), &true);
    disagreements.expect("`~>` at the bump", &requirement.accepts(&bump), &false);
}

/// The version of a row, when it parses here and there.
fn parsed(scheme: SchemeId, row: &Value, disagreements: &mut Disagreements) -> Option<Version> {
    let version = scheme.parse(text_of(row, "v"));
    let oracle = row["ok"].as_bool().expect("`ok` is a flag");
    disagreements.expect("whether it parses", &version.is_ok(), &oracle);
    version.ok().filter(|_| oracle)
}

fn equals_spelling(version: &Version, norm: &Value, disagreements: &mut Disagreements) {
    let norm = norm.as_str().expect("`norm` is a text");
    let spelling = version.scheme().parse(norm).expect("a normal form is a version");
    disagreements.expect("the order against the normal form", &version.precedence(&spelling), &Ordering::Equal);
}

/// The segments in the form that [`number`] gives.
fn known(version: &Version) -> Vec<Option<Number>> {
    version.segments().numbers.into_iter().map(Some).collect()
}

/// A number of a row: as JSON, as text, or as text with an `n` behind; `None` for any other text.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::String(text) => Number::parse(text.strip_suffix('n').unwrap_or(text)),
        value => value.as_u64().map(Number::from),
    }
}

/// JSON numbers beyond 64 bits lose their last digits in the reader; the normal form, a text, still tells.
fn expect_number(ours: &Number, oracle: &Value, disagreements: &mut Disagreements) {
    if let Some(oracle) = number(oracle) {
        disagreements.expect("a number", ours, &oracle);
    }
}
