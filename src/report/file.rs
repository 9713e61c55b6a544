//! A report that was made before, read back for the actions that work from it.
//!
//! An action writes to the outside, so a report that contradicts itself is refused here, once for all of them: what was
//! cut, edited or put together wrongly must not close an issue or turn a badge green.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Finding, Report, SCHEMA_VERSION, Summary, baseline, escape};
use crate::lag::Status;
use crate::policy::Severity;

/// Why a file is no report to work from.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened, or is no UTF-8.
    #[error("cannot read the report `{}`: {error}", shown(path))]
    Io {
        /// The file as it was named.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is no JSON, or no report.
    #[error("{}:{line}:{column}: not a report: {message}", shown(path))]
    Malformed {
        /// The file as it was named.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1; 0 for a line end.
        column: usize,
        /// What was expected there and what came, harmless to show.
        message: String,
    },
    /// It keeps another contract than this program knows.
    #[error("the report `{}` has schema version {found}, and this upmon reads {SCHEMA_VERSION}", shown(path))]
    Version {
        /// The file as it was named.
        path: PathBuf,
        /// The version that it names.
        found: u64,
    },
    /// One part of it denies another.
    #[error("the report `{}` contradicts itself: {message}", shown(path))]
    Contradiction {
        /// The file as it was named.
        path: PathBuf,
        /// Which parts, harmless to show.
        message: String,
    },
}

impl ReadError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Version { .. } => "read a report with the upmon that made it, or a later one",
            Self::Io { .. } | Self::Malformed { .. } | Self::Contradiction { .. } => {
                "`upmon check --write-report FILE` makes a report"
            }
        }
    }
}

fn shown(path: &Path) -> String {
    escape::terminal(&path.display().to_string())
}

/// Reads a report that `upmon check --json` or `--write-report` made.
///
/// # Errors
///
/// A file that is not there, is no report of [`SCHEMA_VERSION`], or contradicts itself: findings that its summary does not
/// count, one id twice, a severity for what is unknown.
pub fn read(path: &Path) -> Result<Report, ReadError> {
    let text = std::fs::read_to_string(path).map_err(|error| ReadError::Io { path: path.to_owned(), error })?;
    parse(&text, path)
}

/// Reads the text of a report; `path` is what errors call it.
///
/// # Errors
///
/// As [`read`], but for a file that cannot be opened.
pub fn parse(text: &str, path: &Path) -> Result<Report, ReadError> {
    // what a program under Windows may have put in front of it
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let versioned: Versioned = serde_json::from_str(text).map_err(|error| malformed(&error, path))?;
    if versioned.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(ReadError::Version { path: path.to_owned(), found: versioned.schema_version });
    }
    let report: Report = serde_json::from_str(text).map_err(|error| malformed(&error, path))?;
    match contradiction(&report) {
        Some(message) => Err(ReadError::Contradiction { path: path.to_owned(), message: escape::terminal(&message) }),
        None => Ok(report),
    }
}

/// What has to be known of a document before the rest of it is read.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u64,
}

fn malformed(error: &serde_json::Error, path: &Path) -> ReadError {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    ReadError::Malformed {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message: escape::terminal(message.strip_suffix(&place).unwrap_or(&message)),
    }
}

fn contradiction(report: &Report) -> Option<String> {
    let mut ids = HashSet::new();
    let of_findings = report.findings.iter().find_map(|finding| {
        if ids.insert(&finding.id) { denial(finding) } else { Some(format!("`{}` is in it twice", finding.id)) }
    });
    // other programs may round otherwise
    let Summary { libyears, new, .. } = report.summary;
    let counted =
        Summary { libyears, new: new.map(|_| baseline::count(&report.findings)), ..Summary::of(&report.findings) };
    let miscounted = || "its summary does not count its findings".to_owned();
    of_findings.or_else(|| (counted != report.summary).then(miscounted))
}

/// How a finding denies itself.
fn denial(finding: &Finding) -> Option<String> {
    let Finding { id, group, package, status, severity, newest, .. } = finding;
    if *id != format!("{group}/{package}") {
        return Some(format!("`{id}` is not the id of group `{group}` and package `{package}`"));
    }
    let is_unknown = *status == Status::Unknown;
    if is_unknown != severity.is_none() {
        let severity = severity.map_or("no", Severity::as_str);
        return Some(format!("`{id}` is {} and has {severity} severity", status.as_str()));
    }
    (is_unknown && newest.is_some()).then(|| format!("`{id}` is unknown and has a newest release"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SAMPLE: &str = include_str!("../../tests/data/report/sample.json");

    fn message(text: &str) -> String {
        parse(text, Path::new("r.json")).unwrap_err().to_string()
    }

    fn changed(pointer: &str, value: Value) -> String {
        let mut document: Value = serde_json::from_str(SAMPLE).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    }

    #[test]
    fn what_was_written_reads_back() {
        let report = parse(SAMPLE, Path::new("r.json")).unwrap();
        let mut written = Vec::new();
        super::super::json::write(&report, &mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), SAMPLE);
        assert_eq!(parse(&format!("\u{feff}{SAMPLE}"), Path::new("r.json")).unwrap(), report);
    }

    #[test]
    fn what_is_no_report_is_told_with_its_place() {
        let table = [
            ("", "r.json:1:0: not a report: EOF while parsing a value"),
            ("{}", "r.json:1:2: not a report: missing field `schema_version`"),
            ("\n\"x\u{1b}\"", "r.json:2:3: not a report: control character"),
            ("{\"schema_version\": 2}", "the report `r.json` has schema version 2, and this upmon reads 1"),
            ("{\"schema_version\":\n 1}", "r.json:2:3: not a report: missing field `generated_at`"),
            ("{\"schema_version\": -1}", "r.json:1:21: not a report: invalid value: integer `-1`, expected u64"),
        ];
        for (text, expected) in table {
            assert!(message(text).starts_with(expected), "{text}: {}", message(text));
        }
    }

    #[test]
    fn a_report_that_contradicts_itself_is_refused() {
        let table = [
            (changed("/summary/unknown", json!(0)), "its summary does not count its findings"),
            (changed("/findings/0/id", json!("rust/tok\u{1b}io")), "`rust/tok\\u{1b}io` is not the id of"),
            (changed("/findings/0/status", json!("unknown")), "`rust/tokio` is unknown and has error severity"),
            (changed("/findings/0/severity", Value::Null), "`rust/tokio` is behind and has no severity"),
            (changed("/findings/1/id", json!("rust/tokio")), "`rust/tokio` is in it twice"),
        ];
        for (text, expected) in table {
            let message = message(&text);
            assert!(message.starts_with("the report `r.json` contradicts itself: "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("no/such/report.json")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the report `no/such/report.json`: "), "{error}");
    }
}
