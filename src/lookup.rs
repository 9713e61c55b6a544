//! Many pins at once: asks each registry, bounded, and turns every answer or failure into one finding.
//!
//! A failure is a finding, never the end of the run. Pins that ask the same question share one lookup. Findings come
//! back in pin order, whatever order the answers came in. The facts of a package are dropped as soon as its pins are
//! judged, so ten thousand pins cost ten thousand findings, not ten thousand release lists.

mod finding;
pub mod ledger;
mod other_tags;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::stream::StreamExt;

use crate::error::LookupError;
use crate::holds::rules::Memory;
use crate::http::{Fetch, Fetched};
use crate::lag::{Lag, lag};
use crate::pin::Pin;
use crate::policy::Policies;
use crate::registry::{Query, Registry, RegistryId};
use crate::release::{Links, ReleaseSet};
use crate::report::{Finding, Report};
use crate::select::{Limits, SelectError, Selection, select};
use ledger::Ledger;

/// Everything a run needs, made once.
#[derive(Clone)]
pub struct Engine {
    /// The open registries.
    pub registries: Arc<HashMap<RegistryId, Box<dyn Registry>>>,
    /// The way out.
    pub fetch: Arc<dyn Fetch>,
    /// Which policy judges which pin.
    pub policies: Arc<Policies>,
    /// The instant that the run judges as of.
    pub now: DateTime<Utc>,
    /// Whether `now` was set by hand: then releases without dates would be taken for published, so dates are asked for.
    pub as_of: bool,
    /// Whether links for people are asked for where that costs a request of its own; those that came with an answer
    /// are told anyway.
    pub links: bool,
    /// What is remembered of earlier runs, and what this one has to remember.
    pub holds: Arc<Ledger>,
    /// Pins that are not judged, and whose questions count: what is asked of a package does not depend on which of its
    /// pins are named.
    pub beside: Arc<[Pin]>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("now", &self.now).field("as_of", &self.as_of).finish_non_exhaustive()
    }
}

/// How many packages of one registry are in hand at once. Pace and concurrency on the wire are bounded per origin in
/// `http::limit`; this bounds memory.
const IN_HAND: usize = 256;

/// What one package's lookup learned, before any pin is judged.
#[derive(Debug)]
pub struct Learned {
    /// The answer, dates included where they were asked for and had.
    pub fetched: Fetched,
    /// Why dates are missing, when they were asked for and not had.
    pub dates_error: Option<LookupError>,
    /// Addresses for a person.
    pub links: Links,
}

impl Engine {
    /// Checks every pin. `progress` is called after each package with the number of pins that are done.
    pub async fn check(&self, pins: &[Pin], progress: &(dyn Fn(usize) + Sync)) -> Report {
        let mut findings: Vec<Option<Finding>> = std::iter::repeat_with(|| None).take(pins.len()).collect();
        let mut done = 0;
        let mut streams: Vec<_> = self
            .questions(pins)
            .into_values()
            .map(|questions| {
                futures_util::stream::iter(questions)
                    .map(|(query, indices)| self.answer(pins, query, indices))
                    .buffer_unordered(IN_HAND)
                    .boxed()
            })
            .collect();
        let mut answers = futures_util::stream::select_all(streams.drain(..));
        while let Some(batch) = answers.next().await {
            done += batch.len();
            for (index, finding) in batch {
                findings[index] = Some(finding);
            }
            progress(done);
        }
        let findings =
            findings.into_iter().map(|finding| finding.expect("every pin belongs to one question")).collect();
        Report::new(findings, self.now)
    }

    /// The distinct queries by registry, each with the indices of the pins that ask it.
    fn questions(&self, pins: &[Pin]) -> HashMap<RegistryId, Vec<(Query, Vec<usize>)>> {
        let mut questions: HashMap<RegistryId, Questions> = HashMap::new();
        for (index, pin) in pins.iter().enumerate() {
            questions.entry(pin.registry).or_default().add(self.query(pin), index);
        }
        questions.into_iter().map(|(registry, questions)| (registry, questions.into_list())).collect()
    }

    /// What has to be asked for a pin.
    pub fn query(&self, pin: &Pin) -> Query {
        pin.query(self.as_of || self.policies.of(pin).minimum_age.is_some())
    }

    async fn answer(&self, pins: &[Pin], query: Query, indices: Vec<usize>) -> Vec<(usize, Finding)> {
        let asking: Vec<&Pin> = indices.iter().map(|&index| &pins[index]).collect();
        let registry = self.registry(asking[0].registry);
        let learned = self.learn(registry, &query, &asking).await;
        indices
            .into_iter()
            .zip(asking)
            .map(|(index, pin)| (index, self.finding(pin, registry, &query, &learned)))
            .collect()
    }

    /// The open registry of an id.
    pub fn registry(&self, id: RegistryId) -> &dyn Registry {
        &**self.registries.get(&id).expect("every registry is opened before a run")
    }

    /// Asks for the releases, then, only where a pin turns out to be behind, for missing dates and for links.
    ///
    /// # Errors
    /// Those of [`Registry::releases`]; dates and links that cannot be had are told beside the answer.
    pub async fn learn(&self, registry: &dyn Registry, query: &Query, pins: &[&Pin]) -> Result<Learned, LookupError> {
        let fetched = registry.releases(query, &*self.fetch).await?;
        let beside = self.beside.iter().filter(|pin| pin.registry == registry.id() && self.query(pin) == *query);
        let pins = &pins.iter().copied().chain(beside).collect::<Vec<&Pin>>();
        let mut learned = Learned { links: fetched.facts.links.clone(), fetched, dates_error: None };
        let wanted = self.undated(&learned.fetched.facts, pins);
        if !wanted.is_empty() {
            let labels: Vec<&str> = wanted.iter().map(|label| &**label).collect();
            match registry.dates(query, &labels, &*self.fetch).await {
                Ok(dated) => {
                    learned.fetched.facts.adopt_dates(&dated);
                    fill(&mut learned.links, dated.links);
                }
                Err(error) => learned.dates_error = Some(error),
            }
        }
        if self.links && learned.links == Links::default() && self.is_any_behind(&learned.fetched.facts, pins) {
            match registry.links(query, &*self.fetch).await {
                Ok(links) => fill(&mut learned.links, links),
                Err(error) => tracing::debug!(%error, package = query.package, "no links"),
            }
        }
        if learned.fetched.facts.owner.is_none() {
            learned.fetched.facts.owner = learned.links.repository.as_deref().and_then(crate::registry::git::owner);
        }
        Ok(learned)
    }

    fn is_any_behind(&self, facts: &ReleaseSet, pins: &[&Pin]) -> bool {
        pins.iter().any(|pin| {
            self.selection(pin, facts)
                .is_ok_and(|selection| lag(&selection, self.now).is_some_and(|lag| lag.behind.releases > 0))
        })
    }

    /// Labels whose dates the findings need and the facts lack: the pin's, the newest's and the next one's.
    fn undated(&self, facts: &ReleaseSet, pins: &[&Pin]) -> Vec<Box<str>> {
        let mut wanted = Vec::new();
        if facts.releases.iter().all(|release| release.published_at.is_some()) {
            return wanted;
        }
        for pin in pins {
            let Ok(selection) = self.selection(pin, facts) else { continue };
            let Some(Lag { newest, next: Some(next), .. }) = lag(&selection, self.now) else { continue };
            let releases = [Some(newest), Some(next), selection.listed()];
            wanted.extend(
                releases
                    .into_iter()
                    .flatten()
                    .filter(|release| release.published_at.is_none())
                    .map(|release| release.version.clone()),
            );
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The verdict on every release, for a pin.
    ///
    /// # Errors
    /// When the pin itself cannot be read.
    pub fn selection<'facts>(&self, pin: &Pin, facts: &'facts ReleaseSet) -> Result<Selection<'facts>, SelectError> {
        let policy = self.policies.of(pin);
        let owner = facts.owner.as_deref();
        let memory = self.holds.of(pin).map(|known| Memory { known, owner, major_jump: policy.major_jump });
        select(pin, facts, Limits { now: self.now, minimum_age: policy.minimum_age, memory })
    }
}

/// The others that are of the same packages as some pins: for [`Engine::beside`].
pub fn of_same_packages(some: &[Pin], others: &[Pin]) -> Arc<[Pin]> {
    let packages: HashSet<_> = some.iter().map(|pin| (pin.registry, &pin.upstream)).collect();
    others.iter().filter(|pin| packages.contains(&(pin.registry, &pin.upstream))).cloned().collect()
}

/// The distinct queries of one registry, in the order in which they come up.
#[derive(Default)]
struct Questions {
    places: HashMap<Query, usize>,
    asking: Vec<Vec<usize>>,
}

impl Questions {
    /// Notes that the pin at `index` asks this.
    fn add(&mut self, query: Query, index: usize) {
        let next = self.asking.len();
        let place = *self.places.entry(query).or_insert(next);
        self.asking.resize_with(self.asking.len().max(place + 1), Vec::new);
        self.asking[place].push(index);
    }

    fn into_list(self) -> Vec<(Query, Vec<usize>)> {
        let mut queries: Vec<(Query, usize)> = self.places.into_iter().collect();
        queries.sort_unstable_by_key(|(_, place)| *place);
        queries.into_iter().map(|(query, _)| query).zip(self.asking).collect()
    }
}

/// Takes over the addresses that are not known yet.
fn fill(links: &mut Links, more: Links) {
    links.changelog = links.changelog.take().or(more.changelog);
    links.repository = links.repository.take().or(more.repository);
    links.homepage = links.homepage.take().or(more.homepage);
}
