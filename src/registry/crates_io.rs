//! crates.io and other Cargo registries, through their sparse index.
//!
//! The index is one small file a crate, one JSON object a line, with yanks and (since Cargo 1.94) publication times; it
//! has a CDN and no rate limit, which the web API does not; [`index`] reads it. The web API is asked for links alone, see
//! [`links`].

mod index;
mod links;

use futures_util::future::{BoxFuture, FutureExt};
use url::Url;

use self::index::IndexFile;
use self::links::LinkSource;
use super::{Query, Registry, RegistryId, base_or_default, under};
use crate::error::LookupError;
use crate::http::options::Options;
use crate::http::{Fetch, Fetched, Request};
use crate::release::Links;

/// The root of the public sparse index.
pub const DEFAULT_URL: Option<&str> = Some(INDEX);

const INDEX: &str = "https://index.crates.io/";

/// Largest index file read. Far above any true one; that of `aws-sdk-ec2` has 1.6 MB.
const MAX_SIZE: u64 = 64 << 20;

/// A Cargo registry.
#[derive(Debug)]
pub struct CratesIo {
    base: Url,
    links: LinkSource,
}

impl CratesIo {
    /// The registry whose sparse index has its root at `base`, or crates.io. Cargo's own spelling of such an address,
    /// `sparse+https://...`, is understood.
    pub fn new(base: Option<Url>) -> Self {
        Self::with_options(base, &Options::default())
    }

    /// The same, where the web API is asked with these options: user agent, certificates and time to connect. It keeps a
    /// client of its own.
    pub fn with_options(base: Option<Url>, options: &Options) -> Self {
        Self { base: base_or_default(base.map(without_protocol), INDEX), links: LinkSource::crates_io(options) }
    }

    /// Whether this is crates.io itself, the only registry whose web pages and web API are known.
    fn is_public(&self) -> bool {
        self.base.as_str() == INDEX
    }

    async fn ask(&self, query: &Query, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let name = &query.package;
        if !is_crate_name(name) {
            let message = format!("crates-io has no `{}`: that cannot be the name of a crate", name.escape_debug());
            return Err(LookupError::NotFound { message });
        }
        match self.index(name, fetch).await {
            Err(LookupError::NotFound { message }) => Err(self.not_found(name, message, fetch).await),
            answer => answer,
        }
    }

    async fn index(&self, name: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let request = Request {
            registry: RegistryId::CratesIo,
            package: name.to_owned(),
            url: index_url(&self.base, name),
            accept: "text/plain",
            max_size: MAX_SIZE,
        };
        fetch.fetch(request, &|_| Ok(Box::new(IndexFile::of(name)))).await
    }

    /// The error of a missing crate, with the spelling that the registry does have: the index tells `-` from `_`, people
    /// often do not. Another crate's releases are never taken for those of the pin.
    async fn not_found(&self, name: &str, message: String, fetch: &dyn Fetch) -> LookupError {
        let Some(other) = other_spelling(name) else { return LookupError::NotFound { message } };
        match self.index(&other, fetch).await {
            Ok(_) => LookupError::NotFound { message: format!("{message}; did you mean `{other}`?") },
            Err(_) => LookupError::NotFound { message },
        }
    }
}

impl Registry for CratesIo {
    fn id(&self) -> RegistryId {
        RegistryId::CratesIo
    }

    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        self.ask(query, fetch).boxed()
    }

    fn links<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Links, LookupError>> {
        if self.is_public() && is_crate_name(&query.package) {
            self.links.ask_or_recall(&query.package, fetch).boxed()
        } else {
            async { Ok(Links::default()) }.boxed()
        }
    }

    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        let crates = Url::parse("https://crates.io/crates/").expect("a constant address");
        let segments: Vec<&str> = std::iter::once(&*query.package).chain(version).collect();
        self.is_public().then(|| under(&crates, &segments).into())
    }
}

fn without_protocol(base: Url) -> Url {
    base.as_str().strip_prefix("sparse+").and_then(|plain| Url::parse(plain).ok()).unwrap_or(base)
}

/// Whether a name can stand in an index. crates.io allows ASCII letters, digits, `-` and `_`; no registry that Cargo can
/// use allows what could leave its place in a path.
fn is_crate_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Where a crate's file lies: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcd`, always in lower case.
fn index_url(base: &Url, name: &str) -> Url {
    let name = name.to_ascii_lowercase();
    match name.len() {
        1 => under(base, &["1", &name]),
        2 => under(base, &["2", &name]),
        3 => under(base, &["3", &name[..1], &name]),
        _ => under(base, &[&name[..2], &name[2..4], &name]),
    }
}

/// The name with its separators swapped; `None` where there are none. A mixed name becomes one with hyphens alone.
fn other_spelling(name: &str) -> Option<String> {
    let other = if name.contains('_') { name.replace('_', "-") } else { name.replace('-', "_") };
    (other != name).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::Strategy;

    fn query(package: &str) -> Query {
        Query { package: package.into(), url: None, strategy: Strategy::Tags, tag_prefix: String::new(), dates: false }
    }

    #[test]
    fn a_crate_lies_where_cargo_looks_for_it() {
        let rows = [
            ("https://index.crates.io/", "a", "https://index.crates.io/1/a"),
            ("https://index.crates.io/", "ab", "https://index.crates.io/2/ab"),
            ("https://index.crates.io/", "abc", "https://index.crates.io/3/a/abc"),
            ("https://index.crates.io/", "serde", "https://index.crates.io/se/rd/serde"),
            ("https://index.crates.io/", "Inflector", "https://index.crates.io/in/fl/inflector"),
            ("https://index.crates.io/", "cfg-if", "https://index.crates.io/cf/g-/cfg-if"),
            ("https://index.crates.io", "serde_json", "https://index.crates.io/se/rd/serde_json"),
            ("https://host/api/cargo/repo/index", "abc", "https://host/api/cargo/repo/index/3/a/abc"),
            ("sparse+https://host:8443/index/", "abcd", "https://host:8443/index/ab/cd/abcd"),
        ];
        for (base, name, expected) in rows {
            let registry = CratesIo::new(Some(Url::parse(base).unwrap()));
            assert_eq!(index_url(&registry.base, name).as_str(), expected);
        }
    }

    #[test]
    fn no_name_can_leave_its_place_in_the_index() {
        for name in ["", ".", "..", "../x", "a/b", "a b", "a%2fb", "größe", "a\n", "a?b", "a#b"] {
            assert!(!is_crate_name(name), "{name}");
        }
        for name in ["a", "Inflector", "serde_json", "cfg-if", "r2d2"] {
            assert!(is_crate_name(name), "{name}");
        }
    }

    #[test]
    fn the_other_spelling_swaps_the_separators() {
        let rows = [("serde", None), ("cfg_if", Some("cfg-if")), ("cfg-if", Some("cfg_if")), ("a-b_c", Some("a-b-c"))];
        for (name, other) in rows {
            assert_eq!(other_spelling(name).as_deref(), other, "{name}");
        }
    }

    #[test]
    fn only_the_public_registry_has_a_public_page() {
        let public = CratesIo::new(None);
        assert_eq!(public.page(&query("serde"), None).unwrap(), "https://crates.io/crates/serde");
        let hostile = public.page(&query("serde"), Some("1.0.0/../../evil?x")).unwrap();
        assert_eq!(hostile, "https://crates.io/crates/serde/1.0.0%2F..%2F..%2Fevil%3Fx");
        let private = CratesIo::new(Some(Url::parse("https://host/index/").unwrap()));
        assert_eq!(private.page(&query("serde"), Some("1.0.0")), None);
    }
}
