//! Every route in one list, and what holds for all of them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::middleware::map_response;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use url::form_urlencoded;

use super::{Service, actions_api, api, badges, fingerprint, health, metrics, openapi, pages, webhook};

/// The largest body of a request that takes none, or a small one.
const BODY: usize = 64 << 10;

pub(super) fn router(service: Arc<Service>) -> Router {
    let timeout = service.settings.timeout;
    let webhooks = Router::new()
        .route("/webhooks/github", post(webhook::github))
        .route("/webhooks/gitlab", post(webhook::gitlab))
        .route("/webhooks/gitea", post(webhook::gitea))
        .route("/webhooks/signed", post(webhook::signed))
        .route("/webhook/{*package}", post(webhook::package))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(service.settings.max_body));
    Router::new()
        .route("/", get(pages::home))
        .route("/packages/{*path}", get(pages::package))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/badge.json", get(badges::whole_json))
        .route("/badge.svg", get(badges::whole_svg))
        .route("/badge/{*path}", get(badges::part))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/api/v1/report", get(api::report))
        .route("/api/v1/packages", get(api::packages))
        .route("/api/v1/packages/{group}/{*package}", get(api::package))
        .route("/api/v1/history", get(api::history))
        .route("/api/v1/check", post(api::check))
        .route("/api/v1/deliveries", get(api::deliveries))
        .route("/api/v1/actions", get(actions_api::actions))
        .route("/api/v1/actions/{id}", get(actions_api::action))
        .route("/metrics", get(metrics::text))
        .fallback(missing)
        .layer(RequestBodyLimitLayer::new(BODY))
        .merge(webhooks)
        .with_state(service)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(map_response(guarded))
}

/// An answer in JSON that says what is wrong and what to do.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": message }).to_string();
    answer(status, "application/json", body)
}

/// An answer with a body.
pub(super) fn answer(status: StatusCode, media_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The first value of a name in the query; one that is empty counts as none.
pub(super) fn asked(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
}

/// The same answer, and how it may be kept.
pub(super) fn kept(mut response: Response<Body>, how: &'static str) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(how));
    response
}

/// A body with its `ETag`, or 304 for who has it.
pub(super) fn tagged(media_type: &'static str, body: String, headers: &HeaderMap) -> Response<Body> {
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

async fn missing() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "there is no such page; docs/serve.md lists what there is")
}

/// A panic is a mistake of ours; its words may hold anything, so they go to the log of the panic hook alone.
fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "the service made a mistake; its log tells more")
}

/// Whatever is shown, no browser takes it for anything else, or runs something in it.
async fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    response
}
