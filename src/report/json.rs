//! One JSON document: the report itself, indented, with a final newline.

use super::{Report, escape};

pub(super) fn render(report: &Report) -> String {
    let document = serde_json::to_string_pretty(report).expect("a report has only text keys and serialises");
    let mut escaped = escape::json(document);
    escaped.push('\n');
    escaped
}
