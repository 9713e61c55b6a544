//! Which credential belongs to which address, and that it is shown to nobody else.
//!
//! A credential belongs to a [`Scope`]: scheme, host, port and path prefix. It leaves as an `Authorization` header, marked
//! sensitive, to addresses inside that scope only; its `Debug` shows where it came from and never what it is.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

/// The addresses that a credential may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Scope {
    /// Everything under an address: same scheme, host and port, and a path below it, whole segments only. `None` for an
    /// address without a host.
    pub fn under(base: &Url) -> Option<Self> {
        Some(Self {
            scheme: base.scheme().to_owned(),
            host: base.host_str()?.to_owned(),
            port: base.port_or_known_default(),
            path: format!("{}/", base.path().trim_end_matches('/')),
        })
    }

    /// Whether an address lies inside.
    pub fn contains(&self, url: &Url) -> bool {
        self.scheme == url.scheme()
            && Some(self.host.as_str()) == url.host_str()
            && self.port == url.port_or_known_default()
            && (url.path().starts_with(&self.path) || url.path() == self.path.trim_end_matches('/'))
    }
}

/// One credential, where it belongs and where it came from.
#[derive(Clone)]
pub struct Credential {
    scope: Scope,
    header: SecretString,
    source: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("scope", &self.scope)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Where it was found, in words that may be shown: "`UPMON_NPM_TOKEN`".
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The `Authorization` header, marked so that no log prints it; `None` if it holds bytes that a header cannot.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.header.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Tells credentials apart in cache keys without telling what they are.
    pub(super) fn identity(&self) -> [u8; 32] {
        Sha256::digest(self.header.expose_secret().as_bytes()).into()
    }

    /// Takes the credential out of a text, should an answer have echoed it.
    pub(super) fn scrub(&self, text: String) -> String {
        let header = self.header.expose_secret();
        let secret = header.split_once(' ').map_or(header, |(_, secret)| secret);
        if !secret.is_empty() && text.contains(secret) { text.replace(secret, "[redacted]") } else { text }
    }
}

/// Every credential of a run, the most trusted source first.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// The credential for an address: the one with the longest path prefix; of equal ones the first.
    pub fn of(&self, url: &Url) -> Option<&Credential> {
        let matching = self.0.iter().rev().filter(|credential| credential.scope.contains(url));
        matching.max_by_key(|credential| credential.scope.path.len())
    }
}
