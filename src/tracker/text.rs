//! Every text of an issue, through the templates: what they say depends on facts alone, never on the day of the run, so that
//! an unchanged world gives the same bytes.
//!
//! Upstream's words are escaped by [`crate::report::escape`]. A body that would not fit drops what matters least.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handlebars::Handlebars;
use serde::Serialize;

use super::marker::{Known, State, enclose};
use crate::lag::Status;
use crate::policy::Severity;
use crate::registry::RegistryId;
use crate::report::{Finding, Notice, NoticeKind, Target, escape, markdown, words};

/// GitHub refuses bodies of [more than 65,536 characters](https://github.com/orgs/community/discussions/27190). They are
/// counted as UTF-16 units here, which is never less.
pub(crate) const LONGEST_BODY: usize = 65_536;

/// No address that people follow is longer.
const LONGEST_ADDRESS: usize = 2_000;

/// The most of a name or a version in a title, which GitHub ends at 256 characters.
const LONGEST_IN_TITLE: usize = 80;

static TEMPLATES: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    markdown::templates([
        ("issue", include_str!("../../templates/issue.md.hbs")),
        ("rollup", include_str!("../../templates/rollup.md.hbs")),
        ("comment-worse", include_str!("../../templates/comment-worse.md.hbs")),
        ("comment-closed", include_str!("../../templates/comment-closed.md.hbs")),
        ("comment-reopened", include_str!("../../templates/comment-reopened.md.hbs")),
        ("comment-duplicate", include_str!("../../templates/comment-duplicate.md.hbs")),
    ])
});

fn render(template: &str, page: &impl Serialize) -> String {
    TEMPLATES.render(template, page).expect("the page has every field that the template names")
}

/// The size of a text as GitHub may count it.
pub(crate) fn size(text: &str) -> usize {
    text.encode_utf16().count()
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// The title of a package's issue.
pub(crate) fn title(finding: &Finding) -> String {
    let short = |text: &str| cut(&in_title(text), LONGEST_IN_TITLE);
    let pinned = short(&words::version(&finding.pinned.version));
    let package = short(&finding.package);
    match finding.newest.as_ref().filter(|_| finding.status == Status::Behind) {
        Some(newest) => format!("{package} {pinned} is behind {}", short(&words::version(&newest.version))),
        // yanked, removed or deprecated
        None if finding.severity > Some(Severity::Info) => format!("{package} {pinned} should be replaced"),
        None => format!("{package} {pinned} is {}", finding.status.as_str()),
    }
}

/// The start of a text, in at most so many UTF-16 units.
fn cut(text: &str, most: usize) -> String {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= most
    };
    text.chars().take_while(fits).collect()
}

/// A text in a title: visible characters, and nothing that GitHub or its mails would make a mention or a reference of.
fn in_title(text: &str) -> String {
    let shown = escape::terminal(text).replace('@', "@\u{200b}").replace('#', "#\u{200b}");
    let shown = shown.replace("://", ":\u{200b}//").replace("www.", "www\u{200b}.");
    let starts: Vec<usize> = shown.to_ascii_lowercase().match_indices("gh-").map(|(at, _)| at + 2).collect();
    starts.into_iter().rev().fold(shown, |mut text, at| {
        text.insert(at, '\u{200b}');
        text
    })
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'a str,
    severity: &'static str,
    advice: &'static str,
    pinned: String,
    pinned_on: String,
    newest: String,
    newest_on: String,
    /// Whether either day is known.
    dated: bool,
    url: &'a str,
    behind: String,
    since: String,
    due: String,
    overdue: bool,
    requirement: String,
    wanted: String,
    file: String,
    group: String,
    notices: Vec<Told>,
    command: String,
    target: String,
    links: Vec<Link<'a>>,
    ask: Option<Ask>,
}

/// A box with which a person approves the newest version.
#[derive(Serialize)]
pub(crate) struct Ask {
    /// What is started then.
    pub(crate) targets: String,
    /// `x` where it is ticked, else a space.
    pub(crate) tick: &'static str,
    /// What tells it from other boxes, and its version from others.
    pub(crate) key: String,
}

#[derive(Serialize)]
struct Told {
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Link<'a> {
    name: &'static str,
    url: &'a str,
}

/// Our part of a package's issue, in at most `room` characters: links go first, then notices. `None` where not even the
/// rest has room.
pub(crate) fn issue(finding: &Finding, state: &State, ask: Option<Ask>, room: usize) -> Option<String> {
    let mut page = Page { ask, ..Page::of(finding) };
    let shown = |page: &Page<'_>| {
        let text = enclose(&finding.id, state, &render("issue", page));
        (size(&text) <= room).then_some(text)
    };
    shown(&page)
        .or_else(|| {
            page.links.clear();
            shown(&page)
        })
        .or_else(|| {
            page.notices.clear();
            shown(&page)
        })
}

impl<'a> Page<'a> {
    fn of(finding: &'a Finding) -> Self {
        let newest = finding.newest.as_ref();
        let on = |at: Option<DateTime<Utc>>| at.map(day).unwrap_or_default();
        let target = words::target(finding);
        Self {
            id: &finding.id,
            severity: finding.severity.map_or("unknown", Severity::as_str),
            advice: match finding.severity {
                Some(severity) if finding.status == Status::Behind || severity < Severity::Notice => severity.advice(),
                Some(_) => "no newer release to move to",
                None => "not known",
            },
            pinned: words::version(&finding.pinned.version).into_owned(),
            pinned_on: on(finding.pinned.published_at),
            newest: newest.map(|newest| words::version(&newest.version).into_owned()).unwrap_or_default(),
            newest_on: on(newest.and_then(|newest| newest.published_at)),
            dated: newest.and_then(|newest| newest.published_at).or(finding.pinned.published_at).is_some(),
            url: newest.and_then(address).unwrap_or_default(),
            behind: words::behind(finding).join(", "),
            since: on(finding.behind_since),
            due: on(finding.due),
            overdue: finding.overdue,
            requirement: finding.requirement.as_deref().map(words::label).unwrap_or_default().into_owned(),
            wanted: finding
                .wanted
                .as_ref()
                .map(|wanted| words::version(&wanted.version))
                .unwrap_or_default()
                .into_owned(),
            file: finding.place.as_ref().map(|place| words::label(&place.file).into_owned()).unwrap_or_default(),
            group: words::label(&finding.group).into_owned(),
            notices: finding.notices.iter().filter(|notice| is_lasting(notice.kind)).map(Told::of).collect(),
            command: target.and_then(|target| command(finding, &target.version)).unwrap_or_default(),
            target: target.map(|target| words::label(&target.version).into_owned()).unwrap_or_default(),
            links: links(finding),
            ask: None,
        }
    }
}

impl Told {
    fn of(notice: &Notice) -> Self {
        Self { kind: notice.kind.as_str(), message: words::sentence(&notice.message).into_owned() }
    }
}

/// Whether a notice is a fact that stays until somebody acts. The others tell of the run, and would change with the day.
const fn is_lasting(kind: NoticeKind) -> bool {
    !matches!(kind, NoticeKind::Stale | NoticeKind::DatesUnknown | NoticeKind::HeldByAge)
}

fn address(target: &Target) -> Option<&str> {
    target.url.as_deref().filter(|url| url.len() <= LONGEST_ADDRESS)
}

fn links(finding: &Finding) -> Vec<Link<'_>> {
    // of a pin that is ahead the newest release is no way to go
    let newest = finding.newest.as_ref().filter(|_| finding.status != Status::Ahead).and_then(address);
    let named = newest.map(|url| ("release", url)).into_iter().chain(words::links(&finding.links));
    let is_usable = |url: &str| url.len() <= LONGEST_ADDRESS && escape::markdown_address(url).is_some();
    named.filter(|(_, url)| is_usable(url)).map(|(name, url)| Link { name, url }).collect()
}

/// A command that takes a version. People paste it into a shell, so names and versions that are more than plain words get
/// none.
fn command(finding: &Finding, version: &str) -> Option<String> {
    let name = finding.upstream.as_deref().unwrap_or(&finding.package);
    let is_plain = |text: &str| {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'/' | b'@');
        !text.is_empty() && text.len() <= 214 && !text.starts_with('-') && text.bytes().all(allowed)
    };
    (is_plain(name) && is_plain(version)).then(|| match finding.registry {
        RegistryId::CratesIo => format!("cargo update -p {name} --precise {version}"),
        RegistryId::Npm => format!("npm install {name}@{version}"),
        RegistryId::PyPi => format!("python -m pip install {name}=={version}"),
        RegistryId::RubyGems => format!("gem install {name} --version {version}"),
        RegistryId::Git => format!("git fetch --tags && git checkout {version}"),
    })
}

/// What the rollup shows.
#[derive(Debug)]
pub(crate) struct Rollup<'a> {
    /// Findings at or above the threshold, worst first.
    pub(crate) asking: Vec<&'a Finding>,
    /// Findings of which nothing is known.
    pub(crate) unknown: Vec<&'a Finding>,
    /// How many packages wait for an issue of their own.
    pub(crate) waiting: usize,
}

#[derive(Serialize)]
struct RollupPage<'a> {
    headline: String,
    /// Whether a row has a due date.
    terms: bool,
    rows: Vec<Row<'a>>,
    unknown: Vec<Unknown>,
    left_out: String,
    waiting: String,
}

#[derive(Serialize)]
struct Row<'a> {
    severity: &'static str,
    id: String,
    pinned: String,
    newest: String,
    url: &'a str,
    behind: String,
    due: String,
}

#[derive(Serialize)]
struct Unknown {
    id: String,
    kind: &'static str,
    severity: &'static str,
    pinned: String,
    newest: String,
}

impl Rollup<'_> {
    /// What is known of every package, which the next run shows of those that are unknown then.
    pub(crate) fn known(&self, before: Option<&State>) -> Vec<Known> {
        let kept = before.into_iter().flat_map(|state| &state.packages);
        let still = kept.filter(|known| self.unknown.iter().any(|finding| finding.id == known.id)).cloned();
        let now = self.asking.iter().filter_map(|finding| {
            Some(Known {
                id: finding.id.clone(),
                pinned: words::version(&finding.pinned.version).into_owned(),
                newest: words::version(&finding.newest.as_ref()?.version).into_owned(),
                severity: finding.severity?,
            })
        });
        now.chain(still).collect()
    }

    /// Our part of the rollup in at most `room` characters: as many packages as fit, worst first.
    pub(crate) fn section(&self, id: &str, state: &State, room: usize) -> Option<String> {
        let whole = self.asking.len() + self.unknown.len();
        let within = |shown: usize| {
            let text = self.page(id, state, shown);
            (size(&text) <= room).then_some(text)
        };
        if let Some(text) = within(whole) {
            return Some(text);
        }
        // a page grows with every package, so the last one that fits can be searched for by halves
        let (mut fits, mut too_many) = (0, whole);
        while too_many - fits > 1 {
            let middle = usize::midpoint(fits, too_many);
            if within(middle).is_some() { fits = middle } else { too_many = middle }
        }
        within(fits)
    }

    fn page(&self, id: &str, state: &State, shown: usize) -> String {
        let rows = shown.min(self.asking.len());
        let asking = &self.asking[..rows];
        let unknown = &self.unknown[..(shown - rows)];
        let is_shown = |known: &&Known| asking.iter().chain(unknown).any(|finding| finding.id == known.id);
        let packages = state.packages.iter().filter(is_shown).cloned().collect();
        let page = RollupPage {
            headline: self.headline(),
            terms: asking.iter().any(|finding| finding.due.is_some()),
            rows: asking.iter().map(|finding| Row::of(finding)).collect(),
            unknown: unknown.iter().map(|finding| Unknown::of(finding, state)).collect(),
            left_out: counted(self.asking.len() + self.unknown.len() - shown),
            waiting: counted(self.waiting),
        };
        enclose(id, &State { packages, ..state.clone() }, &render("rollup", &page))
    }

    fn headline(&self) -> String {
        let count =
            |severity: Severity| self.asking.iter().filter(|finding| finding.severity == Some(severity)).count();
        let counts = Severity::ALL.into_iter().rev().map(|severity| (count(severity), severity.as_str()));
        let told: Vec<String> = counts
            .chain([(self.unknown.len(), "unknown")])
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if told.is_empty() {
            "Nothing to do.".to_owned()
        } else {
            format!("Pins that ask for something: {}.", told.join(", "))
        }
    }
}

fn counted(count: usize) -> String {
    if count == 0 { String::new() } else { words::counted(count as u64, "package") }
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding) -> Self {
        let newest = finding.newest.as_ref();
        let overdue = if finding.overdue { ", overdue" } else { "" };
        Self {
            severity: finding.severity.map_or("unknown", Severity::as_str),
            id: words::cell(&finding.id).into_owned(),
            pinned: words::version_cell(&finding.pinned.version).into_owned(),
            newest: newest.map(|newest| words::version_cell(&newest.version).into_owned()).unwrap_or_default(),
            url: newest.and_then(address).unwrap_or_default(),
            behind: words::behind(finding).join(", "),
            due: finding.due.map(|due| format!("{}{overdue}", day(due))).unwrap_or_default(),
        }
    }
}

impl Unknown {
    fn of(finding: &Finding, state: &State) -> Self {
        let known = state.packages.iter().find(|known| known.id == finding.id);
        Self {
            id: words::cell(&finding.id).into_owned(),
            kind: finding.error.as_ref().map_or("unknown", |error| error.kind.as_str()),
            severity: known.map_or("", |known| known.severity.as_str()),
            pinned: known.map(|known| known.pinned.clone()).unwrap_or_default(),
            newest: known.map(|known| known.newest.clone()).unwrap_or_default(),
        }
    }
}

/// What became worse.
pub(crate) fn worse(reasons: &[String]) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        reasons: &'a [String],
    }
    render("comment-worse", &Page { reasons })
}

/// Why an issue is closed; without a pin, that of the rollup.
pub(crate) fn closed(pinned: Option<&str>, threshold: Severity) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        pinned: &'a str,
        threshold: &'static str,
    }
    let pinned = pinned.map(words::version).unwrap_or_default();
    render("comment-closed", &Page { pinned: &pinned, threshold: threshold.as_str() })
}

/// Why an issue is open again.
pub(crate) fn reopened(newest: &str, severity: Severity) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        newest: &'a str,
        severity: &'static str,
    }
    render("comment-reopened", &Page { newest: &words::version(newest), severity: severity.as_str() })
}

/// Where an issue's matter goes on.
pub(crate) fn duplicate(number: u64) -> String {
    #[derive(Serialize)]
    struct Page {
        number: u64,
    }
    render("comment-duplicate", &Page { number })
}
