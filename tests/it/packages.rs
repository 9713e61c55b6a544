//! The workflow installs what `tests/real/run` asks for: as nobody but a user it cannot do so itself.

use std::collections::BTreeSet;

use crate::manifest;

/// What the runner's image brings: its Node.js is newer than that of the archive, where Chromium is no package but a snap.
const OF_THE_IMAGE: [&str; 3] = ["chromium", "nodejs", "npm"];

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("there is no `{start}`"));
    rest.split_once(end).unwrap_or_else(|| panic!("no `{end}` follows `{start}`")).0
}

#[test]
fn the_workflow_installs_what_the_real_servers_need() {
    let read = |path: &str| std::fs::read_to_string(manifest::root().join(path)).expect("the file is there");
    let (run, workflow) = (read("tests/real/run"), read(".github/workflows/ci.yml"));
    let pairs = between(&run, "for pair in ", "; do").split_whitespace().filter(|word| *word != "\\");
    let packages = pairs.map(|pair| pair.split_once(':').expect("a program and a package").1);
    let asked_for: BTreeSet<&str> = packages.filter(|package| !OF_THE_IMAGE.contains(package)).collect();
    let installed: BTreeSet<&str> =
        between(&workflow, "apt-get install -y --no-install-recommends ", "\n").split_whitespace().collect();
    assert!(asked_for.contains("postgresql"));
    assert_eq!(installed, asked_for);
}
