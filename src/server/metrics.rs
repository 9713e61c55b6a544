//! `/metrics`, as Prometheus reads them. What is known is told as of the request; only what this process did is counted.

mod requests;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Service;
use super::routes::answer;
use super::store::{ActionKind, Job, Known, Outcome};
use super::view::View;
use crate::policy::Severity;
use crate::report::Finding;

pub use requests::Requests;

const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What this process did.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    checks: Family<CheckLabels, Counter>,
    actions: Family<ActionLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    seconds: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        let bounds = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];
        Self {
            checks: Family::default(),
            actions: Family::default(),
            deliveries: Family::default(),
            seconds: Histogram::new(bounds),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    cause: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    sender: &'static str,
    event: &'static str,
    outcome: &'static str,
}

impl Counts {
    /// Counts an attempt at an action.
    pub(super) fn act(&self, kind: ActionKind, is_success: bool) {
        let labels = ActionLabels { kind: kind.as_str(), outcome: if is_success { "done" } else { "failed" } };
        self.actions.get_or_create(&labels).inc();
    }

    /// Counts something that was told. The event is one of the words that we know, not one that a sender chose.
    pub(super) fn deliver(&self, sender: &'static str, event: &'static str, outcome: &'static str) {
        self.deliveries.get_or_create(&DeliveryLabels { sender, event, outcome }).inc();
    }

    /// Counts a check.
    pub(super) fn add(&self, outcome: &Outcome, jobs: &[Job]) {
        let cause = jobs.first().map_or("", |job| job.cause.as_str());
        let labels = CheckLabels { cause, outcome: if outcome.learned.is_ok() { "done" } else { "failed" } };
        self.checks.get_or_create(&labels).inc();
        let took = (outcome.ended_at - outcome.started_at).to_std().unwrap_or_default();
        self.seconds.observe(took.as_secs_f64());
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PackageLabels {
    group: String,
    package: String,
    registry: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    group: String,
    package: String,
    registry: &'static str,
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    registry: &'static str,
    kind: &'static str,
}

type PerPackage<N, A> = Family<PackageLabels, Gauge<N, A>>;

/// What is known. It is made anew for each answer, so that a pin that is gone leaves nothing behind.
#[derive(Default)]
struct Facts {
    severity: PerPackage<i64, std::sync::atomic::AtomicI64>,
    behind: Family<PartLabels, Gauge>,
    days: PerPackage<i64, std::sync::atomic::AtomicI64>,
    checked: PerPackage<f64, AtomicU64>,
    statuses: Family<StatusLabels, Gauge>,
    errors: Family<ErrorLabels, Gauge>,
}

/// `GET /metrics`.
pub(super) async fn text(State(service): State<Arc<Service>>) -> Response<Body> {
    let mut registry = Registry::with_prefix("upmon");
    Facts::of(&service.view()).register(&mut registry);
    if let Some(at) = service.view().last_good_check() {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(seconds(at.timestamp_millis()));
        let help = "When the last check of all pins began that led to a report";
        registry.register("last_good_check_timestamp_seconds", help, gauge);
    }
    if let Ok(depth) = service.store.depth().await {
        let gauge = Gauge::<i64>::default();
        gauge.set(depth);
        registry.register("queue_jobs", "Jobs that wait or are under way, of all replicas", gauge);
    }
    if let Ok(open) = service.store.open_actions().await {
        let gauge = Gauge::<i64>::default();
        gauge.set(open);
        registry.register("queue_actions", "Actions that wait or are under way, of all replicas", gauge);
    }
    registry.register("actions", "Attempts at actions that this process made", service.counts.actions.clone());
    registry.register("deliveries", "What this process was told", service.counts.deliveries.clone());
    service.requests.register(&mut registry);
    registry.register("checks", "Checks that this process ended", service.counts.checks.clone());
    registry.register("check_duration_seconds", "How long they took", service.counts.seconds.clone());
    let mut body = String::new();
    prometheus_client::encoding::text::encode(&mut body, &registry).expect("a text takes whatever is written to it");
    answer(StatusCode::OK, MEDIA_TYPE, body)
}

impl Facts {
    fn of(view: &View) -> Self {
        let facts = Self::default();
        for status in ["current", "behind", "ahead", "unknown"] {
            facts.statuses.get_or_create(&StatusLabels { status }).set(0);
        }
        view.all().iter().for_each(|known| facts.add(known));
        facts
    }

    fn add(&self, known: &Known) {
        let finding = &known.finding;
        let labels = PackageLabels::of(finding);
        self.statuses.get_or_create(&StatusLabels { status: finding.status.as_str() }).inc();
        self.checked.get_or_create(&labels).set(seconds(known.checked_at.timestamp_millis()));
        if let Some(error) = &finding.error {
            let labels = ErrorLabels { registry: finding.registry.as_str(), kind: error.kind.as_str() };
            self.errors.get_or_create(&labels).inc();
        }
        // what is unknown has no severity, not a calm one
        if let Some(severity) = finding.severity {
            self.severity.get_or_create(&labels).set(rank(severity));
        }
        if let Some(days) = finding.days {
            self.days.get_or_create(&labels).set(days);
        }
        if let Some(behind) = &finding.behind {
            let parts = [
                ("major", behind.major),
                ("minor", behind.minor),
                ("patch", behind.patch),
                ("releases", behind.releases),
            ];
            for (part, count) in parts {
                let PackageLabels { group, package, registry } = labels.clone();
                let labels = PartLabels { group, package, registry, part };
                self.behind.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    fn register(self, registry: &mut Registry) {
        let severity = "0 none, 1 info, 2 notice, 3 warning, 4 error, 5 critical; nothing for what is unknown";
        registry.register("package_severity", severity, self.severity);
        registry.register("package_behind", "How many lie between the pin and the newest release", self.behind);
        registry.register("package_behind_days", "Days since the first release above the pin", self.days);
        registry.register("package_checked_timestamp_seconds", "When the check began that this is from", self.checked);
        registry.register("packages", "Pins by status", self.statuses);
        registry.register("registry_errors", "Pins of which nothing is known, by why", self.errors);
    }
}

impl PackageLabels {
    fn of(finding: &Finding) -> Self {
        Self { group: finding.group.clone(), package: finding.package.clone(), registry: finding.registry.as_str() }
    }
}

fn rank(severity: Severity) -> i64 {
    let place = Severity::ALL.iter().position(|known| *known == severity);
    place.and_then(|place| i64::try_from(place).ok()).unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit into 53 bits for some hundred thousand years"
)]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
