//! The list of registries itself: complete, and without two of anything.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use upmon::registry::RegistryId;
use url::Url;

#[track_caller]
fn assert_distinct<T: std::hash::Hash + Eq + std::fmt::Debug>(values: impl IntoIterator<Item = T>) {
    let mut seen = HashSet::new();
    for value in values {
        let shown = format!("{value:?}");
        assert!(seen.insert(value), "{shown} stands twice");
    }
}

#[test]
fn no_two_registries_share_a_name_a_group_or_a_variable() {
    let all = || RegistryId::ALL.iter().copied();
    assert_distinct(all());
    // a group named after a registry implies it, so names and groups are one space
    assert_distinct(all().flat_map(|id| std::iter::once(id.as_str()).chain(id.groups().iter().copied())));
    assert_distinct(all().map(RegistryId::url_variable));
    assert_distinct(all().filter_map(RegistryId::default_url));
}

#[test]
fn every_name_and_group_leads_to_its_registry() {
    for &id in RegistryId::ALL {
        for group in std::iter::once(&id.as_str()).chain(id.groups()) {
            assert_eq!(RegistryId::of_group(group), Some(id), "{group}");
        }
        assert_eq!(id.open(None).id(), id);
        assert!(!id.about().is_empty());
        assert_eq!(serde_json::to_value(id).unwrap(), id.as_str(), "the name in files is the name in reports");
    }
    assert_eq!(RegistryId::of_group("backend"), None);
}

#[test]
fn every_public_address_is_a_root_over_https() {
    for id in RegistryId::ALL {
        let Some(address) = id.default_url() else { continue };
        let url = Url::parse(address).unwrap_or_else(|error| panic!("the address of {id} is no URL: {error}"));
        assert_eq!(url.as_str(), address, "{id}");
        assert_eq!((url.scheme(), url.path().ends_with('/'), url.query()), ("https", true, None), "{id}");
    }
}

#[test]
fn every_registry_in_the_folder_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry");
    let listed: HashSet<String> = RegistryId::ALL.iter().map(|id| id.as_str().replace('-', "_")).collect();
    let mut found = HashSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && fs::read_to_string(&path).unwrap().contains("impl Registry for ") {
            found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        found, listed,
        "a file in src/registry/ that implements `Registry` has a line in the list of src/registry/mod.rs, under its own name"
    );
}
