//! What goes on, as a page tells it: the last checks, the queue, the schedules, what was delivered.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Moment;
use crate::config::ScheduleSettings;
use crate::report::html::row::path;
use crate::report::{escape, words};
use crate::server::Service;
use crate::server::clock::now;
use crate::server::schedule::Plan;
use crate::server::store::{Cause, EndedCheck, Queued, Received, Scope, StoreError};

/// How long a page waits for the database before it is shown without what that knows.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most rows of each kind.
const MOST: u32 = 10;

/// The most pins of a delivery that are named.
const NAMED: usize = 3;

/// What `templates/activity.html.hbs` shows.
#[derive(Serialize)]
pub(super) struct Activity {
    /// Whether the database answered; without it, the lists are empty and say nothing.
    answers: bool,
    last_good: Option<Moment>,
    checks: Vec<CheckRow>,
    /// `3 checks wait or are under way`.
    depth: String,
    queue: Vec<JobRow>,
    schedules: Vec<ScheduleRow>,
    deliveries: Vec<DeliveryRow>,
}

/// A check that has ended.
#[derive(Serialize)]
struct CheckRow {
    at: Moment,
    cause: &'static str,
    scope: &'static str,
    outcome: String,
    has_failed: bool,
}

/// A check that waits or is under way.
#[derive(Serialize)]
struct JobRow {
    at: Moment,
    cause: &'static str,
    scope: String,
    state: String,
}

#[derive(Serialize)]
struct ScheduleRow {
    cron: String,
    zone: String,
    pins: String,
    served: Option<Moment>,
    next: Option<Moment>,
    /// Its latest instant has come and was not served yet.
    is_due: bool,
    /// `up to 5 min later`; empty where it comes at once.
    jitter: String,
}

/// A delivery, and the pins that it was found to concern.
#[derive(Serialize)]
pub(super) struct DeliveryRow {
    at: Moment,
    event: String,
    id: String,
    is_sorted: bool,
    pins: Vec<PinLink>,
    /// `and 7 more`; empty for none.
    more: String,
}

#[derive(Serialize)]
struct PinLink {
    id: String,
    url: String,
}

/// What the store tells of it.
struct Told {
    checks: Vec<EndedCheck>,
    depth: i64,
    queue: Vec<Queued>,
    schedules: Vec<ScheduleRow>,
    deliveries: Vec<Received>,
}

impl Activity {
    /// What goes on now.
    pub(super) async fn of(service: &Service) -> Self {
        let now = now();
        let last_good = service.view().last_good_check().map(|at| Moment::aged(at, now));
        match patiently(told(service, now)).await {
            Some(told) => Self {
                answers: true,
                last_good,
                checks: told.checks.iter().map(CheckRow::of).collect(),
                depth: depth(told.depth),
                queue: told.queue.iter().map(|queued| JobRow::of(queued, now)).collect(),
                schedules: told.schedules,
                deliveries: told.deliveries.iter().map(DeliveryRow::of).collect(),
            },
            None => Self {
                answers: false,
                last_good,
                checks: Vec::new(),
                depth: String::new(),
                queue: Vec::new(),
                schedules: Vec::new(),
                deliveries: Vec::new(),
            },
        }
    }
}

/// What the store says, if it says it soon. Why it does not is for the log.
pub(super) async fn patiently<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(told)) => Some(told),
        Ok(Err(error)) => {
            tracing::error!("{}", escape::terminal(&error.to_string()));
            None
        }
        Err(_) => {
            tracing::error!("the database does not answer");
            None
        }
    }
}

async fn told(service: &Service, now: DateTime<Utc>) -> Result<Told, StoreError> {
    let store = &service.store;
    let served = store.served().await?;
    let schedules = service.settings.schedules.iter().map(|settings| {
        let plan = Plan::of(settings, now);
        let served = served.get(&plan.name).copied();
        ScheduleRow::of(settings, &plan, served)
    });
    Ok(Told {
        checks: store.ended(MOST).await?,
        depth: store.depth().await?,
        queue: store.queue(MOST).await?,
        schedules: schedules.collect(),
        // what came in this millisecond is part of it
        deliveries: store.deliveries(now + chrono::TimeDelta::seconds(1), MOST).await?,
    })
}

fn depth(count: i64) -> String {
    match count {
        0 => "Nothing waits, and nothing is under way.".to_owned(),
        1 => "1 check waits or is under way.".to_owned(),
        count => format!("{count} checks wait or are under way."),
    }
}

impl CheckRow {
    fn of(ended: &EndedCheck) -> Self {
        let outcome = if ended.has_failed {
            "nothing could be checked: the log tells why".to_owned()
        } else {
            let packages = words::counted(u64::try_from(ended.packages).unwrap_or_default(), "package");
            format!("{packages}, {} unknown", ended.unknown)
        };
        Self {
            at: Moment::of(ended.ended_at),
            cause: ended.cause.map_or("other", Cause::as_str),
            scope: if ended.is_of_all { "all pins" } else { "some pins" },
            outcome,
            has_failed: ended.has_failed,
        }
    }
}

impl JobRow {
    fn of(queued: &Queued, now: DateTime<Utc>) -> Self {
        let state = match queued.job.attempts {
            attempts if queued.leased_until >= now && attempts > 1 => format!("under way, attempt {attempts}"),
            _ if queued.leased_until >= now => "under way".to_owned(),
            0 => "waits".to_owned(),
            attempts if queued.ready_at > now => {
                let again = queued.ready_at.format("%H:%M:%S UTC");
                format!("came to nothing {}, again at {again}", times(attempts))
            }
            attempts => format!("came to nothing {}, waits", times(attempts)),
        };
        Self {
            at: Moment::of(queued.created_at),
            cause: queued.job.cause.as_str(),
            scope: match &queued.job.scope {
                Scope::All => "all pins".to_owned(),
                Scope::Some(ids) if ids.len() == 1 => words::label(&ids[0]).into_owned(),
                Scope::Some(ids) => words::counted(ids.len() as u64, "pin"),
            },
            state,
        }
    }
}

fn times(count: i64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

impl ScheduleRow {
    fn of(settings: &ScheduleSettings, plan: &Plan, served: Option<DateTime<Utc>>) -> Self {
        let is_due = plan.latest.is_some_and(|latest| served.is_none_or(|served| served < latest));
        let globs = settings.pins.as_ref().map(|globs| {
            let globs: Vec<&str> = globs.iter().map(|glob| glob.glob().glob()).collect();
            globs.join(", ")
        });
        let pins = globs.map_or_else(|| "all pins".to_owned(), |globs| words::label(&globs).into_owned());
        let policy = settings.policy.as_ref().map(|policy| format!(" with policy {}", words::label(policy)));
        let most = settings.jitter.as_secs();
        Self {
            cron: settings.cron.as_str().to_owned(),
            zone: settings.time_zone.name().to_owned(),
            pins: pins + &policy.unwrap_or_default(),
            served: served.map(Moment::of),
            next: if is_due { plan.latest } else { plan.next }.map(Moment::of),
            is_due,
            jitter: match most {
                0 => String::new(),
                most if most % 60 == 0 => format!("up to {} min later", most / 60),
                most => format!("up to {most} s later"),
            },
        }
    }
}

impl DeliveryRow {
    pub(super) fn of(received: &Received) -> Self {
        let pins = received.pins.iter().take(NAMED).map(|id| {
            let (group, package) = id.split_once('/').unwrap_or(("", id));
            PinLink { id: words::label(id).into_owned(), url: format!("/packages/{}", path(group, package)) }
        });
        let more = received.pins.len().saturating_sub(NAMED);
        Self {
            at: Moment::of(received.received_at),
            pins: pins.collect(),
            more: if more == 0 { String::new() } else { format!("and {more} more") },
            is_sorted: received.sorted_at.is_some(),
            event: words::label(&received.event).into_owned(),
            id: words::label(&received.id).into_owned(),
        }
    }
}
