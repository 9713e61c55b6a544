//! `/api/v1/actions`: what was done after checks. What a program wrote may hold anything, so only who has the token reads it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use schemars::JsonSchema;
use serde::Serialize;

use super::Service;
use super::api::{broken, exactly, json, page, unproven};
use super::routes::refusal;
use super::store::Acted;

/// Something that was done after a check, or is to be done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActionTold {
    /// Its id; a program gets it as `UPMON_ACTION_ID`.
    id: String,
    /// `issues`, `badges`, `dispatch` or `command`.
    kind: String,
    /// The name of the command; else the kind again.
    name: String,
    /// The pin that it is for; `null` for what is about all of them.
    package: Option<String>,
    /// Why the check was made behind which it comes.
    cause: String,
    /// When it was asked for.
    created_at: String,
    /// When it was over; `null` while it is to be done, or to be tried again.
    ended_at: Option<String>,
    /// How often it was begun.
    attempts: i64,
    /// Whether the last attempt did all of it; `null` before there was one.
    success: Option<bool>,
    /// What came of the last attempt, in a few words.
    summary: Option<String>,
}

/// What was done after checks, latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Actions {
    /// The actions.
    actions: Vec<ActionTold>,
}

/// One action, and what it wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActionOutput {
    /// The action.
    action: ActionTold,
    /// What the last attempt wrote, up to 64 KiB.
    output: String,
}

/// `GET /api/v1/actions?before=&limit=`.
pub(super) async fn actions(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let (before, limit) = match page(&uri) {
        Ok(page) => page,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, message),
    };
    match service.store.actions(before, limit).await {
        Ok(actions) => json(&Actions { actions: actions.into_iter().map(|acted| told(acted).0).collect() }, &headers),
        Err(error) => broken(&error.to_string()),
    }
}

/// `GET /api/v1/actions/{id}`, for who has the token.
pub(super) async fn action(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    if !service.secrets.has_token(&headers) {
        return unproven();
    }
    match service.store.action(&id).await {
        Ok(Some(acted)) => {
            let (action, output) = told(acted);
            json(&ActionOutput { action, output }, &headers)
        }
        Ok(None) => refusal(StatusCode::NOT_FOUND, "there is no such action; `/api/v1/actions` lists them"),
        Err(error) => broken(&error.to_string()),
    }
}

/// The action, and what it wrote.
fn told(acted: Acted) -> (ActionTold, String) {
    let Acted { id, kind, name, package, cause, created_at, ended_at, attempts, last } = acted;
    let (created_at, ended_at) = (exactly(created_at), ended_at.map(exactly));
    let success = last.as_ref().map(|last| last.is_success);
    let (summary, output) = last.map(|last| (last.summary, last.output)).unzip();
    let told = ActionTold { id, kind, name, package, cause, created_at, ended_at, attempts, success, summary };
    (told, output.unwrap_or_default())
}
