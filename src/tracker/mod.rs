//! From a report and the issues that are there to a plan of changes: pure, so that a dry run prints the very plan that would
//! be carried out.
//!
//! What is done about which issue is one table ([`decision`]). How our part of a body is found and replaced is left to
//! [`marker`], what it says to [`text`], and talking to GitHub to [`github`].

mod decision;
pub mod github;
mod marker;
#[cfg(test)]
mod tests;
mod text;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::IssueSettings;
use crate::policy::Severity;
use crate::report::{Finding, NoticeKind, Report, words};
use decision::{Decision, Standing, Word, decide};
use marker::{Section, State};
pub(crate) use marker::{digest, is_approved};
use text::Rollup;

/// The label by which our issues are listed.
pub const LABEL: &str = "upmon";

/// The label with which people put an issue to sleep.
pub const SNOOZED: &str = "upmon:snoozed";

/// The label with which people approve the version that an issue tells of.
pub const APPROVED: &str = "upmon:approved";

/// The findings for which something is started only when a person approves it, each with its targets.
pub type Approvals = BTreeMap<String, Vec<String>>;

/// The id of the rollup. Ids of findings have a slash.
const ROLLUP: &str = "rollup";

const ROLLUP_TITLE: &str = "upmon: upstream versions";

/// An issue as the tracker has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issue {
    /// Its number: lower is older.
    pub number: u64,
    /// Whether it is open.
    pub is_open: bool,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// The names of its labels.
    pub labels: Vec<String>,
}

/// What the tracker has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every issue with our label, open or closed.
    pub issues: Vec<Issue>,
    /// The names of all labels.
    pub labels: Vec<String>,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The changes.
    pub changes: Vec<IssueChange>,
    /// Findings that ask for an issue and get none in this run, because of `max-new`.
    pub waiting: Vec<String>,
    /// What a person should know beside that.
    pub notes: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum IssueChange {
    /// A label that is missing.
    CreateLabel(Label),
    /// An issue that is missing.
    Create(NewIssue),
    /// Title, our section and severity label are made true, with a comment where it became worse.
    Update(Edit),
    /// It is closed, with a comment.
    Close(Edit),
    /// It is opened again, with a comment.
    Reopen(Edit),
    /// A second issue for the same finding is closed in favour of the oldest.
    Fold(Edit),
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// What it is for.
    pub description: String,
}

/// An issue to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewIssue {
    /// The finding that it is about, or `rollup`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its body, markers included.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// A change of an issue: at most one comment, then at most one edit of the fields that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The issue.
    pub number: u64,
    /// The finding that it is about, or `rollup`.
    pub id: String,
    /// The comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// The fields.
    pub fields: Fields,
}

/// A comment with the key by which a later run sees that it was written already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// A hidden line of the body.
    pub key: String,
    /// The text, with the key.
    pub body: String,
}

/// The fields of an issue that change; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fields {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// All labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// `open` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Why it is closed: `completed` or `not_planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<&'static str>,
}

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

/// What an issue is about.
enum Subject<'a> {
    Package(&'a Finding),
    Rollup(&'a Rollup<'a>),
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
            IssueChange::CreateLabel(_) | IssueChange::Close(_) | IssueChange::Fold(_) => false,
        }
    }

    /// Puts the labels that are used and missing first.
    fn label(&mut self) {
        let used = self.plan.changes.iter().flat_map(|change| match change {
            IssueChange::Create(new) => new.labels.as_slice(),
            IssueChange::Update(edit) | IssueChange::Reopen(edit) => edit.fields.labels.as_deref().unwrap_or_default(),
            IssueChange::CreateLabel(_) | IssueChange::Close(_) | IssueChange::Fold(_) => &[],
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

impl Subject<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Package(finding) => &finding.id,
            Self::Rollup(_) => ROLLUP,
        }
    }

    /// How the finding stands to what its issue says.
    fn word(&self, before: Option<&State>, standing: Standing, settings: &IssueSettings) -> Word {
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
    fn reasons(&self, before: Option<&State>) -> Vec<String> {
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
    fn state(&self, before: Option<&State>) -> State {
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

    fn closed(&self, settings: &IssueSettings) -> String {
        match self {
            Self::Package(finding) => text::closed(Some(&finding.pinned.version), settings.floor()),
            Self::Rollup(_) => text::closed(None, settings.floor()),
        }
    }

    fn reopened(&self) -> String {
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

/// What an issue of a package remembers.
#[derive(Debug)]
pub(crate) struct Memory<'a> {
    /// The finding.
    pub(crate) id: String,
    /// The issue.
    pub(crate) issue: &'a Issue,
    state: Option<State>,
}

impl Memory<'_> {
    /// Whether its marker can be read.
    pub(crate) const fn is_whole(&self) -> bool {
        self.state.is_some()
    }

    /// The version that it tells of.
    pub(crate) fn version(&self) -> Option<&str> {
        self.state.as_ref().map(|state| state.to.as_str()).filter(|version| !version.is_empty())
    }

    /// What it keeps for `dispatch`.
    pub(crate) fn dispatches(&self) -> &[serde_json::Value] {
        self.state.as_ref().map(|state| state.dispatches.as_slice()).unwrap_or_default()
    }
}

/// What issues of packages remember; of several about the same, the one that counts comes first.
pub(crate) fn memories(tracker: &Snapshot) -> Vec<Memory<'_>> {
    let with_section = tracker.issues.iter().filter_map(|issue| Some((issue, Section::find(&issue.body)?)));
    let mut memories: Vec<Memory<'_>> = with_section
        .filter(|(_, section)| section.id != ROLLUP)
        .map(|(issue, section)| Memory { id: section.id, issue, state: section.state })
        .collect();
    memories.sort_by_key(|memory| (!memory.issue.is_open, memory.issue.number));
    memories
}

/// The body of an issue that remembers other dispatches, and all else as it is; `None` where it is not the finding's, or
/// its marker cannot be read.
pub(crate) fn remember(body: &str, id: &str, dispatches: Vec<serde_json::Value>) -> Option<String> {
    let section = Section::find(body).filter(|section| section.id == id)?;
    let state = State { dispatches, ..section.state.clone()? };
    section.with_state(body, &state)
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

fn label_of(severity: Severity) -> String {
    format!("{LABEL}:{severity}")
}

fn has_label(labels: &[String], name: &str) -> bool {
    labels.iter().any(|label| label.eq_ignore_ascii_case(name))
}

/// The labels with another one for the severity, when that is another: a label that a person took away stays away. What
/// was approved is no longer told of when the version is another, so that label goes.
fn relabelled(issue: &Issue, before: Option<&State>, after: &State) -> Option<Vec<String>> {
    let severity = after.severity.filter(|severity| before.and_then(|state| state.severity) != Some(*severity));
    let is_moved = before.is_none_or(|state| state.to != after.to);
    let is_old = |label: &String| {
        let of_severity = || Severity::ALL.iter().any(|&old| label.eq_ignore_ascii_case(&label_of(old)));
        (severity.is_some() && of_severity()) || (is_moved && label.eq_ignore_ascii_case(APPROVED))
    };
    let kept = issue.labels.iter().filter(|label| !is_old(label)).cloned();
    let labels: Vec<String> = kept.chain(severity.map(label_of)).collect();
    let is_same = labels.len() == issue.labels.len() && labels.iter().all(|label| issue.labels.contains(label));
    (!is_same).then_some(labels)
}

impl Label {
    fn named(name: String) -> Self {
        let severity = Severity::ALL.into_iter().find(|&severity| label_of(severity) == name);
        let (color, description) = match severity {
            None if name == LABEL => ("1d76db", "Kept up to date by upmon".to_owned()),
            None if name == APPROVED => ("5319e7", "The version that this tells of may be built".to_owned()),
            None => ("ededed", String::new()),
            Some(severity) => (color(severity), severity.advice().to_owned()),
        };
        Self { name, color: color.to_owned(), description }
    }
}

const fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "0e8a16",
        Severity::Info => "c5def5",
        Severity::Notice => "bfdadc",
        Severity::Warning => "fbca04",
        Severity::Error => "d93f0b",
        Severity::Critical => "b60205",
    }
}
