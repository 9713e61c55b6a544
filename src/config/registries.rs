//! The section `[registries.<id>]`: where registries are, for mirrors and repository managers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use url::Url;

use crate::document::{
    Entry, Environment, Field, FromText, Node, Problem, Read, Refusal, Table, Value, http_url, nearest, table,
    wrong_kind,
};
use crate::registry::RegistryId;

/// The root under which a registry's own paths hang. It may hold a credential, so it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    is_sparse: bool,
}

/// The roots that the settings give; a registry that is not among them is at its public address.
pub type BaseUrls = BTreeMap<RegistryId, BaseUrl>;

impl BaseUrl {
    /// The address, with the credential that it may hold: for asking, not for showing.
    pub const fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&crate::http::shown(&self.url))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What Cargo writes before the address of an index with one file a crate.
/// <https://doc.rust-lang.org/cargo/reference/registry-index.html#index-protocols>
const SPARSE: &str = "sparse+";

impl FromText for BaseUrl {
    fn expected() -> Option<String> {
        Some("an address that starts with https:// or http:// and has no query".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (address, is_sparse) = text.strip_prefix(SPARSE).map_or((text, false), |rest| (rest, true));
        let url = http_url(address)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Refusal::new("has a query or a fragment, and no path can hang under it").secret());
        }
        Ok(Self { url, is_sparse })
    }
}

impl JsonSchema for BaseUrl {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BaseUrl".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(sparse\\+)?[Hh][Tt][Tt][Pp][Ss]?://[^?#]+$" })
    }
}

table! {
    /// Where a registry is.
    #[schemars(rename = "registry")]
    struct RegistryTable required ["url"] {
        /// The root under which the registry's own paths hang; a path prefix is kept. A user and password in it are sent
        /// as credential to this address alone, and are never shown. Default: the public registry. Required.
        #[schemars(example = &"https://nexus.example.org/repository/npm/")]
        url = "url": BaseUrl,
    }
}

/// The section as the file has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RegistriesTable(Vec<(RegistryId, RegistryTable)>);

/// The registries that are in one place, which a setting can move.
fn movable() -> impl Iterator<Item = RegistryId> {
    RegistryId::ALL.iter().copied().filter(|registry| !crate::pin::is_remote(*registry))
}

impl Read for RegistriesTable {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            problems.push(wrong_kind(node, name, "a table of registries"));
            return None;
        };
        let mut tables = Vec::new();
        for entry in entries {
            let table = RegistryTable::read(&entry.node, &entry.key, problems);
            match movable().find(|registry| registry.as_str() == entry.key) {
                Some(registry) => tables.extend(table.map(|table| (registry, table))),
                None => problems.push(unknown_registry(entry)),
            }
        }
        Some(Self(tables))
    }
}

fn unknown_registry(entry: &Entry) -> Problem {
    let known: Vec<&str> = movable().map(RegistryId::as_str).collect();
    let help = match nearest(&entry.key, &known) {
        _ if RegistryId::ALL.iter().any(|registry| registry.as_str() == entry.key) => {
            "its pins carry their own addresses".to_owned()
        }
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known registries: {}", known.join(", ")),
    };
    Problem::new(entry.key_span.clone(), format!("there is no registry `{}` that could be moved", entry.key)).help(help)
}

impl RegistriesTable {
    /// The file's roots, overridden by the environment's.
    pub(super) fn merge(mut self, environment: &mut Environment<'_>, problems: &mut Vec<Problem>) -> BaseUrls {
        problems.extend(self.0.iter().filter_map(|(registry, table)| misplaced_sparse(*registry, &table.url)));
        let mut bases = BaseUrls::new();
        for registry in movable() {
            let index = self.0.iter().position(|(id, _)| *id == registry);
            let mut table = index.map(|index| self.0.swap_remove(index).1).unwrap_or_default();
            table.overlay(registry.url_variable().trim_end_matches("_URL"), environment);
            bases.extend(table.url.cloned().map(|base| (registry, base)));
        }
        bases
    }
}

fn misplaced_sparse(registry: RegistryId, url: &Field<BaseUrl>) -> Option<Problem> {
    let is_misplaced = registry != RegistryId::CratesIo && url.get()?.is_sparse;
    is_misplaced.then(|| Problem::new(url.span().cloned().unwrap_or_default(), "only Cargo registries are `sparse+`"))
}

impl JsonSchema for RegistriesTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "registries".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let property = |registry: RegistryId| {
            let mut schema = generator.subschema_for::<RegistryTable>();
            let public = registry.default_url().map(|url| format!(" Default: {url}.")).unwrap_or_default();
            let description = format!("{}.{public} Environment: `{}`.", registry.about(), registry.url_variable());
            schema.insert("description".to_owned(), description.into());
            (registry.as_str().to_owned(), schema.to_value())
        };
        let properties: serde_json::Map<String, serde_json::Value> = movable().map(property).collect();
        json_schema!({ "type": "object", "additionalProperties": false, "properties": properties })
    }
}
