//! What the store promises, on a SQLite file; and on the PostgreSQL database that `UPMON_TEST_POSTGRES` names, whose
//! tables are emptied, where that is set.

use chrono::TimeDelta;
use tempfile::TempDir;

use super::*;
use crate::report::{Finding, Report};

pub(super) const LEASE: Duration = Duration::from_mins(1);

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

pub(super) fn sample() -> Vec<Finding> {
    serde_json::from_str::<Report>(include_str!("../../../tests/data/report/sample.json")).unwrap().findings
}

pub(super) fn learned(findings: Vec<Finding>) -> Learned {
    Learned { pins: findings.iter().map(|finding| finding.id.clone()).collect(), findings }
}

pub(super) fn outcome(seconds: i64, scope: Scope, learned: Result<Learned, String>) -> Outcome {
    Outcome { started_at: at(seconds), ended_at: at(seconds + 1), scope, learned }
}

pub(super) struct Place {
    pub(super) store: Store,
    database: Database,
    directory: TempDir,
}

impl Place {
    async fn file() -> Self {
        let directory = TempDir::new().unwrap();
        let database = Database::File(directory.path().join("state").join("a b%?.db"));
        Self { store: Store::open(&database).await.unwrap(), database, directory }
    }

    /// Takes what is ready and writes that it led to these findings.
    async fn check(&self, seconds: i64, findings: Vec<Finding>) {
        let jobs = self.lease_all("worker", seconds).await;
        self.store.record(&outcome(seconds, Scope::All, Ok(learned(findings))), &jobs, "worker").await.unwrap();
    }

    async fn lease_all(&self, worker: &str, seconds: i64) -> Vec<Job> {
        self.store.lease(Lane::All, worker, at(seconds), LEASE).await.unwrap()
    }
}

/// One file, and the PostgreSQL database where there is one.
pub(super) async fn places() -> Vec<Place> {
    let mut places = vec![Place::file().await];
    if let Ok(address) = std::env::var("UPMON_TEST_POSTGRES") {
        crate::http::client::install_crypto();
        let database = Database::parse(&address).unwrap();
        let store = Store::open(&database).await.unwrap();
        sqlx::raw_sql("TRUNCATE checks, findings, changes, jobs, schedules, deliveries, actions, dispatches, locks")
            .execute(&store.pool)
            .await
            .unwrap();
        places.push(Place { store, database, directory: TempDir::new().unwrap() });
    }
    places
}

#[tokio::test]
async fn what_was_written_is_known_in_the_order_of_the_pins_and_after_a_restart() {
    for place in places().await {
        let (mut findings, pins) = (sample(), learned(sample()).pins);
        findings.reverse();
        place.store.enqueue(Cause::Schedule, &Scope::All, at(0)).await.unwrap();
        let jobs = place.lease_all("worker", 0).await;
        let learned = Ok(Learned { pins, findings });
        place.store.record(&outcome(0, Scope::All, learned), &jobs, "worker").await.unwrap();
        assert_eq!(place.store.last_good_check().await.unwrap(), Some(at(0)));
        place.store.close().await;
        let again = Store::open(&place.database).await.unwrap();
        let known = again.known().await.unwrap();
        assert_eq!(known.iter().map(|known| known.finding.clone()).collect::<Vec<_>>(), sample());
        for known in known {
            assert_eq!(known.checked_at, at(0));
            assert_eq!(known.known_at.is_none(), known.finding.status == crate::lag::Status::Unknown);
        }
        assert_eq!(again.depth().await.unwrap(), 0);
        again.close().await;
    }
}

#[tokio::test]
async fn a_row_of_history_is_written_only_when_something_changed() {
    for place in places().await {
        let mut findings = sample();
        findings.truncate(1);
        let id = findings[0].id.clone();
        place.check(0, findings.clone()).await;
        findings[0].days = Some(1_000);
        findings[0].place.as_mut().unwrap().line += 1;
        place.check(100, findings.clone()).await;
        let newest = findings[0].newest.as_mut().unwrap();
        newest.version = "9.9.9".to_owned();
        place.check(200, findings.clone()).await;
        let history = place.store.history(&id, at(1_000), 10).await.unwrap();
        let told: Vec<_> = history.iter().map(|change| change.changed_at).collect();
        assert_eq!(told, [at(200), at(0)]);
        assert_eq!(history[0].finding, findings[0]);
        assert_eq!(place.store.history(&id, at(200), 10).await.unwrap().len(), 1);
        assert_eq!(place.store.history(&id, at(1_000), 1).await.unwrap().len(), 1);
        assert_eq!(place.store.known().await.unwrap()[0].checked_at, at(200));
    }
}

#[tokio::test]
async fn a_pin_that_is_gone_is_no_longer_known_and_one_that_is_unknown_keeps_when_it_was() {
    for place in places().await {
        let findings = sample();
        place.check(0, findings.clone()).await;
        let known = findings.iter().find(|finding| finding.id == "rust/tokio").unwrap().clone();
        let lost = Finding { id: known.id.clone(), ..findings.iter().find(|f| f.error.is_some()).unwrap().clone() };
        place.check(100, vec![lost]).await;
        let left = place.store.known().await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].checked_at, left[0].known_at), (at(100), Some(at(0))));
        assert_eq!(place.store.history("rust/tokio", at(1_000), 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_check_that_began_earlier_does_not_overwrite_a_later_one() {
    for place in places().await {
        let mut findings = sample();
        findings.truncate(1);
        let mut later = findings.clone();
        later[0].days = Some(4_711);
        place.check(100, later.clone()).await;
        place.check(50, findings).await;
        let known = place.store.known().await.unwrap();
        assert_eq!((known[0].checked_at, &known[0].finding), (at(100), &later[0]));
    }
}

#[tokio::test]
async fn jobs_of_one_lane_are_taken_together_and_by_one_worker_at_a_time() {
    for place in places().await {
        let store = &place.store;
        let some = |id: &str| Scope::Some(vec![id.to_owned()]);
        for scope in [Scope::All, some("a/b"), Scope::All, some("a/c")] {
            store.enqueue(Cause::Schedule, &scope, at(0)).await.unwrap();
        }
        let all = place.lease_all("one", 0).await;
        assert_eq!(all.iter().map(|job| &job.scope).collect::<Vec<_>>(), [&Scope::All, &Scope::All]);
        store.enqueue(Cause::Schedule, &Scope::All, at(1)).await.unwrap();
        assert_eq!(place.lease_all("two", 1).await, []);
        let of_some = store.lease(Lane::Some, "two", at(1), LEASE).await.unwrap();
        let scope = of_some.into_iter().map(|job| job.scope).reduce(Scope::union);
        assert_eq!(scope, Some(Scope::Some(vec!["a/b".to_owned(), "a/c".to_owned()])));
        assert_eq!(store.renew("one", at(50), LEASE).await.unwrap(), 2);
        assert_eq!(place.lease_all("two", 100).await, []);
        assert_eq!(store.depth().await.unwrap(), 5);
        // the worker is gone, and its lease has ended
        let found: Vec<_> = place.lease_all("two", 111).await.iter().map(|job| job.attempts).collect();
        assert_eq!(found, [2, 2, 1]);
        store.release("two").await.unwrap();
        let again: Vec<_> = place.lease_all("three", 112).await.iter().map(|job| job.attempts).collect();
        assert_eq!(again, [2, 2, 1]);
    }
}

#[tokio::test]
async fn who_lost_its_jobs_writes_nothing() {
    for place in places().await {
        place.store.enqueue(Cause::Schedule, &Scope::All, at(0)).await.unwrap();
        let lost = place.lease_all("one", 0).await;
        let taken = place.lease_all("two", 61).await;
        assert_eq!(taken.len(), 1);
        let refused = place.store.record(&outcome(0, Scope::All, Ok(learned(sample()))), &lost, "one").await;
        assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
        assert_eq!(place.store.known().await.unwrap(), []);
        assert_eq!(place.store.newest_check().await.unwrap(), None);
        place.store.record(&outcome(61, Scope::All, Ok(learned(sample()))), &taken, "two").await.unwrap();
        assert_eq!(place.store.depth().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_check_that_came_to_nothing_is_begun_again_later_and_then_given_up() {
    for place in places().await {
        let findings = learned(sample());
        place.check(0, findings.findings.clone()).await;
        place.store.enqueue(Cause::Schedule, &Scope::All, at(0)).await.unwrap();
        let mut seconds = 10;
        for attempt in 1..=5 {
            let jobs = place.lease_all("worker", seconds).await;
            assert_eq!(jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [attempt]);
            let fault = Err("the pins file is wrong".to_owned());
            place.store.record(&outcome(seconds, Scope::All, fault), &jobs, "worker").await.unwrap();
            assert_eq!(place.lease_all("worker", seconds + 29).await, [], "attempt {attempt}");
            seconds += 1_000;
        }
        assert_eq!(place.store.depth().await.unwrap(), 0);
        assert_eq!(place.store.known().await.unwrap().len(), findings.pins.len());
        assert_eq!(place.store.last_good_check().await.unwrap(), Some(at(0)));
    }
}

#[tokio::test]
async fn an_instant_of_a_schedule_is_served_once() {
    for place in places().await {
        let store = &place.store;
        assert_eq!(store.served_until("nightly").await.unwrap(), DateTime::UNIX_EPOCH);
        let (one, two) = tokio::join!(
            store.serve("nightly", at(0), &Scope::All, at(5)),
            store.serve("nightly", at(0), &Scope::All, at(5))
        );
        assert_eq!([one.unwrap(), two.unwrap()].iter().filter(|is_ours| **is_ours).count(), 1);
        assert!(!store.serve("nightly", at(-60), &Scope::All, at(5)).await.unwrap());
        assert_eq!(store.served_until("nightly").await.unwrap(), at(0));
        assert_eq!(store.depth().await.unwrap(), 1);
        // one that is new is served up to the last good check of all
        place.check(10, sample()).await;
        assert_eq!(store.served_until("hourly").await.unwrap(), at(10));
    }
}

#[tokio::test]
async fn what_is_too_old_goes_but_for_what_still_holds() {
    for place in places().await {
        let mut findings = sample();
        findings.truncate(1);
        let id = findings[0].id.clone();
        for (seconds, version) in [(0, "1"), (100, "2"), (200, "3"), (300, "4")] {
            findings[0].newest.as_mut().unwrap().version = version.to_owned();
            place.check(seconds, findings.clone()).await;
        }
        assert_eq!(place.store.drop_before(at(250)).await.unwrap(), 3 + 2);
        let history = place.store.history(&id, at(1_000), 10).await.unwrap();
        let left: Vec<_> = history.iter().map(|change| change.changed_at).collect();
        assert_eq!(left, [at(300), at(200)]);
        // the last good check is never too old
        place.store.drop_before(at(0) + TimeDelta::days(1_000)).await.unwrap();
        assert_eq!(place.store.last_good_check().await.unwrap(), Some(at(300)));
    }
}

fn delivery(id: &str, digest: &str) -> Delivery {
    let concern = "{}".to_owned();
    Delivery { id: id.to_owned(), event: "release".to_owned(), digest: digest.to_owned(), concern }
}

#[tokio::test]
async fn a_delivery_is_taken_once_under_its_id_and_for_an_hour_under_its_digest() {
    for place in places().await {
        let store = &place.store;
        let receive = async |id, digest, seconds| store.receive(&[delivery(id, digest)], at(seconds)).await.unwrap()[0];
        assert!(receive("one", "x", 0).await);
        assert!(!receive("one", "y", 1).await);
        assert!(!receive("two", "x", 3_599).await);
        assert!(receive("two", "x", 3_600).await);
        assert!(receive("three", "y", 2).await);
        assert!(receive("four", "z", 3_600).await);
        // both of one millisecond are on one page
        assert_eq!(store.deliveries(at(9_000), 1).await.unwrap().len(), 2);
        let told: Vec<_> = store.unsorted().await.unwrap().into_iter().map(|delivery| delivery.id).collect();
        assert_eq!(told, ["one", "three", "four", "two"]);
    }
}

/// As where a sender tells two replicas.
#[tokio::test]
async fn deliveries_that_come_twice_at_once_in_another_order_are_taken_once() {
    for Place { store, .. } in places().await {
        for round in 0..20 {
            let there: Vec<_> =
                (0..100).map(|number| format!("{round}-{number}")).map(|id| delivery(&id, &id)).collect();
            let back: Vec<_> = there.iter().rev().cloned().collect();
            let (there, back) = tokio::join!(store.receive(&there, at(round)), store.receive(&back, at(round)));
            let mut taken: Vec<_> = there.unwrap().into_iter().zip(back.unwrap().into_iter().rev()).collect();
            taken.retain(|(one, other)| one == other);
            assert!(taken.is_empty(), "taken twice or never: {taken:?}");
        }
    }
}

/// The same body under another id, at the same time.
#[tokio::test]
async fn a_copy_that_comes_at_once_is_known() {
    for Place { store, .. } in places().await {
        for round in 0..20 {
            let digest = format!("digest-{round}");
            let (one, other) =
                (delivery(&format!("one-{round}"), &digest), delivery(&format!("other-{round}"), &digest));
            let (one, other) = ([one], [other]);
            let (one, other) = tokio::join!(store.receive(&one, at(round)), store.receive(&other, at(round)));
            assert_ne!(one.unwrap(), other.unwrap());
        }
    }
}

#[tokio::test]
async fn deliveries_are_sorted_once_and_together_lead_to_one_check() {
    for place in places().await {
        let store = &place.store;
        for (id, seconds) in [("one", 0), ("two", 1), ("three", 2)] {
            assert_eq!(store.receive(&[delivery(id, id)], at(seconds)).await.unwrap(), [true]);
        }
        let pins = |ids: &[&str]| -> Vec<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
        let both = [("one".to_owned(), pins(&["a/b", "a/c"])), ("two".to_owned(), pins(&["a/b"]))];
        store.sort(&both, at(5)).await.unwrap();
        assert!(matches!(store.sort(&both, at(6)).await, Err(StoreError::LeaseLost)));
        let jobs = store.lease(Lane::Some, "worker", at(6), LEASE).await.unwrap();
        let scopes: Vec<_> = jobs.iter().map(|job| (job.cause, &job.scope)).collect();
        assert_eq!(scopes, [(Cause::Webhook, &Scope::Some(pins(&["a/b", "a/c"])))]);
        store.sort(&[("three".to_owned(), Vec::new())], at(7)).await.unwrap();
        assert_eq!(store.depth().await.unwrap(), 1);
        let page = async |most| store.deliveries(at(3), most).await.unwrap().len();
        assert_eq!((page(1).await, page(2).await, page(3).await, page(4).await), (1, 2, 3, 3));
        let told = store.deliveries(at(2), 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.id.as_str(), one.sorted_at, one.pins.len())).collect();
        assert_eq!(told, [("two", Some(at(5)), 1), ("one", Some(at(5)), 2)]);
        let together = [delivery("four", "4"), delivery("four", "5"), delivery("five", "4")];
        assert_eq!(store.receive(&together, at(8)).await.unwrap(), [true, false, false]);
        assert_eq!(store.drop_before(at(9)).await.unwrap(), 3);
        assert_eq!(store.unsorted().await.unwrap().len(), 1);
    }
}

/// As where two replicas have read other pins: each writes the same deliveries in an order of its own.
#[tokio::test]
async fn who_sorts_at_once_by_other_pins_waits_for_nobody_in_a_circle() {
    for Place { store, .. } in places().await {
        for round in 0..10 {
            let ids: Vec<String> = (0..60).map(|number| format!("{round}-{number:02}")).collect();
            let there: Vec<_> = ids.iter().map(|id| delivery(id, id)).collect();
            store.receive(&there, at(round)).await.unwrap();
            let sorted = |places: Vec<usize>| -> Vec<(String, Vec<String>)> {
                ids.iter().cloned().zip(places.iter().map(|place| vec![format!("a/{place:02}")])).collect()
            };
            let (up, down) = (sorted((0..60).collect()), sorted((0..60).rev().collect()));
            let (up, down) = tokio::join!(store.sort(&up, at(round)), store.sort(&down, at(round)));
            let (won, lost): (Vec<_>, Vec<_>) = [up, down].into_iter().partition(Result::is_ok);
            assert!(won.len() == 1 && matches!(lost[..], [Err(StoreError::LeaseLost)]), "{won:?} {lost:?}");
        }
    }
}

#[tokio::test]
async fn deliveries_about_a_pin_are_found_by_its_exact_id() {
    let ids = [r#"rust/"%_!\x"#, "Rust/Tokio", "rust/tokio", "rust/tokio-util"];
    for Place { store, .. } in places().await {
        for (seconds, id) in (0..).zip(["one", "two", "three"]) {
            assert_eq!(store.receive(&[delivery(id, id)], at(seconds)).await.unwrap(), [true]);
        }
        let pins = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<String>>();
        store.sort(&[("one".to_owned(), pins(&ids)), ("two".to_owned(), pins(&ids[1..3]))], at(5)).await.unwrap();
        let about = async |id: &str, most| {
            let told = store.deliveries_about(id, most).await.unwrap();
            told.into_iter().map(|received| received.id).collect::<Vec<_>>()
        };
        assert_eq!(about(ids[0], 10).await, ["one"]);
        assert_eq!(about("rust/tokio", 10).await, ["two", "one"]);
        assert_eq!(about("rust/tokio", 1).await, ["two"]);
        assert_eq!(about("rust/tokio-util", 10).await, ["one"]);
        for other in ["rust/tok%", "rust/tokio_util", "RUST/tokio", "tokio", ""] {
            assert_eq!(about(other, 10).await, [""; 0], "{other}");
        }
    }
}

#[tokio::test]
async fn what_goes_on_is_told() {
    for place in places().await {
        let store = &place.store;
        assert!(store.queue(9).await.unwrap().is_empty() && store.ended(9).await.unwrap().is_empty());
        assert!(store.served().await.unwrap().is_empty());
        store.enqueue(Cause::Schedule, &Scope::All, at(0)).await.unwrap();
        place.check(0, sample()).await;
        store.enqueue(Cause::Api, &Scope::All, at(5)).await.unwrap();
        store.enqueue(Cause::Webhook, &Scope::Some(vec!["rust/tokio".to_owned()]), at(6)).await.unwrap();
        let jobs = place.lease_all("worker", 7).await;
        let queue = store.queue(9).await.unwrap();
        assert_eq!(queue.iter().map(|queued| queued.job.attempts).collect::<Vec<_>>(), [1, 0]);
        assert_eq!((queue[0].created_at, queue[0].leased_until, queue[1].ready_at), (at(5), at(67), at(6)));
        assert!(queue[1].leased_until < at(7));
        assert_eq!(store.queue(1).await.unwrap(), queue[..1]);
        store.record(&outcome(8, Scope::All, Err("no pins".to_owned())), &jobs, "worker").await.unwrap();
        let ended = store.ended(9).await.unwrap();
        assert_eq!(
            ended.iter().map(|ended| (ended.cause, ended.has_failed)).collect::<Vec<_>>(),
            [(Some(Cause::Api), true), (Some(Cause::Schedule), false)]
        );
        let unknown = sample().iter().filter(|finding| finding.severity.is_none()).count();
        assert_eq!(
            (ended[1].packages, ended[1].unknown, ended[1].is_of_all),
            (i64::try_from(sample().len()).unwrap(), i64::try_from(unknown).unwrap(), true)
        );
        store.served_until("nightly").await.unwrap();
        assert_eq!(store.served().await.unwrap().into_iter().collect::<Vec<_>>(), [("nightly".to_owned(), at(0))]);
    }
}

#[tokio::test]
async fn a_backup_is_whole_and_replaces_nothing() {
    let place = Place::file().await;
    place.check(0, sample()).await;
    let copy = place.directory.path().join("copy.db");
    place.store.backup(&copy).await.unwrap();
    Store::check(&Database::File(copy.clone())).await.unwrap();
    let of_copy = Store::open(&Database::File(copy.clone())).await.unwrap();
    assert_eq!(of_copy.known().await.unwrap(), place.store.known().await.unwrap());
    assert!(place.store.backup(&copy).await.is_err());
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_told() {
    let place = Place::file().await;
    place.check(0, sample()).await;
    let Database::File(path) = &place.database else { unreachable!() };
    place.store.close().await;
    Store::check(&place.database).await.unwrap();
    std::fs::write(place.directory.path().join("text"), "not a database, and long enough to be looked at").unwrap();
    assert!(Store::open(&Database::File(place.directory.path().join("text"))).await.is_err());
    assert!(Store::open(&Database::File(place.directory.path().to_owned())).await.is_err());
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    std::fs::write(path, bytes).unwrap();
    assert!(Store::check(&place.database).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::file().await;
    let Database::File(path) = &place.database else { unreachable!() };
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_address_shows_no_password() {
    let database = Database::parse("postgres://ann:s3cr3t@db.example/upmon?sslmode=require&password=s3cr3t").unwrap();
    assert_eq!(database.to_string(), "postgres://db.example/upmon");
    assert!(!format!("{database:?}").contains("s3cr3t"));
    for address in ["", "sqlite://x", "mysql://h/d", "/var/lib/upmon.db", "postgres"] {
        assert!(Database::parse(address).is_err(), "{address}");
    }
}

#[tokio::test]
async fn what_is_accepted_waits_for_the_disk_and_what_can_be_done_again_does_not() {
    let place = Place::file().await;
    let store = &place.store;
    let synchronous = async |transaction: &mut Transaction<'_, Any>| {
        let row = sqlx::query_as("PRAGMA synchronous").fetch_one(&mut **transaction).await;
        let (level,): (i64,) = row.unwrap();
        level
    };
    let (normal, full) = (1, 2);
    assert_eq!(synchronous(&mut store.begin().await.unwrap()).await, full);
    // dropped transactions are rolled back, and the next one still says what it needs
    assert_eq!(synchronous(&mut store.begin_lightly().await.unwrap()).await, normal);
    assert_eq!(synchronous(&mut store.begin().await.unwrap()).await, full);
}
