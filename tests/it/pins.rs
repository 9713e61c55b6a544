//! Pins made in memory, for tests that judge without a pins file.

use upmon::pin::{Pin, Place, Strategy};
use upmon::registry::RegistryId;

/// A pin of which only the version is set, under the registry's own scheme.
pub(crate) fn pin(registry: RegistryId, package: &str, version: &str) -> Pin {
    Pin {
        group: registry.as_str().to_owned(),
        package: package.to_owned(),
        upstream: package.to_owned(),
        version: version.to_owned(),
        registry,
        scheme: registry.scheme(),
        url: None,
        strategy: Strategy::Tags,
        tag: None,
        requirement: None,
        requirements: Vec::new(),
        elsewhere: Vec::new(),
        moves: false,
        prereleases: None,
        channel: None,
        ignore: Vec::new(),
        policy: None,
        dispatch: None,
        changelog: None,
        migration_guide: None,
        place: Place { file: "upstream-versions.json".into(), line: 1, column: 1, span: 0..0 },
    }
}
