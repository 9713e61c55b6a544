//! What goes wrong, for which requests, and how often.

use serde_json::Value;

use super::{Answer, Asked};

/// Whether a request has its effect before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeTheEffect,
    AfterTheEffect,
}

/// How it fails.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// With this answer in place of the right one.
    Answer(Answer),
    /// The connection is closed without an answer.
    Close,
    /// There is no answer, ever; the test hears of it by [`super::GitHub::held`].
    Hold,
}

/// Which requests fail.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    /// Those whose [`Asked::told`] starts so.
    Told(&'static str),
    /// All that ask for a change.
    Writes,
}

/// One fault.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    which: Which,
    skip: usize,
    times: usize,
    moment: Moment,
    what: What,
}

impl Fault {
    /// The first such request fails before it has an effect.
    pub(crate) const fn new(which: Which, what: What) -> Self {
        Self { which, skip: 0, times: 1, moment: Moment::BeforeTheEffect, what }
    }

    /// With a status and a body.
    pub(crate) fn status(told: &'static str, status: u16, body: Value) -> Self {
        Self::new(Which::Told(told), What::Answer(Answer { status, headers: Vec::new(), body }))
    }

    pub(crate) fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    pub(crate) fn at(self, moment: Moment) -> Self {
        Self { moment, ..self }
    }

    fn is_for(&self, asked: &Asked) -> bool {
        match self.which {
            Which::Told(start) => asked.told().starts_with(start),
            Which::Writes => asked.is_write(),
        }
    }
}

/// All faults of a server.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// From now on everything works.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to a request; counts it.
    pub(super) fn strike(&mut self, asked: &Asked) -> Option<(Moment, What)> {
        let fault = self.0.iter_mut().find(|fault| fault.times > 0 && fault.is_for(asked))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some((fault.moment, fault.what.clone()))
    }
}
