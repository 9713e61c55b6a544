//! `upmon serve`: the same check again and again, and what it found over HTTP.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::action::{Done, Tell, not_done};
use super::dispatch::{self, Order};
use super::network::variable;
use super::pins::holdings;
use super::setup::{Engines, LookupArgs, Setup, SetupArgs};
use super::{Failure, Global, badge, issues, output, run};
use crate::config::{Action, Flags, ServerSettings, Settings};
use crate::error::ExitCode;
use crate::http::client::install_crypto;
use crate::http::meter::Meter;
use crate::lookup::of_same_packages;
use crate::pin::Pin;
use crate::report::{Report, escape};
use crate::server::store::{Database, Ended, Learned, Scope, Store};
use crate::server::{Check, Options, Requests, Secrets, serve};

/// Arguments of `upmon serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Listen at this address and port [default: 127.0.0.1:8080] [env: `UPMON_SERVER_LISTEN`]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    lookup: LookupArgs,
}

pub(super) fn run(global: &Global, arguments: &ServeArgs) -> Result<ExitCode, Failure> {
    let setup = Setup::new(global, &SetupArgs::from(&arguments.lookup), Flags::default())?;
    let (settings, mut engines) = setup.into_engines();
    let requests = Requests::default();
    engines.count(&(Arc::new(requests.clone()) as Arc<dyn Meter>));
    check_actions(&settings)?;
    let server =
        ServerSettings { listen: arguments.listen.unwrap_or(settings.server.listen), ..settings.server.clone() };
    let database = database(&settings)?;
    install_crypto();
    let checks = Arc::new(Checks { pins: global.pins.clone(), config: global.config.clone(), settings, engines });
    let options = Options { secrets: secrets(&server)?, settings: server, database, requests };
    let ended = runtime()?.block_on(serve(options, checks, announce));
    ended.map_err(|error| Failure::Action(format!("error: {error}")))?;
    Ok(ExitCode::Success)
}

/// What `upmon run` finds out before anything is asked or done: who we are, where the issues are; and that each action that
/// the settings name has what it is about.
fn check_actions(settings: &Settings) -> Result<(), Failure> {
    let missing = |what: &str, hint: &str| {
        Err(Failure::Usage(format!(
            "error: `actions` in `[server]` names `{what}`, and the settings do not say which\nhint: {hint}"
        )))
    };
    for action in &settings.server.actions {
        match action {
            Action::Badges if settings.badges.out.is_none() => {
                return missing("badges", "say `out` in `[badges]` of upmon.toml");
            }
            Action::Dispatch if settings.dispatch.targets.is_empty() => {
                return missing("dispatch", "write a `[dispatch.targets.NAME]` into upmon.toml, see docs/dispatch.md");
            }
            Action::Issues | Action::Badges | Action::Dispatch => {}
        }
    }
    run::check_rights(&settings.server.actions, None, settings)
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

/// What strangers have to prove that they know: of each, the variable comes before the file that the settings name.
fn secrets(settings: &ServerSettings) -> Result<Secrets, Failure> {
    let tokens = read_secrets("UPMON_SERVER_TOKEN", settings.token_file.as_deref())?;
    let webhook = webhook_secrets(settings)?;
    match <[SecretString; 1]>::try_from(tokens) {
        Ok([token]) => Ok(Secrets { token: Some(token), webhook }),
        Err(tokens) if tokens.is_empty() => Ok(Secrets { token: None, webhook }),
        Err(_) => Err(Failure::Usage("error: there is more than one token; a token holds no white space".to_owned())),
    }
}

/// With what events are signed.
pub(super) fn webhook_secrets(settings: &ServerSettings) -> Result<Vec<SecretString>, Failure> {
    read_secrets("UPMON_SERVER_WEBHOOK_SECRET", settings.webhook_secret_file.as_deref())
}

/// Secrets have no white space in them, so several may stand in a row.
fn read_secrets(name: &str, file: Option<&Path>) -> Result<Vec<SecretString>, Failure> {
    /// Shorter ones can be guessed.
    const SHORTEST: usize = 16;
    let in_file = |path: &Path| {
        let shown = escape::terminal(&path.display().to_string());
        let unreadable = |error| Failure::Usage(format!("error: the secret in `{shown}` cannot be read: {error}"));
        std::fs::read_to_string(path).map(|text| (format!("`{shown}`"), text)).map_err(unreadable)
    };
    let set = variable(name).filter(|text| !text.trim().is_empty()).map(|text| (format!("`{name}`"), text));
    let Some((place, text)) = set.map_or_else(|| file.map(in_file).transpose(), |set| Ok(Some(set)))? else {
        return Ok(Vec::new());
    };
    match text.split_whitespace().find(|secret| secret.len() < SHORTEST) {
        None if text.trim().is_empty() => Err(Failure::Usage(format!("error: {place} holds no secret"))),
        None => Ok(text.split_whitespace().map(SecretString::from).collect()),
        Some(_) => {
            let hint = "`openssl rand -hex 32` makes one";
            Err(Failure::Usage(format!(
                "error: a secret in {place} is shorter than {SHORTEST} characters\nhint: {hint}"
            )))
        }
    }
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

/// The engine of `upmon check`, made anew for each check, with the pins as the files hold them then.
#[derive(Debug)]
struct Checks {
    pins: PathBuf,
    config: Option<PathBuf>,
    settings: Settings,
    engines: Engines,
}

impl Checks {
    fn read(&self) -> Result<Vec<Pin>, String> {
        // files that pins stand in may be large, and requests are answered meanwhile
        let held = tokio::task::block_in_place(|| holdings(&self.pins, self.config.as_deref()));
        let manifest = held.map_err(|error| error.to_string())?.manifest;
        self.settings.check_policies(&manifest).map_err(|wrong| wrong.to_string())?;
        Ok(manifest.pins)
    }

    async fn carry_out(&self, action: Action, report: &Report, store: &Store, tell: Tell<'_>) -> Result<Done, Failure> {
        let (settings, means) = (&self.settings, self.engines.means(&self.settings));
        match action {
            Action::Issues => issues::act(report, means, issues::access(None, settings)?, false, tell).await,
            Action::Badges => badge::carry_out(report, &settings.badges, false, tell),
            Action::Dispatch => dispatch::act(report, means, &Order::default(), Some(store), tell).await,
        }
    }

    /// Does it, and keeps what it says beside the log.
    async fn done(&self, action: Action, report: &Report, store: &Store) -> Ended {
        let mut said = String::new();
        let mut tell = |text: &str| {
            said.push_str(text);
            Ok(())
        };
        let done = self.carry_out(action, report, store, &mut tell).await;
        let done = done.unwrap_or_else(|failure| match failure {
            Failure::Usage(text) | Failure::Action(text) => not_done(&text),
            Failure::Interrupted => not_done("interrupted"),
        });
        let mut summary = done.summary;
        for failure in &done.failures {
            summary.extend(["; ", failure]);
        }
        Ended { is_success: done.failures.is_empty(), summary, output: said }
    }

    async fn learn(&self, scope: &Scope, is_urgent: bool) -> Result<Learned, String> {
        let mut pins = self.read()?;
        let ids = pins.iter().map(Pin::id).collect();
        let mut engine = self.engines.engine(&self.settings, is_urgent)?;
        if let Scope::Some(wanted) = scope {
            let wanted: HashSet<&String> = wanted.iter().collect();
            let others: Vec<Pin>;
            (pins, others) = pins.into_iter().partition(|pin| wanted.contains(&pin.id()));
            engine.beside = of_same_packages(&pins, &others);
        }
        let findings = engine.check(&pins, &|_| ()).await.findings;
        engine.holds.save().map_err(|error| format!("error: {error}\nhint: {}", error.hint()))?;
        Ok(Learned { pins: ids, findings })
    }
}

impl Check for Checks {
    fn pins(&self) -> Result<Vec<Pin>, String> {
        self.read()
    }

    fn policy<'a>(&'a self, pin: &Pin) -> &'a str {
        &self.settings.policies.of(pin).name
    }

    fn check<'a>(&'a self, scope: &'a Scope, is_urgent: bool) -> BoxFuture<'a, Result<Learned, String>> {
        self.learn(scope, is_urgent).boxed()
    }

    fn act<'a>(&'a self, action: Action, report: &'a Report, store: &'a Store) -> BoxFuture<'a, Ended> {
        self.done(action, report, store).boxed()
    }
}
