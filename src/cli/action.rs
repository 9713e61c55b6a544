//! What came of an action, and how a command that is one ends.

use super::Failure;
use super::setup::Setup;
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
