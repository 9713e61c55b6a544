//! `upmon ignore`: the versions that are not wanted, as the pins file has them.

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::list::{columns, shown};
use super::setup::{instant, now};
use super::{Failure, Global, output};
use crate::document::{Date, FromText as _, Text, nearest};
use crate::error::ExitCode;
use crate::pin::manifest::Manifest;
use crate::pin::{Ignore, Pin};
use crate::report::escape::{json as harmless, terminal};
use crate::take::ignore::{Over, above, add, over, remove};
use crate::take::{Plan, diff};

/// Arguments of `upmon ignore`.
#[derive(Debug, Args)]
pub(super) struct IgnoreArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Ignore versions of a package; an entry that names the same versions is renewed
    Add(AddArgs),
    /// Show every entry, and whether it still has an effect
    List(ListArgs),
    /// Take out the entries whose last day has passed, and those that the pin has left behind
    Prune(PruneArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The pin: `group/package`, or the package alone
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// The versions, as a requirement in the scheme's own syntax [default: everything above the pinned one]
    #[arg(long, value_name = "REQUIREMENT")]
    versions: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The last day on which it holds, such as 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = date)]
    until: Option<NaiveDate>,
    #[command(flatten)]
    writing: WritingArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    day: DayArgs,
}

#[derive(Debug, Args)]
struct PruneArgs {
    #[command(flatten)]
    writing: WritingArgs,
}

#[derive(Debug, Args)]
struct WritingArgs {
    /// Show what would be changed, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    day: DayArgs,
}

#[derive(Debug, Args)]
struct DayArgs {
    /// Judge as of this instant: RFC 3339, or a date, which means its first second in UTC
    #[arg(long, env = "UPMON_AS_OF", hide_env_values = true, value_name = "TIME", value_parser = instant)]
    as_of: Option<DateTime<Utc>>,
}

fn date(text: &str) -> Result<NaiveDate, String> {
    Date::from_text(text).map(|date| date.0).map_err(|_| "write it as year, month and day: 2027-01-31".to_owned())
}

pub(super) fn run(global: &Global, arguments: &IgnoreArgs) -> Result<ExitCode, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    // only what the pins file and the settings pin themselves can have entries, so the files that they name are not read
    let manifest = global.manifest().map_err(|error| Failure::Usage(error.render(color)))?;
    match &arguments.action {
        Action::Add(arguments) => added(global, &manifest, arguments),
        Action::List(arguments) => {
            let now = arguments.day.as_of.unwrap_or_else(now);
            let text = if arguments.json { as_json(&manifest, now) } else { as_table(&manifest, now) };
            output::print(text.as_bytes())?;
            Ok(ExitCode::Success)
        }
        Action::Prune(arguments) => pruned(global, &manifest, arguments),
    }
}

fn added(global: &Global, manifest: &Manifest, arguments: &AddArgs) -> Result<ExitCode, Failure> {
    let pin = chosen(global, manifest, &arguments.package)?;
    let now = arguments.writing.day.as_of.unwrap_or_else(now);
    let id = terminal(&pin.id());
    let wrong = |what: String, hint: &str| Failure::Usage(format!("error: {what}\nhint: {hint}"));
    let versions = arguments.versions.clone().or_else(|| above(pin));
    let Some(versions) = versions else {
        return Err(wrong(
            format!("there is no way to say \"above `{}`\"", terminal(&pin.version)),
            "name the --versions",
        ));
    };
    if let Err(error) = pin.scheme.requirement(&versions) {
        let hint = format!("`{id}` has versions of the scheme {}, and `upmon explain {id}` shows them", pin.scheme);
        return Err(wrong(terminal(&error.to_string()), &hint));
    }
    if let Some(until) = arguments.until.filter(|until| *until < now.date_naive()) {
        return Err(wrong(
            format!("{until} has passed"),
            "name a day to come, or none to ignore the versions for ever",
        ));
    }
    if let Some(Err(refusal)) = arguments.reason.as_deref().map(Text::from_text) {
        return Err(wrong(format!("`--reason` {}", refusal.reason), "say it in plain words, or leave it out"));
    }
    let new = Ignore { versions, reason: arguments.reason.clone(), until: arguments.until };
    let plan = add(manifest, pin, &new).map_err(refused)?;
    if plan.changes.is_empty() {
        output::print(format!("{id} ignores {} already\n", terminal(&new.versions)).as_bytes())?;
        return Ok(ExitCode::Success);
    }
    finished(global, &plan, arguments.writing.dry_run)
}

fn pruned(global: &Global, manifest: &Manifest, arguments: &PruneArgs) -> Result<ExitCode, Failure> {
    let now = arguments.writing.day.as_of.unwrap_or_else(now);
    let (gone, in_settings): (Vec<_>, Vec<_>) = manifest
        .pins
        .iter()
        .map(|pin| (pin, (0..pin.ignore.len()).filter(|&at| over(pin, &pin.ignore[at], now).is_some()).collect()))
        .filter(|(_, places): &(_, Vec<usize>)| !places.is_empty())
        .partition(|(pin, _)| is_in_pins_file(manifest, pin));
    for (pin, _) in &in_settings {
        let (id, place) = (terminal(&pin.id()), shown(&pin.place));
        output::complain(&format!("note: `{id}` in `{place}` has entries that are over; take them out by hand"));
    }
    if gone.is_empty() && !in_settings.is_empty() {
        return Ok(ExitCode::Success);
    }
    if gone.is_empty() {
        output::print(b"every entry still has an effect, or there is none\n")?;
        return Ok(ExitCode::Success);
    }
    let plan = remove(manifest, &gone).map_err(refused)?;
    finished(global, &plan, arguments.writing.dry_run)
}

/// Shows the plan, and carries it out.
fn finished(global: &Global, plan: &Plan, is_dry: bool) -> Result<ExitCode, Failure> {
    if !is_dry {
        plan.carry_out().map_err(|refusal| {
            let hint = refusal.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            Failure::Action(format!("error: {}{hint}", refusal.reason))
        })?;
    }
    output::print(diff(plan).as_bytes())?;
    if is_dry && !global.quiet {
        output::complain("nothing was written (--dry-run)");
    }
    Ok(ExitCode::Success)
}

fn refused(refusal: crate::take::Refusal) -> Failure {
    let hint = refusal.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    let start = if refusal.reason.contains('\n') { "" } else { "error: " };
    Failure::Usage(format!("{start}{}{hint}", refusal.reason))
}

/// The pin of the pins file that a name means.
fn chosen<'a>(global: &Global, manifest: &'a Manifest, name: &str) -> Result<&'a Pin, Failure> {
    let found: Vec<&Pin> = manifest.pins.iter().filter(|pin| pin.id() == name || pin.package == name).collect();
    let failure = |message: String, hint: String| Err(Failure::Usage(format!("error: {message}\nhint: {hint}")));
    match found[..] {
        [pin] if is_in_pins_file(manifest, pin) => return Ok(pin),
        [pin] => {
            let place = shown(&pin.place);
            return failure(
                format!("`{}` is pinned in `{place}`, and settings are left to people", terminal(&pin.id())),
                format!(
                    "write `ignore = [{{ versions = \"{}\" }}]` there",
                    above(pin).unwrap_or_else(|| "...".to_owned())
                ),
            );
        }
        [] => {}
        _ => {
            let ids: Vec<String> = found.iter().map(|pin| terminal(&pin.id())).collect();
            return failure(
                format!("several pins are called `{}`", terminal(name)),
                format!("name one of {}", ids.join(", ")),
            );
        }
    }
    let elsewhere = global.holdings().ok().map(|holdings| holdings.manifest.pins).unwrap_or_default();
    if let Some(pin) = elsewhere.iter().find(|pin| pin.id() == name || pin.package == name) {
        return failure(
            format!("`{}` is pinned in `{}`, which has no room for it", terminal(&pin.id()), shown(&pin.place)),
            format!("pin it in `{}`, too: what stands there comes first", global.pins.display()),
        );
    }
    let ids: Vec<String> = manifest.pins.iter().map(Pin::id).collect();
    let known: Vec<&str> =
        ids.iter().map(String::as_str).chain(manifest.pins.iter().map(|pin| pin.package.as_str())).collect();
    let hint = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a pin is named as `group/package`, or by its package alone".to_owned(),
    };
    failure(format!("no pin is called `{}`", terminal(name)), hint)
}

fn is_in_pins_file(manifest: &Manifest, pin: &Pin) -> bool {
    pin.place.file == manifest.source().name()
}

fn entries(manifest: &Manifest) -> impl Iterator<Item = (&Pin, &Ignore)> {
    manifest.pins.iter().flat_map(|pin| pin.ignore.iter().map(move |ignore| (pin, ignore)))
}

fn as_table(manifest: &Manifest, now: DateTime<Utc>) -> String {
    let row = |(pin, ignore): (&Pin, &Ignore)| {
        let until = ignore.until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
        let state = over(pin, ignore, now).map(|over| format!(" ({})", over.why())).unwrap_or_default();
        let reason = ignore.reason.as_deref().map(terminal).unwrap_or_default();
        vec![terminal(&pin.id()), terminal(&ignore.versions), format!("{until}{state}"), reason]
    };
    let text = columns(&entries(manifest).map(row).collect::<Vec<_>>());
    if text.is_empty() { "nothing is ignored\n".to_owned() } else { text }
}

fn as_json(manifest: &Manifest, now: DateTime<Utc>) -> String {
    let entry = |(pin, ignore): (&Pin, &Ignore)| {
        let over = over(pin, ignore, now).map(|over| match over {
            Over::Expired => "expired",
            Over::Beyond => "beyond",
        });
        json!({ "id": pin.id(), "versions": ignore.versions, "reason": ignore.reason, "until": ignore.until, "over": over })
    };
    let entries: Vec<Value> = entries(manifest).map(entry).collect();
    harmless(format!("{:#}\n", json!({ "schema_version": 1, "ignored": entries })))
}
