//! `upmon ack`: somebody says that what is held is right; nobody is asked.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::SubsecRound as _;
use clap::Args;

use super::network::variable;
use super::setup::now;
use super::state::StateArgs;
use super::{Failure, Global, output};
use crate::config::{Flags, Settings};
use crate::error::ExitCode;
use crate::holds::ack::{AckError, acknowledge, command, held};
use crate::holds::{State, file};
use crate::http::cache;
use crate::report::escape::terminal;

/// Arguments of `upmon ack`.
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    /// The pin: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE", required_unless_present = "list")]
    package: Option<String>,
    /// Only this release, as upstream labels it [default: everything that is held of the pin]
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Why it is right, for who reads the state later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what is held, and what was acknowledged
    #[arg(long, conflicts_with_all = ["package", "version", "reason"])]
    list: bool,
    #[command(flatten)]
    state: StateArgs,
    /// The directory of the cache, beside which the state is by default [env: `UPMON_CACHE_DIR`]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: &AckArgs) -> Result<ExitCode, Failure> {
    let path = state_file(global, arguments)?;
    let Some(name) = &arguments.package else {
        output::print(listed(&file::read(&path)?, &path).as_bytes())?;
        return Ok(ExitCode::Success);
    };
    let (version, reason) = (arguments.version.as_deref(), arguments.reason.as_deref());
    let at = now().trunc_subsecs(0);
    let acks = file::change(&path, |state| acknowledge(state, name, version, reason, at));
    let acks = acks.map_err(|error| refusal(error, &path))?;
    let line = |(id, ack): &(String, crate::holds::Ack)| {
        let release = ack.version.as_deref().map(|version| format!(" {}", terminal(version))).unwrap_or_default();
        format!("acknowledged: {}{release} ({}): {}\n", terminal(id), ack.kind, terminal(&ack.found))
    };
    output::print(acks.iter().map(line).collect::<String>().as_bytes())?;
    Ok(ExitCode::Success)
}

fn state_file(global: &Global, arguments: &AckArgs) -> Result<PathBuf, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, Flags::default())
        .map_err(|error| Failure::Usage(error.render(color)))?;
    let cache =
        arguments.cache_dir.clone().or_else(|| settings.cache.directory.clone()).or_else(cache::default_directory);
    arguments.state.file(&settings, global, cache.as_deref()).ok_or_else(|| {
        let hint = "name it with --state";
        Failure::Usage(format!("error: there is no state file: no home directory is known\nhint: {hint}"))
    })
}

fn refusal(error: AckError, path: &Path) -> Failure {
    match error {
        AckError::State(error) => error.into(),
        AckError::NotHeld { what, held } => {
            let held: Vec<String> = held.iter().map(|command| terminal(command)).collect();
            let hint = match held.as_slice() {
                [] => "nothing is held; `upmon check` notes what is".to_owned(),
                held => format!("what is held: {}", held.join(", ")),
            };
            let path = terminal(&path.display().to_string());
            Failure::Usage(format!(
                "error: nothing suspicious is held of {}, says the state in `{path}`\nhint: {hint}",
                terminal(&what)
            ))
        }
    }
}

/// What is held, each with the command that acknowledges it; then what was acknowledged.
fn listed(state: &State, path: &Path) -> String {
    const WRITES: &str = "a string takes every write";
    let mut text = format!("state: {}\n", terminal(&path.display().to_string()));
    for held in held(state) {
        let (_, version, suspicion) = held;
        let what = version.unwrap_or("the package");
        let (id, what, why) = (terminal(held.0), terminal(what), terminal(&suspicion.to_string()));
        writeln!(text, "held: {id} {what}: {why}\n  {}", terminal(&command(held))).expect(WRITES);
    }
    for (id, ack) in state.pins.iter().flat_map(|(id, pin)| pin.acknowledged.iter().map(move |ack| (id, ack))) {
        let what = ack.version.as_deref().unwrap_or("the package");
        let reason = ack.reason.as_ref().map(|reason| format!(": {}", terminal(reason))).unwrap_or_default();
        let (id, what, day) = (terminal(id), terminal(what), ack.at.format("%Y-%m-%d"));
        writeln!(text, "acknowledged: {id} {what} ({}) on {day}{reason}", ack.kind).expect(WRITES);
    }
    if state.pins.values().all(|pin| pin.held().next().is_none()) {
        text.push_str("nothing is held\n");
    }
    text
}
