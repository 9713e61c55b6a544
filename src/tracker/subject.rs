//! What an issue is about, a package or the rollup: how it stands to what the issue says, and what is said of it.

use std::cmp::Ordering;

use super::decision::{Standing, Word};
use super::marker::State;
use super::text::{self, Rollup};
use super::{ROLLUP, ROLLUP_TITLE};
use crate::config::IssueSettings;
use crate::policy::Severity;
use crate::report::{Finding, NoticeKind, words};

/// What an issue is about.
pub(super) enum Subject<'a> {
    Package(&'a Finding),
    Rollup(&'a Rollup<'a>),
}

impl Subject<'_> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Package(finding) => &finding.id,
            Self::Rollup(_) => ROLLUP,
        }
    }

    /// How the finding stands to what its issue says.
    pub(super) fn word(&self, before: Option<&State>, standing: Standing, settings: &IssueSettings) -> Word {
        match self.severity() {
            None if self.is_unknown() => Word::Unknown,
            None => Word::Current,
            Some(severity) if severity < settings.floor() => Word::Current,
            Some(severity) => {
                let rose = before.and_then(|state| state.severity).is_some_and(|before| severity > before);
                let worse = match standing {
                    Standing::ClosedByPerson => rose || before.is_some_and(|state| self.is_newer(state)),
                    _ => !self.reasons(before).is_empty(),
                };
                if worse { Word::Worse } else { Word::Behind }
            }
        }
    }

    fn severity(&self) -> Option<Severity> {
        match self {
            Self::Package(finding) => finding.severity,
            Self::Rollup(rollup) => rollup.asking.iter().filter_map(|finding| finding.severity).max(),
        }
    }

    fn is_unknown(&self) -> bool {
        match self {
            Self::Package(finding) => finding.severity.is_none(),
            Self::Rollup(rollup) => !rollup.unknown.is_empty(),
        }
    }

    /// Whether there is a version above the one that the issue tells of.
    fn is_newer(&self, before: &State) -> bool {
        match self {
            Self::Package(finding) => {
                let newest = finding.newest.as_ref().map(|newest| newest.version.as_str());
                newest.is_some_and(|newest| is_above(finding, newest, &before.to))
            }
            Self::Rollup(rollup) => rollup.asking.iter().any(|finding| {
                let known = before.packages.iter().find(|known| known.id == finding.id);
                let newest = finding.newest.as_ref().map(|newest| words::version(&newest.version));
                known.is_none_or(|known| newest.is_some_and(|newest| is_above(finding, &newest, &known.newest)))
            }),
        }
    }

    /// What is worse than the issue says; nothing where nobody knows what it says.
    pub(super) fn reasons(&self, before: Option<&State>) -> Vec<String> {
        let Some(before) = before else { return Vec::new() };
        let mut reasons = Vec::new();
        if let (Some(now), Some(then)) = (self.severity(), before.severity)
            && now > then
        {
            reasons.push(format!("the severity is {now}, it was {then}"));
        }
        let Self::Package(finding) = self else { return reasons };
        if finding.overdue && !before.overdue {
            reasons.push("the update is overdue".to_owned());
        }
        if !before.withdrawn {
            let gone = finding.notices.iter().filter(|notice| is_withdrawal(notice.kind));
            reasons.extend(gone.map(|notice| words::sentence(&notice.message).into_owned()));
        }
        reasons
    }

    /// What the issue is to remember, comments left aside.
    pub(super) fn state(&self, before: Option<&State>) -> State {
        match self {
            Self::Package(finding) => State {
                title: text::title(finding),
                to: finding
                    .newest
                    .as_ref()
                    .map(|newest| words::label(&newest.version).into_owned())
                    .unwrap_or_default(),
                severity: finding.severity,
                overdue: finding.overdue,
                withdrawn: finding.notices.iter().any(|notice| is_withdrawal(notice.kind)),
                ..State::default()
            },
            Self::Rollup(rollup) => State {
                title: ROLLUP_TITLE.to_owned(),
                severity: self.severity(),
                packages: rollup.known(before),
                ..State::default()
            },
        }
    }

    pub(super) fn closed(&self, settings: &IssueSettings) -> String {
        match self {
            Self::Package(finding) => text::closed(Some(&finding.pinned.version), settings.floor()),
            Self::Rollup(_) => text::closed(None, settings.floor()),
        }
    }

    pub(super) fn reopened(&self) -> String {
        let severity = self.severity().expect("only what is known is opened");
        let newest = match self {
            Self::Package(finding) => finding.newest.as_ref().map(|newest| newest.version.as_str()),
            Self::Rollup(_) => None,
        };
        text::reopened(newest.unwrap_or_default(), severity)
    }
}

fn is_withdrawal(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::PinYanked | NoticeKind::PinRemoved)
}

/// Whether a version is above another by the order of its scheme; of commits, whether it is another one.
fn is_above(finding: &Finding, version: &str, other: &str) -> bool {
    match words::parsed(finding, version).zip(words::parsed(finding, other)) {
        Some((version, other)) => version.precedence(&other) == Ordering::Greater,
        None => version != other,
    }
}
