//! What the store promises of actions and of the record of dispatches, on both databases.

use super::tests::{LEASE, at, learned, outcome, places, sample};
use super::*;
use crate::config::Action;
use crate::dispatch::record::{Dispatched, Ledger as _, State};

const ISSUES: Asked = Asked::Report(Action::Issues);

fn command(package: &str) -> Asked {
    Asked::Command { name: "hook".to_owned(), package: package.to_owned(), change: "{}".to_owned() }
}

fn ended(is_success: bool) -> Ended {
    Ended { is_success, summary: "so".to_owned(), output: "text".to_owned() }
}

/// A check that asks for these, and how many changes it told.
async fn check(store: &Store, seconds: i64, findings: Vec<crate::report::Finding>, asked: &[Asked]) -> usize {
    let told = std::sync::Mutex::new(0);
    let follow = |news: &News| {
        *told.lock().unwrap() = news.changed.len();
        asked.to_vec()
    };
    let learned = Ok(learned(findings));
    store.record_and_ask(&outcome(seconds, Scope::All, learned), &[], "worker", &follow).await.unwrap();
    *told.lock().unwrap()
}

#[tokio::test]
async fn a_change_is_told_once_and_by_one_of_two_checks() {
    for place in places().await {
        let mut findings = sample();
        let first = check(&place.store, 0, findings.clone(), &[]).await;
        assert!(first > 0, "new pins that are behind, or unknown");
        assert_eq!(check(&place.store, 1, findings.clone(), &[]).await, 0);
        let one = findings.iter_mut().find(|finding| finding.status == crate::lag::Status::Behind).unwrap();
        one.newest.as_mut().unwrap().version = "99.0.0".to_owned();
        let asked = [command("a")];
        let (a, b) = tokio::join!(
            check(&place.store, 2, findings.clone(), &asked),
            check(&place.store, 2, findings.clone(), &[])
        );
        assert_eq!(a + b, 1);
    }
}

#[tokio::test]
async fn actions_come_one_at_a_time_of_each_queue_and_one_that_waits_answers_the_next() {
    for place in places().await {
        let store = &place.store;
        check(store, 0, sample(), &[ISSUES, command("a"), command("b")]).await;
        check(store, 1, sample(), &[ISSUES]).await;
        assert_eq!(store.open_actions().await.unwrap(), 3);
        let issues = store.lease_action(false, "one", at(10), LEASE).await.unwrap().unwrap();
        assert_eq!((issues.kind, issues.attempts), (ActionKind::Report(Action::Issues), 1));
        let hook = store.lease_action(true, "two", at(10), LEASE).await.unwrap().unwrap();
        assert_eq!((hook.name.as_str(), hook.package.as_deref()), ("hook", Some("a")));
        for are_commands in [false, true] {
            assert_eq!(store.lease_action(are_commands, "three", at(11), LEASE).await.unwrap(), None);
        }
        // one that is under way may have read what there was before
        check(store, 2, sample(), &[ISSUES]).await;
        assert_eq!(store.open_actions().await.unwrap(), 4);
        // the first worker died, and what it says later counts no more
        let again = store.lease_action(true, "three", at(100), LEASE).await.unwrap().unwrap();
        assert_eq!((again.id.as_str(), again.attempts), (hook.id.as_str(), 2));
        assert!(matches!(store.end_action(&hook, "two", &ended(true), at(101)).await, Err(StoreError::LeaseLost)));
        store.end_action(&again, "three", &ended(true), at(101)).await.unwrap();
        let told = store.action(&again.id).await.unwrap().unwrap();
        assert_eq!((told.ended_at, told.last), (Some(at(101)), Some(ended(true))));
        assert_eq!(store.actions(at(1000), 10).await.unwrap().len(), 4);
        // old ones go, and only those that are over
        store.drop_before(at(5000)).await.unwrap();
        assert_eq!(store.actions(at(1000), 10).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn an_action_that_fails_is_begun_again_later_and_then_given_up() {
    for place in places().await {
        let store = &place.store;
        check(store, 0, sample(), &[ISSUES]).await;
        let mut seconds = 10;
        for attempt in 1..=5 {
            let errand = store.lease_action(false, "one", at(seconds), LEASE).await.unwrap().unwrap();
            assert_eq!(errand.attempts, attempt);
            store.end_action(&errand, "one", &ended(false), at(seconds)).await.unwrap();
            assert_eq!(store.lease_action(false, "one", at(seconds + 29), LEASE).await.unwrap(), None);
            seconds += 1_000;
        }
        assert_eq!(store.open_actions().await.unwrap(), 0);
        let told = store.actions(at(9000), 1).await.unwrap().remove(0);
        assert_eq!((told.attempts, told.last), (5, Some(ended(false))));
        // the next check asks anew
        check(store, 2, sample(), &[ISSUES]).await;
        assert_eq!(store.open_actions().await.unwrap(), 1);
    }
}

fn dispatched(target: &str, version: &str) -> Dispatched {
    Dispatched {
        target: target.to_owned(),
        package: "rust/tokio".to_owned(),
        version: version.to_owned(),
        retry: 0,
        correlation: "upmon-0".to_owned(),
        at: at(0),
        state: State::Intended,
        run: None,
        conclusion: None,
    }
}

#[tokio::test]
async fn the_record_of_dispatches_has_one_holder_and_who_lost_it_writes_nothing() {
    for place in places().await {
        let first = StoredRecord::lock(place.store.clone()).await.unwrap();
        let refused = StoredRecord::lock(place.store.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("another run works with the record"), "{refused}");
        let noted = vec![dispatched("a", "1"), dispatched("b", "1")];
        first.write("rust/tokio", noted.clone()).await.unwrap();
        assert_eq!(first.read().await.unwrap().dispatches, noted);
        assert_eq!(StoredRecord::unlocked(place.store.clone()).read().await.unwrap().dispatches, noted);
        first.write("rust/tokio", vec![dispatched("a", "1")]).await.unwrap();
        first.release().await;
        let second = StoredRecord::lock(place.store.clone()).await.unwrap();
        assert!(first.write("rust/tokio", noted.clone()).await.is_err());
        assert_eq!(second.read().await.unwrap().dispatches, [dispatched("a", "1")]);
        second.release().await;
    }
}
