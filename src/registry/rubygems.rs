//! RubyGems.org and other gem servers.
//!
//! The compact index ([`info`]) is one text file a gem and what Bundler itself reads. Servers that do not have it, and
//! publication times and links where it lacks them, are asked through the JSON API ([`api`]).

mod api;
mod info;

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use futures_util::future::{BoxFuture, FutureExt};
use url::Url;

use self::api::{Gem, Versions};
use self::info::InfoFile;
use super::{Query, Registry, RegistryId, base_or_default, dated, under};
use crate::error::LookupError;
use crate::http::{Decode, Fetch, Fetched, Request};
use crate::release::{Content, Links, Release, ReleaseSet};

/// The public gem server.
pub const DEFAULT_URL: Option<&str> = Some(RUBYGEMS);

const RUBYGEMS: &str = "https://rubygems.org/";

/// Largest body read. Far above any true one: a version takes some hundred bytes of an index and about 2 KB of JSON.
const MAX_SIZE: u64 = 32 << 20;

/// A gem server.
#[derive(Debug)]
pub struct RubyGems {
    base: Url,
}

impl RubyGems {
    /// The server that has `info/` and `api/` under `base`, or RubyGems.org.
    pub fn new(base: Option<Url>) -> Self {
        Self { base: base_or_default(base, RUBYGEMS) }
    }

    async fn ask(&self, query: &Query, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let gem = &query.package;
        let mut fetched = match self.info(gem, fetch).await {
            Err(LookupError::NotFound { message }) => return self.without_index(gem, message, fetch).await,
            answer => answer?,
        };
        if query.dates && fetched.facts.releases.iter().any(|release| release.published_at.is_none()) {
            match self.versions(gem, fetch).await {
                Ok(dated) => fetched.facts.adopt_dates(&dated.facts),
                // the releases stand without; those that a finding needs are asked for again, and the failure is told
                Err(error) => tracing::debug!(%error, gem, "no publication times"),
            }
        }
        Ok(fetched)
    }

    async fn info(&self, gem: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        self.fetch(gem, &["info", gem], "text/plain", Box::<InfoFile>::default, fetch).await
    }

    async fn versions(&self, gem: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let file = format!("{gem}.json");
        self.fetch(gem, &["api", "v1", "versions", &file], "application/json", Box::<Versions>::default, fetch).await
    }

    async fn gem(&self, gem: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let file = format!("{gem}.json");
        self.fetch(gem, &["api", "v1", "gems", &file], "application/json", Box::<Gem>::default, fetch).await
    }

    async fn fetch<D: Decode + 'static>(
        &self,
        gem: &str,
        path: &[&str],
        accept: &'static str,
        decode: fn() -> Box<D>,
        fetch: &dyn Fetch,
    ) -> Result<Fetched, LookupError> {
        if !is_gem_name(gem) {
            let message = format!("rubygems has no `{}`: that cannot be the name of a gem", gem.escape_debug());
            return Err(LookupError::NotFound { message });
        }
        let request = Request {
            registry: RegistryId::RubyGems,
            package: gem.to_owned(),
            url: under(&self.base, path),
            accept,
            max_size: MAX_SIZE,
        };
        fetch.fetch(request, &|_| Ok(decode())).await
    }

    /// The releases from the JSON API, for a server that may have no compact index. Only when both say that there is no
    /// such gem, there is none.
    async fn without_index(&self, gem: &str, message: String, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        match self.versions(gem, fetch).await {
            Err(LookupError::NotFound { .. }) => Err(LookupError::NotFound { message }),
            answer => answer,
        }
    }
}

impl Registry for RubyGems {
    fn id(&self) -> RegistryId {
        RegistryId::RubyGems
    }

    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        self.ask(query, fetch).boxed()
    }

    /// The API tells all times in one answer, and links beside them.
    fn dates<'a>(
        &'a self,
        query: &'a Query,
        wanted: &'a [&'a str],
        fetch: &'a dyn Fetch,
    ) -> BoxFuture<'a, Result<ReleaseSet, LookupError>> {
        async move { dated(query, wanted, self.id(), self.versions(&query.package, fetch).await?) }.boxed()
    }

    fn links<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Links, LookupError>> {
        async { Ok(self.gem(&query.package, fetch).await?.facts.links) }.boxed()
    }

    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        if self.base.as_str() != RUBYGEMS {
            return None;
        }
        let path = match version {
            Some(version) => vec!["gems", &query.package, "versions", version],
            None => vec!["gems", &query.package],
        };
        Some(under(&self.base, &path).into())
    }
}

/// Whether RubyGems accepts such a name (`Gem::Specification::VALID_NAME_PATTERN`, and more than dots). Names keep their
/// case: `RedCloth` is not `redcloth`.
fn is_gem_name(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// What a gem consists of: the one for any platform goes before those of single ones.
fn content(platform: &str, checksum: &str) -> Option<Content> {
    let is_main = matches!(platform, "" | "ruby");
    Content::of_hex(if is_main { "ruby" } else { platform }, is_main, checksum)
}

/// Releases by number: a gem built for several platforms is listed once for each of them, and is one release. It was
/// published when the first of them was.
#[derive(Default)]
struct Folded {
    releases: Vec<Release>,
    places: HashMap<Box<str>, usize>,
}

impl Folded {
    /// Bytes of memory: each number stands in two places.
    fn held(&self) -> usize {
        let text = |release: &Release| release.version.len();
        self.releases.iter().map(|release| 2 * (size_of::<Release>() + text(release))).sum()
    }

    fn add(&mut self, number: &str, published_at: Option<DateTime<Utc>>, content: Option<Content>) {
        if let Some(&place) = self.places.get(number) {
            let known = &mut self.releases[place];
            known.published_at = known.published_at.into_iter().chain(published_at).min();
            known.content = Content::least(known.content, content);
        } else {
            self.places.insert(number.into(), self.releases.len());
            self.releases.push(Release { published_at, content, ..Release::new(number) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::Strategy;

    #[test]
    fn no_name_can_leave_its_place_on_the_server() {
        for name in ["", ".", "..", "-", "../x", "a/b", "a b", "a%2fb", "größe", "a\n", "a?b", "a#b", "a\\b"] {
            assert!(!is_gem_name(name), "{name}");
        }
        for name in ["rails", "RedCloth", "net-http", "a", "jquery.ui", "_why", "3scale_toolbox"] {
            assert!(is_gem_name(name), "{name}");
        }
    }

    #[test]
    fn only_the_public_server_has_a_public_page() {
        let query = Query {
            package: "tiny-up".into(),
            url: None,
            strategy: Strategy::Tags,
            tag_prefix: String::new(),
            dates: false,
        };
        let public = RubyGems::new(None);
        assert_eq!(public.page(&query, None).unwrap(), "https://rubygems.org/gems/tiny-up");
        assert_eq!(
            public.page(&query, Some("1/../x")).unwrap(),
            "https://rubygems.org/gems/tiny-up/versions/1%2F..%2Fx"
        );
        let private = RubyGems::new(Some(Url::parse("https://host/gems").unwrap()));
        assert_eq!(private.page(&query, Some("1.0.0")), None);
    }
}
