//! The section `[registries.<id>]`: where registries are, how fast they are asked, and who we are to them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::json_schema;
use url::Url;

use crate::document::{
    Bytes, Count, Entry, Environment, Field, FilePath, FromText, InFile, Lapse, Node, Problem, Rate, Read, Refusal,
    Table, Text, Value, http_url, inline_schema, nearest, table, wrong_kind,
};
use crate::registry::RegistryId;

/// What is set for registries; one that is not among them has nothing but defaults.
pub type Registries = BTreeMap<RegistryId, RegistrySettings>;

/// What is set for one registry; `None` is its default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegistrySettings {
    /// Where it is.
    pub base: Option<Base>,
    /// Requests under way at once.
    pub concurrency: Option<usize>,
    /// Requests started in a second.
    pub rate: Option<f64>,
    /// How long its answers need not be asked again.
    pub fresh_for: Option<Duration>,
    /// Largest answer that is read, in bytes.
    pub max_size: Option<u64>,
    /// Who we are to it, as the settings file says; the environment is read elsewhere and wins.
    pub credential: Option<CredentialFile>,
}

/// A base URL and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The address.
    pub url: BaseUrl,
    /// Where it was set, in words that may be shown: "`UPMON_NPM_URL`".
    pub source: String,
}

/// Where a secret lies. The settings file is made to be shared, so it never holds one itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialFile {
    /// A file that holds a token.
    Token(PathBuf),
    /// A user name, and a file that holds the password.
    Password {
        /// The user name.
        username: String,
        /// The file.
        file: PathBuf,
    },
}

/// The root under which a registry's own paths hang. It may hold a credential, so it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    is_sparse: bool,
}

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

inline_schema!(
    BaseUrl,
    |_| json_schema!({ "type": "string", "pattern": "^(sparse\\+)?[Hh][Tt][Tt][Pp][Ss]?://[^?#]+$" })
);

table! {
    /// Where a registry is, how fast it is asked, and who we are to it.
    #[schemars(rename = "registry")]
    struct RegistryTable {
        /// The root under which the registry's own paths hang; a path prefix is kept. A user and password in it are sent
        /// as credential to this address alone, and are never shown. Default: the public registry.
        #[schemars(example = &"https://nexus.example.org/repository/npm/")]
        url = "url": BaseUrl,
        /// Requests for its static files under way at once. Its API keeps the registry's published rule. Default: what
        /// the registry bears, see docs/network.md. Environment: `UPMON_<ID>_CONCURRENCY`.
        #[schemars(example = 10)]
        concurrency = "concurrency": Count,
        /// Requests for its static files started in a second, evenly spaced. Default: as many as are under way.
        /// Environment: `UPMON_<ID>_RATE`.
        #[schemars(example = 2.5)]
        rate = "rate": Rate,
        /// How long its answers need not be asked again; `0s` asks every time. Default: as long as they say themselves,
        /// at most an hour; not at all where they say nothing. Environment: `UPMON_<ID>_FRESH_FOR`.
        #[schemars(example = &"15m")]
        fresh_for = "fresh-for": Lapse,
        /// Largest answer that is read, unpacked. Default: far above the largest true one. Environment:
        /// `UPMON_<ID>_MAX_SIZE`.
        #[schemars(example = &"64 MiB")]
        max_size = "max-size": Bytes,
        /// A file that holds the token; a relative path is meant from the settings file. Default: none. Environment:
        /// `UPMON_<ID>_TOKEN`, or `UPMON_<ID>_TOKEN_FILE`.
        #[schemars(example = &"/run/secrets/npm-token")]
        token_file = "token-file": InFile<FilePath>,
        /// The user name that belongs to `password-file`. Default: none. Environment: `UPMON_<ID>_USERNAME`.
        #[schemars(example = &"ci")]
        username = "username": InFile<Text>,
        /// A file that holds the password of `username`. Default: none. Environment: `UPMON_<ID>_PASSWORD`, or
        /// `UPMON_<ID>_PASSWORD_FILE`.
        #[schemars(example = &"/run/secrets/npm-password")]
        password_file = "password-file": InFile<FilePath>,
    }
}

table! {
    /// How git remotes are asked. Their addresses are in the pins, their tokens in the environment or a netrc file.
    #[schemars(rename = "git-remotes")]
    struct GitTable {
        /// Conversations with one host at once. Default: 16. Environment: `UPMON_GIT_CONCURRENCY`.
        #[schemars(example = 4)]
        concurrency = "concurrency": Count,
        /// How long what a remote said need not be asked again. Default: `0s`, which asks every time. Environment:
        /// `UPMON_GIT_FRESH_FOR`.
        #[schemars(example = &"1h")]
        fresh_for = "fresh-for": Lapse,
    }
}

/// The section as the file has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RegistriesTable {
    places: Vec<(RegistryId, RegistryTable)>,
    git: Option<GitTable>,
}

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
        let mut section = Self::default();
        for entry in entries {
            if entry.key == RegistryId::Git.as_str() {
                section.git = GitTable::read(&entry.node, &entry.key, problems);
            } else if let Some(registry) = movable().find(|registry| registry.as_str() == entry.key) {
                let table = RegistryTable::read(&entry.node, &entry.key, problems);
                section.places.extend(table.map(|table| (registry, table)));
            } else {
                problems.push(unknown_registry(entry));
            }
        }
        Some(section)
    }
}

fn unknown_registry(entry: &Entry) -> Problem {
    let known: Vec<&str> = RegistryId::ALL.iter().copied().map(RegistryId::as_str).collect();
    let help = match nearest(&entry.key, &known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known registries: {}", known.join(", ")),
    };
    Problem::new(entry.key_span.clone(), format!("there is no registry `{}`", entry.key)).help(help)
}

/// The prefix of a registry's variables: `UPMON_CRATES_IO`.
fn prefix(registry: RegistryId) -> String {
    registry.url_variable().trim_end_matches("_URL").to_owned()
}

impl RegistriesTable {
    /// What the file says, overridden by the environment. `file` is the settings file, beside which its relative paths
    /// lie.
    pub(super) fn merge(
        mut self,
        file: &Path,
        environment: &mut Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> Registries {
        problems.extend(self.places.iter().filter_map(|(registry, table)| misplaced_sparse(*registry, &table.url)));
        let mut registries = Registries::new();
        for registry in movable() {
            let index = self.places.iter().position(|(id, _)| *id == registry);
            let table = index.map(|index| self.places.swap_remove(index).1).unwrap_or_default();
            registries.insert(registry, table.merge(registry, file, environment, problems));
        }
        registries.insert(RegistryId::Git, self.git.unwrap_or_default().merge(environment));
        registries.retain(|_, settings| *settings != RegistrySettings::default());
        registries
    }
}

impl RegistryTable {
    fn merge(
        mut self,
        registry: RegistryId,
        file: &Path,
        environment: &mut Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> RegistrySettings {
        let credential = self.credential(file, problems);
        self.overlay(&prefix(registry), environment);
        let variable = registry.url_variable();
        let is_from_environment = environment.value(&variable).is_some();
        let source = if is_from_environment { variable } else { file.display().to_string() };
        RegistrySettings {
            base: self.url.cloned().map(|url| Base { url, source: format!("`{source}`") }),
            concurrency: self.concurrency.cloned().map(|Count(number)| number),
            rate: self.rate.cloned().map(|Rate(rate)| rate),
            fresh_for: self.fresh_for.cloned().map(|Lapse(time)| time),
            max_size: self.max_size.cloned().map(|Bytes(bytes)| bytes),
            credential,
        }
    }

    /// Where the credential lies; a token excludes a user, and a user needs a password.
    fn credential(&self, file: &Path, problems: &mut Vec<Problem>) -> Option<CredentialFile> {
        let path = |field: &Field<InFile<FilePath>>| Some(field.cloned()?.0.beside(file).0);
        let place = |span: Option<&std::ops::Range<usize>>| span.cloned().unwrap_or_default();
        let (user, password) = (self.username.cloned(), path(&self.password_file));
        match (path(&self.token_file), user, password) {
            (Some(token), None, None) => return Some(CredentialFile::Token(token)),
            (None, Some(InFile(Text(username))), Some(file)) => {
                return Some(CredentialFile::Password { username, file });
            }
            (None, None, None) => {}
            (Some(_), ..) => {
                let message = "`token-file` stands beside a user name or password, and one credential is enough";
                problems.push(Problem::new(place(self.token_file.span()), message));
            }
            (None, Some(_), None) => {
                problems.push(Problem::new(place(self.username.span()), "`username` stands without `password-file`"));
            }
            (None, None, Some(_)) => {
                problems
                    .push(Problem::new(place(self.password_file.span()), "`password-file` stands without `username`"));
            }
        }
        None
    }
}

impl GitTable {
    fn merge(mut self, environment: &mut Environment<'_>) -> RegistrySettings {
        self.overlay(&prefix(RegistryId::Git), environment);
        RegistrySettings {
            concurrency: self.concurrency.cloned().map(|Count(number)| number),
            fresh_for: self.fresh_for.cloned().map(|Lapse(time)| time),
            ..RegistrySettings::default()
        }
    }
}

fn misplaced_sparse(registry: RegistryId, url: &Field<BaseUrl>) -> Option<Problem> {
    let is_misplaced = registry != RegistryId::CratesIo && url.get()?.is_sparse;
    is_misplaced.then(|| Problem::new(url.span().cloned().unwrap_or_default(), "only Cargo registries are `sparse+`"))
}

inline_schema!(RegistriesTable, |generator| {
    let property = |registry: RegistryId| {
        let mut schema = generator.subschema_for::<RegistryTable>();
        let public = registry.default_url().map(|url| format!(" Default: {url}.")).unwrap_or_default();
        let description = format!("{}.{public} Environment: `{}`.", registry.about(), registry.url_variable());
        schema.insert("description".to_owned(), description.into());
        (registry.as_str().to_owned(), schema.to_value())
    };
    let mut properties: serde_json::Map<String, serde_json::Value> = movable().map(property).collect();
    let mut git = generator.subschema_for::<GitTable>();
    let about = format!("{}. Environment: `UPMON_GIT_<KEY>`.", RegistryId::Git.about());
    git.insert("description".to_owned(), about.into());
    properties.insert(RegistryId::Git.as_str().to_owned(), git.to_value());
    json_schema!({ "type": "object", "additionalProperties": false, "properties": properties })
});
