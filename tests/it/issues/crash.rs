//! A run that is killed before or after any of its writes, and the run behind it, which makes good what is missing and
//! nothing twice.

use std::process::Child;

use serde_json::json;
use upmon::report::Finding;

use super::scene::{Scene, current, one};
use crate::github::faults::{Fault, Moment, What, Which};
use crate::github::state::{Issue, Repository};

/// What the run is to change.
pub(crate) const ACTIONS: usize = 12;

fn named(name: &str, mut findings: Vec<Finding>) -> Finding {
    let mut finding = findings.remove(0);
    finding.id = format!("rust/{name}");
    name.clone_into(&mut finding.package);
    finding
}

fn behind(name: &str, severity: &str, newest: &str) -> Finding {
    named(name, one("rust/tokio", &[("/severity", json!(severity)), ("/newest/version", json!(newest))]))
}

/// What the first run finds.
fn first() -> Vec<Finding> {
    ["done-1", "done-2", "worse-1", "worse-2", "shut", "twin"].map(|name| behind(name, "warning", "1.53.0")).into()
}

/// What the run finds that is killed: a label, three issues to create, two to close, two that are worse, one to open
/// again, two to fold, and the rollup.
fn second() -> Vec<Finding> {
    let done = ["done-1", "done-2"].map(|name| named(name, current()));
    let worse = ["worse-1", "worse-2"].map(|name| behind(name, "error", "1.53.0"));
    let new = ["new-1", "new-2", "new-3"].map(|name| behind(name, "warning", "1.53.0"));
    let other = [behind("shut", "warning", "1.54.0"), behind("twin", "warning", "1.53.0")];
    done.into_iter().chain(worse).chain(new).chain(other).collect()
}

/// The repository before the run that is killed.
pub(crate) async fn before() -> Repository {
    let scene = Scene::new(first()).await;
    scene.run(&[]).ended(0);
    let mut shop = scene.github.shop();
    let of =
        |shop: &Repository, name: &str| shop.issues.iter().position(|issue| issue.title.starts_with(name)).unwrap();
    let (shut, twin) = (of(&shop, "shut"), of(&shop, "twin"));
    shop.issues[shut].is_closed = true;
    for _ in 0..2 {
        let number = shop.issues.len() as u64 + 1;
        let copy = Issue { number, ..shop.issues[twin].clone() };
        shop.issues.push(copy);
    }
    settled(shop)
}

/// A place where the run is about to happen. Lists lag behind by so many requests.
pub(crate) async fn ready(before: &Repository, lag: usize) -> Scene {
    let scene = Scene::new(second()).await;
    scene.github.change(|shop| *shop = before.clone());
    let mut state = scene.github.state();
    state.lag = lag;
    if lag > 0 {
        // a list on many pages would take as many requests as the lag is long
        state.per_page = 100;
    }
    drop(state);
    scene
}

/// In which everything is in lists.
pub(crate) fn settled(mut shop: Repository) -> Repository {
    shop.issues.iter_mut().for_each(|issue| issue.listed_from = 0);
    shop.comments.iter_mut().for_each(|comment| comment.listed_from = 0);
    shop
}

/// Starts the run, kills it when it waits for the answer to this write, and runs again.
async fn killed(before: &Repository, write: usize, moment: Moment, lag: usize) -> Scene {
    let scene = ready(before, lag).await;
    scene.github.state().faults.add(Fault::new(Which::Writes, What::Hold).after(write).at(moment));
    let mut child: Child = scene.command(&[]).spawn().unwrap();
    scene.github.held().await;
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it was killed, it did not end");
    scene.github.state().faults.clear();
    scene.run(&[]).ended(0);
    scene
}

async fn check(lag: usize) {
    let before = before().await;
    let whole = ready(&before, 0).await;
    let plan = whole.run(&["--dry-run"]).ended(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), ACTIONS);
    whole.run(&[]).ended(0);
    let writes = whole.writes().len();
    assert!(writes > ACTIONS, "comments are writes of their own: {writes}");
    let expected = settled(whole.github.shop());
    for write in 0..writes {
        for moment in [Moment::BeforeTheEffect, Moment::AfterTheEffect] {
            let scene = killed(&before, write, moment, lag).await;
            let about = format!("killed {moment:?} of write {write}, lists lag by {lag}");
            assert_eq!(settled(scene.github.shop()), expected, "{about}");
            scene.writes();
            scene.github.state().lag = 0;
            scene.run(&[]).ended(0);
            assert!(scene.writes().is_empty(), "{about}: a third run writes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_anywhere_is_finished_by_the_next_and_nothing_is_there_twice() {
    check(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_when_lists_do_not_show_yet_what_the_killed_run_made() {
    check(6).await;
}
