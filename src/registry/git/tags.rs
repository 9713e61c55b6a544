//! The tags of a remote as releases, and their dates.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use gix::ObjectId;
use gix::bstr::BString;
use gix::protocol::handshake::Ref;

use super::conversation::{Conversation, FetchRequest};
use super::failure::Failure;
use super::pack::Dated;
use crate::release::{Release, ReleaseSet};

/// Where tags live.
const TAGS: &str = "refs/tags/";

/// What a pack of dates may have for itself, in bytes, and for every tag: its message with a signature, and the commit.
const PACK: (u64, u64) = (1 << 20, 16 << 10);

/// The largest pack of dates.
const MAX_PACK: u64 = 64 << 20;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    /// Its name without `refs/tags/`.
    name: String,
    /// The tag object, if it is an annotated tag.
    annotation: Option<ObjectId>,
    /// What it points to in the end: a commit, but for a few odd tags.
    target: ObjectId,
}

/// Lists the tags whose names start with `prefix`, with their dates if `with_dates` and the remote makes that cheap.
pub(super) fn list(conversation: &mut Conversation, prefix: &str, with_dates: bool) -> Result<ReleaseSet, Failure> {
    let refs = conversation.refs([format!("{TAGS}{}", sendable(prefix))])?;
    let (tags, unreadable) = tags_of(refs, |name| name.starts_with(prefix));
    let dates = if with_dates { dates_of(conversation, &tags)? } else { HashMap::new() };
    Ok(ReleaseSet { releases: releases(tags, &dates), unreadable, ..ReleaseSet::default() })
}

/// The named tags with their dates; none if the remote does not make that cheap.
pub(super) fn dates(conversation: &mut Conversation, wanted: &[String]) -> Result<ReleaseSet, Failure> {
    if !conversation.can_fetch("filter") {
        return Ok(ReleaseSet::default());
    }
    let refs = conversation.refs(wanted.iter().map(|name| format!("{TAGS}{}", sendable(name))))?;
    let names: HashSet<&str> = wanted.iter().map(String::as_str).collect();
    let (tags, _) = tags_of(refs, |name| names.contains(name));
    let dates = dates_of(conversation, &tags)?;
    Ok(ReleaseSet { releases: releases(tags, &dates), ..ReleaseSet::default() })
}

/// A prefix ends the line it is sent on: no tag has control characters, so one with them is not sent.
fn sendable(prefix: &str) -> &str {
    if prefix.contains(|c: char| c.is_control()) { "" } else { prefix }
}

type Unreadable = Vec<(Box<str>, Box<str>)>;

fn tags_of(refs: Vec<Ref>, is_wanted: impl Fn(&str) -> bool) -> (Vec<Tag>, Unreadable) {
    let mut tags = Vec::with_capacity(refs.len());
    let mut unreadable = Vec::new();
    for (name, annotation, target) in refs.into_iter().filter_map(parts) {
        let Some(name) = name.strip_prefix(TAGS.as_bytes()) else { continue };
        match std::str::from_utf8(name) {
            Ok(name) if is_wanted(name) => tags.push(Tag { name: name.to_owned(), annotation, target }),
            Ok(_) => {}
            Err(_) => unreadable.push((String::from_utf8_lossy(name).into(), "the tag's name is not UTF-8".into())),
        }
    }
    (tags, unreadable)
}

/// Name, tag object and final target of a ref; `None` for one that points nowhere yet.
fn parts(one: Ref) -> Option<(BString, Option<ObjectId>, ObjectId)> {
    match one {
        Ref::Peeled { full_ref_name, tag, object } => Some((full_ref_name, Some(tag), object)),
        Ref::Direct { full_ref_name, object } => Some((full_ref_name, None, object)),
        Ref::Symbolic { full_ref_name, tag, object, .. } => Some((full_ref_name, tag, object)),
        Ref::Unborn { .. } => None,
    }
}

fn releases(tags: Vec<Tag>, dates: &HashMap<ObjectId, Dated>) -> Vec<Release> {
    let release = |tag: Tag| Release {
        published_at: published_at(&tag, dates),
        commit: Some(tag.target.to_string().into()),
        ..Release::new(tag.name)
    };
    tags.into_iter().map(release).collect()
}

/// When the tag was made, else when its commit was.
fn published_at(tag: &Tag, dates: &HashMap<ObjectId, Dated>) -> Option<DateTime<Utc>> {
    let ids = [tag.annotation.as_ref(), Some(&tag.target)];
    ids.into_iter().flatten().find_map(|id| dates.get(id)?.at)
}

/// Dates of all the tags in one fetch: the tag objects and commits alone, without history, trees or files
/// ([protocol version 2](https://git-scm.com/docs/protocol-v2#_fetch)). A remote that cannot leave those out would send
/// whole trees, so it is not asked.
fn dates_of(conversation: &mut Conversation, tags: &[Tag]) -> Result<HashMap<ObjectId, Dated>, Failure> {
    if tags.is_empty() || !conversation.can_fetch("filter") {
        return Ok(HashMap::new());
    }
    let mut wants: Vec<ObjectId> = tags.iter().map(|tag| tag.annotation.unwrap_or(tag.target)).collect();
    wants.sort_unstable();
    wants.dedup();
    let max_size = MAX_PACK.min(PACK.0 + PACK.1 * wants.len() as u64);
    let request = FetchRequest { wants: &wants, is_shallow: true, is_done: true, max_size, ..FetchRequest::default() };
    let pack = conversation.fetch(&request)?.pack;
    pack.map_or_else(|| Ok(HashMap::new()), |pack| conversation.dated(pack))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    #[test]
    fn every_kind_of_ref_is_read_as_what_it_points_to() {
        let refs = vec![
            Ref::Peeled { full_ref_name: "refs/tags/v1".into(), tag: id('1'), object: id('2') },
            Ref::Direct { full_ref_name: "refs/tags/v2".into(), object: id('3') },
            Ref::Symbolic {
                full_ref_name: "refs/tags/vlatest".into(),
                target: "refs/tags/v1".into(),
                tag: Some(id('1')),
                object: id('2'),
            },
            Ref::Direct { full_ref_name: "refs/tags/other".into(), object: id('4') },
            Ref::Direct { full_ref_name: "refs/heads/v3".into(), object: id('5') },
            Ref::Unborn { full_ref_name: "refs/tags/v4".into(), target: "refs/tags/v5".into() },
            Ref::Direct { full_ref_name: b"refs/tags/v\xff".as_slice().into(), object: id('6') },
        ];
        let (tags, unreadable) = tags_of(refs, |name| name.starts_with('v'));
        let found: Vec<_> = releases(tags, &HashMap::new())
            .into_iter()
            .map(|release| (release.version, release.commit.unwrap()))
            .collect();
        let expected = [("v1", '2'), ("v2", '3'), ("vlatest", '2')];
        assert_eq!(found, expected.map(|(name, digit)| (name.into(), id(digit).to_string().into())));
        assert_eq!(unreadable, [("v\u{fffd}".into(), "the tag's name is not UTF-8".into())]);
    }

    #[test]
    fn a_prefix_never_ends_the_line_it_is_sent_on() {
        assert_eq!(sendable("gopls/v"), "gopls/v");
        assert_eq!(sendable("v\ncommand=evil"), "");
    }

    #[test]
    fn the_tagger_goes_before_the_committer() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let tag = Tag { name: "v1".to_owned(), annotation: Some(id('1')), target: id('2') };
        let commit = (id('2'), Dated { is_commit: true, at: at(5) });
        let annotation = |at| (id('1'), Dated { is_commit: false, at });
        assert_eq!(published_at(&tag, &HashMap::from([commit, annotation(at(9))])), at(9));
        assert_eq!(published_at(&tag, &HashMap::from([commit, annotation(None)])), at(5));
        assert_eq!(published_at(&tag, &HashMap::new()), None);
    }
}
