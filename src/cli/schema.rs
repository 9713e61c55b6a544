//! `upmon schema WHICH`.

use clap::{Args, ValueEnum};

use super::{Failure, output};
use crate::error::ExitCode;
use crate::schema::{Document, schema};

/// Arguments of `upmon schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The document
    #[arg(value_name = "WHICH")]
    document: Document,
}

pub(super) fn run(arguments: &SchemaArgs) -> Result<ExitCode, Failure> {
    let mut text = serde_json::to_string_pretty(&schema(arguments.document)).expect("a schema is JSON");
    text.push('\n');
    output::print(text.as_bytes())?;
    Ok(ExitCode::Success)
}
