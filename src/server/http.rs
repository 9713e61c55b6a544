//! The way in: connections, their bounds, and their end.
//!
//! What a stranger can make the service hold is bounded: so many connections, so large a header, so long for each part of
//! a request. A connection that says nothing is closed when the time for a header is over.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Service, routes};

/// The largest header that is read, in bytes, and the most lines of it; browsers and forges send less than a tenth.
const HEADER: usize = 32 << 10;
const HEADER_LINES: usize = 100;

/// After a failed `accept`, which mostly means that this process has no file descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// Answers requests until the service ends, and then those that are under way.
pub(super) async fn run(service: &Arc<Service>, listener: TcpListener) {
    let router = routes::router(Arc::clone(service));
    let places = Arc::new(Semaphore::new(service.settings.connections));
    let connections = GracefulShutdown::new();
    while let Some(accepted) = accept(service, &listener, &places).await {
        let (stream, place) = accepted;
        let connection =
            server(service).serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let watched = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                // whoever is at the other end may have gone, spoken another protocol, or been too slow
                tracing::debug!("a connection ended: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    let ended = tokio::time::timeout(service.settings.drain, connections.shutdown()).await;
    if ended.is_err() {
        tracing::warn!("requests that were under way are cut off");
    }
}

/// The next connection and its place; `None` once the service ends.
async fn accept(
    service: &Service,
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return (stream, place),
                Err(error) => tracing::warn!("cannot accept a connection: {error}"),
            }
            tokio::time::sleep(BREATH).await;
        }
    };
    tokio::select! {
        next = next => Some(next),
        () = service.stop.cancelled() => None,
    }
}

fn server(service: &Service) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(service.settings.timeout)
        .max_header_size(HEADER)
        .max_headers(HEADER_LINES);
    builder
}
