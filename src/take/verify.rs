//! Whether changed files say what was meant, and nothing else: they are read again as a check reads them.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::edits::{identity_of, is_about, named, respelled};
use super::format::{Wanted, writer};
use super::overlay::Overlay;
use super::{Held, Plan, Refusal, Taking, is_same_pin};
use crate::document::Source;
use crate::pin::holdings::{Found, Identity, found, located, obstacle};
use crate::pin::project::Dependency;
use crate::pin::{Pin, Place, Strategy, Written};

pub(super) fn verify(held: &Held, takings: &[Taking<'_>], plan: &Plan) -> Result<(), Refusal> {
    let files = Overlay { below: &*held.files, changes: &plan.changes };
    let now = |source: &Arc<Source>| {
        let change = plan.changes.iter().find(|change| change.before.name() == source.name());
        Source::clone(change.map_or(source, |change| &change.after))
    };
    let manifest = held.manifest.again(now).map_err(|wrong| unlike(&wrong.to_string()))?;
    if manifest.pins.len() != held.manifest.pins.len() {
        return Err(unlike("the pins file would hold other pins"));
    }
    for (before, after) in held.manifest.pins.iter().zip(&manifest.pins) {
        pin(takings, before, after)?;
    }
    let elsewhere = located(&manifest, &files).map_err(|error| unlike(&error.to_string()))?;
    for (before, after) in held.located.iter().zip(&elsewhere) {
        pin(takings, before, after)?;
    }
    let after = found(&manifest, &files).map_err(|error| unlike(&error.to_string()))?;
    let mut taken: HashMap<Identity, Vec<&Taking<'_>>> = HashMap::new();
    for taking in takings {
        taken.entry(identity_of(taking.pin)).or_default().push(taking);
    }
    let is_taken = |one: &&Found| named(one).is_some_and(|name| taken.contains_key(&name));
    let (was, is): (Vec<&Found>, Vec<&Found>) =
        (held.found.iter().filter(|one| !is_taken(one)).collect(), after.iter().filter(|one| !is_taken(one)).collect());
    let is_same = |(before, after): (&&Found, &&Found)| {
        let is_meant = is_under_a_pin(takings, before);
        let (before, after) = (placeless(before), placeless(after));
        before == after || is_meant && versionless(before) == versionless(after)
    };
    if was.len() != is.len() || !was.iter().zip(&is).all(is_same) {
        return Err(unlike("a file would say something else of another package"));
    }
    let sources = sources(held);
    let is_text = |one: &&Found| is_taken(one) && is_written(&sources, one);
    let (was, is): (Vec<&Found>, Vec<&Found>) =
        (held.found.iter().filter(is_text).collect(), after.iter().filter(is_text).collect());
    if was.len() != is.len() {
        return Err(unlike("a file would hold another number of pins"));
    }
    was.into_iter().zip(is).try_for_each(|(before, after)| {
        let meant = named(before).and_then(|name| taken.get(&name)).map(Vec::as_slice).unwrap_or_default();
        dependency(held, meant, plan, before, after)
    })
}

fn unlike(what: &str) -> Refusal {
    Refusal::new(format!("the changed files would not say what was meant: {what}"))
        .hint("nothing was written; make the change by hand, and please report this")
}

/// Whether what is only listed has its version where a taken pin finds its own, by a path or a pattern.
fn is_under_a_pin(takings: &[Taking<'_>], listed: &Found) -> bool {
    let Some(version) = listed.dependency.version.as_ref().filter(|_| obstacle(&listed.dependency).is_some()) else {
        return false;
    };
    takings.iter().any(|taking| taking.pin.place.overlaps(&version.place))
}

fn versionless(found: Found) -> Found {
    Found { dependency: Dependency { version: None, ..found.dependency }, ..found }
}

/// A pin of the pins file: a taken one has its new version, and everything else is as it was.
fn pin(takings: &[Taking<'_>], before: &Pin, after: &Pin) -> Result<(), Refusal> {
    let mut expected = before.clone();
    if let Some(taking) = takings.iter().find(|taking| is_same_pin(taking.pin, before)) {
        expected.version.clone_from(&taking.target.version);
        if let Strategy::Commits { pin, .. } = &mut expected.strategy {
            pin.clone_from(&taking.target.version);
        }
        let accepts = |text: &String| {
            let requirement = before.scheme.requirement(text).ok();
            taking.target.parsed.as_ref().zip(requirement).is_some_and(|(version, one)| one.accepts(version))
        };
        if before.requirement == after.requirement || after.requirement.as_ref().is_some_and(accepts) {
            expected.requirement.clone_from(&after.requirement);
            expected.requirements.clone_from(&after.requirements);
        }
    }
    let bare = |pin: &Pin| Pin {
        place: no_place(&pin.place),
        requirements: pin.requirements.iter().map(bare_text).collect(),
        ..pin.clone()
    };
    if bare(&expected) == bare(after) {
        Ok(())
    } else {
        Err(unlike(&format!("`{}` would be another pin", before.id())))
    }
}

/// The file that holds a version.
fn file_of(one: &Found) -> &Path {
    one.dependency.version.as_ref().map_or(&one.file, |version| &version.place.file)
}

/// Every file that holds a version, read once.
fn sources(held: &Held) -> HashMap<&Path, Option<Arc<Source>>> {
    let names: HashSet<&Path> = held.found.iter().map(file_of).collect();
    names.into_iter().map(|name| (name, held.files.read(name).ok().flatten())).collect()
}

/// Whether upmon itself writes what was found.
fn is_written(sources: &HashMap<&Path, Option<Arc<Source>>>, one: &Found) -> bool {
    let source = sources.get(file_of(one)).and_then(Option::as_ref);
    source.is_some_and(|source| {
        writer(one.format, source, &one.dependency, Wanted { version: "0", requirement: None }).is_text()
    })
}

fn dependency(held: &Held, meant: &[&Taking<'_>], plan: &Plan, before: &Found, after: &Found) -> Result<(), Refusal> {
    let mut expected = before.dependency.clone();
    let is_touched = |place: &Place| plan.changes.iter().any(|change| change.before.name() == place.file);
    for Taking { pin, target } in meant.iter().copied().filter(|taking| is_about(held, taking.pin, before)) {
        if let Some(version) = expected.version.as_mut().filter(|_| obstacle(&before.dependency).is_none())
            && is_touched(&version.place)
            && let Some(new) = respelled(pin, target, &version.text)
        {
            version.text = new;
        }
        let accepts = |text: &Written| {
            let requirement = pin.scheme.requirement(&text.text).ok();
            target.parsed.as_ref().zip(requirement).is_some_and(|(version, one)| one.accepts(version))
        };
        if after.dependency.requirement.as_ref().is_some_and(accepts) {
            expected.requirement.clone_from(&after.dependency.requirement);
        }
        // a tag of an action that moves may give way to one that does not
        expected.moves = after.dependency.moves;
    }
    let expected = placeless(&Found { dependency: expected, ..before.clone() });
    let place = &before.dependency.place;
    let what = || format!("`{}` of {}:{}", before.dependency.name, place.file.display(), place.line);
    if expected == placeless(after) { Ok(()) } else { Err(unlike(&what())) }
}

/// The same, whatever its column: what stands before it in its line may have grown.
fn placeless(found: &Found) -> Found {
    let dependency = &found.dependency;
    let dependency = Dependency {
        version: dependency.version.as_ref().map(bare_text),
        requirement: dependency.requirement.as_ref().map(bare_text),
        place: no_place(&dependency.place),
        ..dependency.clone()
    };
    Found { dependency, ..found.clone() }
}

fn bare_text(written: &Written) -> Written {
    Written { text: written.text.clone(), place: no_place(&written.place) }
}

/// File and line, which no change of ours moves.
fn no_place(place: &Place) -> Place {
    Place { column: 0, span: 0..0, ..place.clone() }
}
