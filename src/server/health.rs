//! Whether the service lives, and whether it can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use chrono::SecondsFormat;
use serde_json::json;

use super::Service;
use super::routes::{answer, refusal};

/// How long the database may take for a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz`: it lives, whatever the database or the registries do.
pub(super) async fn alive() -> Response<Body> {
    answer(StatusCode::OK, "application/json", json!({ "status": "ok" }).to_string())
}

/// `/readyz`: requests may be sent here. Not while it ends, and not without its database.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response<Body> {
    let busy = |message| refusal(StatusCode::SERVICE_UNAVAILABLE, message);
    if service.stop.is_cancelled() {
        return busy("the service is ending");
    }
    match tokio::time::timeout(PATIENCE, service.store.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return busy("the database does not answer"),
    }
    let at = service.view().last_good_check().map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    answer(StatusCode::OK, "application/json", json!({ "status": "ok", "last_good_check": at }).to_string())
}
