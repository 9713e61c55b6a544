//! Who writes a format: upmon, where a version is a text that stands for itself, or the tool whose lock file it is.
//!
//! A lock file says of each package which archive was seen (a hash), and which versions of other packages were chosen for
//! it. Another version alone would make it contradict itself, so its tool has to write it; upmon says with which command.

use std::path::{Path, PathBuf};

use crate::document::Source;
use crate::pin::project::files::directory;
use crate::pin::project::{Dependency, Format};

/// Who changes a version in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Writer {
    /// upmon: the text is all there is.
    Text,
    /// upmon, and then a tool writes what follows from it.
    TextAnd(Vec<Run>),
    /// A tool.
    Tool(Vec<Run>),
}

impl Writer {
    /// Whether upmon writes the version itself.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::TextAnd(_))
    }
}

/// One run of a tool, in the file's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    words: Vec<String>,
    /// A variable that it needs.
    variable: Option<(&'static str, &'static str)>,
    /// Whether it comes once, behind those for single packages.
    is_last: bool,
}

/// A command that is left to be run, or that was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the name in the JSON")]
pub(crate) struct Command {
    /// The file that it writes.
    pub(crate) file: PathBuf,
    /// Where to run it.
    pub(crate) directory: PathBuf,
    /// The command as a shell takes it.
    pub(crate) command: String,
    /// The same without a shell: the program, and its arguments.
    pub(super) words: Vec<String>,
    /// A variable that it needs.
    pub(super) variable: Option<(&'static str, &'static str)>,
    /// Other files that it may write on purpose.
    pub(super) also: Vec<PathBuf>,
    pub(super) is_last: bool,
}

/// What is to become of a version in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) version: &'a str,
    /// What will be required of it, once the plan is carried out.
    pub(super) requirement: Option<&'a str>,
}

/// Who writes a new version into a file of the format. A new format has to be decided on here.
///
/// What a pattern found, in no known format, is a text that stands for itself. Commands write lock files alone and run no
/// scripts of packages, as far as their tools can be told so.
pub(super) fn writer(format: Option<Format>, file: &Source, held: &Dependency, wanted: Wanted<'_>) -> Writer {
    let Some(format) = format else { return Writer::Text };
    let (name, version) = (held.upstream.as_str(), wanted.version);
    let old = held.version.as_ref().map_or("", |version| version.text.as_str());
    match format {
        Format::CargoToml | Format::PackageJson | Format::Pyproject | Format::Gemspec | Format::Workflow => {
            Writer::Text
        }
        // of what they hold, no registry is asked yet
        Format::Dockerfile | Format::HelmLock | Format::HelmChart | Format::HelmValues => Writer::Text,
        // sums stand in go.sum, and others may require more of the new version
        Format::GoMod => Writer::TextAnd(vec![run(&["go", "mod", "tidy"]).last()]),
        Format::Requirements => compiled(file, name, version),
        Format::CargoLock => tool(&["cargo", "update", "-p", &format!("{name}@{old}"), "--precise", version]),
        Format::UvLock => tool(&["uv", "lock", "--upgrade-package", &format!("{name}=={version}")]),
        Format::PoetryLock => tool(&["poetry", "update", "--no-interaction", "--lock", name]),
        Format::GemfileLock => tool(&["bundle", "lock", "--conservative", "--update", name]),
        Format::PackageLock => npm(file, held, version),
        Format::PnpmLock => pnpm(file, held, version),
        Format::YarnLock if file.text().contains("\n__metadata:") => yarn(held, wanted),
        Format::YarnLock => first_yarn(held, wanted),
    }
}

/// `npm install` writes the version into `package.json`, too. There what was required is put back, and then it is asked once
/// more, so that the lock file agrees.
fn npm(file: &Source, held: &Dependency, version: &str) -> Writer {
    const ONLY: [&str; 2] = ["--package-lock-only", "--ignore-scripts"];
    if !held.is_direct {
        return tool(&[&["npm", "update", &held.upstream], ONLY.as_slice()].concat());
    }
    let package = package_at(held, version);
    let workspace = member(file, held).map(|member| format!("--workspace={member}"));
    let workspace: Vec<&str> = workspace.as_deref().into_iter().collect();
    let install = run(&[&["npm", "install", &package], workspace.as_slice(), ONLY.as_slice()].concat());
    Writer::Tool(vec![install, run(&[&["npm", "install"], ONLY.as_slice()].concat()).last()])
}

fn pnpm(file: &Source, held: &Dependency, version: &str) -> Writer {
    const ONLY: [&str; 3] = ["--no-save", "--lockfile-only", "--ignore-scripts"];
    if !held.is_direct {
        return tool(&[&["pnpm", "update", &held.upstream, "--depth=Infinity"], ONLY.as_slice()].concat());
    }
    let package = package_at(held, version);
    let is_of_root = member(file, held).is_none() && !is_shared(held);
    let everywhere: &[&str] = if is_of_root { &[] } else { &["--recursive"] };
    tool(&[&["pnpm", "update", &package], everywhere, ONLY.as_slice()].concat())
}

/// Whether a catalog says what is required, for whatever projects name it.
fn is_shared(held: &Dependency) -> bool {
    held.requirement.as_ref().is_some_and(|written| written.place.file.ends_with("pnpm-workspace.yaml"))
}

/// Version 1 locks nothing but the newest that is required, and upgrades nothing while a requirement is not locked.
fn first_yarn(held: &Dependency, wanted: Wanted<'_>) -> Writer {
    const ONLY: [&str; 2] = ["--ignore-scripts", "--non-interactive"];
    let is_locked = held.requirement.as_ref().map(|written| written.text.as_str()) == wanted.requirement;
    let words = if is_locked { vec!["yarn", "upgrade", &held.name] } else { vec!["yarn", "install"] };
    tool(&[words.as_slice(), ONLY.as_slice()].concat())
}

/// What was chosen for one requirement is set, as it will stand in `package.json`.
fn yarn(held: &Dependency, wanted: Wanted<'_>) -> Writer {
    if !held.is_direct {
        return tool(&["yarn", "up", "--recursive", &held.name, "--mode=update-lockfile"]);
    }
    let upstream = if is_alias(held) { format!("{}@", held.upstream) } else { String::new() };
    let asked = format!("{}@npm:{upstream}{}", held.name, wanted.requirement.unwrap_or("*"));
    let run = run(&["yarn", "set", "resolution", &asked, &format!("npm:{upstream}{}", wanted.version)]);
    Writer::Tool(vec![Run { variable: Some(("YARN_ENABLE_SCRIPTS", "false")), ..run }])
}

fn is_alias(held: &Dependency) -> bool {
    held.name != held.upstream
}

/// A package and its version, as npm and pnpm take it.
fn package_at(held: &Dependency, version: &str) -> String {
    let alias = if is_alias(held) { format!("{}@npm:", held.name) } else { String::new() };
    format!("{alias}{}@{version}", held.upstream)
}

/// The directory of the member of the workspace that requires it, with slashes; `None` for the root.
fn member(file: &Source, held: &Dependency) -> Option<String> {
    let manifest = directory(&held.requirement.as_ref()?.place.file);
    let below = manifest.strip_prefix(directory(file.name())).unwrap_or(manifest);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).filter(|part| part != ".").collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A requirements file that a tool wrote is written by it; any other is text.
fn compiled(file: &Source, name: &str, version: &str) -> Writer {
    let Some(tool_words) = generator(file.text()) else { return Writer::Text };
    let output = file.name().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let hashes: &[&str] = if has_hashes(file.text()) { &["--generate-hashes"] } else { &[] };
    let package = format!("{name}=={version}");
    let words = ["--upgrade-package", &package, "--output-file", &output, &input_of(file)];
    tool(&[tool_words, hashes, words.as_slice()].concat())
}

/// What a tool writes on purpose beside the file that was named.
const fn also(format: Option<Format>) -> &'static [&'static str] {
    match format {
        Some(Format::GoMod) => &["go.sum"],
        Some(Format::YarnLock) => &[".pnp.cjs", ".pnp.loader.mjs", ".yarn/install-state.gz"],
        _ => &[],
    }
}

/// What wrote a requirements file that is a lock file in disguise, by its own words or by its hashes.
fn generator(text: &str) -> Option<&'static [&'static str]> {
    let head: String = text.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty()).collect();
    if head.contains("uv pip compile") {
        return Some(&["uv", "pip", "compile"]);
    }
    let is_locked = head.contains("pip-compile") || has_hashes(text);
    is_locked.then_some(&["pip-compile"])
}

fn has_hashes(text: &str) -> bool {
    text.contains("--hash=") || text.contains("--hash ")
}

/// What a requirements file was compiled from, by the custom of its tools.
fn input_of(file: &Source) -> String {
    let name = file.name().with_extension("in");
    name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn tool(words: &[&str]) -> Writer {
    Writer::Tool(vec![run(words)])
}

fn run(words: &[&str]) -> Run {
    Run { words: words.iter().map(|word| (*word).to_owned()).collect(), variable: None, is_last: false }
}

impl Run {
    fn last(self) -> Self {
        Self { is_last: true, ..self }
    }
}

impl Command {
    pub(super) fn new(file: &Path, format: Option<Format>, run: Run) -> Self {
        let Run { words, variable, is_last } = run;
        let variable_text = variable.map(|(name, value)| format!("{name}={value}"));
        let command: Vec<String> = variable_text.into_iter().chain(words.iter().map(|word| shell(word))).collect();
        let directory = directory(file).to_owned();
        let also = also(format).iter().map(|name| directory.join(name)).collect();
        Self { file: file.to_owned(), command: command.join(" "), directory, words, variable, also, is_last }
    }

    /// Everything that it may write on purpose.
    pub(super) fn writes(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.file.as_path()).chain(self.also.iter().map(PathBuf::as_path))
    }
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./@=+:,^".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::project::files::{Files as _, Memory};

    #[test]
    fn pnpm_updates_every_project_where_one_below_the_root_or_a_catalog_requires_it() {
        let lock = |project: &str| {
            format!(
                "lockfileVersion: '9.0'\nimporters:\n  {project}:\n    dependencies:\n      a:\n        specifier: x\n        \
                 version: 1.0.0\n"
            )
        };
        let catalog = ("pnpm-workspace.yaml", "catalog:\n  a: ^1\n");
        for (project, manifest, text, expected) in [
            (".", "package.json", r#"{ "dependencies": { "a": "^1" } }"#, "pnpm update a@1.1.0 --no-save"),
            (
                ".",
                "package.json",
                r#"{ "dependencies": { "a": "catalog:" } }"#,
                "pnpm update a@1.1.0 --recursive --no-save",
            ),
            (
                "p",
                "p/package.json",
                r#"{ "dependencies": { "a": "^1" } }"#,
                "pnpm update a@1.1.0 --recursive --no-save",
            ),
        ] {
            let files = Memory::of(&[("pnpm-lock.yaml", &lock(project)), (manifest, text), catalog]);
            let file = files.read("pnpm-lock.yaml".as_ref()).unwrap().unwrap();
            let held = Format::PnpmLock.read(&file, &files).unwrap().remove(0);
            let Writer::Tool(runs) =
                writer(Some(Format::PnpmLock), &file, &held, Wanted { version: "1.1.0", requirement: None })
            else {
                panic!("pnpm writes it");
            };
            let command = Command::new(file.name(), Some(Format::PnpmLock), runs[0].clone()).command;
            assert!(command.starts_with(expected), "{project}: {command}");
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_more_into_it() {
        for (word, expected) in
            [("npm", "npm"), ("@a/b@1.0.0+x", "@a/b@1.0.0+x"), ("a b", "'a b'"), ("$(x)'", r"'$(x)'\'''"), ("", "''")]
        {
            assert_eq!(shell(word), expected);
        }
    }
}
