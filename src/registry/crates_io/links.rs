//! The addresses of a crate, from the web API of crates.io through `crates_io_api`.
//!
//! They are a courtesy: the index does not hold them, and a report is true without them. So they are asked for one at a
//! time and at the pace that crates.io asks of everyone (<https://crates.io/data-access#api>), for a bounded time in all,
//! and not again once crates.io could not be had. Nothing here can make a lookup fail.

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use crates_io_api::{AsyncClient, Crate, Error};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::{LookupError, Trouble};
use crate::http::Fetch;
use crate::http::options::Options;
use crate::http::recording::{Exchange, NOT_RECORDED};
use crate::registry::RegistryId;
use crate::release::Links;

/// Bounds on what links may cost.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// From the start of one request to the start of the next.
    pace: Duration,
    /// For one request.
    call: Duration,
    /// From the start of the first request to the end of the last.
    run: Duration,
}

const LIMITS: Limits =
    Limits { pace: Duration::from_secs(1), call: Duration::from_secs(5), run: Duration::from_secs(10) };

/// Makes the client.
type Connect = Box<dyn FnOnce() -> Option<AsyncClient> + Send>;

/// Asks for links, for one run.
pub(super) struct LinkSource {
    /// Made when the first link is wanted: reading the system's certificates takes a while.
    client: LazyLock<Option<AsyncClient>, Connect>,
    limits: Limits,
    /// Held for the whole of a request, so that requests are serial.
    turn: Mutex<Turn>,
}

impl fmt::Debug for LinkSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LinkSource").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl LinkSource {
    /// Links from crates.io, through the proxy that the environment names, trusting the certificates of the system and
    /// those of the options.
    pub(super) fn crates_io(options: &Options) -> Self {
        let (agent, certificates) = (options.user_agent.clone(), options.certificates.clone());
        let connect_timeout = options.connect_timeout.min(LIMITS.call);
        let connect = move || {
            let builder = reqwest_0_12::ClientBuilder::new().user_agent(agent).connect_timeout(connect_timeout);
            client(trusting(certificates.as_deref(), builder)?)
        };
        Self::new(Box::new(connect), LIMITS)
    }

    fn new(connect: Connect, limits: Limits) -> Self {
        Self { client: LazyLock::new(connect), limits, turn: Mutex::default() }
    }

    /// The links of a crate, from a recording where one is played. The client underneath hands out no raw answers, so it is
    /// the links themselves that a recording holds.
    ///
    /// # Errors
    /// As [`LinkSource::ask`], and when the recording has none.
    pub(super) async fn ask_or_recall(&self, name: &str, fetch: &dyn Fetch) -> Result<Links, LookupError> {
        let Some(session) = fetch.tape().map(|tape| tape.session(&[RegistryId::CratesIo.as_str(), name, "links"]))
        else {
            return self.ask(name).await;
        };
        if session.is_replay() {
            let links = session.next().and_then(|exchange| serde_json::from_slice(&exchange.into_body()).ok());
            return links.ok_or_else(|| unreachable(name, NOT_RECORDED));
        }
        let links = self.ask(name).await?;
        let body = serde_json::to_vec(&links).expect("links are texts and serialise");
        session.keep(Exchange::bytes(format!("the links of crate `{name}`"), body));
        Ok(links)
    }

    /// The links of a crate.
    ///
    /// # Errors
    /// When there are none to be had, or not within this run's bounds.
    pub(super) async fn ask(&self, name: &str) -> Result<Links, LookupError> {
        let mut turn = self.turn.lock().await;
        let slot = turn.claim(Instant::now(), self.limits).map_err(|reason| unreachable(name, reason))?;
        sleep_until(slot.start).await;
        let answer = match &*self.client {
            Some(client) => {
                timeout_at(slot.end, client.get_crate(name)).await.map_err(|_| unreachable(name, "no answer in time"))
            }
            None => Err(unreachable(name, "no client could be made")),
        };
        let answer = answer.and_then(|answer| answer.map_err(|error| failure(name, &error)));
        turn.is_closed = !matches!(answer, Ok(_) | Err(LookupError::NotFound { .. }));
        Ok(of(answer?.crate_data))
    }
}

/// Whose turn it is and when.
#[derive(Debug, Default)]
struct Turn {
    /// Whether crates.io could not be had: asking again would only make the run longer.
    is_closed: bool,
    /// When the next request may start. Kept here too, since the client forgets its own pace after an error.
    next: Option<Instant>,
    /// When the run's time for links is over.
    over: Option<Instant>,
}

/// When one request may start, and has to be done.
#[derive(Debug, PartialEq, Eq)]
struct Slot {
    start: Instant,
    end: Instant,
}

impl Turn {
    /// The next slot, which counts as used from here on, whatever becomes of the request.
    fn claim(&mut self, now: Instant, limits: Limits) -> Result<Slot, &'static str> {
        if self.is_closed {
            return Err("it could not be had before in this run");
        }
        let over = *self.over.get_or_insert(now + limits.run);
        let start = self.next.map_or(now, |next| next.max(now));
        if start >= over {
            return Err("this run's time for links is used up");
        }
        self.next = Some(start + limits.pace);
        Ok(Slot { start, end: over.min(start + limits.call) })
    }
}

/// Adds the authorities in a file. It was readable when the run began; what became of it since is told in the log.
fn trusting(file: Option<&Path>, builder: reqwest_0_12::ClientBuilder) -> Option<reqwest_0_12::ClientBuilder> {
    let Some(file) = file else { return Some(builder) };
    let pem = std::fs::read(file).inspect_err(|error| tracing::debug!(%error, "no certificates for links")).ok()?;
    let authorities = reqwest_0_12::Certificate::from_pem_bundle(&pem);
    let authorities =
        authorities.inspect_err(|error| tracing::debug!(%error, "no certificates for links")).unwrap_or_default();
    Some(authorities.into_iter().fold(builder, reqwest_0_12::ClientBuilder::add_root_certificate))
}

fn client(builder: reqwest_0_12::ClientBuilder) -> Option<AsyncClient> {
    match builder.build() {
        Ok(client) => Some(AsyncClient::with_http_client(client, LIMITS.pace)),
        Err(error) => {
            tracing::debug!(%error, "no client for the links of crates.io");
            None
        }
    }
}

/// crates.io knows no address of a list of changes.
fn of(answer: Crate) -> Links {
    let boxed = |link: String| link.trim().to_owned().into_boxed_str();
    Links {
        changelog: None,
        repository: answer.repository.map(boxed),
        homepage: answer.homepage.or(answer.documentation).map(boxed),
    }
}

/// The message is made of our own words: those of the error may hold a whole answer.
fn failure(name: &str, error: &Error) -> LookupError {
    match error {
        Error::NotFound(_) => LookupError::NotFound { message: message(name, "it has no such crate") },
        Error::PermissionDenied(_) => LookupError::Unauthorized { message: message(name, "it refused the request") },
        Error::Http(error) => match error.status() {
            Some(status) if status.as_u16() == 429 => {
                LookupError::RateLimited { message: message(name, "too many requests"), until: None }
            }
            Some(status) => unreachable(name, status.as_str()),
            None => unreachable(name, "it could not be reached"),
        },
        _ => LookupError::BadResponse { message: message(name, "its answer was not understood") },
    }
}

fn unreachable(name: &str, reason: &str) -> LookupError {
    LookupError::Unreachable { message: message(name, reason), trouble: Trouble::Other }
}

fn message(name: &str, reason: &str) -> String {
    format!("the links of crate `{name}` could not be had from crates.io: {reason}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A proxy that counts who comes and lets nobody through, and a source that knows no other way to crates.io.
    async fn behind_a_closed_proxy() -> (LinkSource, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"CONNECT crates.io:443 "), "only crates.io is asked");
                stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        });
        let connect = move || {
            let proxy = reqwest_0_12::Proxy::all(&address).unwrap();
            client(reqwest_0_12::ClientBuilder::new().proxy(proxy))
        };
        (LinkSource::new(Box::new(connect), LIMITS), visits)
    }

    #[tokio::test]
    async fn crates_io_is_not_asked_again_once_it_could_not_be_had() {
        let (source, visits) = behind_a_closed_proxy().await;
        let first = source.ask("serde").await.unwrap_err();
        let reason = "the links of crate `serde` could not be had from crates.io: it could not be reached";
        assert_eq!(first, LookupError::Unreachable { message: reason.into(), trouble: Trouble::Other });
        let others = futures_util::future::join_all((0..50).map(|_| source.ask("tokio"))).await;
        let reason =
            "the links of crate `tokio` could not be had from crates.io: it could not be had before in this run";
        for other in others {
            assert_eq!(other, Err(LookupError::Unreachable { message: reason.into(), trouble: Trouble::Other }));
        }
        assert_eq!(visits.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn without_a_client_there_are_no_links() {
        let source = LinkSource::new(Box::new(|| None), LIMITS);
        let error = source.ask("serde").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the links of crate `serde` could not be had from crates.io: no client could be made"
        );
        assert!(source.turn.lock().await.is_closed);
    }

    #[test]
    fn requests_keep_the_pace_of_crates_io_and_end_with_the_runs_time() {
        let started = Instant::now();
        let at = |millis| started + Duration::from_millis(millis);
        let mut turn = Turn::default();
        // the time of asking, and the slot that it gets; nothing here says how the request before it ended
        let rows = [
            (0, Ok((0, 5000))),
            (10, Ok((1000, 6000))),
            (4200, Ok((4200, 9200))),
            (4300, Ok((5200, 10_000))),
            (9900, Ok((9900, 10_000))),
            (9950, Err("this run's time for links is used up")),
            (60_000, Err("this run's time for links is used up")),
        ];
        for (now, expected) in rows {
            let expected = expected.map(|(start, end)| Slot { start: at(start), end: at(end) });
            assert_eq!(turn.claim(at(now), LIMITS), expected, "asked at {now} ms");
        }
    }

    #[tokio::test]
    async fn a_run_without_time_for_links_asks_for_none() {
        let limits = Limits { run: Duration::ZERO, ..LIMITS };
        let source = LinkSource::new(Box::new(|| panic!("a client was made")), limits);
        let error = source.ask("serde").await.unwrap_err();
        assert!(error.to_string().ends_with("this run's time for links is used up"), "{error}");
    }

    #[test]
    fn the_addresses_of_a_crate_are_taken_over() {
        let rows = [
            (r#""https://r""#, r#""https://h""#, r#""https://d""#, Some("https://r"), Some("https://h")),
            (r#"" https://r ""#, "null", r#""https://d""#, Some("https://r"), Some("https://d")),
            ("null", "null", "null", None, None),
        ];
        for (repository, homepage, documentation, expected_repository, expected_homepage) in rows {
            let json = format!(
                r#"{{"id":"a","name":"a","description":null,"license":null,"downloads":1,"recent_downloads":null,
                "categories":null,"keywords":null,"versions":null,"max_version":"1.0.0","max_stable_version":null,
                "links":{{"owner_team":"","owner_user":"","owners":"","reverse_dependencies":"","version_downloads":"","versions":null}},
                "created_at":"2020-01-01T00:00:00Z","updated_at":"2020-01-01T00:00:00Z","exact_match":null,
                "repository":{repository},"homepage":{homepage},"documentation":{documentation}}}"#
            );
            let links = of(serde_json::from_str(&json).unwrap());
            assert_eq!(links.changelog, None);
            assert_eq!(
                (links.repository.as_deref(), links.homepage.as_deref()),
                (expected_repository, expected_homepage)
            );
        }
    }
}
