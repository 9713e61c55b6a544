//! Badges: a report, a group or a finding as a few words and a colour.
//!
//! What is known decides the words ([`Badge::of_report`], [`Badge::of_group`], [`Badge::of_finding`]); [`shields`] and
//! [`svg`] show them, [`path`] names the files, and [`plan`] tells which of those have to change before any of them does.
//! The same facts give the same bytes: no date and no version of upmon is part of a badge.
//!
//! Only names of groups and packages come from outside; the rest of every text is ours.

mod color;
pub mod path;
pub mod plan;
pub mod shields;
pub mod svg;
mod width;

use chrono::{DateTime, Utc};

pub use self::color::Color;
use crate::lag::Status;
use crate::report::{Finding, NoticeKind, Report, Summary, escape, words};

/// The most characters that are shown of a name.
const LABEL: usize = 60;

/// What a badge says, left and right, and how urgently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// The left side: what it is about. Harmless to show, and for XML still to be escaped.
    pub label: String,
    /// The right side: never empty, of this program's own words alone.
    pub message: String,
    /// The colour of the right side.
    pub color: Color,
    /// Whether something is unknown, so that nobody may paint it otherwise or keep it for long.
    pub is_error: bool,
}

impl Badge {
    /// The whole report under a label of the caller's choice.
    pub fn of_report(label: &str, report: &Report) -> Self {
        Self::of_findings(label, &report.findings.iter().collect::<Vec<_>>())
    }

    /// The findings of one group.
    pub fn of_group(group: &str, findings: &[&Finding]) -> Self {
        Self::of_findings(group, findings)
    }

    fn of_findings(label: &str, findings: &[&Finding]) -> Self {
        let summary = Summary::of(findings.iter().copied());
        let stale = findings.iter().filter(|finding| finding.is_stale()).count();
        Self {
            label: shown(label),
            message: totals(&summary, stale),
            color: findings.iter().map(|finding| Color::of(finding)).max().unwrap_or(Color::Unknown),
            is_error: summary.unknown > 0,
        }
    }

    /// One pin as of the instant that its report judged as of.
    pub fn of_finding(finding: &Finding, now: DateTime<Utc>) -> Self {
        Self {
            label: shown(&finding.package),
            message: facts(finding, now).join(", "),
            color: Color::of(finding),
            is_error: finding.status == Status::Unknown,
        }
    }
}

impl Badge {
    /// About something of which nothing is known, for a reason of our own words.
    pub fn unknown(label: &str, reason: &'static str) -> Self {
        Self { label: shown(label), message: format!("unknown: {reason}"), color: Color::Unknown, is_error: true }
    }

    /// The same under another label.
    #[must_use]
    pub fn with_label(self, label: &str) -> Self {
        Self { label: shown(label), ..self }
    }
}

/// A name without what moves, hides or reorders text, and cut where a badge would no longer be one.
fn shown(name: &str) -> String {
    let visible = escape::terminal(name);
    match visible.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}...", &visible[..end]),
        None => visible,
    }
}

/// `3 behind, worst error, 2 unknown`; good news only when there is nothing else.
fn totals(summary: &Summary, stale: usize) -> String {
    let Summary { packages, behind, ahead, unknown, .. } = *summary;
    let counts = [(behind, "behind"), (unknown, "unknown"), (stale, "stale")];
    let mut parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if let Some(worst) = summary.worst.filter(|worst| *worst > crate::policy::Severity::None) {
        parts.insert(usize::from(behind > 0), format!("worst {}", worst.as_str()));
    }
    match (packages, parts.is_empty(), ahead) {
        (0, ..) => "no pins".to_owned(),
        (_, false, _) => parts.join(", "),
        (_, true, 0) => "all current".to_owned(),
        (_, true, ahead) => format!("none behind, {ahead} ahead"),
    }
}

/// What there is to say of a pin, most telling part first; never empty.
fn facts(finding: &Finding, now: DateTime<Utc>) -> Vec<String> {
    let mut facts: Vec<String> = troubles(finding).map(str::to_owned).collect();
    match finding.status {
        Status::Unknown => facts.insert(0, unknown(finding)),
        Status::Current if facts.is_empty() => facts.push("current".to_owned()),
        Status::Ahead if facts.is_empty() => facts.push("ahead".to_owned()),
        Status::Current | Status::Ahead => {}
        Status::Behind => facts.extend(distance(finding)),
    }
    facts.extend(stale(finding, now));
    facts
}

/// `unknown: not found`.
fn unknown(finding: &Finding) -> String {
    let kind = finding.error.as_ref().map(|error| error.kind.as_str().replace('-', " "));
    kind.map_or_else(|| "unknown".to_owned(), |kind| format!("unknown: {kind}"))
}

/// What is wrong with the pinned release itself.
fn troubles(finding: &Finding) -> impl Iterator<Item = &'static str> {
    finding.notices.iter().filter_map(|notice| match notice.kind {
        NoticeKind::PinYanked => Some("yanked"),
        NoticeKind::PinRemoved => Some("not listed"),
        NoticeKind::PinDeprecated => Some("deprecated"),
        NoticeKind::PackageQuarantined => Some("quarantined"),
        _ => None,
    })
}

/// `2 minor behind`, `40 d`, `overdue`.
fn distance(finding: &Finding) -> Vec<String> {
    let behind = words::behind(finding).into_iter().next();
    let mut parts = vec![behind.map_or_else(|| "behind".to_owned(), |count| format!("{count} behind"))];
    parts.extend(words::since(finding));
    parts.extend(finding.overdue.then(|| "overdue".to_owned()));
    parts
}

/// `stale 3 d`, where it is known since when.
fn stale(finding: &Finding, now: DateTime<Utc>) -> Option<String> {
    let days = finding.confirmed_at.map(|since| (now - since).num_days().max(0));
    finding.is_stale().then(|| days.map_or_else(|| "stale".to_owned(), |days| format!("stale {days} d")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Severity;
    use crate::report::Notice;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../tests/data/report/sample.json")).unwrap()
    }

    fn of(id: &str) -> Finding {
        sample().findings.into_iter().find(|finding| finding.id == id).unwrap()
    }

    fn message(findings: &[&Finding]) -> String {
        Badge::of_group("rust", findings).message
    }

    #[test]
    fn a_badge_says_what_is_known_of_a_pin() {
        let table = [
            ("rust/tokio", "14 minor behind, 810 d", Color::Error),
            ("rust/serde", "1 major behind, 927 d", Color::Critical),
            ("rust/anyhow", "current", Color::Current),
            ("rust/http", "1 minor behind, 8 d", Color::Warning),
            ("rust/openssl-sys", "yanked, 50 patch behind, 2143 d", Color::Error),
            ("ruby/rake", "1 patch behind, 23 d", Color::Info),
            ("ruby/nokogiri", "2 patch behind, 123 d", Color::Notice),
            ("ruby/puma", "1 minor behind, 17 d, overdue", Color::Warning),
            ("python/requests", "unknown: unreachable", Color::Unknown),
            ("python/no-such-thing", "unknown: not found", Color::Unknown),
            // a policy that lets it pass does not make it green
            ("python/quarantined", "quarantined", Color::Notice),
            ("git/linux", "1284 commits behind, 18 d", Color::Notice),
        ];
        for (id, message, color) in table {
            let badge = Badge::of_finding(&of(id), sample().generated_at);
            assert_eq!((badge.message.as_str(), badge.color), (message, color), "{id}");
        }
    }

    #[test]
    fn a_total_tells_the_bad_news_first_and_good_news_only_alone() {
        let [tokio, anyhow, requests, nokogiri] =
            ["rust/tokio", "rust/anyhow", "python/requests", "ruby/nokogiri"].map(of);
        assert_eq!(message(&[]), "no pins");
        assert_eq!(message(&[&anyhow]), "all current");
        assert_eq!(message(&[&anyhow, &requests]), "1 unknown");
        assert_eq!(message(&[&anyhow, &tokio, &nokogiri]), "2 behind, worst error");
        assert_eq!(message(&[&requests, &tokio]), "1 behind, worst error, 1 unknown");
        let mut ahead = anyhow.clone();
        ahead.status = Status::Ahead;
        assert_eq!(message(&[&anyhow, &ahead]), "none behind, 1 ahead");
        ahead.severity = Some(Severity::Error);
        assert_eq!(message(&[&anyhow, &ahead]), "worst error");
    }

    #[test]
    fn only_what_is_fresh_and_known_is_green() {
        let (mut anyhow, now) = (of("rust/anyhow"), sample().generated_at);
        anyhow.notices =
            vec![Notice { kind: NoticeKind::Stale, message: "the registry could not be asked".to_owned() }];
        anyhow.confirmed_at = Some("2026-11-17T05:00:00Z".parse().unwrap());
        let badge = Badge::of_finding(&anyhow, now);
        assert_eq!((badge.message.as_str(), badge.color), ("current, stale 3 d", Color::Unknown));
        let group = Badge::of_group("rust", &[&anyhow, &of("rust/anyhow")]);
        assert_eq!((group.message.as_str(), group.color), ("1 stale", Color::Unknown));
        anyhow.confirmed_at = None;
        assert_eq!(Badge::of_finding(&anyhow, now).message, "current, stale");
        for finding in sample().findings {
            let badge = Badge::of_finding(&finding, now);
            assert_eq!(badge.is_error, finding.status == Status::Unknown, "{}", finding.id);
            assert_eq!(badge.color == Color::Current, badge.message == "current", "{}", finding.id);
        }
    }

    #[test]
    fn a_long_or_hidden_name_is_cut_and_shown() {
        assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(shown(&"é".repeat(LABEL + 1)), format!("{}...", "é".repeat(LABEL)));
    }
}
