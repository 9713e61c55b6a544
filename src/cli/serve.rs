//! `upmon serve`: the same check again and again, and what it found over HTTP.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::network::variable;
use super::setup::{Engines, Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::config::{Flags, ServerSettings, Settings};
use crate::error::ExitCode;
use crate::http::client::install_crypto;
use crate::pin::Pin;
use crate::pin::manifest::Manifest;
use crate::server::store::{Database, Learned, Scope};
use crate::server::{Check, serve};

/// Arguments of `upmon serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Listen at this address and port [default: 127.0.0.1:8080] [env: `UPMON_SERVER_LISTEN`]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &ServeArgs) -> Result<ExitCode, Failure> {
    let setup = Setup::new(global, &arguments.setup, Flags::default())?;
    let (settings, engines) = setup.into_engines();
    let server =
        ServerSettings { listen: arguments.listen.unwrap_or(settings.server.listen), ..settings.server.clone() };
    let database = database(&settings)?;
    install_crypto();
    let checks = Arc::new(Checks { pins: global.pins.clone(), settings, engines });
    let ended = runtime()?.block_on(serve(server, &database, checks, announce));
    ended.map_err(|error| Failure::Action(format!("error: {error}")))?;
    Ok(ExitCode::Success)
}

/// Where the service remembers things: the address in the environment, else the file of the settings.
pub(super) fn database(settings: &Settings) -> Result<Database, Failure> {
    const URL: &str = "UPMON_DATABASE_URL";
    let usage = |message: String| Failure::Usage(format!("error: {message}"));
    if let Some(address) = variable(URL).filter(|address| !address.trim().is_empty()) {
        return Database::parse(address.trim()).map_err(|error| usage(format!("`{URL}` {error}")));
    }
    let file = settings.server.database.clone().or_else(Database::default_file);
    let hint = "say `database` in `[server]` of upmon.toml";
    file.map(Database::File).ok_or_else(|| usage(format!("this user has no directory for state\nhint: {hint}")))
}

/// Says where requests are answered, in a line that a program can read too.
fn announce(address: SocketAddr) {
    output::complain(&format!("listening on http://{address}"));
}

/// A runtime of several threads, unlike that of other commands: a request is answered while a check decodes.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Usage(format!("error: no runtime could be started: {error}")))
}

/// The engine of `upmon check`, made anew for each check, with the pins as the file holds them then.
#[derive(Debug)]
struct Checks {
    pins: PathBuf,
    settings: Settings,
    engines: Engines,
}

impl Checks {
    fn read(&self) -> Result<Vec<Pin>, String> {
        let manifest = Manifest::read(&self.pins).map_err(|error| error.to_string())?;
        self.settings.check_policies(&manifest).map_err(|wrong| wrong.to_string())?;
        Ok(manifest.pins)
    }

    async fn learn(&self, scope: &Scope) -> Result<Learned, String> {
        let mut pins = self.read()?;
        let ids = pins.iter().map(Pin::id).collect();
        if let Scope::Some(wanted) = scope {
            let wanted: HashSet<&String> = wanted.iter().collect();
            pins.retain(|pin| wanted.contains(&pin.id()));
        }
        let engine = self.engines.engine(&self.settings)?;
        Ok(Learned { pins: ids, findings: engine.check(&pins, &|_| ()).await.findings })
    }
}

impl Check for Checks {
    fn pins(&self) -> Result<Vec<String>, String> {
        Ok(self.read()?.iter().map(Pin::id).collect())
    }

    fn check<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Learned, String>> {
        self.learn(scope).boxed()
    }
}
