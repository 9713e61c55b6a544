//! The page: read as a browser reads it, by a tokenizer of the HTML standard.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use html5gum::{Token, Tokenizer};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use upmon::lag::Status;
use upmon::policy::Severity;
use upmon::report::{
    Finding, FindingError, FindingPlace, Format, Notice, NoticeKind, Options, Report, Target, escape, render,
};

use crate::support::runner::World;

const SAMPLE: &str = include_str!("../data/report/sample.json");

fn sample() -> Report {
    serde_json::from_str(SAMPLE).expect("the sample is a report")
}

fn tame() -> Report {
    let full = sample();
    Report::new(full.findings.into_iter().filter(|finding| finding.group == "ruby").collect(), full.generated_at)
}

fn html(report: &Report) -> String {
    render(report, Format::Html, &Options::default())
}

/// An element as it begins, or a text; what a comment or a parse error says is an error of the page.
#[derive(Debug)]
enum Part {
    Start(String, BTreeMap<String, String>),
    End(String),
    Text(String),
}

fn parts(page: &str) -> Vec<Part> {
    let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a page is UTF-8");
    let part = |token| match token {
        Token::StartTag(tag) => {
            let attributes = tag.attributes.iter().map(|(name, value)| (words(name), words(value)));
            Some(Part::Start(words(&tag.name), attributes.collect()))
        }
        Token::EndTag(tag) => Some(Part::End(words(&tag.name))),
        Token::String(text) => Some(Part::Text(words(&text))),
        Token::Doctype(_) => None,
        Token::Comment(comment) => panic!("a comment: {comment:?}"),
        Token::Error(error) => panic!("{error:?}"),
    };
    Tokenizer::new(page).filter_map(|token| part(token.expect("a page in memory can be read"))).collect()
}

/// The attributes of every element of a name.
fn elements(page: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    let of = |part| match part {
        Part::Start(found, attributes) if found == name => Some(attributes),
        _ => None,
    };
    parts(page).into_iter().filter_map(of).collect()
}

/// Every value of an attribute.
fn attributes(page: &str, name: &str) -> Vec<String> {
    let of = |part| match part {
        Part::Start(_, mut attributes) => attributes.remove(name),
        _ => None,
    };
    parts(page).into_iter().filter_map(of).collect()
}

/// What a reader sees, without the style.
fn text(page: &str) -> String {
    let body = page.split_once("</style>").map_or(page, |(_, body)| body);
    let of = |part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    };
    parts(body).into_iter().filter_map(of).collect()
}

/// The two rows of one package, as markup.
fn rows<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("<tbody id=\"{id}\"")).unwrap_or_else(|| panic!("no rows of {id}"));
    let end = page[start..].find("</tbody>").expect("an end");
    &page[start..start + end]
}

/// What an element may be, and what it may carry: all that the templates use.
const TAGS: &str = "html head meta title link style body a header h1 h2 p time main section dl div dt dd strong fieldset \
    legend label input span select option table caption colgroup col wbr thead tr th tbody td code details summary";
const ATTRIBUTES: &str = "lang charset http-equiv content name rel href class datetime aria-labelledby id tabindex type \
    autocomplete checked for value selected scope colspan";

#[track_caller]
fn assert_harmless(page: &str) {
    let mut open = Vec::new();
    for part in parts(page) {
        match part {
            Part::Start(tag, attributes) => {
                assert!(TAGS.split_whitespace().any(|known| known == tag), "<{tag}>");
                for (name, value) in attributes {
                    assert!(ATTRIBUTES.split_whitespace().any(|known| known == name), "{name}={value}");
                    let leads = value.starts_with("https://") || value.starts_with("http://");
                    assert!(name != "href" || leads || value == "#packages" || value == "data:,", "{value}");
                }
                if !matches!(tag.as_str(), "meta" | "link" | "input" | "col" | "wbr") {
                    open.push(tag);
                }
            }
            Part::End(tag) => assert_eq!(open.pop(), Some(tag)),
            Part::Text(text) => assert!(!text.contains(|character: char| character.is_control() && character != '\n')),
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn a_small_page() {
    let page = html(&tame());
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    // the style is in templates/page.css, and its hash follows from it
    let (start, policy) = before.split_once("sha256-").unwrap();
    let (_, end) = policy.split_once("&#39;").unwrap();
    insta::assert_snapshot!(format!("{start}sha256-...&#39;{end}<style>...</style>{after}"));
}

#[test]
fn every_element_is_ours_and_closed() {
    for report in [sample(), tame(), Report::new(Vec::new(), sample().generated_at)] {
        assert_harmless(&html(&report));
    }
}

#[test]
fn ids_are_unique_and_what_refers_to_one_finds_it() {
    let page = html(&sample());
    let ids = attributes(&page, "id");
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    let anchors = elements(&page, "a").into_iter().filter_map(|link| link["href"].strip_prefix('#').map(str::to_owned));
    let references: Vec<String> =
        attributes(&page, "aria-labelledby").into_iter().chain(attributes(&page, "for")).chain(anchors).collect();
    assert_eq!(references.len(), 4);
    assert!(references.iter().all(|reference| distinct.contains(reference)), "{references:?}");
    assert!(ids.iter().all(|id| !id.contains(char::is_whitespace)), "{ids:?}");
}

#[test]
fn the_policy_allows_this_style_and_nothing_else() {
    for report in [sample(), tame()] {
        let page = html(&report);
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        let metas = elements(&page, "meta");
        let policy =
            metas.iter().find(|meta| meta.get("http-equiv").is_some_and(|name| name == "Content-Security-Policy"));
        assert_eq!(
            policy.unwrap()["content"],
            format!(
                "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'"
            )
        );
        assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
    }
}

#[test]
fn the_worst_stands_first_and_equals_keep_the_order_of_the_pins() {
    let report = sample();
    let page = html(&report);
    let classes: Vec<String> =
        elements(&page, "tbody").into_iter().map(|mut body| body.remove("class").unwrap()).collect();
    let rank = |classes: &String| {
        let order = ["critical", "error", "unknown", "overdue", "warning", "notice", "info", "none"];
        order.iter().position(|kind| classes.split(' ').any(|class| class == *kind)).unwrap()
    };
    assert!(classes.is_sorted_by_key(rank), "{classes:?}");
    assert_eq!(classes.len(), report.findings.len());
    let critical: Vec<String> = attributes(&page, "id").into_iter().filter(|id| id.contains('/')).take(4).collect();
    assert_eq!(critical, ["rust/serde", "ruby/rails", "python/django", "typescript/%40types%2Fnode"]);
    assert!(text(&page).contains("Worst first, not in the order of the pins file"));
}

#[test]
fn what_is_unknown_is_never_shown_as_current() {
    let report = sample();
    let page = html(&report);
    assert!(text(&page).contains("Nothing is known of 8 packages"));
    for finding in report.findings.iter().filter(|finding| finding.status == Status::Unknown) {
        let rows = rows(&page, &format!("{}/{}", escape::segment(&finding.group), escape::segment(&finding.package)));
        let error = finding.error.as_ref().unwrap();
        assert!(!text(rows).contains("current"), "{rows}");
        assert!(rows.contains("<span class=\"severity\">unknown</span>"), "{rows}");
        assert!(rows.contains("<td class=\"wide\">unknown</td>"), "{rows}");
        assert!(text(rows).contains(error.kind.as_str()), "{rows}");
        assert_eq!(text(rows).contains("a later run may end differently"), error.retryable);
    }
}

#[test]
fn what_is_stale_says_so_and_is_not_called_current() {
    let mut report = sample();
    report.findings.retain(|finding| finding.id == "rust/anyhow");
    let stale = Notice { kind: NoticeKind::Stale, message: "these facts are of 2026-11-19T06:00:00Z".to_owned() };
    report.findings[0].notices.push(stale);
    let page = html(&Report::new(report.findings, report.generated_at));
    assert!(text(&page).contains("What is known of 1 package is no longer fresh"));
    assert!(page.contains("<title>nothing to do for 1 package, 1 stale - Upstream versions</title>"));
    let rows = rows(&page, "rust/anyhow");
    assert!(rows.contains("class=\"g0 none stale\""), "{rows}");
    assert!(rows.contains(">stale</span>"), "{rows}");
    assert!(rows.contains("<td class=\"wide\">ask again: it was current when last asked</td>"), "{rows}");
    assert!(text(rows).contains("these facts are of 2026-11-19T06:00:00Z"), "{rows}");
}

#[test]
fn without_pins_there_is_no_table_and_nothing_to_choose() {
    let page = html(&Report::new(Vec::new(), sample().generated_at));
    assert!(text(&page).contains("Nothing is pinned."));
    for tag in ["table", "fieldset", "select", "strong"] {
        assert_eq!(elements(&page, tag).len(), 0, "{tag}");
    }
}

#[test]
fn one_group_is_no_choice() {
    assert_eq!(elements(&html(&tame()), "select").len(), 0);
    assert_eq!(elements(&html(&sample()), "option").len(), 1 + 6);
}

/// A finding with a text in every field that takes one.
fn filled(text: &str) -> Finding {
    let mut finding = sample().findings.into_iter().find(|finding| finding.id == "rust/serde").expect("in the sample");
    let target = Target { version: text.to_owned(), published_at: None, url: Some(text.to_owned()) };
    let text = || text.to_owned();
    finding.id = format!("{}/{}", text(), text());
    (finding.group, finding.package) = (text(), text());
    (finding.pinned.version, finding.pinned.deprecated) = (text(), Some(text()));
    (finding.newest, finding.wanted) = (Some(target.clone()), Some(target));
    (finding.rule, finding.upstream, finding.requirement) = (Some(text()), Some(text()), Some(text()));
    finding.notices = vec![Notice { kind: NoticeKind::PinDeprecated, message: text() }];
    let links = &mut finding.links;
    for link in [&mut links.changelog, &mut links.compare, &mut links.migration_guide, &mut links.repository] {
        *link = Some(text());
    }
    finding.place = Some(FindingPlace { file: text(), line: 1, column: 2 });
    finding
}

/// The same as an unknown one.
fn unknown(text: &str) -> Finding {
    let mut finding = filled(text);
    finding.package.push('2');
    (finding.status, finding.severity, finding.newest) = (Status::Unknown, None, None);
    let kind = upmon::error::ErrorKind::BadResponse;
    finding.error = Some(FindingError { kind, message: text.to_owned(), retryable: true });
    finding
}

fn filled_page(text: &str) -> String {
    html(&Report::new(vec![filled(text), unknown(text)], sample().generated_at))
}

#[test]
fn hostile_text_in_every_field_is_only_text() {
    let table = [
        "</style><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</code></td></table><!-- ",
        "`</code><script>`",
        "javascript:alert(1)",
        "https://x.org/\"><script>alert(1)</script>",
        "data:text/html,<script>alert(1)</script>",
        "{{{style}}} {{#each",
        "&lt;b&gt; &#60;",
        "\u{202e}\u{1b}[31m\0\r\n",
        "",
    ];
    for hostile in table {
        let page = filled_page(hostile);
        assert_harmless(&page);
        // as a name, and as it stands between backticks
        assert!(text(&page).contains(&escape::terminal(hostile)), "{hostile:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_becomes_markup(parts in prop::collection::vec(prop_oneof![
        prop::sample::select(vec!["<", ">", "\"", "'", "&", "`", "<!--", "</", "https://x.org/", "{{", "\n", "&#"])
            .prop_map(str::to_owned),
        any::<String>(),
    ], 0..8)) {
        let hostile = parts.concat();
        let page = filled_page(&hostile);
        assert_harmless(&page);
        let tame = filled_page("x");
        // links may be more or fewer: the text may be an address
        for tag in ["tbody", "tr", "td", "details", "p"] {
            prop_assert_eq!(elements(&page, tag).len(), elements(&tame, tag).len(), "{}", tag);
        }
    }
}

#[test]
fn every_severity_is_a_word_and_can_be_chosen() {
    let report = sample();
    let page = html(&report);
    for severity in Severity::ALL {
        let count = report.summary.by_severity.get(severity);
        let label = format!(" {severity} <span class=\"soft\">{count}</span></label>");
        assert!(page.contains(&label), "{label}");
        assert_eq!(page.matches(&format!("<span class=\"severity\">{severity}</span>")).count(), count);
    }
    assert!(page.contains(" unknown <span class=\"soft\">8</span></label>"));
    assert!(page.contains(" overdue <span class=\"soft\">2</span></label>"));
    assert_eq!(elements(&page, "input").iter().filter(|input| input.contains_key("checked")).count(), 1);
}

#[tokio::test]
async fn check_prints_it_and_writes_the_report_beside_it() {
    let world = World::new(r#"{ "rust": { "odd<b>": "x" } }"#).await;
    let run = world.run(&["check", "--offline", "--format", "html", "--write-report", "report.json"]).ended(3);
    assert!(run.stdout.starts_with("<!doctype html>\n") && run.stdout.ends_with("</html>\n"), "{run:?}");
    assert_harmless(&run.stdout);
    assert!(text(&run.stdout).contains("rust/odd<b>"), "{run:?}");
    let report: Report = serde_json::from_str(&world.read("report.json")).unwrap();
    assert_eq!(html(&report), run.stdout);
}
