//! From arguments to everything a run needs: pins, settings, engine, runtime.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};
use clap::Args;
use tokio::runtime::Runtime;
use url::Url;

use super::{Failure, Global, output};
use crate::config::{Flags, Settings};
use crate::document::nearest;
use crate::http::client::{Client, Options, install_crypto};
use crate::http::client_config::{Machine, from_client_config};
use crate::http::credentials::{CredentialError, Credentials, take_userinfo};
use crate::http::{Fetch, cache};
use crate::lookup::Engine;
use crate::pin::Pin;
use crate::pin::manifest::Manifest;
use crate::registry::git::{Git, GitOptions};
use crate::registry::{Registry, RegistryId};

/// Arguments of every command that asks registries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lookup options")]
pub(super) struct SetupArgs {
    /// Judge as of this instant: RFC 3339, or a date, which means its first second in UTC
    #[arg(long, env = "UPMON_AS_OF", hide_env_values = true, value_name = "TIME", value_parser = instant)]
    as_of: Option<DateTime<Utc>>,
    /// Ask nobody: answer from the cache, or not at all
    #[arg(long, conflicts_with = "no_cache")]
    offline: bool,
    /// Where a registry cannot be reached, show what it last said, marked as stale
    #[arg(long, conflicts_with = "no_cache")]
    stale: bool,
    /// Keep facts between runs in this directory [default: upmon in the user's cache directory]
    #[arg(long, env = "UPMON_CACHE_DIR", hide_env_values = true, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Neither use nor keep facts of other runs
    #[arg(long)]
    no_cache: bool,
    /// Take registries' addresses and credentials from the files of cargo, npm, pip and Bundler
    #[arg(long, env = "UPMON_USE_CLIENT_CONFIG", hide_env_values = true)]
    use_client_config: bool,
}

/// Pins and settings, read and checked against each other, and the runtime that runs lookups.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) settings: Settings,
    pins: Vec<Pin>,
    now: DateTime<Utc>,
    as_of: bool,
    options: Options,
    bases: HashMap<RegistryId, Url>,
    runtime: Option<Runtime>,
}

impl Drop for Setup {
    /// Does not wait for what Ctrl-C cut off: a conversation with a git remote notices only when its remote speaks.
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Setup {
    /// Reads everything that can be wrong before anything is asked.
    pub(super) fn new(global: &Global, arguments: &SetupArgs, flags: Flags) -> Result<Self, Failure> {
        let color = output::uses_color_on_stderr(global.color);
        let manifest = Manifest::read(&global.pins).map_err(|error| Failure::Usage(error.render(color)))?;
        let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, flags)
            .map_err(|error| Failure::Usage(error.render(color)))?;
        let warnings = settings.check_policies(&manifest).map_err(|wrong| Failure::Usage(wrong.render(color)))?;
        if let Some(warnings) = warnings.filter(|_| !global.quiet) {
            output::complain(&warnings.render_warnings(color));
        }
        let (options, bases) = network(arguments, &settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::Usage(format!("error: no runtime could be started: {error}")))?;
        Ok(Self {
            settings,
            pins: manifest.pins,
            now: arguments.as_of.unwrap_or_else(now),
            as_of: arguments.as_of.is_some(),
            options,
            bases,
            runtime: Some(runtime),
        })
    }

    /// The pins that arguments name, in the order of the file; all of them without any.
    pub(super) fn chosen(&self, names: &[String]) -> Result<Vec<Pin>, Failure> {
        let matches = |pin: &Pin, name: &str| pin.id() == name || pin.package == name;
        if let Some(name) = names.iter().find(|name| !self.pins.iter().any(|pin| matches(pin, name))) {
            return Err(self.no_such_pin(name));
        }
        let is_chosen = |pin: &&Pin| names.is_empty() || names.iter().any(|name| matches(pin, name));
        Ok(self.pins.iter().filter(is_chosen).cloned().collect())
    }

    fn no_such_pin(&self, name: &str) -> Failure {
        let ids: Vec<String> = self.pins.iter().map(Pin::id).collect();
        let packages = self.pins.iter().map(|pin| pin.package.as_str());
        let known: Vec<&str> = ids.iter().map(String::as_str).chain(packages).collect();
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a pin is named as `group/package`, or by its package alone".to_owned(),
        };
        Failure::Usage(format!("error: no pin is called `{name}`\nhint: {hint}"))
    }

    /// Everything that lookups need. Nothing is sent yet; the run's deadline starts here.
    pub(super) fn engine(&self) -> Result<Engine, Failure> {
        install_crypto();
        let client = Client::new(self.options.clone()).map_err(|error| Failure::Usage(format!("error: {error}")))?;
        Ok(Engine {
            registries: Arc::new(RegistryId::ALL.iter().map(|&id| (id, self.open(id))).collect()),
            fetch: Arc::new(client) as Arc<dyn Fetch>,
            policies: Arc::new(self.settings.policies.clone()),
            now: self.now,
            as_of: self.as_of,
            links: !self.options.offline,
        })
    }

    fn open(&self, id: RegistryId) -> Box<dyn Registry> {
        match id {
            RegistryId::Git => {
                Box::new(Git::with_options(GitOptions { offline: self.options.offline, ..GitOptions::default() }))
            }
            _ => id.open(self.bases.get(&id).cloned()),
        }
    }

    /// Runs lookups to their end, or to Ctrl-C.
    pub(super) fn wait<T>(&self, lookups: impl Future<Output = T>) -> Result<T, Failure> {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the end");
        runtime.block_on(async {
            tokio::select! {
                // in this order: who asks nobody yet already listens
                biased;
                _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
                outcome = lookups => Ok(outcome),
            }
        })
    }
}

/// One to decode while the other waits for the network; more only cost memory.
const WORKERS: usize = 2;

/// From settings, environment and the files of package managers to how the network is used. The nearest source of a
/// registry's address wins: our own settings before those of its package manager.
fn network(arguments: &SetupArgs, settings: &Settings) -> Result<(Options, HashMap<RegistryId, Url>), Failure> {
    let mut credentials = Credentials::default();
    let mut bases = HashMap::new();
    for (&id, base) in &settings.registries {
        let mut url = base.url().clone();
        if let Some(credential) = take_userinfo(&mut url, format!("the URL of {id}")) {
            credentials.push(credential);
        }
        bases.insert(id, url);
    }
    let clients = match Machine::this().filter(|_| arguments.use_client_config) {
        Some(machine) => from_client_config(&machine).map_err(|error| unusable(&error))?,
        None => crate::http::client_config::ClientConfig::default(),
    };
    for (id, base) in clients.bases {
        bases.entry(id).or_insert(base.url);
    }
    credentials.append(Credentials::from_environment(&variable, &bases).map_err(|error| unusable(&error))?);
    if let Some(netrc) = Credentials::netrc_file() {
        credentials.append(Credentials::from_netrc(&netrc).map_err(|error| unusable(&error))?);
    }
    credentials.append(clients.credentials);
    let directory = || arguments.cache_dir.clone().or_else(cache::default_directory);
    let options = Options {
        offline: arguments.offline,
        stale: arguments.stale,
        cache: if arguments.no_cache { None } else { directory() },
        credentials,
        ..Options::default()
    };
    Ok((options, bases))
}

fn unusable(error: &CredentialError) -> Failure {
    Failure::Usage(format!("error: {error}"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "the one place where `now` is read, once a run")]
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}

/// Reads `--as-of`.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "expected a time such as 2026-11-20T06:00:00Z, or a date such as 2026-11-20".to_owned())?;
    Ok(date.and_time(NaiveTime::MIN).and_utc())
}
