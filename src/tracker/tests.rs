//! Plans, against a tracker in memory.

use proptest::prelude::*;

use super::*;
use crate::config::Mode;
use crate::error::ErrorKind;
use crate::lag::Status;
use crate::report::{FindingError, Notice, NoticeKind, Target};

fn sample() -> Report {
    serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
}

fn tokio(severity: Severity, newest: &str) -> Finding {
    let mut finding = sample().findings.into_iter().find(|finding| finding.id == "rust/tokio").unwrap();
    finding.severity = Some(severity);
    finding.newest.as_mut().unwrap().version = newest.to_owned();
    finding
}

fn current() -> Finding {
    let mut finding = tokio(Severity::None, "1.54.1");
    finding.status = Status::Current;
    finding.pinned.version = "1.54.1".to_owned();
    finding
}

fn unknown() -> Finding {
    let error = FindingError { kind: ErrorKind::Unreachable, message: "silence".to_owned(), retryable: true };
    Finding { status: Status::Unknown, severity: None, newest: None, error: Some(error), ..current() }
}

fn with_notice(mut finding: Finding, kind: NoticeKind) -> Finding {
    finding.notices.push(Notice { kind, message: "`1.40.0` is yanked: leaks".to_owned() });
    finding
}

fn report(findings: Vec<Finding>) -> Report {
    Report::new(findings, sample().generated_at)
}

fn per_package() -> IssueSettings {
    IssueSettings { mode: Mode::PerPackage, ..IssueSettings::default() }
}

fn planned(findings: Vec<Finding>, tracker: &Snapshot, settings: &IssueSettings) -> Plan {
    let report = report(findings);
    plan(&report, tracker, settings, report.generated_at)
}

/// What GitHub would do.
fn apply(tracker: &mut Snapshot, plan: &Plan) {
    for change in &plan.changes {
        match change {
            IssueChange::CreateLabel(label) => tracker.labels.push(label.name.clone()),
            IssueChange::Create(new) => tracker.issues.push(Issue {
                number: tracker.issues.len() as u64 + 1,
                is_open: true,
                title: new.title.clone(),
                body: new.body.clone(),
                labels: new.labels.clone(),
            }),
            IssueChange::Adopt(edit)
            | IssueChange::Update(edit)
            | IssueChange::Close(edit)
            | IssueChange::Reopen(edit)
            | IssueChange::Fold(edit) => {
                let issue = tracker.issues.iter_mut().find(|issue| issue.number == edit.number).unwrap();
                let fields = edit.fields.clone();
                issue.title = fields.title.unwrap_or(issue.title.clone());
                issue.body = fields.body.unwrap_or(issue.body.clone());
                issue.labels = fields.labels.unwrap_or(issue.labels.clone());
                issue.is_open = fields.state.map_or(issue.is_open, |state| state == "open");
            }
        }
    }
}

/// A tracker after a run on these findings.
fn after(findings: Vec<Finding>) -> Snapshot {
    let mut tracker = Snapshot::default();
    let plan = planned(findings, &tracker, &per_package());
    apply(&mut tracker, &plan);
    tracker
}

fn kinds(plan: &Plan) -> Vec<&'static str> {
    let kind = |change: &IssueChange| match change {
        IssueChange::CreateLabel(_) => "label",
        IssueChange::Adopt(_) => "adopt",
        IssueChange::Create(_) => "create",
        IssueChange::Update(Edit { comment: Some(_), .. }) => "update+comment",
        IssueChange::Update(_) => "update",
        IssueChange::Close(_) => "close",
        IssueChange::Reopen(_) => "reopen",
        IssueChange::Fold(_) => "fold",
    };
    plan.changes.iter().map(kind).filter(|kind| *kind != "label").collect()
}

/// The kinds of changes for what is current, the same, newer, worse, unknown.
type Cells<'a> = [&'a [&'a str]; 5];

#[test]
fn every_cell_of_the_table_leads_to_its_change() {
    let open = || after(vec![tokio(Severity::Warning, "1.53.0")]);
    let closed_by_upmon = || {
        let mut tracker = open();
        let plan = planned(vec![current()], &tracker, &per_package());
        apply(&mut tracker, &plan);
        assert!(!tracker.issues[0].is_open);
        tracker
    };
    let closed_by_person = || {
        let mut tracker = open();
        tracker.issues[0].is_open = false;
        tracker
    };
    let snoozed = || {
        let mut tracker = open();
        tracker.issues[0].body.push_str("\nupmon: snooze until 2026-11-20");
        tracker
    };
    let same = || tokio(Severity::Warning, "1.53.0");
    let newer = || tokio(Severity::Warning, "1.54.1");
    let worse = || tokio(Severity::Error, "1.53.0");
    let none: &[&str] = &[];
    let table: [(&str, &dyn Fn() -> Snapshot, Cells<'_>); 5] = [
        ("nothing", &Snapshot::default, [none, &["create"], &["create"], &["create"], none]),
        ("open", &open, [&["close"], none, &["update"], &["update+comment"], none]),
        ("closed by upmon", &closed_by_upmon, [none, &["reopen"], &["reopen"], &["reopen"], none]),
        ("closed by a person", &closed_by_person, [none, none, &["reopen"], &["reopen"], none]),
        ("snoozed", &snoozed, [&["close"], none, none, none, none]),
    ];
    for (name, tracker, cells) in table {
        for (finding, expected) in [current(), same(), newer(), worse(), unknown()].into_iter().zip(cells) {
            let about = format!("{name}: {:?} {:?}", finding.severity, finding.newest);
            let mut tracker = tracker();
            let plan = planned(vec![finding.clone()], &tracker, &per_package());
            assert_eq!(kinds(&plan), expected, "{about}");
            apply(&mut tracker, &plan);
            let again = planned(vec![finding], &tracker, &per_package());
            assert!(again.changes.is_empty(), "{about}: a second run changes {again:?}");
        }
    }
}

#[test]
fn what_became_worse_is_told_once() {
    let was = || with_notice(tokio(Severity::Error, "1.53.0"), NoticeKind::PinDeprecated);
    let overdue = Finding { overdue: true, ..was() };
    for (finding, told) in [(overdue, "overdue"), (with_notice(was(), NoticeKind::PinYanked), "yanked")] {
        let mut tracker = after(vec![was()]);
        let plan = planned(vec![finding.clone()], &tracker, &per_package());
        let [IssueChange::Update(Edit { comment: Some(comment), .. })] = plan.changes.as_slice() else {
            panic!("{plan:?}");
        };
        assert!(comment.body.contains(told) && comment.body.ends_with(&comment.key), "{comment:?}");
        apply(&mut tracker, &plan);
        assert!(planned(vec![finding], &tracker, &per_package()).changes.is_empty());
    }
}

#[test]
fn what_people_wrote_survives() {
    let mut tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
    let issue = &mut tracker.issues[0];
    issue.title = "Our own title".to_owned();
    issue.body = format!("- [x] asked Ana\r\n\r\n{}\r\nbelow", issue.body.replace('\n', "\r\n"));
    issue.labels.push("team-a".to_owned());
    let before = tracker.issues[0].clone();
    assert!(planned(vec![tokio(Severity::Warning, "1.53.0")], &tracker, &per_package()).changes.is_empty());
    let plan = planned(vec![tokio(Severity::Critical, "2.0.0")], &tracker, &per_package());
    apply(&mut tracker, &plan);
    let issue = &tracker.issues[0];
    assert_eq!(issue.title, before.title);
    assert!(issue.body.starts_with("- [x] asked Ana\r\n\r\n<!-- upmon:v1 ") && issue.body.ends_with("\r\nbelow"));
    assert_eq!(issue.labels, ["upmon", "team-a", "upmon:critical"]);
}

#[test]
fn duplicates_fold_into_the_oldest_open_one() {
    let mut tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
    for number in [7, 9] {
        tracker.issues.push(Issue { number, ..tracker.issues[0].clone() });
    }
    assert!(planned(vec![unknown()], &tracker, &per_package()).changes.is_empty());
    let plan = planned(vec![tokio(Severity::Warning, "1.53.0")], &tracker, &per_package());
    assert_eq!(kinds(&plan), ["fold", "fold"]);
    apply(&mut tracker, &plan);
    let open: Vec<u64> = tracker.issues.iter().filter(|issue| issue.is_open).map(|issue| issue.number).collect();
    assert_eq!(open, [1]);
    assert!(planned(vec![tokio(Severity::Warning, "1.53.0")], &tracker, &per_package()).changes.is_empty());
}

#[test]
fn an_issue_without_the_marker_is_nobodys() {
    let tracker = Snapshot {
        issues: vec![Issue {
            number: 1,
            is_open: true,
            title: text::title(&tokio(Severity::Warning, "1.53.0")),
            body: "tokio is old".to_owned(),
            labels: vec![LABEL.to_owned()],
        }],
        labels: Vec::new(),
    };
    assert_eq!(kinds(&planned(vec![tokio(Severity::Warning, "1.53.0")], &tracker, &per_package())), ["create"]);
    assert!(kinds(&planned(vec![current()], &tracker, &per_package())).is_empty());
}

#[test]
fn somebody_who_opens_an_issue_again_is_not_contradicted() {
    let mut tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
    let plan = planned(vec![current()], &tracker, &per_package());
    apply(&mut tracker, &plan);
    tracker.issues[0].is_open = true;
    assert!(planned(vec![current()], &tracker, &per_package()).changes.is_empty());
    let plan = planned(vec![tokio(Severity::Error, "1.60.0")], &tracker, &per_package());
    apply(&mut tracker, &plan);
    assert_eq!(kinds(&planned(vec![current()], &tracker, &per_package())), ["close"]);
}

#[test]
fn no_more_than_max_new_are_opened_worst_first_and_the_rollup_tells_of_the_rest() {
    let settings = IssueSettings { max_new: 2, ..IssueSettings::default() };
    let mut tracker = Snapshot::default();
    let findings = sample().findings;
    let asking = findings.iter().filter(|finding| finding.severity >= Some(Severity::Warning)).count();
    let first = planned(findings.clone(), &tracker, &settings);
    assert_eq!((kinds(&first).len(), first.waiting.len()), (3, asking - 2));
    let Some(IssueChange::Create(rollup)) = first.changes.last() else { panic!("{first:?}") };
    assert!(rollup.body.contains(&format!("{} packages will get an issue", asking - 2)), "{}", rollup.body);
    for _ in 0..asking {
        let plan = planned(findings.clone(), &tracker, &settings);
        apply(&mut tracker, &plan);
    }
    assert_eq!(tracker.issues.len(), asking + 1);
    assert_eq!(planned(findings, &tracker, &settings), Plan::default());
}

#[test]
fn the_rollup_keeps_what_was_known_of_what_is_unknown() {
    let settings = IssueSettings { mode: Mode::Rollup, ..IssueSettings::default() };
    let other = || Finding { id: "rust/other".to_owned(), ..tokio(Severity::Critical, "2.0.0") };
    let mut tracker = Snapshot::default();
    for tokio in [tokio(Severity::Error, "1.53.0"), unknown()] {
        let plan = planned(vec![tokio, other()], &tracker, &settings);
        apply(&mut tracker, &plan);
    }
    assert_eq!(tracker.issues.len(), 1);
    let body = &tracker.issues[0].body;
    assert!(
        body.contains("**unreachable**; last known as error, `1.54.1` with `1.53.0`")
            || body.contains("last known as error, `1.40.0` with `1.53.0`"),
        "{body}"
    );
    assert!(planned(vec![unknown(), other()], &tracker, &settings).changes.is_empty());
    assert!(planned(vec![unknown()], &tracker, &settings).changes.is_empty(), "unknown alone closes nothing");
    assert_eq!(kinds(&planned(vec![current()], &tracker, &settings)), ["close"]);
}

#[test]
fn a_mode_opens_and_what_is_open_is_kept_true() {
    let tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
    let settings = IssueSettings { mode: Mode::Rollup, ..IssueSettings::default() };
    assert_eq!(kinds(&planned(vec![current()], &tracker, &settings)), ["close"]);
    assert_eq!(
        kinds(&planned(vec![tokio(Severity::Error, "1.53.0")], &tracker, &settings)),
        ["update+comment", "create"]
    );
}

#[test]
fn an_issue_of_a_pin_that_is_not_in_the_report_is_left_alone_and_told_of() {
    let tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
    let plan = planned(Vec::new(), &tracker, &per_package());
    assert!(plan.changes.is_empty());
    assert_eq!(plan.notes, ["issue 1 is about `rust/tokio`, which is not in the report"]);
}

const HOSTILE: &str = "@octocat fixes #1 closes acme/shop#2 GH-3 https://evil.example <img src=x> <!-- /upmon:v1 id=rust/tokio -->\n<!-- upmon:v1 id=rust/tokio -->\n::error::x \u{202e}\u{1b}[31m ![x](http://y) | `code` ```";

#[test]
fn hostile_words_of_upstream_stay_words() {
    let mut finding = with_notice(tokio(Severity::Error, HOSTILE), NoticeKind::PinYanked);
    finding.notices[0].message = format!("{HOSTILE} {}", "x".repeat(1 << 20));
    finding.pinned.version = HOSTILE.to_owned();
    finding.package = HOSTILE.to_owned();
    finding.requirement = Some(HOSTILE.to_owned());
    finding.wanted = finding.newest.clone();
    finding.links.changelog = Some("javascript:alert(1)".to_owned());
    finding.links.repository = Some(format!("https://example.org/{}", "x".repeat(1 << 20)));
    finding.newest =
        finding.newest.map(|newest| Target { url: Some("https://github.com/a/b/issues/1".to_owned()), ..newest });
    let tracker = after(vec![finding.clone()]);
    let issue = &tracker.issues[0];
    assert!(planned(vec![finding.clone()], &tracker, &per_package()).changes.is_empty());
    assert!(text::size(&issue.body) < 20_000 && text::size(&issue.title) <= 256, "{}", issue.title);
    for (text, name) in [(&issue.body, "body"), (&issue.title, "title")] {
        for bad in ["@octocat", " #1", "shop#2", "GH-3", "\u{202e}", "\u{1b}", "javascript:"] {
            assert!(!text.contains(bad), "{bad:?} in the {name}: {text}");
        }
    }
    // a title is no Markdown
    for bad in ["<img", "](http://y)", "https://evil", "\n::error"] {
        assert!(!issue.body.contains(bad), "{bad:?} in the body: {}", issue.body);
    }
    let lines: Vec<&str> = issue.body.lines().filter(|line| line.starts_with("<!--")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(!issue.body.contains("cargo update"), "a version that a shell would read gets no command");
    let mut worse = finding.clone();
    worse.severity = Some(Severity::Critical);
    let plan = planned(vec![worse], &tracker, &per_package());
    assert!(matches!(plan.changes.as_slice(), [IssueChange::CreateLabel(_), IssueChange::Update(_)]), "{plan:?}");
}

#[test]
fn a_pin_above_every_release_is_not_sent_down() {
    let numpy = sample().findings.into_iter().filter(|finding| finding.id == "python/numpy").collect();
    let issue = &after(numpy).issues[0];
    assert_eq!(issue.title, "numpy 3.0.0 should be replaced");
    assert!(
        issue.body.contains("no newer release to move to") && !issue.body.contains("pip install"),
        "{}",
        issue.body
    );
}

#[test]
fn a_command_names_what_upstream_calls_the_package() {
    let mut finding = tokio(Severity::Error, "1.54.1");
    finding.upstream = Some("tokio-core".to_owned());
    let body = &after(vec![finding]).issues[0].body;
    assert!(body.contains("`cargo update -p tokio-core --precise 1.54.1`"), "{body}");
}

#[test]
fn a_full_issue_drops_what_matters_least_and_never_a_persons_text() {
    let finding = || with_notice(tokio(Severity::Error, "1.54.1"), NoticeKind::PinYanked);
    let whole = text::size(&after(vec![finding()]).issues[0].body);
    for spare in [0, 300, 700, whole, 2 * whole] {
        let mut tracker = after(vec![tokio(Severity::Warning, "1.53.0")]);
        let theirs = "日🦀".repeat((text::LONGEST_BODY - spare) / 3);
        tracker.issues[0].body.push_str(&theirs);
        let plan = planned(vec![finding()], &tracker, &per_package());
        apply(&mut tracker, &plan);
        let body = &tracker.issues[0].body;
        assert!(body.ends_with(&theirs));
        if plan.changes.is_empty() {
            assert!(plan.notes[0].contains("does not fit"), "{plan:?}");
        } else {
            assert!(text::size(body) <= text::LONGEST_BODY, "{} with {spare} to spare", text::size(body));
        }
        assert!(Section::find(body).unwrap().state.is_some());
    }
}

#[test]
fn a_rollup_of_a_thousand_packages_fits_and_says_how_many_are_left_out() {
    let settings = IssueSettings { mode: Mode::Rollup, ..IssueSettings::default() };
    let named = |number: usize| Finding { id: format!("rust/日本🦀-{number}"), ..tokio(Severity::Error, "1.54.1") };
    let findings: Vec<Finding> = (0..1_000).map(named).collect();
    let mut tracker = Snapshot::default();
    let plan = planned(findings.clone(), &tracker, &settings);
    apply(&mut tracker, &plan);
    let body = &tracker.issues[0].body;
    assert!((60_000..=text::LONGEST_BODY).contains(&text::size(body)), "{}", text::size(body));
    let shown = body.lines().filter(|line| line.starts_with("| error |")).count();
    assert!(body.contains(&format!("{} packages no worse than these are left out", 1_000 - shown)));
    assert!(planned(findings, &tracker, &settings).changes.is_empty());
}

/// A step of a world that goes on: what is found, and what a person does.
#[derive(Debug, Clone)]
enum Step {
    Find(Vec<u8>),
    Close(usize),
    Reopen(usize),
    Write(usize),
    Duplicate(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => proptest::collection::vec(0_u8..8, 3).prop_map(Step::Find),
        1 => (0_usize..6).prop_map(Step::Close),
        1 => (0_usize..6).prop_map(Step::Reopen),
        1 => (0_usize..6).prop_map(Step::Write),
        1 => (0_usize..6).prop_map(Step::Duplicate),
    ];
    proptest::collection::vec(step, 1..24)
}

fn found(index: usize, how: u8) -> Finding {
    let finding = match how {
        0 => unknown(),
        1 => current(),
        2 => tokio(Severity::Notice, "1.53.0"),
        3 => tokio(Severity::Warning, "1.53.0"),
        4 => Finding { overdue: true, ..tokio(Severity::Warning, "1.53.0") },
        5 => with_notice(tokio(Severity::Error, "1.54.0"), NoticeKind::PinYanked),
        6 => tokio(Severity::Error, "1.54.1"),
        _ => tokio(Severity::Critical, "2.0.0"),
    };
    Finding { id: format!("rust/p{index}"), ..finding }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_plan(steps in steps()) {
        let mut tracker = Snapshot::default();
        let settings = IssueSettings::default();
        for step in steps {
            let count = tracker.issues.len();
            match step {
                Step::Find(how) => {
                    let findings = || how.iter().enumerate().map(|(index, &how)| found(index, how)).collect::<Vec<_>>();
                    let plan = planned(findings(), &tracker, &settings);
                    apply(&mut tracker, &plan);
                    prop_assert_eq!(planned(findings(), &tracker, &settings).changes, Vec::new());
                }
                Step::Close(at) if at < count => tracker.issues[at].is_open = false,
                Step::Reopen(at) if at < count => tracker.issues[at].is_open = true,
                Step::Write(at) if at < count => tracker.issues[at].body.insert_str(0, "mine\n"),
                Step::Duplicate(at) if at < count => {
                    let copy = Issue { number: count as u64 + 1, ..tracker.issues[at].clone() };
                    tracker.issues.push(copy);
                }
                _ => {}
            }
        }
    }
}
