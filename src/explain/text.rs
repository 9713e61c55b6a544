//! An explanation for people: the decision first, then what it was made of, in the order in which it was made.
//!
//! Every text from upstream is escaped. Releases that the same rule took or rejected are folded into ranges, unless each
//! is asked for: a newcomer wants to see the rules at work, not a thousand lines.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::{
    Answer, Arithmetic, ChosenBy, Counted, Elsewhere, Explanation, Judged, Listed, Position, Request, Required, Row,
    Source,
};
use crate::holds::Ack;
use crate::lag::Status;
use crate::report::escape::terminal;
use crate::report::words::{behind, counted};
use crate::report::{Finding, FindingPlace, Target};
use crate::version::Step;

/// So many releases beside each other that the same rule decided about are folded.
const MANY: usize = 4;

/// So many of a list are shown whole; of a longer one, the first and the last.
const FEW: usize = 6;

/// How much of a version the columns make room for.
const WIDEST: usize = 40;

/// The whole explanation, ending with an empty line; `all` shows each release.
pub fn render(explanation: &Explanation, all: bool) -> String {
    let sections = [
        decision(&explanation.finding),
        pin(explanation),
        asked(&explanation.requests),
        releases(explanation, all),
        how_far(explanation),
        how_bad(&explanation.finding, &explanation.policy),
        notes(&explanation.finding),
    ];
    let mut text = sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// The outcome in a line or two, for who reads no further.
fn decision(finding: &Finding) -> String {
    let (id, pinned) = (terminal(&finding.id), terminal(&finding.pinned.version));
    let newest = finding.newest.as_ref().map(|newest| terminal(&newest.version)).unwrap_or_default();
    let severity = finding.severity.map(|severity| format!(", severity {severity}")).unwrap_or_default();
    let held = if finding.held.is_empty() { String::new() } else { format!(", {} held", finding.held.len()) };
    match (finding.status, &finding.error) {
        (Status::Behind, _) => {
            format!("{id}: {pinned} -> {newest}, behind by {}{severity}\n", behind(finding).join(", "))
        }
        (Status::Current, _) => format!("{id}: {pinned} is current{held}{severity}\n"),
        (Status::Ahead, _) => format!("{id}: {pinned} is ahead of {newest}{severity}\n"),
        (Status::Unknown, Some(error)) => format!(
            "{id}: {pinned}, unknown ({})\n  {}\n  Unknown is never taken for current.\n",
            error.kind,
            terminal(&error.message)
        ),
        (Status::Unknown, None) => format!("{id}: {pinned}, unknown\n"),
    }
}

fn pin(explanation: &Explanation) -> String {
    let finding = &explanation.finding;
    let mut text = "Pin\n".to_owned();
    if let Some(at) = &finding.place {
        row(&mut text, "stands at", &place(at));
    }
    for Elsewhere { version, place: at } in &explanation.elsewhere {
        row(&mut text, "also pinned", &format!("{} at {}", terminal(version), place(at)));
    }
    let name = finding.upstream.as_ref().map(|name| format!(" as `{}`", terminal(name))).unwrap_or_default();
    row(&mut text, "listed by", &format!("{}{name}", finding.registry));
    row(&mut text, "compared as", finding.scheme.as_str());
    if let Some(tag) = &explanation.tag {
        let moves = if explanation.moves { ", with as many numbers as the pin, which is a tag that moves" } else { "" };
        row(&mut text, "tags", &format!("only those that are spelled `{}`{moves}", terminal(tag)));
    }
    if let Some(requirement) = &finding.requirement {
        row(&mut text, "requirement", &terminal(requirement));
    }
    for Required { requirement, place: at } in told_apart(explanation) {
        row(&mut text, "required", &format!("{} at {}", terminal(requirement), place(at)));
    }
    text
}

/// The requirements with their places, unless there is but one and the pin itself has it.
fn told_apart(explanation: &Explanation) -> &[Required] {
    let line = |place: &FindingPlace| (place.file.clone(), place.line);
    match explanation.requirements.as_slice() {
        [only] if explanation.finding.place.as_ref().map(line) == Some(line(&only.place)) => &[],
        requirements => requirements,
    }
}

fn place(FindingPlace { file, line, column }: &FindingPlace) -> String {
    format!("{}:{line}:{column}", terminal(file))
}

/// `  newest       1.2.0`
fn row(text: &mut String, name: &str, value: &str) {
    line(text, &format!("  {name:<12} {value}"));
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn asked(requests: &[Request]) -> String {
    if requests.is_empty() {
        return "Asked\n  nobody\n".to_owned();
    }
    let mut text = "Asked\n".to_owned();
    for request in requests {
        line(&mut text, &format!("  {} ({})", terminal(&request.address), terminal(&asked_for(&request.asked_for))));
        for answer in &request.answers {
            line(&mut text, &format!("    {}", answered(answer, &request.address)));
        }
        line(&mut text, &format!("    {}", outcome(request)));
    }
    text
}

/// The form that is wanted most, of a list of media types; anything else whole.
fn asked_for(what: &str) -> String {
    let is_form = what.starts_with("application/") || what.starts_with("text/");
    let most = what.split([',', ';']).next().filter(|_| is_form).unwrap_or(what);
    most.trim().to_owned()
}

fn answered(answer: &Answer, asked: &str) -> String {
    let from = if answer.address == asked { String::new() } else { format!("{} ", terminal(&answer.address)) };
    match (answer.status, &answer.trouble) {
        (Some(status), None) => format!("{from}answered {status}"),
        (Some(status), Some(trouble)) if !trouble.starts_with("answered ") => {
            format!("{from}answered {status}, and {}", terminal(trouble))
        }
        (_, trouble) => format!("{from}{}", terminal(trouble.as_deref().unwrap_or("gave no answer"))),
    }
}

fn outcome(request: &Request) -> String {
    let entry = || {
        let age = request.age_seconds.map(|age| format!(", {} old", duration(age))).unwrap_or_default();
        let at = request.confirmed_at.map(|at| at.format(" of %Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
        format!("cache entry{at}{age}")
    };
    match request.origin {
        Some(Source::Fetched) => "read now".to_owned(),
        Some(Source::Revalidated) => format!("{}; the registry confirmed it now", entry()),
        Some(Source::Fresh) => format!("{}; still fresh, so nobody was asked", entry()),
        Some(Source::Stale) => format!("{}; no longer fresh", entry()),
        None if request.confirmed_at.is_some() => {
            let error = terminal(request.error.as_deref().unwrap_or_default());
            format!("{}; still fresh, so nobody was asked\n    no facts: {error}", entry())
        }
        None => format!("no facts: {}", terminal(request.error.as_deref().unwrap_or_default())),
    }
}

/// `40 s`, `3 min`, `2 h`, `5 d`: as much as tells whether it matters.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The list, highest first, with the pin at its place.
fn releases(explanation: &Explanation, all: bool) -> String {
    let Explanation { finding, releases, unreadable, .. } = explanation;
    if releases.is_empty() && unreadable.is_empty() {
        return String::new();
    }
    let mut text = format!("Releases, highest first: {}\n", totals(releases));
    let entries = entries(finding, releases, all);
    let is_any_folded = entries.iter().any(|entry| entry.is_range);
    let width = entries.iter().map(|entry| entry.versions.chars().count()).max().unwrap_or(0).min(WIDEST);
    for Entry { mark, versions, date, why, .. } in entries {
        line(&mut text, &format!("  {mark:<4} {versions:<width$}  {date:<10}  {why}"));
    }
    if is_any_folded {
        line(&mut text, "  Many that the same rule decided about share a line; `--all` shows each.");
    }
    for entry in unreadable {
        let (entry, reason) = (terminal(&entry.entry), terminal(&entry.reason));
        line(&mut text, &format!("  no   {entry:<width$}  {:<10}  unreadable: {reason}", ""));
    }
    text
}

/// `21 listed, 15 eligible, 6 not`.
fn totals(releases: &[Listed]) -> String {
    let eligible = releases.iter().filter(|release| is_eligible(release)).count();
    format!("{} listed, {eligible} eligible, {} not", releases.len(), releases.len() - eligible)
}

fn is_eligible(release: &Listed) -> bool {
    release.reason.is_none()
}

/// One line of the list.
struct Entry {
    mark: &'static str,
    versions: String,
    date: String,
    why: String,
    /// Whether it stands for many.
    is_range: bool,
}

fn entries(finding: &Finding, releases: &[Listed], all: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = releases;
    let mut is_pin_shown = releases.iter().any(|release| release.position == Some(Position::Pinned));
    while let Some(first) = rest.first() {
        if !is_pin_shown && first.position != Some(Position::Above) {
            is_pin_shown = true;
            entries.push(unlisted(finding));
        }
        if all || role(finding, first).is_some() {
            entries.push(single(finding, first));
            rest = &rest[1..];
            continue;
        }
        let is_nameless = |other: &&Listed| role(finding, other).is_none() && other.position == first.position;
        let (nameless, later) = rest.split_at(rest.iter().take_while(is_nameless).count());
        entries.extend(folded(finding, nameless));
        rest = later;
    }
    if !is_pin_shown {
        entries.push(unlisted(finding));
    }
    entries
}

/// Releases on one side of the pin, none of which has a name in the decision: a range for each rule that decided about
/// many, and a line for each release of the others.
fn folded(finding: &Finding, releases: &[Listed]) -> Vec<Entry> {
    let mut groups: Vec<Vec<&Listed>> = Vec::new();
    for release in releases {
        match groups.iter_mut().find(|group| is_alike(group[0], release)) {
            Some(group) => group.push(release),
            None => groups.push(vec![release]),
        }
    }
    let entries = |group: Vec<&Listed>| match group.len() {
        MANY.. => vec![range(&group)],
        _ => group.into_iter().map(|release| single(finding, release)).collect(),
    };
    groups.into_iter().flat_map(entries).collect()
}

/// Whether two releases on one side of the pin can share a line: the same rule, and above the pin the same place in the
/// requirement.
fn is_alike(a: &Listed, b: &Listed) -> bool {
    let told = |release: &Listed| release.in_requirement.filter(|_| release.position == Some(Position::Above));
    let marks = |release: &Listed| (release.deprecated.is_some(), !release.acknowledged.is_empty());
    (&a.rule, told(a), marks(a)) == (&b.rule, told(b), marks(b))
}

/// What a release is to the decision, if it has a name there.
fn role(finding: &Finding, release: &Listed) -> Option<String> {
    let is = |target: &Option<Target>| {
        target.as_ref().is_some_and(|target| target.version == release.version) && is_eligible(release)
    };
    let roles: Vec<&str> = [
        (release.position == Some(Position::Pinned), "the pin"),
        (is(&finding.newest), "newest"),
        (is(&finding.wanted), "wanted"),
    ]
    .into_iter()
    .filter_map(|(is_so, role)| is_so.then_some(role))
    .collect();
    (!roles.is_empty()).then(|| roles.join(", "))
}

fn unlisted(finding: &Finding) -> Entry {
    let why = "the pin, which the registry does not list".to_owned();
    Entry { mark: "pin", versions: terminal(&finding.pinned.version), date: String::new(), why, is_range: false }
}

fn single(finding: &Finding, release: &Listed) -> Entry {
    let role = role(finding, release);
    let mut why: Vec<String> = role.into_iter().collect();
    match &release.reason {
        Some(reason) => why.push(format!("not eligible: {}", terminal(reason))),
        None => why.extend(eligible(release).map(str::to_owned)),
    }
    if let Some(words) = &release.deprecated {
        why.push(format!("deprecated{}", because(words)));
    }
    why.extend(release.acknowledged.iter().map(acknowledged));
    Entry {
        mark: mark(release),
        versions: terminal(&release.version),
        date: date(release.published_at),
        why: why.join("; "),
        is_range: false,
    }
}

fn acknowledged(ack: &Ack) -> String {
    let reason = ack.reason.as_deref().map(because).unwrap_or_default();
    format!("acknowledged on {} ({}){reason}", day(ack.at), ack.kind)
}

fn because(words: &str) -> String {
    if words.trim().is_empty() { String::new() } else { format!(": {}", terminal(words)) }
}

const fn mark(release: &Listed) -> &'static str {
    match (release.position, &release.reason) {
        (Some(Position::Pinned), _) => "pin",
        (_, None) => "yes",
        (_, Some(_)) => "no",
    }
}

/// What there is to say of an eligible release that has no name in the decision.
fn eligible(release: &Listed) -> Option<&'static str> {
    match (release.position, release.in_requirement) {
        (Some(Position::Above), Some(false)) => Some("above the pin, outside the requirement"),
        (Some(Position::Above), _) => Some("above the pin"),
        (Some(Position::Below), _) => Some("below the pin"),
        (Some(Position::Equal), _) => Some("as high as the pin"),
        (Some(Position::Pinned) | None, _) => None,
    }
}

/// Releases that share a line, highest first.
fn range(releases: &[&Listed]) -> Entry {
    let (first, last) = (releases[0], releases[releases.len() - 1]);
    let same = releases.iter().all(|release| release.reason == first.reason);
    let why = match &first.reason {
        None => eligible(first).unwrap_or_default().to_owned(),
        Some(reason) if same => format!("not eligible: {}", terminal(reason)),
        Some(_) => format!("not eligible: {}, for reasons of their own", first.rule.replace('-', " ")),
    };
    let deprecated = if first.deprecated.is_some() { "; deprecated" } else { "" };
    let why = format!("{}, {why}{deprecated}", counted(releases.len() as u64, "release"));
    let versions = format!("{} .. {}", terminal(&first.version), terminal(&last.version));
    Entry { mark: mark(first), versions, date: String::new(), why, is_range: true }
}

fn date(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "no date".to_owned(), day)
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

fn how_far(explanation: &Explanation) -> String {
    let Explanation { finding, lag, .. } = explanation;
    let (Some(newest), Some(update)) = (&finding.newest, finding.update) else { return String::new() };
    let mut text = "How far behind\n".to_owned();
    let Some(lag) = lag else {
        row(&mut text, "newest", &format!("{}, the head of the branch", terminal(&newest.version)));
        commits(&mut text, finding);
        return text;
    };
    row(&mut text, "newest", &format!("{}, the highest eligible release", terminal(&newest.version)));
    if let Some(requirement) = &finding.requirement {
        let wanted = finding.wanted.as_ref().map_or_else(|| "none".to_owned(), |wanted| terminal(&wanted.version));
        row(
            &mut text,
            "wanted",
            &format!("{wanted}, the highest that the requirement {} accepts", terminal(requirement)),
        );
    }
    let why = match update {
        Step::None => "newest exceeds the pin in no part",
        _ => "the first part in which newest exceeds the pin",
    };
    row(&mut text, "update", &format!("{update}: {why}"));
    for (name, counted) in [("majors", &lag.major), ("minors", &lag.minor), ("patches", &lag.patch)] {
        row(&mut text, name, &steps(counted));
    }
    row(&mut text, "releases", &format!("{}{}", lag.releases.len(), listed(&lag.releases)));
    dates(&mut text, lag);
    text
}

/// The same for a pinned commit, whose distance the remote counts.
fn commits(text: &mut String, finding: &Finding) {
    let count = finding.behind.map_or(0, |behind| behind.releases);
    let why = if count == 0 { "" } else { ": those of the branch that the pin lacks; each counts as a patch" };
    row(text, "commits", &format!("{count}{why}"));
    if let Some(since) = finding.behind_since {
        row(text, "behind since", &format!("{}, the date of the first of these, where it is known", day(since)));
    }
    if let Some(days) = finding.days {
        row(text, "days", &format!("{days}: whole days from then"));
    }
    let newest = finding.newest.as_ref().and_then(|newest| newest.published_at);
    if let (Some(years), Some(from), Some(to)) = (finding.libyears, finding.pinned.published_at, newest) {
        let (from, to) = (day(from), day(to));
        row(text, "libyears", &format!("{years:.2}: years of 365.25 days from the pin ({from}) to newest ({to})"));
    }
}

/// `2: 1.41 (3 releases), 1.42 (1.42.0)`.
fn steps(counted_steps: &Counted) -> String {
    let step = |step: &super::Step| match step.versions.as_slice() {
        [only] if *only == step.parts => terminal(only),
        [only] => format!("{} ({})", step.parts, terminal(only)),
        many => format!("{} ({})", step.parts, counted(many.len() as u64, "release")),
    };
    let steps: Vec<String> = counted_steps.steps.iter().map(step).collect();
    format!("{}{}", counted_steps.count, few(&steps))
}

fn listed(versions: &[String]) -> String {
    few(&versions.iter().map(|version| terminal(version)).collect::<Vec<_>>())
}

/// `: a, b, c`, or the first three and the last of a long list; nothing for none.
fn few(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [first, second, third, .., last] if words.len() > FEW => format!(": {first}, {second}, {third} .. {last}"),
        all => format!(": {}", all.join(", ")),
    }
}

fn dates(text: &mut String, lag: &Arithmetic) {
    if let Some(since) = &lag.behind_since {
        let undated = if lag.undated == 0 { "" } else { " whose date is known" };
        let why = format!("when {} was published, the first of these{undated}", terminal(&since.version));
        row(text, "behind since", &format!("{}, {why}", day(since.published_at)));
    }
    if let Some(days) = &lag.days {
        row(text, "days", &format!("{}: whole days from then to {}", days.days, day(days.to)));
    }
    if let Some(years) = &lag.libyears {
        let from = format!("{} ({})", terminal(&years.from_version), day(years.from));
        let to = format!("{} ({})", terminal(&years.to_version), day(years.to));
        row(text, "libyears", &format!("{:.2}: years of 365.25 days from {from} to {to}", years.years));
    }
}

fn how_bad(finding: &Finding, policy: &Judged) -> String {
    let Some(severity) = finding.severity else { return String::new() };
    let mut text = "How bad\n".to_owned();
    let why = match (policy.chosen_by, &policy.glob) {
        (ChosenBy::Pin, _) => "the pin names it".to_owned(),
        (ChosenBy::Rule, Some(glob)) => format!("the last rule that matches the pin, `{}`, names it", terminal(glob)),
        (ChosenBy::Rule | ChosenBy::Default, _) => "nothing sends this pin to another".to_owned(),
    };
    row(&mut text, "policy", &format!("`{}`: {why}", terminal(&policy.policy)));
    let raised: Vec<&Row> = policy.raises.iter().filter(|row| row.decided).collect();
    let width = policy.rows.iter().chain(raised.iter().copied()).map(|row| row.when.len()).max().unwrap_or(0);
    for shown in policy.rows.iter().chain(raised) {
        let mark = if shown.decided { ">" } else { " " };
        line(&mut text, &format!("    {mark} {:<width$}  {}", shown.when, shown.severity));
    }
    let rule = finding.rule.as_deref().map(|rule| format!(", by `{}`", terminal(rule))).unwrap_or_default();
    row(&mut text, "severity", &format!("{severity}{rule}"));
    if let Some(due) = finding.due {
        let overdue = if finding.overdue { ", which has passed" } else { "" };
        row(&mut text, "due", &format!("{}{overdue}", day(due)));
    }
    text
}

fn notes(finding: &Finding) -> String {
    if finding.notices.is_empty() {
        return String::new();
    }
    let note = |text: String, notice: &crate::report::Notice| {
        let mut text = text;
        writeln!(text, "  {}: {}", notice.kind.as_str(), terminal(&notice.message))
            .expect("a string takes every write");
        text
    };
    finding.notices.iter().fold("Notes\n".to_owned(), note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, position: Option<Position>, reason: Option<&str>) -> Listed {
        Listed {
            version: version.to_owned(),
            parsed: None,
            published_at: None,
            position,
            rule: if reason.is_some() { "yanked" } else { "eligible" }.to_owned(),
            reason: reason.map(str::to_owned),
            in_requirement: None,
            deprecated: None,
            first_seen: None,
            acknowledged: Vec::new(),
        }
    }

    fn finding() -> Finding {
        let report: crate::report::Report =
            serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap();
        report.findings.into_iter().find(|finding| finding.id == "rust/tokio").unwrap()
    }

    fn shown(releases: &[Listed], all: bool) -> Vec<String> {
        let line = |Entry { mark, versions, why, .. }: Entry| format!("{mark} {versions}: {why}");
        entries(&finding(), releases, all).into_iter().map(line).collect()
    }

    #[test]
    fn only_long_runs_of_one_rule_are_folded() {
        let above = |version: &str| release(version, Some(Position::Above), None);
        let yanked = |version: &str, reason: &str| release(version, Some(Position::Below), Some(reason));
        let mut releases: Vec<Listed> = ["1.54.1", "1.54.0", "1.53.0", "1.52.0", "1.51.0"].map(above).to_vec();
        releases.push(release("1.40.0", Some(Position::Pinned), None));
        releases.extend(["1.3", "1.2", "1.1"].map(|version| yanked(version, "yanked")));
        assert_eq!(
            shown(&releases, false),
            [
                "yes 1.54.1: newest; above the pin",
                "yes 1.54.0 .. 1.51.0: 4 releases, above the pin",
                "pin 1.40.0: the pin",
                "no 1.3: not eligible: yanked",
                "no 1.2: not eligible: yanked",
                "no 1.1: not eligible: yanked",
            ]
        );
        assert_eq!(shown(&releases, true).len(), releases.len());
        releases.push(yanked("1.0", "yanked: leaks"));
        let last = shown(&releases, false).pop().unwrap();
        let mixed = [above("1.54.0"), yanked("1.53.9", "yanked"), above("1.53.0"), above("1.52.0"), above("1.51.0")];
        let mixed = mixed.map(|release| Listed { position: Some(Position::Above), ..release });
        let expected = ["yes 1.54.0 .. 1.51.0: 4 releases, above the pin", "no 1.53.9: not eligible: yanked"];
        assert_eq!(shown(&mixed, false)[..2], expected, "what the rule of another interrupts stays one range");
        assert_eq!(last, "no 1.3 .. 1.0: 4 releases, not eligible: yanked, for reasons of their own");
    }

    #[test]
    fn a_pin_that_is_not_listed_stands_at_its_place() {
        for (releases, at) in [
            (vec![], 0),
            (vec![release("2", Some(Position::Above), None)], 1),
            (vec![release("2", Some(Position::Above), None), release("1", Some(Position::Below), None)], 1),
            (vec![release("1", Some(Position::Below), None), release("x", None, Some("does not parse"))], 0),
        ] {
            let shown = shown(&releases, false);
            assert_eq!(shown[at], "pin 1.40.0: the pin, which the registry does not list", "{shown:?}");
            assert_eq!(shown.len(), releases.len() + 1);
        }
    }

    #[test]
    fn an_age_is_told_as_roughly_as_it_matters() {
        for (seconds, told) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 d")] {
            assert_eq!(duration(seconds), told);
        }
    }

    #[test]
    fn a_long_list_shows_its_ends() {
        let words = |count: u8| (0..count).map(|word| word.to_string()).collect::<Vec<_>>();
        assert_eq!(few(&words(0)), "");
        assert_eq!(few(&words(6)), ": 0, 1, 2, 3, 4, 5");
        assert_eq!(few(&words(7)), ": 0, 1, 2 .. 6");
    }
}
