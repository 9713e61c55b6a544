//! `upmon explain PACKAGE`: the whole decision about one pin.

use std::fmt::Write as _;

use clap::Args;

use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::config::Flags;
use crate::error::{ExitCode, LookupError};
use crate::http::Origin;
use crate::lag::{Behind, Status};
use crate::lookup::{Engine, Learned};
use crate::pin::Pin;
use crate::report::Finding;
use crate::report::escape::terminal;
use crate::select::{Candidate, Selection};
use crate::version::Step;

/// Arguments of `upmon explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The pin: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE")]
    package: String,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &ExplainArgs) -> Result<ExitCode, Failure> {
    let setup = Setup::new(global, &arguments.setup, Flags::default())?;
    let pins = setup.chosen(std::slice::from_ref(&arguments.package))?;
    let engine = setup.engine()?;
    let mut text = String::new();
    let mut is_unknown = false;
    for pin in &pins {
        let registry = engine.registry(pin.registry);
        let query = engine.query(pin);
        let learned = setup.wait(engine.learn(registry, &query, &[pin]))?;
        let finding = engine.finding(pin, registry, &query, &learned);
        is_unknown |= finding.error.is_some();
        explain(&mut text, &engine, pin, &learned, &finding).expect("writing to a string does not fail");
    }
    output::print(text.as_bytes())?;
    setup.finish_recording()?;
    Ok(if is_unknown { ExitCode::Unknown } else { ExitCode::Success })
}

fn explain(
    text: &mut String,
    engine: &Engine,
    pin: &Pin,
    learned: &Result<Learned, LookupError>,
    finding: &Finding,
) -> std::fmt::Result {
    writeln!(text, "{} {}", terminal(&finding.id), terminal(&pin.version))?;
    writeln!(text, "  pinned at {}, compared as {}, listed by {}", pin.place, pin.scheme, pin.registry)?;
    if let Ok(learned) = learned {
        let fetched = &learned.fetched;
        writeln!(text, "  asked {} ({})", terminal(&fetched.address), origin(fetched.origin))?;
        for (label, reason) in &fetched.facts.unreadable {
            writeln!(text, "  unreadable entry {}: {}", terminal(label), terminal(reason))?;
        }
        if let Ok(selection) = engine.selection(pin, &fetched.facts) {
            releases(text, &selection)?;
        }
    }
    verdict(text, engine, pin, finding)
}

/// Every release, highest first; what does not parse comes last, in the registry's order.
fn releases(text: &mut String, selection: &Selection<'_>) -> std::fmt::Result {
    let mut candidates: Vec<&Candidate<'_>> = selection.candidates.iter().collect();
    candidates.sort_by(|a, b| match (&a.version, &b.version) {
        (Some(a), Some(b)) => b.total_order(a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    writeln!(text, "  {} release{}:", candidates.len(), if candidates.len() == 1 { "" } else { "s" })?;
    let widest =
        candidates.iter().map(|candidate| candidate.release.version.chars().count()).max().unwrap_or(0).min(40);
    for candidate in candidates {
        let date =
            candidate.release.published_at.map_or_else(|| "no date".to_owned(), |at| at.format("%Y-%m-%d").to_string());
        let place = match &candidate.version {
            Some(version) => match version.precedence(&selection.pinned) {
                std::cmp::Ordering::Greater => "above",
                std::cmp::Ordering::Equal => "pinned",
                std::cmp::Ordering::Less => "below",
            },
            None => "-",
        };
        let verdict = candidate
            .rejection
            .as_ref()
            .map_or_else(|| "eligible".to_owned(), |rejection| format!("rejected: {rejection}"));
        let label = terminal(&candidate.release.version);
        writeln!(text, "    {label:<widest$}  {date:<10}  {place:<6}  {}", terminal(&verdict))?;
    }
    Ok(())
}

fn verdict(text: &mut String, engine: &Engine, pin: &Pin, finding: &Finding) -> std::fmt::Result {
    if let Some(error) = &finding.error {
        writeln!(text, "  unknown ({}): {}", error.kind, terminal(&error.message))?;
    }
    if let Some(newest) = &finding.newest {
        writeln!(text, "  newest {}", terminal(&newest.version))?;
    }
    if let (Some(wanted), Some(requirement)) = (&finding.wanted, &pin.requirement) {
        writeln!(text, "  wanted {} by the requirement {}", terminal(&wanted.version), terminal(requirement))?;
    }
    if let (Some(behind), Some(update), Some(severity)) = (&finding.behind, finding.update, finding.severity) {
        writeln!(text, "  {}", standing(finding.status, update, behind))?;
        if let (Some(since), Some(days)) = (finding.behind_since, finding.days) {
            writeln!(
                text,
                "  behind since {}, {days} days before {}",
                since.format("%Y-%m-%d"),
                engine.now.format("%Y-%m-%d")
            )?;
        }
        writeln!(
            text,
            "  severity {severity}, by the policy {}",
            terminal(finding.rule.as_deref().unwrap_or_default())
        )?;
    }
    for notice in &finding.notices {
        writeln!(text, "  note: {}", terminal(&notice.message))?;
    }
    writeln!(text)
}

/// `behind: update minor, by 0 major, 2 minor, 0 patch, 3 releases`, or the status alone where nothing lies between.
fn standing(status: Status, update: Step, behind: &Behind) -> String {
    let Behind { major, minor, patch, releases } = behind;
    let plural = if *releases == 1 { "" } else { "s" };
    match status {
        Status::Behind => {
            format!(
                "behind: update {update}, by {major} major, {minor} minor, {patch} patch, {releases} release{plural}"
            )
        }
        Status::Current | Status::Ahead | Status::Unknown => status.as_str().to_owned(),
    }
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Network => "answered now",
        Origin::Revalidated => "kept from an earlier run, confirmed now",
        Origin::Fresh => "kept from an earlier run, still fresh",
        Origin::Stale => "kept from an earlier run, stale",
    }
}
