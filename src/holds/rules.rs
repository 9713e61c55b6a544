//! What is suspicious about a release, given what is remembered of its package. Pure.
//!
//! A package of which nothing is remembered yet has no suspicious release: whatever it has then is what it is known for.

use std::cmp::Ordering;

use super::{Kind, Remembered, Shape, Suspicion};
use crate::pin::Pin;
use crate::registry::RegistryId;
use crate::release::Release;
use crate::version::Version;

/// How far above all others a first number must be before it is suspicious, unless a policy says otherwise.
pub const MAJOR_JUMP: u64 = 20;

/// What is remembered of a pin's package, and what is known of it now.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    /// What is remembered.
    pub known: &'a Remembered,
    /// Who owns the source repository now, where that is known.
    pub owner: Option<&'a str>,
    /// How far above all others a first number must be; 0 for no limit.
    pub major_jump: u64,
}

impl Memory<'_> {
    /// What is suspicious about a release, the gravest first: an owner, a commit or content that changed before a number.
    /// Of releases that are not above the pin only a change of scheme is, since that hides newer ones.
    pub fn suspicion(&self, pin: &Pin, release: &Release, version: &Version, pinned: &Version) -> Option<Suspicion> {
        let label = &*release.version;
        let is_new = version.precedence(pinned) == Ordering::Greater;
        let changed = || self.changed(pin, release, version, pinned);
        let found = [
            is_new.then(|| self.moved_before(label)).flatten(),
            is_new.then(changed).flatten(),
            self.other_shape(version, pinned),
            is_new.then(|| self.jump(version, pinned)).flatten(),
        ];
        found.into_iter().flatten().find(|suspicion| !self.known.is_acknowledged(Some(label), suspicion))
    }

    /// That the source repository belongs to somebody else than before. Where nothing tells now, what an earlier run held
    /// stays held.
    pub fn moved(&self) -> Option<Suspicion> {
        let Some(owner) = self.owner else { return self.known.held.clone() };
        let owner = Some(owner).filter(|owner| !self.known.owners.is_empty() && !self.known.owners.contains(*owner))?;
        let expected: Vec<&str> = self.known.owners.iter().map(String::as_str).collect();
        Some(Suspicion { kind: Kind::OwnerMoved, expected: expected.join(" or "), found: owner.to_owned() })
    }

    /// The same for a release of which nothing was known before the repository moved.
    fn moved_before(&self, label: &str) -> Option<Suspicion> {
        let is_known = self.known.releases.get(label).is_some_and(|noted| !noted.content.is_empty());
        self.moved().filter(|_| !is_known)
    }

    /// That a release consists of something else than before.
    pub fn changed(&self, pin: &Pin, release: &Release, version: &Version, pinned: &Version) -> Option<Suspicion> {
        let found = content(pin, release, version, pinned)?;
        let known = &self.known.releases.get(&*release.version)?.content;
        let expected: Vec<&str> =
            known.iter().filter(|known| is_comparable(known, &found)).map(String::as_str).collect();
        if expected.is_empty() || expected.contains(&found.as_str()) {
            return None;
        }
        let kind = if pin.registry == RegistryId::Git { Kind::TagMoved } else { Kind::Republished };
        Some(Suspicion { kind, expected: expected.join(" or "), found })
    }

    fn other_shape(&self, version: &Version, pinned: &Version) -> Option<Suspicion> {
        let shape = shape_of(version);
        let known = &self.known.shapes;
        if known.is_empty() || known.contains(&shape) || shape_of(pinned) == shape {
            return None;
        }
        let expected: Vec<String> = known.iter().map(ToString::to_string).collect();
        Some(Suspicion { kind: Kind::SchemeChange, expected: expected.join(" or "), found: shape.to_string() })
    }

    /// A first number more than twice as high as every other, and more than so many above it. One of another shape has to be:
    /// that is for the change of scheme to say.
    fn jump(&self, version: &Version, pinned: &Version) -> Option<Suspicion> {
        let highest = self.known.major.max(major_of(pinned));
        let limit = highest.saturating_add(self.major_jump.max(highest));
        let found = major_of(version);
        let is_jump = self.major_jump > 0 && found > limit && shape_of(version) == shape_of(pinned);
        is_jump.then(|| Suspicion {
            kind: Kind::MajorJump,
            expected: format!("at most {limit}"),
            found: found.to_string(),
        })
    }
}

/// The first number of a version; one beyond 64 bits counts as the highest.
pub fn major_of(version: &Version) -> u64 {
    version.segments().get(0).as_u64().unwrap_or(u64::MAX)
}

/// What a version looks like.
pub fn shape_of(version: &Version) -> Shape {
    let first = version.segments();
    let first = first.get(0);
    if first.as_u64().is_some_and(|first| first < 1990) {
        return Shape::Number;
    }
    let digits = first.to_string();
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let is_year = number(0, 4).is_some_and(|year| (1990..2100).contains(&year));
    let is_month = number(4, 6).is_some_and(|month| (1..=12).contains(&month));
    let is_day = digits.len() == 6 || number(6, 8).is_some_and(|day| (1..=31).contains(&day));
    match digits.len() {
        4 if is_year => Shape::Year,
        6 | 8 | 10 | 12 | 14 if is_year && is_month && is_day => Shape::Date,
        _ => Shape::Number,
    }
}

/// What a release consists of, as the state file has it: the commit of a tag, else a checksum.
///
/// Tags that move on purpose have none: those of a pin that is such a tag, and those with fewer numbers than the pin, such
/// as `v4` beside `v4.1.2`.
pub fn content(pin: &Pin, release: &Release, version: &Version, pinned: &Version) -> Option<String> {
    if pin.registry != RegistryId::Git {
        return release.content.map(|content| content.to_string());
    }
    let moves = pin.moves || version.segments().numbers.len() < pinned.segments().numbers.len();
    release.commit.as_deref().filter(|_| !moves).map(str::to_owned)
}

/// Whether two contents are of the same part: both the commit of a tag, or both of the same file.
pub(super) fn is_comparable(one: &str, other: &str) -> bool {
    const CHECKSUM: usize = 32;
    match (one.len(), other.len()) {
        (CHECKSUM, CHECKSUM) => one.as_bytes()[..8] == other.as_bytes()[..8],
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::{Ack, Noted};
    use crate::version::SchemeId;

    fn version(text: &str) -> Version {
        SchemeId::Loose.parse(text).unwrap()
    }

    fn known(major: u64, shapes: &[Shape]) -> Remembered {
        Remembered { major, shapes: shapes.iter().copied().collect(), ..Remembered::default() }
    }

    fn kind(known: &Remembered, pinned: &str, release: &str) -> Option<Kind> {
        let memory = Memory { known, owner: None, major_jump: MAJOR_JUMP };
        let (new, pin) = (Release::new(release), Pin::sample(pinned));
        memory.suspicion(&pin, &new, &version(release), &version(pinned)).map(|suspicion| suspicion.kind)
    }

    #[test]
    fn a_version_has_a_shape() {
        for (text, shape) in [
            ("1.4", Shape::Number),
            ("0", Shape::Number),
            ("139.0", Shape::Number),
            ("1989.1", Shape::Number),
            ("2024.1", Shape::Year),
            ("2100.1", Shape::Number),
            ("20160708", Shape::Date),
            ("201607", Shape::Date),
            ("201613", Shape::Number),
            ("20160732", Shape::Number),
            ("20160708123000", Shape::Date),
            ("2016070", Shape::Number),
            ("99999999999999999999999999", Shape::Number),
        ] {
            assert_eq!(shape_of(&version(text)), shape, "{text}");
        }
    }

    #[test]
    fn a_jump_is_more_than_twice_as_high_and_more_than_twenty_above() {
        let numbers = [Shape::Number];
        for (major, pinned, release, expected) in [
            (1, "1.4", "2.0", None),
            (1, "1.4", "21.0", None),
            (1, "1.4", "22.0", Some(Kind::MajorJump)),
            (1, "1.4", "99999999999999999999.0", Some(Kind::MajorJump)),
            (138, "138.0", "139.0", None),
            (138, "138.0", "276.0", None),
            (138, "138.0", "277.0", Some(Kind::MajorJump)),
            // another release is as high already
            (40, "1.4", "41.0", None),
            // the pin itself is
            (1, "40.0", "41.0", None),
            // below the pin it is no matter
            (0, "99.0", "98.0", None),
        ] {
            assert_eq!(kind(&known(major, &numbers), pinned, release), expected, "{pinned} {release}");
        }
    }

    #[test]
    fn a_shape_that_no_other_release_has_is_a_change_of_scheme() {
        for (shapes, pinned, release, expected) in [
            (&[Shape::Number][..], "1.4", "20160708", Some(Kind::SchemeChange)),
            (&[Shape::Number], "1.4", "2024.1", Some(Kind::SchemeChange)),
            (&[Shape::Date], "20160708", "1.4", Some(Kind::SchemeChange)),
            (&[Shape::Year], "2024.1", "20240708", Some(Kind::SchemeChange)),
            (&[Shape::Date, Shape::Number], "20160708", "1.4", None),
            (&[Shape::Number], "20160708", "20170101", None),
            (&[], "1.4", "5.0", None),
        ] {
            let known = known(20_160_708, shapes);
            assert_eq!(kind(&known, pinned, release), expected, "{pinned} {release}");
        }
    }

    #[test]
    fn what_was_acknowledged_is_right_and_nothing_else() {
        let mut known = known(1, &[Shape::Number]);
        let at = "2026-11-20T06:00:00Z".parse().unwrap();
        let ack = |kind, found: &str| Ack {
            at,
            found: found.to_owned(),
            kind,
            reason: None,
            version: Some("99.0".to_owned()),
        };
        known.acknowledged.insert(ack(Kind::SchemeChange, "99"));
        assert_eq!(kind(&known, "1.4", "99.0"), Some(Kind::MajorJump), "another kind");
        known.acknowledged.insert(ack(Kind::MajorJump, "99"));
        assert_eq!(kind(&known, "1.4", "99.0"), None);
        assert_eq!(kind(&known, "1.4", "98.0"), Some(Kind::MajorJump), "another version");
    }

    #[test]
    fn a_threshold_of_nought_is_none() {
        let known = known(1, &[Shape::Number]);
        let memory = Memory { known: &known, owner: None, major_jump: 0 };
        let pin = Pin::sample("1.4");
        assert_eq!(memory.suspicion(&pin, &Release::new("99"), &version("99"), &version("1.4")), None);
    }

    fn tagged(commit: char) -> Release {
        Release { commit: Some(commit.to_string().repeat(40).into()), ..Release::new("v1.5.0") }
    }

    fn with_content(content: &[&str]) -> Remembered {
        let content = content.iter().map(|&content| content.to_owned()).collect();
        let noted = Noted { content, held: None, seen: "2026-11-20T06:00:00Z".parse().unwrap() };
        Remembered { releases: [("v1.5.0".to_owned(), noted)].into(), ..known(1, &[Shape::Number]) }
    }

    #[test]
    fn a_tag_that_moves_is_noticed_unless_it_moves_on_purpose() {
        let known = with_content(&[&"a".repeat(40)]);
        let memory = Memory { known: &known, owner: None, major_jump: MAJOR_JUMP };
        let at = |pinned: &str, moves: bool, commit: char| {
            let pin = Pin { moves, ..Pin::sample(pinned) };
            let (release, pinned) = (tagged(commit), version(pinned));
            memory.suspicion(&pin, &release, &version("1.5.0"), &pinned).map(|suspicion| suspicion.kind)
        };
        assert_eq!(at("1.4.0", false, 'a'), None);
        assert_eq!(at("1.4.0", false, 'b'), Some(Kind::TagMoved));
        assert_eq!(at("1.4", false, 'b'), Some(Kind::TagMoved));
        assert_eq!(at("1.4.0.1", false, 'b'), None, "fewer numbers than the pin");
        assert_eq!(at("1.4.0", true, 'b'), None, "the pin itself moves");
    }

    #[test]
    fn only_the_same_part_can_be_published_again() {
        let (part, other) = ("0000000a", "0000000b");
        let known = with_content(&[&format!("{part}{}", "1".repeat(24))]);
        assert!(is_comparable(known.releases["v1.5.0"].content.first().unwrap(), &format!("{part}{}", "2".repeat(24))));
        assert!(!is_comparable(
            known.releases["v1.5.0"].content.first().unwrap(),
            &format!("{other}{}", "2".repeat(24))
        ));
        assert!(!is_comparable(&"a".repeat(40), &"a".repeat(64)), "another hash is no other commit");
    }

    #[test]
    fn a_new_owner_holds_what_was_not_known_before() {
        let mut known = with_content(&[&"a".repeat(40)]);
        known.owners.insert("github.com/acme".to_owned());
        let pin = Pin::sample("v1.4.0");
        let of = |owner: Option<&str>, release: &Release, text: &str| {
            let memory = Memory { known: &known, owner, major_jump: MAJOR_JUMP };
            memory.suspicion(&pin, release, &version(text), &version("1.4.0")).map(|suspicion| suspicion.kind)
        };
        let moved = Some("github.com/evil");
        assert_eq!(of(moved, &tagged('a'), "1.5.0"), None, "it was known before");
        assert_eq!(of(moved, &Release::new("v1.6.0"), "1.6.0"), Some(Kind::OwnerMoved));
        assert_eq!(of(Some("github.com/acme"), &Release::new("v1.6.0"), "1.6.0"), None);
        assert_eq!(of(None, &Release::new("v1.6.0"), "1.6.0"), None, "nothing told");
    }
}
