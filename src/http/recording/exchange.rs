//! One question and its answer as a file: a head in JSON that a person can read, an empty line, and the body as it came.

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use url::Url;

use super::recorded;

/// The version of the form of files and index. A recording of another is refused.
pub(super) const FORMAT: u32 = 1;

/// Between head and body. A head never holds it: inside JSON a line end is escaped, and no line of it is empty.
const BORDER: &[u8] = b"\n\n";

/// The headers that decide something, or that tell a person what happened. Cookies and the like are nobody's business. A
/// content coding is named only where it could not be undone.
const KEPT: [HeaderName; 10] = [
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    LOCATION,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
];

/// How much of a body is handed on at once, as if it came over the wire: it is weighed while it is read.
const CHUNK: usize = 64 << 10;

/// How an exchange ended without a whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    /// The kind, in the words of whoever asked.
    pub(crate) cause: String,
    /// What happened: "did not answer in time".
    pub(crate) what: String,
}

/// What an exchange is about: everything but the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    format: u32,
    /// What names the question: the registry, the package, and what else its answer depends on.
    pub(super) question: Vec<String>,
    /// The how manieth lookup of the question.
    pub(super) lookup: usize,
    /// The how manieth exchange of the lookup.
    pub(super) step: usize,
    /// Method and address, safe to show.
    asked: String,
    /// Where the credential came from that was sent; never the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
    body_bytes: usize,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(super) head: Head,
    body: Vec<u8>,
}

/// An answer over HTTP with its whole body, or as much of it as came.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Why there is not more of the body.
    pub(crate) ending: Option<Ending>,
}

impl Exchange {
    /// Bytes that somebody sent, outside of HTTP.
    pub(crate) fn bytes(asked: String, body: Vec<u8>) -> Self {
        let head = Head {
            format: FORMAT,
            question: Vec::new(),
            lookup: 0,
            step: 0,
            asked,
            credential: None,
            status: None,
            headers: Vec::new(),
            ending: None,
            body_bytes: body.len(),
        };
        Self { head, body }
    }

    /// An answer over HTTP.
    pub(crate) fn reply(method: &Method, url: &Url, reply: &Reply) -> Self {
        let mut exchange = Self::bytes(format!("{method} {}", recorded(url)), reply.body.clone());
        exchange.head.status = Some(reply.status.as_u16());
        exchange.head.headers = kept(url, &reply.headers);
        exchange.head.ending.clone_from(&reply.ending);
        exchange
    }

    /// No answer.
    pub(crate) fn failure(asked: String, ending: Ending) -> Self {
        let mut exchange = Self::bytes(asked, Vec::new());
        exchange.head.ending = Some(ending);
        exchange
    }

    /// Says where the credential came from that was sent.
    pub(crate) fn with_credential(mut self, source: Option<String>) -> Self {
        self.head.credential = source;
        self
    }

    /// Puts the exchange in its place.
    pub(super) fn placed(mut self, question: &[String], lookup: usize, step: usize) -> Self {
        self.head.question = question.to_vec();
        (self.head.lookup, self.head.step) = (lookup, step);
        self
    }

    /// How it ended, if not with a whole answer.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.head.ending.as_ref()
    }

    /// What was sent.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The answer over HTTP; how it ended where there is none.
    pub(crate) fn into_reply(self) -> Result<Reply, Option<Ending>> {
        let Some(status) = self.head.status.and_then(|status| StatusCode::from_u16(status).ok()) else {
            return Err(self.head.ending);
        };
        let pair = |(name, value): &(String, String)| {
            Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        };
        let mut headers = HeaderMap::new();
        self.head
            .headers
            .iter()
            .filter_map(pair)
            .for_each(|(name, value): (HeaderName, _)| _ = headers.append(name, value));
        Ok(Reply { status, headers, body: self.body, ending: self.head.ending })
    }

    /// The bytes of the file.
    pub(super) fn to_file(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(&self.head).expect("a head has only text keys and serialises");
        bytes.extend_from_slice(BORDER);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// In words, when they are no exchange of this form.
    pub(super) fn from_file(bytes: &[u8]) -> Result<Self, String> {
        let border = memmem::find(bytes, BORDER).ok_or("it has no empty line between head and body")?;
        let head: Head =
            serde_json::from_slice(&bytes[..border]).map_err(|error| format!("its head is none: {error}"))?;
        let body = bytes[border + BORDER.len()..].to_vec();
        if head.format != FORMAT {
            return Err(format!("it has format {}, and this upmon reads {FORMAT}", head.format));
        }
        if head.body_bytes != body.len() {
            return Err(format!("its body has {} bytes, and its head says {}", body.len(), head.body_bytes));
        }
        Ok(Self { head, body })
    }
}

impl Reply {
    /// Takes secrets out of what was sent, byte for byte, so that lengths within the body stay right.
    pub(crate) fn blot(&mut self, secrets: &[String]) {
        blot(&mut self.body, secrets);
        for value in self.headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            blot(&mut bytes, secrets);
            *value = HeaderValue::from_bytes(&bytes).expect("stars are as good in a header as what they stand for");
        }
    }

    /// The answer as the client underneath gives it; a body that is not whole ends with a [`Broken`].
    pub(crate) fn into_response(self, url: &Url) -> reqwest::Response {
        use reqwest::ResponseBuilderExt as _;
        let body = Bytes::from(self.body);
        let chunks = (0..body.len()).step_by(CHUNK).map(move |at| Ok(body.slice(at..body.len().min(at + CHUNK))));
        let body = stream::iter(chunks.chain(self.ending.map(|ending| Err(Broken(ending)))));
        let body = reqwest::Body::wrap_stream(body);
        let response = http::Response::builder().status(self.status).url(url.clone()).body(body);
        let mut response = response.expect("a status and an address make a response");
        *response.headers_mut() = self.headers;
        response.into()
    }
}

/// The end of a body that is not whole.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.what)]
pub(crate) struct Broken(pub(crate) Ending);

/// Replaces every secret by as many stars.
pub(crate) fn blot(bytes: &mut [u8], secrets: &[String]) {
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let places: Vec<usize> = memmem::find_iter(bytes, secret).collect();
        for at in places {
            bytes[at..at + secret.len()].fill(b'*');
        }
    }
}

/// The headers that are kept; of an address as much as of any other.
fn kept(url: &Url, headers: &HeaderMap) -> Vec<(String, String)> {
    let is_kept = |name: &HeaderName| KEPT.contains(name) || name.as_str().contains("ratelimit");
    let text = |name: &HeaderName, value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let target = Some(&text).filter(|_| *name == LOCATION).and_then(|location| url.join(location).ok());
        target.as_ref().map_or(text, recorded)
    };
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.to_string(), text(name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://registry.example/a").unwrap()
    }

    fn reply(headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        Reply { status: StatusCode::OK, headers: headers.iter().map(pair).collect(), body: body.to_vec(), ending: None }
    }

    #[test]
    fn what_is_written_reads_back() {
        let ending = Ending { cause: "cut-short".to_owned(), what: "broke off".to_owned() };
        for body in [&b""[..], b"\n\n", b"{\n\n}\xff\0", b"one line"] {
            let mut reply = reply(&[("content-type", "text/plain"), ("set-cookie", "hunter2")], body);
            for ending in [None, Some(ending.clone())] {
                reply.ending.clone_from(&ending);
                let exchange = Exchange::reply(&Method::GET, &url(), &reply).placed(&["npm".to_owned()], 1, 2);
                let read = Exchange::from_file(&exchange.to_file()).unwrap();
                assert_eq!(read, exchange);
                let read = read.into_reply().unwrap();
                assert_eq!((read.status, read.body.as_slice(), read.ending), (StatusCode::OK, body, ending));
                assert_eq!(read.headers.len(), 1, "cookies are not kept");
            }
        }
        let failure = Exchange::failure("GET x".to_owned(), ending.clone());
        assert_eq!(Exchange::from_file(&failure.to_file()).unwrap().into_reply().unwrap_err(), Some(ending));
    }

    #[test]
    fn what_is_no_exchange_is_refused_in_words() {
        let whole = String::from_utf8(Exchange::bytes("x".to_owned(), b"body".to_vec()).to_file()).unwrap();
        for (text, told) in [
            (String::new(), "no empty line"),
            ("{}\n\n".to_owned(), "its head is none: missing field `format`"),
            (format!("{whole}more"), "its body has 8 bytes, and its head says 4"),
            (whole.replace("\"format\": 1", "\"format\": 2"), "it has format 2, and this upmon reads 1"),
        ] {
            let error = Exchange::from_file(text.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_secret_that_an_answer_echoes_is_blotted_out_in_place() {
        let mut reply = reply(&[("www-authenticate", "bad hunter2")], b"0012hunter2hunter2\xff");
        reply.blot(&["hunter2".to_owned(), String::new()]);
        assert_eq!(reply.body, b"0012**************\xff");
        assert_eq!(reply.headers["www-authenticate"], "bad *******");
    }

    #[test]
    fn a_redirect_is_kept_without_its_secrets() {
        let reply = reply(&[("location", "/b?token=hunter2&page=2")], b"");
        assert_eq!(
            kept(&url(), &reply.headers),
            [("location".to_owned(), "https://registry.example/b?page=2".to_owned())]
        );
    }
}
