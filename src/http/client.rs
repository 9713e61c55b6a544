//! The one client of the process: connections, time limits, and the order in which the other parts of `http` act.
//!
//! A lookup asks the cache, waits for its origin's pace, sends, and repeats what is worth repeating, all within the run's
//! deadline. The parts stand in files of their own; this one strings them together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::asker::Asker;
use super::cache::{Cache, Entry, Keeping, Key};
use super::credentials::{Credential, take_userinfo};
use super::exchange::{Answer, Failure, Hop, Question, Trail, arrive, hop, late, reply};
use super::gunzip::Shelf;
use super::journal::{Journal, Notes};
use super::limit::{Lane, Limits, Pause, Place, Quota};
use super::meter::{Outcome, Timer};
pub use super::options::{Options, RegistryOptions, user_agent};
use super::recording::{Exchange, NOT_RECORDED, Session, Tape, recorded};
use super::retry::{Backoff, Cause};
use super::room::Room;
use super::{Decoder, Fetch, Fetched, Origin, Request, clock, freshness, shown};
use crate::error::{LookupError, Trouble};
use crate::registry::RegistryId;
use crate::release::ReleaseSet;

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
    /// The file of certificate authorities cannot be read.
    #[error("the certificate authorities in `{path}` cannot be read: {cause}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
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
    room: Room,
    cache: Option<Cache>,
    certificates: Vec<reqwest::Certificate>,
    shelf: Shelf,
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
        let certificates = options.certificates.as_deref().map_or(Ok(Vec::new()), certificates)?;
        let deadline = options.deadline.map(|time| Instant::now() + time);
        let paces = options.registries.iter().filter_map(|(&id, options)| Some((id, options.pace?))).collect();
        let directory = options.cache.as_deref().filter(|_| options.tape.is_none());
        let cache = directory.and_then(|directory| open_cache(directory, options.cache_size));
        let shared = Shared {
            options,
            limits: Limits::new(paces),
            room: Room::default(),
            cache,
            certificates,
            shelf: Shelf::default(),
            http: OnceLock::new(),
        };
        Ok(Self { shared: Arc::new(shared), deadline })
    }

    /// The same client for another run: connections, cache and pace are shared, the deadline starts anew.
    #[must_use]
    pub fn with_deadline(&self, deadline: Option<Duration>) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline: deadline.map(|time| Instant::now() + time) }
    }

    /// What the origin of an address said in this run of its rate limit, if anything.
    pub fn quota(&self, url: &Url) -> Option<Quota> {
        self.shared.limits.quota(url)
    }

    async fn lookup(
        &self,
        request: &Request,
        credential: Option<&Credential>,
        decoder: Decoder<'_>,
    ) -> Result<Fetched, LookupError> {
        let session = self.shared.options.tape.as_ref().map(|tape| {
            let address = recorded(&request.url);
            tape.session(&[request.registry.as_str(), &request.package, &address, request.accept])
        });
        let notes = self.shared.options.journal.as_ref().map(|_| Notes::default());
        let asker = Asker { request, decoder, credential, session, notes };
        let outcome = self.answer(&asker).await;
        if let (Some(journal), Some(notes)) = (&self.shared.options.journal, &asker.notes) {
            let answers = notes.take(credential);
            journal.note(&shown(&request.url), request.accept, answers, outcome.as_ref(), notes.kept_at());
        }
        outcome
    }

    /// Answers from the cache where that will do, else by asking.
    async fn answer(&self, asker: &Asker<'_>) -> Result<Fetched, LookupError> {
        let request = asker.request;
        let key = key(request, asker.credential);
        let entry = self.shared.cache.as_ref().and_then(|cache| cache.get(&key));
        if let Some(entry) = &entry
            && let Some(origin) = self.without_asking(request.registry, entry)
            && let Some(known) = entry.known()
        {
            if let Some(notes) = asker.notes.as_ref().filter(|_| origin == Origin::Fresh) {
                notes.kept(entry.confirmed_at);
            }
            return asker.kept(known, origin, entry);
        }
        if self.shared.options.offline {
            return Err(asker.offline());
        }
        let answer = match self.ask(asker, entry.as_ref()).await {
            Ok(Answer::NotModified(headers)) => {
                if let Some(facts) = self.confirm(&key, entry.as_ref(), &headers) {
                    let before = entry.as_ref().map(|entry| entry.confirmed_at);
                    return Ok(asker.fetched(facts, Origin::Revalidated, before));
                }
                self.ask(asker, None).await
            }
            answer => answer,
        };
        match answer {
            Ok(Answer::Facts(facts, headers)) => {
                self.keep(&key, &facts, &headers);
                Ok(asker.fetched(*facts, Origin::Network, None))
            }
            Ok(Answer::NotModified(_)) => {
                Err(asker.error(&asker.failure(Cause::UnaskedNotModified, "answered 304 to an unconditional question")))
            }
            Err(failure) => self.without_answer(asker, &key, entry.as_ref(), &failure),
        }
    }

    /// Whether an entry will do without asking, and as what.
    fn without_asking(&self, registry: RegistryId, entry: &Entry) -> Option<Origin> {
        let set = self.of_registry(registry).and_then(|options| options.fresh_for);
        if entry.is_fresh(set.unwrap_or(entry.keeping.fresh_for)) {
            return Some(Origin::Fresh);
        }
        self.shared.options.offline.then_some(Origin::Stale)
    }

    /// Takes the facts of an entry that the registry confirmed just now; `None` when they cannot be read after all.
    fn confirm(&self, key: &Key, entry: Option<&Entry>, headers: &HeaderMap) -> Option<ReleaseSet> {
        let (entry, cache) = (entry?, self.shared.cache.as_ref()?);
        let facts = entry.known()??;
        cache.confirm(key, freshness::confirmed_for(headers, entry, clock::now()));
        Some(facts)
    }

    /// Keeps facts for the next run, if the registry lets us.
    fn keep(&self, key: &Key, facts: &ReleaseSet, headers: &HeaderMap) {
        if let Some(cache) = &self.shared.cache
            && let Some(keeping) = freshness::keeping(headers, clock::now())
        {
            cache.put(key, Some(facts), &keeping);
        }
    }

    /// What is left when asking failed: that there is no such package is kept for a while; any other failure may be
    /// answered with what was known before, if the user asked for that.
    fn without_answer(
        &self,
        asker: &Asker<'_>,
        key: &Key,
        entry: Option<&Entry>,
        failure: &Failure,
    ) -> Result<Fetched, LookupError> {
        match (failure.cause, entry) {
            (Cause::Missing, _) => {
                if let Some(cache) = &self.shared.cache {
                    cache.put(key, None, &Keeping { fresh_for: freshness::MISSING, ..Keeping::default() });
                }
            }
            (Cause::Refused, _) => {}
            (_, Some(entry)) if self.shared.options.stale => {
                if let Some(Some(facts)) = entry.known() {
                    return Ok(asker.fetched(facts, Origin::Stale, Some(entry.confirmed_at)));
                }
            }
            _ => {}
        }
        Err(asker.error(failure))
    }

    /// Attempts until one succeeds or is not worth repeating.
    async fn ask(&self, asker: &Asker<'_>, entry: Option<&Entry>) -> Result<Answer, Failure> {
        let request = asker.request;
        let validator = entry.and_then(freshness::validator);
        let mut question = Question {
            url: &request.url,
            accept: Some(request.accept),
            validator: validator.as_ref(),
            credential: asker.credential,
            max_size: self.max_size(request),
            until: None,
            room: &self.shared.room,
            has_place: false,
            decoder: asker.decoder,
            session: asker.session.as_ref(),
            notes: asker.notes.as_ref(),
            shelf: &self.shared.shelf,
        };
        let lane = self.shared.limits.lane(request.registry, &request.url);
        lane.budget().deposit();
        let (mut earlier, mut place) = (None, None);
        for attempt in 0.. {
            question.has_place = place.is_some();
            let outcome = self.attempt(request.registry, question, attempt).await;
            if let (Some(notes), Err(failure)) = (question.notes, &outcome) {
                notes.failed(&failure.address, &failure.what);
            }
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                // that the run ended is no news of the registry: what it said before tells more
                Err(failure) if failure.cause == Cause::TimedOut && self.is_over() => {
                    return Err(earlier.unwrap_or(failure));
                }
                Err(failure) => failure,
            };
            match failure.cause {
                Cause::NotAcceptable => question.accept = None,
                Cause::UnaskedNotModified => question.validator = None,
                _ => {}
            }
            let may_repeat = match asker.session.as_ref().filter(|session| session.is_replay()) {
                Some(session) => session.has_next(),
                None => self.may_repeat(&lane, failure.cause, attempt).await,
            };
            if !may_repeat {
                return Err(failure);
            }
            if failure.cause == Cause::Crowded {
                place = self.shared.room.place(self.deadline).await;
            }
            earlier = Some(failure);
        }
        unreachable!("every cause has a last attempt")
    }

    /// Waits before a repeat; false when it is not worth it, or not any more.
    async fn may_repeat(&self, lane: &Lane, cause: Cause, attempt: u32) -> bool {
        let delay = self.backoff().before_repeat(cause, attempt);
        let Some(delay) = delay.filter(|_| lane.budget().take()) else { return false };
        self.sleep(delay).await
    }

    /// One attempt, redirects included. The time limit counts from the moment that the pace allows the request.
    async fn attempt(&self, registry: RegistryId, question: Question<'_>, attempt: u32) -> Result<Answer, Failure> {
        let mut trail = Trail::from(question.url);
        loop {
            let url = trail.here();
            if let Some(session) = question.session.filter(|session| session.is_replay()) {
                match self.replayed(session, question, url).await? {
                    Hop::Arrived(answer) => return Ok(answer),
                    Hop::Redirected(next) if session.has_next() => trail.follow(next),
                    Hop::Redirected(next) => trail.step(next)?,
                }
                continue;
            }
            let lane = self.shared.limits.lane(registry, url);
            let place = Arc::clone(&lane)
                .enter(url, self.deadline)
                .await
                .inspect_err(|failure| keep(question, url, failure))?;
            let timer = Timer::start(self.shared.options.meter.as_deref(), registry);
            let outcome = self.once(question, url, &place).await;
            timer.end(counted(&outcome));
            match outcome {
                Ok(Hop::Arrived(answer)) => return Ok(answer),
                Ok(Hop::Redirected(next)) => trail.step(next)?,
                Err(failure) => {
                    if let Cause::Limited(asked) = failure.cause {
                        // A limit without a time is a larger matter than a stumble: it starts two steps further.
                        lane.pause(asked.unwrap_or_else(|| Pause::lasting(self.backoff().after(attempt + 2))));
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// One question and its answer, within the time for one. An answer that is recorded is held whole, so it has one of
    /// the places for large ones from the beginning. Without one the run is over, and so is the time for an answer.
    async fn once(&self, question: Question<'_>, url: &Url, place: &Place) -> Result<Hop, Failure> {
        let http = self.http().map_err(|error| Failure::new(Cause::Unreached(Trouble::NoClient), url, error));
        let http = http.inspect_err(|failure| keep(question, url, failure))?;
        let Some(session) = question.session else {
            let until = self.until();
            let question = Question { until: Some(until), ..question };
            return timeout_at(until, hop(http, question, url, place)).await.map_err(|_| late(url))?;
        };
        let _place = self.shared.room.place(self.deadline).await;
        let question = Question { has_place: true, ..question };
        let until = self.until();
        let asking = Question { until: Some(until), ..question };
        let reply = timeout_at(until, reply(http, asking, url, place)).await.map_err(|_| late(url)).flatten();
        let mut reply = reply.inspect_err(|failure| keep(question, url, failure))?;
        reply.blot(&question.credential.map(Credential::secrets).unwrap_or_default());
        let source = question.credential.map(|credential| credential.source().to_owned());
        session.keep(Exchange::reply(&Method::GET, url, &reply).with_credential(source));
        arrive(question, url, reply.into_response(url)).await
    }

    /// The next answer of a recording, judged anew.
    async fn replayed(&self, session: &Session, question: Question<'_>, url: &Url) -> Result<Hop, Failure> {
        let _place = self.shared.room.place(self.deadline).await;
        let question = Question { has_place: true, ..question };
        let not_recorded = || Failure::new(Cause::Unreached(Trouble::Other), url, NOT_RECORDED);
        match session.next().ok_or_else(not_recorded)?.into_reply() {
            Ok(reply) => arrive(question, url, reply.into_response(url)).await,
            Err(ending) => Err(ending.map_or_else(not_recorded, |ending| Failure::recorded(&ending, url))),
        }
    }

    /// When an attempt that starts now has to be over.
    fn until(&self) -> Instant {
        let until = Instant::now() + self.shared.options.timeout;
        self.deadline.map_or(until, |deadline| deadline.min(until))
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
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

    fn backoff(&self) -> Backoff {
        Backoff { first: self.shared.options.backoff }
    }

    fn max_size(&self, request: &Request) -> u64 {
        self.of_registry(request.registry).and_then(|options| options.max_size).unwrap_or(request.max_size)
    }

    fn of_registry(&self, registry: RegistryId) -> Option<&RegistryOptions> {
        self.shared.options.registries.get(&registry)
    }

    fn http(&self) -> Result<&reqwest::Client, &str> {
        self.shared.http.get_or_init(|| connections(&self.shared)).as_ref().map_err(String::as_str)
    }
}

/// Keeps in a recording that a question had no answer.
fn keep(question: Question<'_>, url: &Url, failure: &Failure) {
    if let Some(session) = question.session {
        let source = question.credential.map(|credential| credential.source().to_owned());
        let asked = format!("{} {}", Method::GET, recorded(url));
        let mut ending = failure.ending();
        ending.what = question.credential.map_or(ending.what.clone(), |credential| credential.scrub(ending.what));
        session.keep(Exchange::failure(asked, ending).with_credential(source));
    }
}

const fn counted(outcome: &Result<Hop, Failure>) -> Outcome {
    match outcome {
        Ok(Hop::Arrived(Answer::Facts(..))) => Outcome::Answered,
        Ok(Hop::Arrived(Answer::NotModified(_))) => Outcome::NotModified,
        Ok(Hop::Redirected(_)) => Outcome::Redirected,
        Err(failure) => failure.cause.counted(),
    }
}

/// Opens the cache. A directory that cannot be made is a warning: a run without a cache is slower and as right.
fn open_cache(directory: &Path, max_size: u64) -> Option<Cache> {
    Cache::open(directory, max_size)
        .inspect_err(|error| tracing::warn!(%error, "no cache: `{}` cannot be used", directory.display()))
        .ok()
}

/// Reads a file of certificates in PEM.
///
/// # Errors
/// When it cannot be read, or holds none.
pub fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let failed = |cause: String| ClientError::Certificates { path: path.to_owned(), cause };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() { Err(failed("it holds none".to_owned())) } else { Ok(certificates) }
}

/// The bare client for a library that speaks a protocol of its own: same user agent, limits of time, trust and proxies; it
/// follows no redirect and knows no credential.
///
/// # Errors
/// When the certificates cannot be read, or the platform offers no TLS.
pub fn bare(options: &Options) -> Result<reqwest::Client, String> {
    let more =
        options.certificates.as_deref().map_or(Ok(Vec::new()), certificates).map_err(|error| error.to_string())?;
    build(options, &more, |builder| builder.timeout(options.timeout))
}

/// Makes the client underneath. gzip is unpacked by [`super::gunzip`].
fn connections(shared: &Shared) -> Result<reqwest::Client, String> {
    build(&shared.options, &shared.certificates, reqwest::ClientBuilder::no_gzip)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that makes the process's HTTP clients")]
fn build(
    options: &Options,
    more: &[reqwest::Certificate],
    also: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, String> {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_merge(more.iter().cloned());
    also(builder).build().map_err(|error| format!("could not be asked: no HTTP client: {error}"))
}

impl Fetch for Client {
    fn fetch<'a>(&'a self, mut request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(async move {
            let in_address = take_userinfo(&mut request.url, "the base URL").map(Credential::for_whole_origin);
            let credential = in_address.as_ref().or_else(|| self.shared.options.credentials.of(&request.url));
            self.lookup(&request, credential, decoder).await
        })
    }

    fn cache(&self) -> Option<&Cache> {
        self.shared.cache.as_ref()
    }

    fn journal(&self) -> Option<&Journal> {
        self.shared.options.journal.as_deref()
    }

    fn tape(&self) -> Option<&Arc<Tape>> {
        self.shared.options.tape.as_ref()
    }
}

/// Everything that the facts depend on. User and password have left the address by now.
fn key(request: &Request, credential: Option<&Credential>) -> Key {
    Key::new(&["GET", request.url.as_str(), request.accept, request.registry.as_str()], credential)
}
