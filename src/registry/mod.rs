//! Where releases are listed: one file a registry, one list of registries.
//!
//! A registry asks and translates. It does not cache, retry, sort, filter prereleases, choose the newest or print: the
//! engine does. What it may rely on is [`Fetch`] (or, for git, the transport that `http` configures) and its base URL.
//!
//! Adding one: copy the nearest file, change address, fields and conversion, add one line to the list at the end of this
//! file, run the tests: the contract tests in `tests/it` ask for what is missing.

mod instant;
mod loose;
mod members;

use std::fmt;

use futures_util::future::BoxFuture;
use url::Url;

use crate::error::LookupError;
use crate::http::{Fetch, Fetched};
use crate::pin::Strategy;
use crate::release::{Links, Release, ReleaseSet};
use crate::version::SchemeId;

/// What is asked of a registry: one package, whoever pins it and at whatever version. Two pins with equal queries share
/// one lookup.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// Upstream's name of the package.
    pub package: String,
    /// The remote, for registries that are not one place (git).
    pub url: Option<String>,
    /// What to follow (git only).
    pub strategy: Strategy,
    /// The text that every wanted tag starts with, so that a remote need not send the others; empty for all.
    pub tag_prefix: String,
    /// Whether publication times are wanted for every release, at the cost of a larger or a second answer: `--as-of`
    /// and `minimum-age` cannot be judged without them.
    pub dates: bool,
}

/// A place that lists releases.
pub trait Registry: fmt::Debug + Send + Sync {
    /// Which one.
    fn id(&self) -> RegistryId;

    /// Everything the registry tells of the package's releases.
    ///
    /// A package that exists without any release is an empty set, not an error; the engine makes it
    /// `no-eligible-release`.
    ///
    /// # Errors
    /// As [`LookupError`] says; a package that does not exist is [`LookupError::NotFound`].
    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>>;

    /// Publication times for the labels in `wanted`, asked only when [`Registry::releases`] gave none for them and a
    /// pin is behind. The answer holds releases with dates, at least those wanted that have one; others may be added.
    ///
    /// # Errors
    /// As [`LookupError`] says. The engine then reports the dates as unknown; the lookup stands.
    fn dates<'a>(
        &'a self,
        _query: &'a Query,
        _wanted: &'a [&'a str],
        _fetch: &'a dyn Fetch,
    ) -> BoxFuture<'a, Result<ReleaseSet, LookupError>> {
        Box::pin(async { Ok(ReleaseSet::default()) })
    }

    /// Addresses for a person, asked only for a package that is behind.
    ///
    /// # Errors
    /// As [`LookupError`] says. The engine then does without; the lookup stands.
    fn links<'a>(&'a self, _query: &'a Query, _fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Links, LookupError>> {
        Box::pin(async { Ok(Links::default()) })
    }

    /// The public page of a package, or of one of its releases, for links in reports; `None` where none can be told.
    fn page(&self, query: &Query, version: Option<&str>) -> Option<String>;
}

/// Declares every registry once: its module, its variant in [`RegistryId`], its name, scheme and where it lives.
macro_rules! registries {
    ($($module:ident :: $name:ident = $id:literal, $scheme:ident, groups $groups:expr, $about:literal;)+) => {
        $(pub mod $module;)+

        /// Which registry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum RegistryId {
            $(#[doc = $about] #[serde(rename = $id)] $name,)+
        }

        impl RegistryId {
            /// Every registry, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in files, flags and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// One line for help texts and documentation.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)+ }
            }

            /// The scheme that reads its versions unless a pin says otherwise.
            pub const fn scheme(self) -> SchemeId {
                match self { $(Self::$name => SchemeId::$scheme,)+ }
            }

            /// Names of groups in `upstream-versions.json` that imply this registry, beside its own name.
            pub const fn groups(self) -> &'static [&'static str] {
                match self { $(Self::$name => $groups,)+ }
            }

            /// The public registry's address; `None` for a registry whose pins carry their own (git).
            pub const fn default_url(self) -> Option<&'static str> {
                match self { $(Self::$name => $module::DEFAULT_URL,)+ }
            }

            /// The registry at `base`, or at its public address.
            pub fn open(self, base: Option<Url>) -> Box<dyn Registry> {
                match self { $(Self::$name => Box::new($module::$name::new(base)),)+ }
            }
        }
    };
}

registries! {
    crates_io::CratesIo = "crates-io", Semver, groups &["rust"], "crates.io and other Cargo registries with a sparse index";
    rubygems::RubyGems = "rubygems", Gem, groups &["ruby"], "RubyGems.org and other gem servers with a compact index";
    pypi::PyPi = "pypi", Pep440, groups &["python"], "PyPI and other Python package indexes with the simple API";
    npm::Npm = "npm", Npm, groups &["typescript", "javascript", "node"], "the npm registry and others that serve packuments";
    git::Git = "git", Loose, groups &[], "tags or commits of a git remote, over http(s), git, ssh or a path";
}

impl RegistryId {
    /// The environment variable that holds the base URL: `UPMON_CRATES_IO_URL`.
    pub fn url_variable(self) -> String {
        format!("UPMON_{}_URL", self.as_str().replace('-', "_").to_uppercase())
    }

    /// The registry that a group's name implies.
    pub fn of_group(group: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|registry| registry.as_str() == group || registry.groups().contains(&group))
    }
}

impl fmt::Display for RegistryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Parses a registry's public address; the constants are checked by a test.
fn base_or_default(base: Option<Url>, default: &str) -> Url {
    let mut url = base.unwrap_or_else(|| Url::parse(default).expect("the default address is a URL"));
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// The answer to a question for publication times.
///
/// # Errors
/// When it dates none of the wanted labels: it is then no answer to that question, however well-formed.
fn dated(query: &Query, wanted: &[&str], registry: RegistryId, answer: Fetched) -> Result<ReleaseSet, LookupError> {
    let Fetched { facts, address, .. } = answer;
    let is_dated = |release: &Release| release.published_at.is_some() && wanted.contains(&&*release.version);
    if facts.releases.iter().any(is_dated) {
        return Ok(facts);
    }
    let package = &query.package;
    let message = format!("asking {registry} for `{package}`: `{address}` has none of the publication times asked for");
    Err(LookupError::BadResponse { message })
}

/// Hangs path segments under a base, keeping the base's path prefix; each segment is percent-encoded.
fn under(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(segments);
    url
}
