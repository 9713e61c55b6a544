//! Writes deliveries: those that come together in one transaction, so that they wait for the disk once and not one behind
//! the other. A sender is answered when that is done.

use tokio::sync::{mpsc, oneshot};

use crate::report::escape;
use crate::server::Service;
use crate::server::clock::now;
use crate::server::store::Delivery;

/// A delivery, and who waits for whether it is a new one; `None` where the database did not take it.
pub(in crate::server) type Taking = (Delivery, oneshot::Sender<Option<bool>>);

/// The most deliveries of one transaction, and the most that wait for the next.
pub(in crate::server) const MOST: usize = 256;

/// Writes deliveries for as long as there may be some.
pub(in crate::server) async fn run(service: &Service, mut deliveries: mpsc::Receiver<Taking>) {
    let mut batch = Vec::new();
    while deliveries.recv_many(&mut batch, MOST).await > 0 {
        let (taken, answers): (Vec<Delivery>, Vec<_>) = batch.drain(..).unzip();
        let are_new = service.store.receive(&taken, now()).await.unwrap_or_else(|error| {
            tracing::error!("{}", escape::terminal(&error.to_string()));
            Vec::new()
        });
        if are_new.contains(&true) {
            service.delivered.notify_one();
        }
        let mut are_new = are_new.into_iter();
        for answer in answers {
            // who has gone meanwhile will ask again, and be told that it came before
            let _ = answer.send(are_new.next());
        }
    }
}
