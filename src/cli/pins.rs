//! Where commands read pins from: the pins file and the `[[pins]]` of the settings.

use std::path::Path;

use super::Global;
use crate::config::read_source;
use crate::document::FileError;
use crate::pin::holdings::Holdings;
use crate::pin::manifest::Manifest;

/// The pins that these two files name themselves.
pub(super) fn manifest(pins: &Path, config: Option<&Path>) -> Result<Manifest, FileError> {
    Manifest::read(pins, read_source(config, pins)?)
}

/// The same, and those of the files that they name.
pub(super) fn holdings(pins: &Path, config: Option<&Path>) -> Result<Holdings, FileError> {
    Holdings::read(pins, read_source(config, pins)?)
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
