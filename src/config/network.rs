//! The sections `[network]` and `[cache]`: how long anything may take, who we say we are, and what is kept.
//!
//! Proxies are not here: they are the environment's (`HTTPS_PROXY`, `NO_PROXY`), as for every other program of the
//! machine. What is set here has its defaults in [`crate::http::options`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::json_schema;

use crate::document::{Bytes, Environment, FilePath, FromText, Refusal, Table, Text, Timeout, inline_schema, table};

table! {
    /// How registries are asked. Proxies come from the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    #[schemars(rename = "network")]
    struct NetworkTable {
        /// Longest time for one attempt, from the first byte sent to the last byte read; for git, the longest silence.
        #[schemars(extend("default" = "30s"), example = &"10s")]
        timeout = "timeout": Timeout,
        /// Longest time for name lookup, TCP and TLS together.
        #[schemars(extend("default" = "10s"), example = &"3s")]
        connect_timeout = "connect-timeout": Timeout,
        /// Longest time for all lookups of a run. What is not known then is unknown.
        #[schemars(extend("default" = "5m"), example = &"90s")]
        deadline = "deadline": Timeout,
        /// A file of further certificate authorities to trust, in PEM; a relative path is meant from the settings file.
        /// Default: those of the platform alone, or of `SSL_CERT_FILE`.
        #[schemars(example = &"/etc/ssl/ours.pem")]
        certificates = "certificates": FilePath,
        /// How registries can reach you, should your requests trouble them; part of the user agent. Default: the
        /// project's address alone.
        #[schemars(example = &"ops@example.org")]
        contact = "contact": Contact,
    }
}

table! {
    /// What is kept between runs.
    #[schemars(rename = "cache")]
    struct CacheTable {
        /// The directory; a relative path is meant from the settings file. Default: `upmon` in the user's cache
        /// directory.
        #[schemars(example = &"/var/cache/upmon")]
        dir = "dir": FilePath,
        /// How large it may grow before what was confirmed longest ago is dropped.
        #[schemars(extend("default" = "256 MiB"), example = &"1 GiB")]
        size = "size": Bytes,
        /// Whether, where a registry cannot be reached, what it last said is shown, marked as stale.
        #[schemars(extend("default" = false), example = true)]
        stale = "stale": bool,
    }
}

/// How registries are asked; `None` is the default of [`crate::http::options::Options`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Longest time for one attempt.
    pub timeout: Option<Duration>,
    /// Longest time for name lookup, TCP and TLS together.
    pub connect_timeout: Option<Duration>,
    /// Longest time for all lookups of a run.
    pub deadline: Option<Duration>,
    /// A file of further certificate authorities to trust.
    pub certificates: Option<PathBuf>,
    /// How registries can reach the user.
    pub contact: Option<String>,
}

/// What is kept between runs; `None` is the default of [`crate::http`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheSettings {
    /// The directory.
    pub directory: Option<PathBuf>,
    /// How large it may grow, in bytes.
    pub size: Option<u64>,
    /// Whether what a registry last said is shown where it cannot be reached.
    pub stale: bool,
}

impl NetworkTable {
    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(mut self, file: &Path, environment: &mut Environment<'_>) -> NetworkSettings {
        self.certificates = self.certificates.map(|path| path.beside(file));
        self.overlay(super::NETWORK, environment);
        NetworkSettings {
            timeout: self.timeout.cloned().map(|Timeout(time)| time),
            connect_timeout: self.connect_timeout.cloned().map(|Timeout(time)| time),
            deadline: self.deadline.cloned().map(|Timeout(time)| time),
            certificates: self.certificates.cloned().map(|FilePath(path)| path),
            contact: self.contact.cloned().map(|Contact(contact)| contact),
        }
    }
}

impl CacheTable {
    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(mut self, file: &Path, environment: &mut Environment<'_>) -> CacheSettings {
        self.dir = self.dir.map(|path| path.beside(file));
        self.overlay(super::CACHE, environment);
        CacheSettings {
            directory: self.dir.cloned().map(|FilePath(path)| path),
            size: self.size.cloned().map(|Bytes(bytes)| bytes),
            stale: self.stale.cloned().unwrap_or_default(),
        }
    }
}

/// A way to reach somebody that fits into the comment of a `User-Agent` header
/// ([RFC 9110, 5.6.5](https://www.rfc-editor.org/rfc/rfc9110.html#section-5.6.5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact(String);

impl FromText for Contact {
    fn expected() -> Option<String> {
        Some("an address such as \"ops@example.org\" or \"https://example.org/\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Text(text) = Text::from_text(text)?;
        match text.chars().find(|&character| !character.is_ascii() || "()\\".contains(character)) {
            Some(character) => Err(Refusal::new(format!("holds `{character}`, which a user agent cannot"))),
            None => Ok(Self(text)),
        }
    }
}

inline_schema!(
    Contact,
    |_| json_schema!({ "type": "string", "pattern": "^[ -'*-\\[\\]-~]*[!-'*-\\[\\]-~][ -'*-\\[\\]-~]*$" })
);
