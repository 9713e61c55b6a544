//! What of a pin changed since it was last told. Pure; the store keeps where the comparison starts, and writes it on in the
//! transaction that asks for actions, so that each change is told once.

use serde::{Deserialize, Serialize};

use crate::config::Trigger;
use crate::lag::Status;
use crate::policy::Severity;
use crate::report::Finding;

/// What a pin was last told to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// What was last known of it.
    known: Option<Brief>,
    /// Whether nothing could be learned since.
    #[serde(default)]
    is_unknown: bool,
}

/// A finding, in what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brief {
    /// How it stood.
    pub(super) status: Status,
    /// The newest version.
    pub(super) newest: Option<String>,
    /// How bad that was.
    pub(super) severity: Option<Severity>,
}

/// A pin that changed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    /// What it is now.
    pub(super) finding: Finding,
    /// What was last known of it; `None` for a pin that is new.
    pub(super) before: Option<Brief>,
    /// What of it changed; never empty.
    pub(super) triggers: Vec<Trigger>,
}

impl Told {
    /// What is told next, and what of it is new.
    pub(super) fn next(&self, finding: &Finding) -> (Self, Option<Changed>) {
        let (told, triggers) = self.compare(finding);
        let changed = Changed { finding: finding.clone(), before: self.known.clone(), triggers };
        (told, Some(changed).filter(|changed| !changed.triggers.is_empty()))
    }

    fn compare(&self, finding: &Finding) -> (Self, Vec<Trigger>) {
        if finding.status == Status::Unknown {
            let told = Self { known: self.known.clone(), is_unknown: true };
            return (told, if self.is_unknown { Vec::new() } else { vec![Trigger::Unknown] });
        }
        let now = Brief::of(finding);
        let is_behind = |brief: &Brief| brief.status == Status::Behind;
        let before = self.known.as_ref();
        let is_new = before.is_none_or(|before| !is_behind(before) || before.newest != now.newest);
        let triggers = [
            (Trigger::Update, is_behind(&now) && is_new),
            (Trigger::Severity, before.is_some_and(|before| before.severity != now.severity)),
            (Trigger::Current, before.is_some_and(is_behind) && !is_behind(&now)),
        ];
        let triggers = triggers.into_iter().filter(|(_, is_so)| *is_so).map(|(trigger, _)| trigger).collect();
        (Self { known: Some(now), is_unknown: false }, triggers)
    }
}

impl Brief {
    fn of(finding: &Finding) -> Self {
        let newest = finding.newest.as_ref().map(|newest| newest.version.clone());
        Self { status: finding.status, newest, severity: finding.severity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    fn finding(status: Status, newest: &str, severity: Option<Severity>) -> Finding {
        let report: Report = serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap();
        let mut finding = report.findings.into_iter().find(|finding| finding.newest.is_some()).unwrap();
        finding.newest.as_mut().unwrap().version = newest.to_owned();
        Finding { status, severity, ..finding }
    }

    #[test]
    fn each_change_is_told_once_and_what_is_unknown_hides_none() {
        use Severity::{Error, None as Calm, Warning};
        use Status::{Behind, Current, Unknown};
        use Trigger as T;
        let steps: [(Finding, &[Trigger]); 11] = [
            (finding(Unknown, "1", None), &[T::Unknown]),
            (finding(Unknown, "1", None), &[]),
            (finding(Current, "1", Some(Calm)), &[]),
            (finding(Behind, "2", Some(Warning)), &[T::Update, T::Severity]),
            (finding(Behind, "2", Some(Warning)), &[]),
            (finding(Unknown, "2", None), &[T::Unknown]),
            (finding(Behind, "2", Some(Warning)), &[]),
            (finding(Behind, "2", Some(Error)), &[T::Severity]),
            (finding(Behind, "3", Some(Error)), &[T::Update]),
            (finding(Current, "3", Some(Calm)), &[T::Severity, T::Current]),
            (finding(Behind, "3", Some(Error)), &[T::Update, T::Severity]),
        ];
        let mut told = Told::default();
        for (place, (finding, expected)) in steps.iter().enumerate() {
            let (next, changed) = told.next(finding);
            assert_eq!(changed.map(|changed| changed.triggers).unwrap_or_default(), *expected, "step {place}");
            told = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_pin_that_is_behind_when_it_is_first_seen_is_an_update_from_nothing() {
        let (_, changed) = Told::default().next(&finding(Status::Behind, "2", Some(Severity::Info)));
        let changed = changed.unwrap();
        assert_eq!((changed.triggers, changed.before), (vec![Trigger::Update], None));
    }
}
