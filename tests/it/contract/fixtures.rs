//! How each registry writes a package: one function a registry.
//!
//! The bodies are the smallest true ones, after each protocol's documentation. What a registry cannot say (a yank, where
//! it only removes) it says in its own way: by leaving the release out.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use upmon::registry::RegistryId;

/// The package that every fixture is about.
pub(crate) const PACKAGE: &str = "tiny-up";

/// A release as upstream tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    version: &'static str,
    is_withdrawn: bool,
}

pub(crate) const fn listed(version: &'static str) -> Told {
    Told { version, is_withdrawn: false }
}

pub(super) const fn withdrawn(version: &'static str) -> Told {
    Told { version, is_withdrawn: true }
}

/// One answer of a server.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) media_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Page {
    fn get(path: impl Into<String>, media_type: &'static str, body: String) -> Self {
        Self { method: "GET", path: path.into(), media_type, body: body.into() }
    }
}

type Fixture = fn(&[Told]) -> Vec<Page>;

/// One line a registry.
const FIXTURES: &[(RegistryId, Fixture)] = &[
    (RegistryId::CratesIo, crates_io),
    (RegistryId::RubyGems, rubygems),
    (RegistryId::PyPi, pypi),
    (RegistryId::Npm, npm),
    (RegistryId::Git, git),
];

/// How a registry tells of a package with these releases.
pub(crate) fn pages(registry: RegistryId, releases: &[Told]) -> Vec<Page> {
    let fixture = FIXTURES.iter().find(|(id, _)| *id == registry);
    let (_, fixture) = fixture.unwrap_or_else(|| {
        panic!(
            "`{registry}` has no fixture: write a function in tests/it/contract/fixtures.rs that answers with a list \
             of releases as that registry does, and add it to FIXTURES"
        )
    });
    fixture(releases)
}

fn crates_io(releases: &[Told]) -> Vec<Page> {
    let mut body = String::new();
    for release in releases {
        let line = json!({
            "name": PACKAGE, "vers": release.version, "deps": [], "cksum": "00", "features": {},
            "yanked": release.is_withdrawn, "pubtime": "2026-01-01T00:00:00Z",
        });
        writeln!(body, "{line}").expect("a string takes everything");
    }
    vec![Page::get("/ti/ny/tiny-up", "text/plain", body)]
}

fn rubygems(releases: &[Told]) -> Vec<Page> {
    let mut body = "---\n".to_owned();
    for release in remaining(releases) {
        writeln!(body, "{} |checksum:00,created_at:2026-01-01T00:00:00Z", release.version)
            .expect("a string takes everything");
    }
    vec![Page::get("/info/tiny-up", "text/plain", body)]
}

fn pypi(releases: &[Told]) -> Vec<Page> {
    let file = |release: &Told| {
        let filename = format!("tiny_up-{}.tar.gz", release.version);
        json!({
            "filename": filename, "url": format!("../../files/{filename}"), "hashes": {}, "size": 1,
            "upload-time": "2026-01-01T00:00:00Z", "yanked": release.is_withdrawn,
        })
    };
    let body = json!({
        "meta": {"api-version": "1.4"}, "name": PACKAGE,
        "versions": releases.iter().map(|release| release.version).collect::<Vec<_>>(),
        "files": releases.iter().map(file).collect::<Vec<_>>(),
    });
    vec![Page::get("/simple/tiny-up/", "application/vnd.pypi.simple.v1+json", body.to_string())]
}

fn npm(releases: &[Told]) -> Vec<Page> {
    let version = |release: &Told| {
        let dist = json!({"tarball": "https://example.test/tiny-up.tgz", "shasum": "00"});
        (release.version.to_owned(), json!({"name": PACKAGE, "version": release.version, "dist": dist}))
    };
    let versions: Map<String, Value> = remaining(releases).map(version).collect();
    let latest: Map<String, Value> =
        versions.keys().max().map(|latest| ("latest".to_owned(), json!(latest))).into_iter().collect();
    let time: Map<String, Value> =
        versions.keys().map(|key| (key.clone(), json!("2026-01-01T00:00:00.000Z"))).collect();
    let body = json!({"name": PACKAGE, "dist-tags": latest, "versions": versions, "time": time});
    vec![Page::get("/tiny-up", "application/json", body.to_string())]
}

/// Protocol version 2: the remote's capabilities, then its tags.
/// <https://git-scm.com/docs/protocol-v2>
fn git(releases: &[Told]) -> Vec<Page> {
    let capabilities =
        ["version 2\n", "agent=git/2.50.0\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "object-format=sha1\n"];
    let advertisement =
        format!("{}0000{}0000", packet("# service=git-upload-pack\n"), capabilities.map(packet).concat());
    let tag = |release: &Told| packet(&format!("{:040x} refs/tags/{}\n", 0xabc, release.version));
    let tags = format!("{}0000", remaining(releases).map(tag).collect::<String>());
    let result = Page::get("/tiny-up/git-upload-pack", "application/x-git-upload-pack-result", tags);
    vec![
        Page::get("/tiny-up/info/refs", "application/x-git-upload-pack-advertisement", advertisement),
        Page { method: "POST", ..result },
    ]
}

/// A line with its length before it, four hexadecimal digits that count themselves.
fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}

/// What a registry lists that removes what is withdrawn.
fn remaining(releases: &[Told]) -> impl Iterator<Item = &Told> {
    releases.iter().filter(|release| !release.is_withdrawn)
}
