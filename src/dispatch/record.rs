//! What was started, and what became of it: so that each update starts each target once, ever.
//!
//! An intent is written before anything is sent, and the outcome after it. An intent without an outcome is what a run left
//! that was cut off in between; whoever finds one looks at the server before anything is sent again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::replace::replace;

/// A dispatch, from the intent to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// The target.
    pub target: String,
    /// The finding that it was for, as `group/package`.
    pub package: String,
    /// The version to which the package can move.
    pub version: String,
    /// How often a person had it sent again.
    #[serde(default, skip_serializing_if = "is_first")]
    pub retry: u32,
    /// The text by which its run is recognised.
    pub correlation: String,
    /// When it was about to be sent.
    pub at: DateTime<Utc>,
    /// How far it is.
    pub state: State,
    /// Its run, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// How the run ended, in GitHub's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` calls it so")]
const fn is_first(retry: &u32) -> bool {
    *retry == 0
}

/// How far a dispatch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was about to be sent; nobody has noted whether it was.
    Intended,
    /// The server took it.
    Started,
    /// Its run ended in success.
    Succeeded,
    /// Its run ended otherwise.
    Failed,
}

/// A run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number in the API.
    pub id: u64,
    /// Its page.
    pub url: String,
}

/// What a dispatch is for: each key has one dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub(crate) target: &'a str,
    pub(crate) package: &'a str,
    pub(crate) version: &'a str,
}

impl Dispatched {
    pub(crate) fn key(&self) -> Key<'_> {
        Key { target: &self.target, package: &self.package, version: &self.version }
    }
}

/// Everything that was started, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The dispatches.
    pub dispatches: Vec<Dispatched>,
}

impl Record {
    pub(crate) fn get(&self, key: Key<'_>) -> Option<&Dispatched> {
        self.dispatches.iter().find(|dispatched| dispatched.key() == key)
    }

    /// Notes a dispatch, in the place of what was noted of it before.
    pub(crate) fn set(&mut self, dispatched: Dispatched) {
        match self.dispatches.iter_mut().find(|known| known.key() == dispatched.key()) {
            Some(known) => *known = dispatched,
            None => self.dispatches.push(dispatched),
        }
    }

    /// Forgets a dispatch that never was.
    pub(crate) fn remove(&mut self, key: Key<'_>) {
        self.dispatches.retain(|dispatched| dispatched.key() != key);
    }
}

/// The version of the file's form.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    schema_version: u32,
    dispatches: Vec<Dispatched>,
}

/// Why a record in a file cannot be used. Without it nobody knows what was started, so nothing is.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RecordError {
    message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl RecordError {
    /// What is wrong, and what to do about it.
    pub const fn new(message: String, hint: &'static str) -> Self {
        Self { message, hint }
    }
}

/// A record that several machines share, held by one process at a time. Nothing is written for who has lost it.
pub trait Ledger: std::fmt::Debug + Send + Sync {
    /// Everything that was started.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self) -> BoxFuture<'_, Result<Record, RecordError>>;

    /// Replaces what is noted of a package, in one step.
    ///
    /// # Errors
    /// When it cannot be written, or another process holds the record.
    fn write<'a>(&'a self, package: &'a str, dispatches: Vec<Dispatched>) -> BoxFuture<'a, Result<(), RecordError>>;

    /// Lets others hold it; of who does not come to this, it is taken a little later.
    fn release(&self) -> BoxFuture<'_, ()>;
}

/// A record in a file, which no other run uses meanwhile.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    /// Held for as long as this lives. The record itself is replaced at every change, so it cannot be what is locked.
    _lock: Option<File>,
}

impl RecordFile {
    /// Takes the record for a run that writes it.
    ///
    /// # Errors
    /// When another run has it, or its directory cannot be written to.
    pub fn lock(path: &Path) -> Result<Self, RecordError> {
        let lock = path.with_added_extension("lock");
        let failed = |error: &dyn std::fmt::Display| RecordError {
            message: format!("cannot lock the record of dispatches by `{}`: {error}", lock.display()),
            hint: "its directory must exist and be writable",
        };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock);
        let file = file.map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(RecordError {
                message: format!("another run works with the record of dispatches `{}`", path.display()),
                hint: "two at once could start the same twice: wait for the other one",
            }),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    /// Takes the record for a run that only looks.
    pub fn unlocked(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None }
    }

    /// Reads it; a file that is not there is an empty record.
    ///
    /// # Errors
    /// When it cannot be read, or is no record of this version.
    pub fn read(&self) -> Result<Record, RecordError> {
        let failed = |error: &dyn std::fmt::Display| RecordError {
            message: format!("cannot read the record of dispatches `{}`: {error}", self.path.display()),
            hint: "nothing was started: without it nobody knows what was; mend it or bring back an older copy",
        };
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Record::default()),
            Err(error) => return Err(failed(&error)),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if document.schema_version != SCHEMA_VERSION {
            return Err(failed(&format!("its version is {}, not {SCHEMA_VERSION}", document.schema_version)));
        }
        Ok(Record { dispatches: document.dispatches })
    }

    /// Replaces it in one step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), RecordError> {
        let document = Document { schema_version: SCHEMA_VERSION, dispatches: record.dispatches.clone() };
        let json = serde_json::to_string_pretty(&document).expect("a record is plain data");
        replace(&self.path, format!("{json}\n").as_bytes()).map_err(|error| RecordError {
            message: format!("cannot write the record of dispatches `{}`: {error}", self.path.display()),
            hint: "its directory must exist and be writable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn dispatched(target: &str, version: &str) -> Dispatched {
        Dispatched {
            target: target.to_owned(),
            package: "rust/tokio".to_owned(),
            version: version.to_owned(),
            retry: 0,
            correlation: "upmon-0".to_owned(),
            at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            state: State::Intended,
            run: None,
            conclusion: None,
        }
    }

    #[test]
    fn what_is_written_is_read_and_each_key_stands_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = RecordFile::lock(&folder.path().join("record.json")).unwrap();
        assert_eq!(file.read().unwrap(), Record::default());
        let mut record = Record::default();
        record.set(dispatched("image", "1.0.0"));
        record.set(dispatched("image", "2.0.0"));
        record.set(Dispatched { state: State::Started, ..dispatched("image", "1.0.0") });
        file.write(&record).unwrap();
        assert_eq!(file.read().unwrap(), record);
        assert_eq!(record.dispatches.len(), 2);
        record.remove(dispatched("image", "1.0.0").key());
        assert_eq!(record.get(dispatched("image", "1.0.0").key()), None);
        assert!(record.get(dispatched("image", "2.0.0").key()).is_some());
    }

    #[test]
    fn two_runs_do_not_work_with_one_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        let first = RecordFile::lock(&path).unwrap();
        assert!(RecordFile::lock(&path).unwrap_err().to_string().contains("another run works with the record"));
        drop(first);
        RecordFile::lock(&path).unwrap();
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        for text in ["", "{}", "{\"schema_version\": 2, \"dispatches\": []}", "[]"] {
            std::fs::write(&path, text).unwrap();
            assert!(RecordFile::unlocked(&path).read().is_err(), "{text}");
        }
    }
}
