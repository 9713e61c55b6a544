//! The bytes of a segment: records one after the other, each with a head that says how long it is.
//!
//! A record with a body is an answer. One without is a confirmation of the answer whose checksum it names.

use std::fs::File;
use std::io::{BufReader, Read};

use super::Key;

const MAGIC: &[u8; 4] = b"upm\x01";
/// Bytes of a head: magic, key, time, freshness, length, checksum of the body, checksum of the head.
pub(super) const HEAD: usize = 4 + 32 + 8 + 4 + 4 + 4 + 4;

/// When an answer was confirmed, and for how long it is fresh from then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// In microseconds since 1970, so that what one process writes after another is later.
    pub(super) confirmed_at: i64,
    /// In seconds.
    pub(super) fresh_for: u32,
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) stamp: Stamp,
    /// Bytes of the body; 0 for a confirmation.
    pub(super) length: u32,
    /// Of the body, here or, for a confirmation, elsewhere.
    pub(super) checksum: u32,
}

impl Record {
    pub(super) fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.stamp.confirmed_at.to_le_bytes());
        for number in [self.stamp.fresh_for, self.length, self.checksum] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes.try_into().expect("the parts of a head add up to it")
    }

    /// Reads a head; `None` where there is none.
    fn from_bytes(bytes: &[u8; HEAD]) -> Option<Self> {
        let (head, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(head) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (key, rest) = head.strip_prefix(MAGIC)?.split_first_chunk()?;
        let (confirmed_at, rest) = rest.split_first_chunk()?;
        let (fresh_for, rest) = rest.split_first_chunk()?;
        let (length, checksum) = rest.split_first_chunk()?;
        Some(Self {
            key: Key(*key),
            stamp: Stamp { confirmed_at: i64::from_le_bytes(*confirmed_at), fresh_for: u32::from_le_bytes(*fresh_for) },
            length: u32::from_le_bytes(*length),
            checksum: u32::from_le_bytes(*checksum.first_chunk()?),
        })
    }
}

/// Tells `found` of every record and where its body begins, up to the end or to the first that is broken: a segment has one
/// writer, so nothing whole can follow a torn one.
pub(super) fn scan(file: &File, mut found: impl FnMut(Record, u64)) {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut at = 0;
    let mut head = [0; HEAD];
    while reader.read_exact(&mut head).is_ok() {
        let Some(record) = Record::from_bytes(&head) else { return };
        at += HEAD as u64;
        found(record, at);
        at += u64::from(record.length);
        if reader.seek_relative(record.length.into()).is_err() {
            return;
        }
    }
}
