//! `upmon take PACKAGE [VERSION]`: writes a new version into the pins file, and into the files that pin the same.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;

use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::config::Flags;
use crate::error::ExitCode;
use crate::lookup::Engine;
use crate::pin::Pin;
use crate::policy::Severity;
use crate::program::asked_to_end;
use crate::report::escape::terminal;
use crate::take::target::{Choice, Wish, choose};
use crate::take::{self, Asked, Command, Document, Held, Moved, Plan, Refusal, Taking, ask, diff, plan, tools};
use crate::version::Step;

/// Arguments of `upmon take`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line, which say nothing of each other")]
pub(super) struct TakeArgs {
    /// The pin: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE", required_unless_present = "all", conflicts_with = "all")]
    package: Option<String>,
    /// The version to take, also one that is lower [default: what `check` proposes, within the requirement]
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Take what is proposed for every pin; what cannot be taken is told and left
    #[arg(long)]
    all: bool,
    /// Take only updates of this kind: the highest release that is one; several with commas between them
    #[arg(long, value_name = "KIND", value_delimiter = ',', conflicts_with = "version")]
    update: Vec<Update>,
    /// Take only for pins that `check` finds this severe; several with commas between them
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',', conflicts_with = "version")]
    severity: Vec<Severity>,
    /// Also change the settings and the files that `from` names: versions that are pinned there, and, for a VERSION, what is
    /// required
    #[arg(long)]
    files: bool,
    /// Also run the tools that write the lock files, and put everything back where one fails; implies --files
    #[arg(long)]
    lock: bool,
    /// Take VERSION although it is yanked, ignored, held back, or not what is required
    #[arg(long, requires = "version")]
    force: bool,
    /// Show what would be changed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell it as one JSON document; `upmon schema take` describes it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

impl TakeArgs {
    const fn changes_files(&self) -> bool {
        self.files || self.lock
    }
}

/// In which segment a release exceeds the pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Update {
    /// The first segment
    Major,
    /// The second segment
    Minor,
    /// The third segment, or a finer one
    Patch,
    /// The same segments, one of the two a prerelease
    Prerelease,
}

impl From<Update> for Step {
    fn from(update: Update) -> Self {
        match update {
            Update::Major => Self::Major,
            Update::Minor => Self::Minor,
            Update::Patch => Self::Patch,
            Update::Prerelease => Self::Prerelease,
        }
    }
}

/// How many packages are in hand at once; the wire has bounds of its own.
const IN_HAND: usize = 16;

/// Why a pin is not taken.
#[derive(Debug)]
enum Left {
    /// Nothing is known of its package.
    Unknown(String),
    /// Something speaks against it.
    Refused(Refusal),
}

/// What becomes of the pins.
#[derive(Default)]
struct Outcome<'a> {
    takings: Vec<Taking<'a>>,
    asked: Vec<Asked>,
    stays: Vec<(&'a Pin, String)>,
    left: Vec<(&'a Pin, Left)>,
}

pub(super) fn run(global: &Global, arguments: &TakeArgs) -> Result<ExitCode, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let mut setup = Setup::new(global, &arguments.setup, Flags::default())?;
    let held = global.manifest().and_then(Held::read).map_err(|error| Failure::Usage(error.render(color)))?;
    let pins = setup.take_chosen(arguments.package.as_slice())?;
    let updates: Vec<Step> = arguments.update.iter().copied().map(Step::from).collect();
    let wish = Wish {
        version: arguments.version.as_deref(),
        force: arguments.force,
        files: arguments.changes_files(),
        updates: &updates,
    };
    if pins.len() > 1 && wish.version.is_some() {
        let ids: Vec<String> = pins.iter().map(|pin| terminal(&pin.id())).collect();
        let message =
            format!("error: several pins are called so: {}\nhint: name one as `group/package`", ids.join(", "));
        return Err(Failure::Usage(message));
    }
    let engine = setup.engine()?;
    let choices = setup.wait(choices(&engine, &pins, wish, &arguments.severity))?;
    setup.finish_recording()?;
    let outcome = sorted(&held, &pins, choices, arguments)?;
    let code = exit_code(&outcome);
    if !arguments.all
        && let Some((pin, left)) = outcome.left.first()
    {
        output::complain(&refused(pin, left));
        return Ok(code);
    }
    let Outcome { takings, asked, stays, left } = outcome;
    let mut plan = plan(&held, &takings, asked).map_err(|refusal| action(&refusal))?;
    let ran =
        if arguments.dry_run { Ran::default() } else { carry_out(&setup, &held, &takings, &mut plan, arguments.lock)? };
    let outcome = Outcome { takings, stays, left, asked: Vec::new() };
    let text =
        if arguments.json { as_json(&outcome, &plan, &ran, arguments.dry_run) } else { as_text(&outcome, &plan, &ran) };
    output::print(text.as_bytes())?;
    if arguments.dry_run && !plan.changes.is_empty() && !global.quiet {
        output::complain("nothing was written (--dry-run)");
    }
    Ok(code)
}

/// What tools did.
#[derive(Default)]
struct Ran {
    commands: Vec<Command>,
    moved: Vec<Moved>,
}

/// Changes the files, and runs the tools where that is wished; then no command of the plan is left.
fn carry_out(
    setup: &Setup,
    held: &Held,
    takings: &[Taking<'_>],
    plan: &mut Plan,
    is_locking: bool,
) -> Result<Ran, Failure> {
    if !is_locking || plan.commands.is_empty() {
        plan.carry_out().map_err(|refusal| action(&refusal))?;
        return Ok(Ran::default());
    }
    let is_stopped = Cell::new(false);
    let stop = async {
        asked_to_end().await;
        is_stopped.set(true);
    };
    let moved = setup.run(tools::carry_out(held, takings, plan, stop)).map_err(|refusal| action(&refusal));
    match moved {
        Ok(moved) => Ok(Ran { commands: std::mem::take(&mut plan.commands), moved }),
        Err(Failure::Action(message)) if is_stopped.get() => {
            output::complain(&message);
            Err(Failure::Interrupted)
        }
        Err(failure) => Err(failure),
    }
}

/// The choice for each pin, in their order.
async fn choices(engine: &Engine, pins: &[Pin], wish: Wish<'_>, severities: &[Severity]) -> Vec<Result<Choice, Left>> {
    let one = |pin: &'_ Pin| {
        let pin = pin.clone();
        async move {
            let (registry, query) = (engine.registry(pin.registry), engine.query(&pin));
            let learned = engine.learn(registry, &query, &[&pin]).await;
            let judged = (!severities.is_empty()).then(|| engine.finding(&pin, registry, &query, &learned));
            let learned = learned.map_err(|error| Left::Unknown(error.to_string()))?;
            match judged.and_then(|finding| finding.severity) {
                Some(found) if !severities.contains(&found) => {
                    Ok(Choice::Stay(format!("its severity is `{}`, which was not asked for", found.as_str())))
                }
                _ => choose(engine, &pin, &learned, wish).map_err(Left::Refused),
            }
        }
    };
    futures_util::stream::iter(pins.iter().map(one)).buffered(IN_HAND).collect().await
}

fn sorted<'a>(
    held: &Held,
    pins: &'a [Pin],
    choices: Vec<Result<Choice, Left>>,
    arguments: &TakeArgs,
) -> Result<Outcome<'a>, Failure> {
    let read: HashMap<String, &Pin> = held.pins.iter().map(|pin| (pin.id(), pin)).collect();
    let mut outcome = Outcome::default();
    for (pin, choice) in pins.iter().zip(choices) {
        if read.get(&pin.id()) != Some(&pin) {
            return Err(Failure::Action("error: the files were changed meanwhile\nhint: run it again".to_owned()));
        }
        let target = match choice {
            Ok(Choice::Take(target)) => target,
            Ok(Choice::Stay(why)) => {
                outcome.stays.push((pin, why));
                continue;
            }
            Err(left) => {
                outcome.left.push((pin, left));
                continue;
            }
        };
        let taking = Taking { pin, target };
        let asked = ask(held, &taking, arguments.changes_files());
        match asked.and_then(|asked| agreed(&outcome, &taking, asked)) {
            Ok(asked) => {
                outcome.asked.push(asked);
                outcome.takings.push(taking);
            }
            Err(refusal) => outcome.left.push((pin, Left::Refused(refusal))),
        }
    }
    Ok(outcome)
}

/// What is asked, unless another pin wants something else of the same place.
fn agreed(outcome: &Outcome<'_>, taking: &Taking<'_>, asked: Asked) -> Result<Asked, Refusal> {
    let other = outcome.takings.iter().zip(&outcome.asked).find(|(_, other)| asked.contradicts(other));
    match other {
        None => Ok(asked),
        Some((other, _)) => {
            let (id, version) = (terminal(&other.pin.id()), terminal(&other.target.version));
            let wants = terminal(&taking.target.version);
            let reason = format!("`{id}` goes to `{version}` in a file that would need `{wants}` for this one, too");
            Err(Refusal::new(reason).hint("take it by itself"))
        }
    }
}

fn exit_code(outcome: &Outcome<'_>) -> ExitCode {
    let is_unknown = |(_, left): &(&Pin, Left)| matches!(left, Left::Unknown(_));
    match () {
        () if outcome.left.iter().any(|left| !is_unknown(left)) => ExitCode::Action,
        () if outcome.left.iter().any(is_unknown) => ExitCode::Unknown,
        () => ExitCode::Success,
    }
}

/// Why nothing is taken, as a message.
fn refused(pin: &Pin, left: &Left) -> String {
    let id = terminal(&pin.id());
    match left {
        Left::Unknown(reason) => {
            let hint = "nothing was written; run it again when upstream answers";
            message(&format!("cannot take a version of `{id}`: {}", terminal(reason)), Some(hint))
        }
        Left::Refused(Refusal { reason, hint }) => message(&format!("`{id}`: {reason}"), hint.as_deref()),
    }
}

pub(super) fn action(refusal: &Refusal) -> Failure {
    Failure::Action(message(&refusal.reason, refusal.hint.as_deref()))
}

fn message(reason: &str, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("error: {reason}{hint}")
}

/// Why a pin is left, for those of many.
fn why(left: &Left) -> &str {
    match left {
        Left::Unknown(reason) | Left::Refused(Refusal { reason, .. }) => reason,
    }
}

fn as_text(outcome: &Outcome<'_>, plan: &Plan, ran: &Ran) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes every text");
    for Taking { pin, target } in &outcome.takings {
        line(format!("{}: {} -> {}", terminal(&pin.id()), terminal(&pin.version), terminal(&target.version)));
    }
    for (pin, why) in &outcome.stays {
        line(format!("{}: {} stays: {}", terminal(&pin.id()), terminal(&pin.version), terminal(why)));
    }
    for (pin, left) in &outcome.left {
        line(format!("{}: {} is left: {}", terminal(&pin.id()), terminal(&pin.version), terminal(why(left))));
    }
    text.push_str(&diff(plan));
    let told = plan.commands.iter().map(|command| (command, "left to do for", "run"));
    for (command, what, verb) in told.chain(ran.commands.iter().map(|command| (command, "done for", "ran"))) {
        let (file, directory) = (command.file.display().to_string(), command.directory.display().to_string());
        let words = terminal(&command.command);
        writeln!(text, "{what} {}: in `{}`, {verb}\n    {words}", terminal(&file), terminal(&directory))
            .expect("a string takes every text");
    }
    for Moved { id, file, from, to } in &ran.moved {
        let (id, file) = (terminal(id), terminal(&file.display().to_string()));
        writeln!(text, "{id}: {} -> {} in {file}, along with it", terminal(from), terminal(to))
            .expect("a string takes every text");
    }
    text
}

fn as_json(outcome: &Outcome<'_>, plan: &Plan, ran: &Ran, is_dry: bool) -> String {
    let taken = outcome.takings.iter().map(|Taking { pin, target }| take::Taken {
        id: pin.id(),
        from: pin.version.clone(),
        to: target.version.clone(),
    });
    let stays = outcome.stays.iter().map(|(pin, why)| take::Stays {
        id: pin.id(),
        version: pin.version.clone(),
        reason: why.clone(),
    });
    let left = outcome.left.iter().map(|(pin, left)| take::Left {
        id: pin.id(),
        version: pin.version.clone(),
        reason: why(left).to_owned(),
        unknown: matches!(left, Left::Unknown(_)),
    });
    let document = Document::new(is_dry, taken.collect(), stays.collect(), left.collect());
    document.with(plan, &ran.commands, &ran.moved).json()
}
