//! What came of an action, and how a command that is one ends.

use super::setup::Setup;
use super::{Failure, output};
use crate::error::ExitCode;
use crate::report::{Report, escape};

/// What came of an action.
#[derive(Debug)]
pub(super) struct Done {
    /// In a few words.
    pub(super) summary: String,
    /// What could not be done.
    pub(super) failures: Vec<String>,
}

/// Hears of what is done, as text with its line ends: who prints it may fail to.
pub(super) type Tell<'a> = &'a mut (dyn FnMut(&str) -> Result<(), Failure> + Send);

/// Tells on standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    output::print(text.as_bytes())
}

/// What an action that could not begin says, in one line.
pub(super) fn not_done(text: &str) -> Done {
    let lines = text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    Done { summary: "not done".to_owned(), failures: vec![lines.replace("error: ", "")] }
}

impl Done {
    /// How a command ends that is this action alone.
    pub(super) fn ended(self, report: &Report, setup: &Setup) -> Result<ExitCode, Failure> {
        if !self.failures.is_empty() {
            let lines: Vec<String> =
                self.failures.iter().map(|failure| format!("error: {}", escape::terminal(failure))).collect();
            return Err(Failure::Action(lines.join("\n")));
        }
        let is_unknown = report.summary.unknown > 0 && !setup.settings.allow_unknown;
        Ok(if is_unknown { ExitCode::Unknown } else { ExitCode::Success })
    }
}
