//! Finds the files of a project that upmon can read pins from.
//!
//! Which files those are, the list of formats says. A file that another one is read together with, such as the manifest
//! beside a lock file, is no entry of its own: which ones belong together is seen from what a format reads, so there is no
//! second list of it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use globset::GlobSet;
use ignore::{DirEntry, WalkBuilder};

use super::Planned;
use crate::document::FileError;
use crate::pin::project::Format;
use crate::pin::project::files::{Files as _, expand};

/// Directories that hold what tools made or fetched.
const SKIPPED: [&str; 6] = [".git", ".venv", "node_modules", "target", "vendor", "venv"];

/// A monorepo has some ten thousand directories; a home directory named by mistake has more.
const MOST_ENTRIES: usize = 500_000;
const DEEPEST: usize = 64;

/// A file, or files of one pattern, that can stand in `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What stands in `from`.
    pub(crate) entry: String,
    /// What kind of file it is.
    pub(crate) format: Format,
    /// The files, as formats see them.
    pub(crate) files: Vec<PathBuf>,
    /// How many direct dependencies can be checked.
    pub(crate) pins: usize,
    /// How many direct dependencies cannot.
    pub(crate) unpinned: usize,
}

/// What was found under a directory.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// In the order of their paths.
    pub(crate) found: Vec<Found>,
    /// Files that are called like one that can be read, and cannot.
    pub(crate) broken: Vec<FileError>,
    /// Files that name no package.
    pub(crate) empty: Vec<PathBuf>,
    /// What could not be looked into.
    pub(crate) unseen: Vec<String>,
}

/// Where and what to look for.
pub(crate) struct Search<'a> {
    /// The directory of the pins file, from which entries start.
    pub(crate) base: &'a Path,
    /// The directory to look in, from `base`.
    pub(crate) under: &'a Path,
    /// Which paths are left out.
    pub(crate) exclude: &'a GlobSet,
}

/// A file with a known name, and what it says.
struct Candidate {
    path: String,
    name: PathBuf,
    format: Format,
    read: BTreeSet<PathBuf>,
    pins: usize,
    unpinned: usize,
}

/// Looks for files, reads each, and leaves out those that others are read together with.
pub(crate) fn discover(search: &Search<'_>, files: &Planned<'_>) -> Discovery {
    let mut discovery = Discovery::default();
    let mut paths = walk(search, &mut discovery.unseen);
    let written = files.written().filter_map(|name| slashed(name.strip_prefix(normal(search.base)).ok()?));
    paths.extend(written.filter(|path| !search.exclude.is_match(path)));
    let mut candidates = Vec::new();
    for path in paths {
        let Some(format) = Format::of(&path) else { continue };
        if path.contains(['\\', ':']) || path.starts_with('~') {
            discovery.unseen.push(format!("`{path}`: no entry of `from` can spell this path"));
            continue;
        }
        match read(search.base, path, format, files) {
            Ok(candidate) => candidates.extend(candidate),
            Err(error) => discovery.broken.push(error),
        }
    }
    let leading = leading(candidates);
    let (named, empty): (Vec<_>, Vec<_>) =
        leading.into_iter().partition(|candidate| candidate.pins + candidate.unpinned > 0);
    discovery.empty = empty.into_iter().map(|candidate| candidate.name).collect();
    discovery.found = entries(search.base, named, files);
    discovery
}

/// Every file under the directory that git would not ignore, in order.
fn walk(search: &Search<'_>, unseen: &mut Vec<String>) -> BTreeSet<String> {
    let root = search.base.join(search.under);
    let walk = WalkBuilder::new(&root)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(DEEPEST))
        .filter_entry(is_of_project)
        .build();
    let mut paths = BTreeSet::new();
    for (seen, entry) in walk.enumerate() {
        if seen == MOST_ENTRIES {
            unseen.push(format!("`{}` holds more than {MOST_ENTRIES} files; name a part of it", root.display()));
            break;
        }
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| !kind.is_dir()) => {
                let path = entry.path().strip_prefix(search.base).ok().and_then(slashed);
                paths.extend(path.filter(|path| !search.exclude.is_match(path)));
            }
            Ok(_) => {}
            Err(error) => unseen.push(error.to_string()),
        }
    }
    paths
}

/// Not what tools made, and not another repository.
fn is_of_project(entry: &DirEntry) -> bool {
    let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
    if entry.depth() == 0 || !is_directory {
        return true;
    }
    let is_skipped = entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name));
    !is_skipped && !entry.path().join(".git").exists()
}

/// A path with slashes; nothing where it is not UTF-8.
fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| component.as_os_str().to_str())
        .collect();
    parts.map(|parts| parts.join("/"))
}

/// A path without a leading dot.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

/// What a file says; nothing where it is gone, or a link to nowhere.
fn read(base: &Path, path: String, format: Format, files: &Planned<'_>) -> Result<Option<Candidate>, FileError> {
    let Some(name) = expand(&base.join(globset::escape(&path)), files).pop() else { return Ok(None) };
    let Some(source) = files.read(&name)? else { return Ok(None) };
    files.take_read();
    let dependencies = format.read(&source, files)?;
    let mut read = files.take_read();
    read.remove(&name);
    // members of a workspace name the same dependency again and again
    let direct = dependencies.iter().filter(|dependency| dependency.is_direct);
    let mut pinned = BTreeSet::new();
    let mut open = BTreeSet::new();
    for dependency in direct {
        let version = dependency.version.as_ref().map(|version| &version.text);
        match &dependency.obstacle {
            None => pinned.insert((&dependency.upstream, &dependency.url, version)),
            Some(_) => open.insert((&dependency.name, version)),
        };
    }
    Ok(Some(Candidate { path, name, format, read, pins: pinned.len(), unpinned: open.len() }))
}

/// The files that no other is read together with. Of two that read each other, the one nearer to the root leads.
fn leading(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let depth = |candidate: &Candidate| candidate.path.matches('/').count();
    candidates.sort_by(|one, other| (depth(one), &one.path).cmp(&(depth(other), &other.path)));
    let leads = |at: usize| {
        let this = &candidates[at];
        let is_above = |(index, other): (usize, &Candidate)| {
            index != at && other.read.contains(&this.name) && (!this.read.contains(&other.name) || index < at)
        };
        !candidates.iter().enumerate().any(is_above)
    };
    let leading: Vec<bool> = (0..candidates.len()).map(leads).collect();
    let mut kept: Vec<_> =
        candidates.into_iter().zip(leading).filter(|(_, leads)| *leads).map(|(one, _)| one).collect();
    kept.sort_by(|one, other| one.path.cmp(&other.path));
    kept
}

/// One entry a file; where a format names a pattern in a directory (workflows), one for all files of the pattern, so that
/// the next one counts, too. A pattern that would take in other files as well is not used.
fn entries(base: &Path, named: Vec<Candidate>, files: &Planned<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let known: BTreeSet<PathBuf> = named.iter().map(|candidate| candidate.name.clone()).collect();
    for candidate in named {
        let pattern = pattern(&candidate)
            .filter(|pattern| expand(&base.join(pattern), files).iter().all(|name| known.contains(name)));
        let entry = pattern.unwrap_or_else(|| escaped(&candidate.path));
        let Candidate { name, format, pins, unpinned, .. } = candidate;
        match found.iter_mut().find(|other| other.entry == entry) {
            Some(other) => {
                other.files.push(name);
                other.pins += pins;
                other.unpinned += unpinned;
            }
            None => found.push(Found { entry, format, files: vec![name], pins, unpinned }),
        }
    }
    found
}

/// The format's own pattern under the directory of the candidate.
fn pattern(candidate: &Candidate) -> Option<String> {
    let patterns = candidate.format.file_names().iter().filter(|name| name.contains('/') && name.contains('*'));
    let mut whole = patterns.filter_map(|pattern| {
        let directory = pattern.rsplit_once('/')?.0;
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build().ok()?.compile_matcher();
        let start = candidate.path.rfind(directory)?;
        let above = &candidate.path[..start];
        (glob.is_match(&candidate.path[start..]) && (above.is_empty() || above.ends_with('/')))
            .then(|| format!("{}{pattern}", escaped(above)))
    });
    whole.next()
}

/// A path of which no character stands for others.
fn escaped(path: &str) -> String {
    if path.contains(['*', '?', '[', '{']) { globset::escape(path) } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::project::files::Disk;

    /// What is found among these files, as `entry pins/unpinned`.
    fn found(files: &[(&str, &str)], exclude: &str) -> (Vec<String>, Discovery) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let disk = Disk::around(&directory.path().join("pins.json"));
        let mut set = globset::GlobSetBuilder::new();
        if !exclude.is_empty() {
            set.add(globset::Glob::new(exclude).unwrap());
        }
        let search = Search { base: directory.path(), under: Path::new(""), exclude: &set.build().unwrap() };
        let discovery = discover(&search, &Planned::new(&disk, Vec::new()));
        let shown = discovery.found.iter().map(|one| format!("{} {}/{}", one.entry, one.pins, one.unpinned)).collect();
        (shown, discovery)
    }

    const MEMBER: &str = "[package]\nname = \"m\"\nversion = \"0.1.0\"\n[dependencies]\nb = \"=2.0.0\"\n";
    const ROOT: &str =
        "[workspace]\nmembers = [\"m\"]\n[package]\nname = \"a\"\nversion = \"0.1.0\"\n[dependencies]\nb = \"2\"\n";
    const LOCK: &str = r#"version = 4

[[package]]
name = "a"
version = "0.1.0"
dependencies = ["b"]

[[package]]
name = "b"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "m"
version = "0.1.0"
dependencies = ["b"]
"#;
    const WEB: &str = r#"{ "dependencies": { "a": "1.0.0", "b": "^1" } }"#;
    const STEPS: &str = "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v5\n";

    #[test]
    fn a_manifest_belongs_to_its_lock_file_and_a_stranger_beside_it_does_not() {
        let (shown, _) = found(
            &[("Cargo.toml", ROOT), ("Cargo.lock", LOCK), ("m/Cargo.toml", MEMBER), ("other/Cargo.toml", MEMBER)],
            "",
        );
        assert_eq!(shown, ["Cargo.lock 1/0", "other/Cargo.toml 1/0"]);
        let (shown, _) = found(&[("Cargo.toml", ROOT), ("m/Cargo.toml", MEMBER)], "");
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(shown[0].starts_with("Cargo.toml "), "{shown:?}");
    }

    #[test]
    fn what_git_ignores_what_tools_made_and_other_repositories_are_left_alone() {
        let (shown, _) = found(
            &[
                ("web/package.json", WEB),
                ("web/node_modules/x/package.json", WEB),
                ("vendor/x/package.json", WEB),
                ("built/package.json", WEB),
                (".gitignore", "/built\n"),
                ("sub/.git/HEAD", ""),
                ("sub/package.json", WEB),
                ("tests/data/package.json", WEB),
            ],
            "tests/**",
        );
        assert_eq!(shown, ["web/package.json 1/1"]);
    }

    #[test]
    fn workflows_are_one_entry_until_one_of_them_is_broken() {
        let both = [(".github/workflows/a.yml", STEPS), (".github/workflows/b.yml", STEPS)];
        assert_eq!(found(&both, "").0, [".github/workflows/*.yml 2/0"]);
        let broken = [both[0], both[1], (".github/workflows/c.yml", "jobs: [\n")];
        let (shown, discovery) = found(&broken, "");
        assert_eq!(shown, [".github/workflows/a.yml 1/0", ".github/workflows/b.yml 1/0"]);
        assert_eq!(discovery.broken.len(), 1);
    }

    #[test]
    fn names_with_the_signs_of_globs_stay_names_and_files_without_packages_are_told() {
        let (shown, discovery) = found(&[("app/[slug]/package.json", WEB), ("e/package.json", "{}")], "");
        assert_eq!(shown, ["app/[[]slug[]]/package.json 1/1"]);
        assert_eq!(discovery.empty.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(directory.path(), directory.path().join("again")).unwrap();
        std::fs::write(directory.path().join("package.json"), WEB).unwrap();
        let disk = Disk::around(&directory.path().join("pins.json"));
        let search = Search { base: directory.path(), under: Path::new(""), exclude: &GlobSet::empty() };
        assert_eq!(discover(&search, &Planned::new(&disk, Vec::new())).found.len(), 1);
    }
}
