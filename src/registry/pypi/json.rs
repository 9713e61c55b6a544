//! The two JSON forms: the simple API's list of files and `PyPI`'s own project document.

use std::borrow::Cow;

use serde::Deserialize;

use super::listing::{File, Listing};
use crate::http::splitter::{Part, Splitter, Wanted};
use crate::http::{Decode, Malformed};
use crate::registry::instant::Instant;
use crate::registry::loose::Loose;
use crate::release::{Links, PackageStatus, ReleaseSet};

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Meta,
    Status,
    Versions,
    Version,
    Files,
    File,
    Info,
    ProjectUrls,
    HomePage,
    Releases,
    Release,
    ReleaseFile,
}

const WANTED: &[Wanted<Field>] = &[
    // the simple API: https://packaging.python.org/en/latest/specifications/simple-repository-api/#json-serialization
    Wanted::value(Field::Name, &["name"]),
    Wanted::value(Field::Meta, &["meta"]),
    Wanted::value(Field::Status, &["project-status"]),
    Wanted::start(Field::Versions, &["versions"]),
    Wanted::value(Field::Version, &["versions", "*"]),
    Wanted::start(Field::Files, &["files"]),
    Wanted::value(Field::File, &["files", "*"]),
    // the project document: https://docs.pypi.org/api/json/
    Wanted::start(Field::Info, &["info"]),
    Wanted::value(Field::Name, &["info", "name"]),
    Wanted::value(Field::ProjectUrls, &["info", "project_urls"]),
    Wanted::value(Field::HomePage, &["info", "home_page"]),
    Wanted::start(Field::Releases, &["releases"]),
    Wanted::start(Field::Release, &["releases", "*"]),
    Wanted::value(Field::ReleaseFile, &["releases", "*", "*"]),
];

/// Reads one answer of either form.
#[derive(Debug)]
pub(super) struct Json {
    splitter: Splitter<Field>,
    learned: Learned,
}

#[derive(Debug)]
struct Learned {
    listing: Listing,
    /// The version whose files are being told.
    version: String,
    /// The document has what its form cannot be without: `files`, or `info`.
    is_known_form: bool,
    /// The old way to name the home page; `project_urls` is the new one and goes before.
    home_page: Option<Box<str>>,
}

impl Json {
    /// For an answer about the project of that normalised name.
    pub(super) fn of(project: &str) -> Self {
        let learned =
            Learned { listing: Listing::of(project), version: String::new(), is_known_form: false, home_page: None };
        Self { splitter: Splitter::new(WANTED), learned }
    }
}

impl Decode for Json {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let Self { splitter, learned } = self;
        splitter.chunk(bytes, &mut |part| learned.take(part))
    }

    fn held(&self) -> usize {
        self.splitter.held() + self.learned.listing.held()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.splitter.finish()?;
        self.learned.into_facts()
    }
}

impl Learned {
    fn take(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        match part.name {
            Field::Name => self.listing.check_name(&part.read::<Cow<'_, str>>()?)?,
            Field::Meta => self.meta(&part.read()?)?,
            Field::Status => self.status(&part.read()?, None),
            Field::Versions if part.is_array() || part.is_null() => {}
            Field::Version => self.listing.add_version(&part.read::<Cow<'_, str>>()?),
            Field::Files if part.is_array() => self.is_known_form = true,
            Field::Info if part.is_object() => self.is_known_form = true,
            Field::Releases if part.is_object() => {}
            Field::Versions | Field::Files | Field::Info | Field::Releases => {
                return Err(Malformed::new(format!("`{}` is of another type than it should be", part.key)));
            }
            Field::File => self.file(&part.read()?)?,
            Field::Release => self.release(part),
            Field::ReleaseFile => self.release_file(&part.read()?),
            Field::ProjectUrls => self.project_urls(&part.read().unwrap_or_default()),
            Field::HomePage => self.home_page = part.read::<Box<str>>().ok(),
        }
        Ok(())
    }

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

    fn file(&mut self, told: &SimpleFile<'_>) -> Result<(), Malformed> {
        let yanked = match &told.yanked {
            Loose::Text(reason) => Some(reason).filter(|reason| !reason.is_empty()).map(|reason| (**reason).into()),
            Loose::Flag(is_yanked) => is_yanked.then(Box::default),
            Loose::Nothing => None,
            Loose::Other => return Err(Malformed::new("`yanked` is neither a text nor true or false")),
        };
        self.listing.add_file(&told.filename, File { yanked, uploaded: told.upload_time.0 });
        Ok(())
    }

    fn release(&mut self, part: Part<'_, Field>) {
        part.key.clone_into(&mut self.version);
        if part.is_array() {
            self.listing.add_version(part.key);
        } else {
            self.listing.add_unreadable(part.key, "is not a list of files");
        }
    }

    fn release_file(&mut self, told: &ReleaseFile<'_>) {
        let reason = told.yanked_reason.as_deref().unwrap_or_default();
        let yanked = told.yanked.unwrap_or_default().then(|| reason.into());
        let uploaded = told.upload_time_iso_8601.0.or(told.upload_time.0);
        self.listing.add_file_of(&self.version, File { yanked, uploaded });
    }

    fn project_urls(&mut self, urls: &serde_json::Map<String, serde_json::Value>) {
        for (label, url) in urls {
            if let Some(url) = url.as_str() {
                add_link(&mut self.listing.links, label, url);
            }
        }
    }

    fn into_facts(self) -> Result<ReleaseSet, Malformed> {
        if !self.is_known_form {
            return Err(Malformed::new("expected a list of files, got an object without `files`"));
        }
        let mut facts = self.listing.into_facts();
        facts.links.homepage = facts.links.homepage.or(self.home_page);
        Ok(facts)
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

#[derive(Deserialize)]
struct SimpleFile<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
    /// A reason, or true or false; the empty text means false, as pip reads it.
    #[serde(borrow, default)]
    yanked: Loose<'a>,
    #[serde(rename = "upload-time", default)]
    upload_time: Instant,
}

#[derive(Deserialize)]
struct ReleaseFile<'a> {
    #[serde(default)]
    yanked: Option<bool>,
    #[serde(borrow, default)]
    yanked_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    upload_time_iso_8601: Instant,
    #[serde(default)]
    upload_time: Instant,
}
