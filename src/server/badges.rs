//! `/badge.svg`, `/badge/{group}.svg`, `/badge/{group}/{package}.svg` and the same with `.json`, for a
//! [Shields endpoint badge](https://shields.io/badges/endpoint-badge).
//!
//! A badge address always answers with a badge: what is not known, not pinned or no longer fresh, the badge says.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::clock::now;
use super::routes::{answer, refusal};
use super::view::Age;
use super::{Service, fingerprint};
use crate::badge::svg::Style;
use crate::badge::{Badge, shields, svg};

/// What the badge for the whole report says on its left.
const WHOLE: &str = "upstream";

/// How long a badge may be kept: long enough to spare the service, short enough that a changed pin shows soon.
const KNOWN: &str = "public, max-age=300";

/// The same while something is unknown.
const UNKNOWN: &str = "public, max-age=60";

pub(super) async fn whole_json(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    shown(&whole(&service), Form::Json, &uri, &headers)
}

pub(super) async fn whole_svg(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    shown(&whole(&service), Form::Svg, &uri, &headers)
}

/// The badge of a group or of a package. Slashes of a package's name may stand as they are or percent-encoded.
pub(super) async fn part(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let encoded = uri.path().strip_prefix("/badge/").unwrap_or_default();
    let path = percent_decode_str(encoded).decode_utf8_lossy();
    let (name, form) = match path.rsplit_once('.') {
        Some((name, "svg")) => (name, Form::Svg),
        Some((name, "json")) => (name, Form::Json),
        _ => return refusal(StatusCode::NOT_FOUND, "a badge's address ends with `.svg` or `.json`"),
    };
    let badge = match name.split_once('/') {
        Some((_, package)) => of_pin(&service, name, package),
        None => of_group(&service, name),
    };
    shown(&badge, form, &uri, &headers)
}

/// How a badge is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Svg,
}

fn age(service: &Service) -> Age {
    Age { now: now(), stale_after: service.settings.stale_after }
}

fn whole(service: &Service) -> Badge {
    match service.view().report(age(service)) {
        Some(report) => Badge::of_report(WHOLE, &report),
        None => Badge::unknown(WHOLE, NOT_CHECKED),
    }
}

const NOT_CHECKED: &str = "not checked yet";
const NOT_PINNED: &str = "not pinned";

fn of_group(service: &Service, group: &str) -> Badge {
    let (view, age) = (service.view(), age(service));
    let findings: Vec<_> = view.of_group(group).map(|known| age.present(known)).collect();
    if findings.is_empty() {
        return Badge::unknown(group, if view.last_good_check().is_some() { NOT_PINNED } else { NOT_CHECKED });
    }
    Badge::of_group(group, &findings.iter().collect::<Vec<_>>())
}

fn of_pin(service: &Service, id: &str, package: &str) -> Badge {
    let (view, age) = (service.view(), age(service));
    match view.of(id) {
        Some(known) => Badge::of_finding(&age.present(known), age.now),
        None => Badge::unknown(package, if view.last_good_check().is_some() { NOT_PINNED } else { NOT_CHECKED }),
    }
}

/// The badge in the style and with the label that the address asks for, as Shields takes them. What it does not know is
/// ignored, the colour is nobody's to choose.
fn shown(badge: &Badge, form: Form, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    };
    let style = asked("style").and_then(|word| Style::ALL.into_iter().find(|style| style.as_str() == word));
    let style = style.unwrap_or_default();
    let labelled = asked("label").map(|label| badge.clone().with_label(&label));
    let badge = labelled.as_ref().unwrap_or(badge);
    let (media_type, body) = match form {
        Form::Json => ("application/json", shields::render(badge, style)),
        Form::Svg => ("image/svg+xml", svg::render(badge, style)),
    };
    kept(answer_tagged(media_type, body, headers), if badge.is_error { UNKNOWN } else { KNOWN })
}

fn kept(mut response: Response<Body>, how: &'static str) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(how));
    response
}

/// A body with its `ETag`, or 304 for who has it.
pub(super) fn answer_tagged(media_type: &'static str, body: String, headers: &HeaderMap) -> Response<Body> {
    let tag = format!("\"{}\"", fingerprint(body.as_bytes()));
    let mut response = if has(headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        answer(StatusCode::OK, media_type, body)
    };
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes are a header");
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Whether one of [`If-None-Match`](https://www.rfc-editor.org/rfc/rfc9110.html#name-if-none-match) is this tag, which a
/// proxy may have made weak.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
