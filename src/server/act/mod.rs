//! Does what follows from checks: issues, badges, dispatches and commands, one at a time of each queue, each under a lease. A
//! failing action is tried again later and keeps no check waiting.

mod command;
mod follow;

use super::Service;
use super::clock::now;
use super::store::{ActionKind, Ended, Errand, StoreError};
use super::worker::{LEASE, Panicked, Worker, name, run, watch};
use crate::config::Action;
use crate::report::escape;

pub(super) use follow::follow;

/// Works off one of the two queues until the service ends: commands, or what is about the whole report.
pub(super) async fn actions(service: &Service, are_commands: bool) {
    run(&Actions { service, are_commands, name: name() }).await;
}

struct Actions<'a> {
    service: &'a Service,
    are_commands: bool,
    name: String,
}

impl Worker for Actions<'_> {
    fn service(&self) -> &Service {
        self.service
    }

    async fn step(&self) -> Result<bool, StoreError> {
        let store = &self.service.store;
        let Some(errand) = store.lease_action(self.are_commands, &self.name, now(), LEASE).await? else {
            return Ok(false);
        };
        let Some(acted) = watch(self, self.act(&errand)).await? else {
            tracing::info!(action = errand.name, "an action was cut off; it goes back to the queue");
            store.release_action(&self.name).await?;
            return Ok(true);
        };
        let ended = acted.unwrap_or_else(|Panicked| Ok(failed("the action panicked")))?;
        tell(&errand, &ended);
        self.service.counts.act(errand.kind, ended.is_success);
        store.end_action(&errand, &self.name, &ended, now()).await?;
        Ok(true)
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        self.service.store.renew_action(&self.name, now(), LEASE).await
    }
}

impl Actions<'_> {
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
