//! Which record of which segment answers a key, the segment that this process writes, and clearing away.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};

use super::segment::{HEAD, Record, Stamp, scan};
use super::{Key, clock};

const EXTENSION: &str = "facts";
/// A run that reads more segments than this leaves one behind.
const MANY: usize = 16;
/// So many bytes of superseded records are not worth clearing away.
const NEGLIGIBLE: u64 = 4 << 20;
/// What is written at once.
const BUFFER: usize = 1 << 16;

/// Where an answer stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: usize,
    /// Where its body begins.
    at: u64,
    record: Record,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Segment {
    /// Whether its process has ended, and had when it was read. An empty one may be about to be locked.
    fn is_finished(&self) -> bool {
        self.size > 0
            && self.file.try_lock().is_ok()
            && self.file.metadata().is_ok_and(|metadata| metadata.len() == self.size)
    }
}

/// The segment that this process appends to.
#[derive(Debug)]
enum Writer {
    /// Nothing had to be written yet.
    Idle,
    /// The segment's index, and what is not in the file yet.
    Open(usize, Vec<u8>),
    /// Writing failed once: what is in the file is uncertain, so nothing more is appended.
    Failed,
}

#[derive(Debug)]
pub(super) struct State {
    directory: PathBuf,
    max_size: u64,
    segments: Vec<Segment>,
    places: HashMap<Key, Place>,
    writer: Writer,
}

impl State {
    /// Reads the heads of all records.
    pub(super) fn open(directory: PathBuf, max_size: u64) -> io::Result<Self> {
        let mut state =
            Self { directory, max_size, segments: Vec::new(), places: HashMap::new(), writer: Writer::Idle };
        let mut paths: Vec<PathBuf> = fs::read_dir(&state.directory)?
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
            .collect();
        paths.sort_unstable();
        for path in paths {
            // One that another process has cleared away meanwhile is no loss: what it held is in a newer one.
            if let Ok(file) = File::open(&path) {
                state.take_in(path, file);
            }
        }
        Ok(state)
    }

    /// How many keys have an answer.
    pub(super) fn entries(&self) -> usize {
        self.places.len()
    }

    fn take_in(&mut self, path: PathBuf, file: File) {
        let segment = self.segments.len();
        // Before the scan: what its process adds meanwhile may or may not be seen, so it must not count as read.
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        scan(&file, |record, at| self.note(Place { segment, at, record }));
        self.segments.push(Segment { path, file, size });
    }

    /// Takes a record for the answer to its key, if it is the newest.
    fn note(&mut self, place: Place) {
        let Record { key, stamp, length, checksum } = place.record;
        match self.places.get_mut(&key) {
            Some(known) if known.record.stamp.confirmed_at > stamp.confirmed_at => {}
            Some(known) if length == 0 => {
                if known.record.checksum == checksum {
                    known.record.stamp = stamp;
                }
            }
            _ if length == 0 => {}
            _ => _ = self.places.insert(key, place),
        }
    }

    /// The answer to a key; `None` as well when its bytes are not what was written.
    pub(super) fn read(&mut self, key: &Key) -> Option<(Stamp, Vec<u8>)> {
        let place = *self.places.get(key)?;
        if matches!(self.writer, Writer::Open(own, _) if own == place.segment) {
            self.flush();
        }
        let mut body = vec![0; place.record.length as usize];
        let mut file = &self.segments[place.segment].file;
        file.seek(SeekFrom::Start(place.at)).ok()?;
        file.read_exact(&mut body).ok()?;
        (crc32fast::hash(&body) == place.record.checksum).then_some((place.record.stamp, body))
    }

    pub(super) fn append(&mut self, key: &Key, stamp: Stamp, body: &[u8]) {
        let Ok(length) = u32::try_from(body.len()) else { return };
        self.write(Record { key: *key, stamp, length, checksum: crc32fast::hash(body) }, body);
    }

    pub(super) fn confirm(&mut self, key: &Key, stamp: Stamp) {
        if let Some(place) = self.places.get(key) {
            self.write(Record { stamp, length: 0, ..place.record }, &[]);
        }
    }

    fn write(&mut self, record: Record, body: &[u8]) {
        if matches!(self.writer, Writer::Idle) {
            self.start();
        }
        let Writer::Open(segment, buffer) = &mut self.writer else { return };
        let segment = *segment;
        buffer.extend_from_slice(&record.to_bytes());
        buffer.extend_from_slice(body);
        let is_full = buffer.len() >= BUFFER;
        let at = self.segments[segment].size + HEAD as u64;
        self.segments[segment].size = at + body.len() as u64;
        self.note(Place { segment, at, record });
        if is_full {
            self.flush();
        }
    }

    /// Makes the segment of this process. It is locked as long as the process lives, so that nobody clears it away.
    fn start(&mut self) {
        let path = self.new_path();
        let options = private(OpenOptions::new().create_new(true).read(true).append(true)).open(&path);
        let locked = options.and_then(|file| file.lock().map(|()| file));
        self.writer = match locked {
            Ok(file) => {
                self.segments.push(Segment { path, file, size: 0 });
                Writer::Open(self.segments.len() - 1, Vec::with_capacity(BUFFER))
            }
            Err(error) => failed(&error),
        };
    }

    /// A name that sorts after those of earlier runs.
    fn new_path(&self) -> PathBuf {
        let (now, process, random) = (clock::now().timestamp_micros(), std::process::id(), fastrand::u32(..));
        self.directory.join(format!("{now:017}-{process}-{random:08x}.{EXTENSION}"))
    }

    fn flush(&mut self) {
        if let Writer::Open(segment, buffer) = &mut self.writer {
            match (&self.segments[*segment].file).write_all(buffer) {
                Ok(()) => buffer.clear(),
                Err(error) => self.writer = failed(&error),
            }
        }
    }

    /// Bytes that a segment with nothing but today's answers would have.
    fn live(&self) -> u64 {
        self.places.values().map(size).sum()
    }

    fn is_clearing_due(&self) -> bool {
        let (live, all) = (self.live(), self.segments.iter().map(|segment| segment.size).sum::<u64>());
        all > self.max_size || all > 2 * live + NEGLIGIBLE || self.segments.len() > MANY
    }

    /// Puts today's answers into one new segment, those confirmed last first and as many as fit, and removes the others.
    fn clear(&mut self) -> io::Result<()> {
        let mut places: Vec<Place> = self.places.values().copied().collect();
        places.sort_unstable_by_key(|place| std::cmp::Reverse(place.record.stamp.confirmed_at));
        let mut left = self.max_size;
        let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(&self.directory)?);
        for place in places {
            let Some(less) = left.checked_sub(size(&place)) else { break };
            left = less;
            if let Some((_, body)) = self.read(&place.record.key) {
                file.write_all(&place.record.to_bytes())?;
                file.write_all(&body)?;
            }
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.persist_noclobber(self.new_path())?;
        self.remove_old();
        Ok(())
    }

    /// Removes what was read to its end and is not being written to by another process, and what crashed processes left.
    fn remove_old(&mut self) {
        let own = match self.writer {
            Writer::Open(segment, _) => Some(segment),
            _ => None,
        };
        for (index, segment) in self.segments.iter().enumerate() {
            if own == Some(index) || segment.is_finished() {
                let _ = fs::remove_file(&segment.path);
            }
        }
        remove_abandoned(&self.directory);
    }
}

impl Drop for State {
    /// Ends the segment, and clears away if there is reason to.
    fn drop(&mut self) {
        self.flush();
        if matches!(self.writer, Writer::Open(..))
            && self.is_clearing_due()
            && let Err(error) = self.clear()
        {
            tracing::debug!(%error, "the cache cannot be cleared");
        }
    }
}

fn size(place: &Place) -> u64 {
    HEAD as u64 + u64::from(place.record.length)
}

fn failed(error: &io::Error) -> Writer {
    tracing::debug!(%error, "the cache cannot be written");
    Writer::Failed
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Removes what crashed processes left, an hour or more ago: segments without a record and half-written ones.
fn remove_abandoned(directory: &Path) {
    let Ok(files) = fs::read_dir(directory) else { return };
    for file in files.flatten() {
        let (name, Ok(metadata)) = (file.file_name(), file.metadata()) else { continue };
        let is_segment = Path::new(&name).extension().is_some_and(|extension| extension == EXTENSION);
        let is_ours = name.to_string_lossy().starts_with(".tmp") || (is_segment && metadata.len() == 0);
        let is_old = metadata.modified().is_ok_and(|at| clock::now() - DateTime::from(at) > TimeDelta::hours(1));
        if is_ours && is_old {
            let _ = fs::remove_file(file.path());
        }
    }
}
