//! What upmon remembers of releases between runs, so that a release that is suspicious is held until somebody says that it
//! is right, and one without a date is as old as upmon's knowledge of it.
//!
//! - [`State`]: what is remembered, one small document; merging two of them loses nothing, in whatever order;
//! - [`rules`]: pure: what is suspicious, given what is remembered;
//! - [`mod@file`]: the document on disk: read whole, replaced in one step, and only where something changed;
//! - [`ack`]: somebody says that it is right.
//!
//! What a run has to remember of what it saw is gathered in [`crate::lookup::ledger`].

pub mod ack;
pub mod file;
pub mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the state file. One of another version is not read, so nothing that it holds is lost.
pub const VERSION: u32 = 1;

/// The state file (version 1): what upmon remembers of pins between runs. Keys are sorted, and every entry is one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "upmon state")]
pub struct State {
    /// By `group/package`.
    pub pins: BTreeMap<String, Remembered>,
    /// The version of this document's contract: 1.
    pub version: u32,
}

impl Default for State {
    fn default() -> Self {
        Self { pins: BTreeMap::new(), version: VERSION }
    }
}

/// What is remembered of one pin.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// What somebody said is right.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub acknowledged: BTreeSet<Ack>,
    /// Who lists the releases, and under which name or address. What is remembered of another is forgotten.
    pub from: String,
    /// What is suspicious of the package as a whole, and not acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Suspicion>,
    /// The highest first number of any release that was not held and looked like the pin: counted, a year or a date.
    pub major: u64,
    /// Who owned the source repository so far, as host and first part of the path.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owners: BTreeSet<String>,
    /// The pinned release and the few above it that matter, by label.
    pub releases: BTreeMap<String, Noted>,
    /// What the versions of releases that were not held look like.
    pub shapes: BTreeSet<Shape>,
}

/// What is remembered of one release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// What it may consist of: the start of a checksum behind eight digits for the file that it is of, or the commit of a
    /// tag. More than one where a change was acknowledged. Empty where nothing told, or where the release was held before
    /// anything was known of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub content: BTreeSet<String>,
    /// What is suspicious of it, and not acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Suspicion>,
    /// When upmon first saw it, to the second.
    pub seen: DateTime<Utc>,
}

/// What is suspicious.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspicion {
    /// What was expected, as upmon remembers it.
    pub expected: String,
    /// Of which kind.
    pub kind: Kind,
    /// What was there instead.
    pub found: String,
}

/// What somebody said is right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// When, to the second.
    pub at: DateTime<Utc>,
    /// What was there, and is right.
    pub found: String,
    /// What was suspicious.
    pub kind: Kind,
    /// Why it is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The release as upstream labels it; missing for the package as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The kinds of what is suspicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The first number is absurdly far above that of every other release.
    MajorJump,
    /// The version looks like that of no other release: a date after numbers, or numbers after dates.
    SchemeChange,
    /// The tag points to another commit than before.
    TagMoved,
    /// The version was published again with other content.
    Republished,
    /// The source repository belongs to somebody else than before.
    OwnerMoved,
}

impl Kind {
    /// The word in reports and in the state file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MajorJump => "major-jump",
            Self::SchemeChange => "scheme-change",
            Self::TagMoved => "tag-moved",
            Self::Republished => "republished",
            Self::OwnerMoved => "owner-moved",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Display for Suspicion {
    /// In words; what comes from upstream is part of it: hostile text.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, kind, found } = self;
        match kind {
            Kind::MajorJump => write!(formatter, "an absurd jump: its first number is {found}, expected {expected}"),
            Kind::SchemeChange => write!(formatter, "a change of scheme: it is {found}, expected {expected}"),
            Kind::TagMoved => write!(formatter, "its tag moved to the commit {found}, expected {expected}"),
            Kind::Republished => {
                write!(formatter, "it was published again with other content: {found}, expected {expected}")
            }
            Kind::OwnerMoved => {
                write!(formatter, "its source repository belongs to {found}, expected {expected}")
            }
        }
    }
}

/// What a version looks like, by its first number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A whole date in one number, such as `20160708` or `201607`.
    Date,
    /// A counted number: `1.4`.
    Number,
    /// A year from 1990 to 2099: `2024.1`.
    Year,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Date => "a date",
            Self::Number => "a number",
            Self::Year => "a year",
        })
    }
}

impl State {
    /// Takes over what another one holds. The order of merges does not matter, nor does doing one twice.
    pub fn merge(&mut self, other: Self) {
        for (id, theirs) in other.pins {
            match self.pins.get_mut(&id) {
                Some(ours) => ours.merge(theirs),
                None => _ = self.pins.insert(id, theirs),
            }
        }
    }
}

impl Remembered {
    /// Of two that are from different places the later name stays: one of the two runs had old pins, and what it lost is
    /// noted again.
    fn merge(&mut self, other: Self) {
        if self.from != other.from {
            if other.from > self.from {
                *self = other;
            }
            return;
        }
        self.acknowledged.extend(other.acknowledged);
        self.major = self.major.max(other.major);
        self.owners.extend(other.owners);
        self.shapes.extend(other.shapes);
        for (label, theirs) in other.releases {
            match self.releases.get_mut(&label) {
                Some(ours) => ours.merge(theirs),
                None => _ = self.releases.insert(label, theirs),
            }
        }
        self.held = self.held.take().max(other.held);
    }

    /// Whether somebody said that this is right.
    pub fn is_acknowledged(&self, version: Option<&str>, suspicion: &Suspicion) -> bool {
        self.ack_of(version, suspicion.kind).any(|ack| ack.found == suspicion.found)
    }

    fn ack_of<'a>(&'a self, version: Option<&'a str>, kind: Kind) -> impl Iterator<Item = &'a Ack> {
        self.acknowledged.iter().filter(move |ack| ack.version.as_deref() == version && ack.kind == kind)
    }

    /// What was said of a release, oldest first.
    pub fn acks<'a>(&'a self, version: &'a str) -> impl Iterator<Item = &'a Ack> {
        self.acknowledged.iter().filter(move |ack| ack.version.as_deref() == Some(version))
    }

    /// Everything that is held, the package as a whole first.
    pub fn held(&self) -> impl Iterator<Item = (Option<&str>, &Suspicion)> {
        let releases = self.releases.iter();
        let releases = releases.filter_map(|(label, noted)| Some((Some(label.as_str()), noted.held.as_ref()?)));
        self.held.iter().map(|held| (None, held)).chain(releases)
    }

    /// Takes away what is acknowledged from what is held.
    pub(crate) fn release_acknowledged(&mut self) {
        let mut releases = std::mem::take(&mut self.releases);
        for (label, noted) in &mut releases {
            noted.held = noted.held.take().filter(|held| !self.is_acknowledged(Some(label), held));
        }
        self.releases = releases;
        self.held = self.held.take().filter(|held| !self.is_acknowledged(None, held));
    }
}

impl Noted {
    fn merge(&mut self, other: Self) {
        self.content.extend(other.content);
        self.held = self.held.take().max(other.held);
        self.seen = self.seen.min(other.seen);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set};
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn at() -> impl Strategy<Value = DateTime<Utc>> {
        (0_i64..4).prop_map(|second| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap())
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::MajorJump),
            Just(Kind::SchemeChange),
            Just(Kind::TagMoved),
            Just(Kind::Republished),
            Just(Kind::OwnerMoved)
        ]
    }

    fn suspicion() -> impl Strategy<Value = Suspicion> {
        (kind(), "[ab]", "[ab]").prop_map(|(kind, expected, found)| Suspicion { expected, kind, found })
    }

    fn noted() -> impl Strategy<Value = Noted> {
        (btree_set("[ab]", 0..2), option::of(suspicion()), at()).prop_map(|(content, held, seen)| Noted {
            content,
            held,
            seen,
        })
    }

    fn ack() -> impl Strategy<Value = Ack> {
        (at(), "[ab]", kind(), option::of("[ab]"), option::of("1|2"))
            .prop_map(|(at, found, kind, reason, version)| Ack { at, found, kind, reason, version })
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![Just(Shape::Date), Just(Shape::Number), Just(Shape::Year)]
    }

    fn remembered() -> impl Strategy<Value = Remembered> {
        let sets = (btree_set(ack(), 0..3), btree_set("[ab]", 0..2), btree_set(shape(), 0..2));
        (sets, "npm a|npm b", option::of(suspicion()), 0_u64..3, btree_map("1|2", noted(), 0..3)).prop_map(
            |((acknowledged, owners, shapes), from, held, major, releases)| Remembered {
                acknowledged,
                from,
                held,
                major,
                owners,
                releases,
                shapes,
            },
        )
    }

    /// Any state of few names, so that two of them often speak of the same.
    pub(super) fn state() -> impl Strategy<Value = State> {
        btree_map("x|y", remembered(), 0..3).prop_map(|pins| State { pins, version: VERSION })
    }

    fn merged(one: &State, other: &State) -> State {
        let mut merged = one.clone();
        merged.merge(other.clone());
        merged
    }

    proptest! {
        #[test]
        fn merges_commute_associate_and_may_be_repeated(a in state(), b in state(), c in state()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn a_merge_keeps_every_acknowledgement_and_the_earliest_sight(a in state(), b in state()) {
            let both = merged(&a, &b);
            for (id, ours) in &a.pins {
                let kept = &both.pins[id];
                prop_assert!(kept.from >= ours.from);
                if kept.from == ours.from {
                    prop_assert!(ours.acknowledged.is_subset(&kept.acknowledged));
                    prop_assert!(ours.releases.iter().all(|(label, noted)| kept.releases[label].seen <= noted.seen));
                }
            }
        }
    }
}
