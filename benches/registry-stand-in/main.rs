//! A local stand-in for four registries, for measuring: real payload shapes and sizes, latency, validators, faults.
//!
//! `registry-stand-in --packages 1000 --latency 50 --out DIR` listens on four ports of 127.0.0.1 (one origin a registry),
//! writes `DIR/upstream-versions.json` (pins over all packages, mixed) and `DIR/urls.env` (the `UPMON_*_URL` variables),
//! prints `ready`, and serves until standard input closes. Every answer is one line of `DIR/requests.tsv`: milliseconds
//! since start, registry, status, body bytes, `Accept`, `ETag`, path, and how many requests that registry had under way when
//! this one came, itself included; so the log proves pace and lets a bare client ask the same.
//!
//! `--max-age N` sets `Cache-Control`; `--fault KIND --percent N` makes that share of the answers wrong (see `fault`), `--after N` all
//! but the first N of them;
//! `--tls CERTIFICATE KEY` serves the same over TLS with HTTP/2 on one more port, for clients that know only https.

#![expect(clippy::print_stdout, reason = "a program of its own, whose output this is")]

mod data;
mod fault;

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

use data::{Catalogue, Kind};
use fault::Fault;

/// The arguments of the stand-in.
#[derive(Debug, Parser)]
struct Arguments {
    /// Packages in all, shared out over the four registries
    #[arg(long, default_value_t = 1000)]
    packages: usize,
    /// Milliseconds that every answer waits
    #[arg(long, default_value_t = 50)]
    latency: u64,
    /// `Cache-Control: max-age`, in seconds
    #[arg(long, default_value_t = 0)]
    max_age: u64,
    /// What goes wrong
    #[arg(long)]
    fault: Option<Fault>,
    /// How many of a hundred answers go wrong
    #[arg(long, default_value_t = 100)]
    percent: u64,
    /// How many answers are right before the first that may go wrong
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Where pins, addresses and the log go
    #[arg(long)]
    out: PathBuf,
    /// Certificate and key (PEM files) for one more listener, over TLS with HTTP/2
    #[arg(long, num_args = 2, value_names = ["CERTIFICATE", "KEY"])]
    tls: Option<Vec<PathBuf>>,
}

type Body = BoxBody<Bytes, fault::Cut>;

/// What every connection shares.
struct Shared {
    arguments: Arguments,
    catalogue: Catalogue,
    log: Mutex<std::io::BufWriter<std::fs::File>>,
    started: Instant,
    answered: AtomicU64,
    /// By registry.
    under_way: [AtomicUsize; Kind::ALL.len()],
}

/// One request under way, from its head to the last byte of its answer.
struct UnderWay(Arc<Shared>, Option<Kind>);

impl UnderWay {
    /// Counts one more, and says how many there are now.
    fn begin(shared: &Arc<Shared>, kind: Option<Kind>) -> (Self, usize) {
        let before = kind.map_or(0, |kind| shared.under_way[kind as usize].fetch_add(1, Ordering::Relaxed));
        (Self(shared.clone(), kind), before + 1)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(kind) = self.1 {
            self.0.under_way[kind as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A body whose request is under way until it is sent.
struct Sending(Body, #[expect(dead_code, reason = "dropped with the body")] UnderWay);

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = fault::Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, fault::Cut>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out)?;
    let catalogue = Catalogue::new(arguments.packages);
    let log = Mutex::new(std::io::BufWriter::new(std::fs::File::create(arguments.out.join("requests.tsv"))?));
    let out = arguments.out.clone();
    let (answered, under_way) = Default::default();
    let shared = Arc::new(Shared { arguments, catalogue, log, started: Instant::now(), answered, under_way });
    let mut addresses = Vec::new();
    for kind in Kind::ALL {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        addresses.push((kind, listener.local_addr()?));
        tokio::spawn(accept(listener, Some(kind), shared.clone()));
    }
    if let Some(files) = &shared.arguments.tls {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:443").await?;
        tokio::spawn(accept_tls(listener, fault::tls_acceptor(&files[0], &files[1])?, shared.clone()));
    }
    std::fs::write(out.join("upstream-versions.json"), shared.catalogue.pins())?;
    std::fs::write(out.join("urls.env"), variables(&addresses))?;
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    shared.log.lock().expect("no writer panicked").flush()
}

fn variables(addresses: &[(Kind, SocketAddr)]) -> String {
    let lines = addresses.iter().map(|(kind, address)| format!("UPMON_{}_URL=http://{address}/", kind.variable()));
    lines.collect::<Vec<_>>().join("\n")
}

async fn accept(listener: tokio::net::TcpListener, kind: Option<Kind>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let _ = stream.set_nodelay(true);
        if shared.arguments.fault.is_some_and(Fault::is_reset) {
            let _ = stream.set_zero_linger();
        }
        tokio::spawn(async move { serve(TokioIo::new(stream), kind, shared).await });
    }
}

async fn accept_tls(listener: tokio::net::TcpListener, acceptor: tokio_rustls::TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(TokioIo::new(stream), None, shared).await;
            }
        });
    }
}

async fn serve<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(
    io: I,
    kind: Option<Kind>,
    shared: Arc<Shared>,
) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&request, kind, &shared).await) }
    });
    // a connection that its client or a fault broke off is nothing to report
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
}

async fn answer(request: &Request<Incoming>, kind: Option<Kind>, shared: &Arc<Shared>) -> Response<Body> {
    let arrived = shared.started.elapsed();
    let kind = kind.or_else(|| Kind::of_host(host(request)?));
    let (under_way, count) = UnderWay::begin(shared, kind);
    tokio::time::sleep(Duration::from_millis(shared.arguments.latency)).await;
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let path = request.uri().path();
    let found = kind.and_then(|kind| shared.catalogue.find(kind, path, accept));
    let number = shared.answered.fetch_add(1, Ordering::Relaxed);
    let is_faulty = number >= shared.arguments.after && number % 100 * 61 % 100 < shared.arguments.percent;
    let etag = found.map_or("", |page| page.etag.as_str());
    let (response, size) = match (&shared.arguments.fault, found) {
        (Some(fault), _) if is_faulty => fault.response(request, kind, found),
        (_, None) => (plain(StatusCode::NOT_FOUND, "not found"), 9),
        (_, Some(page)) => page_response(page, request.headers(), shared.arguments.max_age),
    };
    let kind = kind.map_or("", Kind::variable);
    let mut log = shared.log.lock().expect("no writer panicked");
    let _ = writeln!(
        log,
        "{}\t{kind}\t{}\t{size}\t{accept}\t{etag}\t{path}\t{count}",
        arrived.as_millis(),
        response.status().as_u16()
    );
    let _ = log.flush();
    response.map(|body| Sending(body, under_way).boxed())
}

/// The host that is asked: in HTTP/2 it stands in the address, in HTTP/1.1 in a header.
fn host(request: &Request<Incoming>) -> Option<&str> {
    request.uri().host().or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

fn page_response(page: &data::Page, headers: &HeaderMap, max_age: u64) -> (Response<Body>, usize) {
    let builder = Response::builder()
        .header(header::ETAG, &page.etag)
        .header(header::VARY, "accept, accept-encoding")
        .header(header::CACHE_CONTROL, format!("max-age={max_age}"));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == page.etag.as_bytes()) {
        return (builder.status(StatusCode::NOT_MODIFIED).body(empty()).expect("the parts are valid"), 0);
    }
    let builder = builder.header(header::CONTENT_TYPE, page.media_type).header(header::CONTENT_ENCODING, "gzip");
    (builder.body(whole(page.gzip.clone())).expect("the parts are valid"), page.gzip.len())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain")
        .body(whole(Bytes::from_static(text.as_bytes())))
        .expect("the parts are valid")
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn empty() -> Body {
    whole(Bytes::new())
}
