//! One JSON document a line: every finding, then the rest of the report.
//!
//! ```text
//! {"type":"finding","id":"rust/tokio","group":"rust",...}
//! {"type":"summary","schema_version":1,"generated_at":"...","tool":{...},"summary":{...}}
//! ```
//!
//! A line of type `finding` holds the fields of one element of `findings`, one of type `summary` those of the report
//! beside `findings`; both as in the document that `json` gives. The summary comes last and once, so a reader who has not
//! seen it knows that lines are missing. Other types may be added; readers skip what they do not know.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Finding, Report, Summary, Tool, escape, seconds};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding(&'a Finding),
    Summary(Totals<'a>),
}

#[derive(Serialize)]
struct Totals<'a> {
    schema_version: u32,
    #[serde(with = "seconds")]
    generated_at: DateTime<Utc>,
    tool: &'a Tool,
    summary: &'a Summary,
}

pub(super) fn render(report: &Report) -> String {
    let Report { schema_version, generated_at, tool, summary, findings } = report;
    let totals = Totals { schema_version: *schema_version, generated_at: *generated_at, tool, summary };
    findings.iter().map(Line::Finding).chain([Line::Summary(totals)]).map(|line| document(&line)).collect()
}

fn document(line: &Line<'_>) -> String {
    let document = serde_json::to_string(line).expect("a line has only text keys and serialises");
    let mut escaped = escape::json(document);
    escaped.push('\n');
    escaped
}
