//! Why a conversation with a remote ended early, and how that reads as a [`LookupError`].
//!
//! gix reports failures as chains of text. What the wire itself knows better (a status, a timeout, a size) is recorded
//! as a [`Failure`] where it happens; only what is left is judged by the remote's own words.

use chrono::{DateTime, Utc};

use crate::error::{ErrorKind, LookupError, Trouble};
use crate::http::meter::Outcome;

/// Longest quotation of a remote's own words, in characters.
const QUOTE: usize = 200;

/// What the caller can do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The remote, or what was asked of it, does not exist.
    NotFound,
    /// A credential is missing or refused.
    Unauthorized,
    /// The remote asks to wait, until then if it said so.
    RateLimited(Option<DateTime<Utc>>),
    /// The answer is not what the protocol promises.
    BadResponse,
    /// The answer is larger than what was allowed for it.
    TooLarge,
    /// The answer is large, and others as large are being read: given up, to be asked for again in turn.
    Crowded,
    /// Nobody answered, and asking again at once would not change that.
    Unreachable(Trouble),
    /// Nobody answered, but a second try may well succeed: a reset, a refused connection, a server error.
    Transient(Trouble),
}

impl Cause {
    /// How it is counted: by the kind that [`Failure::into_lookup`] makes of it.
    pub(super) const fn counted(self) -> Outcome {
        Outcome::Failed(match self {
            Self::Crowded => return Outcome::PutOff,
            Self::NotFound => ErrorKind::NotFound,
            Self::Unauthorized => ErrorKind::Unauthorized,
            Self::RateLimited(_) => ErrorKind::RateLimited,
            Self::BadResponse | Self::TooLarge => ErrorKind::BadResponse,
            Self::Unreachable(_) | Self::Transient(_) => ErrorKind::Unreachable,
        })
    }
}

/// Why a conversation ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Failure {
    /// What can be done about it.
    pub(super) cause: Cause,
    /// What happened, as a sentence fragment: "nothing came for 30 s".
    pub(super) reason: String,
}

impl Failure {
    /// A failure of some cause.
    pub(super) fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self { cause, reason: reason.into() }
    }

    /// A failure for which the remote's own words are all there is.
    pub(super) fn from_words(words: &str) -> Self {
        let cause = cause_of_words(words).unwrap_or(Cause::BadResponse);
        let advice = if cause == Cause::Unreachable(Trouble::HostKey) { host_key_advice(words) } else { "" };
        Self::new(cause, format!("the remote says: {}{advice}", quote(words)))
    }

    /// A failure of the connection itself.
    pub(super) fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let cause = match error.kind() {
            Kind::UnexpectedEof | Kind::InvalidData | Kind::Other => Cause::BadResponse,
            Kind::TimedOut | Kind::WouldBlock => Cause::Unreachable(Trouble::Silence),
            Kind::ConnectionRefused => Cause::Transient(Trouble::NobodyListens),
            _ => Cause::Transient(Trouble::Other),
        };
        let reason = match error.kind() {
            Kind::UnexpectedEof => "the answer ended too early".to_owned(),
            Kind::ConnectionRefused => "nobody listens there".to_owned(),
            _ => quote(&error.to_string()),
        };
        Self::new(cause, reason)
    }

    /// The failure as the engine knows it, naming what was attempted.
    pub(super) fn into_lookup(self, package: &str, remote: &str) -> LookupError {
        let message = format!("asked the git remote `{remote}` for `{package}`: {}", self.reason);
        match self.cause {
            Cause::NotFound => LookupError::NotFound { message },
            Cause::Unauthorized => LookupError::Unauthorized { message },
            Cause::RateLimited(until) => LookupError::RateLimited { message, until },
            Cause::BadResponse | Cause::TooLarge => LookupError::BadResponse { message },
            Cause::Crowded => LookupError::Unreachable { message, trouble: Trouble::Other },
            Cause::Unreachable(trouble) | Cause::Transient(trouble) => LookupError::Unreachable { message, trouble },
        }
    }
}

/// What servers say, in the order of judgement: `git daemon` hides a missing repository behind "access denied or
/// repository not exported", so absence goes first.
///
/// Sources: `git` (`daemon.c`, `upload-pack.c`, `path.c`, `setup.c`), OpenSSH's client, and the messages of GitHub and
/// GitLab over ssh.
const WORDS: &[(&str, Cause)] = &[
    ("repository not exported", Cause::NotFound),
    ("not found", Cause::NotFound),
    ("could not be found", Cause::NotFound),
    ("not appear to be a git repository", Cause::NotFound),
    ("no such repository", Cause::NotFound),
    ("does not exist", Cause::NotFound),
    ("no such file or directory", Cause::NotFound),
    ("permission denied", Cause::Unauthorized),
    ("access denied", Cause::Unauthorized),
    ("authentication failed", Cause::Unauthorized),
    ("dubious ownership", Cause::Unauthorized),
    ("could not resolve", Cause::Unreachable(Trouble::NoSuchHost)),
    ("host key verification failed", Cause::Unreachable(Trouble::HostKey)),
    ("no route to host", Cause::Unreachable(Trouble::Other)),
    ("network is unreachable", Cause::Unreachable(Trouble::Other)),
    ("timed out", Cause::Unreachable(Trouble::Silence)),
    ("connection refused", Cause::Transient(Trouble::NobodyListens)),
    ("connection closed", Cause::Transient(Trouble::Other)),
    ("connection reset", Cause::Transient(Trouble::Other)),
];

/// What to do about the key of an ssh server. `ssh` never asks here, so somebody has to accept the key by hand.
fn host_key_advice(words: &str) -> &'static str {
    if words.to_lowercase().contains("identification has changed") {
        "; its key is not the one in `known_hosts`: find out why, and only then take the old one out with `ssh-keygen -R`"
    } else {
        "; its key is not in `known_hosts`: connect to it once by hand with `ssh`, and accept it"
    }
}

fn cause_of_words(words: &str) -> Option<Cause> {
    let words = words.to_lowercase();
    WORDS.iter().find(|(phrase, _)| words.contains(phrase)).map(|(_, cause)| *cause)
}

/// The first telling line of foreign text, short and without control characters.
pub(super) fn quote(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| cause_of_words(line).is_some()).or_else(|| lines().next()).unwrap_or("nothing");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_servers_tell_absence_from_refusal_from_silence() {
        let rows = [
            ("access denied or repository not exported: /x", Cause::NotFound),
            ("fatal: '/srv/x' does not appear to be a git repository", Cause::NotFound),
            ("ERROR: Repository not found.", Cause::NotFound),
            ("The project you were looking for could not be found", Cause::NotFound),
            ("git@github.com: Permission denied (publickey).", Cause::Unauthorized),
            ("fatal: detected dubious ownership in repository at '/x'", Cause::Unauthorized),
            (
                "ssh: Could not resolve hostname nowhere.invalid: Name or service not known",
                Cause::Unreachable(Trouble::NoSuchHost),
            ),
            ("Host key verification failed.", Cause::Unreachable(Trouble::HostKey)),
            ("ssh: connect to host h port 22: Connection refused", Cause::Transient(Trouble::NobodyListens)),
            ("upload-pack: not our ref 0123", Cause::BadResponse),
        ];
        for (words, cause) in rows {
            assert_eq!(Failure::from_words(words).cause, cause, "{words}");
        }
    }

    #[test]
    fn an_unknown_host_key_names_its_remedy_and_a_changed_one_another() {
        for (words, remedy) in [
            ("Host key verification failed.", "connect to it once by hand"),
            ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "find out why"),
        ] {
            let failure = Failure::from_words(words);
            assert!(failure.reason.contains("Host key verification failed."), "{failure}");
            assert!(failure.reason.contains(remedy), "{failure}");
        }
    }

    #[test]
    fn a_quotation_is_the_telling_line_without_control_characters() {
        let text = "Warning: a banner\r\n\u{1b}[31mERROR: Repository not found.\u{7}\nfatal: gone";
        assert_eq!(quote(text), " [31mERROR: Repository not found. ");
        assert_eq!(quote(&"x".repeat(1000)).len(), QUOTE);
        assert_eq!(quote("\n \n"), "nothing");
    }
}
