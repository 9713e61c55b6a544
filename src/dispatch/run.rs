//! Carries a plan out: the intent is noted, the start is sent, the outcome is noted; then, with `--wait`, runs are followed.
//!
//! Whatever ends the process in between, the next run finds an intent without an outcome, and [`Session::refresh`] looks at
//! the server before it plans anything.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use super::github::{Progress, SUCCESS, Sent, look, start};
use super::issues::Issues;
use super::record::{Dispatched, Key, Ledger, Record, RecordError, RecordFile, State};
use super::{Due, Plan};
use crate::config::DispatchSettings;
use crate::lag::Status;
use crate::report::{Report, words};
use crate::tracker::github::{Github, TrackerError};

/// The clock of a run: when it began, and how long ago that is.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began_at: DateTime<Utc>,
    began: Instant,
}

impl Clock {
    /// A clock that shows this instant now.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { began_at: now, began: Instant::now() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.began_at + TimeDelta::from_std(self.began.elapsed()).unwrap_or_default()
    }
}

/// The record, and where it is kept.
#[derive(Debug)]
pub struct Book {
    /// What was started.
    pub record: Record,
    /// Where it is kept.
    pub place: Place,
}

/// Where a record is kept.
#[derive(Debug)]
pub enum Place {
    /// In a file.
    File(RecordFile),
    /// In the issues of the packages.
    Issues,
    /// In a database.
    Ledger(Box<dyn Ledger>),
    /// Nowhere: for a run that only looks.
    Nowhere,
}

impl From<RecordError> for TrackerError {
    fn from(error: RecordError) -> Self {
        Self::last(error.to_string())
    }
}

/// A conversation about dispatches.
#[derive(Debug)]
pub struct Session<'a> {
    /// GitHub.
    pub github: &'a mut Github,
    /// What is set.
    pub settings: &'a DispatchSettings,
    /// The issues, where anything depends on them.
    pub issues: Option<&'a Issues>,
    /// The record.
    pub book: &'a mut Book,
    /// The clock.
    pub clock: Clock,
}

impl Session<'_> {
    /// Looks at the runs of what the report is about and the record does not know to have succeeded, and notes what is new.
    /// The answer is what could not be looked at, which stays as it was.
    pub async fn refresh(&mut self, report: &Report) -> Vec<TrackerError> {
        let is_current = |dispatched: &Dispatched| {
            report.findings.iter().filter(|finding| finding.status == Status::Behind).any(|finding| {
                let newest = finding.newest.as_ref().map(|newest| newest.version.as_str());
                finding.id == dispatched.package && newest == Some(&dispatched.version)
            })
        };
        let open = |dispatched: &&Dispatched| dispatched.state != State::Succeeded && is_current(dispatched);
        let open: Vec<Dispatched> = self.book.record.dispatches.iter().filter(open).cloned().collect();
        let mut failures = Vec::new();
        for dispatched in open {
            if let Err(error) = self.look_again(dispatched).await {
                failures.push(error);
            }
        }
        failures
    }

    async fn look_again(&mut self, dispatched: Dispatched) -> Result<(), TrackerError> {
        let Some(target) = self.settings.target(&dispatched.target) else { return Ok(()) };
        match look(self.github, target, &dispatched).await? {
            Some(progress) => self.learn(dispatched, progress).await.map(drop),
            None if dispatched.state == State::Intended && target.traced && self.is_settled(&dispatched) => {
                self.forget(&dispatched).await
            }
            None => Ok(()),
        }
    }

    /// Whether a run would be listed by now, had it been started.
    fn is_settled(&self, dispatched: &Dispatched) -> bool {
        let settle = TimeDelta::from_std(self.settings.settle).unwrap_or(TimeDelta::MAX);
        self.clock.now() - dispatched.at >= settle
    }

    /// Notes how far a run is, where that is new.
    async fn learn(&mut self, before: Dispatched, progress: Progress) -> Result<Dispatched, TrackerError> {
        let (state, run, conclusion) = match progress {
            Progress::Running(run) => (State::Started, run, None),
            Progress::Ended(run, conclusion) if conclusion == SUCCESS => (State::Succeeded, run, Some(conclusion)),
            Progress::Ended(run, conclusion) => (State::Failed, run, Some(conclusion)),
        };
        let after = Dispatched { state, run: Some(run), conclusion, ..before.clone() };
        if after != before {
            self.note(after.clone()).await?;
        }
        Ok(after)
    }

    async fn note(&mut self, dispatched: Dispatched) -> Result<(), TrackerError> {
        let package = dispatched.package.clone();
        self.book.record.set(dispatched);
        self.keep(&package).await
    }

    async fn forget(&mut self, dispatched: &Dispatched) -> Result<(), TrackerError> {
        self.book.record.remove(dispatched.key());
        self.keep(&dispatched.package).await
    }

    async fn keep(&mut self, package: &str) -> Result<(), TrackerError> {
        match (&self.book.place, self.issues) {
            (Place::File(file), _) => Ok(file.write(&self.book.record)?),
            (Place::Ledger(ledger), _) => {
                let of_package = |dispatched: &&Dispatched| dispatched.package == package;
                let dispatches = self.book.record.dispatches.iter().filter(of_package).cloned().collect();
                Ok(ledger.write(package, dispatches).await?)
            }
            (Place::Issues, Some(issues)) => issues.note(self.github, package, &self.book.record).await,
            (Place::Issues, None) | (Place::Nowhere, _) => Ok(()),
        }
    }

    /// Carries a plan out, and follows runs for as long as `wait` says. `tell` hears of everything that was done; what could
    /// not be done is the answer.
    pub async fn carry_out(
        &mut self,
        plan: &Plan,
        wait: Option<Duration>,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Vec<TrackerError> {
        let mut outcome = Outcome::default();
        let end = wait.map(|wait| Instant::now() + wait);
        let mut running = plan.running.clone();
        for layer in &plan.layers {
            for due in layer {
                if outcome.is_over {
                    outcome.skip(due, "the run was stopped before");
                } else if let Some(need) = due.needs.iter().find(|need| outcome.undone.contains(*need)) {
                    outcome.skip(due, &format!("it needs `{need}`, which did not end in success"));
                } else {
                    self.start(due, &mut running, &mut outcome, tell).await;
                }
            }
            if let Some(end) = end {
                self.follow(std::mem::take(&mut running), end, &mut outcome, tell).await;
            }
        }
        if let Some(end) = end {
            self.follow(running, end, &mut outcome, tell).await;
        }
        outcome.failures
    }

    async fn start(
        &mut self,
        due: &Due,
        running: &mut Vec<Dispatched>,
        outcome: &mut Outcome,
        tell: &mut (dyn FnMut(&str) + Send),
    ) {
        let intent = due.intent(self.clock.now());
        let before = self.book.record.get(intent.key()).cloned();
        if let Err(error) = self.note(intent.clone()).await {
            // what could not be noted is not sent, or it might be sent a second time
            self.book.record.restore(intent.key(), before);
            return outcome.fail(&due.target, error);
        }
        match start(self.github, due).await {
            Sent::Taken(run) => {
                let url = run.as_ref().map(|run| format!(": {}", run.url)).unwrap_or_default();
                tell(&format!("started {} for {} {}{url}", due.target, words::label(&due.package), due.version));
                let started = Dispatched { state: State::Started, run, ..intent };
                let noted = self.note(started.clone()).await;
                noted.unwrap_or_else(|error| outcome.fail(&due.target, error));
                running.push(started);
            }
            Sent::Refused(error) => {
                outcome.fail(&due.target, error);
                self.book.record.restore(intent.key(), before);
                self.keep(&due.package).await.unwrap_or_else(|error| outcome.fail(&due.target, error));
            }
            Sent::Lost(error) => {
                // a server in trouble would leave every further one uncertain too
                outcome.is_over = true;
                outcome.fail(&due.target, error);
            }
        }
    }

    /// Follows runs until all have ended, or until `end`.
    async fn follow(
        &mut self,
        mut running: Vec<Dispatched>,
        end: Instant,
        outcome: &mut Outcome,
        tell: &mut (dyn FnMut(&str) + Send),
    ) {
        loop {
            let mut left = Vec::new();
            for dispatched in running {
                left.extend(self.follow_one(dispatched, outcome, tell).await);
            }
            if left.is_empty() || Instant::now() >= end {
                return left.iter().for_each(|dispatched| outcome.give_up(dispatched));
            }
            sleep(self.settings.poll.min(end.saturating_duration_since(Instant::now()))).await;
            running = left;
        }
    }

    /// One look at a run; the answer is a run that has not ended.
    async fn follow_one(
        &mut self,
        dispatched: Dispatched,
        outcome: &mut Outcome,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Option<Dispatched> {
        let target = self.settings.target(&dispatched.target)?;
        if dispatched.run.is_none() && !target.traced {
            outcome.fail(&dispatched.target, unknown_run(&dispatched));
            return None;
        }
        let name = dispatched.target.clone();
        let looked = look(self.github, target, &dispatched).await;
        let learned = match looked {
            Ok(None) => return Some(dispatched),
            Ok(Some(progress)) => self.learn(dispatched, progress).await,
            Err(error) => Err(error),
        };
        match learned {
            Ok(after) if after.state == State::Started => return Some(after),
            Ok(after) if after.state == State::Succeeded => tell(&ended(&after)),
            Ok(after) => outcome.fail(&name, TrackerError::last(ended(&after))),
            Err(error) => outcome.fail(&name, error),
        }
        None
    }
}

impl Record {
    /// Puts back what was noted before.
    fn restore(&mut self, key: Key<'_>, before: Option<Dispatched>) {
        match before {
            Some(before) => self.set(before),
            None => self.remove(key),
        }
    }
}

impl Due {
    fn intent(&self, at: DateTime<Utc>) -> Dispatched {
        Dispatched {
            target: self.target.clone(),
            package: self.package.clone(),
            version: self.version.clone(),
            retry: self.retry,
            correlation: self.correlation.clone(),
            at: at.with_timezone(&Utc),
            state: State::Intended,
            run: None,
            conclusion: None,
        }
    }
}

/// What came of a run so far.
#[derive(Debug, Default)]
struct Outcome {
    failures: Vec<TrackerError>,
    /// Targets of which something was not started or did not end in success.
    undone: BTreeSet<String>,
    /// Whether nothing else should be started.
    is_over: bool,
}

impl Outcome {
    fn fail(&mut self, target: &str, error: TrackerError) {
        self.undone.insert(target.to_owned());
        self.is_over |= error.is_unwelcome();
        self.failures.push(error);
    }

    fn skip(&mut self, due: &Due, why: &str) {
        let what = format!("`{}` for `{}` was not started: {why}", due.target, words::label(&due.package));
        self.undone.insert(due.target.clone());
        self.failures.push(TrackerError::last(what));
    }

    fn give_up(&mut self, dispatched: &Dispatched) {
        let url = dispatched.run.as_ref().map(|run| format!(": {}", run.url)).unwrap_or_default();
        let what = format!("`{}` for `{}`", dispatched.target, words::label(&dispatched.package));
        self.undone.insert(dispatched.target.clone());
        self.failures.push(TrackerError::last(format!("the run of {what} has not ended in time{url}")));
    }
}

fn unknown_run(dispatched: &Dispatched) -> TrackerError {
    let what = format!("`{}` for `{}`", dispatched.target, words::label(&dispatched.package));
    let why = "the server told no run, and the target is not `traced`";
    TrackerError::last(format!("{what} was started and cannot be followed: {why}"))
}

fn ended(dispatched: &Dispatched) -> String {
    let conclusion = dispatched.conclusion.as_deref().map(words::label).unwrap_or_default();
    let url = dispatched.run.as_ref().map(|run| format!(": {}", run.url)).unwrap_or_default();
    let Dispatched { target, package, version, .. } = dispatched;
    format!("{target} for {} {version} ended as {conclusion}{url}", words::label(package))
}
