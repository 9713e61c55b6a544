//! The two JSON forms: the simple API's list of files and `PyPI`'s own project document.

use std::borrow::Cow;

use serde::Deserialize;

use super::listing::{File, Listing, content};
use crate::http::Malformed;
use crate::http::splitter::{Part, Wanted};
use crate::registry::instant::Instant;
use crate::registry::loose::Loose;
use crate::registry::members::{Document, Learn, once};
use crate::release::{Links, PackageStatus, ReleaseSet};

/// The members that are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    Name,
    Meta,
    Status,
    Versions,
    Version,
    Files,
    File,
    FileName,
    FileYanked,
    FileTime,
    FileDigest,
    Info,
    ProjectUrls,
    HomePage,
    Releases,
    Release,
    ReleaseFile,
    ReleaseYanked,
    ReleaseReason,
    ReleaseTime,
}

const WANTED: &[Wanted<Field>] = &[
    // the simple API: https://packaging.python.org/en/latest/specifications/simple-repository-api/#json-serialization
    Wanted::value(Field::Name, &["name"]),
    Wanted::value(Field::Meta, &["meta"]),
    Wanted::value(Field::Status, &["project-status"]),
    Wanted::start(Field::Versions, &["versions"]),
    Wanted::value(Field::Version, &["versions", "*"]),
    Wanted::start(Field::Files, &["files"]),
    Wanted::start(Field::File, &["files", "*"]),
    Wanted::value(Field::FileName, &["files", "*", "filename"]),
    Wanted::value(Field::FileYanked, &["files", "*", "yanked"]),
    Wanted::value(Field::FileTime, &["files", "*", "upload-time"]),
    Wanted::value(Field::FileDigest, &["files", "*", "hashes", "sha256"]),
    // the project document: https://docs.pypi.org/api/json/
    Wanted::start(Field::Info, &["info"]),
    Wanted::value(Field::Name, &["info", "name"]),
    Wanted::value(Field::ProjectUrls, &["info", "project_urls"]),
    Wanted::value(Field::HomePage, &["info", "home_page"]),
    Wanted::start(Field::Releases, &["releases"]),
    Wanted::start(Field::Release, &["releases", "*"]),
    Wanted::start(Field::ReleaseFile, &["releases", "*", "*"]),
    Wanted::value(Field::FileName, &["releases", "*", "*", "filename"]),
    Wanted::value(Field::FileDigest, &["releases", "*", "*", "digests", "sha256"]),
    Wanted::value(Field::ReleaseYanked, &["releases", "*", "*", "yanked"]),
    Wanted::value(Field::ReleaseReason, &["releases", "*", "*", "yanked_reason"]),
    Wanted::value(Field::FileTime, &["releases", "*", "*", "upload_time_iso_8601"]),
    Wanted::value(Field::ReleaseTime, &["releases", "*", "*", "upload_time"]),
];

/// What an answer of either form has told so far.
#[derive(Debug)]
pub(super) struct Json {
    listing: Listing,
    /// The version whose files are being told.
    version: String,
    /// The file that is being told.
    file: Option<Told>,
    /// The document has what its form cannot be without: `files`, or `info`.
    is_known_form: bool,
    /// The old way to name the home page; `project_urls` is the new one and goes before.
    home_page: Option<Box<str>>,
}

/// What was told of a file so far.
#[derive(Debug, Default)]
struct Told {
    /// In the project document the version above a file says to which release it belongs.
    is_of_version: bool,
    name: Option<Box<str>>,
    yanked: Option<Yanked>,
    reason: Option<Box<str>>,
    uploaded: Option<Instant>,
    /// The file's SHA-256 in hexadecimal.
    digest: Option<Box<str>>,
    /// The same in the older member of the project document, without an offset.
    uploaded_in_utc: Option<Instant>,
}

/// The reason, empty where none was given; `None` when the file is not yanked.
type Yanked = Option<Box<str>>;

impl Json {
    /// A decoder for an answer about the project of that normalised name.
    pub(super) fn of(project: &str) -> Document<Self> {
        Document::of(Self {
            listing: Listing::of(project),
            version: String::new(),
            file: None,
            is_known_form: false,
            home_page: None,
        })
    }
}

impl Learn for Json {
    type Field = Field;
    const WANTED: &'static [Wanted<Field>] = WANTED;

    fn held(&self) -> usize {
        self.listing.held()
    }

    fn take(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        match part.name {
            Field::Name => self.listing.check_name(&part.text()?)?,
            Field::Meta => self.meta(&part.read()?)?,
            Field::Status => self.status(&part.read()?, None),
            Field::Versions if part.is_array() || part.is_null() => {}
            Field::Version => self.listing.add_version(&part.text()?),
            Field::Files if part.is_array() => self.is_known_form = true,
            Field::Info if part.is_object() => self.is_known_form = true,
            Field::Releases if part.is_object() => {}
            Field::Versions | Field::Files | Field::Info | Field::Releases => {
                return Err(Malformed::new(format!("`{}` is of another type than it should be", part.key)));
            }
            Field::Release => self.release(part)?,
            Field::File | Field::ReleaseFile => self.begin_file(part)?,
            Field::FileName => once(&mut self.told().name, &part, part.text()?.into())?,
            Field::FileYanked => once(&mut self.told().yanked, &part, yanked(&Loose::of(&part)?)?)?,
            Field::FileTime => once(&mut self.told().uploaded, &part, Instant::of(&part)?)?,
            Field::FileDigest => self.told().digest = part.text().ok().map(|digest| (&*digest).into()),
            Field::ReleaseYanked => once(&mut self.told().yanked, &part, flagged(part.read()?))?,
            Field::ReleaseReason => once(&mut self.told().reason, &part, text_or_null(&part)?)?,
            Field::ReleaseTime => once(&mut self.told().uploaded_in_utc, &part, Instant::of(&part)?)?,
            Field::ProjectUrls => self.project_urls(&part.read().unwrap_or_default()),
            Field::HomePage => self.home_page = part.read::<Box<str>>().ok(),
        }
        Ok(())
    }

    fn into_facts(mut self) -> Result<ReleaseSet, Malformed> {
        self.end_file()?;
        if !self.is_known_form {
            return Err(Malformed::new("expected a list of files, got an object without `files`"));
        }
        let mut facts = self.listing.into_facts();
        facts.links.homepage = facts.links.homepage.or(self.home_page);
        Ok(facts)
    }
}

impl Json {
    /// A higher major version means another protocol. <https://peps.python.org/pep-0629/>
    fn meta(&mut self, meta: &Meta<'_>) -> Result<(), Malformed> {
        check_api_version(&meta.api_version)?;
        if let Some(status) = &meta.status {
            self.status(status, meta.status_reason.as_deref());
        }
        Ok(())
    }

    fn status(&mut self, told: &Status<'_>, reason_beside: Option<&str>) {
        let (marker, reason) = match told {
            Status::Object { status, reason } => (status, reason.as_deref()),
            Status::Marker(marker) => (marker, reason_beside),
            Status::Nothing(()) => return,
        };
        self.listing.status = Some(status(marker, reason));
    }

    fn begin_file(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        if !part.is_object() {
            return Err(Malformed::new("a file is of another type than it should be"));
        }
        self.end_file()?;
        self.file = Some(Told { is_of_version: matches!(part.name, Field::ReleaseFile), ..Told::default() });
        Ok(())
    }

    fn told(&mut self) -> &mut Told {
        self.file.as_mut().expect("a file's start is told before its members")
    }

    /// Nothing tells where a file ends, so it is taken in when something else begins.
    fn end_file(&mut self) -> Result<(), Malformed> {
        let Some(told) = self.file.take() else { return Ok(()) };
        let uploaded = told.uploaded.unwrap_or_default().0.or(told.uploaded_in_utc.unwrap_or_default().0);
        let yanked = told.yanked.flatten().map(|reason| told.reason.unwrap_or(reason));
        let digest = told.name.as_deref().zip(told.digest.as_deref());
        let file = File { yanked, uploaded, content: digest.and_then(|(name, digest)| content(name, digest)) };
        match told.name {
            _ if told.is_of_version => self.listing.add_file_of(&self.version, file),
            Some(name) => self.listing.add_file(&name, file),
            None => return Err(Malformed::new("a file has no `filename`")),
        }
        Ok(())
    }

    fn release(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        self.end_file()?;
        part.key.clone_into(&mut self.version);
        if part.is_array() {
            self.listing.add_version(part.key);
        } else {
            self.listing.add_unreadable(part.key, "is not a list of files");
        }
        Ok(())
    }

    fn project_urls(&mut self, urls: &serde_json::Map<String, serde_json::Value>) {
        for (label, url) in urls {
            if let Some(url) = url.as_str() {
                add_link(&mut self.listing.links, label, url);
            }
        }
    }
}

/// Refuses an API of a higher major version than ours, as the specification demands.
pub(super) fn check_api_version(version: &str) -> Result<(), Malformed> {
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    Err(Malformed::new(format!("expected version 1 of the simple API, got `{}`", version.escape_debug())))
}

/// Reads a status marker. <https://packaging.python.org/en/latest/specifications/project-status-markers/>
pub(super) fn status(marker: &str, reason: Option<&str>) -> PackageStatus {
    let reason = reason.filter(|reason| !reason.is_empty()).map(Into::into);
    match marker {
        "active" => PackageStatus::Active,
        "archived" => PackageStatus::Archived(reason),
        "quarantined" => PackageStatus::Quarantined(reason),
        "deprecated" => PackageStatus::Deprecated(reason),
        other => {
            tracing::warn!(marker = other, "unknown project status, taken for active");
            PackageStatus::Active
        }
    }
}

/// Sorts an address by its label. Labels are free text; the known ones are compared without case and punctuation.
/// <https://packaging.python.org/en/latest/specifications/well-known-project-urls/>
fn add_link(links: &mut Links, label: &str, url: &str) {
    let label: String = label.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let place = match &*label {
        "changelog" | "changelogs" | "changes" | "releasenotes" | "releases" | "whatsnew" | "history" | "news" => {
            &mut links.changelog
        }
        "source" | "sources" | "sourcecode" | "repository" | "repo" | "code" | "github" | "gitlab" => {
            &mut links.repository
        }
        "homepage" | "home" => &mut links.homepage,
        _ => return,
    };
    if place.is_none() {
        *place = Some(url.into());
    }
}

/// The few members of `meta` that matter. A server that names no version speaks the first.
#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "api-version", default = "first_version")]
    api_version: Cow<'a, str>,
    /// Where the specification's own example has it, against its text.
    #[serde(borrow, rename = "project-status", default)]
    status: Option<Status<'a>>,
    #[serde(borrow, rename = "project-status-reason", default)]
    status_reason: Option<Cow<'a, str>>,
}

const fn first_version() -> Cow<'static, str> {
    Cow::Borrowed("1.0")
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status<'a> {
    Object {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow, default)]
        reason: Option<Cow<'a, str>>,
    },
    Marker(#[serde(borrow)] Cow<'a, str>),
    Nothing(()),
}

/// A reason, or true or false; the empty text means false, as pip reads it.
fn yanked(told: &Loose<'_>) -> Result<Yanked, Malformed> {
    match told {
        Loose::Text(reason) => Ok(Some(reason).filter(|reason| !reason.is_empty()).map(|reason| (**reason).into())),
        Loose::Flag(is_yanked) => Ok(flagged(Some(*is_yanked))),
        Loose::Nothing => Ok(None),
        Loose::Other => Err(Malformed::new("`yanked` is neither a text nor true or false")),
    }
}

fn flagged(is_yanked: Option<bool>) -> Yanked {
    is_yanked.unwrap_or_default().then(Box::default)
}

fn text_or_null(part: &Part<'_, Field>) -> Result<Box<str>, Malformed> {
    Ok(part.read::<Option<_>>()?.unwrap_or_default())
}
