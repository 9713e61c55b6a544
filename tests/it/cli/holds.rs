//! What appears between two runs: it is held, acknowledged, and counts from then on.

use std::process::Command;

use serde_json::{Map, Value, json};
use upmon::registry::RegistryId;

use super::git::tagged;
use crate::support::runner::{PINS, Run, World};

const PIN: &str = r#"{ "npm": { "pad": "1.4.0" } }"#;

/// A release: its version, its day or none, and what it consists of.
type Release<'a> = (&'a str, Option<&'a str>, char);

const OLD: [Release<'_>; 2] = [("1.4.0", Some("2020-01-01"), 'a'), ("1.5.0", Some("2020-02-01"), 'b')];

/// A world with the real clock in which npm lists these releases of `pad`, of that owner's repository.
async fn npm(releases: &[Release<'_>], owner: &str) -> World {
    let world = World::new(PIN).await.with("UPMON_AS_OF", None);
    let versions: Map<String, Value> = releases
        .iter()
        .map(|(version, _, content)| {
            let shasum = content.to_string().repeat(40);
            ((*version).to_owned(), json!({ "name": "pad", "version": version, "dist": { "shasum": shasum } }))
        })
        .collect();
    let time =
        |(version, day, _): &Release<'_>| Some(((*version).to_owned(), json!(format!("{}T00:00:00.000Z", (*day)?))));
    let packument = json!({ "name": "pad", "dist-tags": {}, "versions": versions,
        "time": releases.iter().filter_map(time).collect::<Map<_, _>>(),
        "repository": format!("https://github.com/{owner}/pad.git") });
    world.answer(RegistryId::Npm, "pad", "application/json", &packument.to_string()).await;
    world
}

/// One run of a command that remembers in the file of another world.
fn run(world: &World, state: &World, command: &[&str]) -> Run {
    let path = state.path("state.json");
    let state = ["--no-cache", "--state", path.to_str().expect("a path in UTF-8")];
    let state = if command[0] == "ack" { &state[1..] } else { &state };
    world.run(&[command, state].concat())
}

fn kinds(run: &Run, list: &str) -> Vec<String> {
    let listed = run.each(list).remove(0);
    let kind = |one: &Value| one["kind"].as_str().unwrap().to_owned();
    listed.as_array().map(|listed| listed.iter().map(kind).collect()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_suspicious_is_held_until_it_is_acknowledged() {
    let [pinned, newer] = OLD;
    let jump = [pinned, newer, ("99.0.0", Some("2020-03-01"), 'c')];
    let date = [pinned, newer, ("20160708.0.0", Some("2020-03-01"), 'c')];
    let again = [pinned, ("1.5.0", Some("2020-02-01"), 'c')];
    let moved = [pinned, newer, ("1.6.0", Some("2020-03-01"), 'c')];
    for (kind, after, owner, version, newest) in [
        ("major-jump", &jump[..], "acme", Some("99.0.0"), "1.5.0"),
        ("scheme-change", &date, "acme", Some("20160708.0.0"), "1.5.0"),
        ("republished", &again, "acme", Some("1.5.0"), "1.4.0"),
        ("owner-moved", &moved, "evil", None, "1.5.0"),
    ] {
        let (before, after) = (npm(&OLD, "acme").await, npm(after, owner).await);
        let first = run(&before, &before, &["check", "--json"]).ended(0);
        assert_eq!((first.each("/newest/version"), kinds(&first, "/held")), (vec![json!("1.5.0")], vec![]), "{kind}");
        // nothing else than before: nothing is written
        let state = before.read("state.json");
        run(&before, &before, &["check"]).ended(0);
        assert_eq!(before.read("state.json"), state, "{kind}");

        let held = run(&after, &before, &["check", "--json"]).ended(0);
        assert_eq!(held.each("/newest/version"), [newest], "{kind}");
        assert_eq!(kinds(&held, "/held"), [kind]);
        assert!(kinds(&held, "/notices").contains(&kind.to_owned()), "{held:?}");
        assert!(held.stdout.contains("`upmon ack npm/pad"), "{held:?}");
        let table = run(&after, &before, &["check"]).ended(0).stdout;
        assert!(table.contains("upmon ack npm/pad"), "{table}");
        let explained = run(&after, &before, &["explain", "pad"]).ended(0).stdout;
        assert!(explained.contains(&format!("not eligible: suspicious ({kind})")), "{explained}");
        let listed = run(&after, &before, &["ack", "--list"]).ended(0).stdout;
        assert!(listed.contains("held: npm/pad"), "{listed}");

        let ack: Vec<&str> = ["ack", "pad"].into_iter().chain(version).chain(["--reason", "they told us"]).collect();
        run(&after, &before, &ack).ended(0);
        let counts = run(&after, &before, &["check", "--json"]).ended(0);
        assert_eq!(kinds(&counts, "/held"), [""; 0], "{kind}");
        assert_ne!(counts.each("/newest/version"), [newest], "{kind}");
        let again = run(&after, &before, &ack).ended(2);
        assert!(again.stderr.contains("error: nothing suspicious is held of `pad`"), "{again:?}");
        let listed = run(&after, &before, &["ack", "--list"]).ended(0).stdout;
        assert!(listed.contains("they told us") && listed.contains("nothing is held"), "{listed}");
        if version.is_some() {
            let explained = run(&after, &before, &["explain", "pad"]).ended(0).stdout;
            assert!(explained.contains(&format!("({kind}): they told us")), "{explained}");
        }
    }
}

/// A world in which every other registry lists `1.0.0` and `1.1.0` of `padding`, with this content of the latter.
async fn others(content: char) -> World {
    let pins =
        r#"{ "rust": { "padding": "1.0.0" }, "ruby": { "padding": "1.0.0" }, "python": { "padding": "1.0.0" } }"#;
    let world = World::new(pins).await.with("UPMON_AS_OF", None);
    let both = [("1.0.0", "a".repeat(64)), ("1.1.0", content.to_string().repeat(64))];
    let line = |(version, cksum): &(&str, String)| {
        format!(
            "{}\n",
            json!({ "name": "padding", "vers": version, "deps": [], "cksum": cksum, "features": {},
            "yanked": false, "pubtime": "2020-01-01T00:00:00Z" })
        )
    };
    let index: String = both.iter().map(line).collect();
    world.answer(RegistryId::CratesIo, "pa/dd/padding", "text/plain", &index).await;
    let line = |(version, sha): &(&str, String)| {
        // a build for one platform that was added is nothing wrong
        let more =
            if content == 'b' { String::new() } else { format!("{version}-java |checksum:{}\n", "d".repeat(64)) };
        format!("{more}{version} |checksum:{sha},created_at:2020-01-01T00:00:00Z\n")
    };
    let info = format!("---\n{}", both.iter().map(line).collect::<String>());
    world.answer(RegistryId::RubyGems, "info/padding", "text/plain", &info).await;
    let file = |(version, sha): &(&str, String)| {
        json!({ "filename": format!("padding-{version}.tar.gz"), "hashes": { "sha256": sha }, "url": "x",
            "upload-time": "2020-01-01T00:00:00Z" })
    };
    let page = json!({ "meta": { "api-version": "1.1" }, "name": "padding", "versions": ["1.0.0", "1.1.0"],
        "files": both.iter().map(file).collect::<Vec<_>>() });
    let media_type = "application/vnd.pypi.simple.v1+json";
    world.answer(RegistryId::PyPi, "simple/padding/", media_type, &page.to_string()).await;
    world
}

#[tokio::test]
async fn every_registry_tells_when_a_version_was_published_again() {
    let (before, after) = (others('b').await, others('c').await);
    let newest = |world: &World| run(world, &before, &["check", "--json"]).ended(0).each("/newest/version");
    assert_eq!(newest(&before), ["1.1.0"; 3]);
    assert_eq!(newest(&after), ["1.0.0"; 3]);
    assert_eq!(newest(&before), ["1.1.0"; 3], "the old content is known");
    let held = run(&after, &before, &["check", "--json"]).ended(0);
    assert_eq!(held.each("/held/0/kind"), ["republished"; 3]);
    // a package's name alone means all pins of that name
    run(&after, &before, &["ack", "padding", "1.1.0"]).ended(0);
    assert_eq!(newest(&after), ["1.1.0"; 3]);
}

#[tokio::test]
async fn whatever_is_there_at_first_is_what_the_package_is_known_for() {
    let releases = [OLD[0], ("99.0.0", Some("2020-03-01"), 'c'), ("20160708.0.0", Some("2020-03-01"), 'c')];
    let world = npm(&releases, "acme").await;
    for _ in 0..2 {
        let check = run(&world, &world, &["check", "--json"]).ended(0);
        assert_eq!((check.each("/newest/version"), kinds(&check, "/held")), (vec![json!("20160708.0.0")], vec![]));
    }
}

#[tokio::test]
async fn an_older_scheme_that_sorts_below_the_pin_is_told_all_the_same() {
    let pins = r#"{ "npm": { "pad": "20160708.0.0" } }"#;
    let dates = [("20160708.0.0", Some("2020-01-01"), 'a')];
    let (before, after) =
        (npm(&dates, "acme").await, npm(&[dates[0], ("1.4.0", Some("2020-03-01"), 'c')], "acme").await);
    for world in [&before, &after] {
        world.write(PINS, pins);
    }
    run(&before, &before, &["check"]).ended(0);
    let check = run(&after, &before, &["check", "--json"]).ended(0);
    assert_eq!(
        (check.each("/status"), kinds(&check, "/notices")),
        (vec![json!("current")], vec!["scheme-change".to_owned()])
    );
    run(&after, &before, &["ack", "pad", "1.4.0"]).ended(0);
    assert_eq!(kinds(&run(&after, &before, &["check", "--json"]).ended(0), "/notices"), [""; 0]);
}

fn git(world: &World, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let mut command = Command::new("git");
    let output = command.args(identity).args(arguments).current_dir(world.path("repository")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[tokio::test]
async fn a_pinned_tag_that_moves_is_an_error_and_never_silent() {
    let world = tagged(&["v1.0.0", "v1.1.0"]).await.with("UPMON_AS_OF", None);
    let url = world.path("repository");
    world.write(PINS, &format!(r#"{{ "git": {{ "x": {{ "version": "v1.1.0", "url": {url:?} }} }} }}"#));
    let check = || run(&world, &world, &["check", "--json", "--fail-on", "error"]);
    assert_eq!(check().ended(0).each("/severity"), ["none"]);
    for _ in 0..2 {
        git(&world, &["commit", "-q", "--allow-empty", "-m", "more"]);
        git(&world, &["tag", "-f", "v1.1.0"]);
        let moved = check().ended(1);
        assert_eq!((moved.each("/status"), moved.each("/severity")), (vec![json!("current")], vec![json!("error")]));
        assert_eq!(kinds(&moved, "/notices"), ["tag-moved"]);
        assert_eq!(moved.each("/rule"), ["default: the pin was replaced upstream"]);
        run(&world, &world, &["ack", "git/x", "v1.1.0"]).ended(0);
        assert_eq!(kinds(&check().ended(0), "/notices"), [""; 0], "and moving again is suspicious again");
    }
}

#[tokio::test]
async fn a_tag_that_was_taken_away_and_set_again_has_moved() {
    let world = tagged(&["v1.0.0", "v1.1.0", "v1.2.0"]).await.with("UPMON_AS_OF", None);
    let url = world.path("repository");
    world.write(PINS, &format!(r#"{{ "git": {{ "x": {{ "version": "v1.1.0", "url": {url:?} }} }} }}"#));
    let check = || kinds(&run(&world, &world, &["check", "--json"]).ended(0), "/notices");
    check();
    git(&world, &["tag", "-d", "v1.1.0", "v1.2.0"]);
    assert_eq!(check(), ["pin-removed", "pin-ahead"]);
    git(&world, &["commit", "-q", "--allow-empty", "-m", "more"]);
    git(&world, &["tag", "v1.1.0"]);
    git(&world, &["tag", "v1.2.0"]);
    assert_eq!(check()[..2], ["tag-moved", "tag-moved"]);
    // what is gone is not held, and what the pin has left behind is forgotten
    git(&world, &["tag", "-d", "v1.1.0", "v1.2.0"]);
    check();
    assert!(!run(&world, &world, &["ack", "--list"]).ended(0).stdout.contains("held: "));
    world.write(PINS, &world.read(PINS).replace("v1.1.0", "v2.0.0"));
    git(&world, &["tag", "v2.0.0"]);
    check();
    let state = world.read("state.json");
    assert!(state.contains("\"v2.0.0\"") && !state.contains("\"v1.1.0\""), "{state}");
}

#[tokio::test]
async fn a_release_without_a_date_is_as_old_as_upmons_knowledge_of_it() {
    let world = npm(&[OLD[0], ("1.5.0", None, 'b')], "acme").await;
    world.write("upmon.toml", "[policy]\nminimum-age = \"3d\"\n");
    let first = run(&world, &world, &["check", "--json"]).ended(0);
    assert_eq!((first.each("/status"), kinds(&first, "/held")), (vec![json!("current")], vec!["cooldown".to_owned()]));
    let state = world.read("state.json");
    let seen = serde_json::from_str::<Value>(&state).unwrap()["pins"]["npm/pad"]["releases"]["1.5.0"]["seen"].clone();
    let again = run(&world, &world, &["check", "--json"]).ended(0);
    assert_eq!(again.each("/held/0/first_seen"), [seen]);
    assert_eq!(again.each("/held/0/until"), first.each("/held/0/until"));
    let explained = run(&world, &world, &["explain", "pad"]).ended(0).stdout;
    assert!(explained.contains("it has no date, and was first seen at"), "{explained}");
    assert!(explained.starts_with("npm/pad: 1.4.0 is current, 1 held, severity none\n"), "{explained}");
    assert!(explained.contains("  update       none: newest exceeds the pin in no part\n"), "{explained}");
    // a run with a clock of its own reads what is remembered, and adds nothing to it
    for (at, status) in [("2020-06-01", "current"), ("2100-01-01", "behind")] {
        let then = run(&world, &world, &["check", "--json", "--as-of", at]).ended(0);
        assert_eq!(then.each("/status"), [status], "{at}");
    }
    assert_eq!(world.read("state.json"), state);
}

#[tokio::test]
async fn a_recording_holds_what_was_remembered() {
    let jump = [OLD[0], OLD[1], ("99.0.0", Some("2020-03-01"), 'c')];
    let (before, after) = (npm(&OLD, "acme").await, npm(&jump, "acme").await);
    run(&before, &before, &["check"]).ended(0);
    let path = before.path("state.json");
    let state = ["--state", path.to_str().unwrap()];
    let live = after.run(&[&["check", "--json", "--record", "tape"], &state[..]].concat()).ended(0);
    assert_eq!(kinds(&live, "/held"), ["major-jump"]);
    run(&after, &before, &["ack", "pad"]).ended(0);
    let replayed = after.run(&[&["check", "--json", "--replay", "tape"], &state[..]].concat()).ended(0);
    assert_eq!(replayed.stdout, live.stdout, "what was acknowledged later was not then");
    assert_eq!(after.run(&["check", "--json", "--replay", "tape", "--no-cache"]).ended(0).stdout, live.stdout);
}

#[tokio::test]
async fn the_state_is_where_the_user_wants_it() {
    let world = npm(&OLD, "acme").await;
    let states = || {
        let directory = std::fs::read_dir(world.path("cache/state"));
        directory.map(|files| files.flatten().count()).unwrap_or_default()
    };
    world.run(&["check", "--no-cache"]).ended(0);
    assert_eq!((states(), world.files()), (0, vec![PINS.to_owned()]), "without a cache nothing is kept");
    world.run(&["check", "--cache-dir", "cache"]).ended(0);
    assert_eq!(states(), 1);
    world.write("other.json", PIN);
    world.run(&["check", "--cache-dir", "cache", "--pins", "other.json"]).ended(0);
    assert_eq!(states(), 2, "one for each pins file");
    let listed = world.run(&["ack", "--list", "--cache-dir", "cache"]).ended(0).stdout;
    assert!(listed.contains("cache/state/") && listed.contains("nothing is held"), "{listed}");

    world.write("upmon.toml", "state = \"upmon-state.json\"\n");
    world.run(&["check", "--cache-dir", "cache"]).ended(0);
    assert!(world.read("upmon-state.json").contains("\"npm/pad\""));
    let world = world.with("UPMON_STATE", "by-variable.json");
    world.run(&["check", "--cache-dir", "cache"]).ended(0);
    assert!(world.read("by-variable.json").contains("\"npm/pad\""));
    assert!(!world.files().iter().any(|file| file.contains("lock")), "{:?}", world.files());
}

#[tokio::test]
async fn a_state_that_is_not_understood_is_an_error_and_stays() {
    let world = npm(&OLD, "acme").await;
    for (text, expected) in [
        (
            "{\n<<<<<<< ours\n",
            "error: the state in `state.json` is broken: key must be a string at line 2 column 1\nhint: ",
        ),
        (r#"{"version": 2}"#, "error: the state in `state.json` has version 2, and this upmon reads 1\nhint: "),
    ] {
        world.write("state.json", text);
        for command in [&["check"][..], &["explain", "pad"], &["ack", "pad"], &["ack", "--list"]] {
            let run = world.run(&[command, &["--state", "state.json"]].concat()).ended(2);
            assert!(run.stderr.starts_with(expected), "{run:?}");
        }
        assert_eq!(world.read("state.json"), text);
    }
    world.write("plain", "");
    let run = world.run(&["check", "--state", "plain/state.json"]);
    assert!(run.code != Some(0) && run.stderr.starts_with("error: the state"), "{run:?}");
}

#[tokio::test]
async fn what_was_acknowledged_is_suspicious_again_when_it_changes_again_however_many_are_above_it() {
    let of = |content| ("1.5.0", Some("2020-02-01"), content);
    let later = ["1.6.0", "1.7.0", "1.8.0"].map(|version| (version, Some("2020-03-01"), 'e'));
    let state = npm(&[OLD[0], of('b')], "acme").await;
    run(&state, &state, &["check"]).ended(0);
    run(&npm(&[OLD[0], of('c')], "acme").await, &state, &["check"]).ended(0);
    run(&state, &state, &["ack", "pad", "1.5.0"]).ended(0);
    for (content, expected) in [('c', vec![]), ('d', vec!["republished".to_owned()])] {
        let world = npm(&[&[OLD[0], of(content)], &later[..]].concat(), "acme").await;
        let check = run(&world, &state, &["check", "--json"]).ended(0);
        assert_eq!(kinds(&check, "/held"), expected, "{content}");
    }
}

#[tokio::test]
async fn a_date_among_the_releases_hides_no_jump() {
    let date = ("20160708.0.0", Some("2016-07-08"), 'd');
    let pins = r#"{ "npm": { "pad": { "version": "1.4.0", "ignore": [{ "versions": ">=20000000.0.0" }] } } }"#;
    let before = npm(&[OLD[0], OLD[1], date], "acme").await;
    let after = npm(&[OLD[0], OLD[1], date, ("99.0.0", Some("2020-03-01"), 'c')], "acme").await;
    for world in [&before, &after] {
        world.write(PINS, pins);
    }
    run(&before, &before, &["check"]).ended(0);
    assert_eq!(kinds(&run(&after, &before, &["check", "--json"]).ended(0), "/held"), ["major-jump"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_that_cannot_be_written_swallows_neither_report_nor_recording() {
    let world = npm(&OLD, "acme").await;
    // a directory that is not there, and cannot be made
    std::os::unix::fs::symlink("nowhere/at/all", world.path("closed")).unwrap();
    for command in [&["check", "--record", "tape"][..], &["explain", "pad"]] {
        let run = world.run(&[command, &["--no-cache", "--state", "closed/state.json"]].concat()).ended(4);
        assert!(run.stdout.contains("1.5.0"), "{run:?}");
        assert!(run.stderr.contains("error: the state cannot be written to `closed/state.json`"), "{run:?}");
    }
    assert!(world.run(&["check", "--replay", "tape"]).ended(0).stdout.contains("1.5.0"));
    world.write("upmon.toml", "[badges]\nout = \"badges\"\n");
    for (command, told) in [("run", "1.5.0"), ("badge", "badge files")] {
        let run = world.run(&[command, "--no-cache", "--state", "closed/state.json"]).ended(4);
        assert!(run.stdout.contains(told) && world.path("badges").is_dir(), "{run:?}");
        std::fs::remove_dir_all(world.path("badges")).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_behind_a_link_stays_there_with_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = npm(&OLD, "acme").await;
    world.write("shared.json", r#"{"pins":{},"version":1}"#);
    std::fs::set_permissions(world.path("shared.json"), std::fs::Permissions::from_mode(0o660)).unwrap();
    std::os::unix::fs::symlink("shared.json", world.path("state.json")).unwrap();
    run(&world, &world, &["check"]).ended(0);
    assert!(world.path("state.json").is_symlink());
    assert!(world.read("shared.json").contains("\"npm/pad\""));
    assert_eq!(std::fs::metadata(world.path("shared.json")).unwrap().permissions().mode() & 0o777, 0o660);
}
