//! `upmon completions SHELL`.

use clap::Args;
use clap_complete::Shell;

use super::{Failure, command, output};
use crate::error::ExitCode;

/// Arguments of `upmon completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "upmon", &mut script);
    output::print(&script)?;
    Ok(ExitCode::Success)
}
