//! The verdicts of the ecosystems' own reference implementations, and whether ours agree.
//!
//! The rows lie in `tests/data/oracles` (its README tells what each file holds). A test names a file and judges its
//! rows one by one; every disagreement of the file is collected before the test fails. Nothing here knows a row's id or
//! how many rows there are, so the files can be replaced by others of the same format.

mod lists;
mod pairs;
mod parse;
mod requirements;
mod selection;

use std::fmt::Debug;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use upmon::version::SchemeId;

/// Every file that the tests judge by, here or elsewhere.
const FILES: &[&str] = &[
    "A_lists/crates",
    "A_lists/names",
    "A_lists/npm",
    "A_lists/pypi",
    "A_lists/rubygems",
    "B_pairs/cargo",
    "B_pairs/gem",
    "B_pairs/libversion",
    "B_pairs/npm",
    "B_pairs/pep440",
    "B_parse/cargo",
    "B_parse/gem",
    "B_parse/npm",
    "B_parse/pep440",
    "C_req/cargo",
    "C_req/gem",
    "C_req/npm",
    "C_req/pep440",
    "C_select/cargo",
    "C_select/gem",
    "C_select/npm",
    "C_select/pep440",
    "D_lag/cargo",
    "D_lag/gem",
    "D_lag/npm",
    "D_lag/pep440",
    "E_tags/git_repos",
];

#[test]
fn every_file_of_verdicts_can_be_read() {
    for name in FILES {
        assert!(!rows(name).is_empty(), "`{name}`");
    }
}

/// The rows of a file, named by folder and stem: `B_pairs/cargo`.
///
/// # Panics
/// When the file is missing, is not gzip of UTF-8 JSON Lines, holds a line that is no JSON object, or holds no row.
pub(crate) fn rows(name: &str) -> Vec<Value> {
    let text = text(name);
    let rows: Vec<Value> = text.lines().enumerate().map(|(index, line)| row(name, index + 1, line)).collect();
    assert!(!rows.is_empty(), "`{name}` holds no row");
    rows
}

fn text(name: &str) -> String {
    let path = file(name);
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&*packed)
        .read_to_string(&mut text)
        .unwrap_or_else(|error| panic!("`{}` is not gzip of UTF-8: {error}", path.display()));
    text
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/oracles/{name}.jsonl.gz"))
}

fn row(name: &str, line: usize, text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(row @ Value::Object(_)) => row,
        Ok(other) => panic!("`{name}` line {line} is no object: {other}"),
        Err(error) => panic!("`{name}` line {line} is no JSON: {error}"),
    }
}

/// The disagreements of one row, as sentences.
#[derive(Debug, Default)]
pub(crate) struct Disagreements(Vec<String>);

impl Disagreements {
    /// Notes a disagreement unless our answer is the oracle's.
    pub(crate) fn expect<T: PartialEq + Debug>(&mut self, what: &str, ours: &T, oracle: &T) {
        if ours != oracle {
            self.0.push(format!("{what} is {ours:?}, the oracle says {oracle:?}"));
        }
    }
}

/// Judges every row of a file, and fails with all disagreements and the rows they belong to.
pub(crate) fn check(name: &str, judge: impl Fn(&Value, &mut Disagreements)) {
    let rows = rows(name);
    let mut failures = Vec::new();
    for row in &rows {
        let mut disagreements = Disagreements::default();
        judge(row, &mut disagreements);
        failures.extend(disagreements.0.into_iter().map(|sentence| format!("{sentence}\n    {}", shortened(row))));
    }
    assert!(
        failures.is_empty(),
        "`{name}`: {} disagreements in {} rows, the first of them:\n{}",
        failures.len(),
        rows.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

fn shortened(row: &Value) -> String {
    row.to_string().chars().take(400).collect()
}

/// A text of the row.
pub(crate) fn text_of<'row>(row: &'row Value, key: &str) -> &'row str {
    row[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text in {}", shortened(row)))
}

/// The list of a row.
pub(crate) fn list_of<'row>(row: &'row Value, key: &str) -> &'row [Value] {
    row[key].as_array().unwrap_or_else(|| panic!("`{key}` is no list in {}", shortened(row)))
}

/// A flag that a row holds only where it is unusual.
pub(crate) fn flag_of(row: &Value, key: &str, usual: bool) -> bool {
    match &row[key] {
        Value::Null => usual,
        flag => flag.as_bool().unwrap_or_else(|| panic!("`{key}` is no flag in {}", shortened(row))),
    }
}

/// Our scheme for the oracle's name of it.
pub(crate) fn scheme_of(name: &str) -> SchemeId {
    match name {
        "cargo" => SchemeId::Semver,
        "npm" => SchemeId::Npm,
        "pep440" => SchemeId::Pep440,
        "gem" => SchemeId::Gem,
        other => panic!("no scheme of ours answers for `{other}`"),
    }
}

/// The requirement of a row as a pins file would write it: RubyGems' lists are joined by commas.
pub(crate) fn requirement_of(row: &Value) -> String {
    match &row["req"] {
        Value::String(text) => text.clone(),
        // no clause at all is `>= 0`: https://github.com/rubygems/rubygems/blob/master/lib/rubygems/requirement.rb
        Value::Array(clauses) if clauses.is_empty() => ">= 0".to_owned(),
        Value::Array(clauses) => {
            clauses.iter().map(|clause| clause.as_str().expect("a clause is a text")).collect::<Vec<_>>().join(", ")
        }
        other => panic!("`req` is neither text nor list: {other}"),
    }
}
