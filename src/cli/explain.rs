//! `upmon explain PACKAGE`: the whole decision about one pin.

use std::sync::Arc;

use clap::Args;

use super::setup::{Setup, SetupArgs};
use super::{Failure, Global, output};
use crate::config::Flags;
use crate::error::ExitCode;
use crate::explain::{Document, Explanation, text};
use crate::http::journal::Journal;
use crate::lookup::Engine;
use crate::pin::Pin;

/// Arguments of `upmon explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The pin: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Show each release, also where many in a row were taken or rejected by the same rule
    #[arg(long, conflicts_with = "json")]
    all: bool,
    /// Tell the same as JSON; `upmon schema explain` describes it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setup: SetupArgs,
}

pub(super) fn run(global: &Global, arguments: &ExplainArgs) -> Result<ExitCode, Failure> {
    let mut setup = Setup::new(global, &arguments.setup, Flags::default())?;
    let journal = setup.keep_journal();
    let pins = setup.take_chosen(std::slice::from_ref(&arguments.package))?;
    let engine = setup.engine()?;
    let mut explanations = Vec::new();
    for pin in &pins {
        explanations.push(setup.wait(explain(&engine, pin, &pins, &journal))?);
    }
    let kept = setup.keep();
    let is_unknown = explanations.iter().any(|explanation| explanation.finding.error.is_some());
    output::print(shown(arguments, &Document::new(explanations, engine.now)).as_bytes())?;
    kept?;
    Ok(if is_unknown { ExitCode::Unknown } else { ExitCode::Success })
}

/// Explains one pin of those of its name.
async fn explain(engine: &Engine, pin: &Pin, pins: &[Pin], journal: &Arc<Journal>) -> Explanation {
    let registry = engine.registry(pin.registry);
    let query = engine.query(pin);
    let asking: Vec<&Pin> =
        pins.iter().filter(|other| other.registry == pin.registry && engine.query(other) == query).collect();
    let learned = engine.learn(registry, &query, &asking).await;
    let finding = engine.finding(pin, registry, &query, &learned);
    Explanation::new(engine, pin, journal.take(), learned.as_ref().ok(), finding)
}

fn shown(arguments: &ExplainArgs, document: &Document) -> String {
    if arguments.json {
        return document.json();
    }
    let explanations = document.explanations.iter();
    explanations.map(|explanation| text::render(explanation, arguments.all)).collect()
}
