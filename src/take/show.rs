//! A plan as people see it.

use std::fmt::Write as _;

use super::{Change, Plan};
use crate::report::escape::terminal;

/// The lines that change, each file with the first line of each place.
pub(crate) fn diff(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        for hunk in hunks(change) {
            let name = terminal(&change.before.name().display().to_string());
            writeln!(text, "{name}:{}", hunk.line).expect("a string takes every text");
            text.extend(hunk.before.iter().map(|line| format!("-{}\n", terminal(line))));
            text.extend(hunk.after.iter().map(|line| format!("+{}\n", terminal(line))));
        }
    }
    text
}

/// Lines that stand together and change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hunk<'a> {
    /// The first of them, from 1.
    pub(super) line: usize,
    pub(super) before: Vec<&'a str>,
    pub(super) after: Vec<&'a str>,
}

/// With as many lines as before, each line against its own; else the one stretch in which the files differ.
pub(super) fn hunks(change: &Change) -> Vec<Hunk<'_>> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (change.before.text().lines().collect(), change.after.text().lines().collect());
    if before.len() == after.len() {
        let pairs = before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after);
        return pairs
            .map(|(at, (before, after))| Hunk { line: at + 1, before: vec![*before], after: vec![*after] })
            .collect();
    }
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(&after).take_while(same).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(same).count();
    vec![Hunk {
        line: head + 1,
        before: before[head..before.len() - tail].to_vec(),
        after: after[head..after.len() - tail].to_vec(),
    }]
}
