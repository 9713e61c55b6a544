//! What forges and others tell: proof first, then one row in the store, then the answer. Which pins it concerns is found out
//! behind that, by [`sort`], so a sender never waits for a registry.

mod event;
mod forges;
pub(super) mod sort;
pub(super) mod take;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::clock::now;
use super::routes::{answer, refusal};
use super::store::Delivery;
use super::{Service, fingerprint};

pub(super) use event::Concern;

/// `X-Hub-Signature-256`, `X-GitHub-Event` and `X-GitHub-Delivery` as [GitHub sends
/// them](https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers).
const SIGNATURE: &str = "x-hub-signature-256";
const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";

/// Headers of [GitLab](https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers). What identifies an event
/// through its repetitions is the key, from 17.4 on; the UUID may be that of several.
const GITLAB_TOKEN: &str = "x-gitlab-token";
const GITLAB_EVENT: &str = "x-gitlab-event";
const GITLAB_KEY: &str = "idempotency-key";
const GITLAB_UUID: &str = "x-gitlab-event-uuid";

/// Headers of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md),
/// with which newer versions of GitLab [sign](https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944).
const STANDARD_SIGNATURE: &str = "webhook-signature";
const STANDARD_ID: &str = "webhook-id";
const STANDARD_TIMESTAMP: &str = "webhook-timestamp";

/// Headers of Forgejo, which sends those of Gitea too, and of Gitea: signature, event, delivery.
const GITEA: [[&str; 2]; 3] = [
    ["x-forgejo-signature", "x-gitea-signature"],
    ["x-forgejo-event", "x-gitea-event"],
    ["x-forgejo-delivery", "x-gitea-delivery"],
];

/// The headers of senders of one's own.
const OWN_SIGNATURE: &str = "upmon-signature";
const OWN_TIMESTAMP: &str = "upmon-timestamp";

/// How far the clocks of such a sender and of the service may be apart, and so for how long a copy might pass for new.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// An id longer than this is none that a forge gives.
const LONGEST_ID: usize = 100;

/// `POST /webhooks/github`.
pub(super) async fn github(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let event = known(&event::KNOWN, header(&headers, EVENT));
    counted(&service, ("github", event), &from_github(&service, &headers, &body, None).await)
}

/// `POST /webhook/{package}`: the same, and the address says which pin it is about.
pub(super) async fn package(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let event = known(&event::KNOWN, header(&headers, EVENT));
    counted(&service, ("github", event), &from_github(&service, &headers, &body, Some(id)).await)
}

/// `POST /webhooks/gitlab`.
pub(super) async fn gitlab(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let event = known(&forges::GITLAB, header(&headers, GITLAB_EVENT));
    counted(&service, ("gitlab", event), &from_gitlab(&service, &headers, &body, now()).await)
}

/// `POST /webhooks/gitea`, from Forgejo as well.
pub(super) async fn gitea(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let event = known(&forges::GITEA, either(&headers, GITEA[1]));
    counted(&service, ("gitea", event), &from_gitea(&service, &headers, &body).await)
}

/// `POST /webhooks/signed`: from whoever has a secret, about pins or a repository.
pub(super) async fn signed(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let event = "signed";
    counted(&service, ("signed", event), &from_own(&service, &headers, &body, now()).await)
}

/// What became of a delivery.
enum Told {
    Pong,
    Accepted,
    CameBefore,
    ConcernsNothing,
}

type Refusal = (StatusCode, &'static str);

/// The answer, which is counted.
fn counted(
    service: &Service,
    (sender, event): (&'static str, &'static str),
    outcome: &Result<Told, Refusal>,
) -> Response<Body> {
    let word = match outcome {
        Ok(Told::Pong) => "pong",
        Ok(Told::Accepted) => "accepted",
        Ok(Told::CameBefore) => "came-before",
        Ok(Told::ConcernsNothing) => "concerns-nothing",
        Err((StatusCode::SERVICE_UNAVAILABLE, _)) => "lost",
        Err(_) => "refused",
    };
    service.counts.deliver(sender, event, word);
    told(outcome)
}

fn told(told: &Result<Told, Refusal>) -> Response<Body> {
    let say = |status, word| answer(status, "application/json", json!({ "status": word }).to_string());
    match told {
        Ok(Told::Pong) => say(StatusCode::OK, "pong"),
        Ok(Told::CameBefore) => say(StatusCode::OK, "came before"),
        Ok(Told::Accepted) => say(StatusCode::ACCEPTED, "accepted"),
        Ok(Told::ConcernsNothing) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err((status, message)) => refusal(*status, message),
    }
}

const NO_SECRET: Refusal = (StatusCode::FORBIDDEN, "this service has no webhook secret, so it takes no deliveries");
const UNPROVEN: Refusal =
    (StatusCode::UNAUTHORIZED, "the signature is missing or wrong; is the secret that of the service?");
const NO_JSON: Refusal = (StatusCode::BAD_REQUEST, "the body is no JSON; choose the content type `application/json`");

async fn from_github(
    service: &Service,
    headers: &HeaderMap,
    body: &[u8],
    pin: Option<String>,
) -> Result<Told, Refusal> {
    proven(service, header(headers, SIGNATURE), &[body])?;
    let event = header(headers, EVENT).ok_or((StatusCode::BAD_REQUEST, "`X-GitHub-Event` is missing"))?;
    let payload: Value = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    if event == "ping" {
        return Ok(Told::Pong);
    }
    let Some(concern) = event::read(event, &payload) else { return Ok(Told::ConcernsNothing) };
    let id = header(headers, DELIVERY).filter(|id| (1..=LONGEST_ID).contains(&id.len()));
    let id = id.ok_or((StatusCode::BAD_REQUEST, "`X-GitHub-Delivery` is missing or too long"))?;
    // the same event may be about several pins, each with an address of its own
    let (concern, id, place) = match pin {
        None => (concern, id.to_owned(), String::new()),
        Some(pin) => (Concern::Pins(vec![pin.clone()]), format!("{id} {pin}"), pin),
    };
    let digest = fingerprint(&[body, b"\n", place.as_bytes()].concat());
    receive(service, event, id, digest, &concern).await
}

async fn from_gitlab(service: &Service, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<Told, Refusal> {
    proven_by_gitlab(service, headers, body, now)?;
    let event = header(headers, GITLAB_EVENT).ok_or((StatusCode::BAD_REQUEST, "`X-Gitlab-Event` is missing"))?;
    let payload: Value = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    let Some(concern) = forges::read_gitlab(event, &payload) else { return Ok(Told::ConcernsNothing) };
    let digest = fingerprint(body);
    let id = [GITLAB_KEY, STANDARD_ID].into_iter().find_map(|name| header(headers, name));
    let id = id.filter(|id| (1..=LONGEST_ID).contains(&id.len())).map(str::to_owned);
    let uuid = header(headers, GITLAB_UUID).filter(|uuid| uuid.len() <= LONGEST_ID).unwrap_or("gitlab");
    let id = id.unwrap_or_else(|| format!("{uuid} {digest}"));
    receive(service, event, id, digest, &concern).await
}

/// A signature that is there has to be right, whatever else is.
fn proven_by_gitlab(service: &Service, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<(), Refusal> {
    if service.secrets.webhook.is_empty() {
        return Err(NO_SECRET);
    }
    let Some(signatures) = header(headers, STANDARD_SIGNATURE) else {
        let is_known = header(headers, GITLAB_TOKEN).is_some_and(|token| service.secrets.has_webhook(token));
        return if is_known { Ok(()) } else { Err(UNPROVEN) };
    };
    let (id, timestamp) = (header(headers, STANDARD_ID), header(headers, STANDARD_TIMESTAMP));
    let (Some(id), Some(timestamp)) = (id, timestamp) else { return Err(UNPROVEN) };
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    if !service.secrets.signed_as_standard(&signed, signatures) {
        return Err(UNPROVEN);
    }
    let at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let late = (StatusCode::BAD_REQUEST, "`webhook-timestamp` is not within 5 minutes of the service's clock");
    if at.is_some_and(|at| (now - at).abs() <= WINDOW) { Ok(()) } else { Err(late) }
}

async fn from_gitea(service: &Service, headers: &HeaderMap, body: &[u8]) -> Result<Told, Refusal> {
    let [signature, event, id] = GITEA.map(|names| either(headers, names));
    if service.secrets.webhook.is_empty() {
        return Err(NO_SECRET);
    }
    if !signature.is_some_and(|signature| service.secrets.signed(body, signature)) {
        return Err(UNPROVEN);
    }
    let event = event.ok_or((StatusCode::BAD_REQUEST, "`X-Gitea-Event` is missing"))?;
    let payload: Value = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    let Some(concern) = forges::read_gitea(event, &payload) else { return Ok(Told::ConcernsNothing) };
    let id = id.filter(|id| (1..=LONGEST_ID).contains(&id.len()));
    let id = id.ok_or((StatusCode::BAD_REQUEST, "`X-Gitea-Delivery` is missing or too long"))?;
    receive(service, event, id.to_owned(), fingerprint(body), &concern).await
}

async fn from_own(service: &Service, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<Told, Refusal> {
    let timestamp = header(headers, OWN_TIMESTAMP).unwrap_or_default();
    let signed = [timestamp.as_bytes(), b".", body].concat();
    proven(service, header(headers, OWN_SIGNATURE), &[&signed])?;
    let at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    if at.is_none_or(|at| (now - at).abs() > WINDOW) {
        return Err((StatusCode::BAD_REQUEST, "`Upmon-Timestamp` is not within 5 minutes of the service's clock"));
    }
    let payload: Value = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    let wrong = (StatusCode::BAD_REQUEST, "the body names neither `packages`, a list of ids, nor a `repository`");
    let concern = event::read_own(&payload).ok_or(wrong)?;
    let digest = fingerprint(&signed);
    receive(service, "signed", format!("signed-{digest}"), digest, &concern).await
}

/// Whether the sender has one of the secrets.
fn proven(service: &Service, signature: Option<&str>, signed: &[&[u8]]) -> Result<(), Refusal> {
    if service.secrets.webhook.is_empty() {
        return Err(NO_SECRET);
    }
    let signature = signature.and_then(|signature| signature.strip_prefix("sha256=")).ok_or(UNPROVEN)?;
    if service.secrets.signed(&signed.concat(), signature) { Ok(()) } else { Err(UNPROVEN) }
}

async fn receive(
    service: &Service,
    event: &str,
    id: String,
    digest: String,
    concern: &Concern,
) -> Result<Told, Refusal> {
    let concern = serde_json::to_string(concern).expect("a concern has only text keys and serialises");
    let delivery = Delivery { id, event: event.to_owned(), digest, concern };
    let (answer, is_new) = oneshot::channel();
    let _ = service.deliveries.send((delivery, answer)).await;
    match is_new.await {
        Ok(Some(true)) => Ok(Told::Accepted),
        Ok(Some(false)) => Ok(Told::CameBefore),
        Ok(None) | Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, "the database did not take it; deliver it again")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The first of two headers that is there.
fn either<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    names.into_iter().find_map(|name| header(headers, name))
}

/// The event as it is counted: anybody may send any word, proven or not, so only those that mean something here have a count
/// of their own.
fn known(events: &[&'static str], told: Option<&str>) -> &'static str {
    events.iter().copied().find(|event| told == Some(*event)).unwrap_or("other")
}
