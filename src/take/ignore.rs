//! The `ignore` entries of the pins file: adding one, and taking out those that are over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::{Change, Plan, Refusal, requirement};
use crate::document::{Edit, JsonEditor, Node, Source, Value, read_json};
use crate::pin::manifest::Manifest;
use crate::pin::{Ignore, Pin};
use crate::select::{has_expired, template_of};
use crate::version::Version;

/// The requirement that stands for everything above the pinned version; `None` where the scheme has no way to say that.
pub(crate) fn above(pin: &Pin) -> Option<String> {
    let text = format!(">{}", pinned(pin)?.as_str());
    pin.scheme.requirement(&text).is_ok().then_some(text)
}

/// The pinned version as its scheme reads it.
fn pinned(pin: &Pin) -> Option<Version> {
    let label = match template_of(pin) {
        Some(template) => template.version_of(&pin.version)?.into_owned(),
        None => pin.version.clone(),
    };
    pin.scheme.parse(&label).ok()
}

/// Why an entry is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Its last day has passed.
    Expired,
    /// The pin is beyond every version that it names, and nothing lower is ever proposed.
    Beyond,
}

impl Over {
    /// A sentence fragment.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Expired => "its last day has passed",
            Self::Beyond => "the pin is beyond it",
        }
    }
}

/// Whether an entry is over; an entry of which that cannot be told is not.
pub(crate) fn over(pin: &Pin, ignore: &Ignore, now: DateTime<Utc>) -> Option<Over> {
    if has_expired(ignore, now) {
        return Some(Over::Expired);
    }
    let pinned = pinned(pin)?;
    requirement::lies_below(&ignore.versions, pin.scheme, &pinned).then_some(Over::Beyond)
}

/// The pins file with one more entry; one that names the same versions is renewed.
///
/// # Errors
/// When the file would then be wrong.
pub(crate) fn add(manifest: &Manifest, pin: &Pin, new: &Ignore) -> Result<Plan, Refusal> {
    let source = manifest.source();
    let root = read_json(source).map_err(|_| gone())?;
    let editor = JsonEditor::new(source, &root);
    let entry = root.at(&[&pin.group, &pin.package]).ok_or_else(gone)?;
    let list = entry.get("ignore");
    let known = pin.ignore.iter().position(|known| known.versions == new.versions);
    let edit = match (list, known) {
        (Some(list), Some(at)) => {
            let merged = Ignore { reason: new.reason.clone().or_else(|| pin.ignore[at].reason.clone()), ..new.clone() };
            if merged == pin.ignore[at] {
                return Ok(Plan::default());
            }
            editor.set(&list.items()[at], &written(&merged))
        }
        (Some(list), None) => editor.insert_items(list, list.items().len(), &[written(new)]),
        (None, _) => {
            let list = Json::from(vec![written(new)]);
            if matches!(entry.value, Value::Table(_)) {
                editor.insert_entries(entry, entry.entries().len(), &[("ignore", list)])
            } else {
                editor.set(entry, &json!({ "version": pin.version, "ignore": list }))
            }
        }
    };
    planned(manifest, &[pin], source.edited(&[edit]))
}

/// The pins file without entries: for each pin the places of those that go, in the order of its list.
///
/// # Errors
/// When the file would then be wrong.
pub(crate) fn remove(manifest: &Manifest, gone_by: &[(&Pin, Vec<usize>)]) -> Result<Plan, Refusal> {
    let mut source = Source::clone(manifest.source());
    for (pin, places) in gone_by {
        let mut left = pin.ignore.len();
        for place in places.iter().rev() {
            let root = read_json(&source).map_err(|_| gone())?;
            let edit = removal(&source, &root, pin, (left > 1).then_some(*place)).ok_or_else(gone)?;
            source = source.edited(&[edit]);
            left -= 1;
        }
    }
    let pins: Vec<&Pin> = gone_by.iter().map(|(pin, _)| *pin).collect();
    planned(manifest, &pins, source)
}

/// Takes out one entry of the list, or, with the last one, the list.
fn removal(source: &Source, root: &Node, pin: &Pin, place: Option<usize>) -> Option<Edit> {
    let editor = JsonEditor::new(source, root);
    let entry = root.at(&[&pin.group, &pin.package])?;
    match place {
        Some(place) => Some(editor.remove(entry.get("ignore")?, place)),
        None => Some(editor.remove(entry, entry.entries().iter().position(|entry| entry.key == "ignore")?)),
    }
}

fn gone() -> Refusal {
    Refusal::new("the entry does not stand where it stood").hint("nothing was written; please report this")
}

fn written(ignore: &Ignore) -> Json {
    let mut entry = Map::from_iter([("versions".to_owned(), Json::from(ignore.versions.as_str()))]);
    entry.extend(ignore.reason.as_ref().map(|reason| ("reason".to_owned(), Json::from(reason.as_str()))));
    entry.extend(ignore.until.map(|until| ("until".to_owned(), Json::from(until.to_string()))));
    entry.into()
}

/// The plan, once the new text says what the old one did, but for the `ignore` entries of these pins.
fn planned(manifest: &Manifest, pins: &[&Pin], after: Source) -> Result<Plan, Refusal> {
    let now = |source: &Arc<Source>| {
        if source.name() == after.name() { after.clone() } else { Source::clone(source) }
    };
    let read = manifest.again(now).map_err(|wrong| Refusal::new(wrong.render(false).trim_end().to_owned()))?;
    let ids: Vec<String> = pins.iter().map(|pin| pin.id()).collect();
    let plain = |pin: &Pin| {
        let ignore = if ids.contains(&pin.id()) { Vec::new() } else { pin.ignore.clone() };
        let place = crate::pin::Place { line: 0, column: 0, span: 0..0, ..pin.place.clone() };
        Pin { ignore, place, requirements: Vec::new(), ..pin.clone() }
    };
    let was: Vec<Pin> = manifest.pins.iter().map(plain).collect();
    let is: Vec<Pin> = read.pins.iter().map(plain).collect();
    if was != is {
        return Err(gone());
    }
    Ok(Plan {
        changes: vec![Change { before: Arc::clone(manifest.source()), after: Arc::new(after) }],
        commands: Vec::new(),
    })
}
