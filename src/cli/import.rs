//! `upmon import`: takes over what another tool watches into the pins file; nobody is asked.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::init::{counted, existing, next};
use super::pins::write;
use super::{Failure, Global, output};
use crate::config::read_source;
use crate::document::{FileError, Problem, Source, Wrong};
use crate::error::ExitCode;
use crate::pin::Pin;
use crate::pin::manifest::Manifest;
use crate::report::escape::terminal;
use crate::start::additions::{self, NewPin};
use crate::start::nvchecker::{Config, Import, Record, Remark};

/// Arguments of `upmon import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The other tool's file, such as `nvchecker.toml`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose file it is, where its name does not say
    #[arg(long, value_name = "TOOL")]
    format: Option<Tool>,
    /// The versions that you hold, as nvchecker's `oldver` keeps them [default: what the file names as `oldver`]
    #[arg(long, value_name = "FILE")]
    versions: Option<PathBuf>,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// A configuration of nvchecker 2, in TOML
    Nvchecker,
}

pub(super) fn run(global: &Global, arguments: &ImportArgs) -> Result<ExitCode, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let usage = |error: FileError| Failure::Usage(error.render(color));
    let wrong = |source: &Source, problems: Vec<Problem>| usage(Wrong::new(source.clone().into(), problems).into());
    known_tool(arguments)?;
    let source = Source::read(&arguments.file, "name the file of the other tool").map_err(usage)?;
    let config = Config::parse(source).map_err(|wrong| usage(wrong.into()))?;
    let (record, read_from) = match record(&config, arguments).map_err(usage)? {
        Some(source) => {
            let record = Record::parse(&source).map_err(|problems| wrong(&source, problems))?;
            (record, Some(source.name().to_owned()))
        }
        None => (Record::default(), None),
    };
    let import = config.import(&record);
    let known = existing(&global.pins).map_err(usage)?;
    let source = known.clone().unwrap_or_else(|| Source::new(&global.pins, additions::EMPTY));
    let settings = read_source(global.config.as_deref(), &global.pins).map_err(usage)?;
    let read = |source: &Source| Manifest::parse(source.clone())?.with_settings(settings.clone());
    let before = read(&source).map_err(|wrong| usage(wrong.into()))?;
    let sorted = Sorted::of(&source, &before, &import, &config);
    let changed = additions::with_pins(&source, &sorted.new).map_err(|problems| wrong(&source, problems))?;
    read(&changed).map_err(|wrong| usage(wrong.into()))?;
    if !arguments.dry_run && !sorted.new.is_empty() {
        write(known, changed)?;
    }
    output::print(shown(&import, &sorted, read_from.as_deref(), global, arguments).as_bytes())?;
    let is_whole = import.left_out.is_empty() && sorted.refused.is_empty();
    Ok(if is_whole { ExitCode::Success } else { ExitCode::Unknown })
}

const STRING: &str = "a string takes every text";

/// Whose file it is: what was said, or what the name says.
fn known_tool(arguments: &ImportArgs) -> Result<Tool, Failure> {
    let name = arguments.file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_toml = arguments.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let by_name = (name.contains("nvchecker") && is_toml).then_some(Tool::Nvchecker);
    arguments.format.or(by_name).ok_or_else(|| {
        let message = format!("`{}` is not called like a file that upmon can import", arguments.file.display());
        Failure::Usage(format!("error: {message}\nhint: say whose it is, with --format nvchecker"))
    })
}

/// The record of versions: the one that was named, or that of the configuration, if it is there.
fn record(config: &Config, arguments: &ImportArgs) -> Result<Option<Source>, FileError> {
    if let Some(named) = &arguments.versions {
        return Source::read(named, "name the file that nvchecker calls `oldver`").map(Some);
    }
    let home = std::env::var("HOME").ok();
    match config.record(home.as_deref()) {
        Some(path) => existing(&path),
        None => Ok(None),
    }
}

/// What of an import is new to the pins file.
#[derive(Debug, Default)]
struct Sorted {
    new: Vec<NewPin>,
    /// Ids that the pins file or the settings have already; their own entry stays.
    there: Vec<String>,
    /// What no pin can be: its line, its id, and the reason.
    refused: Vec<(usize, String, String)>,
}

impl Sorted {
    fn of(source: &Source, manifest: &Manifest, import: &Import, config: &Config) -> Self {
        let known: HashSet<String> = manifest.named_pins().map(Pin::id).collect();
        let there = serde_json::from_str::<Json>(source.text()).unwrap_or_default();
        let mut sorted = Self::default();
        for (group, name, value) in &import.pins {
            let id = format!("{group}/{name}");
            let alone = Json::from_iter([(group.as_str(), Json::from_iter([(name.as_str(), value.clone())]))]);
            match Manifest::parse(Source::new("imported", alone.to_string())) {
                _ if known.contains(&id) || there.get(group).and_then(|group| group.get(name)).is_some() => {
                    sorted.there.push(id);
                }
                Ok(_) => sorted.new.push((group.clone(), name.clone(), value.clone())),
                Err(wrong) => {
                    let reasons: Vec<String> = wrong.problems().iter().map(ToString::to_string).collect();
                    sorted.refused.push((config.line(name).unwrap_or(1), id, reasons.join("; ")));
                }
            }
        }
        sorted
    }
}

fn shown(import: &Import, sorted: &Sorted, record: Option<&Path>, global: &Global, arguments: &ImportArgs) -> String {
    let mut text = String::new();
    let at = |line: usize| format!("{}:{line}", arguments.file.display());
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let lines: Vec<String> = lines.iter().map(|line| terminal(line)).collect();
            writeln!(text, "{title}\n{}\n", lines.join("\n")).expect(STRING);
        }
    };
    let named = |(group, name, value): &NewPin| {
        let version = value.as_str().or_else(|| value["version"].as_str()).unwrap_or_default();
        format!("{group}/{name}  {version}")
    };
    section("imported:", sorted.new.iter().map(named).collect());
    section("pinned already, and left as they are:", sorted.there.clone());
    let left = import.left_out.iter().map(|remark| format!("{}: {}: {}", at(remark.line), remark.package, remark.text));
    let refused = sorted.refused.iter().map(|(line, id, reason)| format!("{}: {id}: {reason}", at(*line)));
    section("not imported:", left.chain(refused).collect());
    section("options that are not taken over:", remarks(&import.remarks, &at));
    match record {
        Some(record) => writeln!(text, "versions: `{}`", terminal(&record.display().to_string())),
        None => writeln!(text, "versions: no record was found; name one with --versions"),
    }
    .expect(STRING);
    let file = terminal(&global.pins.display().to_string());
    let does = match (sorted.new.is_empty(), arguments.dry_run) {
        (true, _) => "stays as it is",
        (false, true) => "would be written",
        (false, false) => "is written",
    };
    let (count, left) = (counted(sorted.new.len(), "pin", "pins"), import.left_out.len() + sorted.refused.len());
    writeln!(text, "`{file}` {does}: {count} imported, {left} not imported").expect(STRING);
    writeln!(text, "next: {}", next(arguments.dry_run, &global.pins)).expect(STRING);
    text
}

/// What is told of many lines alike is told once.
fn remarks(remarks: &[Remark], at: &dyn Fn(usize) -> String) -> Vec<String> {
    let mut told: Vec<(&str, Vec<usize>)> = Vec::new();
    for remark in remarks {
        match told.iter_mut().find(|(text, _)| *text == remark.text) {
            Some((_, lines)) => lines.push(remark.line),
            None => told.push((&remark.text, vec![remark.line])),
        }
    }
    let line = |(text, lines): (&str, Vec<usize>)| match &*lines {
        [first, more @ ..] if !more.is_empty() => {
            let more: Vec<String> = more.iter().map(ToString::to_string).collect();
            format!("{}: {text} (so, too, line {})", at(*first), more.join(", "))
        }
        lines => format!("{}: {text}", at(lines[0])),
    };
    told.into_iter().map(line).collect()
}
