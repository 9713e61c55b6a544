//! From arguments to everything a run needs: pins, settings, engine, runtime.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;

use super::{Failure, Global};
use crate::config::Settings;
use crate::http::client::Client;
use crate::lookup::Engine;
use crate::pin::Pin;
use crate::registry::RegistryId;

/// Arguments of every command that asks registries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lookup options")]
pub(super) struct SetupArgs {
    /// Judge as of this instant: RFC 3339, or a date, which means its first second in UTC
    #[arg(long, env = "UPMON_AS_OF", value_name = "TIME", value_parser = instant)]
    as_of: Option<DateTime<Utc>>,
}

/// Pins and settings, read and checked against each other, and the runtime that runs lookups.
pub(super) struct Setup {
    pub(super) pins: Vec<Pin>,
    pub(super) settings: Settings,
    now: DateTime<Utc>,
    as_of: bool,
    runtime: tokio::runtime::Runtime,
}

impl Setup {
    /// The pins that arguments name, in the order of the file; all of them without any.
    pub(super) fn chosen(&self, names: &[String]) -> Result<Vec<Pin>, Failure> {
        let matches = |pin: &Pin, name: &str| pin.id() == name || pin.package == name;
        if let Some(name) = names.iter().find(|name| !self.pins.iter().any(|pin| matches(pin, name))) {
            let known = self.pins.iter().map(Pin::id).max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            let hint = known.map(|id| format!("\n  hint: the nearest pin is `{id}`")).unwrap_or_default();
            return Err(Failure::Usage(format!("error: no pin is called `{name}`{hint}")));
        }
        let is_chosen = |pin: &&Pin| names.is_empty() || names.iter().any(|name| matches(pin, name));
        Ok(self.pins.iter().filter(is_chosen).cloned().collect())
    }

    /// Runs lookups to their end, or to Ctrl-C.
    pub(super) fn wait<T>(&self, lookups: impl Future<Output = T>) -> Result<T, Failure> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = lookups => Ok(outcome),
                _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            }
        })
    }
}

/// Reads `--as-of`.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "expected a time such as 2026-11-20T06:00:00Z, or a date such as 2026-11-20".to_owned())?;
    Ok(date.and_time(chrono::NaiveTime::MIN).and_utc())
}
