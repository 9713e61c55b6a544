//! `upmon check`: pins, releases, lag, severity, report.

use std::path::{Path, PathBuf};

use clap::Args;

use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, github, output};
use crate::config::{Flags, Settings};
use crate::error::ExitCode;
use crate::policy::Severity;
use crate::replace::replace;
use crate::report::baseline::compare;
use crate::report::file::read;
use crate::report::{Format, Options, Report, render, write};

/// Arguments of `upmon check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Only these pins: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE")]
    packages: Vec<String>,
    /// How to show the report on standard output
    #[arg(long, value_name = "FORMAT", default_value = "table", conflicts_with = "json")]
    format: Format,
    /// Short for `--format json`
    #[arg(long)]
    json: bool,
    /// Also write the report as JSON to this file, whatever the format
    #[arg(long, value_name = "FILE")]
    write_report: Option<PathBuf>,
    /// End with exit code 1 when a finding is this severe, or worse
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Only lag that is new against this earlier report counts for `--fail-on`: worse than there, of a pin that was moved
    /// back, or of one of which it knows nothing
    #[arg(long, value_name = "REPORT")]
    baseline: Option<PathBuf>,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &CheckArgs) -> Result<ExitCode, Failure> {
    let flags = Flags { fail_on: arguments.fail_on, allow_unknown: arguments.allow_unknown };
    let mut setup = Setup::new(global, &arguments.setup, flags)?;
    let pins = setup.take_chosen(&arguments.packages)?;
    let baseline = arguments.baseline.as_deref().map(read_baseline).transpose()?;
    let mut report = setup.check(&pins, global)?;
    // what cannot be kept is told beside the report, and does not swallow it
    let kept = setup.keep();
    if let Some(baseline) = &baseline {
        compare(&mut report, baseline);
    }
    let written = arguments.write_report.as_deref().map_or(Ok(()), |path| write_report(path, &report));
    let format = if arguments.json { Format::Json } else { arguments.format };
    let options = Options { width: output::width(), colour: output::uses_color(global.color), ..Options::default() };
    output::print_by(|out| write(&report, format, &options, out))?;
    let path = arguments.write_report.as_deref().filter(|_| written.is_ok());
    let told = if format == Format::Github { github::tell(&report, path) } else { Ok(()) };
    written.and(told).and(kept)?;
    Ok(exit_code(&report, &setup.settings))
}

fn read_baseline(path: &Path) -> Result<Report, Failure> {
    read(path).map_err(|error| Failure::Usage(format!("error: {error}\nhint: {}", error.hint())))
}

/// What the findings mean for a script: too severe outranks unknown. A baseline excuses lag, and nothing that is unknown.
pub(super) fn exit_code(report: &Report, settings: &Settings) -> ExitCode {
    let reaches = if report.summary.new.is_some() { Report::reaches_anew } else { Report::reaches };
    if settings.fail_on.is_some_and(|severity| reaches(report, severity)) {
        ExitCode::FailOn
    } else if report.summary.unknown > 0 && !settings.allow_unknown {
        ExitCode::Unknown
    } else {
        ExitCode::Success
    }
}

pub(super) fn write_report(path: &Path, report: &Report) -> Result<(), Failure> {
    let json = render(report, Format::Json, &Options::default());
    replace(path, json.as_bytes()).map_err(|error| {
        let hint = "the directory must exist and be writable";
        Failure::Action(format!("error: cannot write the report to `{}`: {error}\nhint: {hint}", path.display()))
    })
}
