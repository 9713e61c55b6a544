//! Plans, against a report, settings and a record in memory.

use chrono::DateTime;

use super::record::{Run, State};
use super::*;
use crate::config::{Flags, Settings};
use crate::document::Source;

fn settings(text: &str) -> DispatchSettings {
    let parsed = Settings::parse(Some(Source::new("upmon.toml", text)), &|_| None, Flags::default());
    parsed.unwrap_or_else(|wrong| panic!("{wrong}")).dispatch
}

fn refused(text: &str) -> String {
    let parsed = Settings::parse(Some(Source::new("upmon.toml", text)), &|_| None, Flags::default());
    parsed.expect_err(text).render(false)
}

fn tokio(update: Step, severity: Severity) -> Finding {
    let report: Report = serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap();
    let mut finding = report.findings.into_iter().find(|finding| finding.id == "rust/tokio").unwrap();
    finding.update = Some(update);
    finding.severity = Some(severity);
    finding
}

fn named(mut finding: Finding, id: &str) -> Finding {
    finding.id = id.to_owned();
    finding
}

fn report(findings: Vec<Finding>) -> Report {
    Report::new(findings, DateTime::from_timestamp(1_795_154_400, 0).unwrap())
}

fn planned(findings: Vec<Finding>, settings: &DispatchSettings, record: &Record, wait: bool) -> Plan {
    plan(&report(findings), &Situation { settings, record, issues: None, retries: &[], wait })
}

fn due(plan: &Plan) -> Vec<Vec<String>> {
    let name = |due: &Due| format!("{} {}", due.target, due.package);
    plan.layers.iter().map(|layer| layer.iter().map(name).collect()).collect()
}

fn held(plan: &Plan) -> Vec<(String, Why)> {
    plan.held.iter().map(|held| (format!("{} {}", held.target, held.package), held.why)).collect()
}

fn dispatched(target: &str, package: &str, state: State) -> Dispatched {
    Dispatched {
        target: target.to_owned(),
        package: package.to_owned(),
        version: "1.54.1".to_owned(),
        retry: 0,
        correlation: "upmon-0".to_owned(),
        at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
        state,
        run: Some(Run { id: 1, url: "https://github.example/1".to_owned() }),
        conclusion: None,
    }
}

fn target(name: &str, more: &str) -> String {
    let ours = "repository = \"acme/x\"\nworkflow = \"x.yml\"\nref = \"main\"\npackages = \"rust/*\"\n";
    format!("[dispatch.targets.{name}]\n{ours}{more}\n")
}

#[test]
fn what_a_target_asks_for_decides_with_what_a_person_has_to_approve() {
    let table = [
        ("", Step::Minor, Severity::Error, None),
        ("update = \"minor\"", Step::Minor, Severity::Error, None),
        ("update = \"minor\"", Step::Patch, Severity::Error, Some(Why::BelowThreshold)),
        ("severity = \"critical\"", Step::Minor, Severity::Error, Some(Why::BelowThreshold)),
        ("severity = \"warning\"\nupdate = \"major\"", Step::Minor, Severity::Error, Some(Why::BelowThreshold)),
        ("", Step::Major, Severity::Critical, Some(Why::AwaitsApproval)),
        ("approval = \"never\"", Step::Major, Severity::Critical, None),
        ("approval = \"always\"", Step::Patch, Severity::Info, Some(Why::AwaitsApproval)),
    ];
    for (more, update, severity, expected) in table {
        let plan = planned(vec![tokio(update, severity)], &settings(&target("a", more)), &Record::default(), false);
        assert_eq!(plan.held.first().map(|held| held.why), expected, "{more} {update}");
        assert_eq!(plan.layers.len(), usize::from(expected.is_none()), "{more} {update}");
    }
}

#[test]
fn what_the_record_says_decides_what_is_done_again() {
    let table = [
        (State::Succeeded, "", true, Some(Why::Succeeded)),
        (State::Failed, "", true, Some(Why::Failed)),
        (State::Started, "", false, Some(Why::Started)),
        (State::Started, "", true, None),
        (State::Intended, "", true, Some(Why::Uncertain)),
        (State::Intended, "traced = true\ninputs = { c = \"{{correlation}}\" }", true, Some(Why::Settling)),
    ];
    for (state, more, wait, expected) in table {
        let record = Record { dispatches: vec![dispatched("a", "rust/tokio", state)] };
        let settings = settings(&target("a", more));
        let plan = planned(vec![tokio(Step::Minor, Severity::Error)], &settings, &record, wait);
        assert_eq!(plan.held.first().map(|held| held.why), expected, "{state:?}");
        assert!(due(&plan).is_empty(), "{state:?}");
        assert_eq!(plan.running.len(), usize::from(expected.is_none()), "{state:?}");
    }
}

#[test]
fn what_is_needed_comes_first_whatever_the_order_of_the_file() {
    let text = [target("c", "needs = [\"b\", \"a\"]"), target("b", "needs = [\"a\"]"), target("a", "")].concat();
    let settings = settings(&text);
    let findings = || vec![tokio(Step::Minor, Severity::Error), named(tokio(Step::Patch, Severity::Info), "rust/http")];
    let whole = planned(findings(), &settings, &Record::default(), true);
    let of = |name: &str| vec![format!("{name} rust/tokio"), format!("{name} rust/http")];
    assert_eq!((due(&whole), held(&whole)), (vec![of("a"), of("b"), of("c")], Vec::new()));
    let first = planned(findings(), &settings, &Record::default(), false);
    assert_eq!(due(&first), vec![of("a")]);
    assert!(held(&first).iter().all(|(_, why)| *why == Why::WaitsFor) && held(&first).len() == 4, "{first:?}");
}

#[test]
fn what_is_under_way_or_failed_keeps_back_every_package_and_what_is_held_only_its_own() {
    let settings = settings(&[target("a", ""), target("b", "needs = [\"a\"]\napproval = \"never\"")].concat());
    let findings =
        |update| vec![tokio(update, Severity::Error), named(tokio(Step::Patch, Severity::Info), "rust/http")];
    let done = dispatched("a", "rust/http", State::Succeeded);
    for state in [State::Started, State::Failed, State::Intended] {
        let record = Record { dispatches: vec![dispatched("a", "rust/tokio", state), done.clone()] };
        let plan = planned(findings(Step::Minor), &settings, &record, false);
        assert!(due(&plan).is_empty(), "{state:?}: {plan:?}");
    }
    let record = Record { dispatches: vec![done] };
    let plan = planned(findings(Step::Major), &settings, &record, false);
    assert_eq!(due(&plan), vec![vec!["b rust/http".to_owned()]], "a major of another package waits for approval");
}

#[test]
fn settings_that_contradict_themselves_are_refused_with_the_reason() {
    let event = "[dispatch.targets.e]\nrepository = \"acme/x\"\nevent-type = \"up\"\n";
    let table = [
        (
            [target("a", "needs = [\"b\"]"), target("b", "needs = [\"c\"]"), target("c", "needs = [\"a\"]")].concat(),
            "`a` needs `b` needs `c` needs `a`",
        ),
        (target("a", "needs = [\"a\"]"), "`a` needs `a`"),
        ([target("image", ""), target("a", "needs = [\"imgae\"]")].concat(), "did you mean `image`?"),
        (format!("{event}{}", target("a", "needs = [\"e\"]")), "nobody can wait for `e`"),
        (target("a", "event-type = \"x\""), "says both `event-type` and `workflow`"),
        (target("a", "payload = {}"), "`payload` has no effect without `event-type`"),
        (target("a", "traced = true"), "no input tells the correlation id"),
        (target("a", "inputs = { x = \"{{vresion}}\" }"), "there is no value `vresion`"),
        (target("a", "inputs = { x = [1] }"), "`x` must be a text, a number or a boolean, not a list"),
        (format!("{event}ref = \"main\""), "`ref` has no effect without `workflow`"),
        (format!("{event}inputs = {{}}"), "`inputs` has no effect without `workflow`"),
        ("[dispatch.targets.a]\nrepository = \"acme/x\"\n".to_owned(), "says neither `event-type` nor `workflow`"),
        ("[dispatch.targets.a]\nrepository = \"acme/x\"\nworkflow = \"x.yml\"".to_owned(), "says no `ref`"),
        ("[dispatch.targets.\"a/b\"]\nrepository = \"acme/x\"\nevent-type = \"x\"".to_owned(), "no name for a target"),
        ("[dispatch]\nrecord = \"issue\"\nrecord-file = \"x\"".to_owned(), "`record-file` has no effect here"),
        (
            format!("{event}payload = {{ {} }}", (0..10).map(|n| format!("k{n} = 1")).collect::<Vec<_>>().join(", ")),
            "more keys than the 10",
        ),
        (
            target(
                "a",
                &format!("inputs = {{ {} }}", (0..26).map(|n| format!("k{n} = 1")).collect::<Vec<_>>().join(", ")),
            ),
            "more than the 25 inputs",
        ),
    ];
    for (text, expected) in table {
        let told = refused(&text).split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn what_is_carried_is_what_the_settings_say_and_always_the_correlation_id() {
    let text = "[dispatch.targets.e]\nrepository = \"acme/x\"\nevent-type = \"up\"\npackages = \"rust/*\"\n\
        payload = { version = \"v{{to}}\", deep = { list = [\"{{from}}\", 1, true] } }\n";
    let plan = planned(vec![tokio(Step::Minor, Severity::Error)], &settings(text), &Record::default(), false);
    let due = &plan.layers[0][0];
    let expected =
        json!({ "version": "v1.54.1", "deep": { "list": ["1.40.0", 1, true] }, "correlation": due.correlation });
    assert_eq!(due.body["client_payload"], expected);
    let long = format!(
        "{text}[dispatch.targets.f]\nrepository = \"a/b\"\nevent-type = \"x\"\npackages = \"rust/*\"\npayload = {{ x = \"{}\" }}\n",
        "x".repeat(65_536)
    );
    let plan = planned(vec![tokio(Step::Minor, Severity::Error)], &settings(&long), &Record::default(), false);
    assert_eq!(held(&plan), [("f rust/tokio".to_owned(), Why::Unsendable)]);
}
