//! Where project files are read from: the directory of the pins file and what belongs to its repository.
//!
//! A pins file may come from a pull request of a stranger, so it can name only what lies in its own repository, whatever
//! links there are. What is found twice is read twice: these files are small, and a run reads them once.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::GlobBuilder;

use super::text::normal;
use crate::document::{FileError, Source};

/// A repository's files, as formats see them. Names are as the user would write them: under the pins file's directory.
pub trait Files {
    /// A file's text; `None` where there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read, or that lies outside of the repository.
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError>;

    /// What lies in a directory, in order; nothing where there is no such directory.
    fn list(&self, directory: &Path) -> Vec<String>;

    /// Where a file or directory really is: the same for every name that links give it.
    fn real(&self, name: &Path) -> PathBuf {
        name.to_owned()
    }
}

impl fmt::Debug for dyn Files + '_ {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Files")
    }
}

/// The names that a path with `*` and `?` stands for, in order, as far as they are there; a path without them stands for
/// itself. `**` between slashes stands for any number of directories, also for none.
///
/// A directory is looked into once for each part of the path, under the first of its names: links in a circle give it more
/// with every part.
pub(crate) fn expand(pattern: &Path, files: &dyn Files) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut is_matched = false;
    for component in normal(pattern).components() {
        let text = component.as_os_str().to_string_lossy();
        found = if is_pattern(&text) {
            is_matched = true;
            let mut seen = HashSet::new();
            let once = found.iter().filter(|directory| seen.insert(files.real(directory)));
            if text == "**" {
                below(once.cloned().collect(), files)
            } else {
                once.flat_map(|directory| matching(directory, &text, files)).collect()
            }
        } else {
            let is_there = |directory: &&PathBuf| {
                let is_name = matches!(component, Component::Normal(_));
                !is_matched || !is_name || files.list(directory).iter().any(|name| *name == text)
            };
            found.iter().filter(is_there).map(|directory| directory.join(component)).collect()
        };
    }
    found
}

/// Whether a path stands for others.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn matching(directory: &Path, pattern: &str, files: &dyn Files) -> Vec<PathBuf> {
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else { return Vec::new() };
    let matcher = glob.compile_matcher();
    // as in a shell, what is hidden has to be named
    let is_shown = |name: &String| !name.starts_with('.') || pattern.starts_with('.');
    let names = files.list(directory).into_iter().filter(|name| is_shown(name) && matcher.is_match(name));
    names.map(|name| directory.join(name)).collect()
}

/// The directories with all below them, without those that are hidden and what a package manager fetched.
fn below(mut waiting: Vec<PathBuf>, files: &dyn Files) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    waiting.reverse();
    while let Some(directory) = waiting.pop() {
        let names = files.list(&directory);
        if names.is_empty() || !seen.insert(files.real(&directory)) {
            continue;
        }
        let is_shown = |name: &&String| !name.starts_with('.') && *name != "node_modules";
        waiting.extend(names.iter().rev().filter(is_shown).map(|name| directory.join(name)));
        found.push(directory);
    }
    found
}

/// The files of a disk, as far as they lie in one repository.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Without links; `None` where even the directory of the pins file is not there.
    root: Option<PathBuf>,
}

const LEAVE_OUT: &str = "`from` takes files of the same repository; take this one out of it, or mend the file";

impl Disk {
    /// The repository that holds a pins file: what git says, else the file's own directory.
    pub(crate) fn around(pins: &Path) -> Self {
        let directory = fs::canonicalize(directory(pins)).ok();
        let repository =
            |start: &PathBuf| start.ancestors().find(|ancestor| ancestor.join(".git").exists()).map(Path::to_owned);
        Self { root: directory.map(|start| repository(&start).unwrap_or(start)) }
    }

    /// The directory of the repository, without links; `None` where even that of the pins file is not there.
    pub(crate) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The file behind a name, without links; `None` where there is none.
    fn resolve(&self, name: &Path) -> io::Result<Option<PathBuf>> {
        let path = match fs::canonicalize(name) {
            Ok(path) => path,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match &self.root {
            Some(root) if path.starts_with(root) => {}
            _ => return Err(io::Error::other("it lies outside of the repository of the pins file")),
        }
        Ok(Some(path))
    }
}

impl Files for Disk {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        let unreadable = |cause| FileError::Unreadable { path: name.to_owned(), cause, hint: Some(LEAVE_OUT) };
        let Some(path) = self.resolve(name).map_err(unreadable)? else { return Ok(None) };
        // opening a pipe would wait for somebody to write into it
        if !path.is_file() {
            return Err(unreadable(io::Error::other("it is not a file")));
        }
        match Source::read(name, LEAVE_OUT) {
            Err(FileError::Unreadable { cause, .. }) => Err(unreadable(cause)),
            source => source.map(|source| Some(Arc::new(source))),
        }
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let Ok(Some(path)) = self.resolve(here(directory)) else { return Vec::new() };
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn real(&self, name: &Path) -> PathBuf {
        fs::canonicalize(here(name)).unwrap_or_else(|_| name.to_owned())
    }
}

/// The directory that a name stands for, which may be empty.
fn here(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

/// The directory of a file.
pub(crate) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Files of a test, by name.
#[cfg(test)]
pub(crate) struct Memory(pub(crate) Vec<(&'static str, String)>);

#[cfg(test)]
impl Memory {
    pub(crate) fn of(files: &[(&'static str, &str)]) -> Self {
        Self(files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect())
    }
}

#[cfg(test)]
impl Files for Memory {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        let text = self.0.iter().find(|(known, _)| Path::new(known) == name).map(|(_, text)| text);
        Ok(text.map(|text| Arc::new(Source::new(name, text.as_str()))))
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let below = self.0.iter().filter_map(|(name, _)| Path::new(name).strip_prefix(directory).ok());
        let mut names: Vec<String> =
            below.filter_map(|path| Some(path.components().next()?.as_os_str().to_str()?.to_owned())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Memory {
        let names =
            ["a/x/Cargo.toml", "a/y/Cargo.toml", "a/.z/Cargo.toml", "a/node_modules/n/Cargo.toml", "b.txt", "bc.txt"];
        Memory::of(&names.map(|name| (name, "")))
    }

    #[test]
    fn stars_stand_for_what_is_there_and_not_hidden() {
        for (pattern, expected) in [
            ("a/?/Cargo.toml", vec!["a/x/Cargo.toml", "a/y/Cargo.toml"]),
            ("*/x/Cargo.toml", vec!["a/x/Cargo.toml"]),
            ("*/x/*.lock", vec![]),
            ("a/[xq]", vec!["a/x"]),
            ("b?.txt", vec!["bc.txt"]),
            ("*", vec!["a", "b.txt", "bc.txt"]),
            ("nothing/here.txt", vec!["nothing/here.txt"]),
            ("./a/../b.txt", vec!["b.txt"]),
            ("no*", vec![]),
            ("**/Cargo.toml", vec!["a/x/Cargo.toml", "a/y/Cargo.toml"]),
            ("a/**", vec!["a", "a/x", "a/y"]),
            ("a/x/**/Cargo.toml", vec!["a/x/Cargo.toml"]),
            ("none/**/Cargo.toml", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(expand(Path::new(pattern), &files()), expected, "{pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_lies_outside_or_is_no_file_is_refused_and_a_loop_ends() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = tempfile::tempdir().unwrap();
        let at = |name: &str| inside.path().join(name);
        fs::create_dir(at(".git")).unwrap();
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("here"), "x").unwrap();
        symlink(outside.path().join("secret"), at("link")).unwrap();
        symlink(outside.path(), at("directory")).unwrap();
        symlink(at("loop"), at("loop")).unwrap();
        symlink(at("here"), at("deep/fine")).unwrap();
        // the pins lie deeper than the repository's root
        let disk = Disk::around(&at("deep/pins.json"));
        for (name, expected) in [
            ("here", Ok(true)),
            ("deep/fine", Ok(true)),
            ("deep/../here", Ok(true)),
            ("missing", Ok(false)),
            ("here/below", Ok(false)),
            ("link", Err("it lies outside of the repository of the pins file")),
            ("directory/secret", Err("it lies outside of the repository of the pins file")),
            ("deep", Err("it is not a file")),
            ("loop", Err("symbolic links")),
        ] {
            match (disk.read(&at(name)), expected) {
                (Ok(source), Ok(expected)) => assert_eq!(source.is_some(), expected, "{name}"),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{name}: {error}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
        assert!(disk.list(&at("directory")).is_empty());
    }
}
