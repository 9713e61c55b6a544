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
    /// A body of 500 MB that begins as a right one would
    Huge,
    /// The same endless body in gzip: a megabyte that unpacks to a gigabyte
    BombGzip,
    /// The same in brotli, a hundred times as dense
    BombBrotli,
    /// The same in zstd, thirty times as dense, with a window of 128 MiB
    BombZstd,
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
            Self::Huge => endless(kind, Packing::None),
            Self::BombGzip => endless(kind, Packing::Gzip),
            Self::BombBrotli => endless(kind, Packing::Brotli),
            Self::BombZstd => endless(kind, Packing::Zstd),
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

/// A body that never ends, of which as much as can be has to be kept to make sense of it: a line, a value, a page.
fn endless(kind: Option<Kind>, packing: Packing) -> Response<Body> {
    let (media_type, beginning) = match kind {
        Some(Kind::PyPi) => ("text/html", "<!doctype html><title>Links for "),
        Some(Kind::Npm) => ("application/json", "{\"name\":\" "),
        Some(Kind::Crates | Kind::RubyGems) | None => ("text/plain", " "),
    };
    let mut response = typed(media_type, Script::endless(packing, beginning));
    if let Some(encoding) = packing.encoding() {
        response.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(encoding));
    }
    response
}

/// How a body is packed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    None,
    Gzip,
    Brotli,
    Zstd,
}

/// The start of a brotli stream ([RFC 7932](https://www.rfc-editor.org/rfc/rfc7932)) with a window of 16 MiB, and one MiB
/// of blanks, as an encoder flushes them.
const BROTLI_START: &[u8] = b"\xaf\xff\xff\x07\x40\x02\x24\x1e\x0b\x24\xf7\xfe\xc1\x00";

/// One MiB more of the byte before, a blank.
const BROTLI_BLANKS: &[u8] = b"\xfa\xff\x7f\x00\x24\x00\xe2\xb0\x00\x74\xef\x1f\x0c";

/// A frame of zstd ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)) that wants a window of 128 MiB.
const ZSTD_FRAME: &[u8] = b"\x28\xb5\x2f\xfd\x00\x88";

/// A block of 128 KiB of blanks.
const ZSTD_BLANKS: &[u8] = b"\x02\x00\x10 ";

impl Packing {
    const fn encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The start of a packed body, up to `beginning`.
    fn head(self, beginning: &str) -> Vec<u8> {
        let length = u32::try_from(beginning.len()).expect("a beginning is short");
        let text = beginning.as_bytes();
        match self {
            Self::None => text.to_vec(),
            Self::Gzip => [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec(), deflated(text)].concat(),
            // blanks, then a block that is stored as it is
            Self::Brotli => [BROTLI_START, &((length - 1) << 3 | 1 << 19).to_le_bytes()[..3], text].concat(),
            Self::Zstd => [ZSTD_FRAME, &(length << 3).to_le_bytes()[..3], text].concat(),
        }
    }

    /// Many blanks, packed; repeated it makes more of them.
    fn blanks(self) -> Vec<u8> {
        match self {
            Self::None => vec![b' '; 1 << 16],
            Self::Gzip => deflated(&vec![b' '; 1 << 20]),
            Self::Brotli => BROTLI_BLANKS.to_vec(),
            Self::Zstd => ZSTD_BLANKS.repeat(8),
        }
    }
}

/// A piece of a deflate stream that depends on nothing before it.
fn deflated(text: &[u8]) -> Vec<u8> {
    let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
    let mut packed = vec![0; 64 + text.len() / 100];
    compress.compress(text, &mut packed, flate2::FlushCompress::Full).expect("there is room for it");
    packed.truncate(usize::try_from(compress.total_out()).expect("it fits"));
    packed
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
    head: Option<Bytes>,
    chunk: Bytes,
    left: usize,
    pause: Option<Duration>,
    is_cut: bool,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Script {
    fn cut(chunk: Bytes, times: usize) -> Body {
        let pause = (times > 0).then_some(BEFORE_CUT);
        Self { head: None, chunk, left: times, pause, is_cut: true, timer: None }.boxed()
    }

    fn drip() -> Body {
        Self {
            head: None,
            chunk: Bytes::from_static(b" "),
            left: 1000,
            pause: Some(Duration::from_secs(2)),
            is_cut: false,
            timer: None,
        }
        .boxed()
    }

    /// Half a gigabyte as it is, some gigabytes packed.
    fn endless(packing: Packing, beginning: &str) -> Body {
        let (head, chunk) = (Some(packing.head(beginning).into()), packing.blanks().into());
        Self { head, chunk, left: 8000, pause: None, is_cut: false, timer: None }.boxed()
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
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
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
