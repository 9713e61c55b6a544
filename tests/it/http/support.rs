//! A decoder of the simplest kind and clients for tests.

use std::time::Duration;

use upmon::error::LookupError;
use upmon::http::client::{Client, Options};
use upmon::http::{Decode, Fetch, Fetched, Head, Malformed, Request};
use upmon::registry::RegistryId;
use upmon::release::{Release, ReleaseSet};
use url::Url;

/// Reads one version a line; the last line has to be `end`, so that a body that was cut is not taken for a whole one.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Decode for Lines {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.0.extend_from_slice(bytes);
        if self.0.starts_with(b"<") { Err(Malformed::new("expected lines, got `<`")) } else { Ok(()) }
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        let text = String::from_utf8(self.0).map_err(|_| Malformed::new("expected UTF-8"))?;
        let lines = text.strip_suffix("end").ok_or_else(|| Malformed::new("the last line is missing"))?;
        Ok(ReleaseSet { releases: lines.lines().map(Release::new).collect(), ..ReleaseSet::default() })
    }
}

/// Makes a [`Lines`] for every answer that is not HTML.
pub(super) fn lines(head: &Head) -> Result<Box<dyn Decode>, Malformed> {
    match head.media_type.as_deref() {
        Some("text/html") => Err(Malformed::new("expected lines, got `text/html`")),
        _ => Ok(Box::<Lines>::default()),
    }
}

/// Options without anything of this machine, and with times that suit a test.
pub(super) fn options() -> Options {
    Options { deadline: Some(Duration::from_secs(60)), ..Options::default() }
}

/// A client with these options.
pub(super) fn client(options: Options) -> Client {
    Client::new(options).expect("the options are right")
}

/// A question of a registry.
pub(super) fn ask_of(registry: RegistryId, url: &str) -> Request {
    Request {
        registry,
        package: "tokio".to_owned(),
        url: Url::parse(url).expect("the test's URL is one"),
        accept: "text/plain",
        max_size: 1 << 20,
    }
}

/// Asks for lines.
pub(super) async fn fetch(client: &Client, url: &str) -> Result<Fetched, LookupError> {
    client.fetch(ask_of(RegistryId::CratesIo, url), &lines).await
}

/// The versions of an answer.
pub(super) fn versions(fetched: &Fetched) -> Vec<&str> {
    fetched.facts.releases.iter().map(|release| &*release.version).collect()
}
