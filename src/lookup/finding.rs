//! From what was learned of a package to the finding of one pin.

use std::mem::discriminant;

use chrono::{DateTime, Utc};

use super::other_tags::other_tags;
use super::{Engine, Learned};
use crate::error::{ErrorKind, LookupError};
use crate::holds::{Kind, Suspicion, ack};
use crate::http::Origin;
use crate::lag::{Lag, Status, commit_lag, lag};
use crate::pin::{Pin, drift};
use crate::policy::{Facts, PinTrouble, Verdict};
use crate::registry::{Query, Registry, RegistryId};
use crate::release::{CommitRange, Links, PackageStatus, Release};
use crate::report::{
    Finding, FindingError, FindingLinks, FindingPlace, Held, HeldKind, Notice, NoticeKind, Pinned, Target,
    to_hundredths,
};
use crate::select::{Cooldown, Rejection, SelectError, Selection, has_expired};
use crate::version::Step;

impl Engine {
    /// Judges one pin from what was learned, or from why nothing was.
    pub fn finding(
        &self,
        pin: &Pin,
        registry: &dyn Registry,
        query: &Query,
        learned: &Result<Learned, LookupError>,
    ) -> Finding {
        let learned = match learned {
            Ok(learned) => learned,
            Err(error) => return unknown(pin, error.kind(), error.to_string()),
        };
        let mut finding = match &learned.fetched.facts.commits {
            Some(range) => self.commit_finding(pin, range),
            None => self.release_finding(pin, registry, query, learned),
        };
        if learned.fetched.origin == Origin::Stale {
            finding.notices.push(stale(learned.fetched.confirmed_at));
            finding.confirmed_at = learned.fetched.confirmed_at;
        }
        finding
    }

    fn release_finding(&self, pin: &Pin, registry: &dyn Registry, query: &Query, learned: &Learned) -> Finding {
        let facts = &learned.fetched.facts;
        let selection = match self.selection(pin, facts) {
            Ok(selection) => selection,
            Err(error @ (SelectError::Pin(_) | SelectError::Requirement(_))) => {
                return unknown(pin, ErrorKind::UnparsablePin, error.to_string());
            }
            Err(error @ SelectError::Channel(_)) => {
                return unknown(pin, ErrorKind::NoEligibleRelease, error.to_string());
            }
        };
        if learned.fetched.origin != Origin::Stale {
            self.holds.note(pin, &selection, facts, self.now);
        }
        let mut notices = package_notices(&facts.status);
        let listed = selection.listed();
        let (trouble, pin_notices) = pin_trouble(pin, listed, registry);
        let trouble = PinTrouble {
            quarantined: matches!(facts.status, PackageStatus::Quarantined(_)),
            replaced: selection.replaced.is_some(),
            ..trouble
        };
        notices.extend(pin_notices);
        notices.extend(expired_ignores(pin, self.now));
        notices.extend(drifts(pin));
        notices.extend(suspicions(pin, &selection));
        let held = held(&selection);
        notices.extend(other_tags(pin, &selection, self.now));
        let Some(lag) = lag(&selection, self.now) else {
            let nothing = nothing_eligible(&selection);
            return Finding { notices, held, ..unknown(pin, ErrorKind::NoEligibleRelease, nothing) };
        };
        notices.extend(lag_notices(&selection, &lag, learned.dates_error.as_ref()));
        let judged = Facts {
            pinned: Some(&selection.pinned),
            update: lag.update,
            behind: lag.behind,
            behind_since: lag.behind_since,
            days: lag.days,
            trouble,
        };
        let verdict = self.policies.of(pin).judge(&judged, self.now);
        let target = |release: &Release| Target {
            version: release.version.to_string(),
            published_at: release.published_at,
            url: registry.page(query, Some(&release.version)),
        };
        let finding = Finding {
            status: lag.status,
            pinned: Pinned {
                version: pin.version.clone(),
                published_at: listed.and_then(|release| release.published_at),
                yanked: trouble.yanked,
                deprecated: listed.and_then(|release| release.deprecated.as_deref().map(str::to_owned)),
            },
            newest: Some(target(lag.newest)),
            wanted: lag.wanted.map(target),
            update: Some(lag.update),
            behind: Some(lag.behind),
            behind_since: lag.behind_since,
            days: lag.days,
            libyears: lag.libyears.map(to_hundredths),
            notices,
            held,
            links: links(pin, &learned.links, listed, &lag),
            ..bare(pin)
        };
        judge(finding, &verdict)
    }

    fn commit_finding(&self, pin: &Pin, range: &CommitRange) -> Finding {
        let lag = commit_lag(range, self.now);
        if lag.status == Status::Unknown {
            return unknown(
                pin,
                ErrorKind::NotFound,
                format!("the remote does not have the pinned commit `{}`", pin.version),
            );
        }
        let update = if lag.status == Status::Behind { Step::Patch } else { Step::None };
        let judged = Facts {
            pinned: None,
            update,
            behind: lag.behind,
            behind_since: lag.behind_since,
            days: lag.days,
            trouble: PinTrouble::default(),
        };
        let verdict = self.policies.of(pin).judge(&judged, self.now);
        let mut notices: Vec<Notice> = drifts(pin).collect();
        if lag.status == Status::Ahead {
            notices.push(Notice {
                kind: NoticeKind::PinAhead,
                message: format!("the branch holds no commit that `{}` lacks", pin.version),
            });
        }
        if lag.status == Status::Behind && range.ahead_by.is_none() {
            notices.push(Notice {
                kind: NoticeKind::DatesUnknown,
                message: "the remote offers no cheap way to count commits; at least 1".to_owned(),
            });
        }
        let finding = Finding {
            status: lag.status,
            pinned: Pinned {
                version: pin.version.clone(),
                published_at: range.pinned_at,
                yanked: false,
                deprecated: None,
            },
            newest: Some(Target { version: range.head.to_string(), published_at: range.head_at, url: None }),
            update: Some(update),
            behind: Some(lag.behind),
            behind_since: lag.behind_since,
            days: lag.days,
            libyears: lag.libyears.map(to_hundredths),
            notices,
            ..bare(pin)
        };
        judge(finding, &verdict)
    }
}

fn judge(finding: Finding, verdict: &Verdict) -> Finding {
    Finding {
        severity: Some(verdict.severity),
        rule: Some(verdict.rule.clone()),
        due: verdict.due,
        overdue: verdict.overdue,
        ..finding
    }
}

/// A finding of which only the pin is known.
fn bare(pin: &Pin) -> Finding {
    Finding {
        id: pin.id(),
        group: pin.group.clone(),
        package: pin.package.clone(),
        registry: pin.registry,
        scheme: pin.scheme,
        status: Status::Unknown,
        pinned: Pinned { version: pin.version.clone(), published_at: None, yanked: false, deprecated: None },
        newest: None,
        wanted: None,
        update: None,
        severity: None,
        rule: None,
        behind: None,
        behind_since: None,
        days: None,
        libyears: None,
        due: None,
        overdue: false,
        notices: drifts(pin).collect(),
        held: Vec::new(),
        links: FindingLinks {
            changelog: pin.changelog.clone(),
            migration_guide: pin.migration_guide.clone(),
            ..FindingLinks::default()
        },
        error: None,
        place: Some(FindingPlace::from(&pin.place)),
        upstream: (pin.upstream != pin.package).then(|| pin.upstream.clone()),
        requirement: pin.requirement.clone(),
        new: None,
        confirmed_at: None,
        dispatch: pin.dispatch.clone(),
    }
}

/// What files disagree about is told whatever the registry says.
fn drifts(pin: &Pin) -> impl Iterator<Item = Notice> {
    drift(pin).into_iter().map(|message| Notice { kind: NoticeKind::Drift, message })
}

fn unknown(pin: &Pin, kind: ErrorKind, message: String) -> Finding {
    Finding { error: Some(FindingError { kind, message, retryable: kind.is_retryable() }), ..bare(pin) }
}

fn stale(confirmed_at: Option<DateTime<Utc>>) -> Notice {
    let since =
        confirmed_at.map_or_else(|| "an earlier run".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    Notice { kind: NoticeKind::Stale, message: format!("the registry could not be asked; these facts are of {since}") }
}

/// `: reason`, or nothing for a reason without words.
fn because(reason: Option<&str>) -> String {
    reason.filter(|reason| !reason.trim().is_empty()).map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn package_notices(status: &PackageStatus) -> Vec<Notice> {
    let (kind, what, reason) = match status {
        PackageStatus::Active => return Vec::new(),
        PackageStatus::Archived(reason) => {
            (NoticeKind::PackageArchived, "the package is archived, no more releases are expected", reason)
        }
        PackageStatus::Quarantined(reason) => {
            (NoticeKind::PackageQuarantined, "the registry has quarantined the package as possibly harmful", reason)
        }
        PackageStatus::Deprecated(reason) => (NoticeKind::PackageDeprecated, "the package is deprecated", reason),
    };
    vec![Notice { kind, message: format!("{what}{}", because(reason.as_deref())) }]
}

fn pin_trouble(pin: &Pin, listed: Option<&Release>, registry: &dyn Registry) -> (PinTrouble, Vec<Notice>) {
    let Some(release) = listed else {
        let message = format!(
            "`{}` is not among the releases that {} lists: removed, or never published",
            pin.version,
            registry.id()
        );
        return (
            PinTrouble { removed: true, ..PinTrouble::default() },
            vec![Notice { kind: NoticeKind::PinRemoved, message }],
        );
    };
    let mut notices = Vec::new();
    if let Some(reason) = &release.yanked {
        notices.push(Notice {
            kind: NoticeKind::PinYanked,
            message: format!("`{}` is yanked{}", pin.version, because(Some(reason))),
        });
    }
    if let Some(reason) = &release.deprecated {
        notices.push(Notice {
            kind: NoticeKind::PinDeprecated,
            message: format!("`{}` is deprecated{}", pin.version, because(Some(reason))),
        });
    }
    let (yanked, deprecated) = (release.yanked.is_some(), release.deprecated.is_some());
    (PinTrouble { yanked, deprecated, ..PinTrouble::default() }, notices)
}

fn expired_ignores(pin: &Pin, now: DateTime<Utc>) -> impl Iterator<Item = Notice> {
    pin.ignore.iter().filter(move |ignore| has_expired(ignore, now)).map(|ignore| {
        let until = ignore.until.map(|until| until.to_string()).unwrap_or_default();
        let message = format!(
            "`{}` was ignored until {until}{}; that day has passed",
            ignore.versions,
            because(ignore.reason.as_deref())
        );
        Notice { kind: NoticeKind::IgnoreExpired, message }
    })
}

fn lag_notices(selection: &Selection<'_>, lag: &Lag<'_>, dates_error: Option<&LookupError>) -> Vec<Notice> {
    let mut notices = Vec::new();
    if lag.status == Status::Ahead {
        notices.push(Notice { kind: NoticeKind::PinAhead, message: why_ahead(selection, lag) });
    }
    if let Some(reason) = lag.newest.deprecated.as_deref().filter(|_| lag.status == Status::Behind) {
        notices.push(Notice {
            kind: NoticeKind::NewestDeprecated,
            message: format!("`{}` is deprecated{}", lag.newest.version, because(Some(reason))),
        });
    }
    notices.extend(young(selection));
    if let Some(requirement) = &selection.requirement {
        let empty = lag
            .wanted
            .is_none()
            .then(|| format!("the requirement `{}` accepts no eligible release", requirement.as_str()));
        notices.extend(empty.map(|message| Notice { kind: NoticeKind::Requirement, message }));
    }
    if let Some(error) = dates_error {
        notices.push(Notice {
            kind: NoticeKind::DatesUnknown,
            message: format!("publication times could not be had: {error}"),
        });
    }
    notices
}

/// A pin that is yanked or not listed has a notice that says so; any other reason is told here.
fn why_ahead(selection: &Selection<'_>, lag: &Lag<'_>) -> String {
    let own = selection.candidates.iter().find(|candidate| {
        candidate.version.as_ref().is_some_and(|version| version.precedence(&selection.pinned).is_eq())
    });
    let reason = match own.and_then(|candidate| candidate.rejection.as_ref()) {
        None | Some(Rejection::Yanked(_)) => String::new(),
        Some(rejection) => format!(": the pinned release is itself not eligible ({rejection})"),
    };
    format!("the pin is above `{}`, the newest eligible release{reason}", lag.newest.version)
}

/// Upstream's words go into a report whole, but not by the thousand: so many releases of each kind are told.
const FEW: usize = 10;

/// What is held, as the report lists it: releases that would be targets but for their age, or for being suspicious.
fn held(selection: &Selection<'_>) -> Vec<Held> {
    let told = highest_held(selection).into_iter().take(FEW);
    let held = |(release, rejection): (&Release, &Rejection)| {
        let held = Held {
            version: release.version.to_string(),
            published_at: release.published_at,
            kind: HeldKind::Cooldown,
            until: None,
            first_seen: None,
            expected: None,
            found: None,
        };
        match rejection {
            Rejection::TooYoung(Cooldown { until, first_seen }) => {
                Held { until: Some(*until), first_seen: *first_seen, ..held }
            }
            Rejection::Suspicious(Suspicion { expected, kind, found }) => {
                Held { kind: (*kind).into(), expected: Some(expected.clone()), found: Some(found.clone()), ..held }
            }
            _ => held,
        }
    };
    told.map(held).collect()
}

/// Releases that are held, highest first: those above the pin, and of others those whose scheme hides that they are new.
fn highest_held<'a>(selection: &'a Selection<'_>) -> Vec<(&'a Release, &'a Rejection)> {
    let mut held: Vec<_> = selection
        .candidates
        .iter()
        .filter_map(|candidate| {
            let (version, rejection) = (candidate.version.as_ref()?, candidate.rejection.as_ref()?);
            let is_held = match rejection {
                Rejection::Suspicious(_) => true,
                Rejection::TooYoung(_) => version.precedence(&selection.pinned).is_gt(),
                _ => false,
            };
            is_held.then_some((version, candidate.release, rejection))
        })
        .collect();
    held.sort_by(|(a, ..), (b, ..)| b.total_order(a));
    held.into_iter().map(|(_, release, rejection)| (release, rejection)).collect()
}

/// The highest newer release that only its age keeps from being a target.
fn young(selection: &Selection<'_>) -> Option<Notice> {
    let (release, cooldown) = highest_held(selection).into_iter().find_map(|(release, rejection)| match rejection {
        Rejection::TooYoung(cooldown) => Some((release, cooldown)),
        _ => None,
    })?;
    let instant = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let seen = cooldown.first_seen.map(|seen| format!("; it has no date, and was first seen at {}", instant(seen)));
    let message = format!(
        "`{}` is younger than the policy's minimum-age, held until {}{}",
        release.version,
        instant(cooldown.until),
        seen.unwrap_or_default()
    );
    Some(Notice { kind: NoticeKind::HeldByAge, message })
}

/// What is suspicious, each with the command that says it is right: the package as a whole, the pinned release, then those
/// that are held.
fn suspicions(pin: &Pin, selection: &Selection<'_>) -> Vec<Notice> {
    let id = pin.id();
    let moved = selection.moved.as_ref().map(|suspicion| {
        let command = ack::command((&id, None, suspicion));
        let message = format!("the package: {suspicion}; releases that are new are held until `{command}`");
        Notice { kind: suspicion.kind.into(), message }
    });
    let replaced = selection.replaced.as_ref().zip(selection.listed()).map(|(suspicion, release)| {
        let command = ack::command((&id, Some(&release.version), suspicion));
        let message = format!("the pinned release `{}`: {suspicion}; if that is right: `{command}`", release.version);
        Notice { kind: suspicion.kind.into(), message }
    });
    let held = highest_held(selection).into_iter().filter_map(|(release, rejection)| match rejection {
        // told of the package as a whole
        Rejection::Suspicious(suspicion) if suspicion.kind != Kind::OwnerMoved => {
            let command = ack::command((&id, Some(&release.version), suspicion));
            let message = format!("`{}` is held: {suspicion}; if that is right: `{command}`", release.version);
            Some(Notice { kind: suspicion.kind.into(), message })
        }
        _ => None,
    });
    moved.into_iter().chain(replaced).chain(held.take(FEW)).collect()
}

/// Why no release is eligible: the one reason, or how many releases each reason rejected.
fn nothing_eligible(selection: &Selection<'_>) -> String {
    let rejections: Vec<&Rejection> =
        selection.candidates.iter().filter_map(|candidate| candidate.rejection.as_ref()).collect();
    match rejections.as_slice() {
        [] => "the registry lists no release".to_owned(),
        [only] => format!("the only release is not eligible: {only}"),
        all => format!("none of the {} releases is eligible: {}", all.len(), counted(all)),
    }
}

/// `2 yanked, 1 prerelease`, in the order in which the reasons come up.
fn counted(rejections: &[&Rejection]) -> String {
    let mut counts: Vec<(&Rejection, usize)> = Vec::new();
    for rejection in rejections {
        match counts.iter_mut().find(|(known, _)| discriminant(*known) == discriminant(*rejection)) {
            Some((_, count)) => *count += 1,
            None => counts.push((rejection, 1)),
        }
    }
    let told: Vec<String> =
        counts.iter().map(|(kind, count)| format!("{count} {}", in_few_words(kind, *count))).collect();
    told.join(", ")
}

const fn in_few_words(rejection: &Rejection, count: usize) -> &'static str {
    match rejection {
        Rejection::OtherTag if count == 1 => "does not match the tag template",
        Rejection::OtherTag => "do not match the tag template",
        Rejection::MoreExact => "more exact than a tag that moves",
        Rejection::Unparsable(_) if count == 1 => "does not parse",
        Rejection::Unparsable(_) => "do not parse",
        Rejection::Yanked(_) => "yanked",
        Rejection::WithoutFiles => "without files",
        Rejection::Ignored(..) => "ignored",
        Rejection::NotYetPublished(_) => "published later",
        Rejection::TooYoung(_) => "too young",
        Rejection::Suspicious(_) => "suspicious",
        Rejection::Prerelease if count == 1 => "prerelease",
        Rejection::Prerelease => "prereleases",
        Rejection::AboveChannel(_) => "above the channel",
    }
}

/// The pin's own links first, then upstream's; only http(s) addresses are taken from upstream.
fn links(pin: &Pin, upstream: &Links, listed: Option<&Release>, lag: &Lag<'_>) -> FindingLinks {
    let safe = |link: &Option<Box<str>>| link.as_deref().filter(|link| is_web_address(link)).map(str::to_owned);
    FindingLinks {
        changelog: pin.changelog.clone().or_else(|| safe(&upstream.changelog)),
        compare: listed.filter(|_| lag.status == Status::Behind).and_then(|from| compare(pin, from, lag.newest)),
        migration_guide: pin.migration_guide.clone(),
        repository: safe(&upstream.repository),
    }
}

/// The page that compares two tags of a pin's remote, where it is on a forge that has one.
fn compare(pin: &Pin, from: &Release, to: &Release) -> Option<String> {
    let url = pin.url.as_deref().filter(|_| pin.registry == RegistryId::Git)?;
    crate::registry::git::compare(url, &from.version, &to.version)
}

fn is_web_address(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::Ignore;
    use crate::release::ReleaseSet;
    use crate::select::{Limits, select};

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn releases(tags: &[&str]) -> ReleaseSet {
        ReleaseSet { releases: tags.iter().copied().map(Release::new).collect(), ..ReleaseSet::default() }
    }

    fn selection<'facts>(pin: &Pin, facts: &'facts ReleaseSet) -> Selection<'facts> {
        select(pin, facts, Limits::as_of(now())).unwrap()
    }

    #[test]
    fn why_nothing_is_eligible_is_told_in_grammar() {
        let rows: [(&[&str], &str); 6] = [
            (&[], "the registry lists no release"),
            (&["2.0.0-rc.1"], "the only release is not eligible: a prerelease"),
            (&["v2"], "the only release is not eligible: does not match the tag template"),
            (
                &["2.0.0-rc.1", "v2"],
                "none of the 2 releases is eligible: 1 prerelease, 1 does not match the tag template",
            ),
            (
                &["2.0.0-rc.1", "2.0.0-rc.2", "v2", "v3"],
                "none of the 4 releases is eligible: 2 prereleases, 2 do not match the tag template",
            ),
            (&["v2", "v3"], "none of the 2 releases is eligible: 2 do not match the tag template"),
        ];
        for (tags, expected) in rows {
            assert_eq!(nothing_eligible(&selection(&Pin::sample("1.0.0"), &releases(tags))), expected);
        }
    }

    #[test]
    fn a_pin_that_is_ahead_is_told_why_once() {
        let yanked = Release { yanked: Some("leaks".into()), ..Release::new("3.0.0") };
        let plain = |version: &str| Release::new(version);
        let above = "the pin is above `1.0.0`, the newest eligible release";
        for (pinned, second, expected) in [
            ("3.0.0", yanked, above.to_owned()),
            ("3.0.0", plain("0.9.0"), above.to_owned()),
            ("3.0.0", plain("3.0.0"), format!("{above}: the pinned release is itself not eligible (ignored)")),
        ] {
            let ignore = Ignore { versions: "=3.0.0".to_owned(), reason: None, until: None };
            let ignore = if second == plain("3.0.0") { vec![ignore] } else { Vec::new() };
            let pin = Pin { ignore, ..Pin::sample(pinned) };
            let facts = ReleaseSet { releases: vec![plain("1.0.0"), second], ..ReleaseSet::default() };
            let selection = selection(&pin, &facts);
            assert_eq!(why_ahead(&selection, &lag(&selection, now()).unwrap()), expected);
        }
    }

    /// The comparison that a pin's finding links.
    fn compared(url: &str, pinned: &str, tags: &[&str]) -> Option<String> {
        let pin = Pin { url: Some(url.to_owned()), ..Pin::sample(pinned) };
        let facts = releases(tags);
        let selection = selection(&pin, &facts);
        links(&pin, &Links::default(), selection.listed(), &lag(&selection, now())?).compare
    }

    #[test]
    fn two_tags_on_a_known_forge_are_compared() {
        let tags = ["gopls/v0.15.0", "gopls/v0.16.0"];
        for (url, expected) in [
            (
                "https://github.com/golang/tools.git",
                Some("https://github.com/golang/tools/compare/gopls%2Fv0.15.0...gopls%2Fv0.16.0"),
            ),
            (
                "git@gitlab.com:golang/tools",
                Some("https://gitlab.com/golang/tools/-/compare/gopls%2Fv0.15.0...gopls%2Fv0.16.0"),
            ),
            (
                "https://codeberg.org/golang/tools",
                Some("https://codeberg.org/golang/tools/compare/gopls%2Fv0.15.0...gopls%2Fv0.16.0"),
            ),
            ("https://git.example/golang/tools", None),
        ] {
            assert_eq!(compared(url, tags[0], &tags).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_pin_that_is_no_tag_or_not_behind_is_compared_with_nothing() {
        let url = "https://github.com/a/b";
        assert_eq!(compared(url, "1.0.0", &["1.1.0"]), None);
        assert_eq!(compared(url, "1.1.0", &["1.0.0", "1.1.0"]), None);
        assert!(compared(url, "1.0.0", &["1.0.0", "1.1.0"]).is_some());
    }
}
