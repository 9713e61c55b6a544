//! Why a lookup gave no facts, how a run ends, and nothing else.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a registry's answer could not be had, by what the caller can do about it.
///
/// Messages are lower case, name the package and the registry, and never hold a credential: addresses are shown through
/// [`crate::http::shown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The registry answered, and it has no such package (404, 410, 451, or the protocol's own word for it).
    #[error("{message}")]
    NotFound {
        /// What was looked for and where.
        message: String,
    },
    /// The registry wants a credential, or refuses the one it got (401, 402, 403).
    #[error("{message}")]
    Unauthorized {
        /// Host and realm, and which credential was used, never the credential.
        message: String,
    },
    /// The registry asked us to wait longer than this run may last (429, 503 with `Retry-After`, 403 of a rate limit).
    #[error("{message}")]
    RateLimited {
        /// Which origin, and until when.
        message: String,
        /// When the limit ends, if the registry said so.
        until: Option<DateTime<Utc>>,
    },
    /// Something answered, but not with what the protocol promises: garbage, a truncated body, HTML, a size over the cap.
    #[error("{message}")]
    BadResponse {
        /// What was expected and what came.
        message: String,
    },
    /// Nobody answered, or only with a server error: DNS, connection, TLS, timeout, 5xx, or `--offline` without an entry.
    #[error("{message}")]
    Unreachable {
        /// What was attempted and how it failed.
        message: String,
        /// What kind of failure it was.
        trouble: Trouble,
    },
}

/// What kept a registry from being reached: it decides on the remedy that `upmon doctor` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No host has that name.
    NoSuchHost,
    /// The host is there, and refuses connections to that port.
    NobodyListens,
    /// The server's certificate is not trusted.
    Certificate,
    /// The key of an ssh server is not known, or not the one that is.
    HostKey,
    /// No answer in time.
    Silence,
    /// The server answered, with an error of its own.
    Server,
    /// A program that leads there cannot be started: `git` or `ssh`.
    NoProgram(&'static str),
    /// No HTTP client could be made: the platform offers no certificates.
    NoClient,
    /// Nobody was asked: `--offline`.
    Offline,
    /// Anything else.
    Other,
}

impl LookupError {
    /// The kind as the report names it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Unauthorized { .. } => ErrorKind::Unauthorized,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::BadResponse { .. } => ErrorKind::BadResponse,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
        }
    }
}

/// Why a finding is `unknown`: the closed list of the report's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The registry has no such package.
    NotFound,
    /// A credential is missing or refused.
    Unauthorized,
    /// The registry asked us to wait for longer than the run may last.
    RateLimited,
    /// Something answered, but not with what the protocol promises.
    BadResponse,
    /// Nobody answered.
    Unreachable,
    /// Releases exist, but none is eligible: all yanked, all ignored, all prereleases, or none matches the tag template.
    NoEligibleRelease,
    /// The pinned version does not parse under its scheme.
    UnparsablePin,
}

impl ErrorKind {
    /// Whether the same run, started again later, may end differently without anybody changing a file.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::BadResponse | Self::Unreachable)
    }

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate-limited",
            Self::BadResponse => "bad-response",
            Self::Unreachable => "unreachable",
            Self::NoEligibleRelease => "no-eligible-release",
            Self::UnparsablePin => "unparsable-pin",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How a command ends. The numbers are a contract (see the README) and the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, and nothing is at or above `--fail-on`.
    Success = 0,
    /// Something is at or above `--fail-on`.
    FailOn = 1,
    /// The command line, the pins or the settings are wrong.
    Usage = 2,
    /// Something is unknown, and `--allow-unknown` was not given.
    Unknown = 3,
    /// An action could not be carried out.
    Action = 4,
    /// Ended by Ctrl-C: what a shell reports of a program that the signal ended.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
