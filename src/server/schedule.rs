//! When checks are due. Nothing waits for an instant: every so often the clock is read, and the latest instant that has
//! come is served unless it was before. So a check that was missed, whether the service was down, the machine asleep or the
//! clock set, is caught up once, and one that takes longer than the schedule's step is not begun twice.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Service;
use super::clock::now;
use super::store::{Scope, StoreError};
use crate::config::ScheduleSettings;
use crate::pin::Pin;

/// The clock is read at least this often, since it may be set, and sleep is not counted.
const LOOK: Duration = Duration::from_secs(20);

/// Asks for the checks that are due until the service ends.
pub(super) async fn run(service: &Service) {
    let stop = &service.stop;
    let mut schedules: Vec<Schedule> =
        service.settings.schedules.iter().cloned().map(|settings| Schedule::new(settings, fastrand::u64(..))).collect();
    if schedules.is_empty() {
        return stop.cancelled().await;
    }
    while !stop.is_cancelled() {
        let now = now();
        for schedule in &mut schedules {
            if let Err(error) = schedule.look(service, now).await {
                tracing::error!(schedule = schedule.name, "{error}");
            }
        }
        let next = schedules.iter().filter_map(|schedule| schedule.next(now)).min();
        let wait = next.and_then(|next| (next - now).to_std().ok()).unwrap_or(LOOK).min(LOOK);
        let _ = tokio::time::timeout(wait, stop.cancelled()).await;
    }
}

/// What a schedule is called in the store, and its instants around a moment, not scattered.
pub(super) struct Plan {
    pub(super) name: String,
    /// The latest one that has come.
    pub(super) latest: Option<DateTime<Utc>>,
    /// The one after that.
    pub(super) next: Option<DateTime<Utc>>,
}

impl Plan {
    pub(super) fn of(settings: &ScheduleSettings, now: DateTime<Utc>) -> Self {
        let settings = ScheduleSettings { jitter: Duration::ZERO, ..settings.clone() };
        let schedule = Schedule::new(settings, 0);
        Self { latest: schedule.previous(now, true), next: schedule.next(now), name: schedule.name }
    }
}

/// A schedule and how far it is.
struct Schedule {
    /// What it is, as text: one that is changed is another one.
    name: String,
    settings: ScheduleSettings,
    /// Scatters its instants, for each process otherwise.
    seed: u64,
    /// Up to which instant it was served, as far as this process has seen.
    served_until: Option<DateTime<Utc>>,
}

impl Schedule {
    fn new(settings: ScheduleSettings, seed: u64) -> Self {
        let globs = settings.pins.iter().flatten().map(|glob| glob.glob().glob());
        let words: Vec<&str> = [settings.cron.as_str(), settings.time_zone.name()].into_iter().chain(globs).collect();
        let policy = settings.policy.as_ref().map(|policy| format!(" policy={policy}"));
        Self { name: words.join(" ") + &policy.unwrap_or_default(), settings, seed, served_until: None }
    }

    async fn look(&mut self, service: &Service, now: DateTime<Utc>) -> Result<(), StoreError> {
        let served_until = match self.served_until {
            Some(at) => at,
            None => service.store.served_until(&self.name).await?,
        };
        self.served_until = Some(served_until);
        let Some(due) = self.due(now).filter(|due| *due > served_until) else { return Ok(()) };
        let Some(scope) = self.scope(service) else { return Ok(()) };
        if service.store.serve(&self.name, due, &scope, now).await? {
            tracing::info!(schedule = self.name, %due, "a check is due");
            service.wake.notify_waiters();
        }
        self.served_until = Some(due);
        Ok(())
    }

    /// Which pins it means now; `None` while that cannot be told.
    fn scope(&self, service: &Service) -> Option<Scope> {
        let ScheduleSettings { pins: globs, policy, .. } = &self.settings;
        if globs.is_none() && policy.is_none() {
            return Some(Scope::All);
        }
        let is_meant = |pin: &Pin| {
            globs.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.is_match(pin.id())))
                && policy.as_deref().is_none_or(|policy| service.checker.policy(pin) == policy)
        };
        let pins = service.checker.pins().inspect_err(|fault| tracing::error!(schedule = self.name, "{fault}")).ok()?;
        let mut ids: Vec<String> = pins.iter().filter(|pin| is_meant(pin)).map(Pin::id).collect();
        ids.sort_unstable();
        Some(Scope::Some(ids))
    }

    /// The latest instant that has come, scattered.
    fn due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let latest = self.previous(now, true)?;
        if self.scattered(latest) <= now { Some(latest) } else { self.previous(latest, false) }
    }

    /// When the next one comes, scattered.
    fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zoned = now.with_timezone(&self.settings.time_zone);
        let next = self.settings.cron.find_next_occurrence(&zoned, false).ok().map(|next| next.to_utc());
        let latest = self.previous(now, true);
        latest.into_iter().chain(next).map(|at| self.scattered(at)).find(|at| *at > now)
    }

    fn previous(&self, at: DateTime<Utc>, inclusive: bool) -> Option<DateTime<Utc>> {
        let zoned = at.with_timezone(&self.settings.time_zone);
        self.settings.cron.find_previous_occurrence(&zoned, inclusive).ok().map(|at| at.to_utc())
    }

    fn scattered(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let most = u64::try_from(self.settings.jitter.as_millis()).unwrap_or_default();
        let mut random = fastrand::Rng::with_seed(self.seed ^ at.timestamp().unsigned_abs());
        at + TimeDelta::milliseconds(i64::try_from(random.u64(0..=most)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, TimeZone as _};

    use super::*;
    use crate::config::{Flags, Settings};
    use crate::document::Source;

    fn schedule(cron: &str, zone: &str, jitter: &str) -> Schedule {
        let text = format!("[[server.schedules]]\ncron = \"{cron}\"\ntime-zone = \"{zone}\"\njitter = \"{jitter}\"\n");
        let settings = Settings::parse(Some(Source::new("upmon.toml", text)), &|_| None, Flags::default()).unwrap();
        Schedule::new(settings.server.schedules[0].clone(), 7)
    }

    /// The instants that somebody serves who looks at the clock every minute of a day in Vienna, as that clock shows them.
    fn served(cron: &str, month: u32, day: u32) -> Vec<String> {
        let zone = chrono_tz::Europe::Vienna;
        let schedule = schedule(cron, "Europe/Vienna", "0s");
        let midnight = zone.with_ymd_and_hms(2026, month, day, 0, 0, 0).unwrap();
        let mut served = schedule.due(midnight.to_utc() - TimeDelta::minutes(1)).unwrap();
        let mut told = Vec::new();
        let mut now = midnight;
        while now.day() == day {
            let due = schedule.due(now.to_utc()).unwrap();
            if due > served {
                served = due;
                told.push(due.with_timezone(&zone).format("%H:%M%:z").to_string());
            }
            now += TimeDelta::minutes(1);
        }
        told
    }

    #[test]
    fn a_time_that_the_clock_skips_comes_once_right_after_the_gap() {
        assert_eq!(served("30 2 * * *", 3, 29), ["03:00+02:00"]);
        assert_eq!(served("30 3 * * *", 3, 29), ["03:30+02:00"]);
        assert_eq!(served("30 2 * * *", 3, 30), ["02:30+02:00"]);
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_comes_once() {
        assert_eq!(served("30 2 * * *", 10, 25), ["02:30+02:00"]);
        assert_eq!(served("30 3 * * *", 10, 25), ["03:30+01:00"]);
    }

    #[test]
    fn every_hour_is_every_hour_that_passes() {
        assert_eq!(served("0 * * * *", 3, 29).len(), 23);
        assert_eq!(served("0 * * * *", 10, 25).len(), 25);
        assert_eq!(served("*/30 * * * *", 10, 25).len(), 50);
        assert_eq!(served("0 * * * *", 6, 1).len(), 24);
    }

    #[test]
    fn what_was_missed_is_due_once() {
        let nightly = schedule("0 5 * * *", "UTC", "0s");
        let at = |day, hour| Utc.with_ymd_and_hms(2026, 11, day, hour, 0, 0).unwrap();
        assert_eq!(nightly.due(at(20, 12)), Some(at(20, 5)));
        assert_eq!(nightly.due(at(20, 4)), Some(at(19, 5)));
        assert_eq!(nightly.due(at(20, 5)), Some(at(20, 5)));
        assert_eq!(nightly.next(at(20, 5)), Some(at(21, 5)));
    }

    #[test]
    fn a_scattered_instant_comes_within_its_bounds_and_is_looked_for_then() {
        let hourly = schedule("0 * * * *", "UTC", "10m");
        let full = Utc.with_ymd_and_hms(2026, 11, 20, 6, 0, 0).unwrap();
        let at = hourly.scattered(full);
        assert!(at >= full && at <= full + TimeDelta::minutes(10), "{at}");
        assert_ne!(at, Schedule { seed: 8, ..schedule("0 * * * *", "UTC", "10m") }.scattered(full));
        assert_eq!(hourly.due(at - TimeDelta::milliseconds(1)), Some(full - TimeDelta::hours(1)));
        assert_eq!(hourly.next(full - TimeDelta::seconds(1)), Some(at));
        assert_eq!(hourly.next(at - TimeDelta::milliseconds(1)), Some(at));
        assert_eq!(hourly.due(at), Some(full));
    }
}
