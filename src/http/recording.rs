//! What came over the wire in a run, kept in a directory, and the same run made again from there without a network.
//!
//! A recording serves to make decisions again, byte for byte, and as a bug report; so an answer is kept as it came, after
//! its content coding, and everything that upmon makes of it is made anew. What is kept of a request is its address:
//! no header of it, no user and password, and of its query only what is known to hold no secret. Should an answer echo a
//! credential that was sent for it, that is blotted out.
//!
//! - `exchange`: one question and its answer, one readable file each;
//! - `directory`: the index that makes the files a recording, written last, so that a run that broke off leaves none;
//! - [`Session`]: the exchanges of one lookup, in order. A recording is never guessed from: what it does not hold was not
//!   asked, and nobody else is.
//!
//! The cache has no part in it: a run that records asks everything, or else the recording would lack what was kept.

mod directory;
mod exchange;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

pub use self::directory::{About, ReadError};
use self::directory::{Player, Recorder};
pub(crate) use self::exchange::{Broken, Ending, Exchange, Reply, blot};

/// What is said of a question that a recording does not hold.
pub(crate) const NOT_RECORDED: &str = "was not asked: it is not in the recording";

/// A recording that is made, or one that is played.
#[derive(Debug)]
pub struct Tape {
    mode: Mode,
    /// How often each question was asked.
    asked: Mutex<HashMap<Vec<String>, usize>>,
}

#[derive(Debug)]
enum Mode {
    Record(Recorder),
    Replay(Player),
}

impl Tape {
    /// Begins a recording in a directory, which is made where need be. One that was there ends to exist with the first
    /// answer that is kept.
    ///
    /// # Errors
    /// When the directory cannot be written to, or holds something else.
    pub fn record(directory: &Path) -> io::Result<Self> {
        Ok(Self::new(Mode::Record(Recorder::create(directory)?)))
    }

    /// Opens a recording.
    ///
    /// # Errors
    /// When there is none, or it is not as it was written.
    pub fn replay(directory: &Path) -> Result<Self, ReadError> {
        Ok(Self::new(Mode::Replay(Player::open(directory)?)))
    }

    fn new(mode: Mode) -> Self {
        Self { mode, asked: Mutex::default() }
    }

    /// What is known of the run that was recorded; `None` for a recording under way.
    pub fn about(&self) -> Option<&About> {
        match &self.mode {
            Mode::Record(_) => None,
            Mode::Replay(player) => Some(player.about()),
        }
    }

    /// Whether answers come from the recording.
    pub(crate) const fn is_replay(&self) -> bool {
        matches!(self.mode, Mode::Replay(_))
    }

    /// Ends a recording: from here on it is one. Does nothing to one that is played.
    ///
    /// # Errors
    /// When it could not be written in full; then there is no recording.
    pub fn finish(&self, about: &About) -> io::Result<()> {
        match &self.mode {
            Mode::Record(recorder) => recorder.finish(about),
            Mode::Replay(_) => Ok(()),
        }
    }

    /// Begins a lookup. The words name the question, the registry first, then the package; the same question asked twice
    /// has two sessions.
    pub(crate) fn session(self: &Arc<Self>, question: &[&str]) -> Session {
        let question: Vec<String> = question.iter().map(|&word| word.to_owned()).collect();
        let mut asked = self.asked();
        let times = asked.entry(question.clone()).or_default();
        *times += 1;
        let lookup = match &self.mode {
            Mode::Record(_) => *times,
            // who asks once more than was recorded gets the last answer again
            Mode::Replay(player) => (*times).min(player.lookups(&question)),
        };
        Session { tape: Arc::clone(self), question, lookup, steps: AtomicUsize::new(0) }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Vec<String>, usize>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exchanges of one lookup.
#[derive(Debug)]
pub(crate) struct Session {
    tape: Arc<Tape>,
    question: Vec<String>,
    lookup: usize,
    /// How many exchanges there were so far.
    steps: AtomicUsize,
}

impl Session {
    /// Whether answers come from the recording.
    pub(crate) fn is_replay(&self) -> bool {
        self.tape.is_replay()
    }

    /// Keeps an exchange; its place in the lookup is the next.
    pub(crate) fn keep(&self, exchange: Exchange) {
        if let Mode::Record(recorder) = &self.tape.mode {
            let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
            recorder.keep(&exchange.placed(&self.question, self.lookup, step));
        }
    }

    /// The next exchange of a recording that is played.
    pub(crate) fn next(&self) -> Option<Exchange> {
        let Mode::Replay(player) = &self.tape.mode else { return None };
        let exchange = player.read(&self.question, self.lookup, self.steps.load(Ordering::Relaxed) + 1)?;
        self.steps.fetch_add(1, Ordering::Relaxed);
        Some(exchange)
    }

    /// Whether there is a next one.
    pub(crate) fn has_next(&self) -> bool {
        let Mode::Replay(player) = &self.tape.mode else { return false };
        player.has(&self.question, self.lookup, self.steps.load(Ordering::Relaxed) + 1)
    }

    /// Where the credential came from that was sent in the recorded lookup, if one was.
    pub(crate) fn credential(&self) -> Option<String> {
        let Mode::Replay(player) = &self.tape.mode else { return None };
        player.credential(&self.question, self.lookup)
    }
}

/// Parts of a query that hold no secret and tell one question from another; nobody else's are kept.
const PLAIN: [&str; 8] = ["after", "last", "limit", "n", "offset", "page", "per_page", "service"];

/// An address as a recording keeps it: without user, password and fragment, and of the query [`PLAIN`] alone.
pub(crate) fn recorded(url: &Url) -> String {
    let mut recorded = url.clone();
    let _ = recorded.set_username("");
    let _ = recorded.set_password(None);
    recorded.set_fragment(None);
    recorded.set_query(None);
    for (name, value) in url.query_pairs().filter(|(name, _)| PLAIN.contains(&&**name)) {
        recorded.query_pairs_mut().append_pair(&name, &value);
    }
    recorded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_what_may_be_a_secret() {
        for (address, expected) in [
            ("https://a.example/x", "https://a.example/x"),
            ("https://me:hunter2@a.example/x#hunter2", "https://a.example/x"),
            ("https://a.example/x?page=2&token=hunter2", "https://a.example/x?page=2"),
            ("https://a.example/x?service=git-upload-pack", "https://a.example/x?service=git-upload-pack"),
            ("https://a.example/x?hunter2", "https://a.example/x"),
        ] {
            assert_eq!(recorded(&Url::parse(address).unwrap()), expected, "{address}");
        }
    }
}
