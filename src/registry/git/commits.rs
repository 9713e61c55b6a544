//! How a branch has moved since a pinned commit.
//!
//! Two commits are compared as a fetch would: "I want the head, I have the pin". The server answers whether it knows the
//! pin and sends the commits between, without trees and files; they are counted and dated, and nothing is kept.

use std::collections::HashMap;

use gix::ObjectId;
use gix::protocol::handshake::Ref;

use super::conversation::{Conversation, Fetch, FetchRequest};
use super::failure::{Cause, Failure};
use super::pack::Dated;
use crate::release::{CommitRange, ReleaseSet};

/// The largest pack of commits that is fetched for counting: some 50,000 to 100,000 of them. A pin that is further
/// behind is reported as uncounted.
const MAX_PACK: u64 = 32 << 20;

/// The most that the answer may have where one or two commits are wanted.
const MAX_FEW: u64 = 1 << 20;

/// The fewest characters of an abbreviated commit id: what git itself abbreviates to.
const ABBREVIATED: usize = 7;

/// Compares the branch (the remote's HEAD where none is named) with the pinned commit.
pub(super) fn compare(conversation: &mut Conversation, branch: Option<&str>, pin: &str) -> Result<ReleaseSet, Failure> {
    let head = head_of(conversation, branch)?;
    let pin = pinned(pin, head)?;
    let range = if pin == head { at_the_head(conversation, head)? } else { between(conversation, head, pin)? };
    Ok(ReleaseSet { commits: Some(range), ..ReleaseSet::default() })
}

fn head_of(conversation: &mut Conversation, branch: Option<&str>) -> Result<ObjectId, Failure> {
    let name = branch.map_or_else(|| "HEAD".to_owned(), |branch| format!("refs/heads/{branch}"));
    let refs = conversation.refs([name.clone()])?;
    let found = refs.into_iter().find_map(|one| match one {
        Ref::Direct { full_ref_name, object }
        | Ref::Symbolic { full_ref_name, object, .. }
        | Ref::Peeled { full_ref_name, object, .. }
            if full_ref_name == name.as_bytes() =>
        {
            Some(object)
        }
        _ => None,
    });
    found.ok_or_else(|| match branch {
        Some(branch) => Failure::new(Cause::NotFound, format!("it has no branch `{branch}`")),
        None => Failure::new(Cause::NotFound, "its HEAD names no commit"),
    })
}

/// The full id of the pin. An abbreviation is known to mean the head or not to be known: remotes resolve none.
fn pinned(pin: &str, head: ObjectId) -> Result<ObjectId, Failure> {
    let pin = pin.trim().to_lowercase();
    let is_hex = pin.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Ok(id) = ObjectId::from_hex(pin.as_bytes())
        && id.kind() == head.kind()
    {
        return Ok(id);
    }
    if is_hex && pin.len() >= ABBREVIATED && head.to_string().starts_with(&pin) {
        return Ok(head);
    }
    let digits = head.kind().len_in_hex();
    let reason = format!("the pin is not a full commit id of {digits} hexadecimal digits: remotes look up no other");
    Err(Failure::new(Cause::NotFound, reason))
}

fn at_the_head(conversation: &mut Conversation, head: ObjectId) -> Result<CommitRange, Failure> {
    let dates = dates_of(conversation, head)?;
    let at = dates.get(&head).and_then(|commit| commit.at);
    let id: Box<str> = head.to_string().into();
    Ok(CommitRange {
        head: id.clone(),
        head_at: at,
        pinned: Some(id),
        pinned_at: at,
        ahead_by: Some(0),
        first_at: None,
    })
}

fn between(conversation: &mut Conversation, head: ObjectId, pin: ObjectId) -> Result<CommitRange, Failure> {
    let is_countable = conversation.can_fetch("filter");
    if !is_countable && !conversation.can_fetch("wait-for-done") {
        return Err(Failure::new(
            Cause::BadResponse,
            "the server offers no way to compare two commits without sending their files",
        ));
    }
    let mut range = CommitRange {
        head: head.to_string().into(),
        head_at: None,
        pinned: None,
        pinned_at: None,
        ahead_by: None,
        first_at: None,
    };
    let answer = match since(conversation, head, pin, is_countable) {
        // too far behind to count; the server knew the pin, or it would not have begun to send
        Err(failure) if failure.cause == Cause::TooLarge => Fetch { common: vec![pin], pack: None },
        answer => answer?,
    };
    if !answer.common.contains(&pin) {
        return Ok(range);
    }
    range.pinned = Some(pin.to_string().into());
    if let Some(pack) = answer.pack {
        count(&mut range, head, &conversation.dated(pack)?);
        range.pinned_at = dates_of(conversation, pin)?.get(&pin).and_then(|commit| commit.at);
    }
    Ok(range)
}

/// Asks for what the head has and the pin lacks. A server that finds the pin in the head's history sends at once; one
/// that only knows the pin says so and waits for `done`.
fn since(conversation: &mut Conversation, head: ObjectId, pin: ObjectId, is_countable: bool) -> Result<Fetch, Failure> {
    let request = |is_done| FetchRequest {
        wants: std::slice::from_ref(&head),
        haves: std::slice::from_ref(&pin),
        is_shallow: false,
        is_done,
        acknowledges_only: !is_countable,
        max_size: MAX_PACK,
    };
    let first = conversation.fetch(&request(false))?;
    if first.pack.is_some() || !is_countable || !first.common.contains(&pin) {
        return Ok(first);
    }
    let second = conversation.fetch(&request(true))?;
    Ok(Fetch { common: first.common, pack: second.pack })
}

fn count(range: &mut CommitRange, head: ObjectId, objects: &HashMap<ObjectId, Dated>) {
    let commits = || objects.values().filter(|object| object.is_commit);
    range.ahead_by = Some(commits().count() as u64);
    range.first_at = commits().filter_map(|commit| commit.at).min();
    range.head_at = objects.get(&head).and_then(|commit| commit.at);
}

/// The date of one commit, where the remote makes that cheap.
fn dates_of(conversation: &mut Conversation, commit: ObjectId) -> Result<HashMap<ObjectId, Dated>, Failure> {
    if !conversation.can_fetch("filter") {
        return Ok(HashMap::new());
    }
    let request = FetchRequest {
        wants: &[commit],
        is_shallow: true,
        is_done: true,
        max_size: MAX_FEW,
        ..FetchRequest::default()
    };
    let pack = conversation.fetch(&request)?.pack;
    pack.map_or_else(|| Ok(HashMap::new()), |pack| conversation.dated(pack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_full_commit_id_or_the_beginning_of_the_head() {
        let head = ObjectId::from_hex(b"0123456789abcdef0123456789abcdef01234567").unwrap();
        let other = "ffffffffffffffffffffffffffffffffffffffff";
        let rows = [
            ("0123456789abcdef0123456789abcdef01234567", Some(head)),
            ("0123456789ABCDEF0123456789ABCDEF01234567", Some(head)),
            (other, Some(ObjectId::from_hex(other.as_bytes()).unwrap())),
            ("0123456", Some(head)),
            ("012345", None),
            ("fffffff", None),
            ("v1.0.0", None),
            ("", None),
            ("0123456789abcdef0123456789abcdef0123456g", None),
            ("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", None),
        ];
        for (pin, expected) in rows {
            assert_eq!(pinned(pin, head).ok(), expected, "{pin}");
        }
    }
}
