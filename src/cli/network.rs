//! From arguments, settings, environment and the files of package managers to how the network is used.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use url::Url;

use super::Failure;
use crate::config::{CredentialFile, RegistrySettings, Settings};
use crate::http::cache;
use crate::http::client::certificates;
use crate::http::client_config::{Base, ClientConfig, Machine, from_client_config};
use crate::http::credentials::{CredentialError, Credentials, take_userinfo};
use crate::http::limit::Pace;
use crate::http::options::{Options, RegistryOptions, user_agent};
use crate::registry::crates_io::CratesIo;
use crate::registry::git::{Git, GitOptions, Logins};
use crate::registry::{Registry, RegistryId};

/// Arguments of every command that knows registries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network options")]
pub(super) struct NetworkArgs {
    /// Keep facts between runs in this directory [default: upmon in the user's cache directory]
    /// [env: `UPMON_CACHE_DIR`]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Neither use nor keep facts of other runs
    #[arg(long)]
    no_cache: bool,
    /// Take registries' addresses and credentials from the files of cargo, npm, pip and Bundler
    #[arg(long, env = "UPMON_USE_CLIENT_CONFIG", hide_env_values = true, value_parser = FalseyValueParser::new())]
    use_client_config: bool,
}

/// How the network is used, and where registries are.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) options: Options,
    pub(super) git: GitOptions,
    /// The registries that are not at their public address.
    pub(super) bases: HashMap<RegistryId, Base>,
}

impl Network {
    /// The nearest source of a registry's address wins: our own settings before those of its package manager. Of
    /// credentials, those in the address come first, then the environment's, our settings', netrc's and the package
    /// managers'.
    pub(super) fn new(arguments: &NetworkArgs, settings: &Settings) -> Result<Self, Failure> {
        let unusable = |error: &dyn std::fmt::Display| Failure::Usage(format!("error: {error}"));
        let mut network = Self::read(arguments, settings).map_err(|error| unusable(&error))?;
        if let Some(file) = &settings.network.certificates {
            network.git.certificates = certificates(file).map_err(|error| unusable(&error))?;
        }
        Ok(network)
    }

    fn read(arguments: &NetworkArgs, settings: &Settings) -> Result<Self, CredentialError> {
        let mut credentials = Credentials::default();
        let mut bases = own_bases(settings, &mut credentials);
        let clients = match Machine::this().filter(|_| arguments.use_client_config) {
            Some(machine) => from_client_config(&machine)?,
            None => ClientConfig::default(),
        };
        for (id, base) in clients.bases {
            bases.entry(id).or_insert(base);
        }
        let roots = roots(&bases);
        credentials.append(Credentials::from_environment(&variable, &roots)?);
        for (&id, settings) in &settings.registries {
            read_files(&mut credentials, id, settings, &roots)?;
        }
        let netrc =
            Credentials::netrc_file().map(|file| Credentials::from_netrc(&file)).transpose()?.unwrap_or_default();
        credentials.append(netrc.clone());
        credentials.append(clients.credentials);
        let mut for_git = Credentials::for_git(&variable)?;
        for_git.append(netrc);
        let options = options(arguments, settings, credentials, &roots);
        Ok(Self { git: git_options(settings, &options, for_git), options, bases })
    }

    /// A registry, where it is.
    pub(super) fn open(&self, id: RegistryId) -> Box<dyn Registry> {
        match id {
            RegistryId::Git => Box::new(Git::with_options(self.git.clone())),
            RegistryId::CratesIo => Box::new(CratesIo::with_options(self.base(id), &self.options)),
            _ => id.open(self.base(id)),
        }
    }

    fn base(&self, id: RegistryId) -> Option<Url> {
        self.bases.get(&id).map(|base| base.url.clone())
    }

    /// Asks nobody.
    pub(super) fn go_offline(&mut self) {
        self.options.offline = true;
        self.git.offline = true;
    }

    /// Takes all the time it needs: what is at hand needs none.
    pub(super) fn end_deadline(&mut self) {
        self.options.deadline = None;
        self.git.deadline = None;
    }

    /// Takes nothing for fresh that was asked before: somebody says that it has changed.
    pub(super) fn ask_anew(&mut self) {
        for &id in RegistryId::ALL {
            self.options.registries.entry(id).or_default().fresh_for = Some(Duration::ZERO);
        }
        self.git.fresh_for = Duration::ZERO;
    }

    /// Shows what is stale rather than nothing.
    pub(super) fn allow_stale(&mut self) {
        self.options.stale = true;
        self.git.stale = true;
    }
}

/// The addresses that the settings and their variables give; what credentials they hold go among the others.
fn own_bases(settings: &Settings, credentials: &mut Credentials) -> HashMap<RegistryId, Base> {
    let mut bases = HashMap::new();
    for (&id, settings) in &settings.registries {
        let Some(base) = &settings.base else { continue };
        let mut url = base.url.url().clone();
        if let Some(credential) = take_userinfo(&mut url, format!("the address in {}", base.source)) {
            credentials.push(credential);
        }
        bases.insert(id, Base { url, source: base.source.clone() });
    }
    bases
}

/// Where every registry is that is in one place.
fn roots(bases: &HashMap<RegistryId, Base>) -> HashMap<RegistryId, Url> {
    let public = |id: RegistryId| Url::parse(id.default_url()?).ok();
    let root = |&id: &RegistryId| Some((id, bases.get(&id).map(|base| base.url.clone()).or_else(|| public(id))?));
    RegistryId::ALL.iter().filter_map(root).collect()
}

fn read_files(
    credentials: &mut Credentials,
    id: RegistryId,
    settings: &RegistrySettings,
    roots: &HashMap<RegistryId, Url>,
) -> Result<(), CredentialError> {
    let Some(root) = roots.get(&id) else { return Ok(()) };
    match &settings.credential {
        Some(CredentialFile::Token(file)) => {
            credentials.push_token_file(id, root, file, &format!("`token-file` of `[registries.{id}]`"))
        }
        Some(CredentialFile::Password { username, file }) => {
            credentials.push_password_file(username, root, file, &format!("`password-file` of `[registries.{id}]`"))
        }
        None => Ok(()),
    }
}

fn options(
    arguments: &NetworkArgs,
    settings: &Settings,
    credentials: Credentials,
    roots: &HashMap<RegistryId, Url>,
) -> Options {
    let defaults = Options::default();
    let directory = arguments.cache_dir.clone().or_else(|| settings.cache.directory.clone());
    let registries = settings.registries.iter();
    Options {
        connect_timeout: settings.network.connect_timeout.unwrap_or(defaults.connect_timeout),
        timeout: settings.network.timeout.unwrap_or(defaults.timeout),
        deadline: settings.network.deadline.or(defaults.deadline),
        certificates: settings.network.certificates.clone(),
        user_agent: user_agent(settings.network.contact.as_deref()),
        stale: settings.cache.stale,
        cache: directory.or_else(cache::default_directory).filter(|_| !arguments.no_cache),
        cache_size: settings.cache.size.unwrap_or(defaults.cache_size),
        credentials,
        registries: registries
            .filter_map(|(&id, settings)| Some((id, registry_options(id, settings, roots.get(&id)?))))
            .collect(),
        ..defaults
    }
}

fn registry_options(id: RegistryId, settings: &RegistrySettings, root: &Url) -> RegistryOptions {
    let default = Pace::of(id, root);
    let is_set = settings.concurrency.is_some() || settings.rate.is_some();
    let pace = Pace {
        in_flight: settings.concurrency.unwrap_or(default.in_flight),
        per_second: settings.rate.or(default.per_second),
    };
    RegistryOptions { pace: is_set.then_some(pace), fresh_for: settings.fresh_for, max_size: settings.max_size }
}

fn git_options(settings: &Settings, options: &Options, credentials: Credentials) -> GitOptions {
    let defaults = GitOptions::default();
    let git = settings.registries.get(&RegistryId::Git);
    GitOptions {
        silence: options.timeout,
        deadline: options.deadline,
        stale: options.stale,
        fresh_for: git.and_then(|git| git.fresh_for).unwrap_or(defaults.fresh_for),
        per_host: git.and_then(|git| git.concurrency).unwrap_or(defaults.per_host),
        logins: Logins::from_credentials(credentials),
        ..defaults
    }
}

/// A variable of this process.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
