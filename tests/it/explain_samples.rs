//! The samples of `docs/explain.md` are what upmon prints, from recorded answers.

use crate::manifest;
use crate::support::runner::World;

const PAGE: &str = include_str!("../../docs/explain.md");

/// Samples that stand in the page: the command line behind the prompt, and what it prints.
fn samples() -> Vec<(&'static str, &'static str)> {
    let blocks = PAGE.split("```console\n$ upmon explain ").skip(1);
    blocks.filter_map(|block| block.split_once("\n```")?.0.split_once('\n')).collect()
}

/// The pins of the samples.
fn pins() -> &'static str {
    let (_, rest) = PAGE.split_once("```json\n").expect("the page shows the pins");
    rest.split_once("\n```").expect("the block ends").0
}

/// A world that only a recording can answer in: registries are at their public addresses.
async fn world() -> World {
    ["UPMON_CRATES_IO_URL", "UPMON_PYPI_URL", "UPMON_NPM_URL", "UPMON_RUBYGEMS_URL", "UPMON_AS_OF"]
        .into_iter()
        .fold(World::new(pins()).await, |world, name| world.with(name, None))
}

#[tokio::test]
async fn every_sample_is_what_upmon_prints() {
    let world = world().await;
    let samples = samples();
    assert_eq!(samples.len(), 3);
    for (package, printed) in samples {
        let recording = manifest::root().join("tests/data/recordings").join(package);
        let run = world.run(&["explain", package, "--replay", recording.to_str().expect("a path in UTF-8")]).ended(0);
        let whole = run.stdout.trim_end();
        // a long one may be shown in part: from its beginning, up to a section
        let shown = printed.trim_end().strip_suffix("...").map_or(printed, str::trim_end);
        assert!(whole == shown || (shown != printed && whole.starts_with(shown)), "{package}:\n{whole}\n");
    }
}
