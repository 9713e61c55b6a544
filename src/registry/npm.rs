//! The npm registry and whatever else serves packuments: one JSON document a package.
//!
//! The abbreviated form is asked for first: it has every version, dist-tag and deprecation, and is a fraction of the full
//! one's size. Publication times and links are only in the full form, which is asked for when they are wanted. What came
//! back is read for what it is, not for what was asked: managers answer with the full form, or add times to the
//! abbreviated one. <https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>
//!
//! Versions that were unpublished stand in `time` alone and are no releases. A package that was unpublished as a whole is
//! an empty set with a status that says so. There is no request for links alone: a pin that is behind gets the full form
//! for its dates, and that has them.

mod name;
mod packument;
mod repository;

use futures_util::future::BoxFuture;
use url::Url;

use super::{Query, Registry, RegistryId, base_or_default, dated, under};
use crate::error::LookupError;
use crate::http::{Decode, Fetch, Fetched, Head, Malformed, Request};
use crate::release::ReleaseSet;
use packument::Packument;

/// The public registry.
pub const DEFAULT_URL: Option<&str> = Some(PUBLIC);

const PUBLIC: &str = "https://registry.npmjs.org/";

/// Where a person reads about a package of the public registry.
const PAGES: &str = "https://www.npmjs.com/package";

/// What npm itself sends to install a package.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

const FULL: &str = "application/json";

/// Nothing of a packument is kept but versions, tags and times, so this bounds time and traffic, not memory. The largest
/// known ones have about 40 MB.
const MAX_SIZE: u64 = 128 << 20;

/// An npm registry.
#[derive(Debug)]
pub struct Npm {
    base: Url,
}

impl Npm {
    /// The registry at `base`, or the public one.
    pub fn new(base: Option<Url>) -> Self {
        Self { base: base_or_default(base, PUBLIC) }
    }

    async fn packument(&self, query: &Query, accept: &'static str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let name = &query.package;
        if !name::is_valid(name) {
            return Err(LookupError::NotFound { message: format!("`{name}` cannot be the name of an npm package") });
        }
        let url = under(&self.base, &[name]);
        let request = Request { registry: self.id(), package: name.clone(), url, accept, max_size: MAX_SIZE };
        fetch.fetch(request, &|_: &Head| decode(name)).await
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a decoder's maker")]
fn decode(package: &str) -> Result<Box<dyn Decode>, Malformed> {
    Ok(Box::new(Packument::of(package)))
}

impl Registry for Npm {
    fn id(&self) -> RegistryId {
        RegistryId::Npm
    }

    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(self.packument(query, if query.dates { FULL } else { ABBREVIATED }, fetch))
    }

    fn dates<'a>(
        &'a self,
        query: &'a Query,
        wanted: &'a [&'a str],
        fetch: &'a dyn Fetch,
    ) -> BoxFuture<'a, Result<ReleaseSet, LookupError>> {
        Box::pin(async move {
            let full = self.packument(query, FULL, fetch).await?;
            dated(query, wanted, self.id(), full)
        })
    }

    /// Only for the public registry: where another one shows its packages cannot be told from its address.
    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        let is_public = self.base.as_str() == PUBLIC && name::is_valid(&query.package);
        let pages = is_public.then(|| Url::parse(PAGES).expect("the address of the pages is a URL"))?;
        let name: Vec<&str> = query.package.split('/').collect();
        let version = version.map(|version| ["v", version]);
        Some(under(&under(&pages, &name), version.as_ref().map_or(&[], |path| path)).into())
    }
}
