//! Findings to report, and a place to run in with the GitHub it is about.

use std::process::Command;

use serde_json::{Value, json};
use upmon::report::{Finding, Format, Options, Report, render};

use crate::github::state::Issue;
use crate::github::{GitHub, TOKEN};
use crate::support::runner::{Run, World};

pub(super) const REPORT: &str = "report.json";

pub(super) fn sample() -> Report {
    serde_json::from_str(include_str!("../../data/report/sample.json")).unwrap()
}

/// Known findings that ask for something, mild and severe.
pub(super) fn asking() -> Vec<Finding> {
    let ids = ["rust/tokio", "rust/http", "ruby/rails", "ruby/puma", "python/numpy"];
    sample().findings.into_iter().filter(|finding| ids.contains(&finding.id.as_str())).collect()
}

/// One finding, with changes to its JSON.
pub(super) fn one(id: &str, changes: &[(&str, Value)]) -> Vec<Finding> {
    let finding = sample().findings.into_iter().find(|finding| finding.id == id).unwrap();
    let mut json = serde_json::to_value(finding).unwrap();
    for (pointer, value) in changes {
        *json.pointer_mut(pointer).unwrap() = value.clone();
    }
    vec![serde_json::from_value(json).unwrap()]
}

pub(super) fn current() -> Vec<Finding> {
    let changes = [("/pinned/version", json!("1.54.1")), ("/status", json!("current")), ("/severity", json!("none"))];
    let nothing = [
        ("/update", json!("none")),
        ("/behind", json!({ "major": 0, "minor": 0, "patch": 0, "releases": 0 })),
        ("/behind_since", json!(null)),
        ("/days", json!(null)),
    ];
    one("rust/tokio", &[changes.as_slice(), &nothing].concat())
}

pub(super) fn unknown() -> Vec<Finding> {
    let mut findings = sample().findings;
    findings.retain(|finding| finding.id == "python/requests");
    for finding in &mut findings {
        "rust/tokio".clone_into(&mut finding.id);
        "rust".clone_into(&mut finding.group);
        "tokio".clone_into(&mut finding.package);
    }
    findings
}

/// A place to run in, and the GitHub it is about.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) github: GitHub,
}

impl Scene {
    pub(super) async fn new(findings: Vec<Finding>) -> Self {
        let scene = Self { world: World::new("{}").await, github: GitHub::start().await };
        scene.find(findings);
        scene
    }

    /// What the next run finds.
    pub(super) fn find(&self, findings: Vec<Finding>) {
        let report = Report::new(findings, sample().generated_at);
        self.world.write(REPORT, &render(&report, Format::Json, &Options::default()));
    }

    pub(super) fn command(&self, more: &[&str]) -> Command {
        self.command_of("issues", more)
    }

    /// Another command that works from the same report, with the same GitHub.
    pub(crate) fn command_of(&self, command: &str, more: &[&str]) -> Command {
        let mut command = self.world.command(&[&[command, "--report", REPORT], more].concat());
        command.env("UPMON_GITHUB_API_URL", self.github.url()).env("GITHUB_TOKEN", TOKEN);
        command.env("GITHUB_REPOSITORY", "acme/shop").env("UPMON_ISSUES_PACE", "0s");
        command
    }

    pub(super) fn run(&self, more: &[&str]) -> Run {
        let run = Run::of(self.command(more).output().unwrap());
        assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "the token is shown: {run:?}");
        run
    }

    pub(super) fn writes(&self) -> Vec<String> {
        self.github.writes()
    }

    pub(super) fn issue(&self, number: usize) -> Issue {
        self.github.shop().issues[number - 1].clone()
    }
}

/// Without the rollup.
pub(super) async fn per_package(findings: Vec<Finding>) -> Scene {
    let Scene { world, github } = Scene::new(findings).await;
    Scene { world: world.with("UPMON_ISSUES_MODE", "per-package"), github }
}
