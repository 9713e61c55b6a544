//! `/api/v1/openapi.json`: what the service answers, for programs that write clients. The types describe themselves; a
//! test compares the list of paths with the router's and the answers of a running service with their schemas.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::actions_api::{ActionOutput, Actions};
use super::api::{Accepted, CheckRequest, Deliveries, History, Package, Packages, Refused};
use super::routes::tagged;
use crate::report::Report;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", description()));

/// `GET /api/v1/openapi.json`.
pub(super) async fn document(headers: HeaderMap) -> Response<Body> {
    tagged("application/json", DOCUMENT.clone(), &headers)
}

/// A parameter: where it stands, its name, what it means, and whether it has to be there.
type Parameter = (&'static str, &'static str, &'static str, bool);

const GROUP: Parameter = ("path", "group", "The group in the pins file.", true);
const PACKAGE: Parameter =
    ("path", "package", "The key in the group. Its slashes may be percent-encoded or not, and have to be here.", true);
const STYLE: Parameter = ("query", "style", "`flat` or `flat-square`.", false);
const LABEL: Parameter = ("query", "label", "What the badge says on its left.", false);

fn description() -> Value {
    let mut schemas = Schemas(
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into()).into(),
    );
    let paths = paths(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "upmon", "version": env!("CARGO_PKG_VERSION"),
            "description": "What is known of the pins of a running `upmon serve`." },
        "paths": paths,
        "components": {
            "schemas": schemas.0.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Schemas by reference.
struct Schemas(SchemaGenerator);

impl Schemas {
    /// An answer in JSON.
    fn json<T: schemars::JsonSchema>(&mut self, about: &str) -> Value {
        let schema = self.0.subschema_for::<T>();
        json!({ "description": about, "content": { "application/json": { "schema": schema } } })
    }

    fn refused(&mut self, about: &str) -> Value {
        self.json::<Refused>(about)
    }
}

/// An answer of another kind than JSON.
fn text(media_type: &str, about: &str) -> Value {
    let mut content = Map::new();
    content.insert(media_type.to_owned(), json!({ "schema": { "type": "string" } }));
    json!({ "description": about, "content": content })
}

/// An answer in JSON whose form others define.
fn free(about: &str) -> Value {
    json!({ "description": about, "content": { "application/json": { "schema": { "type": "object" } } } })
}

fn get(about: &str, parameters: &[Parameter], answers: &Value) -> Value {
    json!({ "get": { "summary": about, "parameters": described(parameters), "responses": answers } })
}

fn post(about: &str, parameters: &[Parameter], answers: &Value) -> Value {
    let body = json!({ "required": true, "content": { "application/json": { "schema": {} } } });
    json!({ "post": {
        "summary": about, "parameters": described(parameters), "requestBody": body, "responses": answers } })
}

fn described(parameters: &[Parameter]) -> Vec<Value> {
    let one = |(place, name, about, required): &Parameter| json!({ "in": place, "name": name, "description": about, "required": required, "schema": { "type": "string" } });
    parameters.iter().map(one).collect()
}

fn paths(schemas: &mut Schemas) -> Value {
    let (picture, endpoint) = (text("image/svg+xml", "The badge."), free("A Shields endpoint badge."));
    let (group, whole) = ([GROUP, STYLE, LABEL], [STYLE, LABEL]);
    let package = [GROUP, PACKAGE, STYLE, LABEL];
    let unready = schemas.refused("Not now.");
    let delivered = json!({
        "200": free("It is a ping, or came before."),
        "202": free("It is kept, and will be worked off."),
        "204": { "description": "It concerns no pin." },
        "400": schemas.refused("It is not as it should be."),
        "401": schemas.refused("The signature is missing or wrong."),
        "403": schemas.refused("This service has no secret."),
        "413": { "description": "It is too large." },
        "503": schemas.refused("The database did not take it; deliver it again."),
    });
    json!({
        "/healthz": get("Whether the process lives.", &[], &json!({ "200": free("It does.") })),
        "/readyz": get("Whether requests may be sent here.", &[], &json!({ "200": free("They may."), "503": unready })),
        "/metrics": get("Metrics, as Prometheus reads them.", &[],
            &json!({ "200": text("application/openmetrics-text", "The metrics.") })),
        "/badge.svg": get("The badge of all pins.", &whole, &json!({ "200": picture })),
        "/badge.json": get("The same for Shields.", &whole, &json!({ "200": endpoint })),
        "/badge/{group}.svg": get("The badge of a group.", &group, &json!({ "200": picture })),
        "/badge/{group}.json": get("The same for Shields.", &group, &json!({ "200": endpoint })),
        "/badge/{group}/{package}.svg": get("The badge of a pin.", &package, &json!({ "200": picture })),
        "/badge/{group}/{package}.json": get("The same for Shields.", &package, &json!({ "200": endpoint })),
        "/api/v1/openapi.json": get("This document.", &[], &json!({ "200": free("It.") })),
        "/api/v1/report": get("The report, as `upmon check --json` prints it.", &[],
            &json!({ "200": schemas.json::<Report>("The report."), "503": unready })),
        "/api/v1/packages": get("What is known of every pin.",
            &[("query", "group", "Only this group.", false)], &json!({ "200": schemas.json::<Packages>("The pins.") })),
        "/api/v1/packages/{group}/{package}": get("What is known of a pin.", &[GROUP, PACKAGE],
            &json!({ "200": schemas.json::<Package>("The pin."), "404": schemas.refused("There is no such pin.") })),
        "/api/v1/history": get("What changed about a pin, latest first.", &[
            ("query", "id", "`group/package`.", true),
            ("query", "before", "Only what changed before this time.", false),
            ("query", "limit", "The most changes to tell, from 1 to 500; 100 where this is missing.", false),
        ], &json!({ "200": schemas.json::<History>("The changes."), "400": schemas.refused("The question is wrong."),
            "404": schemas.refused("There is no such pin.") })),
        "/api/v1/deliveries": get("What forges and others told, latest first.", &[
            ("query", "before", "Only what came before this time.", false),
            ("query", "limit", "How many deliveries to tell, from 1 to 500 and 100 where this is missing; those of the same millisecond as the last are told as well.", false),
        ], &json!({ "200": schemas.json::<Deliveries>("The deliveries."),
            "400": schemas.refused("The question is wrong.") })),
        "/api/v1/actions": get("What was done after checks, latest first.", &[
            ("query", "before", "Only what was asked for before this time.", false),
            ("query", "limit", "How many actions to tell, from 1 to 500 and 100 where this is missing; those of the same millisecond as the last are told as well.", false),
        ], &json!({ "200": schemas.json::<Actions>("The actions."), "400": schemas.refused("The question is wrong.") })),
        "/api/v1/actions/{id}": { "get": {
            "summary": "One action, and what it wrote.",
            "security": [{ "token": [] }],
            "parameters": described(&[("path", "id", "The id of the action.", true)]),
            "responses": {
                "200": schemas.json::<ActionOutput>("The action."),
                "401": schemas.refused("The token is missing or wrong."),
                "404": schemas.refused("There is no such action."),
            },
        } },
        "/webhooks/github": post("Takes an event of GitHub.", &[], &delivered),
        "/webhooks/gitlab": post("Takes an event of GitLab.", &[], &delivered),
        "/webhooks/gitea": post("Takes an event of Gitea or Forgejo.", &[], &delivered),
        "/webhook/{package}": post("Takes an event of GitHub about one pin.",
            &[("path", "package", "The pin, `group/package`.", true)], &delivered),
        "/webhooks/signed": post("Takes an event of a sender of one's own.", &[], &delivered),
        "/api/v1/check": { "post": {
            "summary": "Asks for a check of all pins or of some.",
            "security": [{ "token": [] }],
            "requestBody": { "required": false, "content": { "application/json": {
                "schema": schemas.0.subschema_for::<CheckRequest>() } } },
            "responses": {
                "202": schemas.json::<Accepted>("The check stands in the queue."),
                "400": schemas.refused("The body is wrong."),
                "401": schemas.refused("The token is missing or wrong."),
                "422": schemas.refused("There is no such pin."),
            },
        } },
    })
}
