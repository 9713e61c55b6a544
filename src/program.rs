//! Programs that are run to their end: no shell, a time limit for each and everything that it starts, its output kept.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What is kept of what a program writes, in bytes.
const KEPT: usize = 64 << 10;

/// How long it may take to end once it is asked to, and how long its output may stay open behind its end.
const GRACE: Duration = Duration::from_secs(2);

/// What of our own environment a program of the settings gets: none of our secrets is in there.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// Variables by other prefixes than `UPMON_` that may hold a secret of ours, or one of the run that we are a step of.
const SECRET: [&str; 4] = ["GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_", "INPUT_"];

/// What a program gets of our own environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inherited {
    /// Little: a program of the settings, which says itself what else it needs.
    Little,
    /// All but what is ours: a package manager needs its own settings, the addresses of proxies and certificates, and
    /// the credentials of its own registries.
    AllButOurs,
}

/// Which end of a long output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The beginning.
    Head,
    /// The end, where an error stands.
    Tail,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code was 0.
    pub(crate) is_success: bool,
    /// How it ended: a sentence fragment.
    pub(crate) summary: String,
    /// What it wrote, both streams as they came, as far as it is kept.
    pub(crate) output: String,
}

/// A program before its start: its words, and what it gets of our environment. A directory and variables may be added.
pub(crate) fn command(words: &[String], inherited: Inherited) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env_clear();
    let is_ours = |name: &str| name.starts_with("UPMON_") || SECRET.iter().any(|prefix| name.starts_with(prefix));
    command.envs(std::env::vars_os().filter(|(name, _)| match inherited {
        Inherited::Little => INHERITED.iter().any(|known| name == known),
        Inherited::AllButOurs => !is_ours(&name.to_string_lossy()),
    }));
    command
}

/// Runs it to its end, to its time limit, or until it is to stop. Who drops this ends its process group.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn run(
    mut command: Command,
    stdin: Option<String>,
    keep: Keep,
    limit: Duration,
    stop: impl Future<Output = ()>,
) -> io::Result<Finished> {
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let mut group = Group(child.id());
    let kept = Arc::new(Mutex::new(Kept { bytes: Vec::new(), left: 0, keep }));
    let readers = [
        child.stdout.take().map(|stream| tokio::spawn(read(stream, Arc::clone(&kept)))),
        child.stderr.take().map(|stream| tokio::spawn(read(stream, Arc::clone(&kept)))),
    ];
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        // one that does not read it ends this with its own end
        tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    }
    let waited = tokio::select! {
        waited = timeout(limit, child.wait()) => waited.map_err(|_| format!("took longer than {limit:?} and was ended")),
        () = stop => Err("was ended, since upmon was asked to end".to_owned()),
    };
    let summary = match waited {
        Ok(status) => ended(status),
        Err(why) => {
            group.end(&mut child).await;
            Err(why)
        }
    };
    for reader in readers.into_iter().flatten() {
        finish(reader, &group).await;
    }
    // nothing of it is left that anybody knows of, and its number may soon be another's
    group.0 = None;
    let output = kept.lock().unwrap_or_else(PoisonError::into_inner).text();
    let is_success = summary.is_ok();
    Ok(Finished { is_success, summary: summary.unwrap_or_else(|why| why), output })
}

/// What came of it, in words; those of a failure as the error.
fn ended(status: io::Result<ExitStatus>) -> Result<String, String> {
    match status {
        Ok(status) if status.success() => Ok("ended with exit code 0".to_owned()),
        Ok(status) => Err(match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended: {status}"),
        }),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// One end of what it writes, both streams as they come.
#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    left: usize,
    keep: Keep,
}

impl Kept {
    fn add(&mut self, more: &[u8]) {
        let room = match self.keep {
            Keep::Head => KEPT.saturating_sub(self.bytes.len()).min(more.len()),
            Keep::Tail => more.len(),
        };
        self.bytes.extend_from_slice(&more[..room]);
        self.left += more.len() - room;
        // in long strides, so that not every piece moves all others
        if self.bytes.len() > 2 * KEPT {
            let over = self.bytes.len() - KEPT;
            self.bytes.drain(..over);
            self.left += over;
        }
    }

    /// As text that every database takes.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).replace('\0', "\u{fffd}");
        let note = format!("[{} more bytes were not kept]", self.left);
        match self.keep {
            _ if self.left == 0 => text,
            Keep::Head => format!("{text}\n{note}\n"),
            Keep::Tail => format!("{note}\n{text}"),
        }
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
    /// Asks all of it to end, then sees to it.
    async fn end(&mut self, child: &mut Child) {
        self.terminate();
        let _ = timeout(GRACE, child.wait()).await;
        self.kill();
        let _ = child.start_kill();
        let _ = timeout(GRACE, child.wait()).await;
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

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_one_end_is_kept() {
        for (keep, start, end) in [(Keep::Head, "0;1;2;", " more bytes were not kept]\n"), (Keep::Tail, "[", ";39999;")]
        {
            let mut kept = Kept { bytes: Vec::new(), left: 0, keep };
            (0..40_000).for_each(|number| kept.add(format!("{number};").as_bytes()));
            let text = kept.text();
            assert!(text.starts_with(start) && text.ends_with(end), "{keep:?}");
            assert!(text.len() < 2 * KEPT + 100, "{}", text.len());
            let mut short = Kept { bytes: Vec::new(), left: 0, keep };
            short.add(b"a\0b");
            assert_eq!(short.text(), "a\u{fffd}b");
        }
    }
}
