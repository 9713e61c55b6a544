//! Images of containers, in whatever file they are named: `registry/repository:tag@digest`.
//! <https://github.com/distribution/reference>

use std::ops::Range;

use super::Dependency;
use crate::pin::{Place, Written};
use crate::registry::RegistryId;

/// Who lists the tags of images: nobody yet, so that an image is told with its reason. With a registry here, it is a pin.
const REGISTRY: Option<RegistryId> = None;

const NOBODY: &str = "an image, and upmon cannot ask image registries yet";

/// The parts of a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// Registry and repository, as written.
    pub(super) name: &'a str,
    /// Where in the text the tag stands.
    pub(super) tag: Option<Range<usize>>,
    /// Whether it is held by a digest.
    pub(super) has_digest: bool,
}

impl<'a> Reference<'a> {
    /// Splits a reference; a port of the registry (`localhost:5000/x`) is no tag.
    pub(super) fn of(text: &'a str) -> Self {
        let (rest, has_digest) = text.split_once('@').map_or((text, false), |(rest, _)| (rest, true));
        let repository = rest.rfind('/').map_or(0, |at| at + 1);
        let colon = rest[repository..].rfind(':').map(|at| repository + at).filter(|at| at + 1 < rest.len());
        Self { name: &rest[..colon.unwrap_or(rest.len())], tag: colon.map(|at| at + 1..rest.len()), has_digest }
    }

    /// It as a dependency; `tag` is its tag, if that stands at one place of the file.
    pub(super) fn dependency(&self, place: &Place, tag: Option<Written>) -> Dependency {
        let open = |reason: &str| Dependency::open(self.name, place.clone(), reason);
        let dependency = match (tag, &self.tag) {
            (None, None) if self.has_digest => open(
                "an image that is held by its digest alone: write its tag before that, as in `alpine:3.20@sha256:...`",
            ),
            (None, None) => open("an image without a tag"),
            (None, Some(_)) => open("an image whose tag is put together, so that it stands at no one place"),
            (Some(tag), _) => match REGISTRY {
                _ if !tag.text.contains(|character: char| character.is_ascii_digit()) => {
                    Dependency { version: Some(tag), ..open("an image whose tag is no version") }
                }
                Some(registry) => Dependency::pinned(registry, self.name, tag),
                None => Dependency { version: Some(tag), ..open(NOBODY) },
            },
        };
        dependency.of(&full(self.name))
    }
}

/// The name with what [stands for itself](https://github.com/distribution/reference/blob/main/normalize.go) when it is
/// left out: `docker.io/library/alpine` of `alpine`.
fn full(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some(_) if first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase) => {
            name.to_owned()
        }
        Some(_) => format!("docker.io/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_a_name_a_tag_and_a_digest() {
        for (text, name, tag, has_digest, whole) in [
            ("alpine", "alpine", None, false, "docker.io/library/alpine"),
            ("alpine:3.20", "alpine", Some("3.20"), false, "docker.io/library/alpine"),
            ("grafana/loki:3.1.0@sha256:ab", "grafana/loki", Some("3.1.0"), true, "docker.io/grafana/loki"),
            ("localhost:5000/x", "localhost:5000/x", None, false, "localhost:5000/x"),
            ("ghcr.io/a/b@sha256:ab", "ghcr.io/a/b", None, true, "ghcr.io/a/b"),
            ("host:5000/a/b:1", "host:5000/a/b", Some("1"), false, "host:5000/a/b"),
            ("alpine:", "alpine:", None, false, "docker.io/library/alpine:"),
            ("", "", None, false, "docker.io/library/"),
        ] {
            let reference = Reference::of(text);
            let found = (reference.name, reference.tag.clone().map(|tag| &text[tag]), reference.has_digest);
            assert_eq!(found, (name, tag, has_digest), "{text}");
            assert_eq!(full(name), whole);
        }
    }
}
