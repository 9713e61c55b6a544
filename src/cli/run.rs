//! `upmon run`: one report, then every action that the settings ask for, each whatever became of the others.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::action::{self, Done};
use super::dispatch::Order;
use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, badge, check, dispatch, forge, github, issues, output};
use crate::config::{Action, Flags, Repository, Settings};
use crate::error::ExitCode;
use crate::policy::Severity;
use crate::report::{Format, Options, Report, escape, render, words};

/// Arguments of `upmon run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Work from this report, made by `check --write-report`, instead of asking the registries
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print all plans, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How to show the report at the end
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Shown,
    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    write_report: Option<PathBuf>,
    /// Follow the runs of rebuilds to their end, so that what needs them starts in this run
    #[arg(long)]
    wait: bool,
    /// How long runs are followed [default: that of the settings, else 1h]
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = dispatch::timeout)]
    timeout: Option<Duration>,
    /// The repository of the issues on GitHub [default: that of the settings, else `GITHUB_REPOSITORY`]
    #[arg(long, value_name = "OWNER/NAME", value_parser = Repository::parse)]
    repository: Option<Repository>,
    /// End with exit code 1 when a finding is this severe, or worse
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

/// How the report is shown. Formats for programs are left to `check`: here, other lines stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shown {
    /// A table for people, as wide as the terminal
    Table,
    /// Annotations for GitHub Actions, the job summary and outputs
    Github,
}

/// An action, and what came of it.
struct Told {
    action: Action,
    done: Done,
}

impl Told {
    /// One line.
    fn line(&self) -> String {
        let failed = match self.done.failures.len() {
            0 => String::new(),
            count => format!("; {}", words::counted(count as u64, "failure")),
        };
        format!("{}: {}{failed}", self.action.as_str(), self.done.summary)
    }

    /// A line for each failure, whatever it holds.
    fn failures(&self) -> impl Iterator<Item = String> + '_ {
        self.done.failures.iter().map(|failure| escape::terminal(&format!("{}: {failure}", self.action.as_str())))
    }
}

pub(super) fn run(global: &Global, arguments: &RunArgs) -> Result<ExitCode, Failure> {
    let flags = Flags { fail_on: arguments.fail_on, allow_unknown: arguments.allow_unknown };
    let mut setup = Setup::for_report(global, &arguments.setup, flags, arguments.report.as_deref())?;
    let actions = asked_for(&setup);
    check_rights(&actions, arguments.repository.as_ref(), &setup.settings)?;
    let (report, kept) = setup.report(arguments.report.as_deref(), global)?;
    let written = arguments.write_report.as_deref().map_or(Ok(()), |path| check::write_report(path, &report));
    let mut told = Vec::new();
    for action in actions {
        told.push(Told { action, done: carry_out(action, &report, &setup, arguments)? });
    }
    let shown = show(&report, &told, global, arguments, written.is_ok());
    for failure in told.iter().flat_map(Told::failures) {
        output::complain(&format!("error: {failure}"));
    }
    written.and(shown).and(kept)?;
    if told.iter().any(|told| !told.done.failures.is_empty()) {
        return Ok(ExitCode::Action);
    }
    Ok(check::exit_code(&report, &setup.settings))
}

/// What the settings ask for, in the order in which it is done: a dispatch may depend on what issues say.
fn asked_for(setup: &Setup) -> Vec<Action> {
    let settings = &setup.settings;
    let asked = [
        (Action::Issues, settings.has_issues),
        (Action::Badges, settings.badges.out.is_some()),
        (Action::Dispatch, !settings.dispatch.targets.is_empty()),
    ];
    asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(action, _)| action).collect()
}

/// Who we are and where the issues are has to be known before anything is asked or done.
pub(super) fn check_rights(
    actions: &[Action],
    repository: Option<&Repository>,
    settings: &Settings,
) -> Result<(), Failure> {
    if actions.contains(&Action::Issues) {
        issues::access(repository, settings)?;
    }
    match settings.dispatch.targets.first().filter(|_| actions.contains(&Action::Dispatch)) {
        Some(target) => forge::access(target.repository.clone(), Duration::ZERO).map(drop),
        None => Ok(()),
    }
}

/// Does one action. What fails is told and stops no other; only Ctrl-C ends the run.
fn carry_out(action: Action, report: &Report, setup: &Setup, arguments: &RunArgs) -> Result<Done, Failure> {
    if arguments.dry_run {
        output::print(format!("{}:\n", action.as_str()).as_bytes())?;
    }
    let done = match action {
        Action::Issues => issues::access(arguments.repository.as_ref(), &setup.settings)
            .and_then(|access| issues::carry_out(report, setup, access, arguments.dry_run)),
        Action::Badges => badge::carry_out(report, &setup.settings.badges, arguments.dry_run, &mut action::print),
        Action::Dispatch => dispatch::carry_out(report, setup, &order(arguments, setup)),
    };
    match done {
        Ok(done) => Ok(done),
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(Failure::Usage(text) | Failure::Action(text)) => Ok(action::not_done(&text)),
    }
}

fn order<'a>(arguments: &'a RunArgs, setup: &Setup) -> Order<'a> {
    Order {
        dry_run: arguments.dry_run,
        wait: arguments.wait.then(|| arguments.timeout.unwrap_or(setup.settings.dispatch.timeout)),
        retries: &[],
        repository: arguments.repository.as_ref(),
    }
}

/// The report, then a line for each action.
fn show(report: &Report, told: &[Told], global: &Global, arguments: &RunArgs, is_written: bool) -> Result<(), Failure> {
    let options = Options { width: output::width(), colour: output::uses_color(global.color), ..Options::default() };
    let is_github = arguments.format == Shown::Github;
    let format = if is_github { Format::Github } else { Format::Table };
    let lines: Vec<String> = told.iter().map(Told::line).collect();
    let mut text = render(report, format, &options);
    text.extend(lines.iter().map(|line| format!("{line}\n")));
    if told.is_empty() {
        text.push_str("the settings ask for no action\n");
    }
    if !is_github {
        return output::print(text.as_bytes());
    }
    let annotation = |failure: String| format!("::error title=upmon::{}\n", escape::workflow_data(&failure));
    text.extend(told.iter().flat_map(Told::failures).map(annotation));
    output::print(text.as_bytes())?;
    let lines: Vec<String> = lines.into_iter().chain(told.iter().flat_map(Told::failures)).collect();
    let path = arguments.write_report.as_deref().filter(|_| is_written);
    let summary = github::tell(report, path);
    summary.and(if lines.is_empty() { Ok(()) } else { github::tell_actions(&lines) })
}
