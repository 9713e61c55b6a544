//! `upmon db`: a copy of the service's database, and whether it is whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::network::variable;
use super::serve::database;
use super::{Failure, Global, output, setup};
use crate::config::{Flags, Settings};
use crate::error::ExitCode;
use crate::report::escape;
use crate::server::store::{Database, Store, StoreError};

/// Arguments of `upmon db`.
#[derive(Debug, Args)]
pub(super) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Write a whole copy of a SQLite database to a new file, while the service runs
    Backup {
        /// The new file
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// See whether the database is whole, and its tables are those of this version
    Check,
}

pub(super) fn run(global: &Global, arguments: &DbArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, Flags::default())
        .map_err(|error| Failure::Usage(error.render(output::uses_color_on_stderr(global.color))))?;
    let database = database(&settings)?;
    if let Database::File(path) = &database
        && !path.exists()
    {
        return Err(Failure::Action(format!(
            "error: there is no database at `{database}`\nhint: `upmon serve` makes it"
        )));
    }
    let done = setup::wait(&setup::runtime()?, work(&database, &arguments.command))?;
    let told = done.map_err(|error| Failure::Action(format!("error: {}", escape::terminal(&error.to_string()))))?;
    output::print(format!("{told}\n").as_bytes())?;
    Ok(ExitCode::Success)
}

async fn work(database: &Database, command: &DbCommand) -> Result<String, StoreError> {
    crate::http::client::install_crypto();
    match command {
        DbCommand::Check => {
            Store::check(database).await?;
            Ok(format!("`{database}` is whole"))
        }
        DbCommand::Backup { to } => {
            let store = Store::connect(database).await?;
            store.backup(to).await?;
            store.close().await;
            Ok(format!("`{database}` is copied to `{}`", escape::terminal(&to.display().to_string())))
        }
    }
}
