//! Which versions a requirement accepts.

use upmon::version::SchemeId;

use super::{check, flag_of, requirement_of, scheme_of, text_of};

#[test]
fn cargo_requirements_accept_what_cargo_accepts() {
    check_scheme("cargo");
}

#[test]
fn npm_ranges_accept_what_node_semver_accepts() {
    check_scheme("npm");
}

#[test]
fn python_specifiers_accept_what_packaging_accepts() {
    check_scheme("pep440");
}

#[test]
fn gem_requirements_accept_what_rubygems_accepts() {
    check_scheme("gem");
}

fn check_scheme(name: &str) {
    let scheme: SchemeId = scheme_of(name);
    check(&format!("C_req/{name}"), |row, disagreements| {
        let label = text_of(row, "v");
        disagreements.expect("whether the version parses", &scheme.parse(label).is_ok(), &flag_of(row, "ver_ok", true));
        let requirement = scheme.requirement(&requirement_of(row));
        disagreements.expect("whether it parses", &requirement.is_ok(), &flag_of(row, "req_ok", true));
        // an answer for a version that does not parse is one too: PEP 440's `===` gives it
        if let (Ok(requirement), Some(oracle)) = (requirement, row["allowed"].as_bool()) {
            disagreements.expect("whether it accepts the version", &requirement.accepts_text(label), &oracle);
        }
    });
}
