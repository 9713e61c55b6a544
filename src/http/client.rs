//! The one client of the process: connections, time limits, and the order in which the other parts of `http` act.
//!
//! A lookup asks the cache, waits for its origin's pace, sends, and repeats what is worth repeating, all within the run's
//! deadline. The parts stand in files of their own; this one strings them together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};

use super::credentials::{Credential, Credentials};
use super::exchange::{Answer, Failure, Hop, Question, Trail, hop};
use super::limit::{Lane, Limits, Pace};
use super::retry::{Cause, delay};
use super::{Decoder, Fetch, Fetched, Origin, Request, shown};
use crate::error::LookupError;
use crate::registry::RegistryId;
use crate::release::ReleaseSet;

/// How the network is used. Every field has a default; nothing here is read from the environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest time for name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest time for one attempt, from the first byte sent to the last byte read.
    pub timeout: Duration,
    /// Longest time for everything that a client does, counted from [`Client::new`]. What is still under way then is
    /// unknown.
    pub deadline: Option<Duration>,
    /// Who we say we are. Registries ask for a name, a version and a way to reach somebody.
    pub user_agent: String,
    /// Ask nobody: answer from the cache or not at all.
    pub offline: bool,
    /// When a registry cannot be reached, answer with what it last said, marked as stale.
    pub stale: bool,
    /// Where facts are kept between runs; `None` keeps none.
    pub cache: Option<PathBuf>,
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
    /// Largest decoded body in bytes; wins over [`Request::max_size`].
    pub max_size: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            deadline: Some(Duration::from_mins(5)),
            user_agent: user_agent(None),
            offline: false,
            stale: false,
            cache: None,
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

/// Installs the process's TLS cryptography, once; later calls do nothing. Everything that opens a TLS connection needs it.
pub fn install_crypto() {
    // An error says that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why a [`Client`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The user agent holds bytes that a header cannot.
    #[error("the user agent `{0}` cannot be sent as a header")]
    UserAgent(String),
}

/// The real [`Fetch`]. Clones share connections, cache and pace.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    limits: Limits,
    /// Made on first use: reading the platform's certificates costs milliseconds that a fresh cache or `--offline` saves.
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Client {
    /// A client with nothing sent yet. The run's deadline starts here.
    ///
    /// # Errors
    /// When an option cannot be used.
    pub fn new(options: Options) -> Result<Self, ClientError> {
        if HeaderValue::from_str(&options.user_agent).is_err() {
            return Err(ClientError::UserAgent(options.user_agent));
        }
        let deadline = options.deadline.map(|time| Instant::now() + time);
        let paces = options.registries.iter().filter_map(|(&id, options)| Some((id, options.pace?))).collect();
        let shared = Shared { options, limits: Limits::new(paces), http: OnceLock::new() };
        Ok(Self { shared: Arc::new(shared), deadline })
    }

    /// The same client for another run: connections, cache and pace are shared, the deadline starts anew.
    #[must_use]
    pub fn with_deadline(&self, deadline: Option<Duration>) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline: deadline.map(|time| Instant::now() + time) }
    }

    async fn lookup(&self, request: &Request, decoder: Decoder<'_>) -> Result<Fetched, LookupError> {
        let credential = self.shared.options.credentials.of(&request.url);
        let told = |failure| lookup_error(request, credential, failure);
        if self.shared.options.offline {
            return Err(told(Failure::new(Cause::Unreached, &request.url, "was not asked: offline")));
        }
        let (facts, _headers) = self.ask(request, credential, decoder).await.map_err(told)?;
        Ok(Fetched { facts: *facts, origin: Origin::Network, confirmed_at: None, address: shown(&request.url) })
    }

    /// Attempts until one succeeds or is not worth repeating.
    async fn ask(
        &self,
        request: &Request,
        credential: Option<&Credential>,
        decoder: Decoder<'_>,
    ) -> Result<(Box<ReleaseSet>, HeaderMap), Failure> {
        let authorization = credential.and_then(Credential::header);
        let mut question = Question {
            url: &request.url,
            accept: Some(request.accept),
            validator: None,
            authorization: authorization.as_ref(),
            max_size: self.max_size(request),
            decoder,
        };
        let lane = self.shared.limits.lane(request.registry, &request.url);
        lane.budget().deposit();
        for attempt in 0.. {
            let failure = match self.attempt(request.registry, question, attempt).await {
                Ok(Answer::Facts(facts, headers)) => return Ok((facts, headers)),
                Ok(Answer::NotModified(_)) => {
                    Failure::new(Cause::UnaskedNotModified, &request.url, "answered 304 to an unconditional question")
                }
                Err(failure) => failure,
            };
            match failure.cause {
                Cause::NotAcceptable => question.accept = None,
                Cause::UnaskedNotModified => question.validator = None,
                _ => {}
            }
            if !self.may_repeat(&lane, failure.cause, attempt).await {
                return Err(failure);
            }
        }
        unreachable!("every cause has a last attempt")
    }

    /// Waits before a repeat; false when it is not worth it, or not any more.
    async fn may_repeat(&self, lane: &Lane, cause: Cause, attempt: u32) -> bool {
        let Some(delay) = delay(cause, attempt).filter(|_| lane.budget().take()) else { return false };
        self.sleep(delay).await
    }

    /// One attempt, redirects included. The time limit counts from the moment that the pace allows the request.
    async fn attempt(&self, registry: RegistryId, question: Question<'_>, attempt: u32) -> Result<Answer, Failure> {
        let http = self.http().map_err(|error| Failure::new(Cause::Unreached, question.url, error))?;
        let mut trail = Trail::from(question.url);
        loop {
            let url = trail.here();
            let lane = self.shared.limits.lane(registry, url);
            let place = Arc::clone(&lane).enter(url, self.deadline).await?;
            let Ok(led) = timeout_at(self.until(), hop(http, question, url, place)).await else {
                return Err(Failure::new(Cause::TimedOut, url, "did not answer in time"));
            };
            match led {
                Ok(Hop::Arrived(answer)) => return Ok(answer),
                Ok(Hop::Redirected(next)) => trail.step(next)?,
                Err(failure) => {
                    if let Cause::Limited(pause) = failure.cause {
                        lane.pause(pause, attempt);
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// When an attempt that starts now has to be over.
    fn until(&self) -> Instant {
        let until = Instant::now() + self.shared.options.timeout;
        self.deadline.map_or(until, |deadline| deadline.min(until))
    }

    /// Waits, unless the run ends before.
    async fn sleep(&self, delay: Duration) -> bool {
        let until = Instant::now() + delay;
        let in_time = self.deadline.is_none_or(|deadline| until < deadline);
        if in_time {
            tokio::time::sleep_until(until).await;
        }
        in_time
    }

    fn max_size(&self, request: &Request) -> u64 {
        let set = self.shared.options.registries.get(&request.registry).and_then(|options| options.max_size);
        set.unwrap_or(request.max_size)
    }

    fn http(&self) -> Result<&reqwest::Client, &str> {
        self.shared.http.get_or_init(|| connections(&self.shared.options)).as_ref().map_err(String::as_str)
    }
}

/// Makes the client underneath.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes the process's HTTP client")]
fn connections(options: &Options) -> Result<reqwest::Client, String> {
    install_crypto();
    reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| format!("could not be asked: no HTTP client: {error}"))
}

impl Fetch for Client {
    fn fetch<'a>(&'a self, request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(async move { self.lookup(&request, decoder).await })
    }
}

/// The last failure of a lookup in the words of a report.
fn lookup_error(request: &Request, credential: Option<&Credential>, failure: Failure) -> LookupError {
    let Failure { cause, address, what } = failure;
    let Request { package, registry, .. } = request;
    let with = credential.map_or_else(
        || "no credential was sent".to_owned(),
        |credential| format!("the credential from {} was sent", credential.source()),
    );
    let message = match cause {
        Cause::Missing => format!("{registry} has no `{package}`: `{address}` {what}"),
        Cause::Refused => format!("{registry} refuses `{package}`: `{address}` {what}, {with}"),
        Cause::Limited(_) => format!("{registry} asks to wait before it tells of `{package}`: `{address}` {what}"),
        _ => format!("asking {registry} for `{package}`: `{address}` {what}"),
    };
    let message = match credential {
        Some(credential) => credential.scrub(message),
        None => message,
    };
    match cause {
        Cause::Missing => LookupError::NotFound { message },
        Cause::Refused => LookupError::Unauthorized { message },
        Cause::Limited(pause) => LookupError::RateLimited { message, until: pause.map(|pause| pause.until) },
        Cause::NotAcceptable | Cause::UnaskedNotModified | Cause::Malformed | Cause::CutShort => {
            LookupError::BadResponse { message }
        }
        Cause::Server | Cause::Unreached | Cause::TimedOut => LookupError::Unreachable { message },
    }
}
