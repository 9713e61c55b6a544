//! How long it takes to parse and to compare 10,000 versions of a scheme.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use upmon::version::{SchemeId, Version};

/// As many versions as the longest lists of public registries hold together with their forks.
const COUNT: u32 = 10_000;

/// A spread of labels without chance, so that two runs measure the same: mostly releases, one in five with a suffix.
fn labels(scheme: SchemeId) -> Vec<String> {
    (0..COUNT)
        .map(|index| {
            // a step that shares no factor with the count visits every index, far from its neighbours
            let index = index * 7_919 % COUNT;
            let (major, minor, patch) = (index / 1_000, index / 25 % 40, index % 25);
            let suffix = if index.is_multiple_of(5) { suffix(scheme) } else { "" };
            match scheme {
                SchemeId::Calver => format!("{}.{}.{patch}", 2_010 + major, 1 + minor % 12),
                _ => format!("{major}.{minor}.{patch}{suffix}"),
            }
        })
        .collect()
}

/// What the scheme's packages put behind a release.
const fn suffix(scheme: SchemeId) -> &'static str {
    match scheme {
        SchemeId::Semver | SchemeId::Npm => "-beta.11",
        SchemeId::Pep440 => "rc1",
        SchemeId::Gem => ".rc1",
        SchemeId::Loose => "-rc1",
        SchemeId::Calver => "",
    }
}

fn parse_all(scheme: SchemeId, labels: &[String]) -> Vec<Version> {
    labels.iter().map(|label| scheme.parse(label).expect("the labels are the scheme's own")).collect()
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(u64::from(COUNT)));
    for scheme in SchemeId::ALL {
        let labels = labels(*scheme);
        group.bench_function(scheme.as_str(), |bencher| bencher.iter(|| parse_all(*scheme, black_box(&labels))));
    }
    group.finish();
}

fn comparing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare");
    group.throughput(Throughput::Elements(u64::from(COUNT) - 1));
    for scheme in SchemeId::ALL {
        let versions = parse_all(*scheme, &labels(*scheme));
        let newest = || black_box(&versions).iter().max_by(|a, b| a.total_order(b));
        group.bench_function(scheme.as_str(), |bencher| bencher.iter(newest));
    }
    group.finish();
}

criterion_group!(benches, parsing, comparing);
criterion_main!(benches);
