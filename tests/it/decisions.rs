//! `docs/decisions.md` says of every dependency why it was chosen.

/// The names under a heading of `Cargo.toml`, up to the next heading.
fn names(heading: &str) -> Vec<&'static str> {
    let manifest = include_str!("../../Cargo.toml");
    let (_, section) = manifest.split_once(heading).expect("Cargo.toml has the heading");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let decisions = include_str!("../../docs/decisions.md");
    let renamed = |name: &str| if name == "reqwest-0-12" { "reqwest` 0.12".to_owned() } else { format!("{name}`") };
    let dependencies = [names("[dependencies]"), names("[dev-dependencies]")].concat();
    assert!(dependencies.len() > 20, "Cargo.toml was read: {dependencies:?}");
    let missing: Vec<_> =
        dependencies.iter().filter(|name| !decisions.contains(&format!("`{}", renamed(name)))).collect();
    assert!(missing.is_empty(), "docs/decisions.md says nothing of {missing:?}");
}
