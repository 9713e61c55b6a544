//! What registries said, kept on disk between runs as decoded facts, so that a warm run parses nothing again.
//!
//! Every process appends to a segment of its own, which nobody else writes to, and reads those of earlier runs; nothing is
//! ever changed in place and nothing waits for `fsync`. A process that is killed loses the end of its segment, and a
//! checksum tells where that end is. Two processes at once see each other's answers from the next run on. A file for each
//! entry was measured and rejected: making and replacing files costs ten to a hundred times as much as the entry is worth,
//! and on ext4 more than the request that it saves.
//!
//! Errors are never kept. How long an answer keeps is decided in [`super::freshness`]; when the cache is asked, in
//! [`super::client`].

mod segment;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::segment::Stamp;
use self::state::State;
use super::clock;
use super::credentials::Credential;
use crate::release::{FORMAT, ReleaseSet};

/// Where the cache lives unless the user says otherwise: `upmon` in the platform's cache directory
/// ([XDG](https://specifications.freedesktop.org/basedir-spec/latest/): `$XDG_CACHE_HOME` or `~/.cache`). `None` on a
/// machine without a home.
pub fn default_directory() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("upmon"))
}

/// Names an entry by everything that its facts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from the parts of a question (protocol, address without user and password, form, ...) and from who asks it.
    /// What different credentials see is kept apart, and so is what different versions of upmon made of an answer, since
    /// their decoders may differ.
    pub fn new(parts: &[&str], credential: Option<&Credential>) -> Self {
        let mut digest = Sha256::new();
        digest.update(FORMAT.to_le_bytes());
        for part in [env!("CARGO_PKG_VERSION")].iter().chain(parts) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        if let Some(credential) = credential {
            digest.update(credential.identity());
        }
        Self(digest.finalize().into())
    }
}

/// How an answer is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    /// How long it need not be asked again.
    pub fresh_for: Duration,
    /// Its `ETag`, byte for byte, or for git whatever names the state of the remote.
    pub etag: Option<Vec<u8>>,
    /// Its `Last-Modified`, byte for byte.
    pub last_modified: Option<Vec<u8>>,
}

/// What a registry said of a package: the facts, or that there is no such package.
pub type Known = Option<ReleaseSet>;

/// What an entry holds beside its stamp.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    etag: Option<&'a [u8]>,
    last_modified: Option<&'a [u8]>,
}

/// One answer of an earlier run. The facts stay undecoded until they are needed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When the registry last said so.
    pub confirmed_at: DateTime<Utc>,
    /// How it is kept.
    pub keeping: Keeping,
    body: Vec<u8>,
    facts_at: usize,
}

impl Entry {
    fn read(stamp: Stamp, body: Vec<u8>) -> Option<Self> {
        let (Body { etag, last_modified }, facts) = postcard::take_from_bytes(&body).ok()?;
        Some(Self {
            confirmed_at: DateTime::from_timestamp_micros(stamp.confirmed_at)?,
            keeping: Keeping {
                fresh_for: Duration::from_secs(stamp.fresh_for.into()),
                etag: etag.map(<[u8]>::to_vec),
                last_modified: last_modified.map(<[u8]>::to_vec),
            },
            facts_at: body.len() - facts.len(),
            body,
        })
    }

    /// Whether it need not be asked again. An entry from the future is not fresh: one of the two clocks was wrong.
    pub fn is_fresh(&self, fresh_for: Duration) -> bool {
        (clock::now() - self.confirmed_at).to_std().is_ok_and(|age| age < fresh_for)
    }

    /// The facts; `None` when they were written in another form than this version reads.
    pub fn known(&self) -> Option<Known> {
        postcard::from_bytes(&self.body[self.facts_at..]).ok()
    }
}

/// The entries of a directory, as they were when it was opened and as this process changes them.
#[derive(Debug)]
pub struct Cache(Mutex<State>);

impl Cache {
    /// Opens the cache in a directory, which is made if need be, readable to its owner alone. It keeps to a folder below
    /// it, since it deletes there what is too old or too much (`max_size`, in bytes).
    ///
    /// # Errors
    /// When the directory cannot be made or read. What lies in it and cannot be read is passed over.
    pub fn open(directory: &Path, max_size: u64) -> io::Result<Self> {
        let directory = directory.join("facts");
        make_private(&directory)?;
        Ok(Self(Mutex::new(State::open(directory, max_size)?)))
    }

    /// The entry of a key, if there is a whole one.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let (stamp, body) = self.state().read(key)?;
        Entry::read(stamp, body)
    }

    /// Keeps an answer; `None` for "no such package". A cache that cannot be written to is no reason to fail: it is
    /// logged.
    pub fn put(&self, key: &Key, known: Option<&ReleaseSet>, keeping: &Keeping) {
        let body = Body { etag: keeping.etag.as_deref(), last_modified: keeping.last_modified.as_deref() };
        let bytes = postcard::to_stdvec(&body).and_then(|bytes| postcard::to_extend(&known, bytes));
        match bytes {
            Ok(bytes) => self.state().append(key, stamp(keeping.fresh_for), &bytes),
            Err(error) => tracing::debug!(%error, "facts cannot be kept"),
        }
    }

    /// Notes that the registry confirmed an entry just now. It vouches for what the entry held when it was got: should
    /// another process have learned something newer meanwhile, that stands.
    pub fn confirm(&self, key: &Key, fresh_for: Duration) {
        self.state().confirm(key, stamp(fresh_for));
    }

    /// How many answers it holds.
    pub fn entries(&self) -> usize {
        self.state().entries()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(fresh_for: Duration) -> Stamp {
    Stamp {
        confirmed_at: clock::now().timestamp_micros(),
        fresh_for: u32::try_from(fresh_for.as_secs()).unwrap_or(u32::MAX),
    }
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::release::Release;

    fn facts(version: &str) -> ReleaseSet {
        ReleaseSet { releases: vec![Release::new(version)], ..ReleaseSet::default() }
    }

    fn keeping() -> Keeping {
        Keeping { fresh_for: Duration::from_mins(10), etag: Some(b"W/\"\xffa\"".to_vec()), last_modified: None }
    }

    fn key(name: &str) -> Key {
        Key::new(&["GET", name], None)
    }

    fn open(directory: &Path) -> Cache {
        Cache::open(directory, 1 << 20).unwrap()
    }

    fn version(cache: &Cache, key: &Key) -> Option<String> {
        Some(cache.get(key)?.known()??.releases[0].version.to_string())
    }

    fn segments(directory: &Path) -> Vec<PathBuf> {
        fs::read_dir(directory.join("facts")).unwrap().map(|file| file.unwrap().path()).collect()
    }

    #[test]
    fn what_is_put_is_got_back_by_this_process_and_the_next() {
        let directory = tempfile::tempdir().unwrap();
        for known in [Some(facts("1.0.0")), None] {
            let cache = open(directory.path());
            cache.put(&key("a"), known.as_ref(), &keeping());
            let check = |cache: &Cache| {
                let entry = cache.get(&key("a")).unwrap();
                assert_eq!((entry.known(), &entry.keeping), (Some(known.clone()), &keeping()));
                assert!(entry.is_fresh(entry.keeping.fresh_for));
            };
            check(&cache);
            drop(cache);
            check(&open(directory.path()));
        }
    }

    #[test]
    fn keys_differ_with_every_part_and_with_their_borders() {
        let keys = [Key::new(&["ab", "c"], None), Key::new(&["a", "bc"], None), Key::new(&["abc"], None)];
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_eq!(keys[0], Key::new(&["ab", "c"], None));
    }

    #[test]
    fn a_segment_with_any_byte_changed_or_missing_never_gives_wrong_facts() {
        let directory = tempfile::tempdir().unwrap();
        let cache = open(directory.path());
        cache.put(&key("a"), Some(&facts("1.0.0")), &keeping());
        cache.put(&key("b"), Some(&facts("2.0.0")), &keeping());
        drop(cache);
        let path = segments(directory.path()).remove(0);
        let whole = fs::read(&path).unwrap();
        let check = |bytes: &[u8], what: &str| {
            fs::write(&path, bytes).unwrap();
            let cache = open(directory.path());
            let found = [version(&cache, &key("a")), version(&cache, &key("b"))];
            let right = [Some("1.0.0".to_owned()), Some("2.0.0".to_owned())];
            assert!(found.iter().zip(&right).all(|(found, right)| found.is_none() || found == right), "{what}");
            assert_ne!(found, right, "{what}");
        };
        for index in 0..whole.len() {
            let mut broken = whole.clone();
            broken[index] ^= 0x10;
            check(&broken, &format!("byte {index} changed"));
            check(&whole[..index], &format!("cut to {index} bytes"));
        }
    }

    #[test]
    fn a_confirmed_entry_is_fresh_anew_and_still_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let cache = open(directory.path());
        cache.put(&key("a"), Some(&facts("1.0.0")), &Keeping { fresh_for: Duration::ZERO, ..keeping() });
        let entry = cache.get(&key("a")).unwrap();
        assert!(!entry.is_fresh(entry.keeping.fresh_for));
        cache.confirm(&key("a"), Duration::from_mins(5));
        drop(cache);
        let cache = open(directory.path());
        let confirmed = cache.get(&key("a")).unwrap();
        assert!(confirmed.is_fresh(confirmed.keeping.fresh_for) && confirmed.confirmed_at >= entry.confirmed_at);
        assert_eq!(version(&cache, &key("a")).as_deref(), Some("1.0.0"));
    }

    #[test]
    fn a_confirmation_vouches_only_for_what_was_confirmed() {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path()).put(
            &key("a"),
            Some(&facts("1.0.0")),
            &Keeping { fresh_for: Duration::ZERO, ..keeping() },
        );
        let (one, other) = (open(directory.path()), open(directory.path()));
        other.put(&key("a"), Some(&facts("2.0.0")), &Keeping { fresh_for: Duration::ZERO, ..keeping() });
        one.confirm(&key("a"), Duration::from_mins(5));
        drop((one, other));
        let cache = open(directory.path());
        let entry = cache.get(&key("a")).unwrap();
        let is_fresh = entry.is_fresh(entry.keeping.fresh_for);
        assert_eq!(is_fresh, version(&cache, &key("a")).as_deref() == Some("1.0.0"));
    }

    #[test]
    fn an_entry_from_the_future_is_not_fresh() {
        let body = postcard::to_stdvec(&Body { etag: None, last_modified: None }).unwrap();
        let later = clock::now() + Duration::from_hours(1);
        let stamp = Stamp { confirmed_at: later.timestamp_micros(), fresh_for: 600 };
        let entry = Entry::read(stamp, body).unwrap();
        assert!(!entry.is_fresh(entry.keeping.fresh_for));
    }

    #[test]
    fn what_is_superseded_is_cleared_away_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        for run in 0..50 {
            let cache = open(directory.path());
            cache.put(&key("changing"), Some(&facts(&format!("1.{run}.0"))), &keeping());
            if run == 0 {
                cache.put(&key("lasting"), Some(&facts("1.0.0")), &keeping());
            }
        }
        assert!(segments(directory.path()).len() <= 17, "{:?}", segments(directory.path()));
        let cache = open(directory.path());
        assert_eq!(version(&cache, &key("changing")).as_deref(), Some("1.49.0"));
        assert_eq!(version(&cache, &key("lasting")).as_deref(), Some("1.0.0"));
    }

    #[test]
    fn a_cache_that_grew_too_large_drops_the_entries_confirmed_longest_ago() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path(), 4096).unwrap();
        for index in 0..100 {
            cache.put(&key(&index.to_string()), Some(&facts("1.0.0")), &keeping());
        }
        cache.confirm(&key("0"), Duration::from_mins(5));
        drop(cache);
        let size: u64 = segments(directory.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(size <= 4096, "{size}");
        let cache = open(directory.path());
        assert!(cache.get(&key("0")).is_some());
        assert!((1..100).any(|index| cache.get(&key(&index.to_string())).is_none()));
    }

    #[test]
    fn foreign_files_are_left_alone_and_read_as_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        let foreign = directory.path().join("facts/README");
        fs::write(&foreign, "not ours").unwrap();
        fs::write(directory.path().join("facts/0-0-x.facts"), vec![b'x'; 100_000]).unwrap();
        let cache = Cache::open(directory.path(), 10).unwrap();
        cache.put(&key("a"), Some(&facts("1.0.0")), &keeping());
        drop(cache);
        assert!(foreign.exists());
    }

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_being_written_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let facts_in = directory.path().join("facts");
        let cache = Cache::open(directory.path(), 10).unwrap();
        let names = [".tmpold", ".tmpnew", "0-0-old.facts", "0-0-new.facts"];
        for name in names {
            fs::write(facts_in.join(name), b"").unwrap();
        }
        for name in names.iter().filter(|name| name.contains("old")) {
            let file = fs::File::options().write(true).open(facts_in.join(name)).unwrap();
            file.set_modified((clock::now() - Duration::from_hours(2)).into()).unwrap();
        }
        cache.put(&key("a"), Some(&facts("1.0.0")), &keeping());
        drop(cache);
        assert_eq!(names.map(|name| facts_in.join(name).exists()), [false, true, false, true]);
    }

    #[test]
    fn several_at_once_lose_nothing_of_each_other() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for process in 0..4 {
                let directory = directory.path();
                scope.spawn(move || {
                    for run in 0..30 {
                        let cache = open(directory);
                        cache.put(&key(&format!("{process}/{run}")), Some(&facts("1.0.0")), &keeping());
                    }
                });
            }
        });
        let cache = open(directory.path());
        let is_there = |process, run| version(&cache, &key(&format!("{process}/{run}"))).is_some();
        let kept = (0..4).flat_map(|process| (0..30).map(move |run| (process, run))).filter(|&(p, r)| is_there(p, r));
        assert_eq!(kept.count(), 120);
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        open(directory.path()).put(&key("a"), None, &keeping());
        for path in segments(directory.path()).iter().chain([&directory.path().join("facts")]) {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
}
