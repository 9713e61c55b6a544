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
use crate::config::ServerSettings;

/// The largest header that is read, in bytes, and the most lines of it; browsers and forges send less than a tenth.
const HEADER: usize = 32 << 10;
const HEADER_LINES: usize = 100;

/// For a header, also where there are many; the settings may say less.
const LEAST: Duration = Duration::from_secs(1);

/// After a failed `accept`, which mostly means that this process has no file descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// Answers requests until the service ends, and then those that are under way.
pub(super) async fn run(service: &Arc<Service>, listener: TcpListener) {
    let router = routes::router(Arc::clone(service));
    let places = Arc::new(Semaphore::new(service.settings.connections));
    let connections = GracefulShutdown::new();
    while let Some(accepted) = accept(service, &listener, &places).await {
        let (stream, place) = accepted;
        let patience = patience(&service.settings, places.available_permits());
        let connection =
            server(patience).serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
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

/// How long a connection may take for a header. Once more than half of the places are taken, it is a tenth: connections that say
/// nothing must not keep out those that do.
fn patience(settings: &ServerSettings, free: usize) -> Duration {
    let timeout = settings.timeout;
    if free >= settings.connections / 2 { timeout } else { timeout.min(LEAST.max(timeout / 10)) }
}

fn server(patience: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_header_size(HEADER).max_headers(HEADER_LINES);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_many_are_connected_a_header_has_less_time() {
        let table = [(10_000, 512, 10_000), (10_000, 256, 10_000), (10_000, 255, 1_000), (60_000, 0, 6_000)];
        let few = [(2_000, 0, 1_000), (500, 0, 500), (200, 512, 200)];
        for (timeout, free, expected) in table.into_iter().chain(few) {
            let settings = ServerSettings {
                timeout: Duration::from_millis(timeout),
                connections: 512,
                ..ServerSettings::default()
            };
            assert_eq!(patience(&settings, free), Duration::from_millis(expected), "{timeout} {free}");
        }
        // one place: it is taken by whoever is asked about
        let one = ServerSettings { connections: 1, ..ServerSettings::default() };
        assert_eq!(patience(&one, 0), one.timeout);
    }
}
