//! `PyPI` and other Python package indexes.
//!
//! The simple API is asked: as JSON where the server has it (versions, files, times, yanks, the project's status), else as
//! HTML (files and yanks alone). The project JSON API `/pypi/<name>/json`, which is `PyPI`'s own and not every server's,
//! is asked for three things: dates that the simple API did not give, links of a project that is behind, and everything
//! when the server answers the simple API with "not found". What came back is read for what it is: managers answer with
//! HTML where JSON was asked for, and call JSON a plain text.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>,
//! <https://docs.pypi.org/api/json/>

mod answer;
mod file_name;
mod html;
mod json;
mod listing;
mod name;

pub(crate) use name::fold;

use futures_util::future::BoxFuture;
use url::Url;

use super::{Query, Registry, RegistryId, base_or_default, dated, under};
use crate::error::LookupError;
use crate::http::{Fetch, Fetched, Head, Request};
use crate::release::{Links, ReleaseSet};
use listing::Labels;

/// The public index: the root above `simple/` and `pypi/`.
pub const DEFAULT_URL: Option<&str> = Some(PUBLIC);

const PUBLIC: &str = "https://pypi.org/";

/// The order of preference that the specification recommends to clients.
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

const PROJECT: &str = "application/json";

/// The largest projects have tens of thousands of files and list them in some ten megabytes.
const MAX_SIZE: u64 = 64 << 20;

/// A Python package index.
#[derive(Debug)]
pub struct PyPi {
    base: Url,
}

impl PyPi {
    /// The index at `base`, or the public one.
    pub fn new(base: Option<Url>) -> Self {
        Self { base: base_or_default(base, PUBLIC) }
    }

    async fn simple(&self, name: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        self.ask(name, under(&self.base, &["simple", name, ""]), SIMPLE, fetch).await
    }

    async fn project(&self, name: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        self.ask(name, under(&self.base, &["pypi", name, "json"]), PROJECT, fetch).await
    }

    async fn ask(&self, name: &str, url: Url, accept: &'static str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let request = Request { registry: self.id(), package: name.to_owned(), url, accept, max_size: MAX_SIZE };
        fetch.fetch(request, &|head: &Head| answer::decode(name, head)).await
    }

    /// A server that has no simple API, or none for this project, is asked once more in the other way. When that
    /// fails too, the first answer stands, unless the second might be different later.
    async fn listing(&self, name: &str, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let not_found = match self.simple(name, fetch).await {
            Err(error @ LookupError::NotFound { .. }) => error,
            other => return other,
        };
        match self.project(name, fetch).await {
            Ok(project) if !project.facts.releases.is_empty() => Ok(project),
            Err(error @ (LookupError::Unreachable { .. } | LookupError::RateLimited { .. })) => Err(error),
            Ok(_) | Err(_) => Err(not_found),
        }
    }

    /// The releases, and with them the project's own dates where those are wanted and lacking. That a server has no
    /// such dates makes them unknown, not the releases.
    async fn dated_listing(&self, query: &Query, fetch: &dyn Fetch) -> Result<Fetched, LookupError> {
        let name = &name::normalised(&query.package)?;
        let mut listing = self.listing(name, fetch).await?;
        let undated: Vec<&str> = listing
            .facts
            .releases
            .iter()
            .filter(|release| release.published_at.is_none() && !release.without_files)
            .map(|release| &*release.version)
            .collect();
        if query.dates && !undated.is_empty() {
            match self.project(name, fetch).await {
                Ok(project) => {
                    let dated = spelled(project.facts, &undated);
                    listing.facts.adopt_dates(&dated);
                }
                Err(error) => tracing::debug!(%error, package = query.package, "no dates"),
            }
        }
        Ok(listing)
    }
}

/// Adds the wanted labels where `facts` has the same versions in another spelling.
fn spelled(mut facts: ReleaseSet, wanted: &[&str]) -> ReleaseSet {
    let labels: Labels = facts.releases.iter().map(|release| &*release.version).collect();
    let respelled: Vec<_> = wanted
        .iter()
        .filter_map(|label| {
            let release = &facts.releases[labels.find(label)?];
            (*release.version != **label)
                .then(|| crate::release::Release { version: (*label).into(), ..release.clone() })
        })
        .collect();
    facts.releases.extend(respelled);
    facts
}

impl Registry for PyPi {
    fn id(&self) -> RegistryId {
        RegistryId::PyPi
    }

    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(self.dated_listing(query, fetch))
    }

    fn dates<'a>(
        &'a self,
        query: &'a Query,
        wanted: &'a [&'a str],
        fetch: &'a dyn Fetch,
    ) -> BoxFuture<'a, Result<ReleaseSet, LookupError>> {
        Box::pin(async move {
            let project = self.project(&name::normalised(&query.package)?, fetch).await?;
            let facts = spelled(project.facts, wanted);
            dated(query, wanted, self.id(), Fetched { facts, ..project })
        })
    }

    fn links<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Links, LookupError>> {
        Box::pin(async move { Ok(self.project(&name::normalised(&query.package)?, fetch).await?.facts.links) })
    }

    /// Only for the public index: where another one shows its projects cannot be told from its address.
    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        let name = name::normalised(&query.package).ok().filter(|_| self.base.as_str() == PUBLIC)?;
        let path: Vec<&str> = ["project", &name].into_iter().chain(version).chain([""]).collect();
        Some(under(&self.base, &path).into())
    }
}
