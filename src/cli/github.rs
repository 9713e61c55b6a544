//! What a step of GitHub Actions leaves to the steps behind it and to its readers: [outputs and the job
//! summary](https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#environment-files).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::report::{Format, Options, Report, escape, render, words};

/// Where the runner wants outputs.
const OUTPUT: &str = "GITHUB_OUTPUT";

/// Where the runner wants the summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Tells what the files are for that the runner has set; elsewhere there are none.
pub(super) fn tell(report: &Report, written: Option<&Path>) -> Result<(), Failure> {
    let summary = append(SUMMARY, || render(report, Format::Markdown, &Options::default()));
    append(OUTPUT, || outputs(report, written)).and(summary)
}

/// Tells in the summary what became of each action, in a line.
pub(super) fn tell_actions(lines: &[String]) -> Result<(), Failure> {
    let item = |line: &String| format!("- {}\n", escape::markdown(line));
    append(SUMMARY, || format!("\n### Actions\n\n{}", lines.iter().map(item).collect::<String>()))
}

/// One line a value. Only a file's name is not ours; a line end in it would begin an output of its own.
fn outputs(report: &Report, written: Option<&Path>) -> String {
    let summary = &report.summary;
    let path = written.map(|path| escape::terminal(&path.display().to_string())).unwrap_or_default();
    let (worst, behind, unknown) = (words::worst(summary), summary.behind, summary.unknown);
    let new = summary.new.map(|new| format!("new={new}\n")).unwrap_or_default();
    format!("worst={worst}\nbehind={behind}\nunknown={unknown}\n{new}report={path}\n")
}

fn append(variable: &str, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let opened = OpenOptions::new().append(true).create(true).open(&path);
    opened.and_then(|mut file| file.write_all(text().as_bytes())).map_err(|error| {
        let path = escape::terminal(&path.display().to_string());
        let hint = format!("`{variable}` names it; GitHub's runner makes it for every step");
        Failure::Action(format!("error: cannot write to `{path}`: {error}\nhint: {hint}"))
    })
}
