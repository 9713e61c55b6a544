//! Files as they will be: the changed texts over those of the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Change;
use crate::document::{FileError, Source};
use crate::pin::project::files::Files;

/// A repository after a plan.
pub(super) struct Overlay<'a> {
    pub(super) below: &'a dyn Files,
    pub(super) changes: &'a [Change],
}

impl Files for Overlay<'_> {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        match self.changes.iter().find(|change| change.before.name() == name) {
            Some(change) => Ok(Some(Arc::clone(&change.after))),
            None => self.below.read(name),
        }
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        self.below.list(directory)
    }

    fn real(&self, name: &Path) -> PathBuf {
        self.below.real(name)
    }
}
