//! Which of two labels is higher.

use std::cmp::Ordering;

use serde_json::Value;
use upmon::version::{SchemeId, Version};

use super::{Disagreements, check, flag_of, text_of};

#[test]
fn cargo_versions_order_as_cargo_orders_them() {
    check("B_pairs/cargo", |row, disagreements| {
        let Some((a, b)) = ordered(SchemeId::Semver, row, disagreements) else { return };
        expect_total(&a, &b, &row["cmp_total"], disagreements);
    });
}

#[test]
fn npm_versions_order_as_node_semver_orders_them() {
    check("B_pairs/npm", |row, disagreements| {
        let Some((a, b)) = ordered(SchemeId::Npm, row, disagreements) else { return };
        // among numbers beyond 2^53 our total order is exact, so that it is one; node-semver's is not transitive there.
        // `diff` is node-semver's own word for a distance and has no counterpart here
        if !flag_of(row, "extreme", false) {
            expect_total(&a, &b, &row["cmp_build"], disagreements);
        }
    });
}

#[test]
fn python_versions_order_as_packaging_orders_them() {
    check("B_pairs/pep440", |row, disagreements| {
        ordered(SchemeId::Pep440, row, disagreements);
    });
}

#[test]
fn gem_versions_order_as_rubygems_orders_them() {
    check("B_pairs/gem", |row, disagreements| {
        ordered(SchemeId::Gem, row, disagreements);
    });
}

/// Checks what parses and the order of precedence, both ways round; the versions, when both parse.
fn ordered(scheme: SchemeId, row: &Value, disagreements: &mut Disagreements) -> Option<(Version, Version)> {
    let sides = [("a", "a_ok"), ("b", "b_ok")].map(|(side, is_ok)| {
        let version = scheme.parse(text_of(row, side));
        disagreements.expect(side, &version.is_ok(), &flag_of(row, is_ok, true));
        version.ok()
    });
    let [Some(a), Some(b)] = sides else { return None };
    let oracle = ordering(&row["cmp"]).expect("two versions that parse have an order");
    disagreements.expect("a against b", &a.precedence(&b), &oracle);
    disagreements.expect("b against a", &b.precedence(&a), &oracle.reverse());
    if oracle != Ordering::Equal {
        disagreements.expect("the total order", &a.total_order(&b), &oracle);
    }
    Some((a, b))
}

/// Where the oracle orders build metadata, we do. Where it does not, our order goes on to the text.
fn expect_total(a: &Version, b: &Version, oracle: &Value, disagreements: &mut Disagreements) {
    if let Some(oracle) = ordering(oracle).filter(|order| *order != Ordering::Equal) {
        disagreements.expect("the order with build metadata", &a.total_order(b), &oracle);
    }
}

fn ordering(value: &Value) -> Option<Ordering> {
    value.as_i64().map(|sign| sign.cmp(&0))
}
