//! The templates of pages, and what the frame of every page says.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use handlebars::Handlebars;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::report::templates::{embedded, helper, text};
use crate::report::{Report, Tool, escape};

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("../../../templates/page.css");

/// What pages are made of: the frame, and what stands in several of them.
const PARTIALS: [(&str, &str); 4] = [
    ("page", include_str!("../../../templates/page.html.hbs")),
    ("figures", include_str!("../../../templates/figures.html.hbs")),
    ("findings", include_str!("../../../templates/findings.html.hbs")),
    ("facts", include_str!("../../../templates/facts.html.hbs")),
];

/// Templates of HTML with the partials of every page and these: strict, escaping, and with the helpers `prose` and
/// `stylesheet`.
pub(crate) fn templates(pages: impl IntoIterator<Item = (&'static str, &'static str)>) -> Handlebars<'static> {
    let mut templates = embedded(escape::xml, PARTIALS.into_iter().chain(pages));
    templates.register_helper("prose", helper(|helper| escape::html(text(helper, 0))));
    templates.register_helper("stylesheet", helper(|helper| text(helper, 0).to_owned()));
    templates
}

/// How a page may look, and what else it may do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Looks {
    /// The style.
    pub(crate) style: Cow<'static, str>,
    /// The content security policy that allows it.
    pub(crate) policy: Cow<'static, str>,
}

impl Looks {
    /// Of a page that stands alone, and asks nobody for anything.
    pub(crate) fn alone(style: String) -> Self {
        // the empty icon, which keeps browsers from asking for one, is an image by address
        Self::of(style, "img-src data:; base-uri 'none'; form-action 'none'")
    }

    /// Of a page of the service, which shows its badges and asks it again.
    pub(crate) fn served(style: String) -> Self {
        Self::of(style, "img-src data: 'self'; base-uri 'none'; form-action 'self'")
    }

    /// A [content security policy](https://www.w3.org/TR/CSP3/) under which nothing runs, and nothing looks but as this style
    /// says.
    fn of(style: String, more: &str) -> Self {
        let hash = STANDARD.encode(Sha256::digest(&style));
        let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; {more}");
        Self { style: style.into(), policy: policy.into() }
    }
}

/// What `templates/page.html.hbs` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Head<'a> {
    title: Cow<'a, str>,
    headline: String,
    /// What the page tells is of then; empty where it tells nothing.
    generated_at: String,
    as_of: String,
    /// How old that is, in words; empty while it is young.
    age: String,
    tool: String,
    /// Where all packages are; empty where that is here.
    home: &'static str,
    #[serde(flatten)]
    pub(crate) looks: Looks,
}

impl<'a> Head<'a> {
    /// Of a page that tells nothing yet.
    pub(crate) fn new(title: impl Into<Cow<'a, str>>, headline: String, looks: Looks) -> Self {
        let Tool { name, version } = Tool::default();
        Self {
            title: title.into(),
            headline,
            generated_at: String::new(),
            as_of: String::new(),
            age: String::new(),
            tool: format!("{name} {version}"),
            home: "",
            looks,
        }
    }

    /// What it tells is of this report, and it is read now.
    pub(crate) fn of_report(self, report: &Report, now: DateTime<Utc>) -> Self {
        let Tool { name, version } = &report.tool;
        Self { tool: format!("{name} {version}"), ..self }.dated(report.generated_at, now)
    }

    /// What it tells is of this instant, and it is read now.
    pub(crate) fn dated(mut self, at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        self.generated_at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        self.as_of = minute(at);
        self.age = age(at, now);
        self
    }

    /// With a way to all packages.
    pub(crate) const fn below(mut self, home: &'static str) -> Self {
        self.home = home;
        self
    }
}

/// `2026-11-20 06:00 UTC`.
pub(crate) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 h`, `2 d`; empty within the first hour, and for a report from the future.
pub(crate) fn age(generated_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let age = now - generated_at;
    match (age.num_days(), age.num_hours()) {
        (days, _) if days > 0 => format!("{days} d"),
        (_, hours) if hours > 0 => format!("{hours} h"),
        _ => String::new(),
    }
}
