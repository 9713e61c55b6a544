//! How far a pin is behind, row by row against the oracle: through `select` and `lag`, and through the whole engine.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use upmon::error::{ErrorKind, LookupError};
use upmon::http::{Decoder, Fetch, Fetched, Origin, Request};
use upmon::lag::{Behind, Lag, Status, lag};
use upmon::lookup::Engine;
use upmon::pin::Pin;
use upmon::policy::Policies;
use upmon::registry::{Query, Registry, RegistryId};
use upmon::release::{Release, ReleaseSet};
use upmon::report::Finding;
use upmon::select::{Limits, Selection, select};
use upmon::version::Step;

use crate::oracles::{Disagreements, check, rows, text_of};
use crate::pins::pin;

/// The files: pins, the lists they refer to, and the registry that both are of.
const CORPORA: [(&str, &str, RegistryId); 4] = [
    ("D_lag/cargo", "A_lists/crates", RegistryId::CratesIo),
    ("D_lag/npm", "A_lists/npm", RegistryId::Npm),
    ("D_lag/pep440", "A_lists/pypi", RegistryId::PyPi),
    ("D_lag/gem", "A_lists/rubygems", RegistryId::RubyGems),
];

#[test]
fn cargo_pins_lag_as_the_oracle_says() {
    check_corpus(0, judge_functions);
}

#[test]
fn npm_pins_lag_as_the_oracle_says() {
    check_corpus(1, judge_functions);
}

#[test]
fn python_pins_lag_as_the_oracle_says() {
    check_corpus(2, judge_functions);
}

#[test]
fn gem_pins_lag_as_the_oracle_says() {
    check_corpus(3, judge_functions);
}

#[test]
fn the_engine_reports_the_lag_that_the_oracle_says() {
    (0..CORPORA.len()).for_each(|corpus| check_corpus(corpus, judge_report));
}

fn check_corpus(corpus: usize, judge: impl Fn(&Case, &mut Disagreements)) {
    let (pins, lists, registry) = CORPORA[corpus];
    let lists: HashMap<String, ReleaseSet> =
        rows(lists).iter().map(|list| (text_of(list, "package").to_owned(), package_facts(list))).collect();
    check(pins, |row, disagreements| judge(&Case::read(row, registry, &lists), disagreements));
}

/// One row: a pin, what was listed, and when.
struct Case<'row> {
    pin: Pin,
    facts: ReleaseSet,
    now: DateTime<Utc>,
    expected: &'row Value,
}

impl<'row> Case<'row> {
    fn read(row: &'row Value, registry: RegistryId, lists: &HashMap<String, ReleaseSet>) -> Self {
        let mut facts = match row["package"].as_str() {
            Some(package) => lists.get(package).unwrap_or_else(|| panic!("no list of `{package}`")).clone(),
            None => inline_facts(&row["list"]),
        };
        let policy = &row["policy"];
        assert_eq!(policy["prereleases"], "only-if-pin-is-one", "an unknown policy");
        assert_eq!(policy["ignore_yanked"], true, "an unknown policy");
        if policy["ignore_deprecated"].as_bool().expect("a policy on deprecated releases") {
            withhold_deprecated(&mut facts);
        }
        let expected = &row["expected"];
        let prereleases = expected["prereleases_considered"].as_bool().filter(|considered| *considered);
        Self {
            pin: Pin { prereleases, ..pin(registry, row["package"].as_str().unwrap_or("inline"), text_of(row, "pin")) },
            facts,
            now: instant(&row["now"]).expect("every row has a `now`"),
            expected,
        }
    }

    fn number(&self, key: &str) -> u64 {
        self.expected[key].as_u64().unwrap_or_else(|| panic!("`{key}` is no number in {}", self.expected))
    }

    fn is_readable(&self) -> bool {
        self.expected["pin_ok"].as_bool().expect("every row tells whether the pin parses")
    }

    fn behind(&self) -> Behind {
        Behind {
            major: self.number("newer_majors"),
            minor: self.number("newer_minors"),
            patch: self.number("newer_patches"),
            releases: self.number("newer_releases"),
        }
    }

    /// The oracle's finer names are patches here, an epoch is a major.
    fn update(&self) -> Step {
        match text_of(self.expected, "update") {
            "none" => Step::None,
            "major" | "epoch" => Step::Major,
            "minor" => Step::Minor,
            "patch" | "revision" | "suffix" => Step::Patch,
            "prerelease" => Step::Prerelease,
            other => panic!("unknown update `{other}`"),
        }
    }

    fn newest(&self) -> Option<String> {
        self.expected["newest_eligible"].as_str().map(str::to_owned)
    }

    /// Our newest as the oracle spells it, where a list holds one version in several spellings that nothing orders.
    fn as_spelled<'ours>(&'ours self, ours: &'ours str) -> &'ours str {
        let ties = self.expected["newest_ties"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_ordered = matches!(self.pin.registry, RegistryId::CratesIo | RegistryId::Npm);
        let is_tie = !is_ordered && ties.iter().any(|tie| tie.as_str() == Some(ours));
        self.expected["newest_eligible"].as_str().filter(|_| is_tie).unwrap_or(ours)
    }

    fn first_newer(&self) -> Option<DateTime<Utc>> {
        instant(&self.expected["first_newer"]["t"])
    }

    fn libyears(&self) -> Option<f64> {
        self.expected["libyear_days"].as_f64().map(|days| days.max(0.0) / 365.25)
    }

    fn status(&self) -> Status {
        match (self.newest(), self.number("newer_releases")) {
            (None, _) => Status::Unknown,
            (Some(_), 0) => Status::Current,
            (Some(_), _) => Status::Behind,
        }
    }
}

/// The releases of a list, as a registry would tell them.
pub(crate) fn package_facts(list: &Value) -> ReleaseSet {
    let columns: Vec<&str> = array(&list["columns"]).iter().map(|name| name.as_str().expect("a name")).collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let cell = |row: &Value, name: &str| column(name).map(|index| row[index].clone()).unwrap_or_default();
    let release = |row: &Value| Release {
        published_at: instant(&cell(row, "t")),
        yanked: mark(&cell(row, "yanked")),
        deprecated: mark(&cell(row, "deprecated")),
        without_files: cell(row, "files") == 0,
        ..Release::new(cell(row, "v").as_str().expect("a version"))
    };
    ReleaseSet { releases: array(&list["rows"]).iter().map(release).collect(), ..ReleaseSet::default() }
}

fn inline_facts(list: &Value) -> ReleaseSet {
    let release = |row: &Value| Release {
        published_at: instant(&row[1]),
        yanked: mark(&row[2]),
        deprecated: mark(&row[3]),
        ..Release::new(row[0].as_str().expect("a version"))
    };
    ReleaseSet { releases: array(list).iter().map(release).collect(), ..ReleaseSet::default() }
}

/// By our rule a deprecated release stays eligible. For the rows of the other rule they are listed without files, which
/// takes them out of the choice and leaves them known.
fn withhold_deprecated(facts: &mut ReleaseSet) {
    for release in &mut facts.releases {
        release.without_files |= release.deprecated.is_some();
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn mark(value: &Value) -> Option<Box<str>> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("".into()),
        Value::String(reason) => Some(reason.as_str().into()),
        other => panic!("neither a mark nor a reason: {other}"),
    }
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}")))
}

fn judge_functions(case: &Case, disagreements: &mut Disagreements) {
    let selection = select(&case.pin, &case.facts, Limits::as_of(case.now));
    disagreements.expect("whether the pin parses", &selection.is_ok(), &case.is_readable());
    let Some(selection) = selection.ok().filter(|_| case.is_readable()) else { return };
    disagreements.expect(
        "whether the pin is a prerelease",
        &Some(selection.pinned.is_prerelease()),
        &case.expected["prereleases_considered"].as_bool(),
    );
    judge_listing(case, &selection, disagreements);
    let lag = lag(&selection, case.now);
    let newest = lag.as_ref().map(|lag| case.as_spelled(&lag.newest.version).to_owned());
    disagreements.expect("newest", &newest, &case.newest());
    if let Some(lag) = lag {
        judge_lag(case, &lag, disagreements);
    }
}

fn judge_listing(case: &Case, selection: &Selection, disagreements: &mut Disagreements) {
    let listed = selection.listed();
    let label = |is_exact: bool| {
        listed.map(|release| &*release.version).filter(|label| (*label == case.pin.version) == is_exact)
    };
    disagreements.expect(
        "whether the pin is listed",
        &Some(label(true).is_some()),
        &case.expected["pin_listed"].as_bool(),
    );
    disagreements.expect("the pin's listed spelling", &label(false), &case.expected["pin_equal_to"].as_str());
    disagreements.expect(
        "whether the pin is yanked",
        &Some(listed.is_some_and(|release| release.yanked.is_some())),
        &case.expected["pin_yanked"].as_bool(),
    );
}

fn judge_lag(case: &Case, lag: &Lag, disagreements: &mut Disagreements) {
    disagreements.expect("update", &lag.update, &case.update());
    disagreements.expect("behind", &lag.behind, &case.behind());
    disagreements.expect("whether it is behind", &(lag.status == Status::Behind), &(case.status() == Status::Behind));
    disagreements.expect("behind_since", &lag.behind_since, &case.first_newer());
    disagreements.expect("days", &lag.days, &case.expected["lag_days"].as_i64());
    if !is_close(lag.libyears, case.libyears(), 1e-5) {
        disagreements.expect("libyears", &lag.libyears, &case.libyears());
    }
}

fn is_close(ours: Option<f64>, oracle: Option<f64>, tolerance: f64) -> bool {
    ours.is_some() == oracle.is_some() && ours.zip(oracle).is_none_or(|(a, b)| (a - b).abs() < tolerance)
}

fn judge_report(case: &Case, disagreements: &mut Disagreements) {
    let finding = report(case);
    if !case.is_readable() {
        disagreements.expect("error", &error_of(&finding), &Some(ErrorKind::UnparsablePin));
        return;
    }
    let newest = finding.newest.as_ref().map(|newest| case.as_spelled(&newest.version).to_owned());
    disagreements.expect("newest", &newest, &case.newest());
    if case.status() == Status::Unknown {
        disagreements.expect("status", &finding.status, &Status::Unknown);
        disagreements.expect("error", &error_of(&finding), &Some(ErrorKind::NoEligibleRelease));
        return;
    }
    disagreements.expect("error", &error_of(&finding), &None);
    disagreements.expect(
        "whether it is behind",
        &(finding.status == Status::Behind),
        &(case.status() == Status::Behind),
    );
    disagreements.expect("update", &finding.update, &Some(case.update()));
    disagreements.expect("behind", &finding.behind, &Some(case.behind()));
    disagreements.expect("behind_since", &finding.behind_since, &case.first_newer());
    disagreements.expect("days", &finding.days, &case.expected["lag_days"].as_i64());
    disagreements.expect(
        "whether the pin is yanked",
        &Some(finding.pinned.yanked),
        &case.expected["pin_yanked"].as_bool(),
    );
    if !is_close(finding.libyears, case.libyears(), 0.0051) {
        disagreements.expect("libyears", &finding.libyears, &case.libyears());
    }
}

fn error_of(finding: &Finding) -> Option<ErrorKind> {
    finding.error.as_ref().map(|error| error.kind)
}

/// The finding of a run in which the registry lists the case's releases.
fn report(case: &Case) -> Finding {
    let registry: Box<dyn Registry> = Box::new(Shelf { id: case.pin.registry, facts: case.facts.clone() });
    let engine = Engine {
        registries: Arc::new(HashMap::from([(case.pin.registry, registry)])),
        fetch: Arc::new(NoNetwork),
        policies: Arc::new(Policies::default()),
        now: case.now,
        as_of: true,
        links: false,
        holds: std::sync::Arc::default(),
        beside: std::sync::Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without a network");
    let report = runtime.block_on(engine.check(std::slice::from_ref(&case.pin), &|_| {}));
    let [finding] = <[Finding; 1]>::try_from(report.findings).expect("one pin, one finding");
    finding
}

/// A registry that holds one package.
#[derive(Debug)]
struct Shelf {
    id: RegistryId,
    facts: ReleaseSet,
}

impl Registry for Shelf {
    fn id(&self) -> RegistryId {
        self.id
    }

    fn releases<'a>(&'a self, _: &'a Query, _: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        let facts = self.facts.clone();
        let address = "shelf".to_owned();
        Box::pin(async { Ok(Fetched { facts, origin: Origin::Network, confirmed_at: None, address }) })
    }

    fn page(&self, _: &Query, _: Option<&str>) -> Option<String> {
        None
    }
}

/// For registries that have their facts at hand.
pub(crate) struct NoNetwork;

impl Fetch for NoNetwork {
    fn fetch<'a>(&'a self, request: Request, _: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        panic!("`{}` was asked", request.url)
    }
}
