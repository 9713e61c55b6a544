//! `take` and `ignore`: changes of files that people own, planned as data, checked, and then carried out together.
//!
//! A plan says which bytes of which file become which. Before anything is written the changed texts are read again, by the
//! code that reads them in a check: they have to say the new version in the places that were meant, and everywhere else
//! what they said before. Which version is taken is chosen in `target`, who writes which format in `format`, how a
//! requirement moves along in `requirement`.

mod agree;
mod carry;
mod document;
mod edits;
mod format;
mod gomod;
pub(crate) mod ignore;
mod overlay;
mod requirement;
mod show;
mod snapshot;
pub(crate) mod target;
pub(crate) mod tools;
mod verify;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::agree::Moved;
pub(crate) use self::document::{Document, Left, Stays, Taken};
pub(crate) use self::format::Command;
pub(crate) use self::show::diff;
use self::target::Target;
use crate::document::{Edit, FileError, Source};
use crate::pin::Pin;
use crate::pin::holdings::{Found, Holdings, Identity, found, located};
use crate::pin::manifest::Manifest;
use crate::pin::project::files::{Disk, Files};

/// Why something is not done, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// A sentence fragment.
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Everything that may be changed, as it was read.
#[derive(Debug)]
pub(crate) struct Held {
    /// The pins file and the settings alone.
    pub(crate) manifest: Manifest,
    /// The pins of all files.
    pub(crate) pins: Vec<Pin>,
    /// Those of them whose versions stand elsewhere.
    located: Vec<Pin>,
    found: Vec<Found>,
    /// Where in `found` each package is: pins and files may be many.
    places: HashMap<Identity, Vec<usize>>,
    files: Box<dyn Files>,
}

impl Held {
    /// Reads every file that the pins file and the settings name.
    ///
    /// # Errors
    /// As [`Holdings::with`].
    pub(crate) fn read(manifest: Manifest) -> Result<Self, FileError> {
        let files = Disk::around(manifest.home());
        Self::with(manifest, Box::new(files))
    }

    fn with(manifest: Manifest, files: Box<dyn Files>) -> Result<Self, FileError> {
        let found = found(&manifest, &*files)?;
        let located = located(&manifest, &*files)?;
        let pins = Holdings::with(manifest.clone(), &*files)?.manifest.pins;
        let mut places: HashMap<Identity, Vec<usize>> = HashMap::new();
        for (at, name) in found.iter().enumerate().filter_map(|(at, one)| Some((at, edits::named(one)?))) {
            places.entry(name).or_default().push(at);
        }
        Ok(Self { manifest, pins, located, found, places, files })
    }

    /// What files say about a pin, in their order.
    fn said_of(&self, pin: &Pin) -> impl Iterator<Item = &Found> {
        let places = self.places.get(&edits::identity_of(pin)).into_iter().flatten();
        places.map(|&at| &self.found[at]).filter(|found| edits::is_about(self, pin, found))
    }

    /// The file that holds the whole pin: the pins file or the settings.
    fn own(&self, name: &Path) -> Option<&Arc<Source>> {
        self.manifest.sources().find(|source| source.name() == name)
    }

    fn is_own(&self, pin: &Pin) -> bool {
        self.own(&pin.place.file).is_some()
    }

    fn is_in_pins_file(&self, pin: &Pin) -> bool {
        pin.place.file == self.manifest.source().name()
    }

    fn is_located(&self, pin: &Pin) -> bool {
        self.located.iter().any(|located| is_same_pin(located, pin))
    }
}

/// Whether two pins have one id, without writing it out: a plan compares each of many with all of them.
fn is_same_pin(one: &Pin, other: &Pin) -> bool {
    one.package == other.package && one.group == other.group
}

/// A pin and what it is to be set to.
#[derive(Debug, Clone)]
pub(crate) struct Taking<'a> {
    pub(crate) pin: &'a Pin,
    pub(crate) target: Target,
}

/// A file before and after.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) before: Arc<Source>,
    pub(crate) after: Arc<Source>,
}

/// What will be changed, and what is left to others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The files that become others; the pins file and the settings last, so that a run after a crash starts from them
    /// again.
    pub(crate) changes: Vec<Change>,
    /// The commands that are left to be run.
    pub(crate) commands: Vec<Command>,
}

/// What one pin asks of files.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    edits: Vec<(Arc<Source>, Edit)>,
    commands: Vec<Command>,
}

impl Asked {
    /// Whether the other wants something else of one place.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let differs = |(one, mine): &(Arc<Source>, Edit), (two, theirs): &(Arc<Source>, Edit)| {
            overlap(mine, theirs) && mine != theirs && one.name() == two.name()
        };
        self.edits.iter().any(|mine| other.edits.iter().any(|theirs| differs(mine, theirs)))
    }
}

/// What taking a version asks of the files; with `files` also of others than the pins file.
///
/// # Errors
/// When one of the places cannot be changed as text.
pub(crate) fn ask(held: &Held, taking: &Taking<'_>, files: bool) -> Result<Asked, Refusal> {
    edits::of(held, taking, files)
}

/// Puts together what was asked, and reads the result again.
///
/// # Errors
/// When the changed files would not say what was meant.
pub(crate) fn plan(held: &Held, takings: &[Taking<'_>], asked: Vec<Asked>) -> Result<Plan, Refusal> {
    let mut by_file: BTreeMap<PathBuf, (Arc<Source>, Vec<Edit>)> = BTreeMap::new();
    let mut commands: Vec<Command> = Vec::new();
    for Asked { edits, commands: left } in asked {
        for (source, edit) in edits {
            let (_, known) = by_file.entry(source.name().to_owned()).or_insert_with(|| (source, Vec::new()));
            match known.iter().find(|other| overlap(other, &edit)) {
                Some(other) if *other == edit => {}
                Some(_) => {
                    return Err(
                        Refusal::new("two pins want different things of one place").hint("take them one by one")
                    );
                }
                None => known.push(edit),
            }
        }
        for command in left {
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
    }
    // one that agrees on all of it comes behind them
    commands.sort_by_key(|command| command.is_last);
    let change =
        |(source, edits): (Arc<Source>, Vec<Edit>)| Change { after: Arc::new(source.edited(&edits)), before: source };
    let (own, other): (Vec<Change>, Vec<Change>) = by_file
        .into_values()
        .map(change)
        .filter(|change| change.before.text() != change.after.text())
        .partition(|change| held.own(change.before.name()).is_some());
    let plan = Plan { changes: other.into_iter().chain(own).collect(), commands };
    verify::verify(held, takings, &plan)?;
    Ok(plan)
}

fn overlap(a: &Edit, b: &Edit) -> bool {
    a.span == b.span || a.span.start < b.span.end && b.span.start < a.span.end
}

impl Plan {
    /// Carries it out: everything is written beside its place and safe on the disk before the first file is replaced.
    ///
    /// # Errors
    /// When a file was changed meanwhile or cannot be written; then all of them are as they were, unless the message says
    /// otherwise.
    pub(crate) fn carry_out(&self) -> Result<(), Refusal> {
        carry::carry_out(&self.changes)
    }
}

#[cfg(test)]
mod tests;
