//! A year of nights over real release histories: what a repository's issues go through, and what of it people hear.
//!
//! Thirty pins, judged every night as of that night by the engine; the tracker acts on a GitHub that remembers. What
//! people do is a rule, so that every run of the test sees the same year: they start with pins that are two months old,
//! take the worst five to the newest version every other week, close an issue every 45 nights, put one to sleep for 30
//! nights every 60, and the registries are down on some nights. The year is the one before the lists of
//! `tests/data/oracles` were taken.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use upmon::config::{IssueSettings, Repository};
use upmon::error::{LookupError, Trouble};
use upmon::http::options::Options;
use upmon::http::{Fetch, Fetched, Origin};
use upmon::lookup::Engine;
use upmon::pin::Pin;
use upmon::policy::Policies;
use upmon::registry::{Query, Registry, RegistryId};
use upmon::release::ReleaseSet;
use upmon::report::{Finding, Report};
use upmon::tracker::github::{Access, Github};
use upmon::tracker::{Approvals, SNOOZED};

use crate::github::state::Issue;
use crate::github::{Asked, GitHub, SHOP, TOKEN};
use crate::oracle_lag::{NoNetwork, package_facts};
use crate::oracles::{rows, text_of};
use crate::pins::pin;

const NIGHTS: i64 = 365;

/// The registries, their lists, the packages that are pinned, and when a registry is down: every so many nights, from
/// this one on, for so many in a row.
const PINNED: [(RegistryId, &str, &[&str], [i64; 3]); 3] = [
    (
        RegistryId::CratesIo,
        "A_lists/crates",
        &[
            "bevy",
            "clap",
            "curl-sys",
            "digest",
            "libc",
            "nix",
            "openssl-src",
            "rand",
            "semver",
            "tokio",
            "v8",
            "x25519-dalek",
        ],
        [23, 5, 1],
    ),
    (
        RegistryId::PyPi,
        "A_lists/pypi",
        &[
            "Django",
            "SQLAlchemy",
            "Twisted",
            "aiohttp",
            "black",
            "certifi",
            "docutils",
            "opencv-python",
            "psycopg2",
            "pytz",
            "ruamel.yaml",
            "setuptools",
        ],
        [41, 11, 2],
    ),
    (RegistryId::Npm, "A_lists/npm", &["core-js", "express", "lodash", "socket.io", "uuid", "vue"], [31, 7, 3]),
];

fn night(number: i64) -> DateTime<Utc> {
    let first: DateTime<Utc> = "2025-11-20T06:00:00Z".parse().unwrap();
    first + TimeDelta::days(number)
}

/// A registry that is down on some nights.
#[derive(Debug, Clone)]
struct Shelf {
    id: RegistryId,
    packages: Arc<HashMap<String, ReleaseSet>>,
    is_down: bool,
}

impl Registry for Shelf {
    fn id(&self) -> RegistryId {
        self.id
    }

    fn releases<'a>(&'a self, query: &'a Query, _: &'a dyn Fetch) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        let answer = if self.is_down {
            Err(LookupError::Unreachable {
                message: "the registry is down tonight".to_owned(),
                trouble: Trouble::Server,
            })
        } else {
            let facts = self.packages[&query.package].clone();
            Ok(Fetched { facts, origin: Origin::Network, confirmed_at: None, address: "shelf".to_owned() })
        };
        Box::pin(async { answer })
    }

    fn page(&self, query: &Query, version: Option<&str>) -> Option<String> {
        Some(format!("https://registry.example/{}/{}", query.package, version?))
    }
}

/// What the year needs of a package: releases of the year and of the four months before it, and the forty before those.
fn recent(mut facts: ReleaseSet) -> ReleaseSet {
    facts.releases.sort_by_key(|release| release.published_at);
    let early = facts.releases.iter().take_while(|release| release.published_at < Some(night(-120))).count();
    facts.releases.drain(..early.saturating_sub(40));
    facts
}

fn shelves() -> Vec<Shelf> {
    let shelf = |(id, list, names, _): (RegistryId, &str, &[&str], _)| {
        let named = rows(list).into_iter().map(|row| (text_of(&row, "package").to_owned(), row));
        let packages: HashMap<String, ReleaseSet> = named
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(name, row)| (name, recent(package_facts(&row))))
            .collect();
        assert_eq!(packages.len(), names.len(), "{list} has every package");
        Shelf { id, packages: Arc::new(packages), is_down: false }
    };
    PINNED.map(shelf).into()
}

/// The world on a night, and the pins in it.
struct World {
    shelves: Vec<Shelf>,
    pins: Vec<Pin>,
}

impl World {
    /// Everything pinned at what was the newest two months before the first night.
    async fn new() -> Self {
        let names = PINNED.iter().flat_map(|(id, _, names, _)| names.iter().map(|name| pin(*id, name, "0.0.0")));
        let mut world = Self { shelves: shelves(), pins: names.collect() };
        let newest = world.report(night(-60)).await;
        world.take(newest.findings.iter());
        world
    }

    fn close_registries(&mut self, number: i64) {
        for (shelf, (.., [every, from, nights])) in self.shelves.iter_mut().zip(PINNED) {
            shelf.is_down = (0..nights).any(|more| number % every == from + more);
        }
    }

    async fn report(&self, now: DateTime<Utc>) -> Report {
        let open = self.shelves.iter().map(|shelf| (shelf.id, Box::new(shelf.clone()) as Box<dyn Registry>));
        let (registries, policies) = (Arc::new(open.collect()), Arc::new(Policies::default()));
        let engine = Engine {
            registries,
            fetch: Arc::new(NoNetwork),
            policies,
            now,
            as_of: true,
            links: false,
            holds: Arc::default(),
            beside: Arc::default(),
        };
        engine.check(&self.pins, &|_| {}).await
    }

    /// Pins what these findings call the newest.
    fn take<'a>(&mut self, findings: impl Iterator<Item = &'a Finding>) {
        for finding in findings {
            let pin = self.pins.iter_mut().find(|pin| pin.id() == finding.id).unwrap();
            if let Some(newest) = &finding.newest {
                newest.version.clone_into(&mut pin.version);
            }
        }
    }
}

/// What people do on a night, before upmon runs.
fn people(number: i64, world: &mut World, github: &GitHub, last: Option<&Report>) {
    if let (Some(report), true) = (last, number % 14 == 0) {
        let mut worst: Vec<&Finding> = report.findings.iter().filter(|finding| finding.severity.is_some()).collect();
        worst.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.days)));
        world.take(worst.into_iter().take(5));
    }
    github.change(|shop| {
        let is_about_package = |issue: &&mut Issue| !issue.is_closed && id(issue) != "rollup";
        let mut open = shop.issues.iter_mut().filter(is_about_package);
        if number % 45 == 44
            && let Some(issue) = open.next()
        {
            issue.is_closed = true;
        }
        if number % 60 == 20
            && let Some(issue) = open.next()
        {
            issue.labels.push(SNOOZED.to_owned());
        }
        if number % 60 == 50 {
            shop.issues.iter_mut().for_each(|issue| issue.labels.retain(|label| label != SNOOZED));
        }
    });
}

/// Whose issue it is, by the marker.
fn id(issue: &Issue) -> &str {
    let (_, rest) = issue.body.split_once("<!-- upmon:v1 id=").expect("every issue is ours");
    rest.split_once(' ').expect("a marker has a state").0
}

/// Everything about a package: its issues and the comments on them.
fn about(github: &GitHub) -> BTreeMap<String, String> {
    let shop = github.shop();
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for issue in &shop.issues {
        let comments: Vec<&str> = shop
            .comments
            .iter()
            .filter(|comment| comment.issue == issue.number)
            .map(|comment| &*comment.body)
            .collect();
        told.entry(id(issue).to_owned()).or_default().extend([format!("{issue:?} {comments:?}")]);
    }
    told
}

/// What was written in the year.
#[derive(Default)]
struct Year {
    /// By what was done, of packages and of the rollup.
    counts: BTreeMap<&'static str, [usize; 2]>,
    quiet: usize,
    unknown: usize,
    most: usize,
}

const DONE: [&str; 5] = ["issues opened", "issues opened again", "issues closed", "edits of an issue", "comments"];

impl Year {
    fn count(&mut self, asked: &Asked, github: &GitHub) {
        let body: Value = serde_json::from_str(asked.body.as_deref().unwrap_or("null")).unwrap();
        let told = asked.told();
        let parts: Vec<&str> = told.split(['/', ' ']).collect();
        let (what, number) = match (parts.as_slice(), body["state"].as_str()) {
            (["POST", "labels"], _) => return,
            (["POST", "issues"], _) => (DONE[0], None),
            (["PATCH", "issues", number], Some("open")) => (DONE[1], Some(number)),
            (["PATCH", "issues", number], Some(_)) => (DONE[2], Some(number)),
            (["PATCH", "issues", number], None) => (DONE[3], Some(number)),
            (["POST", "issues", number, "comments"], _) => (DONE[4], Some(number)),
            _ => panic!("an unknown write: {told}"),
        };
        let is_rollup = match number {
            None => body["body"].as_str().unwrap().contains("id=rollup "),
            Some(number) => id(&github.shop().issues[number.parse::<usize>().unwrap() - 1]) == "rollup",
        };
        self.counts.entry(what).or_default()[usize::from(is_rollup)] += 1;
    }

    fn table(&self) -> String {
        let row = |what: &&str| {
            let [packages, rollup] = self.counts.get(*what).copied().unwrap_or_default();
            format!("| {what} | {packages} | {rollup} |\n")
        };
        let rows: String = DONE.iter().map(row).collect();
        let (quiet, unknown, most) = (self.quiet, self.unknown, self.most);
        format!(
            "| 30 pins, {NIGHTS} nights | packages | rollup |\n|---|---|---|\n{rows}\n\
             On {quiet} nights nothing was written, on {unknown} a registry was down, and no night took more than {most} writes.\n"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_nights_is_quiet_and_true() {
    let github = GitHub::start().await;
    github.state().per_page = 100;
    let access = Access {
        url: github.url().parse().unwrap(),
        repository: Repository::parse(SHOP).unwrap(),
        token: TOKEN.into(),
        pace: Duration::ZERO,
    };
    let mut tracker = Github::new(access, &Options::default()).unwrap();
    let settings = IssueSettings::default();
    let mut world = World::new().await;
    let mut year = Year::default();
    let mut last: Option<Report> = None;
    for number in 0..NIGHTS {
        people(number, &mut world, &github, last.as_ref());
        world.close_registries(number);
        let now = night(number);
        let report = world.report(now).await;
        let (before, asked) = (about(&github), github.state().asked.len());
        let plan = tracker.plan(&report, &settings, &Approvals::new(), now).await.unwrap();
        let failures = tracker.carry_out(&plan, &mut |_| {}).await;
        assert_eq!(failures, Vec::new(), "night {number}");
        let after = about(&github);
        check_night(&report, &before, &after, &github);
        if number % 7 == 0 {
            let again = tracker.plan(&report, &settings, &Approvals::new(), now).await.unwrap();
            assert_eq!(again.changes, Vec::new(), "night {number}: a second run writes");
        }
        let writes: Vec<Asked> =
            github.state().asked[asked..].iter().filter(|asked| asked.is_write()).cloned().collect();
        for asked in &writes {
            year.count(asked, &github);
        }
        year.quiet += usize::from(writes.is_empty());
        year.unknown += usize::from(report.summary.unknown > 0);
        year.most = year.most.max(writes.len());
        last = Some(report);
    }
    let table = year.table();
    let documentation = include_str!("../../../docs/issues.md");
    assert!(documentation.contains(&table), "docs/issues.md should have:\n{table}");
}

/// What holds on every night.
fn check_night(report: &Report, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, github: &GitHub) {
    for finding in report.findings.iter().filter(|finding| finding.severity.is_none()) {
        assert_eq!(before.get(&finding.id), after.get(&finding.id), "`{}` was unknown", finding.id);
    }
    let shop = github.shop();
    let open: Vec<&str> = shop.issues.iter().filter(|issue| !issue.is_closed).map(id).collect();
    let distinct: std::collections::BTreeSet<&&str> = open.iter().collect();
    assert_eq!(open.len(), distinct.len(), "two are open for one package: {open:?}");
}
