//! `upmon check` of a git remote: a repository on this machine.

use std::process::Command;

use serde_json::Value;

use crate::support::runner::{PINS, World};

/// A world with a repository that has these tags, all of one commit.
pub(crate) async fn tagged(tags: &[&str]) -> World {
    let world = World::new("{}").await;
    std::fs::create_dir(world.path("repository")).unwrap();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut command = Command::new("git");
        let output = command.args(identity).args(arguments).current_dir(world.path("repository")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "all"]);
    for tag in tags {
        git(&["tag", tag]);
    }
    world
}

#[tokio::test]
async fn tags_in_another_spelling_are_told_and_followed_only_on_request() {
    let world = tagged(&["1.2.2", "1.2.3", "v2.0.0", "v2.1.0"]).await;
    for (tag, status, notices) in [
        ("", "current", &["other-tags"][..]),
        (r#", "tag": "{version}""#, "current", &[]),
        (r#", "tag": "v{version}""#, "behind", &["pin-removed"]),
    ] {
        let url = world.path("repository");
        world.write(PINS, &format!(r#"{{ "git": {{ "x": {{ "version": "1.2.3", "url": {url:?}{tag} }} }} }}"#));
        // the commit is younger than the instant of the other tests
        let run = world.run(&["check", "--json", "--as-of", "2100-01-01"]).ended(0);
        assert_eq!(run.each("/status"), [status], "{tag}");
        let kinds = run.each("/notices").remove(0);
        let kinds: Vec<&Value> = kinds.as_array().unwrap().iter().map(|notice| &notice["kind"]).collect();
        assert_eq!(kinds, notices, "{tag}");
    }
}
