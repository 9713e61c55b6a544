//! What a remote said in one conversation: overheard for a recording, or said again from one.
//!
//! gix asks the same questions again when it hears the same answers, so the answers alone are a conversation. Over http(s)
//! an answer is an exchange of its own; a stream (`git://`, ssh, a program on this machine) is one exchange as a whole.
//! How a conversation failed is kept in words, since silence, a timeout and a program's complaint cannot be said again.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::failure::{Cause, Failure};
use crate::error::Trouble;
use crate::http::recording::{Ending, Exchange, NOT_RECORDED, Reply, Session, blot};

/// Who listens to a conversation, if anybody; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) enum Tap {
    /// Nobody.
    #[default]
    Off,
    /// What is said is kept.
    Record(Arc<Mutex<Vec<Heard>>>),
    /// What was said is said again.
    Replay(Arc<Mutex<VecDeque<Exchange>>>),
}

/// One thing that was said.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    /// An answer over http(s).
    Reply(Box<(Method, Url, Reply)>),
    /// All that came over a stream.
    Stream(Vec<u8>),
}

impl Tap {
    /// A tap that keeps what is said.
    pub(super) fn record() -> Self {
        Self::Record(Arc::default())
    }

    /// What was recorded of the next attempt; how it ended where it failed.
    pub(super) fn replay(session: &Session) -> Result<Self, Failure> {
        let mut exchanges = VecDeque::new();
        while let Some(exchange) = session.next() {
            if let Some(ending) = exchange.ending() {
                return Err(Failure::new(cause(&ending.cause), ending.what.as_str()));
            }
            exchanges.push_back(exchange);
        }
        if exchanges.is_empty() { Err(not_recorded()) } else { Ok(Self::Replay(Arc::new(Mutex::new(exchanges)))) }
    }

    /// Whether answers come from a recording.
    pub(super) const fn is_replay(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    /// Notes the head of an answer over http(s); its body is still to come.
    pub(super) fn answered(&self, method: &Method, url: &Url, status: StatusCode, headers: &HeaderMap) {
        if let Self::Record(heard) = self {
            let reply = Reply { status, headers: headers.clone(), body: Vec::new(), ending: None };
            locked(heard).push(Heard::Reply(Box::new((method.clone(), url.clone(), reply))));
        }
    }

    /// Notes bytes of the body that comes, or of the stream.
    pub(super) fn came(&self, bytes: &[u8]) {
        let Self::Record(heard) = self else { return };
        let mut heard = locked(heard);
        match heard.last_mut() {
            Some(Heard::Reply(answer)) => answer.2.body.extend_from_slice(bytes),
            Some(Heard::Stream(stream)) => stream.extend_from_slice(bytes),
            None => heard.push(Heard::Stream(bytes.to_vec())),
        }
    }

    /// The next answer over http(s) of a recording.
    pub(super) fn next_reply(&self, url: &Url) -> Option<Result<reqwest::Response, Failure>> {
        let Self::Replay(exchanges) = self else { return None };
        let next = locked(exchanges).pop_front().and_then(|exchange| exchange.into_reply().ok());
        Some(next.map(|reply| reply.into_response(url)).ok_or_else(not_recorded))
    }

    /// All that a recorded stream said.
    pub(super) fn stream(&self) -> Option<Vec<u8>> {
        let Self::Replay(exchanges) = self else { return None };
        Some(locked(exchanges).pop_front().map(Exchange::into_body).unwrap_or_default())
    }

    /// Takes what was heard so far.
    pub(super) fn take(&self) -> Vec<Heard> {
        match self {
            Self::Record(heard) => std::mem::take(&mut *locked(heard)),
            Self::Off | Self::Replay(_) => Vec::new(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_recorded() -> Failure {
    Failure::new(Cause::Unreachable(Trouble::Other), format!("it {NOT_RECORDED}"))
}

/// Keeps one attempt: what was heard, and how it failed if it did. `secrets` are blotted out, should the remote have
/// echoed one.
pub(super) fn keep(session: &Session, asked: &str, heard: Vec<Heard>, failure: Option<&Failure>, secrets: &[String]) {
    for one in heard {
        session.keep(match one {
            Heard::Reply(answer) => {
                let (method, url, mut reply) = *answer;
                reply.blot(secrets);
                Exchange::reply(&method, &url, &reply)
            }
            Heard::Stream(mut bytes) => {
                blot(&mut bytes, secrets);
                Exchange::bytes(asked.to_owned(), bytes)
            }
        });
    }
    if let Some(Failure { cause, reason }) = failure {
        let mut what = reason.clone().into_bytes();
        blot(&mut what, secrets);
        let ending = Ending { cause: word(*cause).to_owned(), what: String::from_utf8_lossy(&what).into_owned() };
        session.keep(Exchange::failure(asked.to_owned(), ending));
    }
}

/// A stream that somebody may listen to.
#[derive(Debug)]
pub(super) struct Tapped<R> {
    inner: R,
    tap: Tap,
}

impl<R> Tapped<R> {
    pub(super) fn new(inner: R, tap: &Tap) -> Self {
        Self { inner, tap: tap.clone() }
    }
}

impl<R: Read> Read for Tapped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.tap.came(&buffer[..read]);
        Ok(read)
    }
}

const fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::NotFound => "not-found",
        Cause::Unauthorized => "unauthorized",
        Cause::RateLimited(_) => "rate-limited",
        Cause::BadResponse => "bad-response",
        Cause::TooLarge => "too-large",
        Cause::Crowded => "crowded",
        Cause::Unreachable(_) => "unreachable",
        Cause::Transient(_) => "transient",
    }
}

/// What a recording names and this version does not know brought no answer. Why nobody answered is in the words alone.
fn cause(named: &str) -> Cause {
    let known = [
        Cause::NotFound,
        Cause::Unauthorized,
        Cause::RateLimited(None),
        Cause::BadResponse,
        Cause::TooLarge,
        Cause::Crowded,
        Cause::Transient(Trouble::Other),
    ];
    known.into_iter().find(|cause| word(*cause) == named).unwrap_or(Cause::Unreachable(Trouble::Other))
}
