//! A [`Fetch`] without a network: canned answers by address, fed to the decoder in chunks of an odd size.
//!
//! For the tests of one registry's translation. What HTTP adds (statuses, retries, cache, credentials) is tested against
//! a real server elsewhere; here an answer is a body or an error. An address without an answer is not found.

use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use upmon::error::LookupError;
use upmon::http::{Decode, Decoder, Fetch, Fetched, Head, Malformed, Origin, Request, shown};
use upmon::registry::{Query, Registry};
use upmon::release::ReleaseSet;

/// Canned answers, and a record of what was asked for.
#[derive(Default)]
pub(crate) struct Canned {
    answers: Vec<Answer>,
    chunk: Option<usize>,
    asked: Mutex<Vec<String>>,
}

struct Answer {
    url: String,
    accept: Option<&'static str>,
    given: Result<(String, Vec<u8>), LookupError>,
}

impl Canned {
    /// Answers `url` with `body`, called `media_type`; an empty type stands for a missing header.
    pub(crate) fn answer(self, url: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.add(url, None, Ok((media_type.to_owned(), body.into())))
    }

    /// The same, but only to a request whose `Accept` header starts with `accept`.
    pub(crate) fn answer_if(self, url: &str, accept: &'static str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.add(url, Some(accept), Ok((media_type.to_owned(), body.into())))
    }

    /// Fails `url` with `error`.
    pub(crate) fn fail(self, url: &str, error: LookupError) -> Self {
        self.add(url, None, Err(error))
    }

    /// Feeds bodies in chunks of `size` bytes, in place of 7.
    pub(crate) fn in_chunks_of(self, size: usize) -> Self {
        Self { chunk: Some(size), ..self }
    }

    /// The addresses asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics while it holds the record").clone()
    }

    fn add(mut self, url: &str, accept: Option<&'static str>, given: Result<(String, Vec<u8>), LookupError>) -> Self {
        self.answers.push(Answer { url: url.to_owned(), accept, given });
        self
    }

    fn given(&self, request: &Request, decoder: Decoder<'_>) -> Result<ReleaseSet, LookupError> {
        self.asked.lock().expect("no test panics while it holds the record").push(request.url.to_string());
        let is_answer = |answer: &&Answer| {
            answer.url == request.url.as_str() && answer.accept.is_none_or(|accept| request.accept.starts_with(accept))
        };
        let not_found = || LookupError::NotFound { message: format!("no canned answer for {}", request.url) };
        let answer = self.answers.iter().find(is_answer).ok_or_else(not_found)?;
        let (media_type, body) = answer.given.as_ref().map_err(Clone::clone)?;
        let media_type = Some(media_type.clone()).filter(|media_type| !media_type.is_empty());
        let head = Head { status: http::StatusCode::OK, url: request.url.clone(), media_type };
        decode(decoder(&head), body.chunks(self.chunk.unwrap_or(7)))
            .map_err(|malformed| LookupError::BadResponse { message: malformed.to_string() })
    }
}

fn decode<'a>(
    decoder: Result<Box<dyn Decode>, Malformed>,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<ReleaseSet, Malformed> {
    let mut decoder = decoder?;
    for chunk in chunks {
        decoder.chunk(chunk)?;
    }
    decoder.finish()
}

impl Fetch for Canned {
    fn fetch<'a>(&'a self, request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(async move {
            let facts = self.given(&request, decoder)?;
            Ok(Fetched { facts, origin: Origin::Network, confirmed_at: None, address: shown(&request.url) })
        })
    }
}

/// A question for a package, without dates.
pub(crate) fn query(package: &str) -> Query {
    Query {
        package: package.to_owned(),
        url: None,
        strategy: upmon::pin::Strategy::default(),
        tag_prefix: String::new(),
        dates: false,
    }
}

/// The releases of `package`. Canned answers are there at once, so nothing is waited for.
pub(crate) fn releases(registry: &dyn Registry, query: &Query, canned: &Canned) -> Result<ReleaseSet, LookupError> {
    let answer = registry.releases(query, canned).now_or_never().expect("a canned answer is there at once");
    answer.map(|fetched| fetched.facts)
}
