//! Has checks done that stand in the queue, one at a time in each lane, and writes what they learned.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Service;
use super::act::follow;
use super::clock::now;
use super::store::{Cause, Job, Lane, Learned, News, Outcome, Scope, StoreError};
use crate::report::escape;

/// How long a job stays with a worker of which nothing is heard.
const LEASE: Duration = Duration::from_secs(30);

/// How often a worker is heard of.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often the queue is looked at when nobody says that something is in it: another replica may have put it there.
const LOOK: Duration = Duration::from_secs(2);

/// Works off the queue until the service ends.
pub(super) async fn run(service: &Service, lane: Lane) {
    // of this process and lane alone, so that what was leased by an earlier one is not taken for its own
    let name = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
    let worker = Worker { service, lane, name };
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

struct Worker<'a> {
    service: &'a Service,
    lane: Lane,
    name: String,
}

impl Worker<'_> {
    /// Does what is in the queue now; whether there was something.
    async fn step(&self) -> Result<bool, StoreError> {
        let store = &self.service.store;
        let jobs = store.lease(self.lane, &self.name, now(), LEASE).await?;
        if let Some(scope) = jobs.iter().map(|job| job.scope.clone()).reduce(Scope::union) {
            self.work(&jobs, scope).await?;
        } else if store.newest_check().await?.as_deref() == self.service.view().newest_check() {
            return Ok(false);
        }
        self.service.reload().await?;
        Ok(!jobs.is_empty())
    }

    async fn work(&self, jobs: &[Job], scope: Scope) -> Result<(), StoreError> {
        let started_at = now();
        let is_urgent = jobs.iter().any(|job| job.cause.is_urgent());
        let Some(learned) = self.check(&scope, is_urgent).await? else {
            tracing::info!("a check was cut off; its jobs go back to the queue");
            return self.service.store.release(&self.name).await;
        };
        let outcome = Outcome { started_at, ended_at: now(), scope, learned };
        tell(&outcome, jobs);
        self.service.counts.add(&outcome, jobs);
        let cause = jobs.first().map_or(Cause::Schedule, |job| job.cause);
        let follow = |news: &News| follow(&self.service.settings, &outcome.scope, cause, news);
        self.service.store.record_and_ask(&outcome, jobs, &self.name, &follow).await?;
        self.service.wake.notify_waiters();
        Ok(())
    }

    /// What a check learned; `None` where the service ended before it did.
    async fn check(&self, scope: &Scope, is_urgent: bool) -> Result<Option<Result<Learned, String>>, StoreError> {
        let checker = &self.service.checker;
        let check = AssertUnwindSafe(async move { checker.check(scope, is_urgent).await }).catch_unwind();
        let drained = async {
            self.service.stop.cancelled().await;
            tokio::time::sleep(self.service.settings.drain).await;
        };
        tokio::select! {
            learned = check => Ok(Some(learned.unwrap_or_else(|_| Err("the check panicked".to_owned())))),
            lost = self.keep() => lost.map(|()| None),
            () = drained => Ok(None),
        }
    }

    /// Keeps the jobs for as long as this runs; ends when they are lost.
    async fn keep(&self) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.service.store.renew(&self.name, now(), LEASE).await {
                Ok(0) => return Err(StoreError::LeaseLost),
                Ok(_) => {}
                // the lease lasts for some time yet, and what is written in the end tells for certain
                Err(error) => tracing::warn!("{}", escape::terminal(&error.to_string())),
            }
        }
    }
}

fn tell(outcome: &Outcome, jobs: &[Job]) {
    let milliseconds = (outcome.ended_at - outcome.started_at).num_milliseconds();
    let cause = jobs.first().map_or("", |job| job.cause.as_str());
    match &outcome.learned {
        Ok(learned) => tracing::info!(cause, packages = learned.findings.len(), milliseconds, "checked"),
        Err(fault) => tracing::error!(cause, "nothing could be checked: {}", escape::terminal(fault)),
    }
}
