//! From versions and files, in whatever order they are told, to releases.
//!
//! An index lists files; a release is what several of them share. The version of a file stands in its name, in the
//! spelling of the tool that made it, so files are joined to the index's own labels by what PEP 440 calls equal.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::file_name;
use crate::http::Malformed;
use crate::release::{Content, Links, PackageStatus, Release, ReleaseSet};
use crate::version::{SchemeId, Version};

/// What an index tells of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct File {
    /// The reason, empty where none was given; `None` when the file is not yanked.
    pub(super) yanked: Option<Box<str>>,
    pub(super) uploaded: Option<DateTime<Utc>>,
    /// Its checksum, where the index has one.
    pub(super) content: Option<Content>,
}

/// The files of one version so far: yanked when all of them are, as old as the oldest.
#[derive(Debug, Clone)]
struct Files {
    yanked: Option<Box<str>>,
    published: Option<DateTime<Utc>>,
    content: Option<Content>,
}

impl From<File> for Files {
    fn from(file: File) -> Self {
        Self { yanked: file.yanked, published: file.uploaded, content: file.content }
    }
}

impl Files {
    fn join(&mut self, other: Self) {
        self.yanked = match (self.yanked.take(), other.yanked) {
            (Some(ours), Some(theirs)) => Some(if ours.is_empty() { theirs } else { ours }),
            _ => None,
        };
        self.published = self.published.into_iter().chain(other.published).min();
        self.content = Content::least(self.content, other.content);
    }
}

/// What an answer has told so far.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The project's normalised name.
    project: String,
    /// The index's own labels; none where it lists only files.
    versions: Vec<Box<str>>,
    /// Files by the label in their names, in order of appearance.
    files: Vec<(Box<str>, Files)>,
    places: HashMap<Box<str>, usize>,
    /// Files whose names tell no version.
    nameless: Vec<(Box<str>, File)>,
    unreadable: Vec<(Box<str>, Box<str>)>,
    /// What the index says of the whole project.
    pub(super) status: Option<PackageStatus>,
    /// Addresses for a person.
    pub(super) links: Links,
}

impl Listing {
    /// For the project of that normalised name.
    pub(super) fn of(project: &str) -> Self {
        Self { project: project.to_owned(), ..Self::default() }
    }

    /// An answer about another project is a mistake of something in between, and never ours to believe.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Malformed> {
        if super::name::fold(name) == self.project {
            return Ok(());
        }
        Err(Malformed::new(format!("the answer is about another project, `{}`", name.escape_debug())))
    }

    /// A version that the index names itself.
    pub(super) fn add_version(&mut self, label: &str) {
        self.versions.push(label.into());
    }

    /// A file of which only the name says to which version it belongs.
    pub(super) fn add_file(&mut self, name: &str, file: File) {
        match file_name::label(name, &self.project) {
            Some(label) => self.add_file_of(label, file),
            None => self.nameless.push((name.into(), file)),
        }
    }

    /// A file of that version.
    pub(super) fn add_file_of(&mut self, label: &str, file: File) {
        // files of one version mostly follow each other
        let is_last = self.files.last().is_some_and(|(last, _)| **last == *label);
        let place = if is_last { Some(self.files.len() - 1) } else { self.places.get(label).copied() };
        if let Some(place) = place {
            return self.files[place].1.join(file.into());
        }
        self.places.insert(label.into(), self.files.len());
        self.files.push((label.into(), file.into()));
    }

    /// An entry that cannot be read as a release, and why.
    pub(super) fn add_unreadable(&mut self, entry: &str, reason: &str) {
        self.unreadable.push((entry.into(), reason.into()));
    }

    /// Bytes of memory that it takes so far, roughly.
    pub(super) fn held(&self) -> usize {
        let versions = self.versions.iter().map(|label| size_of::<Box<str>>() + label.len());
        // each label stands in two places
        let files = self.files.iter().map(|(label, files)| {
            size_of::<(Box<str>, Files)>() + 2 * (size_of::<Box<str>>() + label.len()) + length(files.yanked.as_deref())
        });
        let nameless = self.nameless.iter();
        let nameless =
            nameless.map(|(name, file)| size_of::<(Box<str>, File)>() + name.len() + length(file.yanked.as_deref()));
        let unreadable =
            self.unreadable.iter().map(|(entry, reason)| 2 * size_of::<Box<str>>() + entry.len() + reason.len());
        versions.sum::<usize>() + files.sum::<usize>() + nameless.sum::<usize>() + unreadable.sum::<usize>()
    }

    /// Everything that was told, joined.
    pub(super) fn into_facts(mut self) -> ReleaseSet {
        let mut labels: Labels = self.versions.iter().map(|label| &**label).collect();
        let mut of_label: Vec<Option<Files>> = Vec::new();
        self.join_nameless(&labels);
        for (label, files) in self.files {
            let place = labels.find(&label).unwrap_or_else(|| labels.add(&readable(&label)));
            of_label.resize_with(of_label.len().max(place + 1), || None);
            match &mut of_label[place] {
                Some(known) => known.join(files),
                none => *none = Some(files),
            }
        }
        let files = of_label.into_iter().chain(std::iter::repeat_with(|| None));
        let releases = labels.texts.into_iter().zip(files).map(|(label, files)| release(label, files));
        ReleaseSet {
            releases: releases.collect(),
            status: self.status.unwrap_or(PackageStatus::Active),
            links: self.links,
            unreadable: self.unreadable,
            ..ReleaseSet::default()
        }
    }

    /// A name of no known form still tells its version when a known label stands in it.
    fn join_nameless(&mut self, labels: &Labels) {
        for (name, file) in std::mem::take(&mut self.nameless) {
            match labels.within(&name) {
                Some(place) => self.add_file_of(&labels.texts[place], file),
                None => self.add_unreadable(&name, "is a file of which the name tells no version of this project"),
            }
        }
    }
}

/// What a file consists of, by its SHA-256: a source archive goes before the builds for single platforms, of which more may
/// be added at any time.
pub(super) fn content(name: &str, sha256: &str) -> Option<Content> {
    let is_source = [".tar.gz", ".zip", ".tar.bz2", ".tgz"].iter().any(|ending| name.ends_with(ending));
    Content::of_hex(name, is_source, sha256)
}

fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn release(version: Box<str>, files: Option<Files>) -> Release {
    let without_files = files.is_none();
    let Some(Files { yanked, published, content }) = files else {
        return Release { without_files, ..Release::new(version) };
    };
    Release { published_at: published, yanked, content, ..Release::new(version) }
}

/// Labels that are found again in another spelling of the same version.
#[derive(Debug, Default)]
pub(super) struct Labels {
    texts: Vec<Box<str>>,
    by_text: HashMap<Box<str>, usize>,
    /// Made when a label is first looked for in another spelling, which for most projects is never.
    by_version: OnceCell<BTreeMap<ByPrecedence, usize>>,
}

impl<'text> FromIterator<&'text str> for Labels {
    /// A label that stands twice is taken once; of two spellings of one version each keeps its place.
    fn from_iter<I: IntoIterator<Item = &'text str>>(labels: I) -> Self {
        let mut known = Self::default();
        for label in labels {
            if !known.by_text.contains_key(label) {
                known.add(label);
            }
        }
        known
    }
}

impl Labels {
    fn add(&mut self, label: &str) -> usize {
        let place = self.texts.len();
        self.texts.push(label.into());
        self.by_text.insert(label.into(), place);
        if let Some(known) = self.by_version.get_mut() {
            note(known, label, place);
        }
        place
    }

    /// The label itself, else the first that is the same version.
    pub(super) fn find(&self, label: &str) -> Option<usize> {
        let exact = spellings(label).find_map(|spelling| self.by_text.get(&*spelling).copied());
        exact.or_else(|| spellings(label).find_map(|spelling| self.find_version(&spelling)))
    }

    fn find_version(&self, label: &str) -> Option<usize> {
        let version = SchemeId::Pep440.parse(label).ok()?;
        let known = self.by_version.get_or_init(|| {
            let mut known = BTreeMap::new();
            self.texts.iter().enumerate().for_each(|(place, label)| note(&mut known, label, place));
            known
        });
        known.get(&ByPrecedence(version)).copied()
    }

    /// The longest label that stands in `text` between separators, behind something.
    fn within(&self, text: &str) -> Option<usize> {
        if text.len() > LONGEST_NAME {
            return None;
        }
        let starts = || text.match_indices(['-', '_']).map(|(at, _)| at + 1);
        let ends = text.match_indices(['-', '_', '.']).map(|(at, _)| at).chain([text.len()]);
        let spans = ends.flat_map(|end| starts().filter(move |start| *start < end).map(move |start| &text[start..end]));
        let known = spans.filter_map(|span| Some((span.len(), *self.by_text.get(span)?)));
        known.max_by_key(|(length, _)| *length).map(|(_, place)| place)
    }
}

/// Of two spellings of one version, the first is found.
fn note(known: &mut BTreeMap<ByPrecedence, usize>, label: &str, place: usize) {
    if let Ok(version) = SchemeId::Pep440.parse(label) {
        known.entry(ByPrecedence(version)).or_insert(place);
    }
}

/// File systems allow no longer names; with longer ones the search for a label in them would cost too much.
const LONGEST_NAME: usize = 255;

/// In names of old wheels an underscore stands for whatever was no letter, digit or dot: the label as it stands, then
/// as what it may have been.
fn spellings(label: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let unescaped = ["-", "+"].into_iter().filter(|_| label.contains('_')).map(|was| label.replace('_', was).into());
    std::iter::once(Cow::Borrowed(label)).chain(unescaped)
}

/// The first spelling that is a version, else the label as it stands.
fn readable(label: &str) -> Cow<'_, str> {
    spellings(label).find(|spelling| SchemeId::Pep440.parse(spelling).is_ok()).unwrap_or(Cow::Borrowed(label))
}

/// A version ordered, and equal, as PEP 440 says: two spellings of one version are one key.
#[derive(Debug)]
struct ByPrecedence(Version);

impl Ord for ByPrecedence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.precedence(&other.0)
    }
}

impl PartialOrd for ByPrecedence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByPrecedence {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByPrecedence {}
