//! How long requests take and how they end, for who counts them (`upmon serve`). Commands count none.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::ErrorKind;
use crate::registry::RegistryId;

/// Is told of every request that was sent: each redirect and each repeat is one, and of a git remote each conversation. What
/// the cache answers, or a recording, is none.
pub trait Meter: fmt::Debug + Send + Sync {
    /// One request ended. `took` counts from the sending to the last byte read; to wait for one's turn is no part of it.
    fn ended(&self, registry: RegistryId, outcome: Outcome, took: Duration);
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With a whole and right answer.
    Answered,
    /// What was known is still right.
    NotModified,
    /// With another address.
    Redirected,
    /// Others as large were being read: given up, to be asked for again when it is its turn.
    PutOff,
    /// With what a finding would name so if it were the last attempt; that includes what the run's deadline cut off.
    Failed(ErrorKind),
}

impl Outcome {
    /// The word in metrics: for a failure that of its kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotModified => "not-modified",
            Self::Redirected => "redirected",
            Self::PutOff => "put-off",
            Self::Failed(kind) => kind.as_str(),
        }
    }
}

/// Takes the time of one request. Dropped before its end, the request was cut off, and so unreachable.
#[derive(Debug)]
pub(crate) struct Timer<'a> {
    meter: Option<&'a dyn Meter>,
    registry: RegistryId,
    outcome: Outcome,
    started: Instant,
}

impl<'a> Timer<'a> {
    /// Starts with the request; without a meter nobody is told.
    pub(crate) fn start(meter: Option<&'a dyn Meter>, registry: RegistryId) -> Self {
        Self { meter, registry, outcome: Outcome::Failed(ErrorKind::Unreachable), started: Instant::now() }
    }

    /// Tells how the request ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some(meter) = self.meter {
            meter.ended(self.registry, self.outcome, self.started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Ends(Mutex<Vec<(RegistryId, Outcome)>>);

    impl Meter for Ends {
        fn ended(&self, registry: RegistryId, outcome: Outcome, _took: Duration) {
            self.0.lock().unwrap().push((registry, outcome));
        }
    }

    #[test]
    fn a_request_is_told_once_whether_it_ends_or_is_cut_off() {
        let ends = Ends::default();
        Timer::start(Some(&ends), RegistryId::Npm).end(Outcome::NotModified);
        drop(Timer::start(Some(&ends), RegistryId::Git));
        Timer::start(None, RegistryId::PyPi).end(Outcome::Answered);
        let cut_off = Outcome::Failed(ErrorKind::Unreachable);
        assert_eq!(*ends.0.lock().unwrap(), [(RegistryId::Npm, Outcome::NotModified), (RegistryId::Git, cut_off)]);
    }
}
