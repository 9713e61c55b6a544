//! [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), for [code
//! scanning](https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning): one result a
//! finding that is at least a notice or is unknown, at the pin's line.
//!
//! The rule of a result says what is wrong: the pinned release itself where it is withdrawn, else how far behind it is.
//! Its fingerprint is made of the finding's id, so an alert stays the same when its line moves or its text changes.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Finding, FindingPlace, NoticeKind, Report, escape, github, words};
use crate::policy::Severity;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What stands in the paths of files as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a result is about. The order is that of the rules in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Quarantined,
    Yanked,
    Removed,
    Deprecated,
    Critical,
    Error,
    Warning,
    Notice,
    Unknown,
}

impl Rule {
    const ALL: [Self; 9] = [
        Self::Quarantined,
        Self::Yanked,
        Self::Removed,
        Self::Deprecated,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Unknown,
    ];

    /// `None` for a finding that asks nothing of anybody.
    fn of(finding: &Finding) -> Option<Self> {
        let lag = match finding.severity {
            None => return Some(Self::Unknown),
            Some(Severity::None | Severity::Info) => return None,
            Some(Severity::Notice) => Self::Notice,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Error) => Self::Error,
            Some(Severity::Critical) => Self::Critical,
        };
        let has = |kind| finding.notices.iter().any(|notice| notice.kind == kind);
        let of_pin = Self::ALL.into_iter().find(|rule| rule.notice().is_some_and(has));
        Some(of_pin.unwrap_or(lag))
    }

    const fn notice(self) -> Option<NoticeKind> {
        match self {
            Self::Quarantined => Some(NoticeKind::PackageQuarantined),
            Self::Yanked => Some(NoticeKind::PinYanked),
            Self::Removed => Some(NoticeKind::PinRemoved),
            Self::Deprecated => Some(NoticeKind::PinDeprecated),
            Self::Critical | Self::Error | Self::Warning | Self::Notice | Self::Unknown => None,
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Quarantined => NoticeKind::PackageQuarantined.as_str(),
            Self::Yanked => NoticeKind::PinYanked.as_str(),
            Self::Removed => NoticeKind::PinRemoved.as_str(),
            Self::Deprecated => NoticeKind::PinDeprecated.as_str(),
            Self::Critical => "lag-critical",
            Self::Error => "lag-error",
            Self::Warning => "lag-warning",
            Self::Notice => "lag-notice",
            Self::Unknown => "unknown",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Quarantined => "The registry has hidden the package as possibly harmful",
            Self::Yanked => "The pinned release is withdrawn from new use",
            Self::Removed => "The pinned release is no longer listed by its registry",
            Self::Deprecated => "The pinned release is advised against by its maintainers",
            Self::Critical => "The pin is so far behind upstream that it needs a migration",
            Self::Error => "The pin is far behind upstream: update it urgently",
            Self::Warning => "The pin is behind upstream: update it by its due date",
            Self::Notice => "The pin is behind upstream: consider updating it",
            Self::Unknown => "It is unknown how far the pin is behind upstream, which is not the same as current",
        }
    }

    /// The level of the rule; a result has the one of its own severity.
    const fn level(self) -> &'static str {
        match self {
            Self::Quarantined | Self::Yanked | Self::Removed | Self::Critical | Self::Error => "error",
            Self::Deprecated | Self::Warning | Self::Unknown => "warning",
            Self::Notice => "note",
        }
    }

    fn describe(self) -> Value {
        json!({
            "id": self.id(),
            "shortDescription": { "text": self.description() },
            "fullDescription": { "text": format!("{}.", self.description()) },
            "help": { "text": "`upmon explain PACKAGE` shows every release seen, and why it counts or not." },
            "defaultConfiguration": { "level": self.level() },
            "properties": { "tags": ["dependencies", "maintainability"] },
        })
    }
}

pub(super) fn render(report: &Report) -> String {
    let results: Vec<Value> = report.findings.iter().filter_map(|finding| result(finding, report)).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "rules": Rule::ALL.map(Rule::describe),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let document = serde_json::to_string_pretty(&document).expect("a value serialises");
    format!("{}\n", escape::json(document))
}

fn result(finding: &Finding, report: &Report) -> Option<Value> {
    let rule = Rule::of(finding)?;
    let place = finding.place.as_ref().map(location);
    let fingerprint = fingerprint(&finding.id);
    let mut result = json!({
        "ruleId": rule.id(),
        "ruleIndex": Rule::ALL.iter().position(|known| *known == rule),
        "level": level(finding),
        "message": { "text": text(finding, report) },
        "locations": place.into_iter().collect::<Vec<Value>>(),
        // the first is the only one that code scanning reads
        "partialFingerprints": { "primaryLocationLineHash": fingerprint, "upmonFinding/v1": fingerprint },
    });
    if let Some(is_new) = finding.new {
        result["baselineState"] = if is_new { "new" } else { "unchanged" }.into();
    }
    Some(result)
}

const fn level(finding: &Finding) -> &'static str {
    match finding.severity {
        Some(Severity::None | Severity::Info | Severity::Notice) => "note",
        Some(Severity::Warning) | None => "warning",
        Some(Severity::Error | Severity::Critical) => "error",
    }
}

/// Plain text in which nothing is a link or a placeholder ([3.11.5 and
/// 3.11.6](https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html#_Toc34317459)).
fn text(finding: &Finding, report: &Report) -> String {
    let message = format!("{} {}", words::label(&finding.id), github::message(finding, report));
    let lines: Vec<String> = message.lines().map(escape::terminal).collect();
    let mut escaped = String::new();
    for character in lines.join("\n").chars() {
        match character {
            '{' => escaped.push_str("{{"),
            '}' => escaped.push_str("}}"),
            '[' | ']' | '\\' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn location(place: &FindingPlace) -> Value {
    let path = place.file.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let uri = utf8_percent_encode(path, IN_PATH).to_string();
    let artifact =
        if path.starts_with('/') { json!({ "uri": format!("file://{uri}") }) } else { json!({ "uri": uri }) };
    json!({ "physicalLocation": {
        "artifactLocation": artifact,
        "region": { "startLine": place.line.max(1), "startColumn": place.column.max(1) },
    } })
}

fn fingerprint(id: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let (start, _) = digest.split_first_chunk().expect("32 bytes hold 16");
    format!("{:032x}", u128::from_be_bytes(*start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    fn results(report: &Report) -> Vec<Value> {
        let document: Value = serde_json::from_str(&render(report)).unwrap();
        document["runs"][0]["results"].as_array().unwrap().clone()
    }

    fn only(id: &str) -> Report {
        let mut report = sample();
        report.findings.retain(|finding| finding.id == id);
        report
    }

    #[test]
    fn what_asks_something_is_a_result_with_its_rule_and_level() {
        let table = [
            ("rust/tokio", Some(("lag-error", "error"))),
            ("rust/serde", Some(("lag-critical", "error"))),
            ("rust/anyhow", None),
            ("rust/http", Some(("lag-warning", "warning"))),
            ("rust/openssl-sys", Some(("pin-yanked", "error"))),
            ("ruby/rake", None),
            ("ruby/nokogiri", Some(("lag-notice", "note"))),
            ("python/requests", Some(("unknown", "warning"))),
        ];
        for (id, expected) in table {
            let results = results(&only(id));
            let found =
                results.first().map(|result| (result["ruleId"].as_str().unwrap(), result["level"].as_str().unwrap()));
            assert_eq!(found, expected, "{id}");
        }
    }

    #[test]
    fn a_result_names_its_rule_twice_alike() {
        let document: Value = serde_json::from_str(&render(&sample())).unwrap();
        let rules = &document["runs"][0]["tool"]["driver"]["rules"];
        for result in results(&sample()) {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
    }

    #[test]
    fn an_alert_stays_the_same_when_its_line_moves_or_the_world_does() {
        let fingerprint = |report: &Report| results(report)[0]["partialFingerprints"].clone();
        let before = only("rust/tokio");
        let mut after = before.clone();
        after.findings[0].place.as_mut().unwrap().line = 77;
        after.findings[0].newest.as_mut().unwrap().version = "1.55.0".to_owned();
        assert_eq!(fingerprint(&before), fingerprint(&after));
        assert_ne!(fingerprint(&before), fingerprint(&only("rust/serde")));
    }

    #[test]
    fn a_place_is_an_address_below_the_root_of_the_repository() {
        let table = [
            ("./a b/pins: 100%.json", "a%20b/pins%3A%20100%25.json"),
            ("sub\\pins.json", "sub/pins.json"),
            ("/srv/pins.json", "file:///srv/pins.json"),
        ];
        for (file, uri) in table {
            let found = location(&FindingPlace { file: file.to_owned(), line: 3, column: 14 });
            assert_eq!(found["physicalLocation"]["artifactLocation"]["uri"], uri);
        }
    }

    #[test]
    fn upstream_text_is_neither_link_nor_placeholder() {
        let mut report = only("rust/openssl-sys");
        report.findings[0].notices[0].message =
            "[click](https://evil.example) {0} \u{202e} a\\b\n::error::x".to_owned();
        let message = results(&report)[0]["message"]["text"].as_str().unwrap().to_owned();
        let expected = "note: \\[click\\](https://evil.example) {{0}} \\\\u{{202e}} a\\\\b";
        assert!(message.contains(expected), "{message}");
    }
}
