//! A GitHub that remembers: what `upmon` asks of the API, and whatever can go wrong with it.
//!
//! A server on this machine holds repositories with issues, labels, comments, dispatches and workflow runs
//! ([`state`]), answers as GitHub's documentation says ([`routes`]), and fails where a test wants it to ([`faults`]):
//! before or after the effect, with a status, with silence or with a connection that is closed. Nothing in it waits for
//! a clock. Every request is kept; where `UPMON_RECORD_GITHUB` names a directory, it is also written there as JSON
//! lines, without the token, so that `tests/real` can hold it against GitHub's own description.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

pub(crate) mod faults;
mod own;
mod routes;
pub(crate) mod state;

use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use faults::{Moment, What};
use state::{Repository, State};

/// The token that it wants.
pub(crate) const TOKEN: &str = "ghs_s3cr3tS3cr3t";

/// The repository that a new server has.
pub(crate) const SHOP: &str = "acme/shop";

/// Where its API begins, as that of an enterprise server does.
const ROOT: &str = "/api/v3";

/// A request as it came, without the token.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Below the root of the API.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

impl Asked {
    /// A request to an address below the root of the API.
    pub(crate) fn new(method: &Method, (path, query): (&str, Option<&str>), headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().expect("clients send plain headers").to_owned();
        let headers = headers.iter().filter(|(name, _)| *name != "authorization");
        Self {
            method: method.to_string(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: (!body.is_empty()).then(|| String::from_utf8(body.to_vec()).expect("clients send UTF-8")),
        }
    }

    /// Whether it asks for a change.
    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Method and path, below the shop where it is about that: `POST issues/1/comments`.
    pub(crate) fn told(&self) -> String {
        let below = self.path.strip_prefix(&format!("/repos/{SHOP}/")).unwrap_or(&self.path);
        format!("{} {below}", self.method)
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        self.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
    }
}

/// What is said back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// `Null` for an empty body.
    pub(crate) body: Value,
}

/// A running server; dropping it ends it and writes its record.
pub(crate) struct GitHub {
    shared: Arc<Shared>,
    uri: String,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    held: Notify,
}

impl GitHub {
    /// A server with an empty repository [`SHOP`].
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("this machine has a free port");
        let uri = format!("http://{}{ROOT}", listener.local_addr().expect("a bound listener has an address"));
        let shared = Arc::new(Shared { state: Mutex::new(State::new(&uri)), held: Notify::new() });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, uri, task }
    }

    /// The root of its API.
    pub(crate) fn url(&self) -> &str {
        &self.uri
    }

    /// Everything that it remembers, and how it misbehaves.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no test fails while it looks")
    }

    /// The repository [`SHOP`] as it is now.
    pub(crate) fn shop(&self) -> Repository {
        self.state().repository(SHOP).clone()
    }

    /// Changes the repository [`SHOP`] as a person would.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Repository)) {
        change(self.state().repository(SHOP));
    }

    /// The requests for a change since this was last asked, as [`Asked::told`] tells them.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut state = self.state();
        let until = state.asked.len();
        let from = std::mem::replace(&mut state.looked_at, until);
        state.asked[from..].iter().filter(|asked| asked.is_write()).map(Asked::told).collect()
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Waits until a fault holds a request.
    pub(crate) async fn held(&self) {
        self.shared.held.notified().await;
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.task.abort();
        record(&self.shared.state.lock().unwrap().asked);
    }
}

/// Writes what a server was asked where `UPMON_RECORD_GITHUB` says, one file a server: tests run side by side.
pub(crate) fn record(asked: &[Asked]) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let Some(directory) = std::env::var_os("UPMON_RECORD_GITHUB") else { return };
    let name = format!("{}-{}.jsonl", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let lines: String = asked.iter().map(|asked| serde_json::to_string(asked).unwrap() + "\n").collect();
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(Path::new(&directory).join(name), lines).unwrap();
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        // small answers that wait for each other would make a test slow
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request: Request<Incoming>| answer(request, &shared));
    // a connection that its client or a fault broke off is nothing to report
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// What becomes of a request.
enum Outcome {
    Answered(Answer),
    Closed,
    Held,
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Full<Bytes>>, Closed> {
    let (asked, is_authorized) = read(request).await;
    let outcome = outcome(&asked, is_authorized, &mut shared.state.lock().unwrap());
    match outcome {
        Outcome::Answered(answer) => Ok(response(&answer)),
        Outcome::Closed => Err(Closed),
        Outcome::Held => {
            shared.held.notify_one();
            Ok(std::future::pending::<Result<_, Infallible>>().await.unwrap())
        }
    }
}

/// Why hyper closes a connection without a word.
#[derive(Debug, thiserror::Error)]
#[error("closed as the test wants it")]
struct Closed;

async fn read(request: Request<Incoming>) -> (Asked, bool) {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let is_authorized = head.headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    let path = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let asked = Asked::new(&head.method, (path, head.uri.query()), &head.headers, &body);
    (asked, is_authorized)
}

fn outcome(asked: &Asked, is_authorized: bool, state: &mut State) -> Outcome {
    state.asked.push(asked.clone());
    let fault = state.faults.strike(asked);
    let answer = |state: &mut State| if is_authorized { routes::answer(asked, state) } else { routes::unauthorized() };
    match fault {
        None => Outcome::Answered(answer(state)),
        Some((moment, what)) => {
            if moment == Moment::AfterTheEffect {
                answer(state);
            }
            match what {
                What::Answer(answer) => Outcome::Answered(answer),
                What::Close => Outcome::Closed,
                What::Hold => Outcome::Held,
            }
        }
    }
}

fn response(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let body = if answer.body.is_null() { Bytes::new() } else { answer.body.to_string().into() };
    response.header("content-type", "application/json; charset=utf-8").body(Full::new(body)).unwrap()
}
