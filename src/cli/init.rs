//! `upmon init`: finds the files that upmon can read pins from, and names them in the pins file; nobody is asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::pins::write;
use super::{Failure, Global, list, output};
use crate::config::read_source;
use crate::document::{FileError, Source, Wrong};
use crate::error::ExitCode;
use crate::pin::holdings::{self, Holdings};
use crate::pin::manifest::{DEFAULT_PATH, Manifest};
use crate::pin::project::files::{Disk, Files, directory};
use crate::replace::replace;
use crate::report::escape::terminal;
use crate::start::discover::{Discovery, Found, Search, discover};
use crate::start::{Planned, additions, workflow};

/// Arguments of `upmon init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The directory to look in; without `--pins` it also gets the pins file [default: that of the pins file]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Leave out paths, from the directory of the pins file, that match this glob, such as `tests/**`; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<globset::Glob>,
    /// Also write `.github/workflows/upmon.yml`, which checks the pins every night
    #[arg(long)]
    workflow: bool,
    /// The action that the workflow uses, such as `OWNER/upmon@COMMIT`
    #[arg(long, requires = "workflow", value_name = "ACTION", value_parser = workflow::action)]
    action: Option<String>,
    /// Replace a workflow of that name that says something else
    #[arg(long, requires = "workflow")]
    force: bool,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(global: &Global, arguments: &InitArgs) -> Result<ExitCode, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let usage = |error: FileError| Failure::Usage(error.render(color));
    let pins = pins_file(global, arguments);
    let base = directory(&pins).to_owned();
    let under = below(&base, arguments.directory.as_deref().unwrap_or(&base))?;
    let known = existing(&pins).map_err(usage)?;
    let settings = read_source(global.config.as_deref(), &pins).map_err(usage)?;
    let disk = Disk::around(&pins);
    let workflow = arguments.workflow.then(|| NewWorkflow::plan(&pins, &disk, arguments)).transpose()?;
    let files = Planned::new(&disk, workflow.iter().filter_map(|new| new.seen_from(&base, &disk)).collect());
    let exclude = set(&arguments.exclude);
    let discovery = discover(&Search { base: &base, under: &under, exclude: &exclude }, &files);
    let source = known.clone().unwrap_or_else(|| Source::new(&pins, additions::EMPTY));
    let read = |source: &Source| Manifest::parse(source.clone())?.with_settings(settings.clone());
    let before = read(&source).map_err(|wrong| usage(wrong.into()))?;
    let added = added(&before, &discovery, &files).map_err(usage)?;
    if known.is_none() && discovery.found.is_empty() && discovery.broken.is_empty() {
        return Err(nothing(&base.join(&under)));
    }
    let changed = additions::with_files(&source, &added)
        .map_err(|problems| usage(Wrong::new(source.clone().into(), problems).into()))?;
    // what is written was read before, so the next command does not refuse it
    let manifest = read(&changed).map_err(|wrong| usage(wrong.into()))?;
    let holdings = Holdings::with(manifest, &files).map_err(usage)?;
    let is_new = known.is_none() && !added.is_empty();
    let mut text = shown(&discovery, &added);
    text.push_str(&list::not_checked(&holdings.unpinned));
    let does = |done: &'static str, planned: &'static str| if arguments.dry_run { planned } else { done };
    if let Some(workflow) = &workflow {
        text.push_str(&workflow.carry_out(arguments)?);
    }
    let file = terminal(&pins.display().to_string());
    if added.is_empty() {
        writeln!(text, "`{file}` {}", if known.is_some() { "stays as it is" } else { "is not written" }).expect(STRING);
    } else {
        if !arguments.dry_run {
            write(known, changed)?;
        }
        let what =
            if is_new { does("is written", "would be written") } else { does("is extended", "would be extended") };
        writeln!(text, "`{file}` {what}: {} in `from`", counted(added.len(), "entry", "entries")).expect(STRING);
    }
    let pinned = counted(holdings.manifest.pins.len(), "pin", "pins");
    writeln!(text, "{pinned}, {} not checked", holdings.unpinned.len()).expect(STRING);
    writeln!(text, "next: {}", next(arguments.dry_run, &pins)).expect(STRING);
    output::print(text.as_bytes())?;
    let is_whole = discovery.broken.is_empty() && discovery.unseen.is_empty();
    Ok(if is_whole { ExitCode::Success } else { ExitCode::Unknown })
}

const STRING: &str = "a string takes every text";

fn glob(text: &str) -> Result<globset::Glob, String> {
    GlobBuilder::new(text).literal_separator(true).build().map_err(|error| error.kind().to_string())
}

fn set(globs: &[globset::Glob]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob.clone());
    }
    set.build().expect("each of the globs was built before")
}

/// The pins file: that of the directory that was named, unless one was named itself.
fn pins_file(global: &Global, arguments: &InitArgs) -> PathBuf {
    match &arguments.directory {
        Some(directory) if global.pins == Path::new(DEFAULT_PATH) => directory.join(DEFAULT_PATH),
        _ => global.pins.clone(),
    }
}

/// The directory to look in, from that of the pins file.
fn below(base: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    let real = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let found = std::fs::canonicalize(path).and_then(|found| {
            if found.is_dir() { Ok(found) } else { Err(std::io::Error::from(std::io::ErrorKind::NotADirectory)) }
        });
        found.map_err(|error| Failure::Usage(format!("error: cannot look into `{}`: {error}", path.display())))
    };
    let (base, directory) = (real(base)?, real(directory)?);
    directory.strip_prefix(&base).map(Path::to_owned).map_err(|_| {
        let message = format!("`{}` does not lie below the pins file, in `{}`", directory.display(), base.display());
        Failure::Usage(format!(
            "error: {message}\nhint: entries of `from` start at the pins file; name another with --pins"
        ))
    })
}

/// A file, if it is there.
pub(super) fn existing(pins: &Path) -> Result<Option<Source>, FileError> {
    match Source::read(pins, "") {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn nothing(directory: &Path) -> Failure {
    let message = format!("`{}` holds no file that upmon reads pins from", terminal(&directory.display().to_string()));
    let hint = format!("write down what you pin in `{DEFAULT_PATH}`, such as {}", additions::example());
    Failure::Usage(format!("error: {message}\nhint: {hint}"))
}

/// The entries that neither the pins file nor the settings have yet, neither as such nor by way of others.
fn added(manifest: &Manifest, discovery: &Discovery, files: &Planned<'_>) -> Result<Vec<String>, FileError> {
    let mut known = BTreeSet::new();
    for (format, file) in holdings::named(manifest, files)? {
        files.take_read();
        if let Some(source) = files.read(&file)? {
            format.read(&source, files)?;
        }
        known.extend(files.take_read());
    }
    let is_new = |found: &&Found| !found.files.iter().all(|file| known.contains(file));
    Ok(discovery.found.iter().filter(is_new).map(|found| found.entry.clone()).collect())
}

/// What was found, and what of it cannot be used.
fn shown(discovery: &Discovery, added: &[String]) -> String {
    let row = |found: &Found| {
        let state = if added.contains(&found.entry) { "new" } else { "known" };
        let mut holds = counted(found.pins, "pin", "pins");
        if found.unpinned > 0 {
            write!(holds, ", {} not checked", found.unpinned).expect(STRING);
        }
        vec![state.to_owned(), terminal(&found.entry), found.format.as_str().to_owned(), holds]
    };
    let mut text = String::new();
    if !discovery.found.is_empty() {
        text.push_str("found:\n");
        text.push_str(&list::columns(&discovery.found.iter().map(row).collect::<Vec<_>>()));
        text.push('\n');
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            writeln!(text, "{title}\n{}\n", lines.join("\n")).expect(STRING);
        }
    };
    section(
        "left out, since they name no package:",
        discovery.empty.iter().map(|path| terminal(&path.display().to_string())).collect(),
    );
    let broken = discovery.broken.iter().map(|error| terminal(&error.to_string()));
    let unseen = discovery.unseen.iter().map(|what| terminal(what));
    section("left out, since they cannot be read; mend them and run this again:", broken.chain(unseen).collect());
    text
}

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The command to type next.
pub(super) fn next(is_dry: bool, pins: &Path) -> String {
    if is_dry {
        return "the same without `--dry-run`".to_owned();
    }
    if pins == Path::new(DEFAULT_PATH) {
        return "`upmon check`".to_owned();
    }
    format!("`upmon check --pins {}`", terminal(&pins.display().to_string()))
}

/// The workflow that is to be written.
struct NewWorkflow {
    path: PathBuf,
    text: String,
    /// What stands there, if anything does.
    there: Option<Vec<u8>>,
}

impl NewWorkflow {
    fn plan(pins: &Path, disk: &Disk, arguments: &InitArgs) -> Result<Self, Failure> {
        let unknown = || Failure::Usage(format!("error: there is no directory for `{}`", pins.display()));
        let root = disk.root().ok_or_else(unknown)?;
        let base = std::fs::canonicalize(directory(pins)).map_err(|_| unknown())?;
        let from_root = base.strip_prefix(root).ok().and_then(|path| Some(path.join(pins.file_name()?)));
        let from_root = from_root
            .ok_or_else(unknown)?
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join("/");
        let text = workflow::text(arguments.action.as_deref(), (from_root != DEFAULT_PATH).then_some(&from_root));
        let path = root.join(workflow::PATH);
        let there = match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::Usage(format!("error: cannot read `{}`: {error}", path.display()))),
        };
        Ok(Self { path, text, there })
    }

    fn is_written(&self, arguments: &InitArgs) -> bool {
        match &self.there {
            Some(there) => arguments.force && there != self.text.as_bytes(),
            None => true,
        }
    }

    /// The workflow as formats see it, where it lies under the pins file.
    fn seen_from(&self, base: &Path, disk: &Disk) -> Option<(PathBuf, String)> {
        let is_below = std::fs::canonicalize(base).ok().as_deref() == disk.root();
        let name =
            base.join(workflow::PATH).components().filter(|part| *part != std::path::Component::CurDir).collect();
        (is_below && self.there.is_none()).then(|| (name, self.text.clone()))
    }

    /// Writes it, if that was asked for; says what became of it.
    fn carry_out(&self, arguments: &InitArgs) -> Result<String, Failure> {
        let mut text = String::new();
        let is_same = self.there.as_deref() == Some(self.text.as_bytes());
        let does = match (self.is_written(arguments), arguments.dry_run, is_same) {
            (true, true, _) => "would be written",
            (true, false, _) => "is written",
            (false, _, true) => "stays as it is",
            (false, _, false) => "is there and says something else; `--force` replaces it",
        };
        writeln!(text, "`{}` {does}", workflow::PATH).expect(STRING);
        if self.is_written(arguments) && !arguments.dry_run {
            let cannot = |error: std::io::Error| {
                Failure::Action(format!("error: cannot write `{}`: {error}", self.path.display()))
            };
            std::fs::create_dir_all(directory(&self.path)).map_err(cannot)?;
            replace(&self.path, self.text.as_bytes()).map_err(cannot)?;
        }
        if self.is_written(arguments) && arguments.action.is_none() {
            writeln!(
                text,
                "  it names no action yet: put your copy of upmon's action and its commit in place of `{}`",
                workflow::PLACEHOLDER
            )
            .expect(STRING);
        }
        Ok(text)
    }
}
