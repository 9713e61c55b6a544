//! How a finding is put into words: what the formats for people share, before any of them escapes or arranges it.
//!
//! Texts here may hold upstream's own words; whoever shows them escapes them.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Finding, FindingLinks, NoticeKind, Report, Summary, Target};
use crate::error::ErrorKind;
use crate::lag::Status;
use crate::pin::TagTemplate;
use crate::policy::Severity;
use crate::registry::RegistryId;
use crate::version::{Step, Version};

/// The most characters that are shown of a name or a version; real ones are shorter, npm's names end at 214.
const LABEL: usize = 256;

/// The most characters of a name in a table of Markdown.
const CELL: usize = 64;

/// The same for a version: those of Go's modules without one have 34.
const VERSION_CELL: usize = 36;

/// The most characters that are shown of upstream's sentences; the JSON formats hold them whole.
const SENTENCE: usize = 400;

/// How soon a person should look at a finding, most urgent last. What is unknown may hide anything, so it stands above
/// what is known to be harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    None,
    Info,
    Notice,
    Warning,
    Overdue,
    Unknown,
    Error,
    Critical,
}

pub(super) const fn urgency(finding: &Finding) -> Urgency {
    match finding.severity {
        None => Urgency::Unknown,
        Some(Severity::None) => Urgency::None,
        Some(Severity::Info) => Urgency::Info,
        Some(Severity::Notice) => Urgency::Notice,
        Some(Severity::Warning) if finding.overdue => Urgency::Overdue,
        Some(Severity::Warning) => Urgency::Warning,
        Some(Severity::Error) => Urgency::Error,
        Some(Severity::Critical) => Urgency::Critical,
    }
}

/// Findings by urgency, worst first; equals keep their order.
pub(crate) fn worst_first<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut sorted: Vec<&Finding> = findings.into_iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(urgency(finding)));
    sorted
}

/// Groups in the order in which they first appear, each with its findings worst first.
pub(crate) fn by_group(report: &Report) -> Vec<(&str, Vec<&Finding>)> {
    let mut groups: Vec<(&str, Vec<&Finding>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for finding in &report.findings {
        let place = *places.entry(&finding.group).or_insert_with(|| {
            groups.push((&finding.group, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(finding);
    }
    groups.into_iter().map(|(name, findings)| (name, worst_first(findings))).collect()
}

/// The severity, or `unknown`.
pub(crate) const fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Some(severity) => severity.as_str(),
        None => "unknown",
    }
}

/// A name, cut where no real one is that long.
pub(crate) fn label(text: &str) -> Cow<'_, str> {
    shorten(text, LABEL)
}

/// A name in a table, cut where it would push its neighbours out of sight.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    shorten(text, CELL)
}

/// The same for a version; of a commit id, as much as people read.
pub(crate) fn version_cell(text: &str) -> Cow<'_, str> {
    if is_commit(text) { version(text) } else { shorten(text, VERSION_CELL) }
}

/// A sentence from upstream, cut to what a person reads.
pub(crate) fn sentence(text: &str) -> Cow<'_, str> {
    shorten(text.trim(), SENTENCE)
}

fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A version; of a commit id, as much as people read.
pub(crate) fn version(text: &str) -> Cow<'_, str> {
    if is_commit(text) { Cow::Borrowed(&text[..12]) } else { label(text) }
}

/// A whole git object id, of either hash.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The newest version, `-` where it is not known.
pub(super) fn newest(finding: &Finding) -> Cow<'_, str> {
    finding.newest.as_ref().map_or(Cow::Borrowed("-"), |newest| version(&newest.version))
}

/// The pin, and where it would move: `1.40.0 -> 1.54.1`. Only upwards: from a pin that is ahead no arrow leads down.
pub(super) fn versions(finding: &Finding) -> String {
    let pinned = version(&finding.pinned.version);
    match finding.status {
        Status::Behind => format!("{pinned} -> {}", newest(finding)),
        Status::Current | Status::Ahead | Status::Unknown => pinned.into_owned(),
    }
}

/// How much lies between, most significant part first: `2 minor`, `40 releases`; nothing where nothing does.
pub(crate) fn behind(finding: &Finding) -> Vec<String> {
    let (Status::Behind, Some(behind), Some(update)) = (finding.status, finding.behind, finding.update) else {
        return Vec::new();
    };
    let count = match update {
        Step::Major => behind.major,
        Step::Minor => behind.minor,
        Step::Patch => behind.patch,
        Step::Prerelease | Step::None => 0,
    };
    let releases = counted(behind.releases, if is_commit(&finding.pinned.version) { "commit" } else { "release" });
    match count {
        _ if is_commit(&finding.pinned.version) => vec![releases],
        0 => vec![releases],
        count if count == behind.releases => vec![format!("{count} {update}")],
        count => vec![format!("{count} {update}"), releases],
    }
}

/// `1 release`, `2 releases`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `40 d`, for a pin that is behind since a known day.
pub(crate) fn since(finding: &Finding) -> Option<String> {
    finding.days.map(|days| format!("{days} d"))
}

/// What a person should do about a finding, in a few words; what is new against a baseline says so first.
pub(super) fn next_step(finding: &Finding, now: DateTime<Utc>) -> String {
    let step = step(finding, now);
    if finding.new == Some(true) { format!("new: {step}") } else { step }
}

fn step(finding: &Finding, now: DateTime<Utc>) -> String {
    match finding.status {
        Status::Unknown => unknown_step(finding),
        Status::Current | Status::Ahead if finding.severity > Some(Severity::Info) => {
            "no newer release to move to".to_owned()
        }
        Status::Current if !finding.held.is_empty() => format!("current, {} held", finding.held.len()),
        Status::Current => "current".to_owned(),
        Status::Ahead => format!("ahead of {}", newest(finding)),
        Status::Behind => format!("{}{}", update_step(finding), term(finding, now)),
    }
}

fn unknown_step(finding: &Finding) -> String {
    match finding.error.as_ref().map(|error| (error.kind, error.retryable)) {
        Some((_, true)) => "run again later",
        Some((ErrorKind::NotFound, _)) => "check name and registry",
        Some((ErrorKind::Unauthorized, _)) => "check the credential",
        Some((ErrorKind::UnparsablePin, _)) => "correct the pin",
        _ => "ask `upmon explain`",
    }
    .to_owned()
}

fn update_step(finding: &Finding) -> String {
    let newest = newest(finding);
    match reach(finding) {
        Reach::Newest => match finding.severity {
            None | Some(Severity::None | Severity::Info) => "no action needed".to_owned(),
            Some(Severity::Notice) => format!("consider {newest}"),
            Some(Severity::Critical) if finding.update == Some(Step::Major) => format!("migrate to {newest}"),
            Some(_) => format!("update to {newest}"),
        },
        Reach::Wanted(wanted) => format!("wanted {} by requirement, newest {newest}", version(&wanted.version)),
        Reach::Nothing => format!("newest {newest} is outside the requirement"),
    }
}

/// How far the requirement lets a pin go.
enum Reach<'a> {
    Newest,
    Wanted(&'a Target),
    Nothing,
}

/// A wanted release is shown as a way to go only where it is known to be above the pin: never recommend lower.
fn reach(finding: &Finding) -> Reach<'_> {
    let excluded = finding.notices.iter().any(|notice| notice.kind == NoticeKind::Requirement);
    match (&finding.wanted, &finding.newest) {
        (None, _) if excluded => Reach::Nothing,
        (None, _) => Reach::Newest,
        (Some(wanted), Some(newest)) if wanted.version == newest.version => Reach::Newest,
        (Some(wanted), _) if is_above_pin(finding, wanted) => Reach::Wanted(wanted),
        (Some(_), _) => Reach::Nothing,
    }
}

/// The release to move to, as far as the requirement lets a pin go; never one that is not above the pin.
pub(crate) fn target(finding: &Finding) -> Option<&Target> {
    match reach(finding) {
        Reach::Newest => finding.newest.as_ref().filter(|_| finding.status == Status::Behind),
        Reach::Wanted(wanted) => Some(wanted),
        Reach::Nothing => None,
    }
}

fn is_above_pin(finding: &Finding, target: &Target) -> bool {
    let pinned = parsed(finding, &finding.pinned.version);
    let target = parsed(finding, &target.version);
    pinned.zip(target).is_some_and(|(pinned, target)| target.precedence(&pinned).is_gt())
}

/// Reads a label as the selection did; a tag through the template that the pin's spelling implies.
pub(crate) fn parsed(finding: &Finding, text: &str) -> Option<Version> {
    let label = match finding.registry {
        RegistryId::Git => TagTemplate::infer(&finding.pinned.version).version_in(text)?,
        _ => Cow::Borrowed(text),
    };
    finding.scheme.parse(&label).ok()
}

/// `, due 2026-12-04`, `, overdue by 3 d`, or nothing.
fn term(finding: &Finding, now: DateTime<Utc>) -> String {
    match finding.due {
        Some(due) if finding.overdue && (now - due).num_days() > 0 => {
            format!(", overdue by {} d", (now - due).num_days())
        }
        Some(_) if finding.overdue => ", overdue since today".to_owned(),
        Some(due) => format!(", due {}", due.format("%Y-%m-%d")),
        None => String::new(),
    }
}

/// `6 packages: 1 current, 4 behind, 0 ahead, 1 unknown; worst critical; 4.21 libyears`.
pub(super) fn totals(summary: &Summary) -> String {
    if summary.packages == 0 {
        return "0 packages: nothing is pinned".to_owned();
    }
    let Summary { current, behind, ahead, unknown, libyears, .. } = summary;
    let new = summary.new.map(|new| format!("; {new} new")).unwrap_or_default();
    format!(
        "{}: {current} current, {behind} behind, {ahead} ahead, {unknown} unknown; worst {}; {libyears:.2} libyears{new}",
        counted(summary.packages as u64, "package"),
        worst(summary),
    )
}

/// The worst severity; `unknown` where no severity is known.
pub(crate) fn worst(summary: &Summary) -> &'static str {
    summary.worst.map_or("unknown", Severity::as_str)
}

/// The worst first: what a person has to know who reads no further.
pub(super) fn headline(report: &Report) -> String {
    let summary = &report.summary;
    match (summary.packages, summary.worst, summary.unknown) {
        (0, ..) => "no pins".to_owned(),
        (packages, Some(Severity::None), 0) => {
            format!("nothing to do for {}", counted(packages as u64, "package"))
        }
        (packages, worst, unknown) => {
            let worst = worst.map_or("unknown", Severity::as_str);
            format!("{worst}, {} of {packages} behind, {unknown} unknown", summary.behind)
        }
    }
}

/// The addresses that help to decide, each with what it is called.
pub(crate) fn links(links: &FindingLinks) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [
        ("changelog", &links.changelog),
        ("compare", &links.compare),
        ("migration guide", &links.migration_guide),
        ("repository", &links.repository),
    ];
    named.into_iter().filter_map(|(name, address)| Some((name, address.as_deref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    fn of(id: &str) -> Finding {
        sample().findings.into_iter().find(|finding| finding.id == id).unwrap()
    }

    #[test]
    fn the_next_step_follows_from_the_finding() {
        let table = [
            ("rust/tokio", "update to 1.54.1"),
            ("rust/serde", "wanted 1.0.228 by requirement, newest 2.0.0"),
            ("rust/anyhow", "current"),
            ("rust/http", "update to 1.4.0, due 2026-11-25"),
            ("ruby/rails", "migrate to 8.1.1"),
            ("ruby/rake", "no action needed"),
            ("ruby/nokogiri", "consider 1.18.10"),
            ("ruby/puma", "update to 6.5.0, overdue by 3 d"),
            ("python/requests", "run again later"),
            ("python/no-such-thing", "check name and registry"),
            ("python/numpy", "no newer release to move to"),
            ("python/django", "newest 5.2.8 is outside the requirement"),
            ("python/quarantined", "ahead of 1.0.0"),
            ("typescript/@internal/secret", "check the credential"),
            ("typescript/left-pad", "correct the pin"),
            ("typescript/all-yanked", "ask `upmon explain`"),
            ("git/linux", "consider 8b789f2b7602"),
        ];
        for (id, expected) in table {
            assert_eq!(next_step(&of(id), sample().generated_at), expected, "{id}");
        }
    }

    #[test]
    fn a_wanted_release_below_the_pin_is_never_recommended() {
        for wanted in ["1.0.199", "1.0.200", "not a version"] {
            let mut finding = of("rust/serde");
            finding.wanted.as_mut().unwrap().version = wanted.to_owned();
            assert_eq!(next_step(&finding, sample().generated_at), "newest 2.0.0 is outside the requirement");
        }
    }

    #[test]
    fn an_arrow_leads_only_upwards() {
        for finding in sample().findings {
            assert_eq!(versions(&finding).contains(" -> "), finding.status == Status::Behind, "{}", finding.id);
        }
    }

    #[test]
    fn a_term_that_ended_today_is_overdue_since_today() {
        let mut finding = of("ruby/puma");
        finding.due = Some(sample().generated_at - chrono::TimeDelta::hours(3));
        assert_eq!(next_step(&finding, sample().generated_at), "update to 6.5.0, overdue since today");
    }

    #[test]
    fn counts_say_what_lies_between() {
        let table: [(&str, &[&str]); 6] = [
            ("rust/tokio", &["14 minor", "40 releases"]),
            ("ruby/puma", &["1 minor"]),
            ("ruby/nokogiri", &["2 patch"]),
            ("git/gopls", &["2 releases"]),
            ("git/linux", &["1284 commits"]),
            ("python/numpy", &[]),
        ];
        for (id, expected) in table {
            assert_eq!(behind(&of(id)), expected, "{id}");
        }
    }

    #[test]
    fn what_is_unknown_stands_above_what_is_known_to_be_harmless() {
        let report = sample();
        let sorted: Vec<&str> = worst_first(&report.findings).into_iter().map(severity).collect();
        let mut distinct = sorted;
        distinct.dedup();
        assert_eq!(distinct, ["critical", "error", "unknown", "warning", "notice", "info", "none"]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(LABEL + 1);
        assert_eq!(label(&long), format!("{}...", "é".repeat(LABEL)));
        assert_eq!(label(&long[2..]), long[2..]);
    }
}
