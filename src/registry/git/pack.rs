//! Reads the few commits and tags of a small pack in memory, for their dates.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use gix::hash::Kind as Hash;
use gix::objs::{CommitRef, Kind, TagRef, compute_hash};
use gix::{ObjectId, oid};
use gix_pack::cache::Never;
use gix_pack::data::File;
use gix_pack::data::decode::entry::ResolvedBase;

use super::bounds::Bounds;
use super::failure::{Cause, Failure};

/// Largest single object: a commit or a tag with its message.
const MAX_OBJECT: usize = 4 << 20;

/// What is kept of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dated {
    /// Whether it is a commit; otherwise it is a tag.
    pub(super) is_commit: bool,
    /// The committer's date, or the tagger's; `None` where it is missing, unreadable or not after 1970-01-01T00:00:00Z,
    /// which is what tools write that have no date.
    pub(super) at: Option<DateTime<Utc>>,
}

/// The commits and tags of a pack, by their ids. A pack may be made to take very long: deltas upon deltas; so the work
/// ends with the time for the lookup.
pub(super) fn dated_objects(pack: Vec<u8>, hash: Hash, bounds: &Bounds) -> Result<HashMap<ObjectId, Dated>, Failure> {
    let may_go_on = || bounds.check().map_err(|failure| gix::Error::from_error(bounds.record(failure)));
    read(pack, hash, may_go_on).map_err(|error| {
        let garbled = || Failure::new(Cause::BadResponse, format!("a pack that cannot be read: {error}"));
        bounds.failure().unwrap_or_else(garbled)
    })
}

/// Walks the pack from front to back. Deltas only lead backwards: those by offset always do, and those by id are
/// written after their base.
fn read(pack: Vec<u8>, hash: Hash, may_go_on: impl Fn() -> gix::Result) -> gix::Result<HashMap<ObjectId, Dated>> {
    let file = File::from_data(pack, PathBuf::new(), hash)?.with_alloc_limit_bytes(Some(MAX_OBJECT));
    let mut offsets = HashMap::<ObjectId, u64>::new();
    let mut objects = HashMap::new();
    let mut inflate = gix::zlib::Inflate::default();
    let mut object = Vec::new();
    let mut offset = gix_pack::data::header::SIZE as u64;
    for _ in 0..file.num_objects() {
        may_go_on()?;
        let entry = file.entry(offset)?;
        let start = entry.data_offset;
        let base = |id: &oid, _: &mut Vec<u8>| {
            let offset = offsets.get(id).copied();
            offset.map(|offset| file.entry(offset).map(ResolvedBase::InPack)).transpose()
        };
        let decoded = file.decode_entry(entry, &mut object, &mut inflate, &base, &mut Never)?;
        let id = compute_hash(hash, decoded.kind, &object)?;
        offsets.insert(id, offset);
        if let Some(dated) = dated(decoded.kind, &object, hash) {
            objects.insert(id, dated);
        }
        offset = start + decoded.compressed_size as u64;
    }
    if offset != file.pack_end() as u64 {
        gix::error::bail!(gix::error::corruption("its end is not where its objects end"));
    }
    Ok(objects)
}

fn dated(kind: Kind, object: &[u8], hash: Hash) -> Option<Dated> {
    let seconds = match kind {
        Kind::Commit => CommitRef::from_bytes(object, hash).and_then(|commit| commit.time()).ok(),
        Kind::Tag => {
            let tagger = TagRef::from_bytes(object, hash).and_then(|tag| Ok(tag.tagger()?.map(|by| by.time())));
            tagger.ok().flatten().and_then(Result::ok)
        }
        Kind::Tree | Kind::Blob => return None,
    };
    let at = seconds.filter(|time| time.seconds > 0).and_then(|time| DateTime::from_timestamp(time.seconds, 0));
    Some(Dated { is_commit: kind == Kind::Commit, at })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Trouble;
    use crate::http::room::{Room, Scale};

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let rows: [&[u8]; 5] = [
            b"",
            b"PACK",
            b"PACK\0\0\0\x02\0\0\0\x01",
            b"PACK\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"<!doctype html><html><body>no pack at all, but longer than the smallest one</body></html>",
        ];
        for pack in rows {
            assert!(read(pack.to_vec(), Hash::Sha1, || Ok(())).is_err(), "{pack:?}");
        }
    }

    #[test]
    fn reading_ends_with_the_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let pack = b"PACK\0\0\0\x02\0\0\0\x01 and some twenty bytes more".to_vec();
        let (bounds, _interest) = Bounds::new(Duration::ZERO, Duration::ZERO, Scale::new(&Room::default(), true));
        assert_eq!(
            dated_objects(pack.clone(), Hash::Sha1, &bounds).unwrap_err().cause,
            Cause::Unreachable(Trouble::Silence)
        );
        let (bounds, _interest) =
            Bounds::new(Duration::from_mins(1), Duration::from_mins(1), Scale::new(&Room::default(), true));
        assert_eq!(dated_objects(pack, Hash::Sha1, &bounds).unwrap_err().cause, Cause::BadResponse);
    }

    #[test]
    fn a_date_is_the_committers_or_the_taggers() {
        let commit = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@x> 1 +0000\ncommitter C <c@x> 1700000000 +0200\n\nm\n";
        let tag = "object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype commit\ntag v1\ntagger T <t@x> 1600000000 -0700\n\nm\n";
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let rows = [
            (Kind::Commit, commit.to_owned(), at("2023-11-14T22:13:20Z")),
            (Kind::Tag, tag.to_owned(), at("2020-09-13T12:26:40Z")),
            (Kind::Tag, tag.replace("tagger T <t@x> 1600000000 -0700\n", ""), None),
            (Kind::Commit, commit.replace("1700000000", "0"), None),
            (Kind::Commit, commit.replace("1700000000", "9223372036854775807"), None),
            (Kind::Commit, "nonsense".to_owned(), None),
        ];
        for (kind, object, expected) in rows {
            assert_eq!(dated(kind, object.as_bytes(), Hash::Sha1).unwrap().at, expected, "{object}");
        }
        assert_eq!(dated(Kind::Tree, b"", Hash::Sha1), None);
    }
}
