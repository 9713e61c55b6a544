//! Modules use each other in the order of `docs/architecture.md`.

use std::path::{Path, PathBuf};

use crate::manifest;

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The modules in the order of the document's table, and the names that are known to all.
fn document() -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(manifest::root().join("docs/architecture.md")).expect("the document is there");
    let cells = text.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let modules = cells.flat_map(quoted).filter(|name| !name.contains("::")).map(str::to_owned).collect();
    let rule = text.split("\n\n").find(|part| part.starts_with("A module may use")).expect("the document has its rule");
    (modules, quoted(rule).filter(|name| name.contains("::")).map(str::to_owned).collect())
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .expect("the sources are there")
        .map(|entry| entry.expect("they can be listed").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The paths that a file uses of its own crate. What its tests use, and what it says in comments, does not count.
fn used(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a source can be read");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let is_of_path = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    let paths = lines.join("\n");
    paths.split("crate::").skip(1).map(|rest| rest.chars().take_while(|&next| is_of_path(next)).collect()).collect()
}

#[test]
fn a_module_uses_those_above_it() {
    let (modules, known) = document();
    let place = |name: &str| modules.iter().position(|module| module == name);
    let root = manifest::root().join("src");
    let mut checked = 0;
    for file in sources(&root) {
        let name = file.strip_prefix(&root).unwrap().iter().next().unwrap().to_string_lossy();
        let name = name.trim_end_matches(".rs");
        let is_test = file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        if is_test || matches!(name, "main" | "lib") {
            continue;
        }
        let own = place(name).unwrap_or_else(|| panic!("docs/architecture.md says nothing of `{name}`"));
        for path in used(&file) {
            let is_known = known.iter().any(|known| path.starts_with(known.as_str()));
            let of = place(path.split("::").next().unwrap_or_default());
            assert!(is_known || of.is_some_and(|of| of <= own), "{}: `{path}` stands below `{name}`", file.display());
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked} uses were read");
}
