//! `--state`: from arguments and settings to the file that remembers.

use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use super::{Failure, Global};
use crate::config::Settings;
use crate::holds::file::StateError;

/// Arguments of every command that remembers, or asks what is remembered.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct StateArgs {
    /// Remember releases between runs in this file, such as one in the repository [default: one for each pins file, beside
    /// the cache]
    #[arg(long, env = "UPMON_STATE", hide_env_values = true, value_name = "FILE")]
    state: Option<PathBuf>,
}

impl StateArgs {
    /// The file: that of the flag or its variable, else that of the settings, else one beside the cache; none without a
    /// cache.
    pub(super) fn file(&self, settings: &Settings, global: &Global, cache: Option<&Path>) -> Option<PathBuf> {
        let named = self.state.clone().or_else(|| settings.state.clone());
        named.or_else(|| Some(beside_cache(cache?, &global.pins)))
    }
}

/// One file for each pins file: two projects hold the same package at different versions, and what one of them
/// acknowledges is not acknowledged for the other.
fn beside_cache(cache: &Path, pins: &Path) -> PathBuf {
    let pins = std::path::absolute(pins).unwrap_or_else(|_| pins.to_owned());
    let digest = Sha256::digest(pins.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(0_u64, |name, byte| name << 8 | u64::from(*byte));
    cache.join("state").join(format!("{name:016x}.json"))
}

impl From<StateError> for Failure {
    /// What cannot be read is wrong input; what cannot be written is an action that failed.
    fn from(error: StateError) -> Self {
        let text = format!("error: {error}\nhint: {}", error.hint());
        match error {
            StateError::Unwritable { .. } => Self::Action(text),
            _ => Self::Usage(text),
        }
    }
}
