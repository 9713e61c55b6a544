//! What can go wrong on the way: one variant a fault.

use std::io::Read as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};

use super::data::{Kind, Page};
use super::{Body, empty, plain, whole};

/// The body ends with this instead of its end.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut here on purpose")]
pub(crate) struct Cut;

/// A way to answer wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// 429 with `Retry-After: 1`
    TooMany,
    /// 429 with a `Retry-After` of a day
    TooManyForADay,
    /// 503
    Unavailable,
    /// The connection is reset before any answer
    Reset,
    /// The true body breaks off half-way, at the end of a line where it has lines
    Truncated,
    /// Bytes that mean nothing
    Garbage,
    /// A sign-in page with status 200
    Html,
    /// One byte every two seconds
    Drip,
    /// A body of 500 MB
    Huge,
    /// A redirect to itself
    RedirectLoop,
    /// A redirect to another host
    RedirectAway,
    /// JSON of another kind, declared as an image
    WrongType,
    /// A well-formed answer of the registry that lists nothing
    EmptyList,
    /// 304 although nothing was asked for
    NotModified,
}

impl Fault {
    /// Whether connections that the server closes end with a reset instead of a farewell.
    pub(crate) fn is_reset(self) -> bool {
        self == Self::Reset
    }

    /// The wrong answer in place of `page`, if there is one under the address, and how many bytes it has.
    pub(crate) fn response(
        self,
        request: &Request<Incoming>,
        kind: Option<Kind>,
        page: Option<&Page>,
    ) -> (Response<Body>, usize) {
        let response = match self {
            Self::TooMany => after(plain(StatusCode::TOO_MANY_REQUESTS, "slow down"), "1"),
            Self::TooManyForADay => after(plain(StatusCode::TOO_MANY_REQUESTS, "slow down"), "86400"),
            Self::Unavailable => plain(StatusCode::SERVICE_UNAVAILABLE, "later"),
            Self::Reset => typed("text/plain", Script::cut(Bytes::new(), 0)),
            Self::Truncated => page.map_or_else(|| plain(StatusCode::NOT_FOUND, "not found"), half),
            Self::Garbage => {
                typed("application/octet-stream", whole(Bytes::from_static(b"\x00\xff\x13\x37 garbage \xf0\x28")))
            }
            Self::Html => {
                typed("text/html", whole(Bytes::from_static(b"<!doctype html><title>Sign in</title><p>Please sign in")))
            }
            Self::Drip => typed("application/json", Script::drip()),
            Self::Huge => typed("application/json", Script::huge()),
            Self::RedirectLoop => redirect(&request.uri().to_string()),
            Self::RedirectAway => redirect("http://127.0.0.2:9/elsewhere"),
            Self::WrongType => typed("image/png", whole(Bytes::from_static(b"{\"hello\":[1,2,3]}"))),
            Self::EmptyList => empty_list(kind, request.uri().path()),
            Self::NotModified => {
                Response::builder().status(StatusCode::NOT_MODIFIED).body(empty()).expect("the parts are valid")
            }
        };
        (response, 0)
    }
}

fn typed(media_type: &'static str, body: Body) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, media_type).body(body).expect("the parts are valid")
}

/// The head of the whole answer, and the first half of its body.
fn half(page: &Page) -> Response<Body> {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&*page.gzip).read_to_end(&mut body).expect("the stand-in compressed it");
    let whole = body.len();
    body.truncate(whole / 2);
    if let Some(end) = body.iter().rposition(|&byte| byte == b'\n') {
        body.truncate(end + 1);
    }
    let mut response = typed(page.media_type, Script::cut(Bytes::from(body), 1));
    response.headers_mut().insert(header::CONTENT_LENGTH, whole.into());
    response
}

/// What a registry says of a package without a release.
fn empty_list(kind: Option<Kind>, path: &str) -> Response<Body> {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let json = "application/json";
    let (media_type, text) = match kind {
        Some(Kind::Crates) => ("text/plain", String::new()),
        Some(Kind::RubyGems) if path.starts_with("/api/") => (json, "[]".to_owned()),
        Some(Kind::RubyGems) => ("text/plain", "---\n".to_owned()),
        Some(Kind::PyPi) if path.starts_with("/pypi/") => (json, r#"{"info":{},"releases":{},"urls":[]}"#.to_owned()),
        Some(Kind::PyPi) => (
            "application/vnd.pypi.simple.v1+json",
            format!(r#"{{"meta":{{"api-version":"1.4"}},"name":"{name}","files":[],"versions":[]}}"#),
        ),
        Some(Kind::Npm) | None => (json, format!(r#"{{"name":"{name}","dist-tags":{{}},"versions":{{}}}}"#)),
    };
    typed(media_type, whole(Bytes::from(text)))
}

fn redirect(to: &str) -> Response<Body> {
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, to)
        .body(empty())
        .expect("the parts are valid")
}

fn after(mut response: Response<Body>, seconds: &'static str) -> Response<Body> {
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
    response
}

/// What came before a cut has left by then.
const BEFORE_CUT: Duration = Duration::from_millis(10);

/// A body that repeats a chunk, slowly or often, and may be cut off.
struct Script {
    chunk: Bytes,
    left: usize,
    pause: Option<Duration>,
    is_cut: bool,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Script {
    fn cut(chunk: Bytes, times: usize) -> Body {
        let pause = (times > 0).then_some(BEFORE_CUT);
        Self { chunk, left: times, pause, is_cut: true, timer: None }.boxed()
    }

    fn drip() -> Body {
        Self {
            chunk: Bytes::from_static(b" "),
            left: 1000,
            pause: Some(Duration::from_secs(2)),
            is_cut: false,
            timer: None,
        }
        .boxed()
    }

    fn huge() -> Body {
        Self { chunk: Bytes::from(vec![b' '; 1 << 16]), left: 8000, pause: None, is_cut: false, timer: None }.boxed()
    }
}

impl hyper::body::Body for Script {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(pause) = self.pause {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            std::task::ready!(timer.as_mut().poll(context));
            self.timer = None;
        }
        if self.left == 0 {
            return Poll::Ready(self.is_cut.then_some(Err(Cut)));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }
}

/// TLS with HTTP/2 and HTTP/1.1, from PEM files.
pub(crate) fn tls_acceptor(certificate: &Path, key: &Path) -> std::io::Result<tokio_rustls::TlsAcceptor> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).map_err(std::io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(std::io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(std::io::Error::other)?, key)
        .map_err(std::io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tokio_rustls::TlsAcceptor::from(Arc::new(config)))
}
