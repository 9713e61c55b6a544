//! `upmon schema WHICH`.

use clap::Args;

use super::{Failure, output};
use crate::error::ExitCode;
use crate::schema::{Which, schema_text};

/// Arguments of `upmon schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The document
    #[arg(value_name = "WHICH")]
    which: Which,
}

pub(super) fn run(arguments: &SchemaArgs) -> Result<ExitCode, Failure> {
    output::print(schema_text(arguments.which).as_bytes())?;
    Ok(ExitCode::Success)
}
