//! What can go wrong on the way: one variant a fault.

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
    /// The connection is reset before any answer's body
    Reset,
    /// The body breaks off half-way
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
    /// An empty list
    EmptyList,
    /// 304 although nothing was asked for
    NotModified,
}

impl Fault {
    pub(crate) fn response(self, request: &Request<Incoming>) -> (Response<Body>, usize) {
        let json = |text: &'static str| typed("application/json", whole(Bytes::from_static(text.as_bytes())));
        let response = match self {
            Self::TooMany => after(plain(StatusCode::TOO_MANY_REQUESTS, "slow down"), "1"),
            Self::TooManyForADay => after(plain(StatusCode::TOO_MANY_REQUESTS, "slow down"), "86400"),
            Self::Unavailable => plain(StatusCode::SERVICE_UNAVAILABLE, "later"),
            Self::Reset => typed("text/plain", Script::cut(Bytes::new(), 0)),
            Self::Truncated => typed(
                "application/json",
                Script::cut(Bytes::from_static(b"{\"name\":\"pkg\",\"versions\":{\"1.0.0\":{"), 1),
            ),
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
            Self::EmptyList => json("{}"),
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
        Self { chunk, left: times, pause: None, is_cut: true, timer: None }.boxed()
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
        if self.left == 0 {
            return Poll::Ready(self.is_cut.then_some(Err(Cut)));
        }
        if let Some(pause) = self.pause {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            std::task::ready!(timer.as_mut().poll(context));
            self.timer = None;
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
