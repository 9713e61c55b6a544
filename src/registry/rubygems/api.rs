//! The JSON API of gem servers, version 1: every version of a gem with its time, and the gem itself with its links.
//! <https://guides.rubygems.org/rubygems-org-api/>
//!
//! Answers are small next to what the compact index leaves out of them, so they are collected before they are read.

use serde::Deserialize;

use super::Folded;
use crate::http::lines::preview;
use crate::http::{Decode, Malformed};
use crate::registry::instant::Instant;
use crate::release::{Links, ReleaseSet};

/// Reads `api/v1/versions/<gem>.json`. Yanked versions are not listed.
#[derive(Default)]
pub(super) struct Versions(Vec<u8>);

impl Decode for Versions {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn held(&self) -> usize {
        self.0.capacity()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        let versions: Vec<Version> = read(&self.0, "a list of versions")?;
        let mut folded = Folded::default();
        let mut links = Links::default();
        // newest first: what it does not say of itself, an older one may
        for version in versions {
            let content = version.sha.as_deref().and_then(|sha| super::content(&version.platform, sha));
            folded.add(&version.number, version.created_at.0, content);
            version.metadata.unwrap_or_default().fill(&mut links);
        }
        Ok(ReleaseSet { releases: folded.releases, links, ..ReleaseSet::default() })
    }
}

/// Reads `api/v1/gems/<gem>.json` for its links.
#[derive(Default)]
pub(super) struct Gem(Vec<u8>);

impl Decode for Gem {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn held(&self) -> usize {
        self.0.capacity()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        let addresses: Addresses = read(&self.0, "a gem")?;
        let mut facts = ReleaseSet::default();
        addresses.fill(&mut facts.links);
        Ok(facts)
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], expected: &str) -> Result<T, Malformed> {
    serde_json::from_slice(body)
        .map_err(|error| Malformed::new(format!("expected {expected} as JSON, got {}: {error}", preview(body))))
}

#[derive(Deserialize)]
struct Version {
    number: String,
    #[serde(default)]
    created_at: Instant,
    /// `ruby` for a gem of any platform.
    #[serde(default)]
    platform: String,
    /// The SHA-256 of the gem, in hexadecimal.
    sha: Option<String>,
    metadata: Option<Addresses>,
}

/// The same keys stand in a version's metadata and in a gem.
#[derive(Default, Deserialize)]
struct Addresses {
    #[serde(rename = "changelog_uri")]
    changelog: Option<Box<str>>,
    #[serde(rename = "source_code_uri")]
    source_code: Option<Box<str>>,
    #[serde(rename = "homepage_uri")]
    homepage: Option<Box<str>>,
    #[serde(rename = "documentation_uri")]
    documentation: Option<Box<str>>,
}

impl Addresses {
    /// Takes over what is not known yet. An empty address is none.
    fn fill(self, links: &mut Links) {
        let or = |known: &mut Option<Box<str>>, more: Option<Box<str>>| {
            *known = known.take().or(more.filter(|address| !address.trim().is_empty()));
        };
        or(&mut links.changelog, self.changelog);
        or(&mut links.repository, self.source_code);
        or(&mut links.homepage, self.homepage);
        or(&mut links.homepage, self.documentation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    fn finish<D: Decode + Default>(body: &str) -> Result<ReleaseSet, Malformed> {
        let mut decode = Box::<D>::default();
        for chunk in body.as_bytes().chunks(7) {
            decode.chunk(chunk)?;
        }
        decode.finish()
    }

    #[test]
    fn versions_are_folded_and_dated() {
        let body = r#"[
            {"number":"1.1.0","platform":"java","created_at":"2024-02-02T00:00:00.000Z","metadata":{}},
            {"number":"1.1.0","platform":"ruby","created_at":"2024-02-01T00:00:00.000Z","prerelease":false,
             "metadata":{"changelog_uri":"","source_code_uri":"https://r"}},
            {"number":"1.0.0","created_at":null,"metadata":null,"licenses":null},
            {"number":"0.9.0","metadata":{"changelog_uri":"https://c","source_code_uri":"https://old"}}
        ]"#;
        let facts = finish::<Versions>(body).unwrap();
        let dated = Some("2024-02-01T00:00:00Z".parse().unwrap());
        let expected =
            [Release { published_at: dated, ..Release::new("1.1.0") }, Release::new("1.0.0"), Release::new("0.9.0")];
        assert_eq!(facts.releases, expected);
        let links = Links { changelog: Some("https://c".into()), repository: Some("https://r".into()), homepage: None };
        assert_eq!(facts.links, links);
        assert_eq!(finish::<Versions>("[]"), Ok(ReleaseSet::default()));
    }

    #[test]
    fn a_gem_tells_its_links() {
        let body = r#"{"name":"a","version":"1.0.0","homepage_uri":"","documentation_uri":"https://d",
            "source_code_uri":null,"changelog_uri":"https://c","metadata":{}}"#;
        let links = Links { changelog: Some("https://c".into()), repository: None, homepage: Some("https://d".into()) };
        assert_eq!(finish::<Gem>(body).unwrap().links, links);
    }

    #[test]
    fn anything_else_is_refused() {
        for body in ["", "<html>", "{}", r#"[{"platform":"ruby"}]"#, r#"[{"number":"1.0.0"}"#, r#"[{"number":1}]"#] {
            assert!(finish::<Versions>(body).is_err(), "{body}");
        }
        for body in ["", "<html>", "[]", "This rubygem could not be found."] {
            assert!(finish::<Gem>(body).is_err(), "{body}");
        }
        let refused = finish::<Versions>("<html>").unwrap_err();
        assert_eq!(refused.0, "expected a list of versions as JSON, got `<html>`: expected value at line 1 column 1");
    }
}
