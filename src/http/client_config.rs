//! What users have already told their package managers: base URLs and credentials from cargo, npm, pip and Bundler.
//!
//! Read only when the user asks for it (`--use-client-config`), so that a machine behind a repository manager works
//! without further settings, and no file is looked into unasked. What cannot be carried over (a git index, a registry for
//! one npm scope, an index without `simple/`) is logged and left out: the default or upmon's own setting stands then.

mod bundler;
mod cargo;
mod npm;
mod pip;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::credentials::{CredentialError, Credentials, take_userinfo};
use crate::registry::RegistryId;

/// Where the files of package managers are looked for.
#[derive(Clone, Default)]
pub struct Machine {
    /// The home directory.
    pub home: PathBuf,
    /// The directory that upmon was started in.
    pub current: PathBuf,
    /// The directory of settings for the whole machine (`/etc`).
    pub etc: PathBuf,
    /// The environment. Held apart from the process's own so that a test can have another.
    pub variables: HashMap<String, String>,
}

impl fmt::Debug for Machine {
    /// Without the environment, which holds tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { home, current, etc, .. } = self;
        let mut shown = formatter.debug_struct("Machine");
        shown.field("home", home).field("current", current).field("etc", etc).finish_non_exhaustive()
    }
}

impl Machine {
    /// This machine. `None` when it has no home or no current directory.
    pub fn this() -> Option<Self> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let (home, current) = (etcetera::home_dir().ok()?, std::env::current_dir().ok()?);
        Some(Self { home, current, etc: PathBuf::from("/etc"), variables })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A base URL and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The address, without user and password.
    pub url: Url,
    /// Where it was found, in words that may be shown.
    pub source: String,
}

/// What the package managers of a machine say.
#[derive(Debug, Clone, Default)]
pub struct ClientConfig {
    /// Where registries are to be asked instead of their public address.
    pub bases: HashMap<RegistryId, Base>,
    /// Who we are to whom.
    pub credentials: Credentials,
}

/// Reads what cargo, npm, pip and Bundler are told on a machine. Files that do not exist say nothing.
///
/// # Errors
/// When a file cannot be read, or is not in the form of its kind, or a credential cannot be sent.
pub fn from_client_config(machine: &Machine) -> Result<ClientConfig, CredentialError> {
    let mut config = ClientConfig::default();
    cargo::read(machine, &mut config)?;
    npm::read(machine, &mut config)?;
    pip::read(machine, &mut config)?;
    bundler::read(machine, &mut config)?;
    Ok(config)
}

impl ClientConfig {
    /// Takes a base URL unless a nearer source gave one; user and password in it become a credential.
    fn set_base(&mut self, registry: RegistryId, text: &str, source: &str) {
        let Some(mut url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
            tracing::warn!("{source} names no http address for {registry}");
            return;
        };
        if let Some(credential) = take_userinfo(&mut url, source) {
            self.credentials.push(credential);
        }
        self.bases.entry(registry).or_insert_with(|| Base { url, source: source.to_owned() });
    }
}

/// The text of a file; `None` when there is none.
fn text(path: &Path) -> Result<Option<String>, CredentialError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(CredentialError::File {
            origin: "the configuration of a package manager".to_owned(),
            path: path.display().to_string(),
            cause,
        }),
    }
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// The `key<separator>value` lines of a file, trimmed and without quotes; comments and everything else are skipped.
fn pairs(text: &str, separator: char) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(move |line| line.split_once(separator))
        .map(|(key, value)| (key.trim(), value.trim().trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these files (paths under its home) and variables.
    pub(super) fn machine(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_owned();
        for (path, text) in files {
            let path = home.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let current = home.join("work/project");
        std::fs::create_dir_all(&current).unwrap();
        let etc = home.join("etc");
        (directory, Machine { home, current, etc, variables })
    }

    /// The base URL of a registry and the header sent to an address, as a machine has them.
    pub(super) fn told(
        files: &[(&str, &str)],
        variables: &[(&str, &str)],
        registry: RegistryId,
        address: &str,
    ) -> (Option<String>, Option<String>) {
        let (_directory, machine) = machine(files, variables);
        let config = from_client_config(&machine).unwrap();
        let credential = config.credentials.of(&Url::parse(address).unwrap());
        let header = credential.map(|credential| credential.header().to_str().unwrap().to_owned());
        (config.bases.get(&registry).map(|base| base.url.to_string()), header)
    }

    #[test]
    fn a_machine_without_package_managers_says_nothing() {
        let (_directory, machine) = machine(&[], &[]);
        let config = from_client_config(&machine).unwrap();
        assert!(config.bases.is_empty() && config.credentials.iter().next().is_none());
    }

    #[test]
    fn nothing_that_was_read_is_shown() {
        let files = [
            (".npmrc", "registry=https://me:s3cr3t@nexus.example/npm/\n//nexus.example/npm/:_authToken=s3cr3t"),
            (".config/pip/pip.conf", "[global]\nindex-url = https://me:s3cr3t@nexus.example/pypi/simple"),
            (".bundle/config", "---\nBUNDLE_GEMS__EXAMPLE__COM: \"me:s3cr3t\"\n"),
            (".cargo/config.toml", "[registries.corp]\nindex = \"sparse+https://corp.example/index/\""),
            (".cargo/credentials.toml", "[registries.corp]\ntoken = \"s3cr3t\""),
        ];
        let (_directory, machine) = machine(&files, &[]);
        let config = from_client_config(&machine).unwrap();
        assert_eq!(config.credentials.iter().count(), 5);
        assert!(!format!("{config:?}").contains("s3cr3t"), "{config:?}");
    }
}
