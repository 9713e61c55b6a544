//! `upmon issues`: the report and the issues that are there, a plan, and then the plan carried out.

use std::path::PathBuf;

use clap::Args;

use super::action::{self, Done, Tell};
use super::setup::{Means, Setup, SetupArgs};
use super::{Failure, Global, forge};
use crate::config::{Flags, Repository, Settings};
use crate::dispatch;
use crate::error::ExitCode;
use crate::report::{Report, escape, words};
use crate::tracker::Plan;
use crate::tracker::github::{Access, Github, TrackerError};

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
    let mut setup = Setup::for_report(global, &arguments.setup, flags, arguments.report.as_deref())?;
    let access = access(arguments.repository.as_ref(), &setup.settings)?;
    let (report, kept) = setup.report(arguments.report.as_deref(), global)?;
    let done = carry_out(&report, &setup, access, arguments.dry_run)?;
    kept?;
    done.ended(&report, &setup)
}

/// The way to the repository of the issues.
pub(super) fn access(repository: Option<&Repository>, settings: &Settings) -> Result<Access, Failure> {
    forge::access(forge::repository(repository, settings)?, settings.issues.pace)
}

/// Plans, and carries the plan out unless it is only to be seen.
pub(super) fn carry_out(report: &Report, setup: &Setup, access: Access, dry_run: bool) -> Result<Done, Failure> {
    setup.wait(act(report, setup.means(), access, dry_run, &mut action::print))?
}

/// The same, for who waits for it.
pub(super) async fn act(
    report: &Report,
    Means { settings, options, now, .. }: Means<'_>,
    access: Access,
    dry_run: bool,
    tell: Tell<'_>,
) -> Result<Done, Failure> {
    let github = Github::new(access, options);
    let mut github = github.map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let approvals = dispatch::approvals(report, &settings.dispatch);
    let planned = github.plan(report, &settings.issues, &approvals, now).await;
    let plan = planned.map_err(|error| nothing_done(&error))?;
    let count = words::counted(plan.changes.len() as u64, "change");
    if dry_run {
        let json = serde_json::to_string_pretty(&plan).expect("a plan is plain data");
        tell(&format!("{}\n", escape::json(json)))?;
        return Ok(Done { summary: format!("{count} planned"), failures: Vec::new() });
    }
    let failures = github.carry_out(&plan, &mut |done| drop(tell(&format!("{done}\n")))).await;
    tell(&beside(&plan))?;
    Ok(Done { summary: count, failures: failures.iter().map(TrackerError::to_string).collect() })
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
