//! `config.toml` and `credentials.toml` of [cargo](https://doc.rust-lang.org/cargo/reference/config.html).

use std::path::PathBuf;

use toml::{Table, Value};
use url::Url;

use super::{ClientConfig, Machine, shown, text};
use crate::http::credentials::{Credential, CredentialError, Scope};
use crate::registry::RegistryId;

/// Longer chains of replaced sources are taken for a circle.
const MAX_REPLACEMENTS: usize = 8;

pub(super) fn read(machine: &Machine, config: &mut ClientConfig) -> Result<(), CredentialError> {
    let settings = tables(config_files(machine))?;
    let home = cargo_home(machine);
    let secrets = tables(vec![home.join("credentials.toml"), home.join("credentials")])?;
    replaced_source(machine, &settings, config);
    for name in registries(machine, &settings) {
        let Some(index) = index(machine, &settings, &name) else { continue };
        if let Some((token, source)) = token(machine, &secrets, &name) {
            config.credentials.push(Credential::token(
                RegistryId::CratesIo,
                Scope::under(&index),
                &token.into(),
                source,
            )?);
        }
    }
    Ok(())
}

/// A file's table and how the file is shown.
type Read = (Table, String);

fn tables(paths: Vec<PathBuf>) -> Result<Vec<Read>, CredentialError> {
    let mut tables = Vec::new();
    for path in paths {
        let Some(text) = text(&path)? else { continue };
        let form = || CredentialError::Form { path: path.display().to_string(), expected: "a TOML file" };
        tables.push((text.parse::<Table>().map_err(|_| form())?, shown(&path)));
    }
    Ok(tables)
}

fn cargo_home(machine: &Machine) -> PathBuf {
    machine.variable("CARGO_HOME").map_or_else(|| machine.home.join(".cargo"), PathBuf::from)
}

/// The nearest first, as cargo merges them.
fn config_files(machine: &Machine) -> Vec<PathBuf> {
    let above = machine.current.ancestors().map(|directory| directory.join(".cargo/config.toml"));
    let mut files: Vec<PathBuf> = above.chain([cargo_home(machine).join("config.toml")]).collect();
    files.dedup();
    files
}

fn string<'a>(tables: &'a [Read], path: [&str; 3]) -> Option<(&'a str, &'a str)> {
    tables.iter().find_map(|(table, file)| {
        let value = table.get(path[0])?.get(path[1])?.get(path[2])?.as_str()?;
        Some((value, file.as_str()))
    })
}

/// Where `[source.crates-io] replace-with` leads: to a source or to a named registry.
fn replaced_source(machine: &Machine, settings: &[Read], config: &mut ClientConfig) {
    let Some((mut name, source)) = string(settings, ["source", "crates-io", "replace-with"]) else { return };
    for _ in 0..MAX_REPLACEMENTS {
        if let Some((next, _)) = string(settings, ["source", name, "replace-with"]) {
            name = next;
            continue;
        }
        let written = string(settings, ["source", name, "registry"]).map(|(index, _)| index.to_owned());
        let url = written.as_deref().and_then(sparse).or_else(|| index(machine, settings, name));
        if let Some(url) = url {
            config.set_base(RegistryId::CratesIo, url.as_str(), source);
        } else {
            tracing::warn!("{source} replaces crates-io with `{name}`, which has no sparse index");
        }
        return;
    }
}

/// The names of all registries that are spoken of.
fn registries(machine: &Machine, settings: &[Read]) -> Vec<String> {
    let written = settings.iter().filter_map(|(table, _)| table.get("registries")?.as_table());
    let mut names: Vec<String> = written.flat_map(Table::keys).cloned().collect();
    let from_variables = machine.variables.keys().filter_map(|name| {
        let name = name.strip_prefix("CARGO_REGISTRIES_")?.strip_suffix("_INDEX")?;
        Some(name.to_lowercase())
    });
    names.extend(from_variables);
    names.sort_unstable_by_key(|name| variable_name(name));
    names.dedup_by_key(|name| variable_name(name));
    names
}

fn variable_name(registry: &str) -> String {
    registry.to_uppercase().replace('-', "_")
}

fn index(machine: &Machine, settings: &[Read], name: &str) -> Option<Url> {
    let variable = machine.variable(&format!("CARGO_REGISTRIES_{}_INDEX", variable_name(name)));
    let written = variable.or_else(|| string(settings, ["registries", name, "index"]).map(|(index, _)| index))?;
    sparse(written)
}

/// The address of a sparse index; a git index has none that could be asked.
fn sparse(index: &str) -> Option<Url> {
    Url::parse(index.strip_prefix("sparse+")?).ok()
}

fn token(machine: &Machine, secrets: &[Read], name: &str) -> Option<(String, String)> {
    let variable = format!("CARGO_REGISTRIES_{}_TOKEN", variable_name(name));
    if let Some(token) = machine.variable(&variable) {
        return Some((token.to_owned(), format!("`{variable}`")));
    }
    let named = |table: &'_ Table| -> Option<String> {
        let registries = table.get("registries")?.as_table()?;
        let (_, registry) = registries.iter().find(|(known, _)| variable_name(known) == variable_name(name))?;
        registry.get("token").and_then(Value::as_str).map(str::to_owned)
    };
    secrets.iter().find_map(|(table, file)| Some((named(table)?, file.clone())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;

    const REPLACED: &str = "[source.crates-io]\nreplace-with = \"corp\"\n\
        [source.corp]\nregistry = \"sparse+https://corp.example/index/\"\n";
    const NAMED: &str = "[source.crates-io]\nreplace-with = \"corp\"\n\
        [registries.corp]\nindex = \"sparse+https://corp.example/index/\"\n";
    const TOKEN: &str = "[registries.corp]\ntoken = \"Bearer s3cr3t\"\n[registry]\ntoken = \"publishing\"\n";

    #[test]
    fn a_replaced_source_is_the_base_and_its_registrys_token_goes_there_verbatim() {
        let base = Some("https://corp.example/index/".to_owned());
        let token = Some("Bearer s3cr3t".to_owned());
        for (files, variables, expected) in [
            (vec![(".cargo/config.toml", REPLACED)], vec![], (base.clone(), None)),
            (
                vec![(".cargo/config.toml", NAMED), (".cargo/credentials.toml", TOKEN)],
                vec![],
                (base.clone(), token.clone()),
            ),
            (
                vec![("work/.cargo/config.toml", NAMED)],
                vec![("CARGO_REGISTRIES_CORP_TOKEN", "Bearer s3cr3t")],
                (base.clone(), token.clone()),
            ),
            (
                vec![(".cargo/credentials.toml", TOKEN)],
                vec![("CARGO_REGISTRIES_CORP_INDEX", "sparse+https://corp.example/index/")],
                (None, token),
            ),
            (vec![(".cargo/credentials.toml", TOKEN)], vec![], (None, None)),
        ] {
            let address = "https://corp.example/index/se/rd/serde";
            assert_eq!(told(&files, &variables, RegistryId::CratesIo, address), expected, "{files:?}");
        }
    }

    #[test]
    fn the_nearest_configuration_wins() {
        let nearer = REPLACED.replace("corp.example", "near.example");
        let files = [(".cargo/config.toml", REPLACED), ("work/project/.cargo/config.toml", &nearer)];
        let (base, _) = told(&files, &[], RegistryId::CratesIo, "https://corp.example/");
        assert_eq!(base.as_deref(), Some("https://near.example/index/"));
    }

    #[test]
    fn a_git_index_and_a_circle_of_sources_are_no_base() {
        for text in [
            "[source.crates-io]\nreplace-with = \"corp\"\n[source.corp]\nregistry = \"https://corp.example/git\"",
            "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"crates-io\"",
        ] {
            let told = told(&[(".cargo/config.toml", text)], &[], RegistryId::CratesIo, "https://corp.example/");
            assert_eq!(told, (None, None), "{text}");
        }
    }
}
