//! Names of packages: which address a registry is asked at, or that it is not asked, as the oracles say.

use serde_json::Value;
use upmon::error::ErrorKind;
use upmon::registry::RegistryId;

use crate::oracles::check;
use crate::support::canned::{Canned, query, releases};

/// The first address asked for a package, under a base with a path; `None` for a name that is never asked for.
fn asked(registry: RegistryId, name: &str) -> Option<String> {
    let base = "https://registry.example.org/base/";
    let registry = registry.open(Some(base.parse().expect("a base is a URL")));
    let canned = Canned::default();
    let error = releases(&*registry, &query(name), &canned).expect_err("there is no answer");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{name}: {error}");
    canned.asked().first().map(|url| url.strip_prefix(base).expect("the base is kept").to_owned())
}

/// What the oracle says of a name of one registry; other registries' rows say nothing.
fn check_names(registry: RegistryId, of: &str, address: impl Fn(&Value) -> Option<String>) {
    let mut judged = std::cell::Cell::new(0);
    check("A_lists/names", |row, disagreements| {
        if row["registry"] == of {
            let name = row["name"].as_str().expect("a name is a text");
            disagreements.expect("the address", &asked(registry, name), &address(row));
            judged.set(judged.get() + 1);
        }
    });
    assert!(*judged.get_mut() > 0, "no name of {of}");
}

#[test]
fn npm_is_asked_for_the_names_that_it_ever_allowed() {
    check_names(RegistryId::Npm, "npm", |row| {
        row["valid_for_old"].as_bool()?.then(|| row["url_segment"].as_str().map(ToOwned::to_owned))?
    });
}

#[test]
fn an_index_of_python_packages_is_asked_for_the_normalised_name() {
    check_names(RegistryId::PyPi, "PyPI", |row| row["normalized"].as_str().map(|name| format!("simple/{name}/")));
}

#[test]
fn a_sparse_index_is_asked_for_the_path_that_cargo_computes() {
    check_names(RegistryId::CratesIo, "crates.io", |row| row["index_path"].as_str().map(ToOwned::to_owned));
}
