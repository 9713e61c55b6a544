//! From a report and the issues that are there to a plan of changes: pure, so that a dry run prints the very plan that would
//! be carried out.
//!
//! What is done about which issue is one table ([`decision`]). How our part of a body is found and replaced is left to
//! [`marker`], what it says to [`text`], and talking to GitHub to [`github`].

mod change;
mod decision;
pub mod github;
mod labels;
mod marker;
mod memory;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::config::IssueSettings;
use crate::policy::Severity;
use crate::report::{Finding, Report, words};
use decision::{Decision, Standing, Word, decide};
use labels::{has_label, label_of, relabelled};
use marker::{Section, State};
use subject::Subject;
use text::Rollup;

pub use change::{Comment, Edit, Fields, Issue, IssueChange, Label, NewIssue, Plan, Snapshot};
pub use labels::{APPROVED, LABEL, SNOOZED};
pub(crate) use marker::{digest, is_approved};
pub(crate) use memory::{Memory, memories, remember};

/// The findings for which something is started only when a person approves it, each with its targets.
pub type Approvals = BTreeMap<String, Vec<String>>;

/// The id of the rollup. Ids of findings have a slash.
const ROLLUP: &str = "rollup";

const ROLLUP_TITLE: &str = "upmon: upstream versions";

/// Plans a run. `now` only tells which snoozes are over: what is said depends on the report alone.
pub fn plan(report: &Report, tracker: &Snapshot, settings: &IssueSettings, now: DateTime<Utc>) -> Plan {
    plan_with(report, tracker, settings, &Approvals::new(), now)
}

/// The same, with a box in the issues of those packages for which something waits for approval.
pub fn plan_with(
    report: &Report,
    tracker: &Snapshot,
    settings: &IssueSettings,
    approvals: &Approvals,
    now: DateTime<Utc>,
) -> Plan {
    let mut planner = Planner { tracker, settings, approvals, now, opened: 0, plan: Plan::default() };
    let findings = words::worst_first(&report.findings);
    for finding in &findings {
        planner.add(&Subject::Package(finding));
    }
    let asks = |finding: &&Finding| finding.severity.is_some_and(|severity| severity >= settings.floor());
    planner.add(&Subject::Rollup(&Rollup {
        asking: findings.iter().copied().filter(asks).collect(),
        unknown: findings.iter().copied().filter(|finding| finding.severity.is_none()).collect(),
        waiting: planner.plan.waiting.len(),
    }));
    planner.note_orphans(report);
    planner.label();
    planner.plan
}

impl IssueSettings {
    /// The threshold; nothing to do is never asked for.
    fn floor(&self) -> Severity {
        self.threshold.max(Severity::Info)
    }
}

struct Planner<'a> {
    tracker: &'a Snapshot,
    settings: &'a IssueSettings,
    approvals: &'a Approvals,
    now: DateTime<Utc>,
    opened: usize,
    plan: Plan,
}

impl Planner<'_> {
    fn add(&mut self, subject: &Subject<'_>) {
        let issues = ours(self.tracker, subject.id());
        let Some((issue, section)) = primary(&issues) else { return self.open(subject) };
        let before = section.state.as_ref();
        let standing = self.standing(issue, before);
        let word = subject.word(before, standing, self.settings);
        if word != Word::Unknown {
            issues.iter().filter(|(other, _)| other.is_open && other.number != issue.number).for_each(
                |(other, section)| self.plan.changes.push(IssueChange::Fold(fold(other, section, issue.number))),
            );
        }
        match decide(standing, word) {
            Decision::Leave | Decision::Create => {}
            // open although upmon had closed it: somebody wants it so
            Decision::Close if !issue.is_open || before.is_some_and(|state| state.closed) => {}
            Decision::Reopen if !self.may_open(subject) => {}
            decision => self.edit(subject, issue, section, decision),
        }
    }

    fn open(&mut self, subject: &Subject<'_>) {
        let word = subject.word(None, Standing::Nothing, self.settings);
        if decide(Standing::Nothing, word) != Decision::Create || !self.may_open(subject) {
            return;
        }
        let state = subject.state(None);
        let Some(body) = self.section(subject, &state, "", text::LONGEST_BODY) else { return self.note_size(subject) };
        let severity = state.severity.map(label_of);
        let labels = [LABEL.to_owned()].into_iter().chain(severity).chain(self.settings.labels.iter().cloned());
        let labels = labels.collect();
        self.plan.changes.push(IssueChange::Create(NewIssue {
            id: subject.id().to_owned(),
            title: state.title,
            body,
            labels,
        }));
    }

    /// Whether the mode and `max-new` let another issue be opened; counts it.
    fn may_open(&mut self, subject: &Subject<'_>) -> bool {
        match subject {
            Subject::Rollup(_) => self.settings.mode.has_rollup(),
            Subject::Package(_) if !self.settings.mode.has_packages() => false,
            Subject::Package(finding) if self.opened == self.settings.max_new => {
                self.plan.waiting.push(finding.id.clone());
                false
            }
            Subject::Package(_) => {
                self.opened += 1;
                true
            }
        }
    }

    fn standing(&self, issue: &Issue, before: Option<&State>) -> Standing {
        let is_snoozed = has_label(&issue.labels, SNOOZED) || marker::is_snoozed(&issue.body, self.now.date_naive());
        match (issue.is_open, before) {
            _ if is_snoozed => Standing::Snoozed,
            (true, _) => Standing::Open,
            (false, Some(state)) if state.closed => Standing::ClosedByUpmon,
            (false, _) => Standing::ClosedByPerson,
        }
    }

    fn edit(&mut self, subject: &Subject<'_>, issue: &Issue, section: &Section, decision: Decision) {
        let before = section.state.as_ref();
        let said = match decision {
            Decision::UpdateAndComment => Some(text::worse(&subject.reasons(before))),
            Decision::Close => Some(subject.closed(self.settings)),
            Decision::Reopen => Some(subject.reopened()),
            Decision::Update | Decision::Create | Decision::Leave => None,
        };
        let mut after = subject.state(before);
        after.comments = before.map_or(0, |state| state.comments);
        after.dispatches = before.map(|state| state.dispatches.clone()).unwrap_or_default();
        let comment = said.map(|said| comment(&mut after, &said));
        after.closed = decision == Decision::Close;
        if after.closed {
            // the label stays on a closed issue, and so does what is remembered of it
            after.severity = before.and_then(|state| state.severity);
        }
        let around: usize = section.around(&issue.body).into_iter().map(text::size).sum();
        let room = text::LONGEST_BODY.saturating_sub(around);
        let Some(text) = self.section(subject, &after, &issue.body, room) else { return self.note_size(subject) };
        let state = match decision {
            Decision::Close => Some("closed"),
            Decision::Reopen => Some("open"),
            _ => None,
        };
        let is_ours = before.is_some_and(|state| state.title == issue.title);
        let fields = Fields {
            title: Some(after.title.clone()).filter(|title| is_ours && *title != issue.title),
            body: (!section.is(&issue.body, &text)).then(|| section.replace(&issue.body, &text)),
            labels: relabelled(issue, before, &after),
            state,
            state_reason: (decision == Decision::Close).then_some("completed"),
        };
        if comment.is_some() || fields != Fields::default() {
            let edit = Edit { number: issue.number, id: subject.id().to_owned(), comment, fields };
            self.plan.changes.push(match decision {
                Decision::Close => IssueChange::Close(edit),
                Decision::Reopen => IssueChange::Reopen(edit),
                _ => IssueChange::Update(edit),
            });
        }
    }

    /// Our part of a body; `body` is the one that it is for, whose ticks stay.
    fn section(&self, subject: &Subject<'_>, state: &State, body: &str, room: usize) -> Option<String> {
        match subject {
            Subject::Package(finding) => {
                let version = finding.newest.as_ref().map(|newest| newest.version.as_str()).unwrap_or_default();
                let asks = self.approvals.get(&finding.id).filter(|_| !version.is_empty());
                let ask = asks.map(|targets| text::Ask {
                    targets: targets.join(", "),
                    tick: if is_approved(body, version) { "x" } else { " " },
                    key: marker::approval_key(version),
                });
                text::issue(finding, state, ask, room)
            }
            Subject::Rollup(rollup) => rollup.section(ROLLUP, state, room),
        }
    }

    fn note_size(&mut self, subject: &Subject<'_>) {
        let id = words::label(subject.id());
        self.plan
            .notes
            .push(format!("the text about `{id}` does not fit into an issue beside what people wrote there"));
    }

    /// Open issues of pins that the report does not have: it may be the report of a few pins, so they are left alone.
    fn note_orphans(&mut self, report: &Report) {
        for issue in self.tracker.issues.iter().filter(|issue| issue.is_open) {
            let Some(section) = Section::find(&issue.body) else { continue };
            if section.id != ROLLUP && !report.findings.iter().any(|finding| finding.id == section.id) {
                let id = words::label(&section.id);
                let note = format!("issue {} is about `{id}`, which is not in the report", issue.number);
                self.plan.notes.push(note);
            }
        }
    }

    /// Whether a change is about an issue on which a person may approve something.
    fn shows_box(&self, change: &IssueChange) -> bool {
        match change {
            IssueChange::Create(new) => self.approvals.contains_key(&new.id),
            IssueChange::Update(edit) | IssueChange::Reopen(edit) => self.approvals.contains_key(&edit.id),
            IssueChange::CreateLabel(_) | IssueChange::Adopt(_) | IssueChange::Close(_) | IssueChange::Fold(_) => false,
        }
    }

    /// Puts the labels that are used and missing first.
    fn label(&mut self) {
        let used = self.plan.changes.iter().flat_map(|change| match change {
            IssueChange::Create(new) => new.labels.as_slice(),
            IssueChange::Update(edit) | IssueChange::Reopen(edit) => edit.fields.labels.as_deref().unwrap_or_default(),
            IssueChange::CreateLabel(_) | IssueChange::Adopt(_) | IssueChange::Close(_) | IssueChange::Fold(_) => &[],
        });
        let approved = APPROVED.to_owned();
        let asked = self.plan.changes.iter().any(|change| self.shows_box(change)).then_some(&approved);
        let mut missing: Vec<String> = Vec::new();
        for name in used.chain(asked) {
            if !has_label(&self.tracker.labels, name) && !has_label(&missing, name) {
                missing.push(name.clone());
            }
        }
        self.plan.changes.splice(0..0, missing.into_iter().map(|name| IssueChange::CreateLabel(Label::named(name))));
    }
}

/// The issues that carry an id, oldest first.
fn ours<'a>(tracker: &'a Snapshot, id: &str) -> Vec<(&'a Issue, Section)> {
    let with_section = |issue: &'a Issue| Some((issue, Section::find(&issue.body)?));
    let mut ours: Vec<_> =
        tracker.issues.iter().filter_map(with_section).filter(|(_, section)| section.id == id).collect();
    ours.sort_by_key(|(issue, _)| issue.number);
    ours
}

/// The one that counts: the oldest open one, or else the oldest.
fn primary<'a>(issues: &'a [(&'a Issue, Section)]) -> Option<(&'a Issue, &'a Section)> {
    let open = issues.iter().find(|(issue, _)| issue.is_open);
    open.or(issues.first()).map(|(issue, section)| (*issue, section))
}

fn fold(issue: &Issue, section: &Section, into: u64) -> Edit {
    let mut state = State { closed: true, ..section.state.clone().unwrap_or_default() };
    let said = text::duplicate(into);
    let comment = Some(comment(&mut state, &said));
    let body = Some(section.replace(&issue.body, &marker::enclose(&section.id, &state, &said)));
    let fields = Fields { body, state: Some("closed"), state_reason: Some("not_planned"), ..Fields::default() };
    Edit { number: issue.number, id: section.id.clone(), comment, fields }
}

/// The next comment of an issue; counts it.
fn comment(state: &mut State, said: &str) -> Comment {
    state.comments += 1;
    let key = marker::comment_key(&format!("{}-{}", state.comments, digest(said)));
    Comment { body: format!("{}\n\n{key}", said.trim_end()), key }
}
