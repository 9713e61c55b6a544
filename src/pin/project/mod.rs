//! Files of the project that other tools own and that pin packages: one file a format.
//!
//! A format turns text into [`Dependency`]s: which package of which registry, at which version, what the project requires
//! of it, and where each of that stands. It reads what is written, with a real parser, and guesses nothing: what it
//! cannot turn into a pin keeps the reason ([`Dependency::obstacle`]). Which dependencies count, and how they become pins,
//! is left to [`super::holdings`]; nothing here asks a registry or writes a file.
//!
//! Adding a format: write the function beside the others, add one line to the list at the end of this file and one row to
//! `docs/sources.md`.

mod cargo;
mod catalog;
mod dockerfile;
pub mod files;
mod gomod;
mod helm;
mod image;
mod npm;
mod pnpm;
mod python;
mod ruby;
pub(super) mod text;
mod workflow;
mod yarn;

use std::sync::{Arc, LazyLock};

use globset::{Glob, GlobMatcher};
use schemars::JsonSchema;

use self::files::Files;
pub(crate) use self::python::poetry_specifiers;
use super::{Ignore, Place, TagTemplate, Written};
use crate::document::{FileError, Source, Word};
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// What a file of the project says of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name by which the project calls it: an alias, where the file gives one.
    pub name: String,
    /// Upstream's name.
    pub upstream: String,
    /// Who lists its releases; `None` where upmon knows no such registry, and then there is an obstacle.
    pub registry: Option<RegistryId>,
    /// The git remote, for dependencies whose releases are tags.
    pub url: Option<String>,
    /// How its tags spell a version, where the ecosystem says so.
    pub tag: Option<TagTemplate>,
    /// How its versions compare, unless as the registry's do.
    pub scheme: Option<SchemeId>,
    /// Versions that the project never takes.
    pub ignore: Vec<Ignore>,
    /// The version that the file pins.
    pub version: Option<Written>,
    /// The range of versions that the project accepts.
    pub requirement: Option<Written>,
    /// Whether the version is a tag that its owner moves, see `Pin::moves`.
    pub moves: bool,
    /// Whether the project itself names it, and not only another package.
    pub is_direct: bool,
    /// Why it is no pin that can be checked: a sentence fragment. Without it, there are a registry and a version.
    pub obstacle: Option<String>,
    /// Where the dependency stands.
    pub place: Place,
}

impl Dependency {
    /// A direct dependency at a version.
    pub(super) fn pinned(registry: RegistryId, name: &str, version: Written) -> Self {
        let place = version.place.clone();
        Self { version: Some(version), obstacle: None, registry: Some(registry), ..Self::open(name, place, "") }
    }

    /// A direct dependency that cannot be checked; its registry may be added.
    pub(super) fn open(name: &str, place: Place, obstacle: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            upstream: name.to_owned(),
            registry: None,
            url: None,
            tag: None,
            scheme: None,
            ignore: Vec::new(),
            version: None,
            requirement: None,
            moves: false,
            is_direct: true,
            obstacle: Some(obstacle.into()),
            place,
        }
    }

    /// The same under upstream's own name.
    pub(super) fn of(self, upstream: &str) -> Self {
        Self { upstream: upstream.to_owned(), ..self }
    }

    /// The same with what the project requires.
    pub(super) fn requiring(self, requirement: Option<Written>) -> Self {
        Self { requirement, ..self }
    }
}

/// What a format's function takes and gives.
type Reader = fn(&Arc<Source>, &dyn Files) -> Result<Vec<Dependency>, FileError>;

/// Declares every format once: its name, the group of its pins, how its files are called, and what reads them.
macro_rules! formats {
    ($($name:ident = $word:literal, $group:literal, $files:expr, $reader:path, $about:literal;)+) => {
        /// What kind of file it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
        pub enum Format {
            $(#[doc = $about] #[schemars(rename = $word)] $name,)+
        }

        impl Format {
            /// Every format, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in the pins file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The group of its pins, unless the pins file names another.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$name => $group,)+ }
            }

            /// How its files are called, as globs; the first that matches a name decides.
            pub const fn file_names(self) -> &'static [&'static str] {
                match self { $(Self::$name => $files,)+ }
            }

            fn reader(self) -> Reader {
                match self { $(Self::$name => $reader,)+ }
            }
        }
    };
}

formats! {
    CargoLock = "cargo-lock", "rust", &["Cargo.lock"], cargo::lock, "Cargo's lock file; the manifests beside it say what is direct.";
    CargoToml = "cargo-toml", "rust", &["Cargo.toml"], cargo::manifest, "Cargo's manifest alone: it pins what it requires exactly.";
    PackageLock = "package-lock", "npm", &["package-lock.json", "npm-shrinkwrap.json"], npm::lock, "npm's lock file, version 2 or 3; the `package.json` beside it says what is required.";
    PackageJson = "package-json", "npm", &["package.json"], npm::manifest, "npm's manifest alone: it pins what it requires exactly.";
    UvLock = "uv-lock", "python", &["uv.lock"], python::uv_lock, "uv's lock file; the `pyproject.toml` beside it says what is required.";
    PoetryLock = "poetry-lock", "python", &["poetry.lock"], python::poetry_lock, "Poetry's lock file; the `pyproject.toml` beside it says what is direct.";
    Pyproject = "pyproject", "python", &["pyproject.toml"], python::manifest, "A Python project's manifest alone: it pins what it requires exactly.";
    Requirements = "requirements", "python", &["*requirements*.txt", "*requirements*.in"], python::requirements, "A requirements file of pip: it pins what it requires exactly.";
    GemfileLock = "gemfile-lock", "ruby", &["Gemfile.lock", "gems.locked"], ruby::lock, "Bundler's lock file; the Gemfile and the gemspecs beside it say what is required.";
    Gemspec = "gemspec", "ruby", &["*.gemspec"], ruby::gemspec, "A gemspec alone: it pins what it requires exactly.";
    PnpmLock = "pnpm-lock", "npm", &["pnpm-lock.yaml"], pnpm::lock, "pnpm's lock file, version 5.3 to 9.0; the `package.json` beside it says what is required.";
    YarnLock = "yarn-lock", "npm", &["yarn.lock"], yarn::lock, "Yarn's lock file, of version 1 and of later ones; the `package.json` beside it says what is direct.";
    GoMod = "go-mod", "go", &["go.mod"], gomod::read, "A Go module: the tags of the modules that it requires.";
    Dockerfile = "dockerfile", "images", &["Dockerfile", "Containerfile", "Dockerfile.*", "Containerfile.*", "*.Dockerfile"], dockerfile::read, "A Dockerfile: the images that it builds on.";
    HelmLock = "helm-lock", "charts", &["Chart.lock"], helm::lock, "Helm's lock file; the `Chart.yaml` beside it says what is required.";
    HelmChart = "helm-chart", "charts", &["Chart.yaml"], helm::manifest, "A chart of Helm: the charts that it depends on.";
    HelmValues = "helm-values", "images", &["values.yaml", "values-*.yaml", "values.*.yaml"], helm::values, "The values of a chart of Helm: the images that they name.";
    Workflow = "workflow", "actions", &[".github/workflows/*.yml", ".github/workflows/*.yaml", "action.yml", "action.yaml"], workflow::read, "A workflow of GitHub Actions, or an action: the tags of the actions that it uses.";
}

impl Format {
    /// The format of a file by its name, with slashes.
    pub fn of(path: &str) -> Option<Self> {
        static NAMES: LazyLock<Vec<(GlobMatcher, Format)>> = LazyLock::new(|| {
            let glob = |name: &str| Glob::new(&format!("**/{name}")).expect("the names of the list are globs");
            let of =
                |format: Format| format.file_names().iter().map(move |name| (glob(name).compile_matcher(), format));
            Format::ALL.iter().copied().flat_map(of).collect()
        });
        NAMES.iter().find(|(glob, _)| glob.is_match(path)).map(|(_, format)| *format)
    }

    /// Everything that a file says.
    ///
    /// # Errors
    /// When the file, or one that belongs to it, cannot be read or is not of the format.
    pub fn read(self, file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
        self.reader()(file, files)
    }
}

impl Word for Format {
    const KIND: &'static str = "a format that upmon reads";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_wherever_it_lies() {
        for (path, expected) in [
            ("Cargo.lock", Some(Format::CargoLock)),
            ("a/b/Cargo.lock", Some(Format::CargoLock)),
            ("./Cargo.toml", Some(Format::CargoToml)),
            ("MyCargo.lock", None),
            ("Cargo.lock.orig", None),
            ("versions.txt", None),
        ] {
            assert_eq!(Format::of(path), expected, "{path}");
        }
    }
}
