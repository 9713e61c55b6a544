//! `.npmrc` of [npm](https://docs.npmjs.com/cli/v11/configuring-npm/npmrc), which pnpm and Yarn 1 read as well.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use secrecy::SecretString;
use url::Url;

use super::{ClientConfig, Machine, pairs, shown, text};
use crate::http::credentials::{Credential, CredentialError, Scope};
use crate::registry::RegistryId;

pub(super) fn read(machine: &Machine, config: &mut ClientConfig) -> Result<(), CredentialError> {
    for name in ["npm_config_registry", "NPM_CONFIG_REGISTRY"] {
        if let Some(registry) = machine.variable(name) {
            config.set_base(RegistryId::Npm, registry, &format!("`{name}`"));
        }
    }
    for path in files(machine) {
        let Some(text) = text(&path)? else { continue };
        let source = shown(&path);
        let settings: BTreeMap<&str, String> =
            pairs(&text, '=').filter_map(|(key, value)| Some((key, expanded(machine, value)?))).collect();
        if let Some(registry) = settings.get("registry") {
            config.set_base(RegistryId::Npm, registry, &source);
        }
        for (prefix, fields) in by_prefix(&settings) {
            let Some(scope) = scope(config, prefix) else { continue };
            if let Some(credential) = credential(scope, &fields, &source)? {
                config.credentials.push(credential);
            }
        }
    }
    Ok(())
}

/// The project's file before the user's.
fn files(machine: &Machine) -> [PathBuf; 2] {
    let user = machine.variable("NPM_CONFIG_USERCONFIG").or_else(|| machine.variable("npm_config_userconfig"));
    [machine.current.join(".npmrc"), user.map_or_else(|| machine.home.join(".npmrc"), PathBuf::from)]
}

/// Puts variables into `${NAME}`; `None` where one is not set, since half a token is none.
fn expanded(machine: &Machine, value: &str) -> Option<String> {
    let Some((before, rest)) = value.split_once("${") else { return Some(value.to_owned()) };
    let (name, after) = rest.split_once('}')?;
    Some(format!("{before}{}{}", machine.variable(name)?, expanded(machine, after)?))
}

/// The settings of `//host/path/:name`, by `//host/path/`.
fn by_prefix<'a>(settings: &'a BTreeMap<&str, String>) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
    let mut prefixes: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in settings {
        if let Some((prefix, field)) = key.rsplit_once(':').filter(|(prefix, _)| prefix.starts_with("//")) {
            prefixes.entry(prefix).or_default().insert(field, value);
        }
    }
    prefixes
}

/// What a prefix covers. It names no scheme: https, or that of the base URL if that lies under it.
fn scope(config: &ClientConfig, prefix: &str) -> Option<Scope> {
    let of = |scheme: &str| Url::parse(&format!("{scheme}:{prefix}")).ok().map(|url| Scope::under(&url));
    let base = config.bases.get(&RegistryId::Npm);
    let plain = of("http").filter(|scope| base.is_some_and(|base| scope.contains(&base.url)));
    plain.or_else(|| of("https"))
}

fn credential(
    scope: Scope,
    fields: &BTreeMap<&str, &str>,
    source: &str,
) -> Result<Option<Credential>, CredentialError> {
    if let Some(&token) = fields.get("_authToken") {
        return Credential::bearer(scope, &token.into(), source).map(Some);
    }
    if let Some(pair) = fields.get("_auth") {
        return Credential::new(scope, format!("Basic {pair}").into(), source).map(Some);
    }
    let (Some(user), Some(password)) = (fields.get("username"), fields.get("_password")) else { return Ok(None) };
    let password = base64::engine::general_purpose::STANDARD.decode(password).ok();
    let password = password.and_then(|bytes| String::from_utf8(bytes).ok()).map(SecretString::from);
    Ok(password.map(|password| Credential::basic(scope, user, &password, source)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;

    #[test]
    fn a_registry_and_its_credential_are_read_in_every_form() {
        let base = Some("https://nexus.example/npm/");
        for (line, header) in [
            ("//nexus.example/npm/:_authToken=s3cr3t", Some("Bearer s3cr3t")),
            ("//nexus.example/npm/:_authToken = \"s3cr3t\"", Some("Bearer s3cr3t")),
            ("//nexus.example/npm/:_authToken=${NPM_TOKEN}", Some("Bearer from-variable")),
            ("//nexus.example/npm/:_authToken=${UNSET}", None),
            ("//nexus.example/:_authToken=s3cr3t", Some("Bearer s3cr3t")),
            ("//nexus.example/npm/:_auth=bWU6cHc=", Some("Basic bWU6cHc=")),
            ("//nexus.example/npm/:username=me\n//nexus.example/npm/:_password=cHc=", Some("Basic bWU6cHc=")),
            ("//nexus.example/other/:_authToken=s3cr3t", None),
            ("//other.example/npm/:_authToken=s3cr3t", None),
            ("_authToken=s3cr3t", None),
            ("; //nexus.example/npm/:_authToken=s3cr3t", None),
        ] {
            let text = format!("registry=https://nexus.example/npm/\n{line}\n");
            let variables = [("NPM_TOKEN", "from-variable")];
            let address = "https://nexus.example/npm/react";
            let told = told(&[(".npmrc", &text)], &variables, RegistryId::Npm, address);
            assert_eq!((told.0.as_deref(), told.1.as_deref()), (base, header), "{line}");
        }
    }

    #[test]
    fn a_credential_goes_in_clear_text_only_where_the_registry_itself_is_so() {
        let token = "//nexus.example/npm/:_authToken=s3cr3t";
        let plain = format!("registry=http://nexus.example/npm/\n{token}");
        let address = "http://nexus.example/npm/react";
        assert_eq!(told(&[(".npmrc", &plain)], &[], RegistryId::Npm, address).1.as_deref(), Some("Bearer s3cr3t"));
        assert_eq!(told(&[(".npmrc", token)], &[], RegistryId::Npm, address).1, None);
    }

    #[test]
    fn the_environment_wins_over_the_project_and_the_project_over_the_user() {
        let files = [
            ("work/project/.npmrc", "registry=https://project.example/"),
            (".npmrc", "registry=https://user.example/"),
        ];
        let variables = [("npm_config_registry", "https://variable.example/")];
        let base = |files: &[(&str, &str)], variables: &[(&str, &str)]| {
            told(files, variables, RegistryId::Npm, "https://x.example/").0.unwrap()
        };
        assert_eq!(base(&files, &variables), "https://variable.example/");
        assert_eq!(base(&files, &[]), "https://project.example/");
        assert_eq!(base(&files[1..], &[]), "https://user.example/");
    }
}
