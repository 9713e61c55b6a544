//! A program for a pin that changed: no shell, a small environment, a time limit for it and everything that it starts.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::failed;
use crate::config::CommandSettings;
use crate::server::store::{Ended, Errand};

/// What is kept of what it writes, in bytes.
const KEPT: usize = 64 << 10;

/// How long it may take to end once it is asked to, and how long its output may stay open behind its end.
const GRACE: Duration = Duration::from_secs(2);

/// What of our own environment it gets: none of our secrets is in there.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// Runs it to its end, or to its time limit. Who drops this ends its process group.
pub(super) async fn run(settings: &CommandSettings, errand: &Errand) -> Ended {
    let change = errand.change.as_deref().unwrap_or_default();
    let mut child = match command(settings, errand, change).spawn() {
        Ok(child) => child,
        Err(error) => return failed(&format!("`{}` cannot be started: {error}", settings.run[0])),
    };
    let mut group = Group(child.id());
    let kept = Arc::new(Mutex::new(Kept::default()));
    let readers = [
        child.stdout.take().map(|stream| tokio::spawn(read(stream, Arc::clone(&kept)))),
        child.stderr.take().map(|stream| tokio::spawn(read(stream, Arc::clone(&kept)))),
    ];
    if let Some(mut stdin) = child.stdin.take() {
        let change = change.to_owned();
        // one that does not read it ends this with its own end
        tokio::spawn(async move { stdin.write_all(change.as_bytes()).await });
    }
    let summary = match timeout(settings.timeout, child.wait()).await {
        Ok(status) => ended(status),
        Err(_) => Err(group.end(&mut child, settings.timeout).await),
    };
    for reader in readers.into_iter().flatten() {
        finish(reader, &group).await;
    }
    // nothing of it is left that anybody knows of, and its number may soon be another's
    group.0 = None;
    let output = kept.lock().unwrap_or_else(PoisonError::into_inner).text();
    let is_success = summary.is_ok();
    Ended { is_success, summary: summary.unwrap_or_else(|why| why), output }
}

fn command(settings: &CommandSettings, errand: &Errand, change: &str) -> Command {
    let mut command = Command::new(&settings.run[0]);
    command.args(&settings.run[1..]).current_dir(&settings.directory).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(variables(errand, &serde_json::from_str(change).unwrap_or_default()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// The change, as the environment tells it; what there is not is empty.
fn variables(errand: &Errand, change: &Value) -> Vec<(&'static str, String)> {
    let finding = &change["finding"];
    // upstream names versions, and a variable holds no NUL
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('\0', "\u{fffd}");
    let words = change["changed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    vec![
        ("UPMON_ACTION_ID", errand.id.clone()),
        ("UPMON_ATTEMPT", errand.attempts.to_string()),
        ("UPMON_CAUSE", errand.cause.clone()),
        ("UPMON_CHANGED", words.join(" ")),
        ("UPMON_ID", text(&finding["id"])),
        ("UPMON_GROUP", text(&finding["group"])),
        ("UPMON_PACKAGE", text(&finding["package"])),
        ("UPMON_REGISTRY", text(&finding["registry"])),
        ("UPMON_STATUS", text(&finding["status"])),
        ("UPMON_PINNED", text(&finding["pinned"]["version"])),
        ("UPMON_NEWEST", text(&finding["newest"]["version"])),
        ("UPMON_SEVERITY", text(&finding["severity"])),
        ("UPMON_PREVIOUS", text(&change["before"]["newest"])),
    ]
}

/// What came of it, in words; those of a failure as the error.
fn ended(status: std::io::Result<ExitStatus>) -> Result<String, String> {
    match status {
        Ok(status) if status.success() => Ok("ended with exit code 0".to_owned()),
        Ok(status) => Err(match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended: {status}"),
        }),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// The beginning of what it writes, both streams as they come.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    left: usize,
}

impl Kept {
    fn add(&mut self, more: &[u8]) {
        let room = KEPT.saturating_sub(self.bytes.len()).min(more.len());
        self.bytes.extend_from_slice(&more[..room]);
        self.left += more.len() - room;
    }

    /// As text that every database takes.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).replace('\0', "\u{fffd}");
        if self.left == 0 { text } else { format!("{text}\n[{} more bytes were not kept]\n", self.left) }
    }
}

/// Reads to the end, so that it never waits for us.
async fn read(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<Kept>>) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        kept.lock().unwrap_or_else(PoisonError::into_inner).add(&buffer[..read]);
    }
}

/// Whatever holds its output open behind its end is ended as well.
async fn finish(mut reader: JoinHandle<()>, group: &Group) {
    if timeout(GRACE, &mut reader).await.is_err() {
        group.kill();
        if timeout(GRACE, &mut reader).await.is_err() {
            reader.abort();
        }
    }
}

/// The process group of a program, by the number of the program itself; killed when this is dropped with it.
struct Group(Option<u32>);

impl Group {
    /// Asks all of it to end, then sees to it. The answer is the reason.
    async fn end(&mut self, child: &mut Child, limit: Duration) -> String {
        self.terminate();
        let _ = timeout(GRACE, child.wait()).await;
        self.kill();
        let _ = child.start_kill();
        let _ = timeout(GRACE, child.wait()).await;
        format!("took longer than {limit:?} and was ended")
    }

    fn terminate(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::TERM);
    }

    fn kill(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let number = self.0.and_then(|number| i32::try_from(number).ok());
        if let Some(group) = number.and_then(rustix::process::Pid::from_raw) {
            // it may have ended
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
