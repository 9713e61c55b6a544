//! What of the packages a page shows, by the query of its address: `?group=rust&show=critical&q=tok&page=2`.
//!
//! What makes no sense is left out rather than refused: an address may be typed, and a page that shows everything and says
//! so helps more than an error.

use axum::http::Uri;
use url::form_urlencoded::Serializer;

use crate::report::Finding;
use crate::report::html::row::kinds;
use crate::server::routes::asked;

/// What can be chosen, worst first, then how things stand.
pub(super) const KINDS: [&str; 12] = [
    "critical", "error", "unknown", "warning", "notice", "info", "none", "overdue", "stale", "behind", "ahead",
    "current",
];

/// The packages of one page: few enough to be read and sent at once, and since the worst stand first, those that matter
/// are on the first.
pub(super) const PAGE: usize = 100;

/// The most characters of a text that is looked for: the names that registries allow are shorter.
const LONGEST: usize = 256;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The only group.
    pub(super) group: Option<String>,
    /// One of [`KINDS`].
    pub(super) show: Option<&'static str>,
    /// Whether something else was to be shown, which there is not.
    pub(super) is_odd: bool,
    /// Part of the name, as it was typed.
    pub(super) text: Option<String>,
    /// From 1 on.
    pub(super) page: usize,
}

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let cut = |text: String| text.chars().take(LONGEST).collect::<String>();
        let wanted = asked(uri, "show");
        let show = wanted.as_ref().and_then(|word| KINDS.into_iter().find(|kind| kind == word));
        Self {
            group: asked(uri, "group").map(cut),
            show,
            is_odd: wanted.is_some() && show.is_none(),
            text: asked(uri, "q").map(cut),
            page: asked(uri, "page").and_then(|number| number.parse().ok()).unwrap_or(1).max(1),
        }
    }

    /// Whether a finding is in the group and has the text in its name, in whatever case.
    pub(super) fn is_about(&self) -> impl Fn(&Finding) -> bool + use<> {
        let text = self.text.as_ref().map(|text| text.trim().to_lowercase());
        let group = self.group.clone();
        move |finding| {
            let has = |name: &str| text.as_ref().is_none_or(|text| name.to_lowercase().contains(text.as_str()));
            group.as_ref().is_none_or(|group| finding.group == *group)
                && (has(&finding.id) || finding.upstream.as_deref().is_some_and(has))
        }
    }

    /// The same but for what is shown.
    pub(super) fn showing(&self, show: Option<&'static str>) -> Self {
        Self { show, is_odd: false, page: 1, ..self.clone() }
    }

    /// The same but for the page.
    pub(super) fn at(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Whether something is left out.
    pub(super) const fn is_choice(&self) -> bool {
        self.group.is_some() || self.show.is_some() || self.text.is_some()
    }

    /// The address that asks for it.
    pub(super) fn address(&self) -> String {
        let mut pairs = Serializer::for_suffix(String::from("/?"), 2);
        let words = [("group", self.group.as_deref()), ("show", self.show), ("q", self.text.as_deref())];
        for (name, value) in words.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            pairs.append_pair(name, value);
        }
        if self.page > 1 {
            pairs.append_pair("page", &self.page.to_string());
        }
        format!("{}#packages", pairs.finish().trim_end_matches('?'))
    }
}

/// Whether a finding is of a kind.
pub(super) fn is_of(finding: &Finding, kind: &str) -> bool {
    finding.status.as_str() == kind || kinds(finding).any(|known| known == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().unwrap())
    }

    #[test]
    fn an_address_asks_for_what_it_was_made_from() {
        let table = [
            ("", "/#packages"),
            ("page=1&page=7", "/#packages"),
            ("page=0", "/#packages"),
            ("page=-1&q=&group=&show=", "/#packages"),
            ("page=99999999999999999999999", "/#packages"),
            ("show=critical&page=3", "/?show=critical&page=3#packages"),
            ("show=Critical", "/#packages"),
            ("q=%22%3E%3Cscript%3E&group=a%26b", "/?group=a%26b&q=%22%3E%3Cscript%3E#packages"),
            ("q=%ff", "/?q=%EF%BF%BD#packages"),
        ];
        for (text, address) in table {
            assert_eq!(query(text).address(), address, "{text}");
            let again = Query::of(&address.split('#').next().unwrap().parse().unwrap());
            assert_eq!(again, Query { is_odd: false, ..query(text) }, "{text}");
        }
    }

    #[test]
    fn only_an_odd_word_is_odd() {
        for (text, odd) in [("", false), ("show=", false), ("show=stale", false), ("show=x", true), ("q=x", false)] {
            assert_eq!(query(text).is_odd, odd, "{text}");
        }
    }

    #[test]
    fn texts_are_looked_for_in_whatever_case_and_cut() {
        let report: Report = serde_json::from_str(include_str!("../../../tests/data/report/sample.json")).unwrap();
        let found = |text: &str| {
            let query = query(text);
            let fits = query.is_about();
            report
                .findings
                .iter()
                .filter(|finding| fits(finding))
                .map(|finding| finding.id.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("q=TOKIO"), ["rust/tokio"]);
        assert_eq!(found("q=%20tokio+"), ["rust/tokio"]);
        assert_eq!(found("q=rust/to"), ["rust/tokio"]);
        assert_eq!(found("q=tokio&group=ruby"), [""; 0]);
        assert_eq!(found("").len(), report.findings.len());
        assert_eq!(query(&format!("q={}", "x".repeat(5000))).text.unwrap().len(), LONGEST);
    }

    #[test]
    fn every_finding_is_of_a_kind_that_can_be_chosen() {
        let report: Report = serde_json::from_str(include_str!("../../../tests/data/report/sample.json")).unwrap();
        for finding in &report.findings {
            assert!(KINDS.iter().filter(|kind| is_of(finding, kind)).count() >= 1, "{}", finding.id);
            assert_eq!(is_of(finding, "unknown"), finding.severity.is_none(), "{}", finding.id);
            assert!(!is_of(finding, "current") || finding.severity.is_some(), "{}", finding.id);
        }
    }
}
