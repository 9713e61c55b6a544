//! Which upstream a table of nvchecker's configuration watches.

use crate::document::{Node, Value};
use crate::registry::RegistryId;

/// Who lists the releases of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    pub(super) registry: RegistryId,
    /// Upstream's name.
    pub(super) name: String,
    /// The git remote.
    pub(super) url: Option<String>,
    /// Whether the commits of a branch are followed.
    pub(super) commits: bool,
    /// The option that names the upstream, which is that of the source.
    source: String,
}

impl Upstream {
    /// The upstream of a table, or why upmon cannot watch it.
    pub(super) fn of(key: &str, table: &Node) -> Result<Self, String> {
        let text = |key: &str| table.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        let Some(source) = text("source") else {
            return Err("it names no `source`; convert a configuration of nvchecker 1 with `nvchecker-ini2toml` first"
                .to_owned());
        };
        let named = text(source);
        let registry = match source {
            "pypi" => RegistryId::PyPi,
            "cratesio" => RegistryId::CratesIo,
            "gems" => RegistryId::RubyGems,
            "npm" => RegistryId::Npm,
            "git" | "github" | "gitlab" | "gitea" | "bitbucket" => RegistryId::Git,
            _ => return Err(format!("upmon has no registry for the source `{source}`")),
        };
        let upstream = |name: &str, url: Option<String>, commits: bool| Self {
            registry,
            name: name.to_owned(),
            url,
            commits,
            source: source.to_owned(),
        };
        if registry != RegistryId::Git {
            return Ok(upstream(named.unwrap_or(key), None, false));
        }
        let Some(named) = named else { return Err(format!("it names no `{source}`")) };
        let is_on = |key: &str| table.get(key).is_some_and(|node| node.value == Value::Boolean(true));
        if source == "git" {
            return Ok(upstream(key, Some(named.to_owned()), is_on("use_commit")));
        }
        if !["use_max_tag", "use_latest_tag", "use_latest_release", "use_max_release"].into_iter().any(is_on) {
            let reason =
                "it follows a branch by the dates of its commits; pin a commit by hand, with `strategy` as `commits`";
            return Err(reason.to_owned());
        }
        if named.contains("://") {
            return Err(format!("`{source}` holds an address, not `owner/repository`; use the source `git` for it"));
        }
        let default = match source {
            "gitlab" => "gitlab.com",
            "gitea" => "gitea.com",
            "bitbucket" => "bitbucket.org",
            _ => "github.com",
        };
        let host = text("host").unwrap_or(default).trim_end_matches('/');
        let root = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        Ok(upstream(key, Some(format!("{root}/{}", named.trim_matches('/'))), false))
    }

    /// Whether an option says which upstream it is.
    pub(super) fn uses(&self, key: &str) -> bool {
        let is_remote = self.registry == RegistryId::Git;
        key == "source"
            || key == self.source
            || key == "use_max_tag" && is_remote
            || key == "host" && is_remote && self.source != "git"
            || ["use_commit", "branch"].contains(&key) && self.commits
    }
}
