//! `--record` and `--replay`: from arguments to the tape of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Failure;
use crate::http::recording::{About, Tape};
use crate::report::escape::terminal;

/// Arguments of every command that asks registries once.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Lookup options")]
pub(super) struct RecordingArgs {
    /// Keep everything that registries answer in this directory, without credentials; asks past the cache
    #[arg(long, value_name = "DIR", conflicts_with_all = ["offline", "stale"])]
    record: Option<PathBuf>,
    /// Ask nobody: decide again from what `--record` kept, as of the instant of that run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["record", "offline", "stale"])]
    replay: Option<PathBuf>,
}

/// The tape of a run, if it has one.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) tape: Option<Arc<Tape>>,
    /// Where it is made.
    directory: Option<PathBuf>,
}

impl Recording {
    pub(super) fn open(arguments: &RecordingArgs) -> Result<Self, Failure> {
        let tape = match (&arguments.record, &arguments.replay) {
            (Some(directory), _) => Some(Tape::record(directory).map_err(|error| cannot_begin(directory, &error))?),
            (None, Some(directory)) => Some(Tape::replay(directory).map_err(|error| {
                Failure::Usage(format!("error: {}\nhint: {}", terminal(&error.to_string()), error.hint()))
            })?),
            (None, None) => None,
        };
        Ok(Self { tape: tape.map(Arc::new), directory: arguments.record.clone() })
    }

    /// What is known of the run that is played.
    pub(super) fn about(&self) -> Option<&About> {
        self.tape.as_deref().and_then(Tape::about)
    }

    /// Ends a recording that is made.
    pub(super) fn finish(&self, about: &About) -> Result<(), Failure> {
        let (Some(tape), Some(directory)) = (&self.tape, &self.directory) else { return Ok(()) };
        tape.finish(about).map_err(|error| {
            let hint = "the directory must be writable, and have room";
            Failure::Action(format!("error: cannot write the recording in {}: {error}\nhint: {hint}", shown(directory)))
        })
    }
}

fn cannot_begin(directory: &Path, error: &std::io::Error) -> Failure {
    let hint = "name a directory that is empty, or yet to be made, or holds an earlier recording";
    Failure::Usage(format!("error: cannot record to {}: {error}\nhint: {hint}", shown(directory)))
}

fn shown(directory: &Path) -> String {
    format!("`{}`", terminal(&directory.display().to_string()))
}
