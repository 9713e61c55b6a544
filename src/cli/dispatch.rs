//! `upmon dispatch`: the report and what was started before, a plan, and then the plan carried out.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::action::{self, Done, Tell};
use super::setup::{Means, Setup, SetupArgs};
use super::{Failure, Global, forge, serve};
use crate::config::{Flags, RecordPlace, Repository, Settings};
use crate::dispatch::issues::Issues;
use crate::dispatch::record::{Ledger, Record, RecordError, RecordFile};
use crate::dispatch::run::{Book, Clock, Place, Session};
use crate::dispatch::{Plan, Situation, needs_issues, plan};
use crate::document::{FromText as _, Timeout, nearest};
use crate::error::ExitCode;
use crate::report::{Report, escape};
use crate::server::store::{Store, StoredRecord};
use crate::tracker::github::{Access, Github, TrackerError};

/// Arguments of `upmon dispatch`.
#[derive(Debug, Args)]
pub(super) struct DispatchArgs {
    /// Work from this report, made by `check --write-report`, instead of asking the registries
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the plan as JSON, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Follow the runs to their end, so that what needs them starts in this run
    #[arg(long)]
    wait: bool,
    /// How long runs are followed [default: that of the settings, else 1h]
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Start this once more, although it was started before or nobody knows; also without approval
    #[arg(long, value_name = "TARGET/PACKAGE", value_parser = retry)]
    retry: Vec<(String, String)>,
    /// The repository of the issues on GitHub [default: that of the settings, else `GITHUB_REPOSITORY`]
    #[arg(long, value_name = "OWNER/NAME", value_parser = Repository::parse)]
    repository: Option<Repository>,
    /// Do not end with exit code 3 when something is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let expected = Timeout::expected().unwrap_or_default();
    Timeout::from_text(text)
        .map(|Timeout(time)| time)
        .map_err(|refusal| format!("{}; expected {expected}", refusal.reason))
}

/// `image/rust/tokio`: a target's name has no slash.
fn retry(text: &str) -> Result<(String, String), String> {
    let (target, package) = text.split_once('/').unwrap_or_default();
    match package.split_once('/') {
        Some((group, name)) if !(target.is_empty() || group.is_empty() || name.is_empty()) => {
            Ok((target.to_owned(), package.to_owned()))
        }
        _ => Err("expected a target and a pin, such as `image/rust/tokio`".to_owned()),
    }
}

/// What of a run differs between `dispatch` and `run`.
#[derive(Debug, Default)]
pub(super) struct Order<'a> {
    pub(super) dry_run: bool,
    /// How long runs are followed; `None` for not at all.
    pub(super) wait: Option<Duration>,
    pub(super) retries: &'a [(String, String)],
    pub(super) repository: Option<&'a Repository>,
}

pub(super) fn run(global: &Global, arguments: &DispatchArgs) -> Result<ExitCode, Failure> {
    let flags = Flags { allow_unknown: arguments.allow_unknown, ..Flags::default() };
    let mut setup = Setup::for_report(global, &arguments.setup, flags, arguments.report.as_deref())?;
    let settings = &setup.settings;
    if settings.dispatch.targets.is_empty() {
        let hint = "write a `[dispatch.targets.NAME]` into upmon.toml, see docs/dispatch.md";
        return Err(Failure::Usage(format!("error: the settings name nothing to start\nhint: {hint}")));
    }
    check_retries(&arguments.retry, &setup)?;
    let order = Order {
        dry_run: arguments.dry_run,
        wait: arguments.wait.then(|| arguments.timeout.unwrap_or(settings.dispatch.timeout)),
        retries: &arguments.retry,
        repository: arguments.repository.as_ref(),
    };
    forge::access(settings.dispatch.targets[0].repository.clone(), settings.dispatch.pace)?;
    let (report, kept) = setup.report(arguments.report.as_deref(), global)?;
    let done = carry_out(&report, &setup, &order)?;
    kept?;
    done.ended(&report, &setup)
}

/// Targets have to be there before anybody is asked.
fn check_retries(retries: &[(String, String)], setup: &Setup) -> Result<(), Failure> {
    let known: Vec<&str> = setup.settings.dispatch.targets.iter().map(|target| target.name.as_str()).collect();
    let Some((unknown, _)) = retries.iter().find(|(target, _)| !known.contains(&target.as_str())) else {
        return Ok(());
    };
    let hint = match nearest(unknown, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the settings have: {}", known.join(", ")),
    };
    Err(Failure::Usage(format!("error: no dispatch target is called `{}`\nhint: {hint}", escape::terminal(unknown))))
}

/// Plans, and carries the plan out unless it is only to be seen.
pub(super) fn carry_out(report: &Report, setup: &Setup, order: &Order<'_>) -> Result<Done, Failure> {
    setup.wait(act(report, setup.means(), order, None, &mut action::print))?
}

/// The same, for who waits for it, and perhaps has the database open.
pub(super) async fn act(
    report: &Report,
    means: Means<'_>,
    order: &Order<'_>,
    store: Option<&Store>,
    tell: Tell<'_>,
) -> Result<Done, Failure> {
    let settings = means.settings;
    let with_issues = needs_issues(report, &settings.dispatch);
    let repository = match settings.dispatch.targets.first() {
        Some(target) if !with_issues => target.repository.clone(),
        _ => forge::repository(order.repository, settings)?,
    };
    let access = forge::access(repository, settings.dispatch.pace)?;
    let place = place(settings, order.dry_run, store).await?;
    let mut book = Book { record: Record::default(), place };
    let planned = planned(report, means, order, (access, with_issues), &mut book, tell).await;
    if let Place::Ledger(ledger) = &book.place {
        ledger.release().await;
    }
    let (plan, failures) = planned?;
    tell(&told(&plan, order.dry_run))?;
    let due = plan.layers.iter().map(Vec::len).sum::<usize>();
    let waiting = plan.held.iter().filter(|held| !held.why.is_quiet()).count();
    let summary = format!("{due} due, {} under way, {waiting} held", plan.running.len());
    Ok(Done { summary, failures: if order.dry_run { Vec::new() } else { failures } })
}

/// Where the record is, ready to be used.
async fn place(settings: &Settings, dry_run: bool, store: Option<&Store>) -> Result<Place, Failure> {
    let place = match &settings.dispatch.record {
        RecordPlace::File(path) if dry_run => Ok(Place::File(RecordFile::unlocked(path))),
        RecordPlace::File(path) => RecordFile::lock(path).map(Place::File),
        RecordPlace::Issue => Ok(Place::Issues),
        RecordPlace::Store => {
            let store = match store {
                Some(store) => store.clone(),
                None => opened(settings).await?,
            };
            let record = if dry_run { Ok(StoredRecord::unlocked(store)) } else { StoredRecord::lock(store).await };
            record.map(|record| Place::Ledger(Box::new(record) as Box<dyn Ledger>))
        }
    };
    place.map_err(|error| unusable(&error))
}

/// The database of the service, for who is not the service.
async fn opened(settings: &Settings) -> Result<Store, Failure> {
    crate::http::client::install_crypto();
    let opened = Store::open(&serve::database(settings)?).await;
    opened.map_err(|error| Failure::Action(format!("error: {error}")))
}

fn unusable(error: &RecordError) -> Failure {
    Failure::Action(format!("error: {error}\nhint: {}", error.hint))
}

/// The plan, carried out unless it is only to be seen, and what could not be done.
async fn planned(
    report: &Report,
    means: Means<'_>,
    order: &Order<'_>,
    (access, with_issues): (Access, bool),
    book: &mut Book,
    tell: Tell<'_>,
) -> Result<(Plan, Vec<String>), Failure> {
    let settings = &means.settings.dispatch;
    let github = Github::new(access, means.options);
    let github = &mut github.map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let read = if with_issues { Some(read_issues(github).await.map_err(|error| nothing_done(&error))?) } else { None };
    let (issues, remembered) = read.unzip();
    book.record = match &book.place {
        Place::File(file) => file.read().map_err(|error| unusable(&error))?,
        Place::Ledger(ledger) => ledger.read().await.map_err(|error| unusable(&error))?,
        Place::Issues | Place::Nowhere => remembered.unwrap_or_default(),
    };
    if order.dry_run {
        book.place = Place::Nowhere;
    }
    let clock = Clock::at(means.began);
    let mut session = Session { github, settings, issues: issues.as_ref(), book, clock };
    let unseen = session.refresh(report).await;
    let record = session.book.record.clone();
    let situation = Situation {
        settings,
        record: &record,
        issues: issues.as_ref(),
        retries: order.retries,
        wait: order.wait.is_some(),
    };
    let plan = plan(report, &situation);
    check_used(&plan, order.retries)?;
    let mut failures: Vec<String> = unseen.iter().map(TrackerError::to_string).collect();
    failures.extend(plan.failures());
    if !order.dry_run {
        let mut tell = |done: &str| drop(tell(&format!("{}\n", escape::terminal(done))));
        failures.extend(session.carry_out(&plan, order.wait, &mut tell).await.iter().map(TrackerError::to_string));
    }
    Ok((plan, failures))
}

async fn read_issues(github: &Github) -> Result<(Issues, Record), TrackerError> {
    Issues::of(&github.snapshot().await?)
}

fn nothing_done(error: &TrackerError) -> Failure {
    let hint = "nothing was started: without the issues nobody knows what was started before, or what is approved";
    Failure::Action(format!("error: {error}\nhint: {hint}"))
}

fn check_used(plan: &Plan, retries: &[(String, String)]) -> Result<(), Failure> {
    let Some((target, package)) = plan.unused(retries).first() else { return Ok(()) };
    let held = plan.held.iter().find(|held| held.target == *target && held.package == *package);
    let reason = held.map_or("the target is not for it, or nothing is newer", |held| held.message.as_str());
    let what = escape::terminal(&format!("{target}/{package}"));
    Err(Failure::Usage(format!("error: `{what}` cannot be started again: {}", escape::terminal(reason))))
}

/// The plan as JSON, or what a person should know beside what was done.
fn told(plan: &Plan, dry_run: bool) -> String {
    if dry_run {
        let json = serde_json::to_string_pretty(plan).expect("a plan is plain data");
        return format!("{}\n", escape::json(json));
    }
    let is_idle = plan.layers.iter().all(Vec::is_empty) && plan.running.is_empty();
    let nothing = is_idle.then(|| "nothing to start\n".to_owned());
    let held = plan.held.iter().filter(|held| !held.why.is_failure() && !held.why.is_quiet()).map(|held| {
        let text = format!("{} for {} is held: {}", held.target, held.package, held.message);
        format!("{}\n", escape::terminal(&text))
    });
    nothing.into_iter().chain(held).collect()
}
