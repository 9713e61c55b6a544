//! `BUNDLE_*` variables and `.bundle/config` of [Bundler](https://bundler.io/man/bundle-config.1.html).

use std::path::PathBuf;

use super::{ClientConfig, Machine, pairs, shown, text};
use crate::http::credentials::{Credential, CredentialError, Scope};
use crate::registry::RegistryId;

pub(super) fn read(machine: &Machine, config: &mut ClientConfig) -> Result<(), CredentialError> {
    let local = machine.variable("BUNDLE_APP_CONFIG");
    let local = local.map_or_else(|| machine.current.join(".bundle"), PathBuf::from).join("config");
    read_file(&local, config)?;
    for (name, value) in sorted(machine) {
        set(config, name, value, &format!("`{name}`"));
    }
    let global = machine.variable("BUNDLE_USER_CONFIG");
    read_file(&global.map_or_else(|| machine.home.join(".bundle/config"), PathBuf::from), config)
}

fn sorted(machine: &Machine) -> Vec<(&String, &String)> {
    let mut variables: Vec<_> = machine.variables.iter().filter(|(_, value)| !value.is_empty()).collect();
    variables.sort_unstable();
    variables
}

/// Reads a file of `KEY: "value"` lines, the only form of YAML that Bundler writes.
fn read_file(path: &std::path::Path, config: &mut ClientConfig) -> Result<(), CredentialError> {
    let Some(text) = text(path)? else { return Ok(()) };
    for line in text.lines().filter(|line| line.starts_with("BUNDLE_")) {
        // The key of a mirror holds an address, and with it a colon: the border is the one that a space follows.
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        for (_, value) in pairs(&format!("value={value}"), '=') {
            set(config, key.trim_matches('"'), value, &shown(path));
        }
    }
    Ok(())
}

fn set(config: &mut ClientConfig, key: &str, value: &str, source: &str) {
    let Some(key) = key.strip_prefix("BUNDLE_") else { return };
    if let Some(mirrored) = key.strip_prefix("MIRROR__") {
        if mirrored == "ALL" || spelled_out(mirrored).trim_end_matches('/') == "https://rubygems.org" {
            config.set_base(RegistryId::RubyGems, value, source);
        }
        return;
    }
    let host = spelled_out(key);
    // Settings such as `BUNDLE_BUILD__NOKOGIRI` share the form of hosts; no top-level domain is called so.
    let is_setting = ["build", "local", "fallback_timeout"].iter().any(|kind| host.starts_with(&format!("{kind}.")));
    if host.contains('.') && !is_setting && !value.is_empty() {
        config.credentials.push(Credential::pair(Scope::Host(host), &value.into(), source));
    }
}

/// Bundler's spelling of hosts in variables: `___` for a dash, `__` for a dot.
fn spelled_out(key: &str) -> String {
    key.replace("___", "-").replace("__", ".").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;

    #[test]
    fn a_hosts_credential_is_read_from_variables_and_files() {
        let header = Some("Basic bWU6cHc=");
        for (files, variables, address, expected) in [
            (&[][..], &[("BUNDLE_GEMS__EXAMPLE__COM", "me:pw")][..], "https://gems.example.com/info/rails", header),
            (&[], &[("BUNDLE_MY___GEMS__EXAMPLE", "me:pw")], "https://my-gems.example/info/rails", header),
            (&[], &[("BUNDLE_GEMS__EXAMPLE", "token")], "https://gems.example/", Some("Basic dG9rZW46")),
            (&[], &[("BUNDLE_BUILD__NOKOGIRI", "--with-xml")], "https://build.nokogiri/", None),
            (&[(".bundle/config", "---\nBUNDLE_GEMS__EXAMPLE: \"me:pw\"\n")], &[], "https://gems.example/", header),
            (
                &[("work/project/.bundle/config", "---\nBUNDLE_GEMS__EXAMPLE: \"me:pw\"\n")],
                &[("BUNDLE_GEMS__EXAMPLE", "other:pw")],
                "https://gems.example/",
                header,
            ),
            (&[], &[("BUNDLE_JOBS", "4")], "https://jobs/", None),
        ] {
            let told = told(files, variables, RegistryId::RubyGems, address);
            assert_eq!(told.1.as_deref(), expected, "{files:?} {variables:?}");
        }
    }

    #[test]
    fn a_mirror_of_rubygems_is_its_base() {
        let line = "---\nBUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/: \"https://me:pw@nexus.example/gems/\"\n";
        let address = "https://nexus.example/gems/info/rails";
        let told_base = told(&[(".bundle/config", line)], &[], RegistryId::RubyGems, address);
        assert_eq!(told_base, (Some("https://nexus.example/gems/".to_owned()), Some("Basic bWU6cHc=".to_owned())));
        let all = told(&[], &[("BUNDLE_MIRROR__ALL", "https://nexus.example/gems")], RegistryId::RubyGems, address);
        assert_eq!(all.0.as_deref(), Some("https://nexus.example/gems"));
        let other = [("BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE/", "https://nexus.example/gems")];
        assert_eq!(told(&[], &other, RegistryId::RubyGems, address).0, None);
    }
}
