//! `upmon list`: every pin and where it stands, and what could not be pinned down; nobody is asked.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::{Failure, Global, output};
use crate::error::ExitCode;
use crate::pin::holdings::{Holdings, Unpinned};
use crate::pin::{Pin, Place};
use crate::report::escape::{json as harmless, terminal};

/// Arguments of `upmon list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &ListArgs) -> Result<ExitCode, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let holdings = global.holdings().map_err(|error| Failure::Usage(error.render(color)))?;
    let text = if arguments.json { as_json(&holdings) } else { as_table(&holdings) };
    output::print(text.as_bytes())?;
    Ok(ExitCode::Success)
}

fn as_table(holdings: &Holdings) -> String {
    let (pins, unpinned) = (&holdings.manifest.pins, &holdings.unpinned);
    let mut text = columns(&pins.iter().map(pin_row).collect::<Vec<_>>());
    if !unpinned.is_empty() {
        text.push_str(if pins.is_empty() { "not checked:\n" } else { "\nnot checked:\n" });
        text.push_str(&columns(&unpinned.iter().map(unpinned_row).collect::<Vec<_>>()));
    }
    let gap = if text.is_empty() { "" } else { "\n" };
    let word = if pins.len() == 1 { "pin" } else { "pins" };
    writeln!(text, "{gap}{} {word}, {} not checked", pins.len(), unpinned.len()).expect("a string takes every text");
    text
}

/// The rows of what is no pin, for who tells more than that; only the first of many.
pub(super) fn not_checked(unpinned: &[Unpinned]) -> String {
    const MOST: usize = 20;
    if unpinned.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = unpinned.iter().take(MOST).map(unpinned_row).collect();
    let more = unpinned.len().saturating_sub(MOST);
    let rest = if more > 0 { format!("and {more} more, see `upmon list`\n") } else { String::new() };
    format!("not checked:\n{}{rest}\n", columns(&rows))
}

/// Id, version, place, and what is required.
fn pin_row(pin: &Pin) -> Vec<String> {
    let required = |text: &String| {
        // an own requirement stands beside its pin; others have places of their own
        match pin.requirements.first().filter(|first| first.place.file != pin.place.file) {
            Some(first) => format!("requires {} ({})", terminal(text), shown(&first.place)),
            None => format!("requires {}", terminal(text)),
        }
    };
    let requirement = pin.requirement.as_ref().map(required).unwrap_or_default();
    vec![terminal(&pin.id()), terminal(&pin.version), shown(&pin.place), requirement]
}

/// The same for what is no pin, with the reason.
fn unpinned_row(unpinned: &Unpinned) -> Vec<String> {
    let version = unpinned.version.as_ref().or(unpinned.requirement.as_ref()).map_or("-", String::as_str);
    let name = format!("{}/{}", unpinned.group, unpinned.package);
    vec![terminal(&name), terminal(version), shown(&unpinned.place), terminal(&unpinned.reason)]
}

pub(super) fn shown(place: &Place) -> String {
    terminal(&format!("{}:{}", place.file.display(), place.line))
}

/// Rows as columns; the last one is as wide as it likes.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        text.extend([line.trim_end(), "\n"]);
    }
    text
}

fn as_json(holdings: &Holdings) -> String {
    let pins: Vec<Value> = holdings.manifest.pins.iter().map(pin_json).collect();
    let unpinned: Vec<Value> = holdings.unpinned.iter().map(unpinned_json).collect();
    harmless(format!("{:#}\n", json!({ "pins": pins, "unpinned": unpinned })))
}

fn pin_json(pin: &Pin) -> Value {
    json!({
        "id": pin.id(),
        "group": pin.group,
        "package": pin.package,
        "upstream": pin.upstream,
        "registry": pin.registry,
        "url": pin.url,
        "version": pin.version,
        "requirement": pin.requirement,
        "place": place_json(&pin.place),
        "requirements": pin.requirements.iter().map(|one| json!({ "requirement": one.text, "place": place_json(&one.place) })).collect::<Vec<_>>(),
        "elsewhere": pin.elsewhere.iter().map(|one| json!({ "version": one.text, "place": place_json(&one.place) })).collect::<Vec<_>>(),
    })
}

fn unpinned_json(unpinned: &Unpinned) -> Value {
    json!({
        "group": unpinned.group,
        "package": unpinned.package,
        "version": unpinned.version,
        "requirement": unpinned.requirement,
        "reason": unpinned.reason,
        "place": place_json(&unpinned.place),
    })
}

fn place_json(place: &Place) -> Value {
    json!({ "file": place.file.display().to_string(), "line": place.line, "column": place.column })
}
