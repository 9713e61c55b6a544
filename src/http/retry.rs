//! One question, "is this worth repeating?", answered per kind of failure.
//!
//! Repeating is bounded three ways: per lookup by the kind of failure, per origin by a budget that only successes refill
//! (so that a registry in trouble is not asked three times as often by everybody at once), and by the run's deadline.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::limit::Pause;

/// What went wrong in one attempt, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The registry says that there is no such thing.
    Missing,
    /// The registry refuses us.
    Refused,
    /// The registry asks us to come back later.
    Limited(Option<Pause>),
    /// 406: none of the forms in `Accept` can be had.
    NotAcceptable,
    /// 304 to a question without validators, or with validators that no longer belong to anything.
    UnaskedNotModified,
    /// The answer is not what the protocol promises; asking again would bring the same.
    Malformed,
    /// The answer ended before its end.
    CutShort,
    /// A server error.
    Server,
    /// No answer: DNS, connection, TLS, reset before the first byte.
    Unreached,
    /// No complete answer in time. Not repeated: one slow lookup must not cost three times the time limit.
    TimedOut,
}

impl Cause {
    /// How often a lookup repeats an attempt that failed so. 429 has more: its waits are the registry's own wish.
    const fn repeats(self) -> u32 {
        match self {
            Self::Limited(_) => 4,
            Self::Server | Self::Unreached | Self::CutShort => 2,
            Self::NotAcceptable | Self::UnaskedNotModified => 1,
            Self::Missing | Self::Refused | Self::Malformed | Self::TimedOut => 0,
        }
    }

    /// Whether the next attempt asks something else, so that there is nothing to wait for.
    const fn changes_question(self) -> bool {
        matches!(self, Self::NotAcceptable | Self::UnaskedNotModified)
    }
}

/// How long to wait before attempt `attempt + 1` (the first attempt is 0), or `None` when it is not worth it.
pub(super) fn delay(cause: Cause, attempt: u32) -> Option<Duration> {
    if attempt >= cause.repeats() {
        return None;
    }
    Some(if cause.changes_question() { Duration::ZERO } else { backoff(attempt) })
}

/// 0.25 s, doubled each time, at most 8 s, spread by half of it either way so that many lookups do not return as one.
pub(super) fn backoff(attempt: u32) -> Duration {
    let step = Duration::from_millis(250 << attempt.min(5));
    step.mul_f64(0.5 + fastrand::f64())
}

/// The repeats that an origin may still be asked for: [`Budget::RESERVE`] at first, and one more for every two answers.
#[derive(Debug)]
pub(super) struct Budget(AtomicI64);

impl Budget {
    const RESERVE: i64 = 100;
    const COST: i64 = 2;

    /// A full reserve.
    pub(super) const fn new() -> Self {
        Self(AtomicI64::new(Self::RESERVE * Self::COST))
    }

    /// Notes a good answer.
    pub(super) fn refill(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one repeat, if there is one left.
    pub(super) fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left >= Self::COST).then(|| left - Self::COST))
            .is_ok()
    }
}
