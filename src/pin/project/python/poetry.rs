//! Poetry: `poetry.lock`, and what `tool.poetry` of `pyproject.toml` declares.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::Dependency;
use super::super::files::Files;
use super::super::text::{Document, beside};
use super::declared::{self, Declared};
use super::requirement::exact;
use super::{FROM_ADDRESS, FROM_GIT, OTHER_INDEX, OURS, Package, by_name, fold, is_pypi, locked};
use crate::document::{Entry, FileError, Node, Source};
use crate::pin::Written;
use crate::version::SchemeId;

/// Reads the lock file; `pyproject.toml` beside it says what is direct.
pub(in crate::pin::project) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let document = Document::toml(Arc::clone(file))?;
    let name = beside(&document.source, "pyproject.toml");
    let Some(manifest) = files.read(&name)? else {
        let message =
            format!("`{}` is missing, and only it says which packages are direct dependencies", name.display());
        return Err(document.wrong(&document.root, message));
    };
    let packages = packages(&document)?;
    let declared = declared::of(&declared::manifest(manifest)?);
    let named = by_name(&declared, |one| one.name.as_str());
    let locked_by_name = by_name(&packages, |package| package.name.as_str());
    let mut found = Vec::new();
    let mut told = HashSet::new();
    for first in &declared {
        let name = fold(&first.name);
        if !told.insert(name.clone()) {
            continue;
        }
        let meant = named.get(&name).map(Vec::as_slice).unwrap_or_default();
        let chosen = locked_by_name.get(&name).map(Vec::as_slice).unwrap_or_default();
        if chosen.is_empty() {
            found.push(
                first.open(format!("`{}` does not hold it: run `poetry lock`", document.source.name().display())),
            );
        }
        found.extend(locked(chosen, meant));
    }
    let is_direct = |package: &&Package| told.contains(&fold(&package.name));
    let rest =
        packages.iter().filter(|package| !is_direct(package)).filter_map(|package| package.pinned(&package.name, None));
    found.extend(rest.map(|dependency| Dependency { is_direct: false, ..dependency }));
    Ok(found)
}

fn packages(document: &Document) -> Result<Vec<Package>, FileError> {
    let listed = document.root.get("package").map(Node::items).unwrap_or_default();
    let package = |node: &Node| {
        let name = node.get("name").and_then(Node::text);
        let version = node.get("version").and_then(|version| document.written(version));
        let (Some(name), Some(version)) = (name, version) else {
            return Err(document.wrong(node, "a package of the lock file has no name or no version"));
        };
        Ok(Package { name: name.to_owned(), version: Some(version), obstacle: node.get("source").and_then(obstacle) })
    };
    listed.iter().map(package).collect()
}

/// Why a package is none of PyPI's.
fn obstacle(source: &Node) -> Option<&'static str> {
    let url = source.get("url").and_then(Node::text).unwrap_or_default();
    match source.get("type").and_then(Node::text) {
        Some("git") => Some(FROM_GIT),
        Some("directory" | "file") => Some(OURS),
        Some("url") => Some(FROM_ADDRESS),
        _ => (!is_pypi(url)).then_some(OTHER_INDEX),
    }
}

/// What the tables of Poetry declare. <https://python-poetry.org/docs/dependency-specification/>
pub(super) fn declared(document: &Document) -> Vec<Declared> {
    let Some(poetry) = document.root.at(&["tool", "poetry"]) else { return Vec::new() };
    let groups = poetry.get("group").map(Node::entries).unwrap_or_default();
    let tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")].into_iter().flatten();
    let tables = tables.chain(groups.iter().filter_map(|group| group.node.get("dependencies")));
    let entries = tables.flat_map(Node::entries).filter(|entry| entry.key != "python");
    entries.flat_map(|entry| each(document, entry)).collect()
}

/// One dependency; a list has one for each interpreter or platform.
fn each(document: &Document, entry: &Entry) -> Vec<Declared> {
    let alternatives = entry.node.items();
    let nodes = if alternatives.is_empty() { std::slice::from_ref(&entry.node) } else { alternatives };
    nodes.iter().map(|node| one(document, &entry.key, node)).collect()
}

fn one(document: &Document, name: &str, node: &Node) -> Declared {
    let has = |key: &str| node.get(key).is_some();
    let obstacle = match () {
        () if has("git") => Some(FROM_GIT),
        () if has("path") || has("file") => Some(OURS),
        () if has("url") => Some(FROM_ADDRESS),
        () if has("source") => Some(OTHER_INDEX),
        () => None,
    };
    let written = if node.text().is_some() { Some(node) } else { node.get("version") };
    let constraint = written.and_then(|node| Some((node, node.text()?.trim())));
    let specifiers = constraint.and_then(|(node, text)| Some((node, text, specifiers(text)?)));
    Declared {
        name: name.to_owned(),
        requirement: specifiers
            .as_ref()
            .filter(|(.., text)| !text.is_empty())
            .map(|(node, raw, text)| Written { text: text.clone(), place: document.part(node, raw).place }),
        exact: specifiers.as_ref().and_then(|(node, _, text)| Some(document.part(node, exact(text)?))),
        is_conditional: ["python", "platform", "markers"].iter().any(|key| has(key)),
        obstacle,
        place: document.place(node),
    }
}

/// Poetry's constraints in PEP 440's syntax; `None` for those that it cannot say (alternatives).
pub(crate) fn specifiers(text: &str) -> Option<String> {
    if text.contains('|') {
        return None;
    }
    let parts = constraints(text);
    let parts = parts.iter().map(String::as_str).filter(|part| *part != "*");
    let joined = parts.map(specifier).collect::<Option<Vec<_>>>()?.join(",");
    SchemeId::Pep440.requirement(&joined).ok().map(|_| joined)
}

/// The constraints of a list: a comma parts them, or a space that follows no operator.
fn constraints(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        match found.last_mut().filter(|last| last.ends_with(['<', '>', '=', '^', '~'])) {
            Some(operator) => operator.extend([" ", word]),
            None => found.push(word.to_owned()),
        }
    }
    found
}

fn specifier(part: &str) -> Option<String> {
    if let Some(version) = part.strip_prefix('^') {
        return upto(version.trim(), |numbers| {
            numbers.iter().position(|number| *number > 0).unwrap_or(numbers.len() - 1)
        });
    }
    if let Some(version) = part.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        return upto(version.trim(), |numbers| usize::from(numbers.len() > 1));
    }
    if part.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(format!("=={part}"));
    }
    // a lone `=` is an equality there
    match part.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
        Some(version) => Some(format!("=={}", version.trim())),
        None => Some(part.to_owned()),
    }
}

/// From a version to the next one in the segment that `which` chooses.
fn upto(version: &str, which: impl Fn(&[u64]) -> usize) -> Option<String> {
    if version.contains('!') {
        return None;
    }
    let release: &str = &version
        [..version.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(version.len())];
    let release = release.trim_end_matches('.');
    let mut numbers: Vec<u64> = release.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let segment = which(&numbers);
    numbers.truncate(segment + 1);
    numbers[segment] = numbers[segment].checked_add(1)?;
    let above: Vec<String> = numbers.iter().map(u64::to_string).collect();
    Some(format!(">={version},<{}", above.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of <https://python-poetry.org/docs/dependency-specification/#version-constraints>.
    #[test]
    fn constraints_mean_what_poetry_says() {
        for (text, expected) in [
            ("^1.2.3", Some(">=1.2.3,<2")),
            ("^1.2", Some(">=1.2,<2")),
            ("^1", Some(">=1,<2")),
            ("^0.2.3", Some(">=0.2.3,<0.3")),
            ("^0.0.3", Some(">=0.0.3,<0.0.4")),
            ("^0.0", Some(">=0.0,<0.1")),
            ("^0", Some(">=0,<1")),
            ("~1.2.3", Some(">=1.2.3,<1.3")),
            ("~1.2", Some(">=1.2,<1.3")),
            ("~1", Some(">=1,<2")),
            ("~=1.2.3", Some("~=1.2.3")),
            ("*", Some("")),
            ("1.*", Some("==1.*")),
            ("1.2.*", Some("==1.2.*")),
            ("1.2.3", Some("==1.2.3")),
            ("==1.2.3", Some("==1.2.3")),
            ("= 1.2.3", Some("==1.2.3")),
            (">= 1.2, < 1.5", Some(">= 1.2,< 1.5")),
            (">=1.2 <1.5", Some(">=1.2,<1.5")),
            (">= 1.2  !=1.3 ^1", Some(">= 1.2,!=1.3,>=1,<2")),
            ("1 - 2", None),
            ("^1!2.0", None),
            ("^2.0b1", Some(">=2.0b1,<3")),
            ("^1 || ^2", None),
            ("^x", None),
            ("^99999999999999999999", None),
            ("^18446744073709551615", None),
        ] {
            assert_eq!(specifiers(text).as_deref(), expected, "{text}");
        }
    }
}
