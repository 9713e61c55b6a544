//! Every route in one list, and what holds for all of them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::middleware::map_response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::{Service, badges, health};

/// The largest body of a request that takes none, or a small one.
const BODY: usize = 64 << 10;

pub(super) fn router(service: Arc<Service>) -> Router {
    let timeout = service.settings.timeout;
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/badge.json", get(badges::whole_json))
        .route("/badge.svg", get(badges::whole_svg))
        .route("/badge/{*path}", get(badges::part))
        .fallback(missing)
        .with_state(service)
        .layer(RequestBodyLimitLayer::new(BODY))
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
