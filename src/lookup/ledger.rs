//! What a run knows from earlier ones, and what it has to remember of what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SubsecRound as _, Utc};

use crate::holds::file::{self, StateError};
use crate::holds::rules::{content, major_of, shape_of};
use crate::holds::{Kind, Noted, Remembered, Shape, State, Suspicion};
use crate::http::shown;
use crate::pin::Pin;
use crate::release::{Release, ReleaseSet};
use crate::select::{Candidate, Rejection, Selection, version_of};
use crate::version::Version;

/// So many releases above the pin are remembered, highest first, beside the pinned and the wanted one and those that are
/// held or were acknowledged: the ones that are proposed now, or next.
const HIGHEST: usize = 3;

/// What is known, and what is to be remembered. The default knows nothing and remembers nothing.
#[derive(Debug, Default)]
pub struct Ledger {
    known: State,
    file: Option<PathBuf>,
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// What was seen of one pin's package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// Known releases that were not listed now, and may come back as something else.
    absent: BTreeSet<String>,
    from: String,
    held: Option<Suspicion>,
    major: u64,
    owner: Option<String>,
    releases: BTreeMap<String, Noted>,
    shapes: BTreeSet<Shape>,
}

impl Ledger {
    /// What a state file holds; what is seen will be written there.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn open(file: PathBuf) -> Result<Self, StateError> {
        Ok(Self { known: file::read(&file)?, file: Some(file), seen: Mutex::default() })
    }

    /// The same state, and nothing is remembered: for a run whose clock is not the world's.
    pub fn reading(known: State) -> Self {
        Self { known, ..Self::default() }
    }

    /// What is known of all pins.
    pub const fn known(&self) -> &State {
        &self.known
    }

    /// What is known of a pin; `None` when it was never looked at, or had its releases from elsewhere then.
    pub fn of(&self, pin: &Pin) -> Option<&Remembered> {
        self.known.pins.get(&pin.id()).filter(|known| known.from == from(pin))
    }

    /// Notes what was seen of a pin's package.
    pub fn note(&self, pin: &Pin, selection: &Selection<'_>, facts: &ReleaseSet, now: DateTime<Utc>) {
        if self.file.is_none() {
            return;
        }
        let seen = Look { pin, selection, now: now.trunc_subsecs(0), known: self.of(pin) }.seen(facts);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(pin.id(), seen);
    }

    /// Writes what was noted, where it changes anything. What others have written meanwhile stays.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn save(&self) -> Result<(), StateError> {
        let Some(path) = &self.file else { return Ok(()) };
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let note = |state: &mut State| {
            for (id, seen) in &seen {
                remember(state.pins.entry(id.clone()).or_default(), seen.clone());
            }
        };
        let mut anew = self.known.clone();
        note(&mut anew);
        if anew == self.known {
            return Ok(());
        }
        drop(anew);
        file::change(path, |state| {
            note(state);
            Ok(())
        })
    }
}

/// Who lists a pin's releases, and under which name or address; without credentials.
fn from(pin: &Pin) -> String {
    let address = pin.url.as_ref().map(|url| url::Url::parse(url).map_or_else(|_| url.clone(), |url| shown(&url)));
    format!("{} {}", pin.registry, address.unwrap_or_else(|| pin.upstream.clone()))
}

fn remember(known: &mut Remembered, seen: Seen) {
    if known.from != seen.from {
        *known = Remembered { from: seen.from, ..Remembered::default() };
    }
    known.major = known.major.max(seen.major);
    known.shapes.extend(seen.shapes);
    known.owners.extend(seen.owner);
    known.held = seen.held;
    known.releases.retain(|label, noted| {
        let is_absent = seen.absent.contains(label);
        noted.held = noted.held.take().filter(|_| !is_absent);
        is_absent || seen.releases.contains_key(label)
    });
    for (label, noted) in seen.releases {
        match known.releases.get_mut(&label) {
            None => _ = known.releases.insert(label, noted),
            Some(known) => {
                known.seen = known.seen.min(noted.seen);
                known.content.extend(noted.content);
                known.held = noted.held;
            }
        }
    }
    known.release_acknowledged();
}

/// One look at the releases of a pin.
struct Look<'a> {
    pin: &'a Pin,
    selection: &'a Selection<'a>,
    now: DateTime<Utc>,
    /// What is known; where nothing is yet, whatever is there is what the package is known for.
    known: Option<&'a Remembered>,
}

impl Look<'_> {
    fn seen(&self, facts: &ReleaseSet) -> Seen {
        let candidates = self.selection.candidates.iter().filter_map(|candidate| {
            let is_good = matches!(candidate.rejection, None | Some(Rejection::TooYoung(_)));
            candidate.version.as_ref().filter(|_| is_good || self.known.is_none())
        });
        let (majors, shapes): (Vec<(u64, Shape)>, BTreeSet<Shape>) =
            candidates.map(|version| ((major_of(version), shape_of(version)), shape_of(version))).unzip();
        // a date would hide every jump of a counted number
        let own = shape_of(&self.selection.pinned);
        let majors = majors.into_iter().filter_map(|(major, shape)| (shape == own).then_some(major));
        let held = self.selection.moved.clone();
        Seen {
            absent: self.absent(),
            from: from(self.pin),
            major: majors.max().unwrap_or_default(),
            owner: facts.owner.as_deref().filter(|_| held.is_none()).map(str::to_owned),
            held,
            releases: self.releases(),
            shapes,
        }
    }

    /// What is known and not listed, unless it is below the pin: a tag that was taken away and set again has moved, too.
    fn absent(&self) -> BTreeSet<String> {
        let Some(known) = self.known else { return BTreeSet::new() };
        let is_listed =
            |label: &str| self.selection.candidates.iter().any(|candidate| &*candidate.release.version == label);
        let is_below = |label: &str| {
            let version = version_of(self.pin, label);
            version.is_none_or(|version| version.precedence(&self.selection.pinned).is_lt())
        };
        known.releases.keys().filter(|label| !is_listed(label) && !is_below(label)).cloned().collect()
    }

    fn releases(&self) -> BTreeMap<String, Noted> {
        let mut above: Vec<_> =
            self.selection.candidates.iter().filter_map(|candidate| Above::of(candidate, self.selection)).collect();
        above.sort_by(|a, b| b.version.total_order(a.version));
        let wanted = self.selection.wanted().map(|(release, _)| release);
        let matters = |(place, above): (usize, &Above<'_>)| {
            let is_wanted = wanted.is_some_and(|wanted| std::ptr::eq(wanted, above.release));
            let is_undated = above.release.published_at.is_none() && self.selection.minimum_age;
            // what somebody said is right is not right for ever
            let is_acknowledged = self.known.is_some_and(|known| known.acks(&above.release.version).next().is_some());
            place < HIGHEST || is_wanted || is_undated || is_acknowledged || above.held.is_some()
        };
        let mut noted: BTreeMap<String, Noted> = (above.iter().enumerate())
            .filter(|(place, above)| matters((*place, above)))
            .map(|(_, above)| self.noted(above.release, above.version, above.held))
            .collect();
        if let Some((release, version)) = self.selection.listed_version() {
            noted.extend([self.noted(release, version, self.selection.replaced.as_ref())]);
        }
        noted
    }

    /// A release with what it consists of, unless just that is in doubt.
    fn noted(&self, release: &Release, version: &Version, held: Option<&Suspicion>) -> (String, Noted) {
        let is_sure = held.is_none_or(|held| matches!(held.kind, Kind::MajorJump | Kind::SchemeChange));
        let content = content(self.pin, release, version, &self.selection.pinned).filter(|_| is_sure);
        let noted = Noted { content: content.into_iter().collect(), held: held.cloned(), seen: self.now };
        (release.version.to_string(), noted)
    }
}

/// A release above the pin that is a target now or may become one, or any that is held.
struct Above<'a> {
    release: &'a Release,
    version: &'a Version,
    held: Option<&'a Suspicion>,
}

impl<'a> Above<'a> {
    fn of(candidate: &'a Candidate<'_>, selection: &Selection<'_>) -> Option<Self> {
        let version = candidate.version.as_ref()?;
        let is_above = version.precedence(&selection.pinned).is_gt();
        let held = match &candidate.rejection {
            None | Some(Rejection::TooYoung(_)) => is_above.then_some(None),
            Some(Rejection::Suspicious(suspicion)) => Some(Some(suspicion)),
            Some(_) => None,
        };
        Some(Self { release: candidate.release, version, held: held? })
    }
}
