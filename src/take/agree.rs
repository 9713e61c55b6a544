//! Whether the files that tools wrote say what was meant: the new version, and of everything else what they said before.
//!
//! A tool may have to move another direct dependency for the new version's sake. That is told, as long as it went up and
//! is what the project requires; whatever else a tool does to one is refused.

use std::path::{Path, PathBuf};

use super::edits::{is_meant, named, respelled};
use super::format::Command;
use super::{Held, Refusal, Taking};
use crate::pin::holdings::{Found, found, obstacle};
use crate::version::SchemeId;

/// A direct dependency that a tool moved along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// `group/package`, as the file calls it.
    pub(crate) id: String,
    /// The file that holds it.
    pub(crate) file: PathBuf,
    /// The version before.
    pub(crate) from: String,
    /// The version now.
    pub(crate) to: String,
}

/// Reads the files of the commands again.
///
/// # Errors
/// When one of them cannot be read, does not say what was meant, or says something else of another direct dependency.
pub(super) fn agree(held: &Held, takings: &[Taking<'_>], commands: &[Command]) -> Result<Vec<Moved>, Refusal> {
    let now = found(&held.manifest, &*held.files);
    let now = now.map_err(|error| Refusal::new(format!("what the tool wrote cannot be read: {error}")))?;
    let mut moved: Vec<Moved> = Vec::new();
    let mut seen: Vec<&Path> = Vec::new();
    for Command { file, command, .. } in commands {
        if seen.contains(&file.as_path()) {
            continue;
        }
        seen.push(file);
        let of_file = |all: &'_ [Found]| -> Vec<Found> {
            all.iter().filter(|one| one.file == *file && is_pin(one)).cloned().collect()
        };
        let (before, after) = (of_file(&held.found), of_file(&now));
        for (at, one) in before.iter().enumerate() {
            let nth = before[..at].iter().filter(|other| is_same(one, other)).count();
            let peer = after.iter().filter(|other| is_same(one, other)).nth(nth);
            let one = compare(held, takings, one, peer)
                .map_err(|refusal| Refusal { reason: format!("after `{command}`: {}", refusal.reason), ..refusal })?;
            // the members of a workspace share it
            moved.extend(one.filter(|one| !moved.contains(one)));
        }
    }
    Ok(moved)
}

/// Whether it has a version that can be checked.
fn is_pin(one: &Found) -> bool {
    one.dependency.version.is_some() && obstacle(&one.dependency).is_none()
}

fn version(one: &Found) -> &str {
    one.dependency.version.as_ref().map_or("", |version| &version.text)
}

/// Whether two files, before and after, speak of the same package for the same member of a workspace.
fn is_same(one: &Found, other: &Found) -> bool {
    let by = |found: &Found| found.dependency.requirement.as_ref().map(|written| written.place.file.clone());
    one.dependency.name == other.dependency.name
        && one.dependency.is_direct == other.dependency.is_direct
        && named(one) == named(other)
        && by(one) == by(other)
}

fn compare(held: &Held, takings: &[Taking<'_>], one: &Found, now: Option<&Found>) -> Result<Option<Moved>, Refusal> {
    let (name, file, before) = (&one.dependency.name, one.file.display(), version(one));
    let mut meant = takings.iter().filter(|taking| is_meant(held, taking.pin, one));
    let wanted = meant.find_map(|taking| respelled(taking.pin, &taking.target, before));
    let now = now.map(version);
    match (wanted, now) {
        (Some(wanted), Some(now)) if now == wanted => Ok(None),
        (Some(wanted), Some(now)) if now == before => {
            let refusal = Refusal::new(format!("`{name}` is still at `{before}` in `{file}`, not at `{wanted}`"));
            Err(refusal.hint("what is required has to accept it, and the tool's own registry has to offer it"))
        }
        (Some(wanted), Some(now)) => {
            let refusal = Refusal::new(format!("`{name}` is now at `{now}` in `{file}`, not at `{wanted}`"));
            Err(refusal.hint(format!("take `{now}`, or require what only `{wanted}` meets")))
        }
        (Some(_), None) => Err(Refusal::new(format!("`{name}` is gone from `{file}`"))),
        (None, now) if !one.dependency.is_direct || now == Some(before) => Ok(None),
        (None, None) => {
            let refusal = Refusal::new(format!("`{name}`, which was not meant, is gone from `{file}`"));
            Err(refusal.hint("let the tool bring the file in order by itself first"))
        }
        (None, Some(now)) if went_up(one, now) => Ok(Some(Moved {
            id: format!("{}/{name}", one.group),
            file: one.file.clone(),
            from: before.to_owned(),
            to: now.to_owned(),
        })),
        (None, Some(now)) => {
            let refusal =
                Refusal::new(format!("`{name}`, which was not meant, went from `{before}` to `{now}` in `{file}`"));
            Err(refusal.hint("that is lower, or not what is required: run the tool by itself if it is meant"))
        }
    }
}

/// Whether it is a higher version that the project accepts; in doubt not.
fn went_up(one: &Found, now: &str) -> bool {
    let Some(scheme) = scheme(one) else { return false };
    let (Ok(before), Ok(after)) = (scheme.parse(version(one)), scheme.parse(now)) else { return false };
    let requirement = one.dependency.requirement.as_ref();
    let is_accepted = requirement.is_none_or(|written| match scheme.requirement(&written.text) {
        Ok(requirement) => requirement.accepts(&after),
        // the tool reads what this scheme cannot
        Err(_) => true,
    });
    after.precedence(&before).is_gt() && is_accepted
}

fn scheme(one: &Found) -> Option<SchemeId> {
    let dependency = &one.dependency;
    dependency.scheme.or_else(|| Some(dependency.registry?.scheme()))
}
