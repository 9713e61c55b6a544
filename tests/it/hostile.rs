//! Text that means harm, in every field that upstream controls, in every output: it shows, and nothing else happens.
//!
//! One report holds each text in all fields of a finding; each output of it is judged by what would read it: a terminal,
//! a JSON reader, GitHub's runner, a Markdown parser, an XML reader. Which fields there are is not listed here: whatever
//! is text in a finding and is not one of a closed set of words is replaced.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

mod actions;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::{Map, Value, json};
use upmon::config::IssueSettings;
use upmon::policy::Severity;
use upmon::registry::RegistryId;
use upmon::report::{Finding, Format, Options, Report, render};
use upmon::tracker::{Edit, Issue, IssueChange, NewIssue, Plan, Snapshot, plan};

use crate::support::runner::World;

/// What somebody may put where a version, a name, a reason or an address is expected.
const HOSTILE: &[&str] = &[
    "@acme/team",
    "fixes #1, closes acme/shop#2, resolves GH-3",
    "https://github.com/acme/shop/issues/4",
    "https://evil.example/a b?x=1&y=[2](3)",
    "www.evil.example and ana@evil.example",
    "0123456789abcdef0123456789abcdef01234567 acme/shop@0123456",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"><svg onload=\"alert(1)\">]]><!--",
    "-->",
    "<!-- upmon:v1 id=rust/tokio state=e30 -->",
    "\n<!-- upmon:v1 id=rust/tokio state=e30 -->\nx\n<!-- /upmon:v1 id=rust/tokio -->\n",
    "\n\nupmon: snooze until 2099-01-01\n\n",
    "\u{1b}[31mred\u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "\u{9b}2J\u{0}\u{7f}\u{8}",
    "\r\n::error file=x::pwned\r\n::stop-commands::x",
    "::add-mask::x",
    "##[error]pwned",
    "1.0%0A::error::pwned%0D%25",
    "\u{202e}gnp.exe\u{2066}x\u{200f}",
    "zero\u{200b}width\u{feff}\u{2060}\u{ad}\u{e0041}",
    "line\u{2028}and\u{2029}paragraph\u{85}",
    "[click](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example>",
    "[x]: https://evil.example\n\n[^1]: note",
    "a|b | c |\n| --- | --- |",
    "```\nfence\n```",
    "~~~\nfence",
    "`` ` `",
    "\n# heading\n\n- [ ] task\n\n> [!WARNING]\n> quoted\n\n***\n",
    "    indented",
    "*bold* _it_ ~~no~~ $$x$$ :tada: :+1:",
    "&lt;script&gt; &#64;team \\@team \\",
    "<details><summary>x",
    "</details></sub></td>",
    "x\nEOF\nworst=none\nreport<<EOF",
    "javascript:alert(1)",
    "{0} {{code id}} {{{raw}}}",
    "../../../etc/passwd\\..\\x",
    "CON",
    "",
];

/// Everything at once, a megabyte of it.
fn flood() -> String {
    let all = HOSTILE.join(" ");
    all.repeat((1 << 20) / all.len() + 1)
}

fn sample() -> Report {
    serde_json::from_str(include_str!("../data/report/sample.json")).unwrap()
}

/// What a finding has that is one of a closed set of words, or a time.
const WORDS: &[&str] = &[
    "registry",
    "scheme",
    "status",
    "update",
    "severity",
    "kind",
    "published_at",
    "behind_since",
    "due",
    "confirmed_at",
];

/// A finding with this text in place of every text of upstream's, and of those of whoever pins.
fn poisoned(finding: &Finding, text: &str, number: usize) -> Finding {
    let mut json = serde_json::to_value(finding).unwrap();
    replace(&mut json, text);
    // names of files end somewhere, and what a person pins is no megabyte
    let name: String = text.chars().take(1_000).collect();
    let (group, package) = (format!("group {name}"), format!("{name} {number}"));
    json["id"] = format!("{group}/{package}").into();
    (json["group"], json["package"]) = (group.into(), package.into());
    serde_json::from_value(json).unwrap()
}

fn replace(json: &mut Value, text: &str) {
    match json {
        Value::String(value) => text.clone_into(value),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        Value::Object(fields) => {
            for (_, value) in fields.iter_mut().filter(|(name, _)| !WORDS.contains(&name.as_str())) {
                replace(value, text);
            }
        }
        _ => {}
    }
}

/// Findings of every status, each with everything that a finding can have.
fn bases() -> Vec<Finding> {
    let ids = ["rust/openssl-sys", "rust/serde", "python/requests", "python/quarantined", "ruby/rake", "git/linux"];
    let full = |mut finding: Finding| {
        finding.links =
            serde_json::from_value(json!({ "changelog": "", "compare": "", "migration_guide": "", "repository": "" }))
                .unwrap();
        finding.notices = sample().findings.into_iter().flat_map(|other| other.notices).collect();
        finding.upstream = Some(String::new());
        finding.requirement = Some(String::new());
        finding.pinned.deprecated = Some(String::new());
        if let Some(newest) = &mut finding.newest {
            newest.url = Some(String::new());
        }
        finding.wanted = finding.newest.clone();
        finding
    };
    sample().findings.into_iter().filter(|finding| ids.contains(&finding.id.as_str())).map(full).collect()
}

/// Every text in every kind of finding, and the flood where most can be told.
static REPORT: LazyLock<Report> = LazyLock::new(|| {
    let bases = bases();
    assert_eq!(bases.len(), 6, "one of each kind");
    let flood = flood();
    let each = HOSTILE.iter().flat_map(|text| bases.iter().map(move |base| (*text, base)));
    let flooded = bases.iter().take(1).map(|base| (flood.as_str(), base));
    let all = each.chain(flooded).enumerate().map(|(number, (text, base))| poisoned(base, text, number));
    Report::new(all.collect(), sample().generated_at)
});

fn report() -> Report {
    REPORT.clone()
}

fn written(format: Format) -> String {
    render(&REPORT, format, &Options { annotations: usize::MAX, ..Options::default() })
}

/// What moves a cursor, hides or reorders text.
fn is_harmful(character: char) -> bool {
    let hides = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\
                 \u{feff}\u{2060}\u{ad}\u{2028}\u{2029}\u{200d}";
    (character.is_control() && character != '\n')
        || hides.contains(character)
        || ('\u{e0000}'..='\u{e0fff}').contains(&character)
}

#[track_caller]
fn check_plain(text: &str, may_have: &str) {
    for line in text.lines() {
        let found = line.chars().find(|&it| (is_harmful(it) || it == '\u{200b}') && !may_have.contains(it));
        assert_eq!(found, None, "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}

#[test]
fn the_table_is_lines_of_plain_text() {
    let table = written(Format::Table);
    check_plain(&table, "");
    assert!(!table.lines().any(|line| line.trim_start().starts_with("::")), "{table}");
}

#[test]
fn json_reads_back_and_shows_nothing_harmful() {
    let json = written(Format::Json);
    check_plain(&json, "");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), *REPORT);
}

#[test]
fn ndjson_is_a_line_for_each_finding_and_one_more() {
    let lines = written(Format::Ndjson);
    check_plain(&lines, "");
    assert_eq!(lines.lines().count(), REPORT.findings.len() + 1);
    for (line, finding) in lines.lines().zip(&REPORT.findings) {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["id"], finding.id);
    }
}

#[test]
fn annotations_are_one_command_a_line_and_none_of_upstreams() {
    let commands = written(Format::Github);
    check_plain(&commands, "");
    let findings = REPORT.findings.len();
    assert!((findings / 2..=findings + 1).contains(&commands.lines().count()), "{}", commands.lines().count());
    for line in commands.lines() {
        let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("no command: {line}"));
        let (command, _) = rest.split_once("::").unwrap();
        let (level, properties) = command.split_once(' ').unwrap_or((command, ""));
        assert!(["error", "warning", "notice"].contains(&level), "{line}");
        let names: Vec<&str> =
            properties.split(',').filter_map(|property| property.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| ["file", "line", "col", "title"].contains(name)), "{names:?} in {line}");
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{line}");
    }
}

#[test]
fn sarif_has_no_link_and_no_placeholder_of_upstreams() {
    let sarif = written(Format::Sarif);
    check_plain(&sarif, "");
    let document: Value = serde_json::from_str(&sarif).unwrap();
    for result in document["runs"][0]["results"].as_array().unwrap() {
        let message = result["message"]["text"].as_str().unwrap();
        check_plain(message, "");
        let unescaped =
            message.replace("\\\\", "").replace("\\[", "").replace("\\]", "").replace("{{", "").replace("}}", "");
        assert!(!unescaped.contains(['[', ']', '{', '}']), "{message}");
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
    }
}

#[test]
fn the_job_summary_is_only_its_own_markdown() {
    let summary = written(Format::Markdown);
    check_markdown(&summary);
    check_tables(&summary);
    assert!(summary.len() < 1 << 20, "GitHub takes no longer one");
}

fn settings() -> IssueSettings {
    IssueSettings { max_new: usize::MAX, ..IssueSettings::default() }
}

fn planned(report: &Report, snapshot: &Snapshot) -> Plan {
    plan(report, snapshot, &settings(), report.generated_at)
}

fn created(plan: &Plan) -> impl Iterator<Item = &NewIssue> {
    plan.changes.iter().filter_map(|change| match change {
        IssueChange::Create(new) => Some(new),
        _ => None,
    })
}

#[track_caller]
fn check_issue(new: &NewIssue) {
    check_plain(&new.title, "\u{200b}");
    assert!(!new.title.is_empty() && new.title.chars().count() <= 256, "{}", new.title);
    check_references(&new.title);
    assert!(new.body.encode_utf16().count() <= 65_536, "{}", new.title);
    let lines: Vec<&str> = new.body.lines().collect();
    let [first, text @ .., last] = lines.as_slice() else { panic!("{}", new.body) };
    assert!(first.starts_with("<!-- upmon:v1 id=") && first.matches("-->").count() == 1, "{first}");
    assert!(last.starts_with("<!-- /upmon:v1 id=") && last.matches("-->").count() == 1, "{last}");
    assert!(!text.iter().any(|line| line.trim_start().starts_with("<!--")), "{}", new.body);
    let text = text.join("\n");
    check_markdown(&text);
    check_tables(&text);
}

#[test]
fn the_title_and_the_body_of_an_issue_are_only_their_own() {
    let plan = planned(&REPORT, &Snapshot::default());
    let packages: Vec<&NewIssue> = created(&plan).filter(|new| new.id != "rollup").collect();
    assert!(packages.len() > 2 * HOSTILE.len(), "{} are created, {:?}", packages.len(), plan.notes);
    packages.into_iter().for_each(check_issue);
}

#[test]
fn the_rollup_is_only_its_own() {
    let plan = planned(&REPORT, &Snapshot::default());
    check_issue(created(&plan).find(|new| new.id == "rollup").unwrap());
}

/// The report with another severity for all that is known.
fn with_severity(severity: Severity) -> Report {
    let mut report = report();
    report.findings.retain(|finding| finding.severity.is_some());
    for finding in &mut report.findings {
        finding.severity = Some(severity);
        if severity < Severity::Error {
            // as if nothing had been withdrawn yet
            finding.notices.clear();
        }
    }
    Report::new(report.findings, report.generated_at)
}

/// The comments of a plan; the changes are made.
fn comments(plan: &Plan, snapshot: &mut Snapshot) -> Vec<String> {
    let mut comments = Vec::new();
    for change in &plan.changes {
        match change {
            IssueChange::CreateLabel(label) => snapshot.labels.push(label.name.clone()),
            IssueChange::Create(new) => snapshot.issues.push(Issue {
                number: snapshot.issues.len() as u64 + 1,
                is_open: true,
                title: new.title.clone(),
                body: new.body.clone(),
                labels: new.labels.clone(),
            }),
            IssueChange::Adopt(edit)
            | IssueChange::Update(edit)
            | IssueChange::Close(edit)
            | IssueChange::Reopen(edit)
            | IssueChange::Fold(edit) => {
                comments.extend(edit.comment.as_ref().map(|comment| comment.body.clone()));
                make(edit, snapshot);
            }
        }
    }
    comments
}

fn make(edit: &Edit, snapshot: &mut Snapshot) {
    let issue = snapshot.issues.iter_mut().find(|issue| issue.number == edit.number).unwrap();
    if let Some(body) = &edit.fields.body {
        body.clone_into(&mut issue.body);
    }
    if let Some(state) = edit.fields.state {
        issue.is_open = state == "open";
    }
}

#[test]
fn comments_are_only_their_own() {
    let mut snapshot = Snapshot::default();
    for (severity, least) in [
        (Severity::Warning, 0),
        (Severity::Critical, HOSTILE.len()),
        (Severity::None, HOSTILE.len()),
        (Severity::Critical, HOSTILE.len()),
    ] {
        let plan = planned(&with_severity(severity), &snapshot);
        let comments = comments(&plan, &mut snapshot);
        assert!(comments.len() >= least, "{severity}: {} comments", comments.len());
        for comment in comments {
            let (text, key) = comment.rsplit_once('\n').unwrap();
            assert!(key.starts_with("<!-- upmon:v1 comment=") && key.ends_with(" -->"), "{comment}");
            check_markdown(text);
        }
    }
}

/// A place where `badge` has written what it makes of the report.
async fn badges() -> World {
    let world = World::new("{}").await;
    let mut report = report();
    // a file has to be readable before its names can be
    report.findings.iter_mut().for_each(|finding| finding.place = None);
    world.write("report.json", &render(&report, Format::Json, &Options::default()));
    world.run(&["badge", "--out", "badges", "--report", "report.json", "--allow-unknown"]).ended(0);
    world
}

/// Every file below a directory with its path and text.
fn files(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path().display().to_string(), fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found
}

fn named(world: &World, ending: &str) -> Vec<(String, String)> {
    let files: Vec<_> = files(&world.path("badges")).into_iter().filter(|(name, _)| name.ends_with(ending)).collect();
    assert!(files.len() > HOSTILE.len(), "{}", files.len());
    for (path, _) in &files {
        let (_, below) = path.rsplit_once("/badges/").unwrap();
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.~/".contains(&byte);
        assert!(below.bytes().all(is_allowed), "{below}");
        assert!(below.split('/').all(|part| part.len() <= 255 && !part.starts_with('.')), "{below}");
    }
    files
}

#[tokio::test]
async fn badges_for_shields_have_only_its_keys_and_plain_text() {
    let world = badges().await;
    for (path, text) in named(&world, ".json") {
        check_plain(&text, "");
        let badge: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let allowed = ["schemaVersion", "label", "message", "color", "isError", "style", "cacheSeconds"];
        assert!(badge.keys().all(|key| allowed.contains(&key.as_str())), "{path}: {badge:?}");
        check_plain(badge["label"].as_str().unwrap(), "");
        assert!(badge["label"].as_str().unwrap().chars().count() < 80, "{badge:?}");
    }
}

#[tokio::test]
async fn svg_badges_have_only_their_own_elements() {
    let world = badges().await;
    let files = named(&world, ".svg");
    let (_, tame) = files.iter().find(|(path, _)| path.ends_with("badges/upmon.svg")).unwrap();
    for (path, svg) in &files {
        check_plain(svg, "");
        assert_eq!(skeleton(svg), skeleton(tame), "{path}: {svg}");
    }
}

/// Elements and the names of their attributes; `&` only begins an entity.
fn skeleton(svg: &str) -> Vec<String> {
    let mut rest = svg;
    let mut elements = Vec::new();
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            assert!(entity.split_once(';').is_some_and(|(name, _)| !name.contains(' ')), "{text}");
        }
        let (element, after) = element(after);
        elements.push(element);
        rest = after;
    }
    elements
}

/// An element's name and those of its attributes, and what stands behind it.
fn element(text: &str) -> (String, &str) {
    let mut kept = String::new();
    let mut is_quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '>' if !is_quoted => return (kept, &text[index + 1..]),
            _ if is_quoted => assert!(character != '<', "{text}"),
            _ => kept.push(character),
        }
    }
    panic!("an element does not end: {text}")
}

/// A package of npm's whose every text means harm, and the pin of it.
async fn world() -> World {
    let pins = json!({ "typescript": { "bad": "1.0.0" } });
    let world = World::new(&pins.to_string()).await;
    let flood = flood();
    let texts = || HOSTILE.iter().copied().chain([flood.as_str()]);
    let of = |version: &str, text: &str| json!({ "name": "bad", "version": version, "deprecated": text, "repository": text, "homepage": text });
    let mut versions: Map<String, Value> = texts().map(|text| (text.to_owned(), of(text, text))).collect();
    let all = HOSTILE.join(" ");
    for version in ["1.0.0", "1.1.0"] {
        versions.insert(version.to_owned(), of(version, &all));
    }
    let time: Map<String, Value> =
        versions.keys().map(|name| (name.clone(), json!("2026-01-01T00:00:00.000Z"))).collect();
    let packument = json!({ "name": "bad", "dist-tags": { "latest": "1.1.0" }, "versions": versions, "time": time,
        "repository": { "type": "git", "url": all }, "homepage": all });
    world.answer(RegistryId::Npm, "bad", "application/json", &packument.to_string()).await;
    world
}

#[tokio::test]
async fn explain_shows_every_release_in_plain_text() {
    let world = world().await;
    let run = world.run(&["explain", "bad"]).ended(0);
    check_plain(&run.stdout, "");
    check_plain(&run.stderr, "");
    assert!(run.stdout.contains("@acme/team") && run.stdout.contains("\\u{1b}[31mred"), "{}", run.stdout);
    assert!(run.stdout.lines().count() >= HOSTILE.len(), "{}", run.stdout);
}

#[tokio::test]
async fn a_step_gets_its_outputs_and_no_other() {
    let world = world().await.with("GITHUB_OUTPUT", "output.txt").with("GITHUB_STEP_SUMMARY", "summary.md");
    let run = world.run(&["check", "--format", "github", "--links", "--write-report", "report.json"]).ended(0);
    check_plain(&run.stdout, "");
    assert!(run.stdout.lines().all(|line| line.starts_with("::warning ")), "{run:?}");
    assert_eq!(world.read("output.txt"), "worst=warning\nbehind=1\nunknown=0\nreport=report.json\n");
    let summary = world.read("summary.md");
    assert!(summary.contains("acme/team"), "{summary}");
    check_markdown(&summary);
    check_tables(&summary);
}

/// Every row of a table has as many cells as its head.
#[track_caller]
fn check_tables(markdown: &str) {
    let mut cells = None;
    for line in markdown.lines() {
        cells = line.starts_with('|').then(|| cells.unwrap_or_else(|| line.matches('|').count()));
        assert_eq!(cells.unwrap_or_default(), if cells.is_some() { line.matches('|').count() } else { 0 }, "{line}");
    }
}

/// HTML of the templates.
const OUR_HTML: &[&str] = &[
    "<sub>",
    "</sub>",
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<summary>Links</summary>",
    "<summary>Nothing to do</summary>",
];

/// Markdown that shows text, tables, lists and our own headings and links, and does nothing else.
#[track_caller]
fn check_markdown(markdown: &str) {
    check_plain(markdown, "\u{200b}");
    let mut run = String::new();
    let mut is_heading = false;
    for event in Parser::new_ext(markdown, pulldown_cmark::Options::all()) {
        match event {
            Event::Text(text) => run.push_str(&text),
            Event::Code(code) => {
                check_plain(&code, "");
                run.push('\u{fffc}');
            }
            Event::SoftBreak | Event::HardBreak => run.push('\n'),
            Event::Html(html) | Event::InlineHtml(html) => {
                let is_ours = html.lines().all(|line| line.trim().is_empty() || OUR_HTML.contains(&line.trim()));
                assert!(is_ours, "HTML: {html}");
            }
            Event::Start(Tag::Link { dest_url, link_type, .. }) => {
                let is_safe = ["https://evil.example/", "https://redirect.github.com/acme/shop/issues/4"];
                assert!(is_safe.iter().any(|start| dest_url.starts_with(start)), "a link to {dest_url}");
                assert_eq!(link_type, pulldown_cmark::LinkType::Inline, "a link to {dest_url}");
            }
            Event::Start(Tag::Heading { .. }) => is_heading = true,
            Event::End(TagEnd::Heading(_)) => {
                is_heading = false;
                let starts = ["upmon: ", "Unknown, which", "Notices", "Actions"];
                assert!(starts.iter().any(|start| run.starts_with(start)), "a heading: {run}");
                run.clear();
            }
            Event::Start(
                Tag::Paragraph
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::List(None)
                | Tag::Item
                | Tag::Strong
                | Tag::HtmlBlock,
            )
            | Event::End(TagEnd::Link | TagEnd::Strong | TagEnd::HtmlBlock) => {}
            Event::End(_) => {
                check_text(&run, markdown);
                run.clear();
            }
            other => panic!("{other:?} in {markdown}"),
        }
    }
    assert!(!is_heading);
}

/// Text in which GitHub finds nothing to link or to paint.
#[track_caller]
fn check_text(text: &str, whole: &str) {
    check_references(text);
    let lower = text.to_lowercase();
    let is_commit = |word: &str| word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(!lower.split(|it: char| !it.is_alphanumeric()).any(is_commit), "a commit: {text} in {whole}");
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_".contains(&byte);
    let is_emoji = |word: &&str| !word.is_empty() && word.bytes().all(is_name) && word.parse::<u32>().is_err();
    let between: Vec<&str> = lower.split(':').collect();
    let inner = between.get(1..between.len().saturating_sub(1)).unwrap_or_default();
    assert_eq!(inner.iter().find(|word| is_emoji(word)), None, "an emoji: {text}");
}

/// Text in which GitHub finds nobody to tell, no issue and no address.
#[track_caller]
fn check_references(text: &str) {
    let lower = text.to_lowercase();
    let is_followed = |mark: &str, wanted: fn(char) -> bool| {
        lower.match_indices(mark).any(|(at, _)| lower[at + mark.len()..].chars().next().is_some_and(wanted))
    };
    assert!(!is_followed("@", char::is_alphanumeric), "a mention: {text}");
    assert!(!is_followed("#", |next| next.is_ascii_digit()), "a reference: {text}");
    assert!(!is_followed("gh-", |next| next.is_ascii_digit()), "a reference: {text}");
    assert!(!is_followed("://", |next| !next.is_whitespace()) && !lower.contains("www."), "an address: {text}");
}
