//! Pages for people: `/`, and `/packages/{group}/{package}` for each pin. From templates, readable without script, in the
//! same frame and with the same partials as the page that `upmon check --format html` prints.
//!
//! What is known comes from the view; what goes on, from the store, which may be silent: then the page says so, and shows
//! the rest.

mod activity;
mod chart;
mod home;
mod package;
mod query;

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use chrono::{DateTime, SecondsFormat, Utc};
use handlebars::Handlebars;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::Service;
use super::routes::{answer, kept, tagged};
use crate::report::Report;
use crate::report::html::frame::{Head, Looks, STYLE, age, minute, templates};
use activity::Activity;
use home::Home;
use query::Query;

const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// Names of private packages are on a page, so nobody but who asked keeps it, and asks whether it still holds.
const ASK_AGAIN: &str = "private, no-cache";

static TEMPLATES: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    templates([
        ("when", include_str!("../../../templates/when.html.hbs")),
        ("chart", include_str!("../../../templates/chart.html.hbs")),
        ("deliveries", include_str!("../../../templates/deliveries.html.hbs")),
        ("activity", include_str!("../../../templates/activity.html.hbs")),
        ("home", include_str!("../../../templates/home.html.hbs")),
        ("package", include_str!("../../../templates/package.html.hbs")),
        ("missing", include_str!("../../../templates/missing.html.hbs")),
    ])
});

/// The style of every page, and what only those of the service need.
static LOOKS: LazyLock<Looks> =
    LazyLock::new(|| Looks::served([STYLE, include_str!("../../../templates/service.css")].concat()));

/// An instant, for machines and for people.
#[derive(Debug, Clone, Serialize)]
struct Moment {
    at: String,
    text: String,
}

impl Moment {
    fn of(at: DateTime<Utc>) -> Self {
        Self { at: at.to_rfc3339_opts(SecondsFormat::Secs, true), text: minute(at) }
    }

    /// With how long ago that is. Only in hours and days, so that a page is the same page for a while.
    fn aged(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let ago = match age(at, now) {
            age if age.is_empty() => "less than an hour ago".to_owned(),
            age => format!("{age} ago"),
        };
        Self { text: format!("{}, {ago}", minute(at)), ..Self::of(at) }
    }
}

/// What is said where there is no such page.
#[derive(Serialize)]
struct Missing<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    reason: &'static str,
    remedy: &'static str,
}

/// `GET /`: everything, worst first, and what goes on.
pub(super) async fn home(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let activity = Activity::of(&service).await;
    let age = service.age();
    let known = service.view().report(age);
    let is_checked = known.is_some();
    let report = known.unwrap_or_else(|| Report::new(Vec::new(), age.now));
    page(&Home::of(&report, is_checked, &Query::of(&uri), activity, age.now), "home", &headers)
}

/// `GET /packages/{group}/{package}`. Slashes of a package's name may stand as they are or percent-encoded.
pub(super) async fn package(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let encoded = uri.path().strip_prefix("/packages/").unwrap_or_default();
    let id = percent_decode_str(encoded).decode_utf8_lossy();
    let view = service.view();
    match view.of(&id) {
        Some(known) => {
            let age = service.age();
            let finding = age.present(known);
            page(&package::Page::of(&service, known, &finding, age.now).await, "package", &headers)
        }
        None if view.last_good_check().is_none() => missing(
            StatusCode::SERVICE_UNAVAILABLE,
            "not checked yet",
            "Nothing was checked yet, so nobody knows what is pinned.",
            "Ask again in a moment.",
        ),
        None => missing(
            StatusCode::NOT_FOUND,
            "not pinned",
            "No package of this name is pinned in this group.",
            "It may have been pinned once, or be spelled otherwise. An address ends with the group and the package as the \
             pins file spells them.",
        ),
    }
}

fn page(shown: &impl Serialize, template: &str, headers: &HeaderMap) -> Response<Body> {
    kept(guarded(tagged(MEDIA_TYPE, render(shown, template), headers)), ASK_AGAIN)
}

fn missing(status: StatusCode, headline: &str, reason: &'static str, remedy: &'static str) -> Response<Body> {
    let head = Head::new("Upstream versions", headline.to_owned(), LOOKS.clone()).below("/");
    let body = render(&Missing { head, reason, remedy }, "missing");
    kept(guarded(answer(status, MEDIA_TYPE, body)), "no-store")
}

fn render(shown: &impl Serialize, template: &str) -> String {
    TEMPLATES.render(template, shown).expect("the page has every field that the templates name")
}

/// What a page says of itself, and that no other page may put it into a frame, which only a header can say.
fn guarded(mut response: Response<Body>) -> Response<Body> {
    let policy = format!("{}; frame-ancestors 'none'", LOOKS.policy);
    let policy = HeaderValue::from_str(&policy).expect("the policy is of plain letters");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}
