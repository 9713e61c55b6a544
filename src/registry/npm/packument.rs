//! What a packument says, in whatever form it came.

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use serde::Deserialize;

use super::repository::Repository;
use crate::http::Malformed;
use crate::http::splitter::{Part, Wanted};
use crate::registry::instant::Instant;
use crate::registry::loose::Loose;
use crate::registry::members::{Document, Learn};
use crate::release::{Content, PackageStatus, Release, ReleaseSet};

/// The members that are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    Name,
    Error,
    DistTag,
    Versions,
    Version,
    Deprecated,
    Integrity,
    Shasum,
    Time,
    Homepage,
    Repository,
}

/// Of a version only its label, its deprecation and the start of a checksum are kept: the rest of it is what makes packuments large.
const WANTED: &[Wanted<Field>] = &[
    Wanted::value(Field::Name, &["name"]),
    Wanted::value(Field::Error, &["error"]),
    Wanted::value(Field::DistTag, &["dist-tags", "*"]),
    Wanted::start(Field::Versions, &["versions"]),
    Wanted::start(Field::Version, &["versions", "*"]),
    Wanted::value(Field::Deprecated, &["versions", "*", "deprecated"]),
    Wanted::value(Field::Integrity, &["versions", "*", "dist", "integrity"]),
    Wanted::value(Field::Shasum, &["versions", "*", "dist", "shasum"]),
    Wanted::value(Field::Time, &["time", "*"]),
    Wanted::value(Field::Homepage, &["homepage"]),
    Wanted::value(Field::Repository, &["repository"]),
];

/// What a packument has told so far.
#[derive(Debug, Default)]
pub(super) struct Packument {
    /// The name that was asked for.
    package: String,
    facts: ReleaseSet,
    has_versions: bool,
    times: HashMap<Box<str>, DateTime<Utc>>,
    /// That the whole package was unpublished, in words.
    unpublished: Option<Box<str>>,
    /// What the registry says went wrong, where it answered with an error in place of a packument.
    error: Option<String>,
}

impl Packument {
    /// A decoder for the packument of `package`.
    pub(super) fn of(package: &str) -> Document<Self> {
        Document::of(Self { package: package.to_owned(), ..Self::default() })
    }
}

impl Learn for Packument {
    type Field = Field;
    const WANTED: &'static [Wanted<Field>] = WANTED;

    fn held(&self) -> usize {
        let times = self.times.keys().map(|label| size_of::<(Box<str>, DateTime<Utc>)>() + label.len());
        self.facts.held() + times.sum::<usize>()
    }

    fn take(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        match part.name {
            Field::Name => self.check_name(&part.text()?)?,
            Field::Error => self.error = part.read().ok(),
            Field::DistTag => self.dist_tag(part)?,
            Field::Versions if !part.is_object() => return Err(Malformed::new("`versions` is not an object")),
            Field::Versions => self.has_versions = true,
            Field::Version if part.is_object() => self.facts.releases.push(Release::new(part.key)),
            Field::Version => self.unreadable(part.key, "is not an object"),
            Field::Deprecated => self.deprecated(&Loose::of(&part)?),
            Field::Integrity => self.content(part.text().ok().and_then(|checksum| integrity(&checksum))),
            Field::Shasum => {
                self.content(part.text().ok().and_then(|checksum| Content::of_hex("shasum", false, &checksum)));
            }
            Field::Time => self.time(part)?,
            Field::Homepage => self.facts.links.homepage = part.read::<Box<str>>().ok(),
            Field::Repository => {
                self.facts.links.repository = part.read::<Repository<'_>>().ok().and_then(|place| place.address());
            }
        }
        Ok(())
    }

    fn into_facts(mut self) -> Result<ReleaseSet, Malformed> {
        if !self.has_versions {
            let Some(words) = self.unpublished else { return Err(not_a_packument(self.error)) };
            self.facts.status = PackageStatus::Archived(Some(words));
        }
        for release in &mut self.facts.releases {
            release.published_at = self.times.remove(&release.version);
        }
        if is_deprecated(&self.facts) {
            self.facts.status = PackageStatus::Deprecated(words_of_latest(&self.facts));
        }
        Ok(self.facts)
    }
}

impl Packument {
    /// An answer about another package is a mistake of something in between, and never ours to believe.
    fn check_name(&self, name: &str) -> Result<(), Malformed> {
        if name.eq_ignore_ascii_case(&self.package) {
            return Ok(());
        }
        Err(Malformed::new(format!("the answer is about another package, `{}`", name.escape_debug())))
    }

    /// Tags that name no version are left out; some managers write them as null.
    fn dist_tag(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        if let Some(version) = part.read::<Option<Box<str>>>()? {
            self.facts.dist_tags.insert(part.key.into(), version);
        }
        Ok(())
    }

    /// The empty text and false mean "not".
    fn deprecated(&mut self, deprecated: &Loose<'_>) {
        let release = self.facts.releases.last_mut().expect("a deprecation stands inside a version");
        release.deprecated = match deprecated {
            Loose::Text(reason) => Some(reason).filter(|reason| !reason.is_empty()).map(|reason| (**reason).into()),
            Loose::Flag(is_deprecated) => is_deprecated.then(Box::default),
            Loose::Nothing => None,
            Loose::Other => {
                let label = release.version.clone();
                return self.unreadable(&label, "has a deprecation that is neither a text nor true or false");
            }
        };
    }

    /// `integrity` where there is one, which is the stronger checksum; old versions have `shasum` alone.
    fn content(&mut self, content: Option<Content>) {
        if let Some(release) = self.facts.releases.last_mut() {
            release.content = Content::least(release.content, content);
        }
    }

    /// `created` and `modified` are the package's; some managers write `unpublished` as null, which says nothing.
    fn time(&mut self, part: Part<'_, Field>) -> Result<(), Malformed> {
        match part.key {
            "created" | "modified" => {}
            "unpublished" if part.is_object() => self.unpublished = Some(part.read::<Unpublished>()?.words()),
            version => self.times.extend(Instant::of(&part)?.0.map(|time| (version.into(), time))),
        }
        Ok(())
    }

    fn unreadable(&mut self, label: &str, reason: &str) {
        self.facts.unreadable.push((label.into(), reason.into()));
    }
}

/// `sha512-BASE64`; of several, the first. <https://www.w3.org/TR/SRI/>
fn integrity(text: &str) -> Option<Content> {
    let (algorithm, checksum) = text.split_whitespace().next()?.split_once('-')?;
    Content::of_base64(algorithm, true, checksum)
}

fn not_a_packument(error: Option<String>) -> Malformed {
    match error {
        Some(error) => {
            let error: String = error.chars().take(200).flat_map(char::escape_debug).collect();
            Malformed::new(format!("expected a packument, got the error `{error}`"))
        }
        None => Malformed::new("expected a packument, got an object without `versions`"),
    }
}

/// `time.unpublished` of a package that was withdrawn as a whole.
#[derive(Debug, Deserialize)]
struct Unpublished {
    #[serde(default)]
    time: Instant,
}

impl Unpublished {
    fn words(&self) -> Box<str> {
        match self.time.0 {
            Some(at) => format!("the whole package was unpublished on {}", at.date_naive()).into(),
            None => "the whole package was unpublished".into(),
        }
    }
}

/// `npm deprecate <package>` marks every version.
fn is_deprecated(facts: &ReleaseSet) -> bool {
    !facts.releases.is_empty() && facts.releases.iter().all(|release| release.deprecated.is_some())
}

/// For a package deprecated as a whole, the words at the version that the registry itself calls `latest`.
fn words_of_latest(facts: &ReleaseSet) -> Option<Box<str>> {
    let latest = facts.dist_tags.get("latest")?;
    let release = facts.releases.iter().find(|release| release.version == *latest)?;
    release.deprecated.clone().filter(|words| !words.is_empty())
}
