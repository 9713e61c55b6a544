//! What upmon tells of itself: help, manual pages, completions, schemas.

use std::process::{Command, Stdio};

use crate::manifest;
use crate::support::runner::{World, upmon};

/// Every command, by its name.
fn commands() -> Vec<String> {
    upmon::cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[tokio::test]
async fn help_is_as_it_was() {
    let world = World::new("{}").await.with("COLUMNS", "80").with("UPMON_PINS", "not-shown.json");
    insta::assert_snapshot!("help", world.run(&["--help"]).ended(0).stdout);
    for command in commands() {
        let run = world.run(&[&command, "--help"]).ended(0);
        assert!(!run.stdout.contains("not-shown"), "{run:?}");
        insta::assert_snapshot!(format!("help_{command}"), run.stdout);
    }
}

#[test]
fn both_ways_to_ask_for_help_say_the_same() {
    for command in commands() {
        assert_eq!(upmon(&["help", &command]).ended(0).stdout, upmon(&[&command, "--help"]).ended(0).stdout);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    for flag in ["--version", "-V"] {
        assert_eq!(upmon(&[flag]).ended(0).stdout, concat!("upmon ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn schemas_are_the_published_files() {
    for (which, file) in [
        ("pins", "upstream-versions"),
        ("settings", "upmon"),
        ("report", "report"),
        ("explain", "explain"),
        ("state", "state"),
        ("take", "take"),
    ] {
        let kept = std::fs::read_to_string(manifest::root().join(format!("schema/{file}.schema.json"))).unwrap();
        assert!(upmon(&["schema", which]).ended(0).stdout == kept, "{which} differs from its file");
    }
}

#[test]
fn every_shell_gets_completions_that_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = upmon(&["completions", shell]).ended(0).stdout;
        for command in commands() {
            assert!(script.contains(&command), "{shell} does not know `{command}`");
        }
    }
}

#[test]
fn the_completions_of_bash_are_a_right_script() {
    let world = tempfile::tempdir().unwrap();
    let script = world.path().join("upmon.bash");
    std::fs::write(&script, upmon(&["completions", "bash"]).ended(0).stdout).unwrap();
    let checked = Command::new("bash").arg("-n").arg(&script).stdin(Stdio::null()).output().unwrap();
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let whole = upmon(&["man"]).ended(0).stdout;
    assert!(whole.starts_with(".ie") || whole.starts_with(".TH"), "{}", &whole[..60]);
    assert!(whole.contains("\n.TH upmon 1") && whole.contains("Exit codes"), "{whole}");
    for command in commands() {
        let page = upmon(&["man", &command]).ended(0).stdout;
        assert!(page.contains(&format!("\n.TH upmon-{command} 1")), "{page}");
    }
}
