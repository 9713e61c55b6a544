//! `upmon badge`: a report, new or made before, as badges in a directory.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::network::variable;
use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::badge::plan::{Fault, Plan, files};
use crate::badge::svg::Style;
use crate::config::{Flags, Settings};
use crate::error::ExitCode;
use crate::report::{Report, file};

/// Arguments of `upmon badge`.
#[derive(Debug, Args)]
pub(super) struct BadgeArgs {
    /// Keep the badges in this directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Work from this report, made by `check --write-report`, and ask nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["offline", "stale", "cache_dir", "no_cache"])]
    report: Option<PathBuf>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// How badges are drawn
    #[arg(long, value_name = "STYLE", default_value = "flat")]
    style: Style,
    /// What the badge for the whole report says on its left
    #[arg(long, value_name = "TEXT", default_value = "upstream", value_parser = NonEmptyStringValueParser::new())]
    label: String,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &BadgeArgs) -> Result<ExitCode, Failure> {
    let (report, settings) = report(global, arguments)?;
    let files = files(&report, &arguments.label, arguments.style);
    let plan = Plan::new(&arguments.out, files).map_err(|fault| failure(&[fault]))?;
    let faults = if arguments.dry_run { Vec::new() } else { plan.carry_out() };
    output::print(plan.to_string().as_bytes())?;
    if !faults.is_empty() {
        return Err(failure(&faults));
    }
    let is_unknown = report.summary.unknown > 0 && !settings.allow_unknown;
    Ok(if is_unknown { ExitCode::Unknown } else { ExitCode::Success })
}

/// The report that was made before, or a new one.
fn report(global: &Global, arguments: &BadgeArgs) -> Result<(Report, Settings), Failure> {
    let flags = Flags { fail_on: None, allow_unknown: arguments.allow_unknown };
    let Some(path) = &arguments.report else {
        let mut setup = Setup::new(global, &arguments.setup, flags)?;
        let pins = setup.take_chosen(&[])?;
        return Ok((setup.check(&pins, global)?, setup.settings));
    };
    let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, flags)
        .map_err(|error| Failure::Usage(error.render(output::uses_color_on_stderr(global.color))))?;
    let report = file::read(path).map_err(|error| Failure::Usage(format!("error: {error}\nhint: {}", error.hint())))?;
    Ok((report, settings))
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
