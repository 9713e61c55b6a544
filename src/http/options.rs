//! How the network is used, in plain typed values. Where they come from (files, environment, flags) is the matter of others.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::credentials::Credentials;
use super::journal::Journal;
use super::limit::Pace;
use super::meter::Meter;
use super::recording::Tape;
use crate::registry::RegistryId;

/// How the network is used. Every field has a default; nothing here is read from the environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest time for name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest time for one attempt, from the first byte sent to the last byte read.
    pub timeout: Duration,
    /// Longest time for everything that a client does, counted from [`Client::new`](super::client::Client::new). What is
    /// still under way then is unknown.
    pub deadline: Option<Duration>,
    /// The first wait before a failed attempt is repeated; it doubles each time and is spread by half of it either way.
    pub backoff: Duration,
    /// Who we say we are. Registries ask for a name, a version and a way to reach somebody.
    pub user_agent: String,
    /// Ask nobody: answer from the cache or not at all.
    pub offline: bool,
    /// When a registry cannot be reached, answer with what it last said, marked as stale.
    pub stale: bool,
    /// Where lookups are noted, for who wants to know what was asked; `None` notes none.
    pub journal: Option<Arc<Journal>>,
    /// Who counts the requests; `None` for nobody.
    pub meter: Option<Arc<dyn Meter>>,
    /// A recording to make, or to answer from; `None` for the world as it is. With one, the cache has no part in a run.
    pub tape: Option<Arc<Tape>>,
    /// Where facts are kept between runs; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// How large the cache may grow, in bytes, before the entries confirmed longest ago are dropped.
    pub cache_size: u64,
    /// A file of further certificate authorities to trust, in PEM. The platform's own are trusted as well; where there is
    /// no platform to ask (Linux, BSD), that is what `SSL_CERT_FILE` and `SSL_CERT_DIR` name if they are set
    /// ([`rustls-native-certs`](https://docs.rs/rustls-native-certs)).
    pub certificates: Option<PathBuf>,
    /// Who we are to whom.
    pub credentials: Credentials,
    /// What differs by registry.
    pub registries: HashMap<RegistryId, RegistryOptions>,
}

/// What a user may set per registry. `None` is the default of [`Pace::of`] or of the registry itself.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// How fast its static files are asked for. Its API keeps the published rule.
    pub pace: Option<Pace>,
    /// How long its answers need not be asked again; wins over what they say themselves.
    pub fresh_for: Option<Duration>,
    /// Largest decoded body in bytes; wins over [`Request::max_size`](super::Request::max_size).
    pub max_size: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            deadline: Some(Duration::from_mins(5)),
            backoff: Duration::from_millis(250),
            user_agent: user_agent(None),
            offline: false,
            stale: false,
            journal: None,
            meter: None,
            tape: None,
            cache: None,
            cache_size: 256 << 20,
            certificates: None,
            credentials: Credentials::default(),
            registries: HashMap::new(),
        }
    }
}

/// `upmon/<version> (+<project URL>; <contact>)`, as crates.io, PyPI, Packagist and GitHub ask for.
pub fn user_agent(contact: Option<&str>) -> String {
    let project = Some(env!("CARGO_PKG_REPOSITORY")).filter(|url| !url.is_empty()).map(|url| format!("+{url}"));
    let about: Vec<String> = project.into_iter().chain(contact.map(str::to_owned)).collect();
    let product = concat!("upmon/", env!("CARGO_PKG_VERSION"));
    if about.is_empty() { product.to_owned() } else { format!("{product} ({})", about.join("; ")) }
}
