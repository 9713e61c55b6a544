//! Where words go: the report to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;

use super::{Color, Failure, Global};
use crate::pin::holdings::Unpinned;

/// Logs to standard error: warnings by default, more with `--verbose`, and of a service what it does; `UPMON_LOG` takes a
/// filter of its own.
pub(super) fn start_tracing(verbose: u8, is_service: bool) {
    let default = match verbose {
        0 if is_service => "upmon=info,warn",
        0 => "warn",
        1 => "upmon=debug,warn",
        _ => "upmon=trace,debug",
    };
    let filter = EnvFilter::try_from_env("UPMON_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // only a second start in one process can fail, and then the first one's settings hold
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // a line that nobody reads is no error; to tell of it on standard error would end the task that wrote it
        .log_internal_errors(false)
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
        .without_time()
        .try_init();
}

/// Writes to standard output.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    print_by(|out| out.write_all(bytes))
}

/// Has something written to standard output. A reader that has gone away is not an error: it has seen what it wanted.
pub(super) fn print_by(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Action(format!("error: cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error, where nobody may listen either.
pub(super) fn complain(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", line.trim_end());
}

/// Says that files hold what is not checked: what nobody asks for is not current.
pub(super) fn tell_unpinned(unpinned: &[Unpinned], global: &Global) {
    if unpinned.is_empty() || global.quiet {
        return;
    }
    let what = if unpinned.len() == 1 { "dependency is" } else { "dependencies are" };
    complain(&format!("note: {} {what} not checked, `upmon list` says which and why", unpinned.len()));
}

/// Whether standard output gets colour.
pub(super) fn uses_color(color: Color) -> bool {
    color.or(&std::io::stdout())
}

/// Whether standard error gets colour.
pub(super) fn uses_color_on_stderr(color: Color) -> bool {
    color.or(&std::io::stderr())
}

impl Color {
    /// What was said, else what suits the stream: a terminal without `NO_COLOR`, or a system that shows colour in logs.
    fn or(self, stream: &impl anstream::stream::RawStream) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        }
    }
}

/// The width to lay a table out for: the terminal's, else `COLUMNS`, else 100.
pub(super) fn width() -> u16 {
    const WITHOUT_TERMINAL: u16 = 100;
    let terminal = || std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    let variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal().map(|(width, _)| width.0).or_else(variable).filter(|width| *width > 0).unwrap_or(WITHOUT_TERMINAL)
}

/// A bar on standard error when that is a terminal; otherwise nothing is drawn.
pub(super) fn progress(pins: usize, global: &Global) -> ProgressBar {
    let is_shown = std::io::stderr().is_terminal() && !global.quiet && global.verbose == 0;
    let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style =
        ProgressStyle::with_template("{spinner} checking {wide_bar} {pos}/{len}").expect("the template is valid");
    let bar = ProgressBar::with_draw_target(Some(pins as u64), target).with_style(style);
    if is_shown {
        // from the start, so that a registry that hangs is not taken for a program that does
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar
}
