//! `upmon badge`: a report, new or made before, as badges in a directory.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::action::{self, Done, Tell};
use super::setup::{Setup, SetupArgs};
use super::{Failure, Global};
use crate::badge::plan::{Fault, Plan, files};
use crate::badge::svg::Style;
use crate::config::{BadgeSettings, Flags};
use crate::error::ExitCode;
use crate::report::Report;

/// Arguments of `upmon badge`.
#[derive(Debug, Args)]
pub(super) struct BadgeArgs {
    /// Keep the badges in this directory
    /// [default: that of the settings]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Work from this report, made by `check --write-report`, and ask nobody
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// How badges are drawn [default: that of the settings, else flat]
    #[arg(long, value_name = "STYLE")]
    style: Option<Style>,
    /// What the badge for the whole report says on its left [default: that of the settings, else upstream]
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    label: Option<String>,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &BadgeArgs) -> Result<ExitCode, Failure> {
    let flags = Flags { fail_on: None, allow_unknown: arguments.allow_unknown };
    let mut setup = Setup::for_report(global, &arguments.setup, flags, arguments.report.as_deref())?;
    let set = &setup.settings.badges;
    let badges = BadgeSettings {
        out: arguments.out.clone().or_else(|| set.out.clone()),
        style: arguments.style.unwrap_or(set.style),
        label: arguments.label.clone().unwrap_or_else(|| set.label.clone()),
    };
    if badges.out.is_none() {
        let hint = "say `--out DIR`, or `out` in `[badges]` of upmon.toml";
        return Err(Failure::Usage(format!("error: no directory is named for the badges\nhint: {hint}")));
    }
    let (report, kept) = setup.report(arguments.report.as_deref(), global)?;
    let done = carry_out(&report, &badges, arguments.dry_run, &mut action::print)?;
    kept?;
    done.ended(&report, &setup)
}

/// Plans, and carries the plan out unless it is only to be seen. Without a directory nothing is done.
pub(super) fn carry_out(
    report: &Report,
    badges: &BadgeSettings,
    dry_run: bool,
    tell: Tell<'_>,
) -> Result<Done, Failure> {
    let files = files(report, &badges.label, badges.style);
    let directory = badges.out.clone().unwrap_or_default();
    let plan = Plan::new(&directory, files).map_err(|fault| failure(&[fault]))?;
    let faults = if dry_run { Vec::new() } else { plan.carry_out() };
    let text = plan.to_string();
    tell(&text)?;
    if !faults.is_empty() {
        return Err(failure(&faults));
    }
    Ok(Done { summary: text.lines().last().unwrap_or_default().to_owned(), failures: Vec::new() })
}

/// Everything that was not done; the rest was.
fn failure(faults: &[Fault]) -> Failure {
    let lines: Vec<String> = faults.iter().map(|fault| format!("error: {fault}")).collect();
    let hint = match faults[0] {
        Fault::Blocked { .. } => "move it away, or choose another directory with --out",
        Fault::Listed { .. } => "the file lists what upmon may remove, one path a line; correct or remove it",
        Fault::Read { .. } | Fault::Write { .. } | Fault::Remove { .. } => "the directory must be writable",
    };
    Failure::Action(format!("{}\nhint: {hint}", lines.join("\n")))
}
