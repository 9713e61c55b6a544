//! Does what follows from checks: issues, badges, dispatches and commands, one at a time of each queue, each under a lease. A
//! failing action is tried again later and keeps no check waiting.

mod command;
mod follow;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Service;
use super::clock::now;
use super::store::{ActionKind, Ended, Errand, StoreError};
use crate::config::Action;
use crate::report::escape;

pub(super) use follow::follow;

/// How long an action stays with a worker of which nothing is heard.
const LEASE: Duration = Duration::from_secs(30);

/// How often a worker is heard of.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often the queue is looked at when nobody says that something is in it.
const LOOK: Duration = Duration::from_secs(2);

/// Works off one of the two queues until the service ends: commands, or what is about the whole report.
pub(super) async fn run(service: &Service, are_commands: bool) {
    let name = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
    let worker = Worker { service, are_commands, name };
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
    are_commands: bool,
    name: String,
}

impl Worker<'_> {
    /// Does the next one; whether there was one.
    async fn step(&self) -> Result<bool, StoreError> {
        let store = &self.service.store;
        let Some(errand) = store.lease_action(self.are_commands, &self.name, now(), LEASE).await? else {
            return Ok(false);
        };
        let Some(ended) = self.attempt(&errand).await? else {
            tracing::info!(action = errand.name, "an action was cut off; it goes back to the queue");
            store.release_action(&self.name).await?;
            return Ok(true);
        };
        tell(&errand, &ended);
        self.service.counts.act(errand.kind, ended.is_success);
        store.end_action(&errand, &self.name, &ended, now()).await?;
        Ok(true)
    }

    /// How it ended; `None` where the service ended before it did.
    async fn attempt(&self, errand: &Errand) -> Result<Option<Ended>, StoreError> {
        let act = AssertUnwindSafe(self.act(errand)).catch_unwind();
        let drained = async {
            self.service.stop.cancelled().await;
            tokio::time::sleep(self.service.settings.drain).await;
        };
        tokio::select! {
            ended = act => ended.unwrap_or_else(|_| Ok(failed("the action panicked"))).map(Some),
            lost = self.keep() => lost.map(|()| None),
            () = drained => Ok(None),
        }
    }

    async fn act(&self, errand: &Errand) -> Result<Ended, StoreError> {
        match errand.kind {
            ActionKind::Report(action) => self.report(action).await,
            ActionKind::Command => {
                let known = self.service.settings.commands.iter().find(|command| command.name == errand.name);
                match known {
                    Some(command) => Ok(command::run(command, errand).await),
                    None => Ok(done("the settings have no such command any more")),
                }
            }
        }
    }

    /// Acts on all that is known: of pins that no check has looked at lately, that is what the last one found.
    async fn report(&self, action: Action) -> Result<Ended, StoreError> {
        if !self.service.settings.actions.contains(&action) {
            return Ok(done("the settings do not ask for it any more"));
        }
        self.service.reload().await?;
        let view = self.service.view();
        // a report over some pins would pass for one over all
        let report = view.last_good_check().and_then(|_| view.report(self.service.age()));
        match report {
            Some(report) => Ok(self.service.checker.act(action, &report, &self.service.store).await),
            None => Ok(done("left to the first check of all pins")),
        }
    }

    /// Keeps the action for as long as this runs; ends when it is lost.
    async fn keep(&self) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.service.store.renew_action(&self.name, now(), LEASE).await {
                Ok(false) => return Err(StoreError::LeaseLost),
                Ok(true) => {}
                // the lease lasts for some time yet, and what is written in the end tells for certain
                Err(error) => tracing::warn!("{}", escape::terminal(&error.to_string())),
            }
        }
    }
}

fn done(summary: &str) -> Ended {
    Ended { is_success: true, summary: summary.to_owned(), output: String::new() }
}

fn failed(summary: &str) -> Ended {
    Ended { is_success: false, ..done(summary) }
}

fn tell(errand: &Errand, ended: &Ended) {
    let (name, package) =
        (escape::terminal(&errand.name), escape::terminal(errand.package.as_deref().unwrap_or("all")));
    let summary = escape::terminal(&ended.summary);
    let attempt = errand.attempts;
    if ended.is_success {
        tracing::info!(action = %name, package = %package, id = errand.id, attempt, "{summary}");
    } else {
        tracing::error!(action = %name, package = %package, id = errand.id, attempt, "failed: {summary}");
    }
}
