//! What was asked in a run and how it ended, for who wants to know (`upmon explain`). Most runs keep none.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::credentials::Credential;
use super::{Fetched, Origin, clock};
use crate::error::LookupError;

/// One lookup: what was asked, what came, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The address, safe to show.
    pub address: String,
    /// What was asked for there: a media type, or the tags, dates or commits of a git remote.
    pub what: String,
    /// What came over the wire, in order; nothing where the cache had the answer.
    pub answers: Vec<Answered>,
    /// Where the facts came from; `None` where there are none.
    pub origin: Option<Origin>,
    /// When the registry said so before, where that was kept from an earlier run: facts, or that there is no such package.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How long that was ago, by the machine's clock.
    pub age: Option<Duration>,
    /// Why there are no facts, in the words of a report.
    pub error: Option<String>,
}

/// One answer over the wire, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The address that answered, safe to show.
    pub address: String,
    /// The status; `None` where no answer came.
    pub status: Option<u16>,
    /// What was wrong with it; `None` for a good answer and for a redirect.
    pub trouble: Option<String>,
}

/// Every lookup of a run, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<Asked>>);

impl Journal {
    /// Takes what was noted so far.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *locked(&self.0))
    }

    /// Notes how a lookup ended. `kept` tells of when that is, if it came from the cache and is no facts.
    pub(crate) fn note(
        &self,
        address: &str,
        what: impl Into<String>,
        answers: Vec<Answered>,
        outcome: Result<&Fetched, &LookupError>,
        kept: Option<DateTime<Utc>>,
    ) {
        let kept = outcome.ok().and_then(|fetched| fetched.confirmed_at).or(kept);
        locked(&self.0).push(Asked {
            address: address.to_owned(),
            what: what.into(),
            answers,
            origin: outcome.ok().map(|fetched| fetched.origin),
            confirmed_at: kept,
            age: kept.and_then(|at| (clock::now() - at).to_std().ok()),
            error: outcome.err().map(ToString::to_string),
        });
    }
}

/// The answers of one lookup while it is under way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    answers: Mutex<Vec<Answered>>,
    kept: Mutex<Option<DateTime<Utc>>>,
}

impl Notes {
    /// Notes that the cache has the answer, and of when that is.
    pub(super) fn kept(&self, at: DateTime<Utc>) {
        *locked(&self.kept) = Some(at);
    }

    /// When the registry said what the cache has, if that was the answer.
    pub(super) fn kept_at(&self) -> Option<DateTime<Utc>> {
        *locked(&self.kept)
    }

    pub(super) fn answered(&self, address: String, status: u16) {
        locked(&self.answers).push(Answered { address, status: Some(status), trouble: None });
    }

    /// Notes what was wrong with the answer that came last, or that none came.
    pub(super) fn failed(&self, address: &str, trouble: &str) {
        let mut answers = locked(&self.answers);
        let trouble = Some(trouble.to_owned());
        match answers.last_mut().filter(|last| last.address == address && last.trouble.is_none()) {
            Some(last) => last.trouble = trouble,
            None => answers.push(Answered { address: address.to_owned(), status: None, trouble }),
        }
    }

    /// Everything noted, without the credential that was sent, should an answer have echoed it.
    pub(super) fn take(&self, sent: Option<&Credential>) -> Vec<Answered> {
        let answers = std::mem::take(&mut *locked(&self.answers));
        let Some(sent) = sent else { return answers };
        let scrubbed = |Answered { address, status, trouble }: Answered| Answered {
            address: sent.scrub(address),
            status,
            trouble: trouble.map(|trouble| sent.scrub(trouble)),
        };
        answers.into_iter().map(scrubbed).collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
