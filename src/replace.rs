//! Files that are replaced as a whole: a reader, or a run after a crash, sees the old bytes or the new ones.

use std::io::{self, Write as _};
use std::path::Path;

/// Puts bytes where a path says, in one step; a file that stood there is gone, a symbolic link too.
///
/// # Errors
///
/// What the system says: the directory must exist and be writable.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file of which nobody knows the name yet, as open to others as any new file.
fn new_file_in(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".upmon-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}
