//! The files of a repository as they will be, and which of them were read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::document::{FileError, Source};
use crate::pin::project::files::Files;

/// Files that are about to be written come before those of the disk.
pub(crate) struct Planned<'disk> {
    disk: &'disk dyn Files,
    written: Vec<(PathBuf, String)>,
    read: RefCell<BTreeSet<PathBuf>>,
}

impl<'disk> Planned<'disk> {
    /// The files of the disk, and those that are about to be written, by name.
    pub(crate) fn new(disk: &'disk dyn Files, written: Vec<(PathBuf, String)>) -> Self {
        Self { disk, written, read: RefCell::default() }
    }

    /// The files that are about to be written.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Path> {
        self.written.iter().map(|(name, _)| name.as_path())
    }

    /// What was read since this was asked last, as far as it was there.
    pub(crate) fn take_read(&self) -> BTreeSet<PathBuf> {
        self.read.take()
    }
}

impl Files for Planned<'_> {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        let written = self.written.iter().find(|(known, _)| known == name);
        let source = match written {
            Some((_, text)) => Some(Arc::new(Source::new(name, text.as_str()))),
            None => self.disk.read(name)?,
        };
        if source.is_some() {
            self.read.borrow_mut().insert(name.to_owned());
        }
        Ok(source)
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let below = self.written.iter().filter_map(|(name, _)| name.strip_prefix(directory).ok());
        let first = below.filter_map(|path| Some(path.components().next()?.as_os_str().to_str()?.to_owned()));
        let mut names = self.disk.list(directory);
        names.extend(first);
        names.sort_unstable();
        names.dedup();
        names
    }

    fn real(&self, name: &Path) -> PathBuf {
        self.disk.real(name)
    }
}
