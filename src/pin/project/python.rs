//! Python: `uv.lock`, `poetry.lock`, `pyproject.toml` and requirements files.
//!
//! A lock file may hold several versions of a package, each for other interpreters; all of them are pins, the highest
//! first. What is direct and required is read from `pyproject.toml`; names are compared as
//! [normalised](https://packaging.python.org/en/latest/specifications/name-normalization/).

mod declared;
mod poetry;
mod requirement;
mod requirements;
mod uv;

use std::collections::HashMap;
use std::sync::Arc;

use self::declared::Declared;
use super::Dependency;
use super::files::Files;
use crate::document::{FileError, Source};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::registry::pypi::fold;
use crate::version::SchemeId;

pub(super) use self::poetry::lock as poetry_lock;
pub(crate) use self::poetry::specifiers as poetry_specifiers;
pub(super) use self::requirements::read as requirements;
pub(super) use self::uv::lock as uv_lock;

/// Reads `pyproject.toml` without a lock file: what is required exactly is a pin.
pub(super) fn manifest(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let document = declared::manifest(Arc::clone(file))?;
    Ok(declared::of(&document).into_iter().map(Declared::alone).collect())
}

/// A package of a lock file.
struct Package {
    name: String,
    version: Option<Written>,
    /// Why it is none of the index's.
    obstacle: Option<&'static str>,
}

impl Package {
    /// The version as it is written; nothing where there is none.
    fn text(&self) -> &str {
        self.version.as_ref().map_or("", |version| &version.text)
    }

    /// It as a pin; the name is the one that the project uses.
    fn pinned(&self, name: &str, requirement: Option<Written>) -> Option<Dependency> {
        let version = self.version.clone()?;
        let dependency = match self.obstacle {
            Some(obstacle) => Dependency::open(name, version.place.clone(), obstacle),
            None => Dependency::pinned(RegistryId::PyPi, name, version),
        };
        Some(dependency.requiring(requirement))
    }
}

/// The pins of one package of a project: every version that is locked, the highest first, each with what is required of
/// it. A project may require several things of one package, each for other interpreters; what does not accept a version
/// is then about another one.
fn locked(packages: &[&Package], declared: &[&Declared]) -> Vec<Dependency> {
    let mut packages = packages.to_vec();
    packages.sort_by(|a, b| {
        let parsed = |package: &Package| SchemeId::Pep440.parse(package.text()).ok();
        match (parsed(a), parsed(b)) {
            (Some(a), Some(b)) => b.total_order(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    });
    let is_one = packages.len() == 1;
    let mut found = Vec::new();
    for package in packages {
        // where there is but one, what holds everywhere is about it
        let is_about = |one: &&Declared| one.accepts(package.text()) || is_one && !one.is_conditional;
        let about: Vec<&Declared> = declared.iter().copied().filter(is_about).collect();
        let meant = if about.is_empty() { declared } else { &about };
        if meant.is_empty() {
            found.extend(package.pinned(&package.name, None));
        }
        found.extend(meant.iter().filter_map(|declared| package.pinned(&declared.name, declared.requirement.clone())));
    }
    found
}

/// What is called by a name, whoever spells it.
fn by_name<T>(all: &[T], name: impl Fn(&T) -> &str) -> HashMap<String, Vec<&T>> {
    let mut found: HashMap<String, Vec<&T>> = HashMap::new();
    for one in all {
        found.entry(fold(name(one))).or_default().push(one);
    }
    found
}

/// Whether two names are those of one project.
fn is_same(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

/// Whether an address is that of the public index.
fn is_pypi(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| url.host_str() == Some("pypi.org"))
}

const OTHER_INDEX: &str = "comes from another index than PyPI";
const FROM_GIT: &str = "comes from git, not from an index";
const FROM_ADDRESS: &str = "comes from an address, not from an index";
const OURS: &str = "a package of this repository";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::files::Memory;
    use super::*;

    /// Every name was looked for among all others.
    #[test]
    fn tens_of_thousands_of_packages_are_read_in_linear_time() {
        const MANY: usize = 30_000;
        let mut packages = String::new();
        let mut names = String::new();
        for number in 0..MANY {
            write!(packages, "[[package]]\nname = 'p{number}'\nversion = '1.0'\n").unwrap();
            write!(names, "'p{number}', ").unwrap();
        }
        let edges = names.replace("'p", "{ name = 'p").replace("', ", "' }, ");
        let uv = format!("{packages}[[package]]\nname = 'x'\nsource = {{ virtual = '.' }}\ndependencies = [{edges}]\n");
        let manifest = format!(
            "[project]\nname = 'x'\ndependencies = [{names}]\n[tool.uv]\noverride-dependencies = [{names}]\n\
             constraint-dependencies = [{names}]\n"
        );
        let files = Memory::of(&[("uv.lock", uv.as_str()), ("poetry.lock", &packages), ("pyproject.toml", &manifest)]);
        let read = |name: &str| files.read(name.as_ref()).unwrap().unwrap();
        assert_eq!(uv_lock(&read("uv.lock"), &files).unwrap().len(), 2 * MANY);
        assert_eq!(poetry_lock(&read("poetry.lock"), &files).unwrap().len(), MANY);
    }
}
