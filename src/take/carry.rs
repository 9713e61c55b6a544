//! Carries changes out: all of them, or none.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Change, Refusal};
use crate::replace::{Prepared, replace};

/// A file that is to be replaced: where it really is, and what it held.
struct Ready<'a> {
    change: &'a Change,
    /// Without links: a link stays one, and what it leads to is replaced.
    path: PathBuf,
    prepared: Prepared,
}

pub(super) fn carry_out(changes: &[Change]) -> Result<(), Refusal> {
    let mut ready: Vec<Ready<'_>> = Vec::new();
    for change in changes {
        let path = fs::canonicalize(change.before.name()).map_err(|error| unwritable(change, &error))?;
        unchanged(change, &path)?;
        match ready.iter().find(|other| other.path == path) {
            Some(other) if other.change.after.whole() == change.after.whole() => continue,
            Some(other) => {
                let (one, two) = (other.change.before.name().display(), change.before.name().display());
                return Err(Refusal::new(format!("`{one}` and `{two}` are one file")).hint("name it once in `from`"));
            }
            None => {}
        }
        let prepared =
            Prepared::write_over(&path, change.after.whole().as_bytes()).map_err(|error| unwritable(change, &error))?;
        ready.push(Ready { change, path, prepared });
    }
    // once more, as close to the end as can be
    ready.iter().try_for_each(|one| unchanged(one.change, &one.path))?;
    let mut done: Vec<(&Change, PathBuf)> = Vec::new();
    for Ready { change, path, prepared } in ready {
        if let Err(error) = prepared.put() {
            return Err(undone(&done, unwritable(change, &error)));
        }
        done.push((change, path));
    }
    Ok(())
}

/// What was read is what stands there, or somebody else's change would be lost.
fn unchanged(change: &Change, path: &Path) -> Result<(), Refusal> {
    let now = fs::read(path).map_err(|error| unwritable(change, &error))?;
    if now == change.before.whole().as_bytes() {
        return Ok(());
    }
    let name = change.before.name().display();
    Err(Refusal::new(format!("`{name}` was changed meanwhile")).hint("nothing was written; run it again"))
}

fn unwritable(change: &Change, error: &std::io::Error) -> Refusal {
    let name = change.before.name().display();
    Refusal::new(format!("cannot write `{name}`: {error}")).hint("the file and its directory must be writable")
}

/// Puts back what was replaced before something went wrong.
fn undone(done: &[(&Change, PathBuf)], refusal: Refusal) -> Refusal {
    let kept: Vec<String> = done
        .iter()
        .filter(|(change, path)| replace(path, change.before.whole().as_bytes()).is_err())
        .map(|(change, _)| change.before.name().display().to_string())
        .collect();
    if kept.is_empty() {
        return refusal;
    }
    Refusal { reason: format!("{}; already changed: {}", refusal.reason, kept.join(", ")), ..refusal }
}
