//! One JSON document: the report itself, indented, with a final newline.

use super::Report;

pub(super) fn render(report: &Report) -> String {
    let document = serde_json::to_string_pretty(report).expect("a report has only text keys and serialises");
    format!("{}\n", inert(&document))
}

/// Takes `##[` apart, which a runner would obey wherever it stands in a line of the log. Outside of strings JSON has no
/// `#`, and the escape reads back as the same text.
pub(super) fn inert(document: &str) -> String {
    document.replace("##[", "##\\u005b")
}
