//! The state on disk.
//!
//! It is read whole and replaced in one step, under a lock, and only where something changed. Keys are sorted and every
//! release, acknowledgement and list is one line, so that in a repository a change is as small as what changed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Remembered, State, VERSION};
use crate::replace::Prepared;
use crate::report::escape::{json, terminal};

/// Why there is no state to work with.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is there and cannot be read.
    #[error("the state in `{}` cannot be read: {error}", terminal(&path.display().to_string()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is not what upmon writes.
    #[error("the state in `{}` is broken: {}", terminal(&path.display().to_string()), terminal(what))]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The file is of another version.
    #[error("the state in `{}` has version {version}, and this upmon reads {VERSION}", terminal(&path.display().to_string()))]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The file cannot be written.
    #[error("the state cannot be written to `{}`: {error}", terminal(&path.display().to_string()))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl StateError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "let upmon read it, or name another file with --state",
            Self::Broken { .. } => {
                "mend it, or take an older one from version control; without it everything is seen for the first time"
            }
            Self::OtherVersion { .. } => "use the upmon that wrote it, or name another file with --state",
            Self::Unwritable { .. } => "its directory must be writable, and have room; --state names another file",
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// The state in a file; an empty one where there is no file.
///
/// # Errors
/// When there is one that is not wholly understood: nothing of it is guessed.
pub fn read(path: &Path) -> Result<State, StateError> {
    match fs::read(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(StateError::Unreadable { path: path.to_owned(), error }),
    }
}

/// The state that the content of a file holds.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<State, StateError> {
    let broken = |error: serde_json::Error| StateError::Broken { path: path.to_owned(), what: error.to_string() };
    let Versioned { version } = serde_json::from_slice(bytes).map_err(broken)?;
    if version != u64::from(VERSION) {
        return Err(StateError::OtherVersion { path: path.to_owned(), version });
    }
    serde_json::from_slice(bytes).map_err(broken)
}

/// Reads the state, lets it be changed, and writes it where that made a difference. No other upmon on this machine writes
/// meanwhile.
///
/// # Errors
/// When it cannot be read or written, or with what the change ended.
pub fn change<T, E: From<StateError>>(path: &Path, change: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
    let unwritable = |error| StateError::Unwritable { path: path.to_owned(), error };
    // a link stays one, and who names the file itself waits for the same lock
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(unwritable)?;
    let _lock = lock(&place, directory).map_err(unwritable)?;
    let before = read(path)?;
    let mut state = before.clone();
    let outcome = change(&mut state)?;
    if state != before {
        let bytes = text(&state);
        // whoever may read and write it may do so afterwards
        let write = if place.exists() { Prepared::write_over } else { Prepared::write };
        write(&place, bytes.as_bytes()).and_then(Prepared::put).map_err(unwritable)?;
    }
    Ok(outcome)
}

/// Waits for its turn. The lock is that of the directory, so that no file of ours is left in a repository; where directories
/// cannot be locked, it is a file beside the state.
fn lock(path: &Path, directory: &Path) -> io::Result<File> {
    let file = if cfg!(unix) {
        File::open(directory)?
    } else {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        File::create(directory.join(format!(".{name}.lock")))?
    };
    match file.lock() {
        // a file system without locks is one that nobody shares
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(file),
    }
}

/// The document: everything down to a pin's members is unfolded, everything below is one line each.
pub fn text(state: &State) -> String {
    let pins = state.pins.iter().map(|(id, pin)| member(4, id, &remembered(pin))).collect::<Vec<_>>();
    let text = format!("{{\n  \"pins\": {},\n  \"version\": {}\n}}\n", unfolded(2, '{', &pins, '}'), state.version);
    json(text)
}

fn remembered(pin: &Remembered) -> String {
    let Remembered { acknowledged, from, held, major, owners, releases, shapes } = pin;
    let mut members = Vec::new();
    if !acknowledged.is_empty() {
        let acks: Vec<String> = acknowledged.iter().map(|ack| format!("        {}", line(ack))).collect();
        members.push(member(6, "acknowledged", &unfolded(6, '[', &acks, ']')));
    }
    members.push(member(6, "from", &line(from)));
    members.extend(held.as_ref().map(|held| member(6, "held", &line(held))));
    members.push(member(6, "major", &line(major)));
    if !owners.is_empty() {
        members.push(member(6, "owners", &line(owners)));
    }
    let releases: Vec<String> = releases.iter().map(|(label, noted)| member(8, label, &line(noted))).collect();
    members.push(member(6, "releases", &unfolded(6, '{', &releases, '}')));
    members.push(member(6, "shapes", &line(shapes)));
    unfolded(4, '{', &members, '}')
}

fn member(indent: usize, key: &str, value: &str) -> String {
    format!("{:indent$}{}: {value}", "", line(&key))
}

fn unfolded(indent: usize, open: char, items: &[String], close: char) -> String {
    if items.is_empty() {
        return format!("{open}{close}");
    }
    format!("{open}\n{}\n{:indent$}{close}", items.join(",\n"), "")
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a state has only text keys and serialises")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::holds::tests::state;

    fn parsed(text: &str) -> Result<State, StateError> {
        parse(Path::new("upmon-state.json"), text.as_bytes())
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(state in state()) {
            let text = text(&state);
            prop_assert_eq!(parsed(&text).unwrap(), state);
            // a release or an acknowledgement is one line, whatever it holds
            prop_assert!(text.lines().all(|line| line.matches("\"seen\"").count() <= 1));
        }

        #[test]
        fn any_text_is_a_state_or_a_clear_refusal(text in "\\PC{0,64}|\\{\"version\": ?[0-9]{1,3}\\}") {
            prop_assert!(parsed(&text).is_err());
        }
    }

    #[test]
    fn what_is_not_wholly_understood_is_refused() {
        for (text, expected) in [
            ("", "the state in `upmon-state.json` is broken: EOF while parsing a value at line 1 column 0"),
            ("{\n<<<<<<< ours", "the state in `upmon-state.json` is broken: key must be a string at line 2 column 1"),
            (r#"{"version":2,"new":1}"#, "the state in `upmon-state.json` has version 2, and this upmon reads 1"),
            (
                r#"{"version":1,"pins":{},"more":1}"#,
                "the state in `upmon-state.json` is broken: unknown field `more`, expected `pins` or `version` at line 1 column 29",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn an_unchanged_state_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/state.json");
        let note = |pin: &'static str| {
            change(&path, |state| {
                state.pins.entry(pin.to_owned()).or_default().from = "npm x".to_owned();
                Ok::<(), StateError>(())
            })
        };
        note("a").unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        note("a").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        note("b").unwrap();
        assert_eq!(read(&path).unwrap().pins.len(), 2);
        let names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["state.json"], "nothing else is left behind");
    }

    #[test]
    fn two_at_once_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for count in 0..10 {
                        let id = format!("{writer}/{count}");
                        change(path, |state| Ok::<_, StateError>(state.pins.insert(id, Remembered::default())))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(read(&path).unwrap().pins.len(), 40);
    }
}
