//! Looks at this machine and asks registries, for `upmon doctor`: one lookup a place, past the cache.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::future::join_all;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::{CacheState, Certificates, DEFAULT, Need, Program, Proxy, Usage, Visit};
use crate::http::cache::Cache;
use crate::http::client::Client;
use crate::http::client_config::Base;
use crate::http::credentials::Credential;
use crate::http::shown;
use crate::pin::{Pin, Strategy};
use crate::registry::git::{GitOptions, Site, site};
use crate::registry::{Query, Registry, RegistryId};

/// A place to be asked, and what for.
#[derive(Debug)]
pub struct Plan {
    registry: RegistryId,
    query: Query,
    need: Need,
    site: Option<Site>,
}

/// What to ask of which place: of a registry the first pin that is looked up there, or else a package that everybody has;
/// of every git host the first pin that names it. `is_moved` tells the registries whose address somebody set.
pub fn plans(pins: &[Pin], is_moved: impl Fn(RegistryId) -> bool) -> Vec<Plan> {
    let plan = |registry: RegistryId| {
        let package = well_known(registry)?;
        let pin = pins.iter().find(|pin| pin.registry == registry);
        let need = match pin {
            Some(_) => Need::Pin,
            None if is_moved(registry) || pins.is_empty() => Need::Wish,
            None => Need::None,
        };
        let query = pin.map_or_else(|| query(package), |pin| pin.query(false));
        Some(Plan { registry, query, need, site: None })
    };
    let mut plans: Vec<Plan> = RegistryId::ALL.iter().filter_map(|&registry| plan(registry)).collect();
    let mut seen = BTreeSet::new();
    for pin in pins.iter().filter(|pin| pin.registry == RegistryId::Git) {
        let Some(site) = pin.url.as_deref().and_then(site) else { continue };
        if seen.insert((site.program, site.host.clone())) {
            plans.push(Plan { registry: pin.registry, query: pin.query(false), need: Need::Pin, site: Some(site) });
        }
    }
    plans
}

/// A small package that every full mirror has.
const fn well_known(registry: RegistryId) -> Option<&'static str> {
    match registry {
        RegistryId::CratesIo => Some("cfg-if"),
        RegistryId::RubyGems => Some("ruby2_keywords"),
        RegistryId::PyPi => Some("iniconfig"),
        RegistryId::Npm => Some("wrappy"),
        RegistryId::Git => None,
    }
}

fn query(package: &str) -> Query {
    Query { package: package.to_owned(), url: None, strategy: Strategy::Tags, tag_prefix: String::new(), dates: false }
}

/// Everything that asking takes.
pub struct Asker<'a> {
    /// The client; it should have no cache.
    pub client: &'a Client,
    /// Opens a registry.
    pub open: &'a (dyn Fn(RegistryId) -> Box<dyn Registry> + Sync),
    /// Where a registry is that somebody moved.
    pub base: &'a (dyn Fn(RegistryId) -> Option<Base> + Sync),
    /// Which credential is sent to an address.
    pub credential: &'a (dyn Fn(&Url) -> Option<Credential> + Sync),
    /// How git remotes are asked.
    pub git: &'a GitOptions,
}

impl std::fmt::Debug for Asker<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Asker").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Asker<'_> {
    /// Asks all places at once.
    pub async fn visit(&self, plans: Vec<Plan>) -> Vec<Visit> {
        join_all(plans.into_iter().map(|plan| self.visit_one(plan))).await
    }

    async fn visit_one(&self, plan: Plan) -> Visit {
        let registry = (self.open)(plan.registry);
        let started = Instant::now();
        let answer = registry.releases(&plan.query, self.client).await;
        let took = started.elapsed();
        let Whereabouts { address, url, set_by } = self.whereabouts(&plan);
        let credential = url.as_ref().and_then(|url| self.credential_source(&plan, url));
        Visit {
            registry: plan.registry,
            host: plan.site.map(|site| site.host),
            address,
            set_by,
            credential,
            proxy: url.as_ref().and_then(proxy),
            package: plan.query.package,
            need: plan.need,
            answer: answer.map(|fetched| fetched.facts.releases.len()),
            took,
            quota: url.as_ref().and_then(|url| self.client.quota(url)),
        }
    }

    fn credential_source(&self, plan: &Plan, url: &Url) -> Option<String> {
        match &plan.site {
            Some(site) => site.login.clone().or_else(|| self.git.logins.source_for(url)),
            None => Some((self.credential)(url)?.source().to_owned()),
        }
    }

    fn whereabouts(&self, plan: &Plan) -> Whereabouts {
        if let Some(site) = &plan.site {
            let set_by = "the pins".to_owned();
            return Whereabouts { address: site.address.clone(), url: site.url.clone(), set_by };
        }
        let base = (self.base)(plan.registry);
        let set_by = base.as_ref().map_or_else(|| DEFAULT.to_owned(), |base| base.source.clone());
        let public = || Url::parse(plan.registry.default_url()?).ok();
        let url = base.map(|base| base.url).or_else(public);
        Whereabouts { address: url.as_ref().map(shown).unwrap_or_default(), url, set_by }
    }
}

struct Whereabouts {
    address: String,
    url: Option<Url>,
    set_by: String,
}

/// The proxy that requests to an address go through: the same rules as those of the client underneath.
fn proxy(url: &Url) -> Option<Proxy> {
    let intercept = Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
    let address = shown(&Url::parse(&intercept.uri().to_string()).ok()?);
    let scheme = format!("{}_PROXY", url.scheme().to_uppercase());
    let names = [scheme.clone(), scheme.to_lowercase(), "ALL_PROXY".to_owned(), "all_proxy".to_owned()];
    let set = names.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    Some(Proxy { address, source: set.map_or_else(|| "the system's settings".to_owned(), |name| format!("`{name}`")) })
}

/// Looks at the directory of the cache.
pub fn cache(directory: Option<&Path>, limit: u64) -> CacheState {
    let usage = directory.map_or(Ok(Usage::default()), |directory| usage(directory, limit));
    CacheState {
        directory: directory.map(|directory| directory.display().to_string()),
        limit,
        usage: usage.map_err(|error| error.to_string()),
    }
}

/// What a directory holds that can be written to.
fn usage(directory: &Path, limit: u64) -> std::io::Result<Usage> {
    let entries = Cache::open(directory, limit)?.entries();
    tempfile::NamedTempFile::new_in(directory)?;
    Ok(Usage { entries, bytes: bytes_below(directory)? })
}

fn bytes_below(directory: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        // a file that another process removes meanwhile holds nothing
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Looks for the certificates that servers are trusted by.
pub fn certificates() -> Certificates {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter(|name| std::env::var_os(name).is_some());
    let named: Vec<String> = named.map(|name| format!("`{name}`")).collect();
    let found = rustls_native_certs::load_native_certs();
    Certificates {
        source: if named.is_empty() { "the platform".to_owned() } else { named.join(" and ") },
        count: found.certs.len(),
        errors: found.errors.iter().map(ToString::to_string).collect(),
    }
}

/// Starts the programs that some of the places are reached through.
pub fn programs(plans: &[Plan]) -> Vec<Program> {
    let names: BTreeSet<&str> = plans.iter().filter_map(|plan| plan.site.as_ref()?.program).collect();
    names.into_iter().map(program).collect()
}

fn program(name: &str) -> Program {
    if name == "ssh" && std::env::var_os("GIT_SSH_COMMAND").is_some_and(|line| !line.is_empty()) {
        return Program { name: name.to_owned(), version: Ok("what `GIT_SSH_COMMAND` says is used".to_owned()) };
    }
    let argument = if name == "ssh" { "-V" } else { "--version" };
    let ran = Command::new(name).arg(argument).stdin(Stdio::null()).output();
    // ssh tells its version on standard error
    let said = ran.map(|output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned());
    Program { name: name.to_owned(), version: said.map_err(|error| error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(registry: RegistryId, name: &str, url: Option<&str>) -> Pin {
        Pin { registry, upstream: name.to_owned(), url: url.map(str::to_owned), ..Pin::sample("1.0.0") }
    }

    #[test]
    fn each_place_is_asked_once_for_a_pin_where_there_is_one() {
        let pins = [
            pin(RegistryId::Npm, "react", None),
            pin(RegistryId::Npm, "vue", None),
            pin(RegistryId::Git, "a", Some("https://git.example/a")),
            pin(RegistryId::Git, "b", Some("https://git.example/b")),
            pin(RegistryId::Git, "c", Some("git@git.example:c")),
            pin(RegistryId::Git, "d", Some("/srv/d.git")),
        ];
        let plans = plans(&pins, |registry| registry == RegistryId::PyPi);
        let told: Vec<_> = plans.iter().map(|plan| (plan.registry, plan.query.package.as_str(), plan.need)).collect();
        let expected = [
            (RegistryId::CratesIo, "cfg-if", Need::None),
            (RegistryId::RubyGems, "ruby2_keywords", Need::None),
            (RegistryId::PyPi, "iniconfig", Need::Wish),
            (RegistryId::Npm, "react", Need::Pin),
            (RegistryId::Git, "a", Need::Pin),
            (RegistryId::Git, "c", Need::Pin),
            (RegistryId::Git, "d", Need::Pin),
        ];
        assert_eq!(told, expected);
        let programs: Vec<_> = plans.iter().filter_map(|plan| plan.site.as_ref()?.program).collect();
        assert_eq!(programs, ["ssh", "git"]);
    }

    #[test]
    fn without_pins_every_registry_is_asked_for_a_package_that_everybody_has() {
        let plans = plans(&[], |_| false);
        assert_eq!(plans.len(), RegistryId::ALL.len() - 1);
        assert!(plans.iter().all(|plan| plan.need == Need::Wish));
    }

    #[test]
    fn a_directory_that_cannot_be_a_cache_says_why() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        let state = cache(Some(&folder.path().join("file")), 1024);
        assert!(state.usage.is_err(), "{state:?}");
        let state = cache(Some(&folder.path().join("new")), 1024);
        assert_eq!((state.usage, state.limit), (Ok(Usage::default()), 1024));
        assert!(cache(None, 1024).directory.is_none());
    }
}
