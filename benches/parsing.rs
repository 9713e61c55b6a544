//! How long it takes to read the largest answers that public registries give, chunk by chunk as the network brings them.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use upmon::error::LookupError;
use upmon::http::{Decode, Decoder, Fetch, Fetched, Head, Malformed, Origin, Request, shown};
use upmon::pin::Strategy;
use upmon::registry::{Query, RegistryId};
use upmon::release::ReleaseSet;

/// What a TLS record brings at most.
const CHUNK: usize = 16 << 10;

/// Answers every request with one body.
struct Body(Vec<u8>);

impl Body {
    fn decode(&self, mut decoder: Box<dyn Decode>) -> Result<ReleaseSet, Malformed> {
        self.0.chunks(CHUNK).try_for_each(|chunk| decoder.chunk(chunk))?;
        decoder.finish()
    }
}

impl Fetch for Body {
    fn fetch<'a>(&'a self, request: Request, decoder: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        let head = Head { status: http::StatusCode::OK, url: request.url.clone(), media_type: None };
        let facts = decoder(&head).and_then(|decoder| self.decode(decoder)).expect("the body is right");
        let fetched = Fetched { facts, origin: Origin::Network, confirmed_at: None, address: shown(&request.url) };
        async { Ok(fetched) }.boxed()
    }
}

/// A packument in its full form: some 2,000 versions, each with its own copy of the manifest, 10 MB in all.
fn packument() -> String {
    let mut versions = String::new();
    let mut times = String::new();
    for index in 0..2_000 {
        let version = format!("{}.{}.{}", index / 200, index / 10 % 20, index % 10);
        let comma = if index == 0 { "" } else { "," };
        write!(times, r#"{comma}"{version}":"2024-01-02T03:04:05.678Z""#).expect("a String takes all");
        write!(versions, r#"{comma}"{version}":{}"#, manifest(&version)).expect("a String takes all");
    }
    let readme = r#"# demo\n\nIt *pads*, \"left\" and right.\n"#.repeat(5_000);
    format!(
        r#"{{"_id":"demo","name":"demo","dist-tags":{{"latest":"9.0.0"}},"versions":{{{versions}}},"time":{{{times}}},"readme":"{readme}"}}"#
    )
}

fn manifest(version: &str) -> String {
    let mut dependencies = String::new();
    for index in 0..100 {
        let comma = if index == 0 { "" } else { "," };
        write!(dependencies, r#"{comma}"@scope/dependency-{index}":"^{index}.0.0""#).expect("a String takes all");
    }
    format!(
        r#"{{"name":"demo","version":"{version}","description":"pads","dependencies":{{{dependencies}}},"dist":{{"integrity":"sha512-{}","tarball":"https://registry.npmjs.org/demo/-/demo-{version}.tgz","fileCount":12,"signatures":[{{"keyid":"SHA256:{}","sig":"{}"}}]}},"engines":{{"node":">=18"}},"scripts":{{"test":"node \"test.js\""}}}}"#,
        "a".repeat(88),
        "b".repeat(43),
        "c".repeat(96),
    )
}

/// A project of 2,000 versions with two files each.
fn project() -> String {
    let versions: Vec<String> = (0..2_000).map(|index| format!("1.{}.{}", index / 20, index % 20)).collect();
    let files: Vec<String> = versions
        .iter()
        .flat_map(|version| [format!("demo-{version}-py3-none-any.whl"), format!("demo-{version}.tar.gz")])
        .map(|name| {
            let hash = "0123456789abcdef".repeat(4);
            format!(
                r#"{{"core-metadata":{{"sha256":"{hash}"}},"data-dist-info-metadata":{{"sha256":"{hash}"}},"filename":"{name}","hashes":{{"sha256":"{hash}"}},"provenance":null,"requires-python":">=3.9","size":123456,"upload-time":"2024-01-02T03:04:05.678901Z","url":"https://files.pythonhosted.org/packages/aa/bb/{hash}/{name}","yanked":false}}"#
            )
        })
        .collect();
    let versions = serde_json::to_string(&versions).expect("texts are JSON");
    format!(
        r#"{{"alternate-locations":[],"files":[{}],"meta":{{"api-version":"1.4"}},"name":"demo","versions":{versions}}}"#,
        files.join(",")
    )
}

/// A crate of 300 versions with 20 dependencies each.
fn index_file() -> String {
    let dependency = r#"{"name":"dependency","req":"^1.0","features":["std","derive"],"optional":true,"default_features":false,"target":null,"kind":"normal"}"#;
    let dependencies = [dependency; 20].join(",");
    let checksum = "0123456789abcdef".repeat(4);
    (0..300).fold(String::new(), |mut lines, index| {
        let version = format!("1.{}.{}", index / 10, index % 10);
        writeln!(
            lines,
            r#"{{"name":"demo","vers":"{version}","deps":[{dependencies}],"cksum":"{checksum}","features":{{"default":["std"]}},"yanked":false,"rust_version":"1.70","pubtime":"2024-01-02T03:04:05Z"}}"#
        )
        .expect("a String takes all");
        lines
    })
}

fn reading(criterion: &mut Criterion) {
    let query = Query {
        package: "demo".to_owned(),
        url: None,
        strategy: Strategy::Tags,
        tag_prefix: String::new(),
        dates: false,
    };
    let answers = [
        ("packument of 10 MB", RegistryId::Npm, packument()),
        ("project of 4,000 files", RegistryId::PyPi, project()),
        ("index file of 300 lines", RegistryId::CratesIo, index_file()),
    ];
    let mut group = criterion.benchmark_group("read");
    for (name, registry, body) in answers {
        let (registry, body) = (registry.open(None), Body(body.into_bytes()));
        group.throughput(Throughput::Bytes(body.0.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let answer = registry.releases(&query, black_box(&body)).now_or_never();
                let fetched = answer.expect("nothing is waited for").expect("the answer is right");
                assert!(fetched.facts.releases.len() >= 300);
                fetched
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
