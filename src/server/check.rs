//! Has checks done that stand in the queue, one at a time in each lane, and writes what they learned.

use super::Service;
use super::act::follow;
use super::clock::now;
use super::store::{Cause, Job, Lane, News, Outcome, Scope, StoreError};
use super::worker::{LEASE, Panicked, Worker, name, run, watch};
use crate::report::escape;

/// Works off one lane of the queue until the service ends.
pub(super) async fn checks(service: &Service, lane: Lane) {
    run(&Checks { service, lane, name: name() }).await;
}

struct Checks<'a> {
    service: &'a Service,
    lane: Lane,
    name: String,
}

impl Worker for Checks<'_> {
    fn service(&self) -> &Service {
        self.service
    }

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

    async fn renew(&self) -> Result<bool, StoreError> {
        Ok(self.service.store.renew(&self.name, now(), LEASE).await? > 0)
    }
}

impl Checks<'_> {
    async fn work(&self, jobs: &[Job], scope: Scope) -> Result<(), StoreError> {
        let started_at = now();
        let is_urgent = jobs.iter().any(|job| job.cause.is_urgent());
        let check = async { self.service.checker.check(&scope, is_urgent).await };
        let Some(checked) = watch(self, check).await? else {
            tracing::info!("a check was cut off; its jobs go back to the queue");
            return self.service.store.release(&self.name).await;
        };
        let learned = checked.unwrap_or_else(|Panicked| Err("the check panicked".to_owned()));
        let outcome = Outcome { started_at, ended_at: now(), scope, learned };
        tell(&outcome, jobs);
        self.service.counts.add(&outcome, jobs);
        let cause = jobs.first().map_or(Cause::Schedule, |job| job.cause);
        let follow = |news: &News| follow(&self.service.settings, &outcome.scope, cause, news);
        self.service.store.record_and_ask(&outcome, jobs, &self.name, &follow).await?;
        self.service.wake.notify_waiters();
        Ok(())
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
