//! What a remote said in an earlier run, from the cache that all lookups share.
//!
//! Git knows neither `Cache-Control` nor `ETag`: to ask whether the tags are still the same takes the very answer that
//! lists them. So what a remote said is fresh for as long as the settings say, by default not at all; what is kept then
//! serves `--offline` and `--stale` alone. That there is no such repository is never kept, and repositories on this
//! machine are asked every time: they are near, and `git` beside us changes them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use super::GitOptions;
use super::address::{Remote, Way};
use crate::http::cache::{Cache, Keeping, Key};
use crate::release::ReleaseSet;

/// The place in the cache of one question to one remote.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    cache: &'a Cache,
    key: Key,
    fresh_for: Duration,
}

/// Facts, and when the remote told them.
pub(super) type Remembered = (ReleaseSet, DateTime<Utc>);

impl<'a> Memory<'a> {
    /// Where the answer to a question is kept; what different logins see is kept apart.
    pub(super) fn of(cache: &'a Cache, options: &GitOptions, remote: &Remote, question: &[String]) -> Option<Self> {
        if remote.way == Way::Local {
            return None;
        }
        let address = remote.url.to_bstring().to_string();
        let found = || options.logins.find(&url::Url::parse(&address).ok()?);
        let login = remote.login.clone().or_else(found);
        let (user, secret) = login.as_ref().map_or(("", ""), |login| (&login.username, login.password.expose_secret()));
        let parts: Vec<&str> =
            ["git", &address, user, secret].into_iter().chain(question.iter().map(String::as_str)).collect();
        Some(Self { cache, key: Key::new(&parts, None), fresh_for: options.fresh_for })
    }

    /// What the remote said, if that was so short a time ago that it need not be asked again.
    pub(super) fn fresh(&self) -> Option<Remembered> {
        let entry = self.cache.get(&self.key).filter(|entry| entry.is_fresh(self.fresh_for))?;
        Some((entry.known()??, entry.confirmed_at))
    }

    /// What the remote last said, however long ago.
    pub(super) fn last(&self) -> Option<Remembered> {
        let entry = self.cache.get(&self.key)?;
        Some((entry.known()??, entry.confirmed_at))
    }

    /// Keeps what the remote said just now.
    pub(super) fn keep(&self, facts: &ReleaseSet) {
        self.cache.put(&self.key, Some(facts), &Keeping { fresh_for: self.fresh_for, ..Keeping::default() });
    }

    /// Forgets what is no longer true: the repository is gone.
    pub(super) fn forget(&self) {
        if self.cache.get(&self.key).is_some() {
            self.cache.put(&self.key, None, &Keeping::default());
        }
    }
}
