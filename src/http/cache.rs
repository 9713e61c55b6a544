//! What registries said, kept on disk between runs as decoded facts, so that a warm run parses nothing again.
//!
//! One file an entry, named by the digest of its key, replaced by rename and never waited for with `fsync`: a checksum
//! tells a torn entry from a whole one, and a broken, foreign or outdated entry is simply no entry. Two processes may
//! share a directory; the last one to answer a question wins. Errors are never kept. How long an answer keeps is decided
//! in [`super::freshness`]; when to ask the cache, in [`super::client`].

use std::cmp::Reverse;
use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::clock;
use super::credentials::Credential;
use crate::release::{FORMAT, ReleaseSet};

/// Decoders may read the same bytes differently in another version of upmon, so facts are of one version only.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Entries are looked through for eviction at most this often.
const SWEEP_INTERVAL: Duration = Duration::from_hours(24);

/// What a crashed process left half written is removed after this time.
const ABANDONED: Duration = Duration::from_hours(1);

/// Where the cache lives unless the user says otherwise: `upmon` in the platform's cache directory
/// ([XDG](https://specifications.freedesktop.org/basedir-spec/latest/): `$XDG_CACHE_HOME` or `~/.cache`). `None` on a
/// machine without a home.
pub fn default_directory() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("upmon"))
}

/// Names an entry by everything that its facts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from the parts of a question (protocol, address without user and password, form, ...) and from who asks it.
    /// What different credentials see is kept apart.
    pub fn new(parts: &[&str], credential: Option<&Credential>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        if let Some(credential) = credential {
            digest.update(credential.identity());
        }
        Self(digest.finalize().into())
    }

    fn file_name(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
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

/// One answer of an earlier run. The facts stay undecoded until they are needed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When the registry last said so.
    pub confirmed_at: DateTime<Utc>,
    /// How it is kept.
    pub keeping: Keeping,
    bytes: Vec<u8>,
    facts_at: usize,
    checksum: u32,
}

impl Entry {
    /// Whether it need not be asked again. An entry from the future is not fresh: one of the two clocks was wrong.
    pub fn is_fresh(&self, fresh_for: Duration) -> bool {
        (clock::now() - self.confirmed_at).to_std().is_ok_and(|age| age < fresh_for)
    }

    /// The facts; `None` when they were written in another form than this version reads.
    pub fn known(&self) -> Option<Known> {
        postcard::from_bytes(&self.bytes[self.facts_at..]).ok()
    }
}

/// The directory of entries.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
    max_size: u64,
}

impl Cache {
    /// Opens the cache in a directory, which is made if need be, readable to its owner alone. Entries stand in a folder
    /// below it, since what is too old or too much is deleted there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path, max_size: u64) -> io::Result<Self> {
        let directory = directory.join("facts");
        make_private(&directory)?;
        Ok(Self { directory, max_size })
    }

    /// The entry of a key, if there is a whole one of this version.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let bytes = fs::read(self.path(key)).ok()?;
        let entry = format::read(bytes, key);
        if entry.is_none() {
            tracing::debug!(entry = key.file_name(), "cache entry cannot be used");
        }
        entry
    }

    /// Keeps an answer; `None` for "no such package". A cache that cannot be written to is no reason to fail: it is logged.
    pub fn put(&self, key: &Key, known: Option<&ReleaseSet>, keeping: &Keeping) {
        if let Err(error) = self.try_put(key, known, keeping) {
            tracing::debug!(%error, "cache entry cannot be written");
        }
    }

    fn try_put(&self, key: &Key, known: Option<&ReleaseSet>, keeping: &Keeping) -> io::Result<()> {
        let bytes = format::write(key, known, keeping, clock::now()).map_err(io::Error::other)?;
        let mut file = NamedTempFile::new_in(&self.directory)?;
        file.write_all(&bytes)?;
        file.persist(self.path(key))?;
        Ok(())
    }

    /// Notes that the registry confirmed an entry just now. Only the stamp at its head is written, in place; it holds a
    /// checksum of itself and of what it stamps, so an entry that another process replaced meanwhile is not vouched for.
    pub fn touch(&self, key: &Key, entry: &Entry, fresh_for: Duration) {
        let stamp = format::stamp(clock::now(), fresh_for, entry.checksum);
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).open(self.path(key))?;
            file.seek(SeekFrom::Start(format::STAMP_AT))?;
            file.write_all(&stamp)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "cache entry cannot be confirmed");
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(key.file_name())
    }

    /// Keeps the cache within its size, in the background and at most once a day.
    pub fn sweep_if_due(&self) {
        let marker = self.directory.join("swept");
        if fs::metadata(&marker).is_ok_and(|marker| age(&marker) < SWEEP_INTERVAL) {
            return;
        }
        let cache = self.clone();
        std::thread::spawn(move || {
            let swept = fs::write(marker, b"").and_then(|()| cache.sweep());
            if let Err(error) = swept {
                tracing::debug!(%error, "cache cannot be swept");
            }
        });
    }

    /// Removes what crashed processes left and, while the cache is too large, the entries confirmed longest ago.
    ///
    /// # Errors
    /// When the directory cannot be read. A file that another process removed first is none.
    pub fn sweep(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.directory)? {
            let file = file?;
            let Ok(metadata) = file.metadata() else { continue };
            let name = file.file_name();
            if is_entry(&name.to_string_lossy()) {
                entries.push((age(&metadata), metadata.len(), file.path()));
            } else if name.to_string_lossy().starts_with(".tmp") && age(&metadata) > ABANDONED {
                let _ = fs::remove_file(file.path());
            }
        }
        self.evict(entries);
        Ok(())
    }

    fn evict(&self, mut entries: Vec<(Duration, u64, PathBuf)>) {
        let mut size: u64 = entries.iter().map(|(_, size, _)| size).sum();
        entries.sort_unstable_by_key(|(age, ..)| Reverse(*age));
        for (_, bytes, path) in entries {
            if size <= self.max_size {
                return;
            }
            if fs::remove_file(path).is_ok() {
                size -= bytes;
            }
        }
    }
}

fn is_entry(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How long ago a file was written; nothing for one from the future.
fn age(metadata: &fs::Metadata) -> Duration {
    let written = metadata.modified().map(DateTime::<Utc>::from).unwrap_or_default();
    (clock::now() - written).to_std().unwrap_or_default()
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// The bytes of an entry: magic, stamp, checksum of the rest, head, facts.
mod format {
    use super::{DateTime, Deserialize, Duration, Entry, FORMAT, Keeping, Key, ReleaseSet, Serialize, Utc, VERSION};

    const MAGIC: &[u8; 8] = b"upmon\0\0\x01";
    /// Where the stamp begins: it is the one part that is ever rewritten in place.
    pub(super) const STAMP_AT: u64 = MAGIC.len() as u64;
    const STAMP_LEN: usize = 8 + 4 + 4;
    const BODY_AT: usize = MAGIC.len() + STAMP_LEN + 4;

    #[derive(Serialize, Deserialize)]
    struct Header<'a> {
        format: u32,
        version: &'a str,
        key: [u8; 32],
        etag: Option<&'a [u8]>,
        last_modified: Option<&'a [u8]>,
    }

    /// When an entry was confirmed (milliseconds), for how long (seconds), and the checksum of both and of the body's.
    pub(super) fn stamp(at: DateTime<Utc>, fresh_for: Duration, checksum: u32) -> [u8; STAMP_LEN] {
        let mut stamp = [0; STAMP_LEN];
        stamp[..8].copy_from_slice(&at.timestamp_millis().to_le_bytes());
        let seconds = u32::try_from(fresh_for.as_secs()).unwrap_or(u32::MAX);
        stamp[8..12].copy_from_slice(&seconds.to_le_bytes());
        let own = sealed(&stamp[..12], checksum);
        stamp[12..].copy_from_slice(&own.to_le_bytes());
        stamp
    }

    fn sealed(stamp: &[u8], checksum: u32) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(checksum);
        hasher.update(stamp);
        hasher.finalize()
    }

    pub(super) fn write(
        key: &Key,
        known: Option<&ReleaseSet>,
        keeping: &Keeping,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, postcard::Error> {
        let header = Header {
            format: FORMAT,
            version: VERSION,
            key: key.0,
            etag: keeping.etag.as_deref(),
            last_modified: keeping.last_modified.as_deref(),
        };
        let bytes = postcard::to_extend(&header, vec![0; BODY_AT])?;
        let mut bytes = postcard::to_extend(&known, bytes)?;
        let checksum = crc32fast::hash(&bytes[BODY_AT..]);
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[MAGIC.len()..BODY_AT - 4].copy_from_slice(&stamp(now, keeping.fresh_for, checksum));
        bytes[BODY_AT - 4..BODY_AT].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    pub(super) fn read(bytes: Vec<u8>, key: &Key) -> Option<Entry> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (stamp, rest) = rest.split_first_chunk::<STAMP_LEN>()?;
        let (checksum, body) = rest.split_first_chunk::<4>()?;
        let checksum = u32::from_le_bytes(*checksum);
        let is_whole = magic == MAGIC
            && stamp[12..] == sealed(&stamp[..12], checksum).to_le_bytes()
            && checksum == crc32fast::hash(body);
        if !is_whole {
            return None;
        }
        let (header, facts) = postcard::take_from_bytes::<Header<'_>>(body).ok()?;
        if header.format != FORMAT || header.version != VERSION || header.key != key.0 {
            return None;
        }
        let (at, seconds) = (stamp[..8].try_into().ok()?, stamp[8..12].try_into().ok()?);
        Some(Entry {
            confirmed_at: DateTime::from_timestamp_millis(i64::from_le_bytes(at))?,
            keeping: Keeping {
                fresh_for: Duration::from_secs(u32::from_le_bytes(seconds).into()),
                etag: header.etag.map(<[u8]>::to_vec),
                last_modified: header.last_modified.map(<[u8]>::to_vec),
            },
            facts_at: bytes.len() - facts.len(),
            checksum,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    fn facts(version: &str) -> ReleaseSet {
        ReleaseSet { releases: vec![Release::new(version)], ..ReleaseSet::default() }
    }

    fn keeping() -> Keeping {
        Keeping { fresh_for: Duration::from_mins(10), etag: Some(b"W/\"\xffa\"".to_vec()), last_modified: None }
    }

    fn cache() -> (tempfile::TempDir, Cache, Key) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path(), 1 << 20).unwrap();
        (directory, cache, Key::new(&["GET", "https://index.example/se/rd/serde"], None))
    }

    #[test]
    fn what_is_put_is_got_back_byte_for_byte() {
        let (_directory, cache, key) = cache();
        for known in [Some(facts("1.0.0")), None] {
            cache.put(&key, known.as_ref(), &keeping());
            let entry = cache.get(&key).unwrap();
            assert_eq!(entry.known(), Some(known));
            assert_eq!(entry.keeping, keeping());
            assert!(entry.is_fresh(entry.keeping.fresh_for));
        }
    }

    #[test]
    fn keys_differ_with_every_part_and_with_their_borders() {
        let keys = [Key::new(&["ab", "c"], None), Key::new(&["a", "bc"], None), Key::new(&["abc"], None)];
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_eq!(keys[0], Key::new(&["ab", "c"], None));
    }

    #[test]
    fn an_entry_with_any_byte_changed_or_missing_is_no_entry() {
        let (_directory, cache, key) = cache();
        cache.put(&key, Some(&facts("1.0.0")), &keeping());
        let path = cache.path(&key);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut broken = whole.clone();
            broken[index] ^= 0x10;
            fs::write(&path, &broken).unwrap();
            assert!(cache.get(&key).is_none(), "byte {index} changed");
            fs::write(&path, &whole[..index]).unwrap();
            assert!(cache.get(&key).is_none(), "cut to {index} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.get(&key).is_some());
    }

    #[test]
    fn an_entry_under_a_foreign_name_is_no_entry() {
        let (_directory, cache, key) = cache();
        let other = Key::new(&["GET", "https://index.example/to/ki/tokio"], None);
        cache.put(&key, Some(&facts("1.0.0")), &keeping());
        fs::copy(cache.path(&key), cache.path(&other)).unwrap();
        assert!(cache.get(&other).is_none());
    }

    #[test]
    fn a_confirmed_entry_is_fresh_anew() {
        let (_directory, cache, key) = cache();
        cache.put(&key, Some(&facts("1.0.0")), &Keeping { fresh_for: Duration::ZERO, ..keeping() });
        let entry = cache.get(&key).unwrap();
        assert!(!entry.is_fresh(entry.keeping.fresh_for));
        cache.touch(&key, &entry, Duration::from_mins(5));
        let confirmed = cache.get(&key).unwrap();
        assert!(confirmed.is_fresh(confirmed.keeping.fresh_for));
        assert!(confirmed.confirmed_at >= entry.confirmed_at);
        assert_eq!(confirmed.known(), Some(Some(facts("1.0.0"))));
    }

    #[test]
    fn an_entry_that_was_replaced_meanwhile_is_not_vouched_for() {
        let (_directory, cache, key) = cache();
        cache.put(&key, Some(&facts("1.0.0")), &keeping());
        let old = cache.get(&key).unwrap();
        cache.put(&key, Some(&facts("2.0.0")), &keeping());
        cache.touch(&key, &old, Duration::from_mins(5));
        assert!(cache.get(&key).is_none());
    }

    #[test]
    fn an_entry_from_the_future_is_not_fresh() {
        let (_directory, cache, key) = cache();
        let later = clock::now() + Duration::from_hours(1);
        let bytes = format::write(&key, Some(&facts("1.0.0")), &keeping(), later).unwrap();
        fs::write(cache.path(&key), bytes).unwrap();
        let entry = cache.get(&key).unwrap();
        assert!(!entry.is_fresh(entry.keeping.fresh_for));
    }

    #[test]
    fn the_entries_confirmed_longest_ago_go_first_and_foreign_files_stay() {
        let (_directory, cache, _) = cache();
        let keys: Vec<Key> = (0..4).map(|index| Key::new(&[&index.to_string()], None)).collect();
        for (hours, key) in (1..).zip(&keys) {
            cache.put(key, Some(&facts("1.0.0")), &keeping());
            let file = fs::File::options().write(true).open(cache.path(key)).unwrap();
            file.set_modified((clock::now() - Duration::from_hours(hours)).into()).unwrap();
        }
        fs::write(cache.directory.join("README"), vec![0; 4096]).unwrap();
        let one = fs::metadata(cache.path(&keys[0])).unwrap().len();
        Cache { max_size: one * 2, ..cache.clone() }.sweep().unwrap();
        let left: Vec<bool> = keys.iter().map(|key| cache.get(key).is_some()).collect();
        assert_eq!(left, [true, true, false, false]);
        assert!(cache.directory.join("README").exists());
    }

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_being_written_is_not() {
        let (_directory, cache, _) = cache();
        let (old, new) = (cache.directory.join(".tmpold"), cache.directory.join(".tmpnew"));
        fs::write(&new, b"").unwrap();
        fs::write(&old, b"").unwrap();
        let file = fs::File::options().write(true).open(&old).unwrap();
        file.set_modified((clock::now() - Duration::from_hours(2)).into()).unwrap();
        cache.sweep().unwrap();
        assert_eq!((old.exists(), new.exists()), (false, true));
    }

    #[test]
    fn two_that_write_and_one_that_reads_never_see_a_broken_entry() {
        let (_directory, cache, key) = cache();
        cache.put(&key, Some(&facts("0.0.0")), &keeping());
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (cache, key) = (&cache, &key);
                scope.spawn(move || {
                    for round in 0..200 {
                        cache.put(key, Some(&facts(&format!("{writer}.{round}.0"))), &keeping());
                    }
                });
            }
            for _ in 0..400 {
                assert!(cache.get(&key).and_then(|entry| entry.known()).is_some());
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_directory, cache, key) = cache();
        cache.put(&key, None, &keeping());
        for path in [cache.directory.clone(), cache.path(&key)] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
}
