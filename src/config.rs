//! The settings: flag beats environment beats file beats default, merged once into plain typed values.
//!
//! Everything works without a file. A section is one table in `config/`, one line in `SettingsTable` and one in
//! [`Settings`]; its environment variables and its JSON Schema follow from the table.

mod actions;
mod badges;
mod dispatch;
mod issues;
mod network;
mod policy;
mod registries;
mod server;
mod template;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::document::{
    Environment, FileError, FilePath, Placed, Problem, Source, Table, Wrong, read_table, read_toml, table,
};
use crate::pin::PinRows;
use crate::pin::manifest::Manifest;
use crate::policy::{Policies, Severity};
use badges::BadgesTable;
use dispatch::DispatchTable;
use issues::IssuesTable;
use network::{CacheTable, NetworkTable};
use policy::{NamedPolicies, PolicyTable, RuleTable};
use registries::RegistriesTable;
use server::ServerTable;

pub use actions::{Action, CommandSettings, Trigger};
pub use badges::BadgeSettings;
pub use dispatch::{Approval, DispatchSettings, Kind, RecordPlace, Target};
pub use issues::{IssueSettings, Mode, Repository};
pub use network::{CacheSettings, NetworkSettings};
pub use registries::{Base, BaseUrl, CredentialFile, Registries, RegistrySettings};
pub use server::{ScheduleSettings, ServerSettings};
pub use template::{CORRELATION, Template, Values};

/// The settings file that is looked for beside the pins file.
pub const DEFAULT_NAME: &str = "upmon.toml";

table! {
    /// The settings of upmon, in an optional `upmon.toml` beside the pins.
    #[schemars(rename = "settings", title = "upmon settings")]
    struct SettingsTable {
        /// The policy of every pin that nothing sends elsewhere.
        #[schemars(extend("default" = {}), extend("examples" = [{ "minor": "notice", "due-after": "30d" }]))]
        policy = "policy": PolicyTable,
        /// Policies by name, for pins and rules to use. A row that one leaves out is that of `[policy]`.
        #[schemars(extend("default" = {}), extend("examples" = [{ "relaxed": { "major": "warning" } }]))]
        policies = "policies": NamedPolicies,
        /// Pins, beside those of the pins file or in its place: rows with `file` name files with pins, as `from` of the pins
        /// file does; any other row is a pin.
        #[schemars(extend("default" = []), extend("examples" = [[{ "file": "Cargo.lock" }, { "group": "rust", "name": "serde", "version": "1.0.200" }]]))]
        pins = "pins": PinRows,
        /// Which pins a named policy is for. The last rule that matches wins; a pin that names its policy needs none.
        #[schemars(extend("default" = []), extend("examples" = [[{ "pins": "rust/*", "policy": "relaxed" }]]))]
        rules = "rules": Vec<Placed<RuleTable>>,
        /// Where registries are, how fast they are asked, and who we are to them.
        #[schemars(extend("default" = {}), extend("examples" = [{ "npm": { "url": "https://npm.example.org/" } }]))]
        registries = "registries": RegistriesTable,
        /// How registries are asked.
        #[schemars(extend("default" = {}), extend("examples" = [{ "timeout": "10s", "contact": "ops@example.org" }]))]
        network = "network": NetworkTable,
        /// What is kept between runs.
        #[schemars(extend("default" = {}), extend("examples" = [{ "size": "1 GiB", "stale": true }]))]
        cache = "cache": CacheTable,
        /// The file in which releases are remembered between runs; a relative path is meant from the settings file. Default:
        /// one for each pins file, beside the cache.
        #[schemars(example = &"upmon-state.json")]
        state = "state": FilePath,
        /// How `upmon check` ends.
        #[schemars(extend("default" = {}), extend("examples" = [{ "fail-on": "error" }]))]
        check = "check": CheckTable,
        /// Issues on GitHub that `upmon issues` keeps true.
        #[schemars(extend("default" = {}), extend("examples" = [{ "threshold": "error", "mode": "rollup" }]))]
        issues = "issues": IssuesTable,
        /// How `upmon serve` runs.
        #[schemars(extend("default" = {}), extend("examples" = [{ "listen": "0.0.0.0:8080", "stale-after": "8d" }]))]
        server = "server": ServerTable,
        /// Badges that `upmon badge` keeps true.
        #[schemars(extend("default" = {}), extend("examples" = [{ "out": "badges" }]))]
        badges = "badges": BadgesTable,
        /// What `upmon dispatch` starts.
        #[schemars(extend("default" = {}), extend("examples" = [{ "approval": "always" }]))]
        dispatch = "dispatch": DispatchTable,
    }
}

table! {
    /// How `upmon check` ends.
    #[schemars(rename = "check")]
    struct CheckTable {
        /// Exit code 1 when something is at or above this severity. Default: lag alone never fails a run.
        #[schemars(example = &"error")]
        fail_on = "fail-on": Severity,
        /// Whether pins about which nothing is known leave the exit code at 0 instead of 3.
        #[schemars(extend("default" = false), example = true)]
        allow_unknown = "allow-unknown": bool,
    }
}

/// The environment variables of the sections: how a section's name becomes their prefix.
pub(crate) fn variables() -> Vec<(&'static str, &'static str, String)> {
    let of = |section: &'static str, variables: Vec<(&'static str, String)>| {
        variables.into_iter().map(move |(key, variable)| (section, key, variable))
    };
    of("policy", PolicyTable::variables(POLICY))
        .chain(of("network", NetworkTable::variables(NETWORK)))
        .chain(of("cache", CacheTable::variables(CACHE)))
        .chain(of("check", CheckTable::variables(CHECK)))
        .chain(of("issues", IssuesTable::variables(ISSUES)))
        .chain(of("server", ServerTable::variables(SERVER)))
        .chain(of("badges", BadgesTable::variables(BADGES)))
        .chain(of("dispatch", DispatchTable::variables(DISPATCH)))
        .collect()
}

const POLICY: &str = "UPMON_POLICY";
const NETWORK: &str = "UPMON_NETWORK";
const CACHE: &str = "UPMON_CACHE";
const CHECK: &str = "UPMON_CHECK";
const ISSUES: &str = "UPMON_ISSUES";
const SERVER: &str = "UPMON_SERVER";
const BADGES: &str = "UPMON_BADGES";
const DISPATCH: &str = "UPMON_DISPATCH";

/// What the command line says about settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    /// `--fail-on`.
    pub fail_on: Option<Severity>,
    /// `--allow-unknown`; without it, what the environment or the file say holds.
    pub allow_unknown: bool,
}

/// Every setting, with its default where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Which policy judges which pin.
    pub policies: Policies,
    /// What is set for single registries.
    pub registries: Registries,
    /// How registries are asked.
    pub network: NetworkSettings,
    /// What is kept between runs.
    pub cache: CacheSettings,
    /// The file in which releases are remembered between runs.
    pub state: Option<PathBuf>,
    /// The severity at which `check` fails.
    pub fail_on: Option<Severity>,
    /// Whether unknown findings leave the exit code at 0.
    pub allow_unknown: bool,
    /// Which findings get an issue, and where.
    pub issues: IssueSettings,
    /// How the service runs.
    pub server: ServerSettings,
    /// Whether the file has the section for issues, so that `run` keeps them.
    pub has_issues: bool,
    /// Where badges are kept, and how they look.
    pub badges: BadgeSettings,
    /// What is started, by what, and in which order.
    pub dispatch: DispatchSettings,
    /// The file and where each rule's globs stand in it, in the order of `policies.rules`.
    rules: Option<(Arc<Source>, Vec<Range<usize>>)>,
}

impl Settings {
    /// Reads the settings: those of `file`, which then has to exist, or else of `upmon.toml` beside the pins, if there is
    /// one. `environment` looks up a variable.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong in it, or else in the environment.
    pub fn load(
        file: Option<&Path>,
        pins: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self, FileError> {
        Ok(Self::parse(read_source(file, pins)?, environment, flags)?)
    }

    /// Merges the settings from a text, the environment and the flags.
    ///
    /// # Errors
    /// With everything that is wrong in the text, or else in the environment.
    pub fn parse(
        source: Option<Source>,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self, Wrong> {
        let source = Arc::new(source.unwrap_or_else(|| Source::new(DEFAULT_NAME, "")));
        let root = read_toml(&source).map_err(|problems| Wrong::new(Arc::clone(&source), problems))?;
        let mut problems = Vec::new();
        let table = read_table::<SettingsTable>(&root, DEFAULT_NAME, &mut problems).unwrap_or_default();
        let mut environment = Environment::new(environment);
        let settings = merge(&table, &source, &mut environment, &mut problems);
        problems.extend(PinRows::problems(&source, &root));
        if !problems.is_empty() {
            return Err(Wrong::new(source, problems));
        }
        let (text, problems) = environment.into_problems();
        if !problems.is_empty() {
            return Err(Wrong::new(Arc::new(Source::new("environment", text)), problems));
        }
        Ok(Self {
            fail_on: flags.fail_on.or(settings.fail_on),
            allow_unknown: flags.allow_unknown || settings.allow_unknown,
            ..settings
        })
    }

    /// Checks pins and what they name of the settings against each other. The answer holds warnings: rules that match no pin.
    ///
    /// # Errors
    /// With the places of those pins that name a policy or a dispatch target which does not exist.
    pub fn check_policies(&self, manifest: &Manifest) -> Result<Option<Wrong>, Wrong> {
        let targets: Vec<&str> = self.dispatch.targets.iter().map(|target| target.name.as_str()).collect();
        manifest.check_names(&self.policies.names(), &targets)?;
        let Some((source, places)) = &self.rules else { return Ok(None) };
        let ids: Vec<String> = manifest.pins.iter().map(crate::pin::Pin::id).collect();
        let idle = |rule: &crate::policy::PolicyRule| !ids.iter().any(|id| rule.pins.is_match(id));
        let warnings: Vec<_> = (self.policies.rules.iter().zip(places))
            .filter(|(rule, _)| idle(rule))
            .map(|(_, place)| Problem::new(place.clone(), "no pin matches, so this has no effect"))
            .collect();
        Ok((!warnings.is_empty()).then(|| Wrong::new(Arc::clone(source), warnings)))
    }
}

/// The text of the settings: of `file`, which then has to exist, or else of `upmon.toml` beside the pins, if there is one.
///
/// # Errors
/// When the file cannot be read.
pub fn read_source(file: Option<&Path>, pins: &Path) -> Result<Option<Source>, FileError> {
    match file {
        Some(path) => Source::read(path, "leave --config away to do without settings").map(Some),
        None => optional(&default_path(pins)),
    }
}

/// The file, or nothing where there is none.
fn optional(path: &Path) -> Result<Option<Source>, FileError> {
    match Source::read(path, "") {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn merge(
    table: &SettingsTable,
    source: &Arc<Source>,
    environment: &mut Environment<'_>,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut policy = table.policy.cloned().unwrap_or_default();
    policy.overlay(POLICY, environment);
    let mut check = table.check.cloned().unwrap_or_default();
    check.overlay(CHECK, environment);
    let file = source.name();
    let registries = table.registries.cloned().unwrap_or_default().merge(file, environment, problems);
    let network = table.network.cloned().unwrap_or_default().merge(file, environment);
    let cache = table.cache.cloned().unwrap_or_default().merge(file, environment);
    let issues = table.issues.cloned().unwrap_or_default().merge(environment);
    let server = table.server.cloned().unwrap_or_default().merge(file, environment, problems);
    let badges = table.badges.cloned().unwrap_or_default().merge(file, environment);
    let dispatch = table.dispatch.cloned().unwrap_or_default().merge(file, environment, problems);
    let named = table.policies.cloned().unwrap_or_default();
    let rules = table.rules.cloned().unwrap_or_default();
    let (policies, places) = policy::policies(&policy, &named, &rules, problems);
    problems.extend(table.server.get().into_iter().flat_map(|server| server.unknown_policies(&policies)));
    Settings {
        policies,
        registries,
        network,
        cache,
        state: table.state.cloned().map(|path| path.beside(file).0),
        fail_on: check.fail_on.cloned(),
        allow_unknown: check.allow_unknown.cloned().unwrap_or_default(),
        issues,
        server,
        has_issues: table.issues.get().is_some(),
        badges,
        dispatch,
        rules: Some((Arc::clone(source), places)),
    }
}

/// Where the settings are looked for when none are named.
pub fn default_path(pins: &Path) -> PathBuf {
    pins.with_file_name(DEFAULT_NAME)
}
