//! Who writes a format: upmon, where a version is a text that stands for itself, or the tool whose lock file it is.
//!
//! A lock file says of each package which archive was seen (a hash), and which versions of other packages were chosen for
//! it. Another version alone would make it contradict itself, so its tool has to write it; upmon says with which command.

use std::path::{Path, PathBuf};

use crate::document::Source;
use crate::pin::project::{Dependency, Format};

/// Who changes a version in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Writer {
    /// upmon: the text is all there is.
    Text,
    /// A tool, by a command that is run in the file's directory.
    Tool(Vec<String>),
}

/// A command that is left to be run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[expect(clippy::struct_field_names, reason = "the name in the JSON")]
pub(crate) struct Command {
    /// The file that it writes.
    pub(crate) file: PathBuf,
    /// Where to run it.
    pub(crate) directory: PathBuf,
    /// The command as a shell takes it.
    pub(crate) command: String,
}

/// Who writes a new version into a file of the format. A new format has to be decided on here.
///
/// What a pattern found, in no known format, is a text that stands for itself.
pub(super) fn writer(format: Option<Format>, file: &Source, held: &Dependency, version: &str) -> Writer {
    let Some(format) = format else { return Writer::Text };
    let (name, old) = (held.upstream.as_str(), held.version.as_ref().map_or("", |version| version.text.as_str()));
    let alias = if held.name == name { name.to_owned() } else { format!("{}@npm:{name}", held.name) };
    let at = format!("{alias}@{version}");
    match format {
        Format::CargoToml | Format::PackageJson | Format::Pyproject | Format::Gemspec | Format::Workflow => {
            Writer::Text
        }
        // of what they hold, no registry is asked yet
        Format::Dockerfile | Format::HelmLock | Format::HelmChart | Format::HelmValues => Writer::Text,
        // its sums stand in go.sum
        Format::GoMod => tool(&["go", "get", &format!("{}@v{}", held.name, version.trim_start_matches('v'))]),
        Format::Requirements => match generator(file.text()) {
            Some(words) => tool(&[words, &[&format!("{name}=={version}"), &input_of(file)]].concat()),
            None => Writer::Text,
        },
        Format::CargoLock => tool(&["cargo", "update", "-p", &format!("{name}@{old}"), "--precise", version]),
        Format::PackageLock if held.is_direct => tool(&["npm", "install", &at]),
        Format::PackageLock => tool(&["npm", "update", name]),
        Format::UvLock => tool(&["uv", "lock", "--upgrade-package", &format!("{name}=={version}")]),
        Format::PoetryLock => tool(&["poetry", "update", name]),
        Format::GemfileLock => tool(&["bundle", "update", "--conservative", name]),
        Format::PnpmLock => tool(&["pnpm", "update", &at]),
        Format::YarnLock if file.text().contains("\n__metadata:") => tool(&["yarn", "up", &at]),
        Format::YarnLock => tool(&["yarn", "upgrade", &at]),
    }
}

/// What wrote a requirements file that is a lock file in disguise, by its own words or by its hashes.
fn generator(text: &str) -> Option<&'static [&'static str]> {
    let head: String = text.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty()).collect();
    if head.contains("uv pip compile") {
        return Some(&["uv", "pip", "compile", "--upgrade-package"]);
    }
    let is_locked = head.contains("pip-compile") || text.contains("--hash=") || text.contains("--hash ");
    is_locked.then_some(&["pip-compile", "--upgrade-package"])
}

/// What a requirements file was compiled from, by the custom of its tools.
fn input_of(file: &Source) -> String {
    let name = file.name().with_extension("in");
    name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn tool(words: &[&str]) -> Writer {
    Writer::Tool(words.iter().map(|word| (*word).to_owned()).collect())
}

impl Command {
    pub(super) fn new(file: &Path, words: &[String]) -> Self {
        let command = words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ");
        let directory = crate::pin::project::files::directory(file).to_owned();
        Self { file: file.to_owned(), directory, command }
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

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_more_into_it() {
        for (word, expected) in
            [("npm", "npm"), ("@a/b@1.0.0+x", "@a/b@1.0.0+x"), ("a b", "'a b'"), ("$(x)'", r"'$(x)'\'''"), ("", "''")]
        {
            assert_eq!(shell(word), expected);
        }
    }
}
