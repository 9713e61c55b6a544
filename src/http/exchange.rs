//! One attempt: send, follow redirects, judge the status, read the body into the decoder.
//!
//! Redirects are followed here and not by the client underneath, because that one hands every header but `Authorization`
//! on to other origins, and because each hop has to keep the pace of its own origin. Whether a failed attempt is
//! repeated is the matter of [`super::retry`].

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::credentials::Credential;
use super::gunzip::{self, Gunzip, Shelf};
use super::journal::Notes;
use super::limit::{Pause, Place};
use super::recording::{Broken, Ending, Reply, Session};
use super::retry::Cause;
use super::room::{Excess, Room, Scale};
use super::trouble::{self, sources};
use super::{Decode, Decoder, Head, Malformed, clock, shown};
use crate::error::Trouble;
use crate::release::ReleaseSet;

/// More hops than this are a loop, as [RFC 9110] leaves to clients; browsers and curl allow 20 to 50, registries need 2.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4
const MAX_REDIRECTS: usize = 10;

/// Bodies nobody reads are read up to this many bytes, so that their connection can serve again.
const MAX_DISCARDED: u64 = 64 * 1024;

/// How answers may be packed. The first is unpacked by [`super::gunzip`], the others by the client underneath.
const CODINGS: &str = "gzip, br, zstd";

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
    /// When its time is over; `None` for an answer that has arrived.
    pub(super) until: Option<Instant>,
    /// Where a large answer finds a place.
    pub(super) room: &'a Room,
    /// Whether it has one already.
    pub(super) has_place: bool,
    pub(super) decoder: Decoder<'a>,
    /// The recording that the answer goes to, or comes from.
    pub(super) session: Option<&'a Session>,
    /// Where what came is noted, if anybody wants to know.
    pub(super) notes: Option<&'a Notes>,
    /// What unpacks the answer.
    pub(super) shelf: &'a Shelf,
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

    /// Takes a step that a recording holds. It has addresses without their queries, so two that differ may look the same.
    pub(super) fn follow(&mut self, next: Url) {
        self.0.push(next);
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
    let response = http.execute(request(question, url)).await.map_err(|error| unreached(url, &error))?;
    place.answered(response.headers());
    let status = response.status();
    tracing::debug!(address = shown(url), status = status.as_u16(), millis = millis(started), "answered");
    Ok(response)
}

/// Sends the question and waits for the whole answer, as a recording needs it: as much of the body as may be read, and one
/// byte more, which tells that there was more. What packed it is undone, so that a person can read what is kept.
pub(super) async fn reply(
    http: &reqwest::Client,
    question: Question<'_>,
    url: &Url,
    place: &Place,
) -> Result<Reply, Failure> {
    let mut response = send(http, question, url, place).await?;
    let mut headers = std::mem::take(response.headers_mut());
    let gunzip = is_gzip(&headers).then(|| Gunzip::new(question.shelf));
    if gunzip.is_some() {
        headers.remove(CONTENT_ENCODING);
    }
    let mut reply = Reply { status: response.status(), headers, body: Vec::new(), ending: None };
    let most = usize::try_from(question.max_size).unwrap_or(usize::MAX).saturating_add(1);
    let body = &mut reply.body;
    let sink = |bytes: &[u8]| {
        body.extend_from_slice(&bytes[..bytes.len().min(most - body.len())]);
        within(body.len() as u64, question.max_size, url)
    };
    let failure = pump(question, url, response, gunzip, sink).await.err();
    if failure.as_ref().is_some_and(|failure| failure.cause == Cause::TimedOut) {
        return Err(late(url));
    }
    reply.ending = failure.map(|failure| failure.ending());
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
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
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
fn unreached(url: &Url, error: &reqwest::Error) -> Failure {
    let is_parse = |error: &hyper::Error| error.is_parse();
    if let Some(garbage) = sources(error).find(|error| error.downcast_ref().is_some_and(is_parse)) {
        return Failure::new(Cause::Malformed, url, format!("does not answer in HTTP: {garbage}"));
    }
    let (trouble, words) = trouble::of(error);
    match trouble {
        Trouble::Silence => Failure::new(Cause::TimedOut, url, words),
        _ if error.is_connect() => {
            Failure::new(Cause::Unreached(trouble), url, format!("could not be reached: {words}"))
        }
        _ => Failure::new(Cause::Unreached(trouble), url, format!("gave no answer: {words}")),
    }
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
    let is_gzip = is_gzip(&headers);
    if let Some(packing) = packing(&headers).filter(|_| !is_gzip) {
        return Err(Failure::new(Cause::Malformed, url, format!("packed its answer as `{packing}`, unasked")));
    }
    let head = Head { status: response.status(), url: url.clone(), media_type: media_type(&headers) };
    let mut decode =
        (question.decoder)(&head).map_err(|malformed| Failure::new(Cause::Malformed, url, malformed.to_string()))?;
    let gunzip = is_gzip.then(|| Gunzip::new(question.shelf));
    let scale = Scale::new(question.room, question.has_place);
    let body = Body { question, url, decode: &mut *decode, scale, size: 0 };
    body.fill(response, gunzip).await?;
    let facts = decode.finish().map_err(|malformed| Failure::new(Cause::CutShort, url, malformed.to_string()))?;
    Ok(Answer::Facts(Box::new(facts), headers))
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| [&b"gzip"[..], b"x-gzip"].iter().any(|name| coding.as_bytes().eq_ignore_ascii_case(name)))
}

/// A body on its way into the decoder.
struct Body<'a> {
    question: Question<'a>,
    url: &'a Url,
    decode: &'a mut dyn Decode,
    scale: Scale,
    /// Bytes so far, unpacked.
    size: u64,
}

impl Body<'_> {
    /// Feeds the decoder, chunk by chunk, up to the cap.
    async fn fill(mut self, response: reqwest::Response, gunzip: Option<Gunzip<'_>>) -> Result<(), Failure> {
        pump(self.question, self.url, response, gunzip, |bytes| self.take(bytes)).await?;
        tracing::debug!(address = shown(self.url), bytes = self.size, "read");
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.size += bytes.len() as u64;
        within(self.size, self.question.max_size, self.url)?;
        let malformed = |malformed: Malformed| Failure::new(Cause::Malformed, self.url, malformed.to_string());
        self.decode.chunk(bytes).map_err(malformed)?;
        self.scale.weigh(self.size, || self.decode.held()).map_err(|excess| too_much(self.url, excess))
    }
}

/// Hands on a body while it arrives, unpacked. Whoever waits for it until a time finds out only when nothing more is there
/// to be read, and a few bytes may unpack into many: so the time is looked at before every piece.
async fn pump(
    question: Question<'_>,
    url: &Url,
    mut response: reqwest::Response,
    mut gunzip: Option<Gunzip<'_>>,
    mut sink: impl FnMut(&[u8]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut sink = |bytes: &[u8]| {
        let is_late = question.until.is_some_and(|until| until <= Instant::now());
        if is_late { Err(late(url)) } else { sink(bytes) }
    };
    while let Some(chunk) = response.chunk().await.map_err(|error| cut_short(url, &error))? {
        match &mut gunzip {
            Some(gunzip) => gunzip.chunk(&chunk, &mut sink).map_err(|trouble| match trouble {
                gunzip::Trouble::Packed(malformed) => broke_off(url, &malformed),
                gunzip::Trouble::Sink(failure) => failure,
            })?,
            None => sink(&chunk)?,
        }
    }
    gunzip.map_or(Ok(()), |gunzip| gunzip.finish()).map_err(|malformed| broke_off(url, &malformed))
}

/// The time of an attempt, or of the run, was over before its answer was there.
pub(super) fn late(url: &Url) -> Failure {
    Failure::new(Cause::TimedOut, url, "did not answer in time")
}

fn within(size: u64, max_size: u64, url: &Url) -> Result<(), Failure> {
    let what = || format!("sent more than the {max_size} bytes that are read");
    if size > max_size { Err(Failure::new(Cause::Malformed, url, what())) } else { Ok(()) }
}

fn broke_off(url: &Url, malformed: &Malformed) -> Failure {
    Failure::new(Cause::CutShort, url, format!("broke off: {malformed}"))
}

fn too_much(url: &Url, excess: Excess) -> Failure {
    match excess {
        Excess::TooLarge => Failure::new(Cause::Malformed, url, "tells more than anybody has to tell of a package"),
        Excess::NoPlace => {
            Failure::new(Cause::Crowded, url, "sent a large answer, and it was not its turn before the run's deadline")
        }
    }
}

fn cut_short(url: &Url, error: &reqwest::Error) -> Failure {
    if let Some(Broken(ending)) = sources(error).find_map(|error| error.downcast_ref::<Broken>()) {
        return Failure::recorded(ending, url);
    }
    let cause = if error.is_timeout() { Cause::TimedOut } else { Cause::CutShort };
    Failure::new(cause, url, format!("broke off: {}", trouble::of(error).1))
}

/// The `Content-Encoding` that is left: the client underneath takes away what it undoes.
fn packing(headers: &HeaderMap) -> Option<String> {
    let packing = String::from_utf8_lossy(headers.get(CONTENT_ENCODING)?.as_bytes()).trim().to_ascii_lowercase();
    (!packing.is_empty() && packing != "identity").then(|| packing.chars().take(40).collect())
}

/// The media type of `Content-Type`, lower case, without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}
