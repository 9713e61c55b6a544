//! The JSON Schemas (draft 2020-12) of the files that people write and of the report that machines read.
//!
//! The tables that read a file also describe it, so reader and schema cannot drift apart; the files under `schema/` are
//! compared with this module by a test.

use std::fmt;

use schemars::JsonSchema as _;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::config::{self, SettingsTable};
use crate::explain::Document;
use crate::holds::State;
use crate::pin::manifest::{FROM_KEY, SCHEMA_KEY};
use crate::pin::{EntryTable, FromEntry, is_remote};
use crate::registry::RegistryId;
use crate::report::Report;
use crate::take;

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// `upstream-versions.json`.
    Pins,
    /// `upmon.toml`.
    Settings,
    /// What `upmon check --json` prints.
    Report,
    /// What `upmon explain --json` prints.
    Explain,
    /// The state file, which `--state` names.
    State,
    /// What `upmon take --json` prints.
    Take,
}

impl Which {
    /// Every schema.
    pub const ALL: [Self; 6] = [Self::Pins, Self::Settings, Self::Report, Self::Explain, Self::State, Self::Take];

    /// The schema's file under `schema/`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Pins => "upstream-versions.schema.json",
            Self::Settings => "upmon.schema.json",
            Self::Report => "report.schema.json",
            Self::Explain => "explain.schema.json",
            Self::State => "state.schema.json",
            Self::Take => "take.schema.json",
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Pins => "pins",
            Self::Settings => "settings",
            Self::Report => "report",
            Self::Explain => "explain",
            Self::State => "state",
            Self::Take => "take",
        })
    }
}

/// A schema, ready to print.
pub fn schema(which: Which) -> Value {
    let mut schema = match which {
        Which::Pins => pins(),
        Which::Settings => settings(),
        Which::Report => of::<Report>(Which::Report),
        Which::Explain => of::<Document>(Which::Explain),
        Which::State => of::<State>(Which::State),
        Which::Take => of::<take::Document>(Which::Take),
    };
    unwrap_descriptions(&mut schema);
    schema
}

/// Doc comments break their lines for the source; a description is one line.
fn unwrap_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    value => unwrap_descriptions(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}

/// A schema as text with a final newline: the content of its file under `schema/`.
pub fn schema_text(which: Which) -> String {
    format!("{:#}\n", schema(which))
}

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn pins() -> Value {
    let mut generator = generator();
    generator.subschema_for::<EntryTable>();
    let from = generator.subschema_for::<FromEntry>().to_value();
    let mut definitions = generator.take_definitions(true);
    definitions.insert("group".to_owned(), group_of(json!({ "anyOf": [plain_version(), { "$ref": PIN }] })));
    definitions.insert("group-of-remotes".to_owned(), group_of(pin_with("url")));
    let schema_key = json!({
        "type": "string",
        "description": "Where this schema is, for editors. Default: none.",
        "examples": [address(Which::Pins)],
    });
    let from_key = json!({
        "anyOf": [{ "type": "array", "items": from }, group_of(pin_with("registry"))],
        "description": "Files of the project that hold more pins. Default: none. An object is a group of this name.",
        "examples": [["Cargo.lock", { "file": "web/package-lock.json", "group": "web" }]],
    });
    let keys = [(SCHEMA_KEY.to_owned(), schema_key), (FROM_KEY.to_owned(), from_key)];
    let mut properties: Map<String, Value> = keys.into_iter().collect();
    properties.extend(RegistryId::ALL.iter().flat_map(|registry| named_groups(*registry)));
    json!({
        "$schema": DRAFT,
        "$id": address(Which::Pins),
        "title": "upmon pins",
        "description": "What we hold: groups of packages, each with the version that we hold of it.",
        "type": "object",
        "properties": properties,
        "propertyNames": { "pattern": "^(\\$schema|[^$/\\s][^/\\s]*)$" },
        "additionalProperties": group_of(pin_with("registry")),
        "$defs": definitions,
    })
}

const PIN: &str = "#/$defs/pin";

fn plain_version() -> Value {
    json!({ "type": "string", "pattern": "\\S", "description": "The version that you hold.", "examples": ["1.40.0"] })
}

/// A pin that cannot do without a further key.
fn pin_with(key: &str) -> Value {
    json!({ "$ref": PIN, "required": [key] })
}

fn group_of(pin: Value) -> Value {
    let mut group = json!({ "type": "object", "description": "Packages by name; each entry names its `registry`." });
    group["additionalProperties"] = pin;
    group
}

/// The groups whose names imply a registry.
fn named_groups(registry: RegistryId) -> impl Iterator<Item = (String, Value)> {
    let definition = if is_remote(registry) { "group-of-remotes" } else { "group" };
    let group = json!({
        "$ref": format!("#/$defs/{definition}"),
        "description": format!("Packages by name, of the registry {registry}: {}.", registry.about()),
        "default": {},
        "examples": [if is_remote(registry) { remote_example() } else { json!({ "name": "1.40.0" }) }],
    });
    registry.groups().iter().copied().chain([registry.as_str()]).map(move |name| (name.to_owned(), group.clone()))
}

fn remote_example() -> Value {
    json!({ "nats-server": { "version": "v2.10.24", "url": "https://github.com/nats-io/nats-server" } })
}

fn settings() -> Value {
    let mut generator = generator();
    let mut schema = SettingsTable::json_schema(&mut generator);
    schema.insert("$schema".to_owned(), DRAFT.into());
    schema.insert("$id".to_owned(), address(Which::Settings).into());
    let mut definitions = generator.take_definitions(true);
    for (section, key, variable) in config::variables() {
        name_variable(&mut definitions, section, key, &variable);
    }
    schema.insert("$defs".to_owned(), definitions.into());
    schema.to_value()
}

/// Adds the environment variable to the description of a setting; the definition has the name of the section.
fn name_variable(definitions: &mut Map<String, Value>, section: &str, key: &str, variable: &str) {
    let property = definitions.get_mut(section).and_then(|table| table["properties"].get_mut(key));
    if let Some(Value::String(description)) = property.and_then(|property| property.get_mut("description")) {
        description.extend([" Environment, for `[", section, "]`: `", variable, "`."]);
    }
}

/// What the program writes is described by its own types.
fn of<T: schemars::JsonSchema>(which: Which) -> Value {
    let mut schema: Schema = generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), address(which).into());
    schema.to_value()
}

/// Where a schema is published.
fn address(which: Which) -> String {
    format!("https://raw.githubusercontent.com/OWNER/upmon/main/schema/{}", which.file_name())
}
