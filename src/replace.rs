//! Files that are replaced as a whole: a reader, or a run after a crash, sees the old bytes or the new ones.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Puts bytes where a path says, in one step; a file that stood there is gone, a symbolic link too. When it returns, the
/// bytes outlast a loss of power.
///
/// # Errors
///
/// What the system says: the directory must exist and be writable.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Prepared::write(path, bytes)?.put()
}

/// The same for files that are made anew in a moment (badges, recordings): a loss of power may take the last of them, but
/// never leaves half of one. A disk needs milliseconds a file to promise more, and a run may write thousands.
///
/// # Errors
///
/// As [`replace`].
pub fn replace_cheaply(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Prepared::unsynced(path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Bytes that are safe on the disk and need only take their place, so that of several files none is replaced before all
/// have been written.
#[derive(Debug)]
pub struct Prepared {
    file: NamedTempFile,
    path: PathBuf,
}

impl Prepared {
    /// Writes the bytes beside their place.
    ///
    /// # Errors
    ///
    /// What the system says: the directory must exist and be writable.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let file = Self::unsynced(path, bytes)?;
        file.as_file().sync_all()?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The same with the rights of the file that stands there.
    ///
    /// # Errors
    ///
    /// As [`Prepared::write`], and where there is no such file.
    pub fn write_over(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let prepared = Self::write(path, bytes)?;
        prepared.file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
        Ok(prepared)
    }

    fn unsynced(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = new_file_in(directory(path))?;
        file.write_all(bytes)?;
        Ok(file)
    }

    /// Puts the bytes in their place.
    ///
    /// # Errors
    ///
    /// What the system says; then the place is as it was.
    pub fn put(self) -> io::Result<()> {
        self.file.persist(&self.path).map_err(|error| error.error)?;
        // the name is in the directory, which is a file of its own
        #[cfg(unix)]
        std::fs::File::open(directory(&self.path))?.sync_all()?;
        Ok(())
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file of which nobody knows the name yet, as open to others as any new file.
fn new_file_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".upmon-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}
