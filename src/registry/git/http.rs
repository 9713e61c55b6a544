//! Smart HTTP for gix over one shared asynchronous client.
//!
//! gix's own backend builds a client, a connection pool and two threads for every remote. Here all remotes share one
//! client, so connections (and HTTP/2 streams) are reused, and whoever configures the client decides on proxies and
//! certificates for git too. gix writes requests and reads answers; this module decides on redirects and credentials:
//!
//! - only the first request may be redirected, and only to the same service of another repository, as git does
//!   (`http.followRedirects=initial`); never from https to http;
//! - a credential goes to the origin that it belongs to, after that origin asked for one, over a private connection.

use std::any::Any;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use gix::protocol::transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use http::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{Method, StatusCode};
use reqwest::Response;
use secrecy::ExposeSecret;
use url::{Origin, Url};

use super::bounds::Bounds;
use super::failure::{Cause, Failure, quote};
use super::login::{Login, Logins, is_private};
use super::tap::Tap;
use crate::error::Trouble;
use crate::http::{shown, trouble};

/// As many as browsers follow at most ([Fetch standard](https://fetch.spec.whatwg.org/#http-redirect-fetch)) is far more
/// than a moved repository needs; git allows 20 ([`http.c`](https://github.com/git/git/blob/v2.47.0/http.c)).
const MAX_REDIRECTS: usize = 10;

/// Servers choose the smart protocol by the `git/` at the start; the rest says who asks.
const AGENT: &str = concat!("git/2.0 (upmon/", env!("CARGO_PKG_VERSION"), ")");

/// How gix reaches one remote over HTTP.
#[derive(Debug)]
pub(super) struct Web {
    asker: Asker,
    /// The base address that answered, after redirects.
    redirected: Option<String>,
}

/// What it takes to make one request; cheap to clone.
#[derive(Debug, Clone)]
struct Asker {
    bounds: Bounds,
    client: reqwest::Client,
    logins: Logins,
    /// The login in the address itself, and the origin of that address.
    own: Option<(Origin, Login)>,
    /// The origin that wanted a login, and the one it accepted.
    accepted: Arc<Mutex<Option<(Origin, Login)>>>,
    tap: Tap,
}

/// One request.
#[derive(Debug, Clone)]
struct Question {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// What the address has to end in after a redirect; `None` when none is followed.
    tail: Option<String>,
}

/// One answer, whole.
#[derive(Debug)]
struct Answer {
    /// The address that answered.
    url: Url,
    /// Header lines as gix reads them.
    head: Cursor<Vec<u8>>,
    body: Cursor<Vec<u8>>,
}

impl Web {
    /// A way to the remote at `url`. `own` is the login written into the address.
    pub(super) fn new(client: reqwest::Client, logins: Logins, url: &Url, own: Option<Login>, bounds: &Bounds) -> Self {
        let own = own.filter(|_| is_private(url)).map(|login| (url.origin(), login));
        let asker = Asker { bounds: bounds.clone(), client, logins, own, accepted: Arc::default(), tap: Tap::Off };
        Self { asker, redirected: None }
    }

    /// The same way with somebody who listens, or who answers in the remote's place.
    pub(super) fn tapped(mut self, tap: &Tap) -> Self {
        self.asker.tap = tap.clone();
        self
    }
}

impl Asker {
    /// Asks from gix's blocking thread.
    fn ask_blocking(&self, question: Question) -> io::Result<Answer> {
        self.bounds.runtime().block_on(self.ask(question)).map_err(|failure| self.bounds.record(failure))
    }

    async fn ask(&self, mut question: Question) -> Result<Answer, Failure> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_authorized(&question).await?;
            if !response.status().is_redirection() {
                return self.read(response).await;
            }
            question.url = redirect_target(&question, response.headers())?;
        }
        Err(Failure::new(Cause::BadResponse, format!("redirected more than {MAX_REDIRECTS} times")))
    }

    /// Sends a question, with a login once the origin has asked for one. A recording begins behind the login, so that it
    /// can be played by who has none.
    async fn send_authorized(&self, question: &Question) -> Result<Response, Failure> {
        if let Some(recorded) = self.tap.next_reply(&question.url) {
            return recorded;
        }
        let origin = question.url.origin();
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = accepted.filter(|(of, _)| *of == origin).map(|(_, login)| login);
        let response = self.send(question, known.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return checked(self.heard(question, response), known.as_ref());
        }
        let Some(login) = self.login_for(&question.url).filter(|_| known.is_none()) else {
            return checked(self.heard(question, response), known.as_ref());
        };
        drop(response);
        let response = self.send(question, Some(&login)).await?;
        let response = checked(self.heard(question, response), Some(&login))?;
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin, login));
        Ok(response)
    }

    fn login_for(&self, url: &Url) -> Option<Login> {
        let own = self.own.as_ref().filter(|(origin, _)| *origin == url.origin()).map(|(_, login)| login.clone());
        own.or_else(|| self.logins.find(url))
    }

    async fn send(&self, question: &Question, login: Option<&Login>) -> Result<Response, Failure> {
        let mut request = self
            .client
            .request(question.method.clone(), question.url.clone())
            .headers(question.headers.clone())
            .body(question.body.clone());
        if let Some(login) = login {
            request = request.basic_auth(&login.username, Some(login.password.expose_secret()));
        }
        self.bounds.step(request.send()).await?.map_err(|error| from_reqwest(&error))
    }

    fn heard(&self, question: &Question, response: Response) -> Response {
        self.tap.answered(&question.method, &question.url, response.status(), response.headers());
        response
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Failure> {
        let url = response.url().clone();
        let mut head = b"content-type:".to_vec();
        head.extend_from_slice(response.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes));
        head.push(b'\n');
        let mut body = Vec::new();
        while let Some(chunk) = self.bounds.step(response.chunk()).await?.map_err(|error| from_reqwest(&error))? {
            self.bounds.spend(chunk.len())?;
            self.tap.came(&chunk);
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { url, head: Cursor::new(head), body: Cursor::new(body) })
    }
}

/// Where a redirect leads, if it may be followed. User and password in the new address are dropped.
fn redirect_target(question: &Question, headers: &HeaderMap) -> Result<Url, Failure> {
    let refuse = |why: &str| Failure::new(Cause::BadResponse, format!("redirected, but {why}"));
    let tail = question.tail.as_deref().ok_or_else(|| refuse("only the first request may be"))?;
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.and_then(|location| question.url.join(location).ok());
    let mut target = location.ok_or_else(|| refuse("not to an address"))?;
    let is_downgrade = question.url.scheme() == "https" && target.scheme() != "https";
    if is_downgrade || !matches!(target.scheme(), "http" | "https") {
        return Err(refuse("to a connection that others can read"));
    }
    if !target.as_str().ends_with(tail) {
        return Err(refuse(&format!("to `{}`, which is no git service", quote(&shown(&target)))));
    }
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Ok(target)
}

/// Lets successes and redirects pass and tells every other status apart.
fn checked(response: Response, login: Option<&Login>) -> Result<Response, Failure> {
    let status = response.status();
    let told = |cause, what: &str| Err(Failure::new(cause, format!("{what} (HTTP status {})", status.as_u16())));
    let is_timed = response.headers().contains_key(RETRY_AFTER);
    match status.as_u16() {
        429 => told(Cause::RateLimited(retry_after(response.headers())), "asked to wait"),
        403 | 503 if is_timed => told(Cause::RateLimited(retry_after(response.headers())), "asked to wait"),
        200..=299 | 301 | 302 | 303 | 307 | 308 => Ok(response),
        401..=403 => told(Cause::Unauthorized, &refusal(&response, login)),
        404 | 410 | 451 => told(Cause::NotFound, "there is no such repository"),
        500..=599 => told(Cause::Transient(Trouble::Server), "the server failed"),
        _ => told(Cause::BadResponse, "the server answered with an unexpected status"),
    }
}

/// Hosts answer "unauthorized" for missing repositories too, so as not to tell which ones exist.
fn refusal(response: &Response, login: Option<&Login>) -> String {
    let host = response.url().host_str().unwrap_or_default();
    let realm = response.headers().get(http::header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let realm = realm.map(|realm| format!(" for {}", quote(realm))).unwrap_or_default();
    match login {
        Some(login) => format!("`{host}` refuses the credential from {}", login.found_in),
        None if is_private(response.url()) => {
            format!("`{host}` wants a credential{realm}, or there is no such repository")
        }
        None => format!("`{host}` wants a credential{realm}, which is sent only over https"),
    }
}

/// When to ask again: a date, or seconds counted from the server's own `Date`, so that no clock is needed here
/// ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)).
fn retry_after(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok().map(DateTime::<Utc>::from);
    let after = text(&RETRY_AFTER)?;
    match after.parse::<u32>() {
        Ok(seconds) => date(text(&DATE)?)?.checked_add_signed(TimeDelta::seconds(seconds.into())),
        Err(_) => date(after),
    }
}

fn from_reqwest(error: &reqwest::Error) -> Failure {
    let (trouble, words) = trouble::of(error);
    let words = quote(&words);
    if error.is_decode() || error.is_body() {
        return Failure::new(Cause::BadResponse, format!("the answer was cut short or garbled: {words}"));
    }
    match trouble {
        // neither a name nor a certificate comes back within a second
        Trouble::NoSuchHost | Trouble::Certificate | Trouble::Silence => {
            Failure::new(Cause::Unreachable(trouble), words)
        }
        _ => Failure::new(Cause::Transient(trouble), words),
    }
}

/// gix gives headers as lines; ours replaces its user agent.
fn headers_of(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    let mut headers: HeaderMap = lines.into_iter().filter_map(|line| pair(line.as_ref())).collect();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers
}

impl Http for Web {
    type Headers = Part;
    type ResponseBody = Part;
    type PostBody = Payload;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Part, Part>> {
        let tail = url.strip_prefix(base_url).unwrap_or_default().to_owned();
        let question = Question {
            method: Method::GET,
            url: Url::parse(url).map_err(gix::Error::from_error)?,
            headers: headers_of(headers),
            body: Vec::new(),
            tail: Some(tail.clone()),
        };
        let answer = self.asker.ask_blocking(question).map_err(gix::Error::from_error)?;
        self.redirected = answer.url.as_str().strip_suffix(&tail).filter(|base| *base != base_url).map(str::to_owned);
        let exchange = Arc::new(Mutex::new(Exchange { asking: None, answer: Some(answer) }));
        Ok(GetResponse { headers: Part::head(&exchange), body: Part::body(&exchange) })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Part, Part, Payload>> {
        let question = Question {
            method: Method::POST,
            url: Url::parse(url).map_err(gix::Error::from_error)?,
            headers: headers_of(headers),
            body: Vec::new(),
            tail: None,
        };
        let asking = Some((self.asker.clone(), question));
        let exchange = Arc::new(Mutex::new(Exchange { asking, answer: None }));
        Ok(PostResponse {
            post_body: Payload(exchange.clone()),
            headers: Part::head(&exchange),
            body: Part::body(&exchange),
        })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.redirected.clone()
    }
}

/// A request that is sent when the first byte of its answer is wanted: gix writes the body after it has the reader.
#[derive(Debug)]
struct Exchange {
    asking: Option<(Asker, Question)>,
    answer: Option<Answer>,
}

impl Exchange {
    /// The answer, asked for at the first call. After a failure there is none.
    fn answer(&mut self) -> io::Result<&mut Answer> {
        if let Some((asker, question)) = self.asking.take() {
            self.answer = Some(asker.ask_blocking(question)?);
        }
        self.answer.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

type Shared = Arc<Mutex<Exchange>>;

/// The writing end of a request.
#[derive(Debug)]
pub(super) struct Payload(Shared);

impl Write for Payload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut exchange = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, question) = exchange.asking.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        question.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reading end of an answer: its headers or its body.
#[derive(Debug)]
pub(super) struct Part {
    exchange: Shared,
    is_head: bool,
    /// Taken out of the answer at the first read.
    bytes: Option<Cursor<Vec<u8>>>,
}

impl Part {
    fn head(exchange: &Shared) -> Self {
        Self { exchange: exchange.clone(), is_head: true, bytes: None }
    }

    fn body(exchange: &Shared) -> Self {
        Self { exchange: exchange.clone(), is_head: false, bytes: None }
    }

    fn bytes(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        if self.bytes.is_none() {
            let mut exchange = self.exchange.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = exchange.answer()?;
            let part = if self.is_head { &mut answer.head } else { &mut answer.body };
            self.bytes = Some(std::mem::take(part));
        }
        Ok(self.bytes.as_mut().expect("filled above"))
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes()?.read(buffer)
    }
}

impl BufRead for Part {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(bytes) = &mut self.bytes {
            bytes.consume(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_the_same_service_elsewhere_is_a_redirect_target() {
        let tail = "/info/refs?service=git-upload-pack";
        let rows = [
            ("https://a.example/r", "https://b.example/r2/info/refs?service=git-upload-pack", true),
            ("https://a.example/r", "/r2/info/refs?service=git-upload-pack", true),
            ("http://a.example/r", "https://a.example/r/info/refs?service=git-upload-pack", true),
            ("https://a.example/r", "http://a.example/r/info/refs?service=git-upload-pack", false),
            ("https://a.example/r", "ftp://a.example/r/info/refs?service=git-upload-pack", false),
            ("https://a.example/r", "https://a.example/login", false),
            ("https://a.example/r", "http://[", false),
        ];
        for (base, location, is_followed) in rows {
            let url = Url::parse(&format!("{base}{tail}")).unwrap();
            let body = Vec::new();
            let question =
                Question { method: Method::GET, url, headers: HeaderMap::new(), body, tail: Some(tail.to_owned()) };
            let target = redirect_target(&question, &headers(&[("location", location)]));
            assert_eq!(target.is_ok(), is_followed, "{location}");
            let later = Question { tail: None, ..question };
            assert!(redirect_target(&later, &headers(&[("location", location)])).is_err(), "{location}");
        }
    }

    #[test]
    fn a_redirect_target_keeps_no_user() {
        let url = Url::parse("https://a.example/r/x").unwrap();
        let question = Question {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            tail: Some("/x".to_owned()),
        };
        let target = redirect_target(&question, &headers(&[("location", "https://u:p@b.example/r/x")]));
        assert_eq!(target.unwrap().as_str(), "https://b.example/r/x");
    }

    #[test]
    fn the_end_of_a_rate_limit_is_counted_by_the_servers_clock() {
        let date = ("date", "Fri, 20 Nov 2026 06:00:00 GMT");
        let rows = [
            (headers(&[("retry-after", "120"), date]), Some("2026-11-20T06:02:00Z")),
            (headers(&[("retry-after", "Fri, 20 Nov 2026 07:00:00 GMT")]), Some("2026-11-20T07:00:00Z")),
            (headers(&[("retry-after", "120")]), None),
            (headers(&[("retry-after", "soon"), date]), None),
            (headers(&[date]), None),
        ];
        for (headers, until) in rows {
            let until = until.map(|until| until.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(retry_after(&headers), until, "{headers:?}");
        }
    }
}
