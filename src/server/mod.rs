//! The service: checks on a schedule, and tells over HTTP what they found.
//!
//! Thin over the same engine as `upmon check`: nothing here knows versions, lag or severity. [`store`] remembers,
//! `schedule` asks for checks, `check` has them done by a [`Check`] and writes what they learned, `act` does what follows
//! from them (each a `worker` of a queue), `view` holds all that in memory, and `routes` show it. Whatever is asked for
//! stands in a queue of the store until it is done, so the service may be ended at any moment; and every replica at the
//! same store does its part.

mod act;
mod actions_api;
mod api;
mod badges;
mod change;
mod check;
mod clock;
mod health;
mod http;
mod metrics;
mod openapi;
mod pages;
mod routes;
mod schedule;
mod secrets;
pub mod store;
mod view;
mod webhook;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Action, ServerSettings};
use crate::pin::Pin;
use crate::report::{Report, escape};
use store::{Database, Ended, Lane, Learned, Scope, Store, StoreError};
use view::{Age, View};
use webhook::take::{MOST, Taking};

pub use metrics::Requests;
pub use secrets::{Secrets, sign, sign_as_standard};

/// The engine as the service sees it. The command line makes one from pins and settings.
pub trait Check: Send + Sync {
    /// All pins, in the order of their file, which is read anew.
    ///
    /// # Errors
    /// With what is wrong with the file.
    fn pins(&self) -> Result<Vec<Pin>, String>;

    /// The name of the policy that judges a pin.
    fn policy<'a>(&'a self, pin: &Pin) -> &'a str;

    /// Checks the pins of a scope that there are. An urgent check asks upstream also what it asked a moment ago.
    ///
    /// # Errors
    /// With why nothing could be checked at all; what is unknown of a single pin is a finding.
    fn check<'a>(&'a self, scope: &'a Scope, is_urgent: bool) -> BoxFuture<'a, Result<Learned, String>>;

    /// Does with the whole report what the settings say. The store holds what was done before.
    fn act<'a>(&'a self, action: Action, report: &'a Report, store: &'a Store) -> BoxFuture<'a, Ended>;
}

/// Why the service ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("cannot listen at `{address}`: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A part of the service panicked, and a service without it would be a worse one than none.
    #[error("a part of the service failed; what it had begun is done after the next start")]
    Task,
}

/// How the service is run.
#[derive(Debug)]
pub struct Options {
    /// The settings.
    pub settings: ServerSettings,
    /// Where it remembers things.
    pub database: Database,
    /// What strangers have to prove that they know.
    pub secrets: Secrets,
    /// What counts the requests of the checks, to be shown with all that is counted.
    pub requests: Requests,
}

/// What every part of the service shares.
struct Service {
    settings: ServerSettings,
    secrets: Secrets,
    counts: metrics::Counts,
    requests: Requests,
    store: Store,
    checker: Arc<dyn Check>,
    view: RwLock<Arc<View>>,
    /// Something may be in the queue.
    wake: Notify,
    /// To where deliveries are written.
    deliveries: mpsc::Sender<Taking>,
    /// Something may have been delivered.
    delivered: Notify,
    /// The service has been told to end.
    stop: CancellationToken,
}

impl Service {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().expect("nobody panics while it swaps a pointer"))
    }

    fn age(&self) -> Age {
        Age { now: clock::now(), stale_after: self.settings.stale_after }
    }

    /// Reads what is known from the store.
    async fn reload(&self) -> Result<(), StoreError> {
        let view = Arc::new(View::load(&self.store).await?);
        *self.view.write().expect("nobody panics while it swaps a pointer") = view;
        Ok(())
    }
}

/// Half of a SHA-256 in hexadecimal digits: enough to tell one text from another.
fn fingerprint(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (start, _) = digest.split_first_chunk().expect("32 bytes hold 16");
    format!("{:032x}", u128::from_be_bytes(*start))
}

/// How often the store is rid of what is too old.
const UPKEEP: Duration = Duration::from_hours(6);

/// Runs the service until SIGTERM or Ctrl-C. `announce` is told the address once requests are answered.
///
/// # Errors
/// When it cannot begin, or a part of it panicked. What else goes wrong is logged, and told by its health.
pub async fn serve(
    options: Options,
    checker: Arc<dyn Check>,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let Options { settings, database, secrets, requests } = options;
    let address = settings.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| ServeError::Listen { address, error })?;
    let store = Store::open(&database).await?;
    let view = RwLock::new(Arc::new(View::load(&store).await?));
    let stop = CancellationToken::new();
    let counts = metrics::Counts::default();
    let (wake, delivered) = (Notify::new(), Notify::new());
    let (deliveries, taken) = mpsc::channel(MOST);
    let ends = stop.clone();
    let service = Arc::new(Service {
        settings,
        secrets,
        counts,
        requests,
        store,
        checker,
        view,
        wake,
        deliveries,
        delivered,
        stop: ends,
    });
    let taking = Arc::clone(&service);
    let writer = tokio::spawn(async move { webhook::take::run(&taking, taken).await });
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn(signals(stop.clone()));
    for lane in Lane::BOTH {
        let service = Arc::clone(&service);
        tasks.spawn(async move { check::checks(&service, lane).await });
    }
    for are_commands in [false, true] {
        let service = Arc::clone(&service);
        tasks.spawn(async move { act::actions(&service, are_commands).await });
    }
    let scheduled = Arc::clone(&service);
    tasks.spawn(async move { schedule::run(&scheduled).await });
    let sorted = Arc::clone(&service);
    tasks.spawn(async move { webhook::sort::run(&sorted).await });
    let kept = Arc::clone(&service);
    tasks.spawn(async move { upkeep(&kept).await });
    announce(listener.local_addr().unwrap_or(address));
    http::run(&service, listener).await;
    // only requests deliver, and the last of them is answered
    writer.abort();
    // each task ends by itself within the time that it may take; this is for one that hangs
    let ended = tokio::time::timeout(service.settings.drain + Duration::from_secs(2), tasks.ended()).await;
    service.store.close().await;
    tracing::info!("ended");
    ended.unwrap_or(Ok(()))
}

/// The parts of the service that run beside its requests. When one of them ends, all do.
struct Tasks {
    set: JoinSet<()>,
    stop: CancellationToken,
}

impl Tasks {
    fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let ends_all = self.stop.clone().drop_guard();
        self.set.spawn(async move {
            let _ends_all = ends_all;
            task.await;
        });
    }

    async fn ended(mut self) -> Result<(), ServeError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.set.join_next().await {
            outcome = if ended.is_ok() { outcome } else { Err(ServeError::Task) };
        }
        outcome
    }
}

/// Ends the service at the first signal; all that follows has an end of its own.
async fn signals(stop: CancellationToken) {
    tokio::select! {
        () = crate::program::asked_to_end() => {}
        () = stop.cancelled() => return,
    }
    stop.cancel();
    tracing::info!("ending: no more requests are taken");
}

async fn upkeep(service: &Service) {
    while !service.stop.is_cancelled() {
        match service.store.drop_before(clock::now() - service.settings.keep).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "dropped what is older than `keep`"),
            Err(error) => tracing::error!("{}", escape::terminal(&error.to_string())),
        }
        let _ = tokio::time::timeout(UPKEEP, service.stop.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_fails_ends_the_service() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let others = stop.clone();
        tasks.spawn(async move { others.cancelled().await });
        tasks.spawn(async { panic!("as a bug would") });
        assert!(matches!(tasks.ended().await, Err(ServeError::Task)));
    }

    #[tokio::test]
    async fn a_service_that_is_told_to_end_ends_well() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let others = stop.clone();
        tasks.spawn(async move { others.cancelled().await });
        stop.cancel();
        assert!(tasks.ended().await.is_ok());
    }
}
