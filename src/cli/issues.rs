//! `upmon issues`: the report and the issues that are there, a plan, and then the plan carried out.

use std::path::PathBuf;

use clap::Args;

use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, forge, output};
use crate::config::{Flags, Repository};
use crate::dispatch;
use crate::error::ExitCode;
use crate::http::options::Options;
use crate::report::{Report, escape};
use crate::tracker::github::{Access, Github, TrackerError};
use crate::tracker::{Plan, plan_with};

/// Arguments of `upmon issues`.
#[derive(Debug, Args)]
pub(super) struct IssuesArgs {
    /// Work from this report instead of asking the registries
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the plan as JSON, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The repository on GitHub [default: that of the settings, else `GITHUB_REPOSITORY`]
    #[arg(long, value_name = "OWNER/NAME", value_parser = Repository::parse)]
    repository: Option<Repository>,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &IssuesArgs) -> Result<ExitCode, Failure> {
    let flags = Flags { allow_unknown: arguments.allow_unknown, ..Flags::default() };
    let setup = Setup::for_report(global, &arguments.setup, flags, arguments.report.as_deref())?;
    let settings = &setup.settings;
    let repository = forge::repository(arguments.repository.as_ref(), settings)?;
    let access = forge::access(repository, settings.issues.pace)?;
    let report = setup.report(arguments.report.as_deref(), global)?;
    let options = setup.http_options();
    let failures = setup.wait(act(&report, access, options, arguments.dry_run, &setup))??;
    if !failures.is_empty() {
        let told: Vec<String> = failures.iter().map(|failure| format!("error: {failure}")).collect();
        return Err(Failure::Action(told.join("\n")));
    }
    let is_unknown = report.summary.unknown > 0 && !setup.settings.allow_unknown;
    Ok(if is_unknown { ExitCode::Unknown } else { ExitCode::Success })
}

/// Plans, and carries the plan out unless it is only to be seen. The answer is what could not be done.
async fn act(
    report: &Report,
    access: Access,
    options: &Options,
    dry_run: bool,
    setup: &Setup,
) -> Result<Vec<TrackerError>, Failure> {
    let mut github = Github::new(access, options).map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let snapshot = github.snapshot().await.map_err(|error| nothing_done(&error))?;
    let approvals = dispatch::approvals(report, &setup.settings.dispatch);
    let plan = plan_with(report, &snapshot, &setup.settings.issues, &approvals, setup.now());
    if dry_run {
        let json = serde_json::to_string_pretty(&plan).expect("a plan is plain data");
        output::print(format!("{}\n", escape::json(json)).as_bytes())?;
        return Ok(Vec::new());
    }
    let failures = github.carry_out(&plan, &mut |done| drop(output::print(format!("{done}\n").as_bytes()))).await;
    output::print(beside(&plan).as_bytes())?;
    Ok(failures)
}

fn nothing_done(error: &TrackerError) -> Failure {
    let hint = "nothing was created or changed: without the issues that are there, new ones would be duplicates";
    Failure::Action(format!("error: {error}\nhint: {hint}"))
}

/// What a person should know beside the changes.
fn beside(plan: &Plan) -> String {
    let waiting = plan.waiting.iter().map(|id| format!("{} waits for a later run\n", escape::terminal(id)));
    let notes = plan.notes.iter().map(|note| format!("note: {}\n", escape::terminal(note)));
    let nothing = plan.changes.is_empty().then(|| "nothing to change\n".to_owned());
    nothing.into_iter().chain(waiting).chain(notes).collect()
}
