//! What forges and others tell: proof first, then one row in the store, then the answer. Which pins it concerns is found out
//! behind that, by [`sort`], so a sender never waits for a registry.

mod event;
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

/// The headers of senders of one's own.
const OWN_SIGNATURE: &str = "upmon-signature";
const OWN_TIMESTAMP: &str = "upmon-timestamp";

/// How far the clocks of such a sender and of the service may be apart, and so for how long a copy might pass for new.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// An id longer than this is none that a forge gives.
const LONGEST_ID: usize = 100;

/// `POST /webhooks/github`.
pub(super) async fn github(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    counted(&service, "github", from_github(&service, &headers, &body, None).await)
}

/// `POST /webhook/{package}`: the same, and the address says which pin it is about.
pub(super) async fn package(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    counted(&service, "github", from_github(&service, &headers, &body, Some(id)).await)
}

/// `POST /webhooks/signed`: from whoever has a secret, about pins or a repository.
pub(super) async fn signed(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    counted(&service, "signed", from_own(&service, &headers, &body, now()).await)
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
fn counted(service: &Service, sender: &'static str, outcome: Result<Told, Refusal>) -> Response<Body> {
    let word = match &outcome {
        Ok(Told::Pong) => "pong",
        Ok(Told::Accepted) => "accepted",
        Ok(Told::CameBefore) => "came-before",
        Ok(Told::ConcernsNothing) => "concerns-nothing",
        Err((StatusCode::SERVICE_UNAVAILABLE, _)) => "lost",
        Err(_) => "refused",
    };
    service.counts.deliver(sender, word);
    told(&outcome)
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
