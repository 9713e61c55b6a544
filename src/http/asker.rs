//! One lookup in words: who asks what, and how a report tells the way it ended.

use chrono::{DateTime, Utc};

use super::cache::{Entry, Known};
use super::credentials::Credential;
use super::exchange::Failure;
use super::journal::Notes;
use super::recording::Session;
use super::retry::Cause;
use super::{Decoder, Fetched, Origin, Request, shown};
use crate::error::{LookupError, Trouble};
use crate::registry::RegistryId;
use crate::release::ReleaseSet;

/// One lookup: what is asked, by whom, and the words for how it ended.
pub(super) struct Asker<'a> {
    pub(super) request: &'a Request,
    pub(super) decoder: Decoder<'a>,
    pub(super) credential: Option<&'a Credential>,
    pub(super) session: Option<Session>,
    pub(super) notes: Option<Notes>,
}

impl Asker<'_> {
    /// Facts and where they came from.
    pub(super) fn fetched(&self, facts: ReleaseSet, origin: Origin, confirmed_at: Option<DateTime<Utc>>) -> Fetched {
        Fetched { facts, origin, confirmed_at, address: shown(&self.request.url) }
    }

    /// What an entry says, when that will do.
    pub(super) fn kept(&self, known: Known, origin: Origin, entry: &Entry) -> Result<Fetched, LookupError> {
        match (known, origin) {
            (Some(facts), origin) => Ok(self.fetched(facts, origin, Some(entry.confirmed_at))),
            (None, Origin::Fresh) => Err(self.error(&self.failure(Cause::Missing, "said so before"))),
            (None, _) => Err(self.offline()),
        }
    }

    /// Nothing is known, and nobody may be asked.
    pub(super) fn offline(&self) -> LookupError {
        self.error(&self.failure(Cause::Unreached(Trouble::Offline), "was not asked: offline, and not in the cache"))
    }

    pub(super) fn failure(&self, cause: Cause, what: impl Into<String>) -> Failure {
        Failure::new(cause, &self.request.url, what)
    }

    /// The last failure of a lookup in the words of a report.
    pub(super) fn error(&self, failure: &Failure) -> LookupError {
        let message = self.message(failure);
        match failure.cause {
            Cause::Missing => LookupError::NotFound { message },
            Cause::Refused => LookupError::Unauthorized { message },
            Cause::Limited(pause) => LookupError::RateLimited { message, until: pause.map(|pause| pause.until) },
            Cause::NotAcceptable | Cause::UnaskedNotModified | Cause::Malformed | Cause::CutShort => {
                LookupError::BadResponse { message }
            }
            Cause::Unreached(trouble) => LookupError::Unreachable { message, trouble },
            Cause::TimedOut => LookupError::Unreachable { message, trouble: Trouble::Silence },
            Cause::Server => LookupError::Unreachable { message, trouble: Trouble::Server },
            Cause::Crowded => LookupError::Unreachable { message, trouble: Trouble::Other },
        }
    }

    fn message(&self, failure: &Failure) -> String {
        let Failure { cause, address, what } = failure;
        let Request { package, registry, .. } = self.request;
        let message = match cause {
            // the same words now and from the cache: an unchanged world gives the same bytes
            Cause::Missing => format!("{registry} has no {} `{package}` (`{address}`)", noun(*registry)),
            Cause::Refused => format!("{registry} refuses `{package}`: `{address}` {what}, {}", self.sent()),
            Cause::Limited(_) => format!("{registry} asks to wait before it tells of `{package}`: `{address}` {what}"),
            _ => format!("asking {registry} for `{package}`: `{address}` {what}"),
        };
        match self.credential {
            Some(credential) => credential.scrub(message),
            None => message,
        }
    }

    fn sent(&self) -> String {
        match self.source() {
            Some(source) => format!("the credential from {source} was sent"),
            None => "no credential was sent".to_owned(),
        }
    }

    /// Where the credential came from that was sent: here, or when a recording was made.
    pub(super) fn source(&self) -> Option<String> {
        match self.session.as_ref().filter(|session| session.is_replay()) {
            Some(session) => session.credential(),
            None => self.credential.map(|credential| credential.source().to_owned()),
        }
    }
}

/// What a registry's own people call a package.
const fn noun(registry: RegistryId) -> &'static str {
    match registry {
        RegistryId::CratesIo => "crate",
        RegistryId::RubyGems => "gem",
        RegistryId::PyPi => "project",
        RegistryId::Npm => "package",
        RegistryId::Git => "repository",
    }
}
