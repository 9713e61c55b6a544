//! `pip.conf` of [pip](https://pip.pypa.io/en/stable/topics/configuration/).

use std::path::PathBuf;

use super::{ClientConfig, Machine, pairs, shown, text};
use crate::http::credentials::CredentialError;
use crate::registry::RegistryId;

pub(super) fn read(machine: &Machine, config: &mut ClientConfig) -> Result<(), CredentialError> {
    if let Some(index) = machine.variable("PIP_INDEX_URL") {
        set(config, index, "`PIP_INDEX_URL`");
    }
    for path in files(machine) {
        if let Some(text) = text(&path)?
            && let Some(index) = index_url(&text)
        {
            set(config, index, &shown(&path));
        }
    }
    Ok(())
}

/// The nearest first: the one that a variable names, the user's, the machine's.
fn files(machine: &Machine) -> Vec<PathBuf> {
    let named = machine.variable("PIP_CONFIG_FILE").map(PathBuf::from);
    let xdg = machine.variable("XDG_CONFIG_HOME").map_or_else(|| machine.home.join(".config"), PathBuf::from);
    named
        .into_iter()
        .chain([xdg.join("pip/pip.conf"), machine.home.join(".pip/pip.conf"), machine.etc.join("pip.conf")])
        .collect()
}

/// `index-url` in `[global]`; other sections are for single commands.
fn index_url(text: &str) -> Option<&str> {
    let (_, global) = text.split_once("[global]")?;
    let global = global.split("\n[").next()?;
    pairs(global, '=').find_map(|(key, value)| matches!(key, "index-url" | "index_url").then_some(value))
}

/// An index ends in `simple`; upmon's base is the root above it.
fn set(config: &mut ClientConfig, index: &str, source: &str) {
    if let Some(root) = index.trim_end_matches('/').strip_suffix("simple") {
        config.set_base(RegistryId::PyPi, root, source);
    } else {
        tracing::warn!("{source} names an index that does not end in `simple/`");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::*;

    #[test]
    fn an_index_is_read_with_its_credential() {
        let address = "https://nexus.example/pypi/simple/requests/";
        for (files, variables, base, header) in [
            (
                &[(".config/pip/pip.conf", "[global]\ntimeout = 60\nindex-url = https://nexus.example/pypi/simple\n")]
                    [..],
                &[][..],
                Some("https://nexus.example/pypi/"),
                None,
            ),
            (
                &[(
                    ".pip/pip.conf",
                    "# ours\n[global]\nindex-url=https://me:pw@nexus.example/pypi/simple/\n[install]\n",
                )],
                &[],
                Some("https://nexus.example/pypi/"),
                Some("Basic bWU6cHc="),
            ),
            (
                &[(".pip/pip.conf", "[global]\nindex-url = https://user.example/simple")],
                &[("PIP_INDEX_URL", "https://nexus.example/pypi/simple/")],
                Some("https://nexus.example/pypi/"),
                None,
            ),
            (&[(".pip/pip.conf", "[install]\nindex-url = https://nexus.example/pypi/simple")], &[], None, None),
            (&[], &[("PIP_INDEX_URL", "https://nexus.example/pypi/")], None, None),
        ] {
            let told = told(files, variables, RegistryId::PyPi, address);
            assert_eq!((told.0.as_deref(), told.1.as_deref()), (base, header), "{files:?} {variables:?}");
        }
    }
}
