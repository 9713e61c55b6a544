//! Where commands read pins from: the pins file and the `[[pins]]` of the settings; and how they write the pins file.

use std::path::Path;
use std::sync::Arc;

use super::take::action;
use super::{Failure, Global};
use crate::config::read_source;
use crate::document::{FileError, Source};
use crate::pin::holdings::Holdings;
use crate::pin::manifest::Manifest;
use crate::replace::replace;
use crate::take::{Change, Plan};

/// The pins that these two files name themselves.
pub(super) fn manifest(pins: &Path, config: Option<&Path>) -> Result<Manifest, FileError> {
    Manifest::read(pins, read_source(config, pins)?)
}

/// The same, and those of the files that they name.
pub(super) fn holdings(pins: &Path, config: Option<&Path>) -> Result<Holdings, FileError> {
    Holdings::read(pins, read_source(config, pins)?)
}

/// Writes the pins file: over the one that was read, as `take` does (a link stays one, rights stay, and what somebody wrote
/// there meanwhile is not lost), or a new one.
pub(super) fn write(before: Option<Source>, after: Source) -> Result<(), Failure> {
    let Some(before) = before else {
        let cannot = |error| Failure::Action(format!("error: cannot write `{}`: {error}", after.name().display()));
        return replace(after.name(), after.whole().as_bytes()).map_err(cannot);
    };
    let change = Change { before: Arc::new(before), after: Arc::new(after) };
    let plan = Plan { changes: vec![change], commands: Vec::new() };
    plan.carry_out().map_err(|refusal| action(&refusal))
}

impl Global {
    /// The pins that the files of the command line name themselves.
    pub(super) fn manifest(&self) -> Result<Manifest, FileError> {
        manifest(&self.pins, self.config.as_deref())
    }

    /// The same, and those of the files that they name.
    pub(super) fn holdings(&self) -> Result<Holdings, FileError> {
        holdings(&self.pins, self.config.as_deref())
    }
}
