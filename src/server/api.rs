//! `/api/v1`: what is known as JSON, and a check on request. `openapi` describes it from the same types.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Service;
use super::clock::now;
use super::routes::{answer, asked, kept, refusal, tagged};
use super::store::{Cause, Known, Received, Scope};
use super::view::Age;
use crate::pin::Pin;
use crate::report::{Finding, Format, Options, escape, render};

/// Whoever keeps an answer asks whether it still holds.
const ASK_AGAIN: &str = "no-cache";

/// What is known of a pin.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Package {
    /// The finding, as in the report.
    pub(super) finding: Finding,
    /// When the check began that it is from.
    pub(super) checked_at: String,
    /// When such a check last learned something; `null` if none ever did.
    pub(super) known_at: Option<String>,
}

/// What is known of every pin.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Packages {
    /// One entry a pin, in the order of the pins file.
    pub(super) packages: Vec<Package>,
}

/// What was known of a pin from an instant on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Changed {
    /// The instant.
    pub(super) changed_at: String,
    /// The finding since then.
    pub(super) finding: Finding,
}

/// What changed about a pin.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    /// `group/package`.
    pub(super) id: String,
    /// The changes, latest first.
    pub(super) changes: Vec<Changed>,
    /// `before` of the page behind this one; `null` where there is none.
    pub(super) next: Option<String>,
}

/// Something that was told.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Told {
    /// Its id, as the sender names it.
    id: String,
    /// The kind of event.
    event: String,
    /// When it came.
    received_at: String,
    /// When it was found out which pins it concerns; `null` while that is to come.
    sorted_at: Option<String>,
    /// Which those are, by id.
    pins: Vec<String>,
}

/// What was told, latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deliveries {
    /// The deliveries.
    deliveries: Vec<Told>,
}

/// Which pins to check.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckRequest {
    /// Ids, `group/package`. All pins where this is missing.
    #[serde(default)]
    packages: Option<Vec<String>>,
}

/// A check that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Accepted {
    /// The id of the job.
    job: String,
}

/// Why there is no answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Refused {
    /// What is wrong, and what to do about it.
    error: String,
}

/// `GET /api/v1/report`: the report, as `upmon check --json` prints it.
pub(super) async fn report(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response<Body> {
    match service.view().report(service.age()) {
        Some(report) => {
            let body = render(&report, Format::Json, &Options::default());
            kept(tagged("application/json", body, &headers), ASK_AGAIN)
        }
        None => refusal(StatusCode::SERVICE_UNAVAILABLE, "nothing was checked yet; ask again in a moment"),
    }
}

/// `GET /api/v1/packages`, of all groups or of `?group=`.
pub(super) async fn packages(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let (view, age, group) = (service.view(), service.age(), asked(&uri, "group"));
    let is_wanted = |known: &&Known| group.as_ref().is_none_or(|group| known.finding.group == *group);
    let packages = view.all().iter().filter(is_wanted).map(|known| shown(known, age)).collect();
    json(&Packages { packages }, &headers)
}

/// `GET /api/v1/packages/{group}/{package}`.
pub(super) async fn package(
    State(service): State<Arc<Service>>,
    Path((group, package)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    match service.view().of(&format!("{group}/{package}")) {
        Some(known) => json(&shown(known, service.age()), &headers),
        None => unknown_pin(),
    }
}

/// `GET /api/v1/history?id=&before=&limit=`.
pub(super) async fn history(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let wrong = |message| refusal(StatusCode::BAD_REQUEST, message);
    let Some(id) = asked(&uri, "id") else { return wrong("`id` is missing: `group/package`") };
    let (before, limit) = match page(&uri) {
        Ok(page) => page,
        Err(message) => return wrong(message),
    };
    match service.store.history(&id, before, limit).await {
        Ok(changes) if changes.is_empty() && service.view().of(&id).is_none() => unknown_pin(),
        Ok(changes) => {
            let is_full = u32::try_from(changes.len()) == Ok(limit);
            let changes: Vec<Changed> = changes
                .into_iter()
                .map(|change| Changed { changed_at: exactly(change.changed_at), finding: change.finding })
                .collect();
            let next = changes.last().filter(|_| is_full).map(|change| change.changed_at.clone());
            json(&History { id, changes, next }, &headers)
        }
        Err(error) => broken(&error.to_string()),
    }
}

/// `GET /api/v1/deliveries?before=&limit=`.
pub(super) async fn deliveries(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let (before, limit) = match page(&uri) {
        Ok(page) => page,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, message),
    };
    match service.store.deliveries(before, limit).await {
        Ok(deliveries) => json(&Deliveries { deliveries: deliveries.into_iter().map(told).collect() }, &headers),
        Err(error) => broken(&error.to_string()),
    }
}

fn told(Received { id, event, received_at, sorted_at, pins }: Received) -> Told {
    Told { id, event, received_at: exactly(received_at), sorted_at: sorted_at.map(exactly), pins }
}

/// `before` and `limit`.
pub(super) fn page(uri: &Uri) -> Result<(DateTime<Utc>, u32), &'static str> {
    let before = asked(uri, "before").map(|text| DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()));
    let before = before.transpose().map_err(|_| "`before` is not a time such as 2026-11-20T06:00:00Z")?;
    let limit = asked(uri, "limit").map_or(Ok(PAGE), |text| text.parse());
    let limit = limit.ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit));
    // what is of this very moment is part of the first page
    let soon = || now() + TimeDelta::seconds(1);
    Ok((before.unwrap_or_else(soon), limit.ok_or("`limit` is not a whole number from 1 to 500")?))
}

/// The rows that one answer holds, and the most that may be asked for.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 500;

/// `POST /api/v1/check`, for who has the token.
pub(super) async fn check(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    if !service.secrets.has_token(&headers) {
        return unproven();
    }
    let request = if body.is_empty() { Ok(CheckRequest::default()) } else { serde_json::from_slice(&body) };
    let request: CheckRequest = match request {
        Ok(request) => request,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &escape::terminal(&error.to_string())),
    };
    let scope = match scope(&service, request).await {
        Ok(scope) => scope,
        Err(refused) => return refused,
    };
    match service.store.enqueue(Cause::Api, &scope, now()).await {
        Ok(job) => {
            service.wake.notify_waiters();
            let body = serde_json::to_string(&Accepted { job }).expect("a text serialises");
            answer(StatusCode::ACCEPTED, "application/json", body)
        }
        Err(error) => broken(&error.to_string()),
    }
}

/// The answer to who does not show the token.
pub(super) fn unproven() -> Response<Body> {
    let mut refused = refusal(StatusCode::UNAUTHORIZED, "this needs `Authorization: Bearer` with the service's token");
    refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

/// The pins that are asked for, all of which there are.
async fn scope(service: &Service, request: CheckRequest) -> Result<Scope, Response<Body>> {
    let Some(mut ids) = request.packages else { return Ok(Scope::All) };
    let checker = Arc::clone(&service.checker);
    let pins = tokio::task::spawn_blocking(move || checker.pins()).await.unwrap_or_else(|_| Err("it panicked".into()));
    let pins = pins.map_err(|fault| broken(&fault))?;
    let known: HashSet<String> = pins.iter().map(Pin::id).collect();
    if let Some(id) = ids.iter().find(|id| !known.contains(*id)) {
        let message = format!("no pin is called `{}`; an id is `group/package`", escape::terminal(id));
        return Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, &message));
    }
    if ids.is_empty() {
        return Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, "`packages` is empty; leave it out for all pins"));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Scope::Some(ids))
}

fn unknown_pin() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "there is no such pin; `/api/v1/packages` lists them")
}

/// What failed stands in the log; strangers are told only that.
pub(super) fn broken(error: &str) -> Response<Body> {
    tracing::error!("{}", escape::terminal(error));
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "the service could not do this; its log tells more")
}

fn shown(known: &Known, age: Age) -> Package {
    Package {
        finding: age.present(known),
        checked_at: exactly(known.checked_at),
        known_at: known.known_at.map(exactly),
    }
}

/// With milliseconds, as the store keeps them: what is told here may be asked for again.
pub(super) fn exactly(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn json(body: &impl Serialize, headers: &HeaderMap) -> Response<Body> {
    let document = serde_json::to_string(body).expect("answers have only text keys and serialise");
    kept(tagged("application/json", escape::json(document), headers), ASK_AGAIN)
}
