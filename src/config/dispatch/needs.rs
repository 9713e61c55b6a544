//! Which targets need which, and so the order in which they are started.

use std::collections::BTreeMap;

use super::target::{Named, Target, Targets};
use super::values::Approval;
use crate::document::{InFile, Placed, Problem, Text, nearest};

impl Targets {
    /// The targets, each behind those that it needs; `approval` is for those that say none.
    pub(super) fn in_order(self, approval: Approval, problems: &mut Vec<Problem>) -> Vec<Target> {
        let Self(named) = self;
        let before = problems.len();
        let needs: Needs<'_> = (named.iter())
            .map(|named| (named.name.as_str(), named.table.needs.get().into_iter().flatten().collect()))
            .collect();
        for need in needs.values().flatten() {
            problems.extend(unknown_need(need, &needs));
        }
        problems.extend(needed_and_untraced(&named, &needs));
        if problems.len() == before {
            problems.extend(cycle(&named, &needs));
        }
        if problems.len() > before {
            return Vec::new();
        }
        let of = |name: &str| needs[name].iter().map(|need| need.value.0.0.clone()).collect();
        let mut targets: Vec<Target> =
            named.iter().filter_map(|Named { name, table, .. }| table.target(name, of(name), approval)).collect();
        let depths: BTreeMap<String, usize> =
            targets.iter().map(|target| (target.name.clone(), depth(&target.name, &needs))).collect();
        targets.sort_by_key(|target| depths[&target.name]);
        targets
    }
}

type Needs<'a> = BTreeMap<&'a str, Vec<&'a Placed<InFile<Text>>>>;

fn unknown_need(need: &Placed<InFile<Text>>, needs: &Needs<'_>) -> Option<Problem> {
    let InFile(Text(name)) = &need.value;
    if needs.contains_key(name.as_str()) {
        return None;
    }
    let problem = Problem::new(need.span.clone(), format!("there is no dispatch target `{name}`"));
    let known: Vec<&str> = needs.keys().copied().collect();
    Some(match nearest(name, &known) {
        Some(word) => problem.help(format!("did you mean `{word}`?")),
        None => problem.help(format!("known targets: {}", known.join(", "))),
    })
}

/// Nobody can wait for runs that cannot be found.
fn needed_and_untraced(named: &[Named], needs: &Needs<'_>) -> Vec<Problem> {
    let untraced = |name: &str| {
        let found = named.iter().find(|named| named.name == name);
        found.is_some_and(|named| named.table.event_type.get().is_some() && named.table.traced.get() != Some(&true))
    };
    let needed = needs.values().flatten().filter(|need| untraced(&need.value.0.0));
    needed
        .map(|need| {
            let message = format!("nobody can wait for `{}`: a repository_dispatch tells no run", need.value.0.0);
            let help = "show the correlation id in the `run-name` of its workflow, and say `traced = true` there";
            Problem::new(need.span.clone(), message).help(help)
        })
        .collect()
}

/// The first way that leads from a target back to it.
fn cycle(named: &[Named], needs: &Needs<'_>) -> Option<Problem> {
    named.iter().find_map(|named| {
        let mut path = vec![named.name.as_str()];
        way_back(&mut path, needs).then(|| {
            let path: Vec<String> = path.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("targets that need each other can never start: {}", path.join(" needs "));
            Problem::new(named.span.clone(), message)
        })
    })
}

/// Extends the path until it ends where it began, if it can.
fn way_back<'a>(path: &mut Vec<&'a str>, needs: &Needs<'a>) -> bool {
    let last = path[path.len() - 1];
    for need in &needs[last] {
        let name = need.value.0.0.as_str();
        let is_seen = path.contains(&name);
        path.push(name);
        if name == path[0] || (!is_seen && way_back(path, needs)) {
            return true;
        }
        path.pop();
    }
    false
}

/// How many layers of targets come before one. Only for targets without a cycle.
fn depth(name: &str, needs: &Needs<'_>) -> usize {
    needs[name].iter().map(|need| 1 + depth(&need.value.0.0, needs)).max().unwrap_or(0)
}
