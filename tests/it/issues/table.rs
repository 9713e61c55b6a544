//! Every cell of the decision table, as the documentation prints it, through the binary.
//!
//! The documentation's table is the code's own (a test beside the code compares them), so a row or a column that is new
//! there fails here until a scene is made for it.

use std::collections::BTreeMap;

use serde_json::json;
use upmon::report::Finding;

use super::scene::{Scene, current, one, per_package, unknown};

/// A column's heading and what is to be done.
type Row = BTreeMap<String, String>;

fn table() -> BTreeMap<String, Row> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let documentation = include_str!("../../../docs/issues.md");
    let mut lines = documentation.lines().skip_while(|line| !line.starts_with("| issue | "));
    let headings = cells(lines.next().unwrap());
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|row| (row[0].clone(), headings.iter().cloned().zip(row).skip(1).collect())).collect()
}

macro_rules! rows {
    ($($test:ident: $standing:literal;)+) => {
        const STANDINGS: &[&str] = &[$($standing),+];

        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            for (word, decision) in &table()[$standing] {
                check($standing, word, decision).await;
            }
        })+
    };
}

rows! {
    where_there_is_no_issue_only_what_is_behind_gets_one: "nothing";
    an_open_issue_is_closed_updated_told_of_or_left: "open";
    an_issue_that_upmon_closed_is_opened_when_it_is_behind_again: "closed by upmon";
    an_issue_that_a_person_closed_is_opened_when_it_is_worse: "closed by a person";
    an_issue_that_is_snoozed_is_only_closed: "snoozed";
}

#[test]
fn every_row_of_the_table_has_its_test() {
    let table = table();
    let mut tested = STANDINGS.to_vec();
    tested.sort_unstable();
    assert_eq!(table.keys().collect::<Vec<_>>(), tested);
    for (standing, row) in &table {
        assert_eq!(row.len(), 4, "{standing}");
    }
}

fn tokio(severity: &str, newest: &str) -> Vec<Finding> {
    one("rust/tokio", &[("/severity", json!(severity)), ("/newest/version", json!(newest))])
}

fn finding(standing: &str, word: &str) -> Vec<Finding> {
    match (word, standing) {
        ("current", _) => current(),
        // of the same facts an open issue says everything already
        ("behind", "open") => tokio("warning", "1.54.0"),
        ("behind", _) => tokio("warning", "1.53.0"),
        ("worse than before", _) => tokio("error", "1.53.0"),
        ("unknown", _) => unknown(),
        _ => panic!("no finding is known for the column `{word}`"),
    }
}

async fn scene(standing: &str) -> Scene {
    let scene = per_package(tokio("warning", "1.53.0")).await;
    if standing != "nothing" {
        scene.run(&[]).ended(0);
    }
    match standing {
        "nothing" | "open" => {}
        "closed by upmon" => {
            scene.find(current());
            scene.run(&[]).ended(0);
        }
        "closed by a person" => scene.github.change(|shop| shop.issues[0].is_closed = true),
        "snoozed" => scene.github.change(|shop| shop.issues[0].body.push_str("\nupmon: snooze until 2026-11-20")),
        _ => panic!("no scene is known for the row `{standing}`"),
    }
    scene
}

async fn check(standing: &str, word: &str, decision: &str) {
    let about = format!("{standing}, {word}: {decision}");
    let scene = scene(standing).await;
    scene.writes();
    let before = scene.github.shop();
    scene.find(finding(standing, word));
    let code = if word == "unknown" { 3 } else { 0 };
    scene.run(&[]).ended(code);
    let writes: Vec<String> = scene.writes().into_iter().filter(|write| write != "POST labels").collect();
    let after = scene.github.shop();
    let expected: &[&str] = match decision {
        "leave" => &[],
        "create" => &["POST issues"],
        "update" => &["PATCH issues/1"],
        "update, comment" | "close" | "reopen" => &["POST issues/1/comments", "PATCH issues/1"],
        _ => panic!("nobody knows how to check `{decision}`"),
    };
    assert_eq!(writes, expected, "{about}");
    assert_eq!(after.issues.len(), before.issues.len() + usize::from(decision == "create"), "{about}");
    let is_closed = after.issues.first().map(|issue| issue.is_closed);
    match decision {
        "leave" => assert_eq!(after, before, "{about}"),
        "close" => assert_eq!(is_closed, Some(true), "{about}"),
        _ => assert_eq!(is_closed, Some(false), "{about}"),
    }
    scene.run(&[]).ended(code);
    assert!(scene.writes().is_empty(), "{about}: a second run writes");
}
