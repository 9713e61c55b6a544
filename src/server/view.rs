//! What is known, in memory: requests are answered from here, and only checks go to the store.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::store::{Known, Store, StoreError};
use crate::lag::Status;
use crate::report::{Finding, Notice, NoticeKind, Report};

/// What was known when it was read.
#[derive(Debug)]
pub(super) struct View {
    known: Vec<Known>,
    places: HashMap<String, usize>,
    newest_check: Option<String>,
    last_good_check: Option<DateTime<Utc>>,
}

impl View {
    /// Reads it. The newest check comes first, so what is written meanwhile is read again rather than missed.
    pub(super) async fn load(store: &Store) -> Result<Self, StoreError> {
        let newest_check = store.newest_check().await?;
        let last_good_check = store.last_good_check().await?;
        Ok(Self::new(store.known().await?, newest_check, last_good_check))
    }

    fn new(known: Vec<Known>, newest_check: Option<String>, last_good_check: Option<DateTime<Utc>>) -> Self {
        let places = known.iter().enumerate().map(|(place, known)| (known.finding.id.clone(), place)).collect();
        Self { known, places, newest_check, last_good_check }
    }

    /// The check after which it was read.
    pub(super) fn newest_check(&self) -> Option<&str> {
        self.newest_check.as_deref()
    }

    /// When the last check of all pins began that led to a report.
    pub(super) const fn last_good_check(&self) -> Option<DateTime<Utc>> {
        self.last_good_check
    }

    /// What is known of a pin.
    pub(super) fn of(&self, id: &str) -> Option<&Known> {
        self.places.get(id).map(|&place| &self.known[place])
    }

    /// What is known of every pin, in the order of their file.
    pub(super) fn all(&self) -> &[Known] {
        &self.known
    }

    /// What is known of the pins of a group.
    pub(super) fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Known> {
        self.known.iter().filter(move |known| known.finding.group == group)
    }

    /// The whole report, as of the newest check that is part of it; `None` before the first one.
    pub(super) fn report(&self, age: Age) -> Option<Report> {
        let newest = self.known.iter().map(|known| known.checked_at).max().or(self.last_good_check)?;
        Some(Report::new(self.known.iter().map(|known| age.present(known)).collect(), newest))
    }
}

/// How old a finding may be now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// The present.
    pub(super) now: DateTime<Utc>,
    /// The age from which a finding is stale.
    pub(super) stale_after: TimeDelta,
}

impl Age {
    /// A finding as it is to be shown: one that is too old says so.
    pub(super) fn present(&self, known: &Known) -> Finding {
        let mut finding = known.finding.clone();
        let is_old = self.now - known.checked_at > self.stale_after && finding.status != Status::Unknown;
        if is_old && !finding.notices.iter().any(|notice| notice.kind == NoticeKind::Stale) {
            let since = known.checked_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            finding.notices.push(Notice {
                kind: NoticeKind::Stale,
                message: format!("the service has not been able to check since; these facts are of {since}"),
            });
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    fn view() -> View {
        let report: Report = serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap();
        let known = |finding: Finding| Known { finding, checked_at: at(0), known_at: None };
        View::new(report.findings.into_iter().map(known).collect(), None, None)
    }

    fn age(hours: i64) -> Age {
        Age { now: at(hours), stale_after: TimeDelta::hours(24) }
    }

    /// How many of those that are known say that they are stale.
    fn stale(report: &Report) -> usize {
        let is_stale = |finding: &&Finding| finding.notices.iter().any(|notice| notice.kind == NoticeKind::Stale);
        report.findings.iter().filter(|finding| finding.status != Status::Unknown).filter(is_stale).count()
    }

    #[test]
    fn what_is_too_old_says_so_and_what_is_unknown_stays_unknown() {
        let view = view();
        let (fresh, old) = (view.report(age(24)).unwrap(), view.report(age(25)).unwrap());
        assert!(fresh.findings.iter().eq(view.known.iter().map(|known| &known.finding)));
        assert_eq!(stale(&old), old.findings.len() - old.summary.unknown);
        let unknown = |report: &Report| -> Vec<Finding> {
            report.findings.iter().filter(|finding| finding.status == Status::Unknown).cloned().collect()
        };
        assert_eq!(unknown(&old), unknown(&fresh));
        assert_eq!((fresh.generated_at, old.generated_at), (at(0), at(0)));
    }

    #[test]
    fn before_the_first_check_there_is_no_report() {
        assert_eq!(View::new(Vec::new(), None, None).report(age(0)), None);
        let empty = View::new(Vec::new(), None, Some(at(0))).report(age(0)).unwrap();
        assert_eq!(empty.summary.packages, 0);
    }
}
