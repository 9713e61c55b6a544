//! One attempt: send, follow redirects, judge the status, read the body into the decoder.
//!
//! Redirects are followed here and not by the client underneath, because that one hands every header but `Authorization`
//! on to other origins, and because each hop has to keep the pace of its own origin. Whether a failed attempt is
//! repeated is the matter of [`super::retry`].

use std::time::Instant;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use super::credentials::Credential;
use super::journal::Notes;
use super::limit::{Pause, Place};
use super::recording::{Broken, Ending, Reply, Session};
use super::retry::Cause;
use super::{Decode, Decoder, Head, clock, shown};
use crate::release::ReleaseSet;

/// More hops than this are a loop, as [RFC 9110] leaves to clients; browsers and curl allow 20 to 50, registries need 2.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4
const MAX_REDIRECTS: usize = 10;

/// Bodies nobody reads are read up to this many bytes, so that their connection can serve again.
const MAX_DISCARDED: u64 = 64 * 1024;

/// An attempt that gave no facts.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// The address that failed, safe to show.
    pub(super) address: String,
    /// What happened there: "answered 404 Not Found".
    pub(super) what: String,
}

impl Failure {
    pub(super) fn new(cause: Cause, url: &Url, what: impl Into<String>) -> Self {
        Self { cause, address: shown(url), what: what.into() }
    }

    /// The failure as a recording keeps it.
    pub(super) fn ending(&self) -> Ending {
        Ending { cause: self.cause.as_str().to_owned(), what: self.what.clone() }
    }

    /// The failure that a recording holds.
    pub(super) fn recorded(ending: &Ending, url: &Url) -> Self {
        Self::new(Cause::recorded(&ending.cause), url, ending.what.as_str())
    }
}

/// What one attempt asks.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) url: &'a Url,
    /// `None` after a 406: then any form is welcome.
    pub(super) accept: Option<&'static str>,
    /// `If-None-Match` or `If-Modified-Since`.
    pub(super) validator: Option<&'a Validator>,
    /// Goes along to addresses in its scope and of the question's own origin.
    pub(super) credential: Option<&'a Credential>,
    pub(super) max_size: u64,
    pub(super) decoder: Decoder<'a>,
    /// The recording that the answer goes to, or comes from.
    pub(super) session: Option<&'a Session>,
    /// Where what came is noted, if anybody wants to know.
    pub(super) notes: Option<&'a Notes>,
}

/// What makes a question conditional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validator {
    /// The `ETag` as it came, byte for byte.
    ETag(HeaderValue),
    /// The `Last-Modified` as it came.
    LastModified(HeaderValue),
}

/// A good answer.
pub(super) enum Answer {
    /// Facts, with the headers that say how long they keep.
    Facts(Box<ReleaseSet>, HeaderMap),
    /// What we have is still right: a 304 that we asked for, or a 200 with the very `ETag` that we sent.
    NotModified(HeaderMap),
}

/// Where a hop led.
pub(super) enum Hop {
    Arrived(Answer),
    Redirected(Url),
}

/// The redirects of one attempt.
pub(super) struct Trail(Vec<Url>);

impl Trail {
    pub(super) fn from(start: &Url) -> Self {
        Self(vec![start.clone()])
    }

    /// Where to ask next.
    pub(super) fn here(&self) -> &Url {
        self.0.last().expect("a trail starts somewhere")
    }

    /// Takes one step.
    ///
    /// # Errors
    /// In a loop, after too many steps, and from https to anything else.
    pub(super) fn step(&mut self, next: Url) -> Result<(), Failure> {
        let refuse = |what: &str| Err(Failure::new(Cause::Malformed, self.here(), what));
        if self.0.contains(&next) {
            return refuse("redirects in a circle");
        }
        if self.0.len() > MAX_REDIRECTS {
            return refuse("redirects too often");
        }
        if !matches!(next.scheme(), "http" | "https") || (self.here().scheme() == "https" && next.scheme() != "https") {
            return refuse("redirects to an address that is not https");
        }
        self.0.push(next);
        Ok(())
    }
}

/// Asks `url` (the question's own address or one that it led to). The credential goes along only within its origin.
pub(super) async fn hop(
    http: &reqwest::Client,
    question: Question<'_>,
    url: &Url,
    place: &Place,
) -> Result<Hop, Failure> {
    arrive(question, url, send(http, question, url, place).await?).await
}

/// Sends the question; the answer's body is still to come.
async fn send(
    http: &reqwest::Client,
    question: Question<'_>,
    url: &Url,
    place: &Place,
) -> Result<reqwest::Response, Failure> {
    let started = Instant::now();
    let response = http.execute(request(question, url)).await.map_err(|error| unreached(url, error))?;
    place.answered(response.headers());
    let status = response.status();
    tracing::debug!(address = shown(url), status = status.as_u16(), millis = millis(started), "answered");
    Ok(response)
}

/// Sends the question and waits for the whole answer, as a recording needs it: as much of the body as may be read, and one
/// byte more, which tells that there was more.
pub(super) async fn reply(
    http: &reqwest::Client,
    question: Question<'_>,
    url: &Url,
    place: &Place,
) -> Result<Reply, Failure> {
    let mut response = send(http, question, url, place).await?;
    let headers = std::mem::take(response.headers_mut());
    let mut reply = Reply { status: response.status(), headers, body: Vec::new(), ending: None };
    let most = usize::try_from(question.max_size).unwrap_or(usize::MAX).saturating_add(1);
    while reply.body.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => reply.body.extend_from_slice(&chunk[..chunk.len().min(most - reply.body.len())]),
            Ok(None) => break,
            Err(error) => {
                reply.ending = Some(cut_short(url, error).ending());
                break;
            }
        }
    }
    Ok(reply)
}

/// Judges an answer, and reads it where it is a good one.
pub(super) async fn arrive(question: Question<'_>, url: &Url, response: reqwest::Response) -> Result<Hop, Failure> {
    if let Some(notes) = question.notes {
        notes.answered(shown(url), response.status().as_u16());
    }
    match response.status() {
        StatusCode::OK => read(question, url, response).await.map(Hop::Arrived),
        StatusCode::NOT_MODIFIED if question.validator.is_some() => Ok(Hop::Arrived(not_modified(response).await)),
        _ => {
            let led = redirect(url, &response);
            let failure = judged(url, &response);
            discard(response).await;
            led.map_or(Err(failure), |next| Ok(Hop::Redirected(next)))
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn request(question: Question<'_>, url: &Url) -> reqwest::Request {
    let mut request = reqwest::Request::new(http::Method::GET, url.clone());
    let headers = request.headers_mut();
    if let Some(accept) = question.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
    }
    match question.validator {
        Some(Validator::ETag(etag)) => _ = headers.insert(http::header::IF_NONE_MATCH, etag.clone()),
        Some(Validator::LastModified(date)) => _ = headers.insert(http::header::IF_MODIFIED_SINCE, date.clone()),
        None => {}
    }
    let is_home = question.url.origin() == url.origin();
    if let Some(credential) = question.credential.filter(|credential| is_home && credential.scope().contains(url)) {
        headers.insert(AUTHORIZATION, credential.header());
    }
    request
}

/// The next address, for a status that redirects a `GET`. User and password in it are nobody's credential: dropped.
fn redirect(url: &Url, response: &reqwest::Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut next = url.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let _ = next.set_username("");
    let _ = next.set_password(None);
    next.set_fragment(None);
    Some(next)
}

/// What a status other than 200 means.
fn judged(url: &Url, response: &reqwest::Response) -> Failure {
    let cause = cause(response.status(), response.headers());
    let mut what = format!("answered {}", response.status());
    if cause == Cause::Refused
        && let Some(challenge) = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok())
    {
        what = format!("{what} (`{}`)", challenge.chars().take(120).collect::<String>());
    }
    Failure::new(cause, url, what)
}

/// The policy by status, in the words of the protocol.
fn cause(status: StatusCode, headers: &HeaderMap) -> Cause {
    let now = clock::now();
    let pause = || Pause::of(headers, now).or_else(|| Pause::of_quota(headers, now));
    match status.as_u16() {
        304 => Cause::UnaskedNotModified,
        404 | 410 | 451 => Cause::Missing,
        403 if pause().is_some() => Cause::Limited(pause()),
        401..=403 => Cause::Refused,
        406 => Cause::NotAcceptable,
        429 => Cause::Limited(pause()),
        503 if Pause::of(headers, now).is_some() => Cause::Limited(Pause::of(headers, now)),
        500.. => Cause::Server,
        _ => Cause::Malformed,
    }
}

/// A request that brought no head: nobody there, or somebody who does not speak HTTP.
fn unreached(url: &Url, error: reqwest::Error) -> Failure {
    let cause = if error.is_timeout() {
        Cause::TimedOut
    } else if sources(&error).any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
        Cause::Malformed
    } else {
        Cause::Unreached
    };
    let what = match cause {
        Cause::TimedOut => "did not answer in time".to_owned(),
        Cause::Malformed => format!("does not answer in HTTP: {}", told(error)),
        _ if error.is_connect() => format!("could not be reached: {}", told(error)),
        _ => format!("gave no answer: {}", told(error)),
    };
    Failure::new(cause, url, what)
}

type Chain<'a> = &'a (dyn std::error::Error + 'static);

/// An error and what caused it, outermost first.
fn sources(error: Chain<'_>) -> impl Iterator<Item = Chain<'_>> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error of the client underneath as one line, without its address, which may hold a credential, and without the layers
/// that only say that a request was sent.
fn told(error: reqwest::Error) -> String {
    let is_layer = |word: &String| word.starts_with("error sending request") || word.starts_with("client error (");
    let error = error.without_url();
    let mut words: Vec<String> = sources(&error).map(ToString::to_string).skip_while(is_layer).collect();
    words.dedup();
    words.join(": ")
}

async fn not_modified(mut response: reqwest::Response) -> Answer {
    let headers = std::mem::take(response.headers_mut());
    discard(response).await;
    Answer::NotModified(headers)
}

async fn discard(mut response: reqwest::Response) {
    if response.content_length().is_some_and(|length| length <= MAX_DISCARDED) {
        while let Ok(Some(_)) = response.chunk().await {}
    }
}

/// Reads a 200: into nothing when its `ETag` is the one we sent (some registries answer so), else into the decoder.
async fn read(question: Question<'_>, url: &Url, mut response: reqwest::Response) -> Result<Answer, Failure> {
    let headers = std::mem::take(response.headers_mut());
    if let Some(Validator::ETag(sent)) = question.validator
        && headers.get(http::header::ETAG) == Some(sent)
    {
        discard(response).await;
        return Ok(Answer::NotModified(headers));
    }
    let head = Head { status: response.status(), url: url.clone(), media_type: media_type(&headers) };
    let mut decode =
        (question.decoder)(&head).map_err(|malformed| Failure::new(Cause::Malformed, url, malformed.to_string()))?;
    fill(question, url, response, &mut *decode).await?;
    let facts = decode.finish().map_err(|malformed| Failure::new(Cause::CutShort, url, malformed.to_string()))?;
    Ok(Answer::Facts(Box::new(facts), headers))
}

/// Feeds the body to the decoder, chunk by chunk, up to the cap.
async fn fill(
    question: Question<'_>,
    url: &Url,
    mut response: reqwest::Response,
    decode: &mut dyn Decode,
) -> Result<(), Failure> {
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| cut_short(url, error))? {
        size += chunk.len() as u64;
        if size > question.max_size {
            let what = format!("sent more than the {} bytes that are read", question.max_size);
            return Err(Failure::new(Cause::Malformed, url, what));
        }
        decode.chunk(&chunk).map_err(|malformed| Failure::new(Cause::Malformed, url, malformed.to_string()))?;
    }
    tracing::debug!(address = shown(url), bytes = size, "read");
    Ok(())
}

fn cut_short(url: &Url, error: reqwest::Error) -> Failure {
    if let Some(Broken(ending)) = sources(&error).find_map(|error| error.downcast_ref::<Broken>()) {
        return Failure::recorded(ending, url);
    }
    let cause = if error.is_timeout() { Cause::TimedOut } else { Cause::CutShort };
    Failure::new(cause, url, format!("broke off: {}", told(error)))
}

/// The media type of `Content-Type`, lower case, without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}
