//! `upmon issues`: the report and the issues that are there, a plan, and then the plan carried out.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::network::variable;
use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::config::{Flags, Repository};
use crate::error::ExitCode;
use crate::http::options::Options;
use crate::report::{Report, escape, file};
use crate::tracker::github::{Access, DEFAULT_URL, Github, TrackerError};
use crate::tracker::{Plan, plan};

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
    let mut setup = match arguments.report {
        Some(_) => Setup::without_pins(global, &arguments.setup, flags)?,
        None => Setup::new(global, &arguments.setup, flags)?,
    };
    let access = access(arguments, &setup)?;
    let report = report(global, arguments, &mut setup)?;
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
    let plan = plan(report, &snapshot, &setup.settings.issues, setup.now());
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

fn report(global: &Global, arguments: &IssuesArgs, setup: &mut Setup) -> Result<Report, Failure> {
    if let Some(path) = &arguments.report {
        return file::read(path).map_err(|error| Failure::Usage(format!("error: {error}\nhint: {}", error.hint())));
    }
    let pins = setup.take_chosen(&[])?;
    setup.check(&pins, global)
}

fn access(arguments: &IssuesArgs, setup: &Setup) -> Result<Access, Failure> {
    let usage = |message: String| Failure::Usage(format!("error: {message}"));
    let settings = &setup.settings.issues;
    let set = arguments.repository.clone().or_else(|| settings.repository.clone());
    let repository = match (set, value("GITHUB_REPOSITORY")) {
        (Some(repository), _) => repository,
        (None, Some(text)) => {
            Repository::parse(&text).map_err(|reason| usage(format!("`GITHUB_REPOSITORY` {reason}")))?
        }
        (None, None) => {
            let hint = "say `--repository owner/name`, or `repository` in `[issues]` of upmon.toml";
            return Err(usage(format!("no repository is named for the issues\nhint: {hint}")));
        }
    };
    let url = ["UPMON_GITHUB_API_URL", "GITHUB_API_URL"].into_iter().find_map(|name| Some((name, value(name)?)));
    let (name, url) = url.unwrap_or(("the default", DEFAULT_URL.to_owned()));
    let url = Url::parse(&url).map_err(|error| usage(format!("`{name}` is not an address: {error}")))?;
    Ok(Access { url, repository, token: token()?, pace: settings.pace })
}

/// The token: of each variable, the file that its twin names comes second.
fn token() -> Result<SecretString, Failure> {
    for name in ["UPMON_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"] {
        if let Some(token) = value(name) {
            return Ok(token.trim().into());
        }
        let twin = format!("{name}_FILE");
        if let Some(path) = value(&twin) {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::Usage(format!(
                    "error: `{twin}` names `{}`, which cannot be read: {error}",
                    escape::terminal(&path)
                ))
            })?;
            return Ok(text.trim().into());
        }
    }
    let hint = "set `UPMON_GITHUB_TOKEN`; in GitHub Actions, `permissions: issues: write` and `GITHUB_TOKEN: ${{ github.token }}`";
    Err(Failure::Usage(format!("error: there is no token for GitHub\nhint: {hint}")))
}

/// A variable that is set and not empty, as shells and CI leave them.
fn value(name: &str) -> Option<String> {
    variable(name).filter(|text| !text.trim().is_empty())
}
