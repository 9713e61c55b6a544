//! The command line: arguments, settings, one file a command.
//!
//! A command reads like the data flow: pins, settings, engine, report, exit code. What can be wrong with the input is a
//! [`Failure`] with exit code 2 and a message that names the place and the remedy; what can be wrong with the world is
//! part of the report.

mod ack;
mod action;
mod badge;
mod check;
mod completions;
mod db;
mod dispatch;
mod doctor;
mod explain;
mod forge;
mod github;
mod ignore;
mod import;
mod init;
mod issues;
mod list;
mod man;
mod network;
mod output;
mod pins;
mod recording;
mod run;
mod schema;
mod serve;
mod setup;
mod state;
mod take;
mod webhook;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::error::ExitCode;

/// The arguments of every command.
#[derive(Debug, Parser)]
#[command(
    name = "upmon",
    version,
    about = "Tells which of the upstream packages you pin have moved on, how far behind each pin is, and how bad that is",
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct App {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and nothing is at or above --fail-on
    1  something is at or above --fail-on
    2  the command line, the pins or the settings are wrong
    3  something is unknown (--allow-unknown turns this into 0)
    4  an action could not be carried out; this outranks 1 and 3
  130  ended by Ctrl-C

Every setting can also come from upmon.toml or from the environment; a flag beats the environment, which beats the file.";

/// Arguments that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The pins file
    #[arg(
        long,
        global = true,
        env = "UPMON_PINS",
        hide_env_values = true,
        value_name = "FILE",
        default_value = "upstream-versions.json"
    )]
    pins: PathBuf,
    /// The settings file [default: upmon.toml beside the pins file, if there is one]
    #[arg(long, global = true, env = "UPMON_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// When to use colour; `auto` asks the terminal and honours `NO_COLOR`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Say more on standard error: requests and decisions; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say less on standard error: no progress, no warnings about settings
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the files that pins can be read from, name them in the pins file, and write a nightly workflow if asked
    Init(init::InitArgs),
    /// Take over into the pins file what another tool watches, such as nvchecker; what cannot be is told
    Import(import::ImportArgs),
    /// Check every pin and report how far behind it is
    Check(check::CheckArgs),
    /// Show how one pin was judged: what was asked, every release and its rule, what each number is made of
    Explain(explain::ExplainArgs),
    /// Show every pin and where it stands, and what files hold that is no pin, with the reason; asks nobody
    List(list::ListArgs),
    /// Write a new version into the pins file, and into the files that pin the same
    Take(take::TakeArgs),
    /// Say which versions are not wanted, in the pins file
    Ignore(ignore::IgnoreArgs),
    /// Keep badges in a directory true: the whole report, each group and each package, as Shields JSON and as SVG
    Badge(badge::BadgeArgs),
    /// Open, update and close issues on GitHub, so that they say what the report says
    Issues(issues::IssuesArgs),
    /// Say that a release which is held as suspicious is right, or list what is held
    Ack(ack::AckArgs),
    /// Check every pin once, then do everything that the settings ask for: issues, badges, rebuilds
    Run(run::RunArgs),
    /// Start rebuilds on GitHub for packages that are behind, each version once
    Dispatch(dispatch::DispatchArgs),
    /// Check on a schedule, remember what was found, and serve badges of it over HTTP
    Serve(serve::ServeArgs),
    /// Look after the database of `serve`
    Db(db::DbArgs),
    /// Try the webhooks of `serve`
    Webhook(webhook::WebhookArgs),
    /// Ask every registry once, and show what stands in the way: addresses, credentials, proxies, certificates, cache
    Doctor(doctor::DoctorArgs),
    /// Print the JSON Schema of the pins, the settings, the report or an explanation
    Schema(schema::SchemaArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man(man::ManArgs),
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line, the pins or the settings are wrong; the text is ready to print.
    #[error("{0}")]
    Usage(String),
    /// A file that was asked for could not be written, or an action not be carried out.
    #[error("{0}")]
    Action(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::Action(_) => ExitCode::Action,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }
}

/// The command line as data, for the manual page, completions and the tests that compare it with the README.
pub fn command() -> clap::Command {
    App::command()
}

/// Runs a command line to its end.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = App::command().try_get_matches_from(arguments).and_then(|matches| {
        useless(&matches)?;
        App::from_arg_matches(&matches)
    });
    let app = match parsed {
        Ok(app) => app,
        Err(error) => return usage(&error),
    };
    let is_service = matches!(app.command, Command::Serve(_));
    output::start_tracing(app.global.verbose, is_service && !app.global.quiet);
    let outcome = match app.command {
        Command::Import(arguments) => import::run(&app.global, &arguments),
        Command::Init(arguments) => init::run(&app.global, &arguments),
        Command::Check(arguments) => check::run(&app.global, &arguments),
        Command::Explain(arguments) => explain::run(&app.global, &arguments),
        Command::Ack(arguments) => ack::run(&app.global, &arguments),
        Command::List(arguments) => list::run(&app.global, &arguments),
        Command::Take(arguments) => take::run(&app.global, &arguments),
        Command::Ignore(arguments) => ignore::run(&app.global, &arguments),
        Command::Badge(arguments) => badge::run(&app.global, &arguments),
        Command::Issues(arguments) => issues::run(&app.global, &arguments),
        Command::Dispatch(arguments) => dispatch::run(&app.global, &arguments),
        Command::Serve(arguments) => serve::run(&app.global, &arguments),
        Command::Db(arguments) => db::run(&app.global, &arguments),
        Command::Webhook(arguments) => webhook::run(&app.global, &arguments),
        Command::Doctor(arguments) => doctor::run(&app.global, &arguments),
        Command::Run(arguments) => run::run(&app.global, &arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        output::complain(&failure.to_string());
        failure.exit_code()
    })
}

/// Flags that say how registries are asked, beside a report that was made before. Their variables are for every command
/// of a job, so they may stand.
fn useless(matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    const ASKING: [&str; 10] = [
        "state",
        "as_of",
        "offline",
        "stale",
        "links",
        "record",
        "replay",
        "cache_dir",
        "no_cache",
        "use_client_config",
    ];
    let Some((name, matches)) = matches.subcommand() else { return Ok(()) };
    let is_said = |id: &str| {
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    // for issues it also tells which snoozes are over
    let has_effect = |id: &str| id == "as_of" && name == "issues";
    let Some(flag) = ASKING.into_iter().find(|id| is_said("report") && is_said(id) && !has_effect(id)) else {
        return Ok(());
    };
    let flag = flag.replace('_', "-");
    let message = format!("the argument '--report <FILE>' cannot be used with '--{flag}': nobody is asked");
    let mut command = App::command();
    command.build();
    let of_command = command.find_subcommand_mut(name).expect("the command was found before");
    Err(of_command.error(clap::error::ErrorKind::ArgumentConflict, message))
}

/// Help and version are no failure; a wrong command line is exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    // a closed pipe is all that can go wrong here
    let _ = error.print();
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success }
}
