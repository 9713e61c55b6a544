//! How runs end: exit codes, Ctrl-C, and readers that go away.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use upmon::registry::RegistryId;

use super::world::{KNOWN_PINS, small, small_with};
use crate::support::runner::{Run, World, upmon};

#[tokio::test]
async fn lag_alone_fails_no_run() {
    small_with(KNOWN_PINS).await.run(&["check"]).ended(0);
}

#[tokio::test]
async fn a_run_fails_from_the_severity_that_is_asked_for() {
    // the worst of these is `error`
    let world = small_with(KNOWN_PINS).await;
    for (severity, code) in [("none", 1), ("info", 1), ("warning", 1), ("error", 1), ("critical", 0)] {
        world.run(&["check", "--fail-on", severity]).ended(code);
    }
}

#[tokio::test]
async fn too_severe_outranks_unknown() {
    let world = small().await;
    world.run(&["check"]).ended(3);
    world.run(&["check", "--allow-unknown"]).ended(0);
    world.run(&["check", "--fail-on", "critical"]).ended(1);
    world.run(&["check", "--fail-on", "critical", "--allow-unknown"]).ended(1);
    world.run(&["check", "--fail-on", "critical", "rust/drift", "lost"]).ended(3);
}

#[tokio::test]
async fn flag_beats_environment_beats_file() {
    let world = small_with(KNOWN_PINS).await;
    world.run(&["check"]).ended(0);
    world.write("upmon.toml", "[check]\nfail-on = \"error\"\n");
    world.run(&["check"]).ended(1);
    let world = world.with("UPMON_CHECK_FAIL_ON", "critical");
    world.run(&["check"]).ended(0);
    world.run(&["check", "--fail-on", "info"]).ended(1);
}

#[tokio::test]
async fn unknown_can_be_allowed_by_file_and_environment() {
    let world = small().await;
    world.write("upmon.toml", "[check]\nallow-unknown = true\n");
    world.run(&["check"]).ended(0);
    world.write("upmon.toml", "");
    world.run(&["check"]).ended(3);
    world.with("UPMON_CHECK_ALLOW_UNKNOWN", "true").run(&["check"]).ended(0);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_a_failed_action_and_is_still_shown() {
    let world = small_with(KNOWN_PINS).await;
    let run = world.run(&["check", "--json", "--fail-on", "info", "--write-report", "missing/report.json"]).ended(4);
    assert_eq!(run.each("/id").len(), 3);
    let expected = "error: cannot write the report to `missing/report.json`: ";
    assert!(run.stderr.starts_with(expected) && run.stderr.contains("\nhint: "), "{run:?}");
    assert_eq!(world.files(), ["upstream-versions.json"]);
}

/// A registry that takes a question and never answers.
struct Silent(TcpListener);

impl Silent {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> std::net::SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Waits for the first bytes of a question; the connection stays open as long as the value lives.
    fn question(&self) -> TcpStream {
        let (mut stream, _) = self.0.accept().unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        stream
    }
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let status = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Lets the binary ask a silent registry, interrupts it, and tells how it ended; `None` when it did not, for long.
#[cfg(unix)]
fn interrupted(world: &World, silent: &Silent, arguments: &[&str]) -> Option<Run> {
    let child = world.command(arguments).spawn().unwrap();
    let held = silent.question();
    interrupt(&child);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
    // far below the half minute after which it would give up by itself
    let output = receiver.recv_timeout(Duration::from_secs(15)).ok();
    drop(held);
    output.map(Run::of)
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_a_run_at_once_and_leaves_nothing_behind() {
    let silent = Silent::new();
    let git = format!(r#"{{ "git": {{ "x": {{ "version": "v1", "url": "git://{}/x" }} }} }}"#, silent.address());
    let base = format!("http://{}/", silent.address());
    for (pins, package) in [(r#"{ "rust": { "steady": "1.0.0" } }"#, "steady"), (&git, "x")] {
        let world = World::new(pins).await.at(RegistryId::CratesIo, &base);
        for arguments in [&["check", "--json", "--write-report", "report.json"][..], &["explain", package]] {
            let run = interrupted(&world, &silent, arguments).expect("the run ends").ended(130);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", "interrupted\n"));
            assert_eq!(world.files(), ["upstream-versions.json"]);
        }
    }
}

/// Runs with a standard output that nobody reads.
fn unread(mut command: std::process::Command) -> Run {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Run::of(command.stdout(writer).stderr(Stdio::piped()).output().unwrap())
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let world = small().await;
    for (arguments, code) in [
        (&["check"][..], 3),
        (&["check", "--json", "--allow-unknown"], 0),
        (&["check", "--fail-on", "info"], 1),
        (&["explain", "drift"], 0),
        (&["schema", "report"], 0),
        (&["man"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["--version"], 0),
    ] {
        let run = unread(world.command(arguments)).ended(code);
        assert_eq!(run.stderr, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for arguments in [&["--help"][..], &["help"], &["help", "check"], &["check", "-h"], &["--version"], &["-V"]] {
        let run = upmon(arguments).ended(0);
        assert!(run.stderr.is_empty() && !run.stdout.is_empty(), "{run:?}");
    }
}
