//! Runs the tools of lock files: what `take` otherwise prints, and then sees to it that the files say what was meant.
//!
//! Before anything is written, all tools have to be there, and every file that they may touch is remembered. Manifests are
//! the project's own: what a tool writes into one is put back, so that only the text of the plan changes it. If a tool
//! fails, or a file does not say what was meant, everything is put back. The pins file comes last: until then a run that
//! was killed can be run again.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use super::agree::{Moved, agree};
use super::format::Command;
use super::snapshot::{Recording, Snapshot};
use super::{Change, Held, Plan, Refusal, Taking, carry};
use crate::pin::holdings::found;
use crate::program::{self, Finished, Inherited, Keep};
use crate::report::escape::terminal;

/// How long one command may take: a resolver asks for many packages, and a lock file of thousands needs minutes.
const LIMIT: Duration = Duration::from_mins(15);

/// How many lines of what a tool said are shown.
const SHOWN: usize = 20;

/// Carries a plan out with its commands, until it is to stop. The answer is what else has moved.
///
/// # Errors
/// When a tool is missing or fails, or its file does not say what was meant; then all files are as they were, unless the
/// message says otherwise.
pub(crate) async fn carry_out(
    held: &Held,
    takings: &[Taking<'_>],
    plan: &Plan,
    stop: impl Future<Output = ()>,
) -> Result<Vec<Moved>, Refusal> {
    let programs = programs(&plan.commands)?;
    let before = Snapshot::of(touched(held, plan)?).map_err(|error| unreadable(&error))?;
    let (own, other): (Vec<Change>, Vec<Change>) =
        plan.changes.iter().cloned().partition(|change| held.own(change.before.name()).is_some());
    let mut stop = pin!(stop);
    // from here on somebody listens
    tokio::select! {
        biased;
        () = &mut stop => return Err(Refusal::new("upmon was asked to end").hint("nothing was written")),
        () = std::future::ready(()) => {}
    }
    carry::carry_out(&other)?;
    let done = async {
        let kept = Snapshot::of(kept(held, plan)?).map_err(|error| unreadable(&error))?;
        for (program, command) in programs.iter().zip(&plan.commands) {
            run(program, command, stop.as_mut()).await?;
            lost(&kept.put_back())?;
        }
        let moved = agree(held, takings, &plan.commands)?;
        carry::carry_out(&own)?;
        Ok(moved)
    };
    done.await.map_err(|refusal: Refusal| undone(&before, refusal))
}

/// Where the program of each command is.
fn programs(commands: &[Command]) -> Result<Vec<PathBuf>, Refusal> {
    let find = |command: &Command| {
        let name = &command.words[0];
        installed(name).ok_or_else(|| {
            let refusal =
                Refusal::new(format!("`{name}` is not installed, and only it writes `{}`", command.file.display()));
            refusal.hint(format!(
                "nothing was written; install it, or leave --lock out and run `{}` where it is",
                terminal(&command.command)
            ))
        })
    };
    commands.iter().map(find).collect()
}

/// A program by the search path. Directories that are not named in full are left out: the files of a project name none.
fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat"] } else { &[""] };
    env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .flat_map(|directory| endings.iter().map(move |ending| directory.join(format!("{name}{ending}"))))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// Every file of other tools that a check reads, and those that are written beside them.
fn touched(held: &Held, plan: &Plan) -> Result<BTreeSet<PathBuf>, Refusal> {
    let recording = Recording::over(&*held.files);
    found(&held.manifest, &recording).map_err(|error| Refusal::new(error.to_string()))?;
    let mut names = recording.into_names();
    names.extend(plan.changes.iter().map(|change| change.before.name().to_owned()));
    names.extend(plan.commands.iter().flat_map(Command::writes).map(Path::to_owned));
    // no tool writes the pins file and the settings: what somebody writes there meanwhile is not undone
    names.retain(|name| held.own(name).is_none());
    Ok(names)
}

/// Those of them that no tool is to write.
fn kept(held: &Held, plan: &Plan) -> Result<BTreeSet<PathBuf>, Refusal> {
    let mut names = touched(held, plan)?;
    for written in plan.commands.iter().flat_map(Command::writes) {
        names.remove(written);
    }
    Ok(names)
}

async fn run(program: &Path, told: &Command, stop: impl Future<Output = ()>) -> Result<(), Refusal> {
    let mut words = told.words.clone();
    words[0] = program.to_string_lossy().into_owned();
    let mut command = program::command(&words, Inherited::AllButOurs);
    command.current_dir(&told.directory).envs(told.variable);
    let Finished { is_success, summary, output } = program::run(command, None, Keep::Tail, LIMIT, stop)
        .await
        .map_err(|error| Refusal::new(format!("`{}` cannot be started: {error}", terminal(&told.command))))?;
    if is_success {
        return Ok(());
    }
    let lines: Vec<&str> = output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(SHOWN)..].iter().map(|line| format!("\n  | {}", terminal(line)));
    Err(Refusal::new(format!("`{}` {summary}{}", terminal(&told.command), shown.collect::<String>())))
}

fn unreadable(error: &std::io::Error) -> Refusal {
    Refusal::new(format!("cannot be read: {error}")).hint("nothing was written")
}

fn lost(names: &[&Path]) -> Result<(), Refusal> {
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.display())).collect();
    Err(Refusal::new(format!("cannot be put back: {}", names.join(", "))))
}

/// Puts everything back, and says so.
fn undone(before: &Snapshot, refusal: Refusal) -> Refusal {
    match lost(&before.put_back()) {
        Ok(()) => {
            let hint = refusal.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            Refusal { hint: Some(format!("every file is as it was{hint}")), ..refusal }
        }
        Err(lost) => Refusal::new(format!("{}; {}", refusal.reason, lost.reason)),
    }
}
