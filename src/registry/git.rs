//! Git remotes: tags as releases, or the commits of a branch, over http(s), git, ssh, file or a path.
//!
//! A git remote speaks its own protocol, so it is asked through gix and not through [`Fetch`]: two small requests for
//! the tags (protocol version 2, only the refs under the wanted prefix), one more for a few dates, no clone, no
//! repository on disk. Nothing here can ask a person anything, and every wait has an end.
//!
//! - `address`: what the pins file says, read once;
//! - `bounds`: silence, time and bytes that a conversation may take;
//! - `http`, `process`, `conversation`: the wire, up to "these refs" and "these objects";
//! - `tags`, `commits`, `pack`: from there to facts;
//! - `memory`: what earlier runs learned; `tap`: what a recording keeps of a conversation;
//! - `login`, `forge`, `failure`: credentials, pages for people, reasons.

mod address;
mod bounds;
mod commits;
mod conversation;
mod failure;
mod forge;
mod http;
mod login;
mod memory;
mod pack;
mod process;
mod tags;
mod tap;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::address::{Remote, Way};
use self::bounds::Bounds;
use self::conversation::Conversation;
use self::failure::{Cause, Failure, quote};
pub use self::forge::{compare, owner, place};
pub use self::login::{Login, Logins};
use self::memory::{Memory, Remembered};
use self::tap::{Heard, Tap};
use super::{Query, Registry, RegistryId};
use crate::error::{LookupError, Trouble};
use crate::http::client::install_crypto;
use crate::http::limit::GIT_PER_HOST;
use crate::http::meter::{Meter, Outcome, Timer};
use crate::http::recording::Session;
use crate::http::room::{Room, Scale};
use crate::http::{Fetch, Fetched, Origin};
use crate::pin::Strategy;
use crate::release::{Links, ReleaseSet};

/// Git has no public registry: every pin names its remote.
pub const DEFAULT_URL: Option<&str> = None;

/// Conversations at once with all hosts together: each holds one of tokio's blocking threads and its answer in memory.
const IN_ALL: usize = 32;

/// Long enough for a restarting server, short enough to stay within a run's patience.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// How git remotes are asked. The default suits everything but tests.
#[derive(Clone)]
pub struct GitOptions {
    /// The longest wait for a sign of life: a connection, the next bytes. 30 s.
    pub silence: Duration,
    /// The longest that one attempt may take. 120 s.
    pub total: Duration,
    /// The pauses before the second and the third attempt, after a failure that a moment may heal.
    pub pauses: [Duration; 2],
    /// Longest time for everything, counted from [`Git::with_options`]; `None` for as long as it takes.
    pub deadline: Option<Duration>,
    /// Whether the network is not to be used; remotes on this machine still are, and the cache is.
    pub offline: bool,
    /// When a remote cannot be asked, answer with what it last said, marked as stale.
    pub stale: bool,
    /// How long what a remote said need not be asked again. No time, as for answers over HTTP that do not say: what is
    /// kept then serves `--offline` and `--stale` alone.
    pub fresh_for: Duration,
    /// Conversations with one host at once.
    pub per_host: usize,
    /// Conversations at once with all hosts together.
    pub in_all: usize,
    /// The command line that is used for ssh, as in git's `GIT_SSH_COMMAND`; `None` for plain `ssh`.
    pub ssh: Option<OsString>,
    /// Which credential belongs to which host.
    pub logins: Logins,
    /// Certificate authorities that are trusted beside the platform's.
    pub certificates: Vec<reqwest::Certificate>,
    /// Who counts the conversations; `None` for nobody.
    pub meter: Option<Arc<dyn Meter>>,
    /// The client for http(s). It must not follow redirects by itself: credentials are decided for each of them. `None`
    /// makes one with the proxies and certificates of the platform when it is first needed.
    pub client: Option<reqwest::Client>,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            total: Duration::from_mins(2),
            pauses: PAUSES,
            deadline: None,
            offline: false,
            stale: false,
            fresh_for: Duration::ZERO,
            per_host: GIT_PER_HOST,
            in_all: IN_ALL,
            ssh: std::env::var_os("GIT_SSH_COMMAND").filter(|line| !line.is_empty()),
            logins: Logins::none(),
            certificates: Vec::new(),
            meter: None,
            client: None,
        }
    }
}

impl fmt::Debug for GitOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GitOptions")
            .field("silence", &self.silence)
            .field("total", &self.total)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

/// What every conversation needs.
#[derive(Debug)]
struct Tools {
    options: GitOptions,
    own_client: OnceLock<Result<reqwest::Client, String>>,
    room: Room,
}

impl Tools {
    /// The given client, else one of our own.
    fn client(&self) -> Result<reqwest::Client, String> {
        let own = || self.own_client.get_or_init(|| build_client(&self.options.certificates)).clone();
        self.options.client.clone().map_or_else(own, Ok)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "git decides on redirects itself, so it needs a client that follows none"
)]
fn build_client(certificates: &[reqwest::Certificate]) -> Result<reqwest::Client, String> {
    install_crypto();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_merge(certificates.iter().cloned())
        .build();
    client.map_err(|error| format!("no HTTP client could be made: {error}"))
}

/// The registry of git remotes.
#[derive(Debug)]
pub struct Git {
    tools: Arc<Tools>,
    in_all: Arc<Semaphore>,
    by_host: Mutex<HashMap<String, Arc<Semaphore>>>,
    deadline: Option<Instant>,
}

/// What is said once the connection stands.
type Talk = Arc<dyn Fn(&mut Conversation) -> Result<ReleaseSet, Failure> + Send + Sync>;

/// What is asked of a remote: in words, which name the answer in the cache, and as a talk.
struct Question {
    words: Vec<String>,
    talk: Talk,
}

impl Question {
    fn new(
        words: Vec<String>,
        talk: impl Fn(&mut Conversation) -> Result<ReleaseSet, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self { words, talk: Arc::new(talk) }
    }

    fn of(query: &Query) -> Self {
        match query.strategy.clone() {
            Strategy::Tags => {
                let (prefix, with_dates) = (query.tag_prefix.clone(), query.dates);
                let words = vec!["tags".to_owned(), prefix.clone(), with_dates.to_string()];
                Self::new(words, move |conversation| tags::list(conversation, &prefix, with_dates))
            }
            Strategy::Commits { branch, pin } => {
                let words = vec!["commits".to_owned(), branch.clone().unwrap_or_default(), pin.clone()];
                Self::new(words, move |conversation| commits::compare(conversation, branch.as_deref(), &pin))
            }
        }
    }

    /// The question for people: `tags under gopls/`, `dates of v1.0.0, v1.1.0`.
    fn told(&self) -> String {
        match self.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["tags", prefix, _] if !prefix.is_empty() => format!("tags under {prefix}"),
            ["commits", "", pin] => format!("commits since {pin}"),
            ["commits", branch, pin] => format!("commits of {branch} since {pin}"),
            ["dates", labels @ ..] => format!("dates of {}", labels.join(", ")),
            [what, ..] => (*what).to_owned(),
            [] => String::new(),
        }
    }

    fn of_dates(labels: &[&str]) -> Self {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let words = [vec!["dates".to_owned()], labels.clone()].concat();
        Self::new(words, move |conversation| tags::dates(conversation, &labels))
    }
}

impl Git {
    /// With default options. A base address means nothing here: every pin names its remote.
    pub fn new(_base: Option<Url>) -> Self {
        Self::with_options(GitOptions::default())
    }

    /// With other options.
    pub fn with_options(options: GitOptions) -> Self {
        let in_all = Arc::new(Semaphore::new(options.in_all.max(1)));
        let deadline = options.deadline.map(|time| Instant::now() + time);
        let tools = Arc::new(Tools { options, own_client: OnceLock::new(), room: Room::default() });
        Self { tools, in_all, by_host: Mutex::default(), deadline }
    }

    /// Answers a question about the query's remote, and notes it where somebody wants to know.
    async fn ask(
        &self,
        query: &Query,
        question: Question,
        fetch: &dyn Fetch,
    ) -> Result<(Fetched, Remote), LookupError> {
        let remote = query.url.as_deref().map_or_else(|| Err(no_address()), Remote::parse);
        let remote = remote.map_err(|failure| failure.into_lookup(&query.package, "(unreadable)"))?;
        let told = question.told();
        let outcome = self.answer(&query.package, &remote, question, fetch).await;
        if let Some(journal) = fetch.journal() {
            journal.note(&remote.shown, told, Vec::new(), outcome.as_ref(), None);
        }
        Ok((outcome?, remote))
    }

    /// From the cache where that will do, else by asking.
    async fn answer(
        &self,
        package: &str,
        remote: &Remote,
        question: Question,
        fetch: &dyn Fetch,
    ) -> Result<Fetched, LookupError> {
        let memory = fetch.cache().and_then(|cache| Memory::of(cache, &self.tools.options, remote, &question.words));
        let fetched = |facts, origin, at| Fetched { facts, origin, confirmed_at: at, address: remote.shown.clone() };
        if let Some((facts, at)) = memory.as_ref().and_then(Memory::fresh) {
            return Ok(fetched(facts, Origin::Fresh, Some(at)));
        }
        let session = fetch.tape().map(|tape| {
            let words = question.words.iter().map(String::as_str);
            let words: Vec<&str> =
                [RegistryId::Git.as_str(), package, &remote.shown].into_iter().chain(words).collect();
            tape.session(&words)
        });
        let answer = match &session {
            Some(session) if session.is_replay() => self.ask_recording(remote, question.talk, session).await,
            session => self.ask_in_time(remote, question.talk, session.as_ref()).await,
        };
        match answer {
            Ok(facts) => {
                if let Some(memory) = &memory {
                    memory.keep(&facts);
                }
                Ok(fetched(facts, Origin::Network, None))
            }
            Err(failure) => match self.instead_of(&failure, memory.as_ref()) {
                Some((facts, at)) => Ok(fetched(facts, Origin::Stale, Some(at))),
                None => Err(failure.into_lookup(package, &remote.shown)),
            },
        }
    }

    /// What the remote last said, where it cannot be asked and the user wants to know even so. What it refuses or does
    /// not have is no such case.
    fn instead_of(&self, failure: &Failure, memory: Option<&Memory<'_>>) -> Option<Remembered> {
        let options = &self.tools.options;
        match failure.cause {
            Cause::NotFound => memory?.forget(),
            Cause::Unauthorized => {}
            _ if options.offline || options.stale => return memory?.last(),
            _ => {}
        }
        None
    }

    /// Listens to a recorded conversation: to the last attempt, since those before it failed. What was said cannot be said
    /// again, so its place is there before it begins.
    async fn ask_recording(&self, remote: &Remote, talk: Talk, session: &Session) -> Result<ReleaseSet, Failure> {
        let mut tap = Tap::replay(session);
        while tap.is_err() && session.has_next() {
            tap = Tap::replay(session);
        }
        let tap = tap?;
        let _place = self.tools.room.place(None).await;
        self.converse(remote, talk, Scale::new(&self.tools.room, true), &tap).await
    }

    async fn ask_in_time(&self, remote: &Remote, talk: Talk, session: Option<&Session>) -> Result<ReleaseSet, Failure> {
        let Some(deadline) = self.deadline else { return self.ask_remote(remote, talk, session).await };
        timeout_at(deadline, self.ask_remote(remote, talk, session)).await.unwrap_or_else(|_| {
            let silence = Cause::Unreachable(Trouble::Silence);
            let failure = Failure::new(silence, "there was no answer before the run's deadline");
            self.keep(session, remote, Vec::new(), Some(&failure));
            Err(failure)
        })
    }

    /// Asks a remote, within the bounds of politeness, again where a moment may heal the failure.
    async fn ask_remote(&self, remote: &Remote, talk: Talk, session: Option<&Session>) -> Result<ReleaseSet, Failure> {
        if self.tools.options.offline && remote.way != Way::Local {
            return Err(Failure::new(
                Cause::Unreachable(Trouble::Offline),
                "it was not asked: offline, and not in the cache",
            ));
        }
        let _turn = self.turn(&remote.host).await;
        for pause in self.tools.options.pauses {
            match self.attempt(remote, talk.clone(), session).await {
                Err(failure) if matches!(failure.cause, Cause::Transient(_)) => {
                    tracing::debug!(remote = remote.shown, %failure, ?pause, "asking again");
                    tokio::time::sleep(pause).await;
                }
                answer => return answer,
            }
        }
        self.attempt(remote, talk, session).await
    }

    /// Waits for a place at the host, then for a place among all.
    async fn turn(&self, host: &str) -> (OwnedSemaphorePermit, OwnedSemaphorePermit) {
        let at_host = {
            let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(Semaphore::new(self.tools.options.per_host.max(1)));
            by_host.entry(host.to_owned()).or_insert_with(fresh).clone()
        };
        let never_closed = "no semaphore is ever closed";
        let at_host = at_host.acquire_owned().await.expect(never_closed);
        (at_host, self.in_all.clone().acquire_owned().await.expect(never_closed))
    }

    /// One conversation, overheard where a recording is made.
    async fn attempt(&self, remote: &Remote, talk: Talk, session: Option<&Session>) -> Result<ReleaseSet, Failure> {
        let tap = if session.is_some() { Tap::record() } else { Tap::Off };
        let answer = self.in_turn(remote, talk, &tap).await;
        self.keep(session, remote, tap.take(), answer.as_ref().err());
        answer
    }

    /// One conversation, and where its answer is too large to be read at once, another when it is its turn. Of the first
    /// nothing is kept then.
    async fn in_turn(&self, remote: &Remote, talk: Talk, tap: &Tap) -> Result<ReleaseSet, Failure> {
        let room = &self.tools.room;
        match self.measured(self.converse(remote, talk.clone(), Scale::new(room, false), tap)).await {
            Err(failure) if failure.cause == Cause::Crowded => {
                let Some(_place) = room.place(self.deadline).await else { return Err(failure) };
                drop(tap.take());
                self.measured(self.converse(remote, talk, Scale::new(room, true), tap)).await
            }
            answer => answer,
        }
    }

    /// A conversation, which is counted.
    async fn measured(
        &self,
        conversation: impl Future<Output = Result<ReleaseSet, Failure>>,
    ) -> Result<ReleaseSet, Failure> {
        let timer = Timer::start(self.tools.options.meter.as_deref(), RegistryId::Git);
        let answer = conversation.await;
        timer.end(answer.as_ref().map_or_else(|failure| failure.cause.counted(), |_| Outcome::Answered));
        answer
    }

    fn keep(&self, session: Option<&Session>, remote: &Remote, heard: Vec<Heard>, failure: Option<&Failure>) {
        let Some(session) = session else { return };
        let found = Url::parse(&remote.shown).ok().and_then(|url| self.tools.options.logins.find(&url));
        let secrets: Vec<String> = remote.login.iter().chain(&found).flat_map(Login::secrets).collect();
        tap::keep(session, &remote.shown, heard, failure, &secrets);
    }

    /// One conversation on a blocking thread. Dropping the future makes the thread give up.
    async fn converse(&self, remote: &Remote, talk: Talk, scale: Scale, tap: &Tap) -> Result<ReleaseSet, Failure> {
        let (bounds, _interest) = Bounds::new(self.tools.options.silence, self.tools.options.total, scale);
        let (remote, tools, tap) = (remote.clone(), self.tools.clone(), tap.clone());
        let conversation = move || {
            let mut conversation = Conversation::open(&remote, &tools, bounds, &tap)?;
            let facts = talk(&mut conversation)?;
            Ok(ReleaseSet { owner: owner(&conversation.address()), ..facts })
        };
        tokio::task::spawn_blocking(conversation).await.unwrap_or_else(|error| {
            // gix is strict with itself: some of what a hostile server could say ends in an assertion
            let reason = format!("the answer could not be read: {}", quote(&error.to_string()));
            Err(Failure::new(Cause::BadResponse, reason))
        })
    }
}

/// How a remote is reached, for `upmon doctor`.
#[derive(Debug, Clone)]
pub struct Site {
    /// The address, safe to show.
    pub address: String,
    /// The host; "this machine" for a path.
    pub host: String,
    /// The program that leads there, if any does.
    pub program: Option<&'static str>,
    /// The address without user and password, for remotes over http(s): there are credentials and proxies for these.
    pub url: Option<Url>,
    /// Where a login was found, if the address itself holds one.
    pub login: Option<String>,
}

/// How the remote at an address is reached; `None` for what is no address.
pub fn site(address: &str) -> Option<Site> {
    let remote = Remote::parse(address).ok()?;
    let program = match remote.way {
        Way::Ssh => Some("ssh"),
        Way::Local => Some("git"),
        Way::Http | Way::Daemon => None,
    };
    let url = (remote.way == Way::Http).then(|| Url::parse(&remote.shown).ok()).flatten();
    let host = if remote.host.is_empty() { "this machine".to_owned() } else { remote.host };
    let login = remote.login.map(|login| login.found_in);
    Some(Site { address: remote.shown, host, program, url, login })
}

fn no_address() -> Failure {
    Failure::new(Cause::NotFound, "the pin names no `url`")
}

/// The remote itself where it is a web address, else its page on a known forge.
fn links_of(remote: &Remote) -> Links {
    let own = (remote.way == Way::Http).then(|| remote.shown.clone());
    let repository = own.or_else(|| forge::page(&remote.shown, None, false)).map(Into::into);
    Links { repository, ..Links::default() }
}

impl Registry for Git {
    fn id(&self) -> RegistryId {
        RegistryId::Git
    }

    fn releases<'a>(&'a self, query: &'a Query, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        Box::pin(async move {
            let (mut fetched, remote) = self.ask(query, Question::of(query), fetch).await?;
            fetched.facts.links = links_of(&remote);
            Ok(fetched)
        })
    }

    fn dates<'a>(
        &'a self,
        query: &'a Query,
        wanted: &'a [&'a str],
        fetch: &'a dyn Fetch,
    ) -> BoxFuture<'a, Result<ReleaseSet, LookupError>> {
        Box::pin(async move { Ok(self.ask(query, Question::of_dates(wanted), fetch).await?.0.facts) })
    }

    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        let is_commit = matches!(query.strategy, Strategy::Commits { .. });
        forge::page(query.url.as_deref()?, version, is_commit)
    }
}
