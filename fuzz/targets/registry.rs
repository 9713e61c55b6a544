//! An answer of a registry, in pieces as a network brings them: facts of releases, or an error, and the same whatever the
//! pieces are. Through it goes the splitter of JSON.

#![no_main]

use std::sync::OnceLock;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use libfuzzer_sys::fuzz_target;
use upmon::error::LookupError;
use upmon::http::{Decode, Decoder, Fetch, Fetched, Head, Malformed, Origin, Request, shown};
use upmon::pin::Strategy;
use upmon::registry::{Query, RegistryId};
use upmon::release::ReleaseSet;

static REGISTRY: OnceLock<RegistryId> = OnceLock::new();

fn registry() -> RegistryId {
    // git speaks its own protocol, which gix reads
    let all: Vec<RegistryId> = RegistryId::ALL.iter().copied().filter(|id| id.default_url().is_some()).collect();
    upmon_fuzz::chosen(&REGISTRY, &all, RegistryId::as_str)
}

/// Answers every request with one body, in pieces of a size.
struct Body<'a>(&'a [u8], usize);

impl Body<'_> {
    fn decode(&self, mut decoder: Box<dyn Decode>) -> Result<ReleaseSet, Malformed> {
        self.0.chunks(self.1).try_for_each(|chunk| decoder.chunk(chunk))?;
        decoder.finish()
    }
}

impl Fetch for Body<'_> {
    fn fetch<'a>(&'a self, request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        let head = Head { status: http::StatusCode::OK, url: request.url.clone(), media_type: None };
        let answer = match decoder(&head).and_then(|decoder| self.decode(decoder)) {
            Ok(facts) => {
                Ok(Fetched { facts, origin: Origin::Network, confirmed_at: None, address: shown(&request.url) })
            }
            Err(malformed) => Err(LookupError::BadResponse { message: malformed.0 }),
        };
        async { answer }.boxed()
    }
}

fn facts(body: &[u8], size: usize) -> Option<ReleaseSet> {
    let query = Query {
        package: "demo".to_owned(),
        url: None,
        strategy: Strategy::Tags,
        tag_prefix: String::new(),
        dates: true,
    };
    let body = Body(body, size);
    let answer = registry().open(None).releases(&query, &body).now_or_never().expect("nothing is waited for");
    answer.ok().map(|fetched| fetched.facts)
}

fuzz_target!(
    init: {
        registry();
    },
    |input: &[u8]| {
        let (Some(&first), body) = (input.first(), input.get(1..).unwrap_or_default()) else { return };
        let whole = facts(body, body.len().max(1));
        let pieces = facts(body, usize::from(first).max(1));
        assert_eq!(std::format!("{whole:?}"), std::format!("{pieces:?}"));
    }
);
