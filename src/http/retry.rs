//! One question, "is this worth repeating?", answered per kind of failure.
//!
//! Repeating is bounded three ways: per lookup by the kind of failure, per origin by a budget that only successes refill
//! (so that a registry in trouble is not asked three times as often by everybody at once), and by the run's deadline.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::limit::Pause;
use super::meter::Outcome;
use crate::error::{ErrorKind, Trouble};

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
    /// The answer is large, and others as large are being read: given up, to be asked for again when it is its turn.
    Crowded,
    /// A server error.
    Server,
    /// No answer: DNS, connection, TLS, reset before the first byte.
    Unreached(Trouble),
    /// No complete answer in time. Not repeated: one slow lookup must not cost three times the time limit.
    TimedOut,
}

impl Cause {
    /// The word in a recording.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Limited(_) => "limited",
            Self::NotAcceptable => "not-acceptable",
            Self::UnaskedNotModified => "unasked-not-modified",
            Self::Malformed => "malformed",
            Self::CutShort => "cut-short",
            Self::Crowded => "crowded",
            Self::Server => "server",
            Self::Unreached(_) => "unreached",
            Self::TimedOut => "timed-out",
        }
    }

    /// The cause that a recording names. What a later version may name, and this one does not know, brought no answer;
    /// why nobody answered is in the words of a recording alone.
    pub(super) fn recorded(word: &str) -> Self {
        let known = [
            Self::Missing,
            Self::Refused,
            Self::Limited(None),
            Self::NotAcceptable,
            Self::UnaskedNotModified,
            Self::Malformed,
            Self::CutShort,
            Self::Crowded,
            Self::Server,
            Self::TimedOut,
        ];
        known.into_iter().find(|cause| cause.as_str() == word).unwrap_or(Self::Unreached(Trouble::Other))
    }

    /// How it is counted: by the kind that [`Asker::error`](super::asker::Asker::error) makes of it.
    pub(super) const fn counted(self) -> Outcome {
        Outcome::Failed(match self {
            Self::Crowded => return Outcome::PutOff,
            Self::Missing => ErrorKind::NotFound,
            Self::Refused => ErrorKind::Unauthorized,
            Self::Limited(_) => ErrorKind::RateLimited,
            Self::NotAcceptable | Self::UnaskedNotModified | Self::Malformed | Self::CutShort => ErrorKind::BadResponse,
            Self::Server | Self::Unreached(_) | Self::TimedOut => ErrorKind::Unreachable,
        })
    }

    /// How often a lookup repeats an attempt that failed so. 429 has more: its waits are the registry's own wish.
    const fn repeats(self) -> u32 {
        match self {
            // it has a place from then on, so this comes once
            Self::Crowded => 5,
            Self::Limited(_) => 4,
            Self::Server | Self::Unreached(_) | Self::CutShort => 2,
            Self::NotAcceptable | Self::UnaskedNotModified => 1,
            Self::Missing | Self::Refused | Self::Malformed | Self::TimedOut => 0,
        }
    }

    /// Whether the next attempt asks something else or in another way, so that there is nothing to wait for.
    const fn changes_question(self) -> bool {
        matches!(self, Self::NotAcceptable | Self::UnaskedNotModified | Self::Crowded)
    }
}

/// Waits that double, from a first one up to [`Backoff::STEPS`] doublings, each spread by half of it either way so that
/// many lookups do not return as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    /// The first wait, before it is spread.
    pub(super) first: Duration,
}

impl Backoff {
    const STEPS: u32 = 5;

    /// The wait after an attempt; the first attempt is 0.
    pub(super) fn after(self, attempt: u32) -> Duration {
        (self.first * (1 << attempt.min(Self::STEPS))).mul_f64(0.5 + fastrand::f64())
    }

    /// How long to wait before the attempt after `attempt`, or `None` when it is not worth it. A registry's own wish is
    /// waited out in [`super::limit`], by everybody who asks that origin.
    pub(super) fn before_repeat(self, cause: Cause, attempt: u32) -> Option<Duration> {
        if attempt >= cause.repeats() {
            return None;
        }
        let waits_elsewhere = matches!(cause, Cause::Limited(_));
        Some(if cause.changes_question() || waits_elsewhere { Duration::ZERO } else { self.after(attempt) })
    }
}

/// The repeats that an origin may still be asked for: [`Budget::RESERVE`] at first, and one more for every lookup. A
/// registry in trouble is thus asked about twice as often as one in health, not three to five times.
#[derive(Debug)]
pub(super) struct Budget(AtomicI64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(Self::RESERVE))
    }
}

impl Budget {
    const RESERVE: i64 = 100;

    /// Notes a new lookup.
    pub(super) fn deposit(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one repeat, if there is one left.
    pub(super) fn take(&self) -> bool {
        let less = |left: i64| (left > 0).then(|| left - 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(250) };

    #[test]
    fn only_what_may_end_differently_is_repeated() {
        for (cause, repeats) in [
            (Cause::Missing, 0),
            (Cause::Refused, 0),
            (Cause::Malformed, 0),
            (Cause::TimedOut, 0),
            (Cause::NotAcceptable, 1),
            (Cause::UnaskedNotModified, 1),
            (Cause::CutShort, 2),
            (Cause::Server, 2),
            (Cause::Unreached(Trouble::Other), 2),
            (Cause::Limited(None), 4),
            (Cause::Crowded, 5),
        ] {
            let tried = (0..9).filter(|&attempt| BACKOFF.before_repeat(cause, attempt).is_some()).count();
            assert_eq!(tried, repeats, "{cause:?}");
        }
    }

    #[test]
    fn waits_grow_and_end_at_twelve_seconds() {
        for attempt in 0..40 {
            let wait = BACKOFF.after(attempt);
            assert!(wait >= Duration::from_millis(125), "{attempt}: {wait:?}");
            assert!(wait <= Duration::from_secs(12), "{attempt}: {wait:?}");
        }
        assert!(BACKOFF.after(4) > BACKOFF.after(0));
    }

    #[test]
    fn a_budget_holds_its_reserve_and_one_repeat_a_lookup() {
        let budget = Budget::default();
        budget.deposit();
        let taken = std::iter::repeat_with(|| budget.take()).take_while(|&taken| taken).count();
        assert_eq!(taken, 101);
    }
}
