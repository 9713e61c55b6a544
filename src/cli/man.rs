//! `upmon man [COMMAND]`.

use clap::Args;

use super::{Failure, command, output};
use crate::error::ExitCode;

/// Arguments of `upmon man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command whose page is wanted [default: the page of upmon itself]
    command: Option<String>,
}

pub(super) fn run(arguments: &ManArgs) -> Result<ExitCode, Failure> {
    let mut app = command();
    app.build();
    let page = match &arguments.command {
        None => app,
        Some(name) => {
            let unknown =
                || Failure::Usage(format!("error: there is no command `{name}`\nhint: `upmon --help` lists them"));
            app.find_subcommand(name).cloned().ok_or_else(unknown)?
        }
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).render(&mut roff).expect("writing to memory does not fail");
    output::print(&roff)?;
    Ok(ExitCode::Success)
}
