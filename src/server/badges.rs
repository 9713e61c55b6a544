//! `/badge.svg`, `/badge/{group}.svg`, `/badge/{group}/{package}.svg` and the same with `.json`, for a
//! [Shields endpoint badge](https://shields.io/badges/endpoint-badge).
//!
//! A badge address always answers with a badge: what is not known, not pinned or no longer fresh, the badge says.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use super::Service;
use super::routes::{asked, kept, refusal, tagged};
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

fn whole(service: &Service) -> Badge {
    match service.view().report(service.age()) {
        Some(report) => Badge::of_report(WHOLE, &report),
        None => Badge::unknown(WHOLE, NOT_CHECKED),
    }
}

const NOT_CHECKED: &str = "not checked yet";
const NOT_PINNED: &str = "not pinned";

fn of_group(service: &Service, group: &str) -> Badge {
    let (view, age) = (service.view(), service.age());
    let findings: Vec<_> = view.of_group(group).map(|known| age.present(known)).collect();
    if findings.is_empty() {
        return Badge::unknown(group, if view.last_good_check().is_some() { NOT_PINNED } else { NOT_CHECKED });
    }
    Badge::of_group(group, &findings.iter().collect::<Vec<_>>())
}

fn of_pin(service: &Service, id: &str, package: &str) -> Badge {
    let (view, age) = (service.view(), service.age());
    match view.of(id) {
        Some(known) => Badge::of_finding(&age.present(known), age.now),
        None => Badge::unknown(package, if view.last_good_check().is_some() { NOT_PINNED } else { NOT_CHECKED }),
    }
}

/// The badge in the style and with the label that the address asks for, as Shields takes them. What it does not know is
/// ignored, the colour is nobody's to choose.
fn shown(badge: &Badge, form: Form, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let style = asked(uri, "style").and_then(|word| Style::ALL.into_iter().find(|style| style.as_str() == word));
    let style = style.unwrap_or_default();
    let labelled = asked(uri, "label").map(|label| badge.clone().with_label(&label));
    let badge = labelled.as_ref().unwrap_or(badge);
    let (media_type, body) = match form {
        Form::Json => ("application/json", shields::render(badge, style)),
        Form::Svg => ("image/svg+xml", svg::render(badge, style)),
    };
    kept(tagged(media_type, body, headers), if badge.is_error { UNKNOWN } else { KNOWN })
}
