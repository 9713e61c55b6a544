//! Remotes that are reached through a program: `git upload-pack` on this machine, or at the far end of `ssh`.
//!
//! gix can start both itself, but then nothing ends a program that hangs, and what `ssh` says goes to our standard
//! error. Here every program has no terminal to ask on, ends with the conversation, and what it says is kept for the
//! error message.

use std::ffi::OsStr;
use std::io::{BufReader, BufWriter};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gix::bstr::ByteSlice;
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::git::ConnectMode;
use gix::protocol::transport::client::git::blocking_io::Connection;
use gix::url::ArgumentSafety;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use super::address::{Remote, Way};
use super::bounds::{Bounded, Bounds};
use super::conversation::Wire;
use super::failure::{Cause, Failure};
use super::tap::{Tap, Tapped};
use crate::error::Trouble;

/// How much of what a program says is kept.
const COMPLAINT: usize = 4096;

/// How long a program may take to end by itself once its pipes are closed. Killing an `ssh` at once would also end the
/// conversations that share its connection (`ControlMaster`).
const GRACE: Duration = Duration::from_millis(500);

/// What would make `git upload-pack` look at another repository than the one that was named
/// ([`local_repo_env`](https://git-scm.com/docs/git-rev-parse#Documentation/git-rev-parse.txt---local-env-vars)).
const FOREIGN: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// A running program. Dropping it ends the program.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    bounds: Bounds,
    complaint: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

/// Starts the program that answers for a local or an ssh remote. `ssh` is the user's own command line for ssh.
pub(super) fn connect(
    remote: &Remote,
    ssh: Option<&OsStr>,
    bounds: &Bounds,
    tap: &Tap,
) -> Result<(Wire, Running), Failure> {
    let command = match remote.way {
        Way::Local => local(remote),
        _ => over_ssh(remote, ssh, bounds)?,
    };
    let (child, stdin, stdout, stderr) = start(command, bounds)?;
    let complaint = Arc::<Mutex<Vec<u8>>>::default();
    let listener = bounds.runtime().spawn(listen(stderr, complaint.clone()));
    let running = Running { child, bounds: bounds.clone(), complaint, listener };
    let read = BufReader::new(Tapped::new(Bounded::new(stdout, bounds), tap));
    let write = BufWriter::new(Bounded::new(stdin, bounds));
    let path = remote.url.path.clone();
    let connection = Connection::new(read, write, Protocol::V2, path, None::<(&str, _)>, ConnectMode::Process, false);
    Ok((Box::new(connection), running))
}

fn local(remote: &Remote) -> Command {
    let mut command = Command::new("git");
    command.args(["upload-pack", "--"]).arg(remote.url.path.to_os_str_lossy());
    command
}

/// `BatchMode` never asks for a password or a passphrase, `ConnectTimeout` and `ServerAlive` end a dead connection even
/// where a shell stands between us and ssh, `SendEnv` lets the far end speak protocol version 2.
fn over_ssh(remote: &Remote, ssh: Option<&OsStr>, bounds: &Bounds) -> Result<Command, Failure> {
    let wait = bounds.silence().as_secs().max(1);
    // as with `GIT_SSH_COMMAND`, arguments are added to a command line, which runs without a shell if it needs none
    let mut command = gix::command::prepare(ssh.unwrap_or(OsStr::new("ssh")))
        .command_may_be_shell_script_allow_manual_argument_splitting()
        .args(["-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "-o", "ServerAliveCountMax=1"])
        .args([
            "-o".to_owned(),
            format!("ConnectTimeout={wait}"),
            "-o".to_owned(),
            format!("ServerAliveInterval={wait}"),
        ]);
    if let Some(port) = remote.url.port {
        command = command.args(["-p".to_owned(), port.to_string()]);
    }
    let service = format!("git-upload-pack {}", gix::quote::single(remote.url.path.as_bstr()));
    let command = std::process::Command::try_from(command.arg(far_end(remote)?).arg(service));
    let command = command.map_err(|error| {
        Failure::new(Cause::Unreachable(Trouble::NoProgram("ssh")), format!("no command line for ssh: {error}"))
    })?;
    Ok(Command::from(command))
}

/// `user@host`, refused when ssh would take it for an option.
fn far_end(remote: &Remote) -> Result<String, Failure> {
    let host = remote.url.host().unwrap_or_default();
    match (remote.url.user_as_argument(), remote.url.host_as_argument()) {
        (ArgumentSafety::Usable(user), _) => Ok(format!("{user}@{host}")),
        (ArgumentSafety::Absent, ArgumentSafety::Usable(host)) => Ok(host.to_owned()),
        _ => Err(Failure::new(Cause::NotFound, "its user or host starts with `-`, which ssh takes for an option")),
    }
}

type Pipes = (Child, tokio::process::ChildStdin, tokio::process::ChildStdout, ChildStderr);

fn start(mut command: Command, bounds: &Bounds) -> Result<Pipes, Failure> {
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command
        .envs([("GIT_PROTOCOL", "version=2"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_NO_LAZY_FETCH", "1")])
        .envs([("SSH_ASKPASS_REQUIRE", "never"), ("LC_ALL", "C")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let _runtime = bounds.runtime().enter();
    let mut child = command.spawn().map_err(|error| {
        let trouble = Trouble::NoProgram(if program == "git" { "git" } else { "ssh" });
        Failure::new(
            Cause::Unreachable(trouble),
            format!("the program `{program}` is needed and cannot be started: {error}"),
        )
    })?;
    let piped = "every stream was asked for as a pipe";
    let (stdin, stdout) = (child.stdin.take().expect(piped), child.stdout.take().expect(piped));
    let stderr = child.stderr.take().expect(piped);
    Ok((child, stdin, stdout, stderr))
}

/// Reads all that the program says, so that it never waits for us, and keeps the beginning.
async fn listen(mut stderr: ChildStderr, complaint: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let room = COMPLAINT.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
}

impl Running {
    /// What the program said on its standard error, once it has ended or had the time to.
    pub(super) fn complaint(&mut self) -> String {
        let listener = &mut self.listener;
        let _ = self.bounds.runtime().block_on(async { tokio::time::timeout(GRACE, listener).await });
        let kept = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
        let child = &mut self.child;
        if self.bounds.is_given_up() {
            let _ = child.start_kill();
            return;
        }
        self.bounds.runtime().block_on(async {
            if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                let _ = child.start_kill();
                let _ = tokio::time::timeout(GRACE, child.wait()).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::room::{Room, Scale};

    fn line(address: &str, ssh: Option<&str>) -> Result<String, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (bounds, _interest) =
            Bounds::new(Duration::from_secs(7), Duration::from_secs(7), Scale::new(&Room::default(), true));
        let command = over_ssh(&Remote::parse(address)?, ssh.map(OsStr::new), &bounds)?;
        let command = command.as_std();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        Ok(words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn ssh_never_asks_and_gives_up_in_time() {
        let options = "-o BatchMode=yes -o SendEnv=GIT_PROTOCOL -o ServerAliveCountMax=1 -o ConnectTimeout=7 -o ServerAliveInterval=7";
        let rows = [
            ("git@example.org:a/b.git", None, format!("ssh {options} git@example.org git-upload-pack 'a/b.git'")),
            ("ssh://example.org:22/a'b", None, format!("ssh {options} -p 22 example.org git-upload-pack '/a'\\''b'")),
            (
                "git@example.org:a",
                Some("ssh -i key"),
                format!("ssh -i key {options} git@example.org git-upload-pack 'a'"),
            ),
        ];
        for (address, ssh, expected) in rows {
            assert_eq!(line(address, ssh).unwrap(), expected);
        }
    }

    #[test]
    fn an_address_is_never_taken_for_an_option_of_ssh() {
        assert!(line("ssh://-oProxyCommand=touch/x", None).is_err());
        assert!(line("ssh://-oProxyCommand=touch@example.org/x", None).is_err());
    }
}
