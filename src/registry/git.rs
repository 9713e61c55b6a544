//! Placeholder.
use super::{Query, Registry, RegistryId};
use crate::error::LookupError;
use crate::http::{Fetch, Fetched};
use futures_util::future::BoxFuture;
use url::Url;
/// The public address.
pub const DEFAULT_URL: Option<&str> = None;
/// Placeholder.
#[derive(Debug)]
pub struct Git {}
impl Git {
    /// At a base.
    pub fn new(_base: Option<Url>) -> Self {
        Self {}
    }
}
impl Registry for Git {
    fn id(&self) -> RegistryId {
        RegistryId::Git
    }
    fn releases<'a>(&'a self, query: &'a Query, _fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(async move { Err(LookupError::Unreachable { message: format!("`{}` was not asked", query.package) }) })
    }
    fn page(&self, _query: &Query, _version: Option<&str>) -> Option<String> {
        None
    }
}
