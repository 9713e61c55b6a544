//! The only way out: from a request to the facts in its answer.
//!
//! A registry describes what it wants as a [`Request`] and how to read the answer as a [`Decode`]; everything between
//! (connections, credentials, cache, pace, retries, deadlines) happens behind [`Fetch`]. Answers are decoded chunk by
//! chunk as they arrive, so a body of 40 MB never stands in memory, and what is cached is the decoded facts.

mod asker;
pub mod cache;
pub mod client;
pub mod client_config;
mod clock;
pub mod credentials;
mod exchange;
mod freshness;
mod gunzip;
pub mod journal;
pub mod limit;
pub(crate) mod lines;
pub mod meter;
pub mod options;
pub mod recording;
mod retry;
pub(crate) mod room;
pub mod splitter;
pub(crate) mod trouble;

use std::fmt;

use futures_util::future::BoxFuture;
use http::StatusCode;
use url::Url;

use crate::error::LookupError;
use crate::registry::RegistryId;
use crate::release::ReleaseSet;

/// One question to a registry: always a `GET`. Its `Debug` shows no credential that stands in the address.
#[derive(Clone)]
pub struct Request {
    /// Who asks; selects the registry's pace, size cap, credential and freshness.
    pub registry: RegistryId,
    /// The package, for messages.
    pub package: String,
    /// The full address. A path prefix of the configured base is already part of it.
    pub url: Url,
    /// The `Accept` header; part of the cache key.
    pub accept: &'static str,
    /// Largest decoded body, in bytes, that is read before the answer counts as [`LookupError::BadResponse`].
    pub max_size: u64,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("registry", &self.registry)
            .field("package", &self.package)
            .field("url", &shown(&self.url))
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}

/// What is known of an answer before its body.
#[derive(Debug, Clone)]
pub struct Head {
    /// 200 whenever a decoder sees it; other statuses are turned into errors before.
    pub status: StatusCode,
    /// The address that answered, after redirects.
    pub url: Url,
    /// The media type of `Content-Type`, lower case, without parameters; `None` where the header is missing or unreadable.
    pub media_type: Option<String>,
}

/// What makes an answer unusable, as a sentence fragment: "expected a JSON object, got `<!doctype`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl Malformed {
    /// A reason in words.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Reads one body, chunk by chunk, keeping only the facts.
pub trait Decode: Send {
    /// Takes the next bytes; chunk borders mean nothing.
    ///
    /// # Errors
    /// When the bytes so far cannot be the start of a right answer; the rest is not read then.
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed>;

    /// How many bytes of memory it takes so far, roughly: what it has begun to read, and the facts. Asked now and then.
    fn held(&self) -> usize;

    /// Ends the body.
    ///
    /// # Errors
    /// When the body was not complete.
    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed>;
}

/// Makes the decoder for an answer from what the answer says of itself. Called once an attempt, so a retry starts afresh.
///
/// # Errors
/// When the media type (or what the registry knows of such answers) rules the body out.
pub type Decoder<'a> = &'a (dyn Fn(&Head) -> Result<Box<dyn Decode>, Malformed> + Send + Sync);

/// Where facts came from, for `explain` and the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Read from the registry in this run.
    Network,
    /// Kept from an earlier run; the registry confirmed them in this run (304).
    Revalidated,
    /// Kept from an earlier run and still fresh by the registry's own `Cache-Control`.
    Fresh,
    /// Kept from an earlier run and no longer fresh; shown because the user asked for stale facts.
    Stale,
}

/// Facts and where they came from.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What the answer said.
    pub facts: ReleaseSet,
    /// Where it came from.
    pub origin: Origin,
    /// When the registry last said so, if that was in an earlier run.
    pub confirmed_at: Option<chrono::DateTime<chrono::Utc>>,
    /// The address asked, safe to show.
    pub address: String,
}

/// The seam between registries and the network. The real one is [`client::Client`]; tests give a canned answer.
pub trait Fetch: Send + Sync {
    /// Asks, follows, waits, retries and decodes, within the run's deadline.
    ///
    /// # Errors
    /// One of the five kinds of [`LookupError`], never a guess: an answer that is not wholly understood is an error.
    fn fetch<'a>(&'a self, request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>>;

    /// Where facts are kept between runs, for lookups that do not go over HTTP (git); `None` keeps none.
    fn cache(&self) -> Option<&cache::Cache> {
        None
    }

    /// Where lookups are noted, for who does not ask through here (git); `None` notes none.
    fn journal(&self) -> Option<&journal::Journal> {
        None
    }

    /// Where what comes over the wire is kept, or comes from, for who does not ask over HTTP (git); `None` for the world as
    /// it is.
    fn tape(&self) -> Option<&std::sync::Arc<recording::Tape>> {
        None
    }
}

/// An address as it may be shown: without user, password and query.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
