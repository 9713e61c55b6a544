//! Files as they were, so that whatever a tool did to them can be undone byte for byte.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::document::{FileError, Source};
use crate::pin::project::files::Files;
use crate::replace::replace;

/// What some files held; `None` for one that was not there.
#[derive(Debug)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Option<(Vec<u8>, Permissions)>>);

impl Snapshot {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them is there and cannot be read.
    pub(super) fn of(names: BTreeSet<PathBuf>) -> io::Result<Self> {
        let read = |name: PathBuf| match fs::read(&name) {
            Ok(bytes) => fs::metadata(&name).map(|metadata| (name, Some((bytes, metadata.permissions())))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok((name, None))
            }
            Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", name.display()))),
        };
        names.into_iter().map(read).collect::<io::Result<_>>().map(Self)
    }

    /// Puts back those that have changed since. The answer is what could not be put back.
    pub(super) fn put_back(&self) -> Vec<&Path> {
        let is_lost =
            |(name, before): &(&PathBuf, &Option<(Vec<u8>, Permissions)>)| put(name, before.as_ref()).is_err();
        self.0.iter().filter(is_lost).map(|(name, _)| name.as_path()).collect()
    }
}

fn put(name: &Path, before: Option<&(Vec<u8>, Permissions)>) -> io::Result<()> {
    match (before, fs::read(name)) {
        (None, Err(_)) => Ok(()),
        (None, Ok(_)) => fs::remove_file(name),
        (Some((bytes, rights)), now) => {
            // a link stays one
            let path = fs::canonicalize(name).unwrap_or_else(|_| name.to_owned());
            if now.ok().as_ref() != Some(bytes) {
                replace(&path, bytes)?;
            }
            if fs::metadata(&path)?.permissions() != *rights {
                fs::set_permissions(&path, rights.clone())?;
            }
            Ok(())
        }
    }
}

/// Files that remember which of them were asked for.
pub(super) struct Recording<'a> {
    below: &'a dyn Files,
    names: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Recording<'a> {
    pub(super) fn over(below: &'a dyn Files) -> Self {
        Self { below, names: RefCell::default() }
    }

    /// Every name that was asked for, whether there was such a file or not.
    pub(super) fn into_names(self) -> BTreeSet<PathBuf> {
        self.names.into_inner()
    }
}

impl Files for Recording<'_> {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        self.names.borrow_mut().insert(name.to_owned());
        self.below.read(name)
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        self.below.list(directory)
    }

    fn real(&self, name: &Path) -> PathBuf {
        self.below.real(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_made_or_removed_is_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["changed", "removed", "kept"] {
            fs::write(at(name), [b'\xff', b'\r', b'\n']).unwrap();
        }
        let names = ["changed", "removed", "kept", "made", "below/made"].map(at);
        let snapshot = Snapshot::of(names.into_iter().collect()).unwrap();
        fs::write(at("changed"), "x").unwrap();
        fs::remove_file(at("removed")).unwrap();
        fs::write(at("made"), "x").unwrap();
        assert!(snapshot.put_back().is_empty());
        for name in ["changed", "removed", "kept"] {
            assert_eq!(fs::read(at(name)).unwrap(), b"\xff\r\n", "{name}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }
}
