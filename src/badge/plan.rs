//! Which badge files have to change: planned as data, then carried out as planned.
//!
//! The directory may hold files of others, so upmon lists its own in [`LIST`], one path a line. Only what is listed is
//! ever removed or replaced. A path is listed before its file is written and struck off after its file is gone, so a run
//! that was cut off leaves nothing that the next one would not recognise. An unchanged world costs no write.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::svg::Style;
use super::{Badge, path, shields, svg};
use crate::replace::replace_cheaply;
use crate::report::{Report, words};

/// The file in the directory of badges that lists the others.
pub const LIST: &str = ".upmon-badges";

/// A badge file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the directory of badges, with slashes.
    pub path: String,
    /// What it holds.
    pub content: String,
}

/// Every badge of a report: the whole, then group by group with its packages.
pub fn files(report: &Report, label: &str, style: Style) -> Vec<File> {
    let mut badges = vec![(path::WHOLE.to_owned(), Badge::of_report(label, report))];
    for (group, findings) in words::by_group(report) {
        badges.push((path::of_group(group), Badge::of_group(group, &findings)));
        let of_package = |name: &str| path::of_package(group, name);
        let badge = |finding| Badge::of_finding(finding, report.generated_at);
        badges.extend(findings.iter().map(|finding| (of_package(&finding.package), badge(finding))));
    }
    badges.iter().flat_map(|(name, badge)| both(name, badge, style)).collect()
}

fn both(name: &str, badge: &Badge, style: Style) -> [File; 2] {
    let file = |(ending, content)| File { path: format!("{name}.{ending}"), content };
    let [json, image] = path::ENDINGS;
    [(json, shields::render(badge, style)), (image, svg::render(badge, style))].map(file)
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It holds other bytes.
    Update,
    /// It holds the right bytes already.
    Unchanged,
    /// Its package is no longer pinned, or was renamed.
    Remove,
    /// Something of that name is there that upmon did not write; it stays as it is.
    Blocked,
}

impl Action {
    const ALL: [Self; 5] = [Self::Create, Self::Update, Self::Remove, Self::Unchanged, Self::Blocked];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
            Self::Remove => "remove",
            Self::Blocked => "blocked",
        }
    }
}

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// The file; without content for one that goes.
    pub file: File,
}

/// Everything that a run would do in the directory of badges. `Display` lists what changes, and counts.
#[derive(Debug)]
pub struct Plan {
    directory: PathBuf,
    changes: Vec<Change>,
    /// What [`LIST`] names now.
    listed: BTreeSet<String>,
}

/// Why a directory of badges cannot be planned for, or what a plan could not carry out.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The list cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Read {
        /// The list.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The list names what no badge is called.
    #[error("{}:{line}: not a badge that upmon wrote", path.display())]
    Listed {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file could not be removed.
    #[error("cannot remove `{}`: {error}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What stands there is not ours.
    #[error("cannot write `{}`: it is there, and upmon did not write it", path.display())]
    Blocked {
        /// The file.
        path: PathBuf,
    },
}

impl Plan {
    /// Compares what should be with what is; writes nothing.
    ///
    /// # Errors
    ///
    /// When the list of what upmon wrote cannot be read or names anything but badges.
    pub fn new(directory: &Path, files: Vec<File>) -> Result<Self, Fault> {
        let listed = read_list(&directory.join(LIST))?;
        let wanted: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let is_file = |path: &str| directory.join(path).symlink_metadata().is_ok_and(|found| found.is_file());
        let gone = listed.iter().filter(|path| !wanted.contains(path.as_str()) && is_file(path));
        let remove = |path: &String| Change {
            action: Action::Remove,
            file: File { path: path.clone(), content: String::new() },
        };
        let removals: Vec<Change> = gone.map(remove).collect();
        let change = |file: File| Change { action: action(&file, directory, &listed), file };
        let changes = files.into_iter().map(change).chain(removals).collect();
        Ok(Self { directory: directory.to_owned(), changes, listed })
    }

    /// What becomes of each file: those that should be, in their order, then those that go.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Does what is planned, as far as that is possible, and tells what was not.
    pub fn carry_out(&self) -> Vec<Fault> {
        let kept = self.of(|action| !matches!(action, Action::Remove | Action::Blocked));
        let during: BTreeSet<String> = self.listed.union(&kept).cloned().collect();
        if let Err(fault) = self.write_list(&self.listed, &during) {
            // what is not listed would be a stranger to the next run
            return vec![fault];
        }
        let mut faults = Vec::new();
        let mut after = kept;
        for Change { action, file } in &self.changes {
            if let Err(fault) = self.carry_out_one(*action, file) {
                if matches!(fault, Fault::Remove { .. }) {
                    after.insert(file.path.clone());
                }
                faults.push(fault);
            }
        }
        faults.extend(self.write_list(&during, &after).err());
        faults
    }

    fn of(&self, wanted: fn(Action) -> bool) -> BTreeSet<String> {
        let changes = self.changes.iter().filter(|change| wanted(change.action));
        changes.map(|change| change.file.path.clone()).collect()
    }

    fn carry_out_one(&self, action: Action, file: &File) -> Result<(), Fault> {
        let path = self.directory.join(&file.path);
        match action {
            Action::Unchanged => Ok(()),
            Action::Create | Action::Update => write(path, &file.content),
            Action::Remove => self.remove(path),
            Action::Blocked => Err(Fault::Blocked { path }),
        }
    }

    /// Removes a file, and its group's directory with the last one.
    fn remove(&self, path: PathBuf) -> Result<(), Fault> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Fault::Remove { path, error }),
            _ => {}
        }
        if let Some(group) = path.parent().filter(|group| *group != self.directory) {
            // refused by the system while anything is in it
            let _ = std::fs::remove_dir(group);
        }
        Ok(())
    }

    fn write_list(&self, before: &BTreeSet<String>, after: &BTreeSet<String>) -> Result<(), Fault> {
        let lines = || after.iter().flat_map(|path| [path, "\n"]).collect::<String>();
        if before == after { Ok(()) } else { write(self.directory.join(LIST), &lines()) }
    }
}

fn action(file: &File, directory: &Path, listed: &BTreeSet<String>) -> Action {
    match std::fs::read(directory.join(&file.path)) {
        Ok(bytes) if bytes == file.content.as_bytes() => Action::Unchanged,
        Err(error) if error.kind() == ErrorKind::NotFound => Action::Create,
        // what cannot be read may be written over where it is ours
        Ok(_) | Err(_) if listed.contains(&file.path) => Action::Update,
        Ok(_) | Err(_) => Action::Blocked,
    }
}

/// The paths that upmon wrote; none where there is no list.
fn read_list(path: &Path) -> Result<BTreeSet<String>, Fault> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(Fault::Read { path: path.to_owned(), error }),
    };
    match text.lines().position(|line| !path::is_badge(line)) {
        Some(at) => Err(Fault::Listed { path: path.to_owned(), line: at + 1 }),
        None => Ok(text.lines().map(str::to_owned).collect()),
    }
}

fn write(path: PathBuf, content: &str) -> Result<(), Fault> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(directory).and_then(|()| replace_cheaply(&path, content.as_bytes()));
    written.map_err(|error| Fault::Write { path, error })
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Change { action, file } in self.changes.iter().filter(|change| change.action != Action::Unchanged) {
            writeln!(formatter, "{:<7}  {}", action.as_str(), file.path)?;
        }
        let count = |wanted: Action| self.changes.iter().filter(|change| change.action == wanted).count();
        let counts = Action::ALL.map(|action| (count(action), action.as_str()));
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        writeln!(formatter, "{} badge files: {}", self.changes.len(), counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn report() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    fn file(path: &str, content: &str) -> File {
        File { path: path.to_owned(), content: content.to_owned() }
    }

    fn run(directory: &Path, files: &[File]) -> (String, Vec<String>) {
        let plan = Plan::new(directory, files.to_vec()).unwrap();
        let shown = plan.to_string();
        (shown, plan.carry_out().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_pin_group_and_the_whole_have_two_files() {
        let report = report();
        let files = files(&report, "upstream", Style::Flat);
        let groups: BTreeSet<&str> = report.findings.iter().map(|finding| finding.group.as_str()).collect();
        assert_eq!(files.len(), 2 * (1 + groups.len() + report.findings.len()));
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), files.len());
        assert!(paths.contains("upmon.json") && paths.contains("typescript/~40internal~2fsecret.svg"), "{paths:?}");
        assert!(paths.iter().all(|path| path::is_badge(path)));
    }

    #[test]
    fn only_what_differs_is_written_and_only_what_upmon_wrote_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let badges = [file("upmon.svg", "1"), file("rust.svg", "2"), file("rust/tokio.svg", "3")];
        let (shown, faults) = run(at, &badges);
        assert_eq!(shown, "create   upmon.svg\ncreate   rust.svg\ncreate   rust/tokio.svg\n3 badge files: 3 create\n");
        assert!(faults.is_empty());
        assert_eq!(run(at, &badges).0, "3 badge files: 3 unchanged\n");
        assert_eq!(fs::read_to_string(at.join(LIST)).unwrap(), "rust.svg\nrust/tokio.svg\nupmon.svg\n");

        fs::write(at.join("ruby.svg"), "a stranger").unwrap();
        let (shown, faults) = run(at, &[file("upmon.svg", "9")]);
        assert_eq!(
            shown,
            "update   upmon.svg\nremove   rust.svg\nremove   rust/tokio.svg\n3 badge files: 1 update, 2 remove\n"
        );
        assert!(faults.is_empty());
        assert_eq!(fs::read_to_string(at.join(LIST)).unwrap(), "upmon.svg\n");
        assert!(!at.join("rust").exists() && at.join("ruby.svg").exists());
    }

    #[test]
    fn a_stranger_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::write(at.join("rust.svg"), "mine").unwrap();
        let (shown, faults) = run(at, &[file("upmon.svg", "1"), file("rust.svg", "2")]);
        assert_eq!(shown, "create   upmon.svg\nblocked  rust.svg\n2 badge files: 1 create, 1 blocked\n");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].ends_with("it is there, and upmon did not write it"), "{faults:?}");
        assert_eq!(fs::read_to_string(at.join("rust.svg")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(at.join("upmon.svg")).unwrap(), "1");
    }

    #[test]
    fn a_run_that_was_cut_off_is_taken_up() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        // listed, one written, one not
        fs::write(at.join(LIST), "rust.svg\nupmon.svg\n").unwrap();
        fs::write(at.join("rust.svg"), "old").unwrap();
        let (shown, faults) = run(at, &[file("upmon.svg", "1"), file("rust.svg", "2")]);
        assert_eq!(shown, "create   upmon.svg\nupdate   rust.svg\n2 badge files: 1 create, 1 update\n");
        assert!(faults.is_empty());
    }

    #[test]
    fn a_list_that_leads_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for line in ["../other.svg", "/etc/passwd", "README.md", ""] {
            fs::write(directory.path().join(LIST), format!("upmon.svg\n{line}\n")).unwrap();
            let fault = Plan::new(directory.path(), Vec::new()).unwrap_err().to_string();
            assert!(fault.ends_with(".upmon-badges:2: not a badge that upmon wrote"), "{fault}");
        }
    }

    #[test]
    fn what_cannot_be_removed_stays_listed() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        run(at, &[file("upmon.svg", "1"), file("rust.svg", "2")]);
        let plan = Plan::new(at, vec![file("upmon.svg", "1")]).unwrap();
        fs::remove_file(at.join("rust.svg")).unwrap();
        fs::create_dir(at.join("rust.svg")).unwrap();
        assert_eq!(plan.carry_out().len(), 1);
        assert_eq!(fs::read_to_string(at.join(LIST)).unwrap(), "rust.svg\nupmon.svg\n");
    }
}
