//! From deliveries to checks: which pins each concerns, and one check of all of those.

use std::sync::Arc;
use std::time::Duration;

use super::Concern;
use crate::pin::Pin;
use crate::report::escape;
use crate::server::Service;
use crate::server::clock::now;
use crate::server::store::{BATCH, Delivery, StoreError};
use crate::server::view::View;

/// How often deliveries are looked for when nobody says that there are some: another replica may have ended with them.
const LOOK: Duration = Duration::from_secs(5);

/// How long deliveries that come together are gathered: a release is told of by several events within a moment, and one
/// check answers them all.
const GATHER: Duration = Duration::from_millis(250);

/// Sorts deliveries until the service ends.
pub(in crate::server) async fn run(service: &Service) {
    while !service.stop.is_cancelled() {
        let wake = service.delivered.notified();
        match step(service).await {
            // there was nothing, it was done, or another replica was faster; what came meanwhile has left its word
            Ok(()) | Err(StoreError::LeaseLost) => {}
            Err(error) => tracing::error!("{}", escape::terminal(&error.to_string())),
        }
        tokio::select! {
            () = wake => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK) => {}
            () = service.stop.cancelled() => {}
        }
    }
}

/// Sorts what there is now.
async fn step(service: &Service) -> Result<(), StoreError> {
    let deliveries = service.store.unsorted().await?;
    if deliveries.is_empty() {
        return Ok(());
    }
    let checker = Arc::clone(&service.checker);
    let pins = tokio::task::spawn_blocking(move || checker.pins()).await.unwrap_or_else(|_| Err("it panicked".into()));
    let pins = match pins {
        Ok(pins) => pins,
        Err(fault) => {
            tracing::error!("deliveries wait for the pins: {}", escape::terminal(&fault));
            return Ok(());
        }
    };
    let view = service.view();
    let sorted: Vec<(String, Vec<String>)> =
        deliveries.iter().map(|delivery| (delivery.id.clone(), concerned(delivery, &pins, &view))).collect();
    service.store.sort(&sorted, now()).await?;
    let pins = sorted.iter().map(|(_, pins)| pins.len()).sum::<usize>();
    tracing::info!(deliveries = sorted.len(), pins, "sorted deliveries");
    service.wake.notify_waiters();
    if deliveries.len() >= BATCH {
        // there may be more
        service.delivered.notify_one();
    }
    Ok(())
}

fn concerned(delivery: &Delivery, pins: &[Pin], view: &View) -> Vec<String> {
    // what this version did not write concerns nothing that it knows
    let Ok(concern) = serde_json::from_str::<Concern>(&delivery.concern) else { return Vec::new() };
    let is_concerned = |pin: &&Pin| {
        let links = view.of(&pin.id()).map(|known| &known.finding.links);
        concern.is_about(pin, links.and_then(|links| links.repository.as_deref()))
    };
    pins.iter().filter(is_concerned).map(Pin::id).collect()
}
