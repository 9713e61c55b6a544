//! The formats, all fed with one full sample report: every status, severity, kind of error and notice, and hostile text.

use std::collections::HashSet;

use clap::ValueEnum as _;
use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;
use upmon::lag::Status;
use upmon::policy::Severity;
use upmon::report::{Format, Options, Report, Summary, Target, render};

const SAMPLE: &str = include_str!("../data/report/sample.json");

fn sample() -> Report {
    serde_json::from_str(SAMPLE).expect("the sample is a report")
}

/// A small, tame report: the sample's groups that everybody has.
fn tame() -> Report {
    let full = sample();
    let findings = full.findings.into_iter().filter(|finding| matches!(finding.group.as_str(), "rust" | "ruby"));
    Report::new(findings.collect(), full.generated_at)
}

fn empty() -> Report {
    Report::new(Vec::new(), sample().generated_at)
}

fn table(report: &Report, width: u16, colour: bool) -> String {
    render(report, Format::Table, &Options { width, colour, ..Options::default() })
}

fn written(report: &Report, format: Format) -> String {
    render(report, format, &Options::default())
}

#[test]
fn the_sample_holds_every_case() {
    let report = sample();
    let value: Value = serde_json::from_str(SAMPLE).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let distinct = |pick: fn(&Value) -> Vec<&Value>| {
        findings.iter().flat_map(pick).filter(|value| !value.is_null()).collect::<HashSet<_>>().len()
    };
    assert_eq!(distinct(|finding| vec![&finding["status"]]), 4);
    assert_eq!(distinct(|finding| vec![&finding["severity"]]), Severity::ALL.len());
    assert_eq!(distinct(|finding| vec![&finding["update"]]), 5);
    assert_eq!(distinct(|finding| vec![&finding["error"]["kind"]]), 7);
    assert_eq!(
        distinct(|finding| finding["notices"].as_array().unwrap().iter().map(|notice| &notice["kind"]).collect()),
        14
    );
    assert!(report.findings.iter().any(|finding| finding.overdue));
    assert_eq!(report.summary, Summary::of(&report.findings));
}

#[test]
fn json_is_the_sample_itself() {
    assert_eq!(written(&sample(), Format::Json), SAMPLE);
}

#[test]
fn ndjson_is_the_findings_and_then_the_rest() {
    let text = written(&sample(), Format::Ndjson);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, findings) = lines.split_last().unwrap();
    let mut document: Value = serde_json::from_str(SAMPLE).unwrap();
    for (line, finding) in findings.iter().zip(document["findings"].as_array().unwrap()) {
        let mut line = line.clone();
        assert_eq!(line.as_object_mut().unwrap().shift_remove("type").unwrap(), "finding");
        assert_eq!(&line, finding);
    }
    assert_eq!(findings.len(), document["findings"].as_array().unwrap().len());
    let mut rest = summary.clone();
    assert_eq!(rest.as_object_mut().unwrap().shift_remove("type").unwrap(), "summary");
    document.as_object_mut().unwrap().shift_remove("findings");
    assert_eq!(rest, document);
    assert!(text.ends_with("}\n"));
}

#[test]
fn the_wide_table_has_every_column() {
    insta::assert_snapshot!(table(&tame(), 120, false));
}

#[test]
fn the_table_at_every_width() {
    for width in [40, 60, 80, 120] {
        insta::assert_snapshot!(format!("table_{width}"), table(&sample(), width, false));
    }
}

#[test]
fn colour_repeats_the_word_of_the_severity() {
    insta::assert_snapshot!(table(&tame(), 100, true).replace('\u{1b}', "ESC"));
}

#[test]
fn colour_changes_nothing_but_colour() {
    for width in [20, 40, 60, 80, 100, 120, 200] {
        let plain = table(&sample(), width, false);
        let coloured = table(&sample(), width, true);
        assert_ne!(plain, coloured);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 20..200 {
        for line in table(&sample(), width, false).lines() {
            assert!(line.width() <= usize::from(width), "{width}: {} columns: {line:?}", line.width());
        }
    }
}

#[test]
fn nothing_in_the_table_commands_a_runner() {
    for width in 20..200 {
        for line in table(&sample(), width, false).lines() {
            assert!(!line.trim_start().starts_with("::"), "{line:?}");
            assert!(!line.contains("##["), "{line:?}");
        }
    }
    for format in [Format::Json, Format::Ndjson, Format::Markdown] {
        assert!(!written(&sample(), format).contains("##["), "{format:?}");
    }
}

#[test]
fn every_pin_has_a_row_with_its_severity() {
    let report = sample();
    let text = table(&report, 400, false);
    for finding in report.findings.iter().filter(|finding| finding.status != Status::Unknown) {
        let severity = finding.severity.unwrap().as_str();
        let start = format!("  {severity}");
        let rows = text.lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(rows, report.summary.by_severity.get(finding.severity.unwrap()), "{severity}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("  unknown")).count(), report.summary.unknown);
}

#[test]
fn markdown_is_a_job_summary() {
    insta::assert_snapshot!(written(&sample(), Format::Markdown));
}

#[test]
fn markdown_of_a_tame_report_reads_well_unrendered() {
    insta::assert_snapshot!(written(&tame(), Format::Markdown));
}

#[test]
fn every_markdown_row_has_seven_cells() {
    let text = written(&sample(), Format::Markdown);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10);
    for row in rows {
        assert_eq!(row.matches('|').count(), 8, "{row}");
    }
}

#[test]
fn annotations_point_at_the_pins() {
    insta::assert_snapshot!(written(&sample(), Format::Github));
}

#[test]
fn every_annotation_is_one_command_on_one_line() {
    let everything = Options { annotations: usize::MAX, ..Options::default() };
    let report = sample();
    let text = render(&report, Format::Github, &everything);
    let told = report.findings.iter().filter(|finding| finding.severity != Some(Severity::None)).count();
    assert_eq!(text.lines().count(), told);
    for line in text.lines() {
        assert!(["::error ", "::warning ", "::notice "].iter().any(|start| line.starts_with(start)), "{line}");
    }
}

#[test]
fn a_report_without_pins_reads_as_such() {
    assert_eq!(table(&empty(), 80, false), "0 packages: nothing is pinned\n");
    insta::assert_snapshot!(written(&empty(), Format::Markdown), @r"
    ## upmon: no pins

    0 packages: nothing is pinned

    upmon 0.1.0, as of 2026-11-20 06:00 UTC
    ");
    assert_eq!(written(&empty(), Format::Github), "");
    assert_eq!(written(&empty(), Format::Ndjson).lines().count(), 1);
}

#[test]
fn a_report_read_back_gives_the_same_bytes() {
    let report = tame();
    let read_back: Report = serde_json::from_str(&written(&report, Format::Json)).unwrap();
    for format in Format::value_variants() {
        assert_eq!(written(&read_back, *format), written(&report, *format), "{format:?}");
    }
}

/// A finding that is behind and has a notice, with hostile text wherever upstream's text can stand.
fn hostile_report(texts: &[String; 4]) -> Report {
    let full = sample();
    let mut finding =
        full.findings.into_iter().find(|finding| finding.id == "rust/openssl-sys").expect("in the sample");
    let [name, version, message, url] = texts.clone();
    finding.id = format!("{name}/{version}");
    finding.group.clone_from(&name);
    finding.package = name;
    finding.pinned.version.clone_from(&version);
    finding.newest = Some(Target { version, published_at: None, url: Some(url.clone()) });
    finding.links.changelog = Some(url);
    finding.notices[0].message = message;
    Report::new(vec![finding], full.generated_at)
}

/// What may do harm somewhere, or sits badly in a line.
const DANGEROUS: &[&str] = &[
    "\u{1b}[31m",
    "\u{202e}",
    "\u{200d}",
    "\n",
    "\r\n",
    "|",
    "\\",
    "`",
    "::error::",
    "##[error]",
    "%0A",
    "@a",
    "#1",
    "<b>",
    "日本",
    "e\u{301}",
    " ",
    "https://x/",
    "looooooooooooong",
];

fn hostile_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![prop::sample::select(DANGEROUS).prop_map(str::to_owned), any::<String>()];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn hostile_text_stays_in_its_place(
        texts in [hostile_text(), hostile_text(), hostile_text(), hostile_text()],
        width in 20_u16..160,
    ) {
        let report = hostile_report(&texts);
        for line in table(&report, width, false).lines() {
            prop_assert!(line.width() <= usize::from(width), "{} columns: {:?}", line.width(), line);
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            prop_assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{:?}", line);
        }
        let summary = written(&report, Format::Markdown);
        let rows: Vec<&str> = summary.lines().filter(|line| line.starts_with('|')).collect();
        prop_assert_eq!(rows.len(), 3);
        for row in rows {
            prop_assert_eq!(row.matches('|').count(), 8, "{}", row);
        }
        prop_assert_eq!(written(&report, Format::Github).lines().count(), 1);
        prop_assert_eq!(written(&report, Format::Ndjson).lines().count(), 2);
        let document = written(&report, Format::Json);
        prop_assert!(!document.contains(|character: char| character.is_control() && character != '\n'), "{}", document);
        let read: Report = serde_json::from_str(&document).unwrap();
        prop_assert_eq!(read, report);
    }
}
