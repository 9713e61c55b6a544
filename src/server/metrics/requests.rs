//! The requests that checks sent: how long they took, and how they ended.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::http::meter::{Meter, Outcome};
use crate::registry::RegistryId;

/// In seconds: from an answer nearby up to `timeout` of the network, where it is as by default.
const BOUNDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counts what engines send, for `/metrics`; cheap to clone, and clones count together. Labels are words of ours alone, so
/// their number is bounded.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Tally>);

#[derive(Debug)]
struct Tally {
    ended: Family<EndLabels, Counter>,
    seconds: Family<RegistryLabels, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    registry: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RegistryLabels {
    registry: &'static str,
}

impl Default for Tally {
    fn default() -> Self {
        Self { ended: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(BOUNDS)) }
    }
}

impl Meter for Requests {
    fn ended(&self, registry: RegistryId, outcome: Outcome, took: Duration) {
        let registry = registry.as_str();
        self.0.ended.get_or_create(&EndLabels { registry, outcome: outcome.as_str() }).inc();
        self.0.seconds.get_or_create(&RegistryLabels { registry }).observe(took.as_secs_f64());
    }
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        let ended = "Requests that this process sent for checks, by how they ended";
        registry.register("registry_requests", ended, self.0.ended.clone());
        let seconds = "How long they took, from the sending to the last byte";
        registry.register("registry_request_duration_seconds", seconds, self.0.seconds.clone());
    }
}
