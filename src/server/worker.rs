//! What works off a queue of the store: looks for what is ready, keeps its lease while it is done, and ends with the
//! service. What is leased, and what is done with it, is left to `check` and `act`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Service;
use super::store::StoreError;
use crate::report::escape;

/// How long something stays with a worker of which nothing is heard.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// How often a worker is heard of.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often the queue is looked at when nobody says that something is in it: another replica may have put it there.
const LOOK: Duration = Duration::from_secs(2);

/// Works off one queue.
pub(super) trait Worker {
    /// What it is a part of.
    fn service(&self) -> &Service;

    /// Does what is in the queue now; whether there was something.
    async fn step(&self) -> Result<bool, StoreError>;

    /// Keeps what is leased for [`LEASE`] from now; `false` when it is leased no more.
    async fn renew(&self) -> Result<bool, StoreError>;
}

/// What was being done panicked. The worker goes on.
#[derive(Debug)]
pub(super) struct Panicked;

/// A name of one worker alone, so that what was leased by an earlier process is not taken for its own.
pub(super) fn name() -> String {
    format!("{}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Works off the queue until the service ends.
pub(super) async fn run(worker: &impl Worker) {
    let service = worker.service();
    while !service.stop.is_cancelled() {
        let wake = service.wake.notified();
        match worker.step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!("{}", escape::terminal(&error.to_string())),
        }
        tokio::select! {
            () = wake => {}
            () = tokio::time::sleep(LOOK) => {}
            () = service.stop.cancelled() => {}
        }
    }
}

/// What comes of something that is leased, and stays so for as long as it is done; `None` where the service ended before it
/// did.
///
/// # Errors
/// When it is leased no more.
pub(super) async fn watch<T>(
    worker: &impl Worker,
    work: impl Future<Output = T>,
) -> Result<Option<Result<T, Panicked>>, StoreError> {
    let service = worker.service();
    let drained = async {
        service.stop.cancelled().await;
        tokio::time::sleep(service.settings.drain).await;
    };
    tokio::select! {
        done = AssertUnwindSafe(work).catch_unwind() => Ok(Some(done.map_err(|_| Panicked))),
        () = lost(worker) => Err(StoreError::LeaseLost),
        () = drained => Ok(None),
    }
}

/// Keeps what is leased for as long as this runs; ends when it is lost.
async fn lost(worker: &impl Worker) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match worker.renew().await {
            Ok(false) => return,
            Ok(true) => {}
            // the lease lasts for some time yet, and what is written in the end tells for certain
            Err(error) => tracing::warn!("{}", escape::terminal(&error.to_string())),
        }
    }
}
