//! A recording as a directory: one file an exchange, and an index that names them all with their checksums.
//!
//! The index goes when the first file of a new recording is written and comes last when it is complete, so a run that breaks
//! off leaves files without an index, which are no recording, and in the way of none. A recording may come from anybody: its index names files of its own
//! directory alone, and every byte of them is checked before the first answer is given.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::exchange::{Exchange, FORMAT, Head};
use crate::holds::State;
use crate::replace::replace_cheaply;

const INDEX: &str = "index.json";

/// What was recorded when, and what the recorded run asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The instant that the run judged as of, to the nanosecond.
    pub now: DateTime<Utc>,
    /// Whether that was set by hand.
    pub as_of: bool,
    /// Whether links were asked for.
    pub links: bool,
    /// What was remembered of earlier runs; `None` where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    format: u32,
    /// Which upmon made it.
    tool: String,
    #[serde(flatten)]
    about: About,
    exchanges: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Listed {
    file: String,
    sha256: String,
}

/// Why a directory is no recording to work from.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no index: no recording was made there, or its run broke off.
    #[error("`{}` holds no recording: {INDEX} cannot be read: {error}", directory.display())]
    Missing {
        /// The directory as it was named.
        directory: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is not what was written.
    #[error("the recording in `{}` is damaged: `{file}`: {what}", directory.display())]
    Damaged {
        /// The directory as it was named.
        directory: PathBuf,
        /// The file.
        file: String,
        /// What is wrong. The recording's own words may be part of it: hostile text.
        what: String,
    },
}

impl ReadError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "`upmon check --record DIR` makes a recording",
            Self::Damaged { .. } => "copy the whole directory again, byte for byte, or record anew",
        }
    }
}

/// Writes a recording.
#[derive(Debug)]
pub(super) struct Recorder {
    directory: PathBuf,
    /// The files of the recording that was there before, or of one that broke off.
    older: Vec<String>,
    state: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// Whether the recording that was there before is one no more.
    has_begun: bool,
    listed: Vec<Listed>,
    failure: Option<io::Error>,
}

impl Recorder {
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let older = match read_index(directory) {
            Ok(index) => index.exchanges.into_iter().map(|listed| listed.file).filter(|file| is_plain(file)).collect(),
            Err(_) => broken_off(directory)?
                .ok_or_else(|| io::Error::other("it is not empty, and holds no recording that could be replaced"))?,
        };
        Ok(Self { directory: directory.to_owned(), older, state: Mutex::default() })
    }

    /// Writes one file. What goes wrong is told at the end: the run is as right without.
    pub(super) fn keep(&self, exchange: &Exchange) {
        let (file, bytes) = (file_name(&exchange.head), exchange.to_file());
        let written = self.begin().and_then(|()| replace_cheaply(&self.directory.join(&file), &bytes));
        let mut state = self.locked();
        match written {
            Ok(()) => state.listed.push(Listed { file, sha256: checksum(&bytes) }),
            Err(error) => _ = state.failure.get_or_insert(error),
        }
    }

    /// Ends the recording that was there before: its files may be overwritten from here on.
    fn begin(&self) -> io::Result<()> {
        let mut state = self.locked();
        if state.has_begun {
            return Ok(());
        }
        match std::fs::remove_file(self.directory.join(INDEX)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                state.has_begun = true;
                Ok(())
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Written> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn finish(&self, about: &About) -> io::Result<()> {
        let mut state = self.locked();
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        let mut exchanges = std::mem::take(&mut state.listed);
        exchanges.sort();
        let tool = concat!("upmon ", env!("CARGO_PKG_VERSION")).to_owned();
        let index = Index { format: FORMAT, tool, about: about.clone(), exchanges };
        replace_cheaply(&self.directory.join(INDEX), format!("{}\n", pretty(&index)).as_bytes())?;
        let is_new = |file: &String| index.exchanges.iter().any(|listed| listed.file == *file);
        self.older
            .iter()
            .filter(|file| !is_new(file))
            .for_each(|file| _ = std::fs::remove_file(self.directory.join(file)));
        Ok(())
    }
}

/// Reads a recording.
#[derive(Debug)]
pub(super) struct Player {
    directory: PathBuf,
    about: About,
    lookups: Lookups,
}

/// The exchanges of each lookup of each question, in order.
type Lookups = HashMap<Vec<String>, Vec<Vec<Stored>>>;

#[derive(Debug)]
struct Stored {
    file: String,
    head: Head,
}

impl Player {
    pub(super) fn open(directory: &Path) -> Result<Self, ReadError> {
        let damaged = |file: &str, what: String| ReadError::Damaged {
            directory: directory.to_owned(),
            file: file.to_owned(),
            what,
        };
        let index = read_index(directory).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => damaged(INDEX, error.to_string()),
            _ => ReadError::Missing { directory: directory.to_owned(), error },
        })?;
        let mut stored = Vec::with_capacity(index.exchanges.len());
        for listed in index.exchanges {
            let head = checked(directory, &listed).map_err(|what| damaged(&listed.file, what))?;
            stored.push(Stored { file: listed.file, head });
        }
        let lookups = in_order(stored).map_err(|(file, what)| damaged(&file, what))?;
        Ok(Self { directory: directory.to_owned(), about: index.about, lookups })
    }

    pub(super) const fn about(&self) -> &About {
        &self.about
    }

    /// How often a question was asked.
    pub(super) fn lookups(&self, question: &[String]) -> usize {
        self.lookups.get(question).map_or(0, Vec::len)
    }

    pub(super) fn has(&self, question: &[String], lookup: usize, step: usize) -> bool {
        self.stored(question, lookup, step).is_some()
    }

    /// One exchange. A file that is gone since it was checked is like one that was never there.
    pub(super) fn read(&self, question: &[String], lookup: usize, step: usize) -> Option<Exchange> {
        let stored = self.stored(question, lookup, step)?;
        let bytes = std::fs::read(self.directory.join(&stored.file)).ok()?;
        Exchange::from_file(&bytes).ok()
    }

    pub(super) fn credential(&self, question: &[String], lookup: usize) -> Option<String> {
        self.stored(question, lookup, 1)?.head.credential.clone()
    }

    /// Lookups and steps are counted from 1.
    fn stored(&self, question: &[String], lookup: usize, step: usize) -> Option<&Stored> {
        self.lookups.get(question)?.get(lookup.checked_sub(1)?)?.get(step.checked_sub(1)?)
    }
}

/// The index of a directory; of the kind `InvalidData` where there is one that cannot be read.
fn read_index(directory: &Path) -> io::Result<Index> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let bytes = std::fs::read(directory.join(INDEX))?;
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    if versioned.format != FORMAT {
        return Err(invalid(format!("it has format {}, and this upmon reads {FORMAT}", versioned.format)));
    }
    serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))
}

#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// Reads the head of a file that is as the index says.
fn checked(directory: &Path, listed: &Listed) -> Result<Head, String> {
    if !is_plain(&listed.file) {
        return Err("the index names what is no file of the recording".to_owned());
    }
    let bytes = std::fs::read(directory.join(&listed.file)).map_err(|error| error.to_string())?;
    if checksum(&bytes) != listed.sha256 {
        return Err("its bytes are not those that were recorded".to_owned());
    }
    Ok(Exchange::from_file(&bytes)?.head)
}

/// Puts exchanges in their places; none may be missing among them, and none be there twice. An error names the file and
/// what is wrong with it.
fn in_order(mut stored: Vec<Stored>) -> Result<Lookups, (String, String)> {
    stored.sort_by_key(|stored| (stored.head.lookup, stored.head.step));
    let mut lookups = Lookups::new();
    for one in stored {
        let of_question = lookups.entry(one.head.question.clone()).or_default();
        if one.head.lookup == of_question.len() + 1 && one.head.step == 1 {
            of_question.push(Vec::new());
        }
        let lookup = of_question.last_mut().filter(|lookup| lookup.len() + 1 == one.head.step);
        match lookup {
            Some(lookup) => lookup.push(one),
            None => return Err((one.file, "the exchange before it is missing".to_owned())),
        }
    }
    let is_whole = |lookup: usize, of: &Vec<Stored>| of.iter().all(|one| one.head.lookup == lookup + 1);
    let misplaced = lookups.values().flat_map(|lookups| lookups.iter().enumerate()).find(|(at, of)| !is_whole(*at, of));
    match misplaced {
        Some((_, of)) => Err((of[0].file.clone(), "exchanges of two lookups are mixed up".to_owned())),
        None => Ok(lookups),
    }
}

/// The files of a directory that holds nothing but what a recording that broke off has left, if anything; `None` for any
/// other.
fn broken_off(directory: &Path) -> io::Result<Option<Vec<String>>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_exchange = || {
            let is_own = |exchange: Exchange| file_name(&exchange.head) == name;
            std::fs::read(entry.path()).is_ok_and(|bytes| Exchange::from_file(&bytes).is_ok_and(is_own))
        };
        if !is_plain(&name) || !entry.file_type()?.is_file() || !is_exchange() {
            return Ok(None);
        }
        files.push(name);
    }
    Ok(Some(files))
}

/// Whether a name is that of a file in the directory itself.
fn is_plain(file: &str) -> bool {
    file.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        && file.ends_with(EXTENSION)
        && !file.starts_with('.')
}

const EXTENSION: &str = ".txt";

/// Registry and package, for people; the question's checksum, which tells apart what they do not; lookup and step.
fn file_name(head: &Head) -> String {
    let question = serde_json::to_vec(&head.question).expect("a list of texts serialises");
    let word = |index: usize| plain(head.question.get(index).map_or("", String::as_str));
    let of_question = &checksum(&question)[..10];
    format!("{}-{}-{of_question}-{}-{}{EXTENSION}", word(0), word(1), head.lookup, head.step)
}

/// As much of a name as every file system takes.
fn plain(name: &str) -> String {
    const MOST: usize = 40;
    let character = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().take(MOST).map(character).collect()
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes every write");
        hex
    })
}

fn pretty(index: &Index) -> String {
    serde_json::to_string_pretty(index).expect("an index has only text keys and serialises")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn about() -> About {
        About { now: "2026-11-20T06:00:00.123456789Z".parse().unwrap(), as_of: false, links: true, state: None }
    }

    fn question(package: &str) -> Vec<String> {
        vec!["npm".to_owned(), package.to_owned()]
    }

    fn exchange(package: &str, lookup: usize, step: usize) -> Exchange {
        Exchange::bytes("x".to_owned(), format!("{lookup}.{step}").into()).placed(&question(package), lookup, step)
    }

    /// A recording of these exchanges.
    fn recorded(directory: &Path, exchanges: &[(&str, usize, usize)]) {
        let recorder = Recorder::create(directory).unwrap();
        for &(package, lookup, step) in exchanges {
            recorder.keep(&exchange(package, lookup, step));
        }
        recorder.finish(&about()).unwrap();
    }

    fn files(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn exchanges_come_back_in_their_places() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("a", 2, 1), ("a", 1, 2), ("@b/../C", 1, 1), ("a", 1, 1)]);
        let player = Player::open(directory.path()).unwrap();
        assert_eq!(player.about(), &about());
        for (package, lookup, step, is_there) in [
            ("a", 1, 1, true),
            ("a", 1, 2, true),
            ("a", 1, 3, false),
            ("a", 2, 1, true),
            ("a", 3, 1, false),
            ("a", 0, 0, false),
            ("@b/../C", 1, 1, true),
            ("c", 1, 1, false),
        ] {
            let found = player.read(&question(package), lookup, step);
            assert_eq!(found, is_there.then(|| exchange(package, lookup, step)), "{package} {lookup} {step}");
        }
        assert!(files(directory.path()).iter().all(|file| file == INDEX || is_plain(file)));
    }

    #[test]
    fn a_recording_is_made_anew_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("old", 1, 1), ("both", 1, 1)]);
        let recorder = Recorder::create(directory.path()).unwrap();
        recorder.keep(&exchange("both", 1, 1));
        assert!(matches!(Player::open(directory.path()), Err(ReadError::Missing { .. })), "it is not complete");
        recorder.finish(&about()).unwrap();
        assert_eq!(files(directory.path()).len(), 2);
        assert_eq!(Player::open(directory.path()).unwrap().lookups(&question("old")), 0);
    }

    #[test]
    fn an_earlier_recording_stays_until_there_is_something_to_replace_it() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("old", 1, 1)]);
        drop(Recorder::create(directory.path()).unwrap());
        assert_eq!(Player::open(directory.path()).unwrap().lookups(&question("old")), 1, "nothing was asked");
    }

    #[test]
    fn what_a_run_that_broke_off_has_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("old", 1, 1)]);
        Recorder::create(directory.path()).unwrap().keep(&exchange("half", 1, 1));
        assert!(Player::open(directory.path()).is_err());
        recorded(directory.path(), &[("new", 1, 1)]);
        assert_eq!(files(directory.path()).len(), 2);
        // what only looks like a file of a recording is left alone
        Recorder::create(directory.path()).unwrap().keep(&exchange("half", 1, 1));
        fs::write(directory.path().join("notes.txt"), "precious").unwrap();
        assert!(Recorder::create(directory.path()).is_err());
    }

    #[test]
    fn what_is_no_recording_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "precious").unwrap();
        let error = Recorder::create(directory.path()).unwrap_err();
        assert_eq!(error.to_string(), "it is not empty, and holds no recording that could be replaced");
        assert_eq!(files(directory.path()), ["thesis.txt"]);
    }

    #[test]
    fn any_byte_that_is_changed_or_missing_is_told() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("a", 1, 1)]);
        let file = files(directory.path()).into_iter().find(|file| file != INDEX).unwrap();
        let path = directory.path().join(&file);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut broken = whole.clone();
            broken[index] ^= 1;
            for bytes in [&broken, &whole[..index]] {
                fs::write(&path, bytes).unwrap();
                let error = Player::open(directory.path()).unwrap_err().to_string();
                assert!(error.ends_with(&format!("`{file}`: its bytes are not those that were recorded")), "{error}");
            }
        }
        fs::remove_file(&path).unwrap();
        assert!(Player::open(directory.path()).unwrap_err().to_string().contains(&format!("is damaged: `{file}`: ")));
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        recorded(directory.path(), &[("a", 1, 1), ("a", 1, 2), ("a", 2, 1)]);
        let index = fs::read_to_string(directory.path().join(INDEX)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&index).unwrap();
        let name = |at: usize| value["exchanges"][at]["file"].as_str().unwrap().to_owned();
        let without = |at: usize| {
            let mut value = value.clone();
            value["exchanges"].as_array_mut().unwrap().remove(at);
            value.to_string()
        };
        for (text, told) in [
            (index.replace(&name(0), "../../etc/passwd"), "the index names what is no file of the recording"),
            (index.replace("\"format\": 1", "\"format\": 2"), "it has format 2, and this upmon reads 1"),
            (index[..20].to_owned(), "`index.json`: "),
            (without(0), "the exchange before it is missing"),
        ] {
            fs::write(directory.path().join(INDEX), text).unwrap();
            let error = Player::open(directory.path()).unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
