//! What a version label means: one file a scheme, one list of schemes, one erased [`Version`] for the rest of the crate.
//!
//! A scheme parses a label, orders two of them, tells a prerelease, names the numeric segments and decides whether a
//! requirement accepts a version. It is pure: no network, no clock, no opinion about which release to take (that is
//! `select`) or how bad a distance is (that is `policy`).
//!
//! Adding a scheme: write `version/<name>.rs` with a unit struct that implements [`Scheme`], add one line to the list at
//! the end of this file, and run the tests; the contract tests in `tests/it` ask for what is missing.

mod comparators;
mod number;
pub(crate) mod words;

use std::cmp::Ordering;
use std::fmt;

pub use number::Number;

/// How the labels of one ecosystem are read and ordered.
///
/// Everything is an associated function: a scheme has no state. The outside world uses the erased [`Version`],
/// [`Requirement`] and [`SchemeId`], which dispatch to the implementation.
pub trait Scheme {
    /// A parsed label.
    type Version: Clone + fmt::Debug + Send + Sync;
    /// A parsed requirement: the range a pin accepts.
    type Requirement: Clone + fmt::Debug + Send + Sync;

    /// Reads a label exactly as the reference implementation of the ecosystem does.
    ///
    /// # Errors
    /// A sentence fragment, lower case, that says what is wrong with the label.
    fn parse(text: &str) -> Result<Self::Version, String>;

    /// Order of precedence: what the ecosystem's own comparison answers. Two spellings of one version are equal.
    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering;

    /// Order among versions that [`Scheme::compare`] calls equal, for a repeatable choice (build metadata, mostly).
    fn tie_break(_a: &Self::Version, _b: &Self::Version) -> Ordering {
        Ordering::Equal
    }

    /// Whether the ecosystem hides this version from somebody who asks for stable ones.
    fn is_prerelease(version: &Self::Version) -> bool;

    /// The numeric segments of the release, without prerelease, post-release, local or build parts.
    fn segments(version: &Self::Version) -> Segments;

    /// The most significant segment in which `newer` exceeds `older`; called only when it does.
    ///
    /// The default compares [`Scheme::segments`]; a scheme whose segments mean something else overrides it.
    fn step(older: &Self::Version, newer: &Self::Version) -> Step {
        let either_pre = Self::is_prerelease(older) || Self::is_prerelease(newer);
        Self::segments(older).step(&Self::segments(newer), either_pre)
    }

    /// Reads a requirement in the ecosystem's own syntax.
    ///
    /// # Errors
    /// A sentence fragment, lower case, that says what is wrong with the requirement.
    fn parse_requirement(text: &str) -> Result<Self::Requirement, String>;

    /// Whether the requirement accepts the version, by the plain meaning of its operators. Which prereleases are
    /// offered at all is decided before, in `select`.
    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool;

    /// The same by order alone: a prerelease between two releases is covered where both are, whether or not the syntax
    /// offers prereleases. It is what an entry of `ignore` means.
    fn covers(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        Self::accepts(requirement, version)
    }

    /// One requirement that accepts what each of these accepts; `None` where the syntax has no way to say that.
    fn all_of(_requirements: &[&str]) -> Option<String> {
        None
    }

    /// Whether the requirement accepts a label that does not parse; only PEP 440's `===` can.
    fn accepts_unparsable(_requirement: &Self::Requirement, _text: &str) -> bool {
        false
    }
}

/// The numeric part of a version: an epoch and its segments, most significant first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// PEP 440's epoch; 0 for every scheme that has none.
    pub epoch: Number,
    /// Segments as written; a missing one counts as 0.
    pub numbers: Vec<Number>,
}

impl Segments {
    /// Segments without an epoch.
    pub fn new(numbers: impl IntoIterator<Item = Number>) -> Self {
        Self { epoch: Number::ZERO, numbers: numbers.into_iter().collect() }
    }

    /// The segment at `index`, 0 where the version is shorter.
    pub fn get(&self, index: usize) -> &Number {
        self.numbers.get(index).unwrap_or(&Number::ZERO)
    }

    /// Whether the epoch and the first `depth` segments agree.
    pub fn same_prefix(&self, other: &Self, depth: usize) -> bool {
        self.epoch == other.epoch && (0..depth).all(|index| self.get(index) == other.get(index))
    }

    /// The step from these segments to newer ones; `either_prerelease` decides when no segment differs.
    fn step(&self, newer: &Self, either_prerelease: bool) -> Step {
        if self.epoch != newer.epoch {
            return Step::Major;
        }
        let longest = self.numbers.len().max(newer.numbers.len());
        match (0..longest).find(|&index| self.get(index) != newer.get(index)) {
            Some(0) => Step::Major,
            Some(1) => Step::Minor,
            None if either_prerelease => Step::Prerelease,
            Some(_) | None => Step::Patch,
        }
    }
}

/// The most significant segment in which a newer release exceeds an older one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Nothing newer.
    None,
    /// The same segments, one side a prerelease.
    Prerelease,
    /// The third or a later segment, a post-release or a local part.
    Patch,
    /// The second segment.
    Minor,
    /// The first segment, or PEP 440's epoch.
    Major,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "none",
            Self::Prerelease => "prerelease",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// A label that its scheme cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {scheme} version: {reason}")]
pub struct ParseVersionError {
    /// The label as it was found.
    pub text: String,
    /// The scheme that was asked.
    pub scheme: SchemeId,
    /// What is wrong, as a sentence fragment.
    pub reason: String,
}

/// A requirement that its scheme cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {scheme} requirement: {reason}")]
pub struct ParseRequirementError {
    /// The requirement as it was found.
    pub text: String,
    /// The scheme that was asked.
    pub scheme: SchemeId,
    /// What is wrong, as a sentence fragment.
    pub reason: String,
}

/// A version: the label as it was published, and what its scheme reads in it.
#[derive(Debug, Clone)]
pub struct Version {
    text: Box<str>,
    parsed: Parsed,
}

impl Version {
    /// The label exactly as it was published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Order of precedence, as the ecosystem's reference implementation answers.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.parsed.compare(&other.parsed)
    }

    /// Precedence, then build metadata, then the text itself: a total order in which no two labels are equal.
    pub fn total_order(&self, other: &Self) -> Ordering {
        self.precedence(other)
            .then_with(|| self.parsed.tie_break(&other.parsed))
            .then_with(|| self.text.cmp(&other.text))
    }

    /// The most significant segment in which `newer` exceeds this version; `none` when it does not.
    pub fn step_to(&self, newer: &Self) -> Step {
        if newer.precedence(self) == Ordering::Greater { self.parsed.step(&newer.parsed) } else { Step::None }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

/// A requirement: the text as it was written, and what its scheme reads in it.
#[derive(Debug, Clone)]
pub struct Requirement {
    text: Box<str>,
    parsed: ParsedRequirement,
    beside: Vec<Self>,
}

impl Requirement {
    /// The requirement exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same requirement, with others that each have to accept a version by themselves, too. Joined into one text they
    /// are not as strict: a set of Cargo or npm lets in a prerelease that any of its bounds names.
    #[must_use]
    pub fn beside(self, others: Vec<Self>) -> Self {
        Self { beside: others, ..self }
    }
}

/// Declares every scheme once: its module, its variant in [`SchemeId`] and the dispatch of the erased types.
macro_rules! schemes {
    ($($module:ident :: $name:ident = $id:literal, $about:literal;)+) => {
        $(mod $module;)+

        /// Which scheme reads a label.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum SchemeId {
            $(#[doc = $about] #[serde(rename = $id)] $name,)+
        }

        impl SchemeId {
            /// Every scheme, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in files, flags and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// One line for help texts and documentation.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)+ }
            }

            /// Reads a label.
            ///
            /// # Errors
            /// When the ecosystem's reference implementation refuses the label too.
            pub fn parse(self, text: &str) -> Result<Version, ParseVersionError> {
                let parsed = match self { $(Self::$name => <$module::$name as Scheme>::parse(text).map(Parsed::$name),)+ };
                match parsed {
                    Ok(parsed) => Ok(Version { text: text.into(), parsed }),
                    Err(reason) => Err(ParseVersionError { text: text.to_owned(), scheme: self, reason }),
                }
            }

            /// One requirement that accepts what each of these accepts; `None` without any, and where the scheme's syntax
            /// has no way to say that.
            pub fn all_of(self, requirements: &[&str]) -> Option<String> {
                let joined = match (requirements, self) {
                    ([], _) => None,
                    ([only], _) => return Some((*only).to_owned()),
                    $((several, Self::$name) => <$module::$name as Scheme>::all_of(several),)+
                };
                // half a requirement may become a whole one beside another
                let is_read = |text: &str| self.requirement(text).is_ok();
                joined.filter(|text| is_read(text) && requirements.iter().all(|text| is_read(text)))
            }

            /// Reads a requirement.
            ///
            /// # Errors
            /// When the ecosystem's reference implementation refuses the requirement too.
            pub fn requirement(self, text: &str) -> Result<Requirement, ParseRequirementError> {
                let parsed = match self {
                    $(Self::$name => <$module::$name as Scheme>::parse_requirement(text).map(ParsedRequirement::$name),)+
                };
                match parsed {
                    Ok(parsed) => Ok(Requirement { text: text.into(), parsed, beside: Vec::new() }),
                    Err(reason) => Err(ParseRequirementError { text: text.to_owned(), scheme: self, reason }),
                }
            }
        }

        #[derive(Debug, Clone)]
        enum Parsed { $($name(<$module::$name as Scheme>::Version),)+ }

        impl Parsed {
            const fn scheme(&self) -> SchemeId {
                match self { $(Self::$name(_) => SchemeId::$name,)+ }
            }

            /// Versions of two schemes are never compared by the engine; ordered by scheme, the order stays total.
            fn compare(&self, other: &Self) -> Ordering {
                match (self, other) {
                    $((Self::$name(a), Self::$name(b)) => <$module::$name as Scheme>::compare(a, b),)+
                    _ => self.scheme().cmp(&other.scheme()),
                }
            }

            fn tie_break(&self, other: &Self) -> Ordering {
                match (self, other) {
                    $((Self::$name(a), Self::$name(b)) => <$module::$name as Scheme>::tie_break(a, b),)+
                    _ => Ordering::Equal,
                }
            }

            fn step(&self, newer: &Self) -> Step {
                match (self, newer) {
                    $((Self::$name(a), Self::$name(b)) => <$module::$name as Scheme>::step(a, b),)+
                    _ => Step::Major,
                }
            }
        }

        impl Version {
            /// The scheme that read this version.
            pub const fn scheme(&self) -> SchemeId {
                self.parsed.scheme()
            }

            /// Whether the ecosystem hides this version from somebody who asks for stable ones.
            pub fn is_prerelease(&self) -> bool {
                match &self.parsed { $(Parsed::$name(version) => <$module::$name as Scheme>::is_prerelease(version),)+ }
            }

            /// The numeric segments of the release.
            pub fn segments(&self) -> Segments {
                match &self.parsed { $(Parsed::$name(version) => <$module::$name as Scheme>::segments(version),)+ }
            }
        }

        #[derive(Debug, Clone)]
        enum ParsedRequirement { $($name(<$module::$name as Scheme>::Requirement),)+ }

        impl Requirement {
            /// Whether the requirement accepts the version; false for a version of another scheme.
            pub fn accepts(&self, version: &Version) -> bool {
                let is_accepted = match (&self.parsed, &version.parsed) {
                    $((ParsedRequirement::$name(requirement), Parsed::$name(version)) => {
                        <$module::$name as Scheme>::accepts(requirement, version)
                    })+
                    _ => false,
                };
                is_accepted && self.beside.iter().all(|other| other.accepts(version))
            }

            /// Whether the version lies within the requirement by order alone, prereleases too; false for a version of
            /// another scheme.
            pub fn covers(&self, version: &Version) -> bool {
                let is_covered = match (&self.parsed, &version.parsed) {
                    $((ParsedRequirement::$name(requirement), Parsed::$name(version)) => {
                        <$module::$name as Scheme>::covers(requirement, version)
                    })+
                    _ => false,
                };
                is_covered && self.beside.iter().all(|other| other.covers(version))
            }

            /// Whether the requirement accepts a label, which need not parse: PEP 440's `===` names labels as they are.
            pub fn accepts_text(&self, text: &str) -> bool {
                let is_accepted = match &self.parsed {
                    $(ParsedRequirement::$name(requirement) => match <$module::$name as Scheme>::parse(text) {
                        Ok(version) => <$module::$name as Scheme>::accepts(requirement, &version),
                        Err(_) => <$module::$name as Scheme>::accepts_unparsable(requirement, text),
                    },)+
                };
                is_accepted && self.beside.iter().all(|other| other.accepts_text(text))
            }
        }
    };
}

impl fmt::Display for SchemeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

schemes! {
    semver::Semver = "semver", "Semantic Versioning 2.0 with Cargo's requirements";
    npm::Npm = "npm", "node-semver: versions and ranges as npm reads them";
    pep440::Pep440 = "pep440", "Python's PEP 440 versions and specifiers";
    gem::Gem = "gem", "RubyGems' own versions and requirements";
    loose::Loose = "loose", "git tags as people write them, ordered by libversion's rules";
    calver::Calver = "calver", "calendar versions: a date and an optional counter";
}
