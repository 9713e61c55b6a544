//! npm's ranges, desugared to bounds in the steps that
//! [node-semver documents](https://github.com/npm/node-semver#advanced-range-syntax).
//!
//! Where those steps leave room for surprises (a star beside a whole version is dropped, a space after an operator is
//! closed up once), the surprise is kept: what npm accepts is accepted here, with its meaning.

use std::cmp::Ordering;

use super::partial::{Numbers, Partial};
use super::{Core, Identifier, MAX_SAFE, NpmVersion, Number, is_space, parse_safe};

/// Sets of bounds of which one must hold.
#[derive(Debug, Clone)]
pub(crate) struct Range(Vec<Set>);

/// Bounds that must all hold; without a bound, every release does.
type Set = Vec<Bound>;

/// A version and on which side of it others are accepted.
#[derive(Debug, Clone)]
struct Bound {
    side: Side,
    version: NpmVersion,
}

/// The answers of a comparison that satisfy an operator.
type Side = &'static [Ordering];

const EXACTLY: Side = &[Ordering::Equal];
const ABOVE: Side = &[Ordering::Greater];
const BELOW: Side = &[Ordering::Less];
const AT_LEAST: Side = &[Ordering::Greater, Ordering::Equal];
const AT_MOST: Side = &[Ordering::Less, Ordering::Equal];

/// Longer operators first, so that none is taken for its own beginning.
const OPERATORS: [(&str, Side); 5] = [(">=", AT_LEAST), ("<=", AT_MOST), (">", ABOVE), ("<", BELOW), ("=", EXACTLY)];

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// When node-semver refuses it in strict mode: one bad side of `||` spoils the whole.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let mut sets = Vec::new();
        for alternative in text.split("||") {
            sets.push(set(alternative).ok_or_else(|| format!("`{alternative}` is no set of comparators"))?);
        }
        // as in node-semver, a side that takes every release makes the others moot, their prereleases included
        if sets.iter().any(Vec::is_empty) {
            sets = vec![Set::new()];
        }
        Ok(Self(sets))
    }

    /// Whether one of the sets accepts the version.
    pub(super) fn accepts(&self, version: &NpmVersion) -> bool {
        self.0.iter().any(|set| set.iter().all(|bound| bound.accepts(version)) && admits_prerelease(set, version))
    }

    /// Whether the version lies within one of the sets, a prerelease as any other.
    pub(super) fn covers(&self, version: &NpmVersion) -> bool {
        self.0.iter().any(|set| set.iter().all(|bound| bound.accepts(version)))
    }
}

/// A prerelease is accepted only where a bound of the set is a prerelease of the same major, minor and patch.
fn admits_prerelease(set: &[Bound], version: &NpmVersion) -> bool {
    let names_it = |bound: &Bound| !bound.version.prerelease.is_empty() && bound.version.core == version.core;
    version.prerelease.is_empty() || set.iter().any(names_it)
}

impl Bound {
    /// A bound, unless node-semver could not read it again after writing it down.
    fn new(side: Side, core: Core, prerelease: Box<[Identifier]>) -> Option<Self> {
        let version = NpmVersion { core, prerelease, build: None };
        core.iter().all(|number| *number <= MAX_SAFE).then_some(Self { side, version })
    }

    fn accepts(&self, version: &NpmVersion) -> bool {
        self.side.contains(&version.compare(&self.version))
    }
}

/// From a version on, its own prereleases excluded; `>=0.0.0` is how node-semver writes "any".
fn at_least(core: Core) -> Option<Set> {
    if core == [0, 0, 0] { Some(Set::new()) } else { Some(vec![Bound::new(AT_LEAST, core, Box::default())?]) }
}

/// Below a version and below its prereleases too.
fn below(end: Core) -> Option<Set> {
    Some(vec![Bound::new(BELOW, end, [Identifier::Number(Number::ZERO)].into())?])
}

fn between(start: Option<Set>, end: Core) -> Option<Set> {
    Some([start?, below(end)?].concat())
}

/// Reads one alternative of `||`.
fn set(text: &str) -> Option<Set> {
    let text = without_build(text.trim_matches(' '));
    if let Some((from, to)) = hyphen_ends(&text) {
        return Some([hyphen_start(&from)?, hyphen_end(&to)?].concat());
    }
    let sets: Option<Vec<Set>> = close_up(&text).iter().map(|word| bounds(word)).collect();
    Some(sets?.concat())
}

/// Drops `+build.metadata` wherever it stands.
fn without_build(text: &str) -> String {
    let mut pieces = text.split('+');
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match build_length(piece) {
            0 => kept.extend(["+", piece]),
            length => kept.push_str(&piece[length..]),
        }
    }
    kept
}

/// How many bytes of identifiers between single dots the text begins with.
fn build_length(text: &str) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let mut length = 0;
    for identifier in text.split('.') {
        let run = identifier.bytes().take_while(|byte| is_part(*byte)).count();
        if run > 0 {
            length += run + usize::from(length > 0);
        }
        if run == 0 || run < identifier.len() {
            break;
        }
    }
    length
}

/// The two ends of `1.2 - 3.4`.
fn hyphen_ends(text: &str) -> Option<(Partial<'_>, Partial<'_>)> {
    let (from, to) = text.split_once(" - ")?;
    Some((Partial::parse(from)?, Partial::parse(to)?))
}

/// A missing number counts as 0.
fn hyphen_start(from: &Partial<'_>) -> Option<Set> {
    match from.numbers() {
        Numbers::All => whole(AT_LEAST, from),
        numbers => x_range(Some(AT_LEAST), numbers),
    }
}

/// A missing number counts as any.
fn hyphen_end(to: &Partial<'_>) -> Option<Set> {
    match to.numbers() {
        // a prerelease makes node-semver write the end anew, without the prefix that it minds otherwise
        Numbers::All if to.has_prerelease() => whole(AT_MOST, &to.without_prefix()),
        Numbers::All => whole(AT_MOST, to),
        numbers => x_range(Some(AT_MOST), numbers),
    }
}

/// Splits at spaces, and closes up the space after an operator as node-semver does: once, and only before a version.
fn close_up(text: &str) -> Vec<String> {
    let closed = fold_words(text.split(' '), |last, next| {
        let is_operator = matches!(last, "<" | ">" | "<=" | ">=" | "=" | "~>" | "~=" | "~>=" | "^=");
        let version = next.trim_start_matches(['v', '=']);
        let is_version = version.starts_with(|first: char| first.is_ascii_digit() || matches!(first, 'x' | 'X' | '*'));
        (is_operator && is_version).then(|| format!("{last}{next}"))
    });
    fold_words(closed.iter().map(String::as_str), |last, next| match last {
        "~" | "~>" => Some(format!("~{next}")),
        "^" => Some(format!("^{next}")),
        _ => None,
    })
}

/// Joins a word to the one before, wherever `join` says how.
fn fold_words<'text>(
    words: impl Iterator<Item = &'text str>,
    join: impl Fn(&str, &str) -> Option<String>,
) -> Vec<String> {
    let mut folded: Vec<String> = Vec::new();
    for word in words {
        match folded.last_mut() {
            Some(last) => match join(last, word) {
                Some(joined) => *last = joined,
                None => folded.push(word.to_owned()),
            },
            None => folded.push(word.to_owned()),
        }
    }
    folded
}

/// The bounds that one word stands for.
fn bounds(word: &str) -> Option<Set> {
    if word.is_empty() {
        return Some(Set::new());
    }
    if let Some(partial) = word.strip_prefix('^').and_then(Partial::parse) {
        return caret(&partial);
    }
    let tilde = word.strip_prefix("~>").or_else(|| word.strip_prefix('~'));
    if let Some(partial) = tilde.and_then(Partial::parse) {
        return tilde_range(&partial);
    }
    let (operator, version) = split_operator(word);
    match Partial::parse(version) {
        Some(partial) if partial.has_gap() => None,
        Some(partial) => match partial.numbers() {
            Numbers::All => whole(operator.unwrap_or(EXACTLY), &partial),
            numbers => x_range(operator, numbers),
        },
        None => whole_beside_star(word),
    }
}

/// The operator that a word begins with, and the rest.
fn split_operator(word: &str) -> (Option<Side>, &str) {
    let known = OPERATORS.iter().find_map(|(sign, side)| Some((Some(*side), word.strip_prefix(sign)?)));
    known.unwrap_or((None, word))
}

/// A whole version after an operator. Before it, node-semver forgives one `v` and nothing else.
fn whole(side: Side, partial: &Partial<'_>) -> Option<Set> {
    match (side, partial.prefix, partial.whole()?) {
        (AT_LEAST, "", (core, prerelease)) if prerelease.is_empty() => at_least(core),
        (_, "" | "v", (core, prerelease)) => Some(vec![Bound::new(side, core, prerelease)?]),
        _ => None,
    }
}

/// node-semver drops the first star, with the operator before it, from a word that it could not read, and reads the
/// word again as a whole version: `1.2.3*` is `1.2.3`.
fn whole_beside_star(word: &str) -> Option<Set> {
    let (before, after) = word.split_once('*')?;
    let before = before.strip_suffix('=').unwrap_or(before);
    let before = before.strip_suffix(['<', '>']).unwrap_or(before);
    let without = format!("{before}{after}");
    let (operator, version) = split_operator(&without);
    whole(operator.unwrap_or(EXACTLY), &Partial::parse(version)?)
}

/// `^1.2.3`: whatever keeps the first number that is not 0.
fn caret(partial: &Partial<'_>) -> Option<Set> {
    match partial.numbers() {
        Numbers::MajorMinor(major, minor) if major != "0" => {
            let major = parse_safe(major)?;
            between(at_least([major, parse_safe(minor)?, 0]), [major + 1, 0, 0])
        }
        Numbers::All => {
            let (core, prerelease) = partial.whole()?;
            let end = match core {
                [0, 0, patch] => [0, 0, patch + 1],
                [0, minor, _] => [0, minor + 1, 0],
                [major, ..] => [major + 1, 0, 0],
            };
            between(Some(vec![Bound::new(AT_LEAST, core, prerelease)?]), end)
        }
        numbers => x_range(None, numbers),
    }
}

/// `~1.2.3`: patches, or minors where only the major is given.
fn tilde_range(partial: &Partial<'_>) -> Option<Set> {
    match partial.numbers() {
        Numbers::All => {
            let (core, prerelease) = partial.whole()?;
            let [major, minor, _] = core;
            between(Some(vec![Bound::new(AT_LEAST, core, prerelease)?]), [major, minor + 1, 0])
        }
        numbers => x_range(None, numbers),
    }
}

/// A version with missing numbers, after an operator or alone.
fn x_range(operator: Option<Side>, numbers: Numbers<'_>) -> Option<Set> {
    let (start, end) = match numbers {
        // beyond any version there is nothing
        Numbers::Any if matches!(operator, Some(ABOVE | BELOW)) => return below([0, 0, 0]),
        Numbers::Any | Numbers::All => return Some(Set::new()),
        Numbers::Major(major) => {
            let major = parse_safe(major)?;
            ([major, 0, 0], [major + 1, 0, 0])
        }
        Numbers::MajorMinor(major, minor) => {
            let (major, minor) = (parse_safe(major)?, parse_safe(minor)?);
            ([major, minor, 0], [major, minor + 1, 0])
        }
    };
    match operator {
        Some(ABOVE) => at_least(end),
        Some(AT_LEAST) => at_least(start),
        Some(BELOW) => below(start),
        Some(AT_MOST) => below(end),
        _ => between(at_least(start), end),
    }
}

#[cfg(test)]
mod tests {
    use crate::version::SchemeId;

    fn check(table: &[(&str, &[&str], &[&str])]) {
        for (text, accepted, rejected) in table {
            let requirement = SchemeId::Npm.requirement(text).unwrap();
            let accepts = |version: &&&str| requirement.accepts(&SchemeId::Npm.parse(version).unwrap());
            assert_eq!(accepted.iter().find(|version| !accepts(version)), None, "`{text}` rejects it");
            assert_eq!(rejected.iter().find(accepts), None, "`{text}` accepts it");
        }
    }

    #[test]
    fn missing_numbers_and_stars_stand_for_any() {
        check(&[
            ("", &["0.0.0", "1.2.3"], &["1.2.3-a"]),
            ("*", &["0.0.0", "1.2.3"], &["1.2.3-a"]),
            ("1", &["1.0.0", "1.9.9"], &["0.9.9", "2.0.0", "1.0.0-0", "2.0.0-0"]),
            ("=1.2", &["1.2.9"], &["1.3.0"]),
            ("v1.2.X", &["1.2.0"], &["1.3.0"]),
            (">1", &["2.0.0"], &["1.9.9"]),
            (">1.2", &["1.3.0"], &["1.2.9"]),
            ("<=1.2", &["1.2.9", "0.1.0"], &["1.3.0", "1.3.0-0"]),
            ("<1.2", &["1.1.9"], &["1.2.0", "1.2.0-0"]),
            (">*", &[], &["0.0.0", "9.9.9", "0.0.0-0"]),
            ("<x", &[], &["0.0.0", "0.0.0-0"]),
            (">=*", &["0.0.0"], &["0.0.0-0"]),
        ]);
    }

    #[test]
    fn carets_and_tildes_end_where_npm_ends_them() {
        check(&[
            ("^1.2.3", &["1.2.3", "1.9.0"], &["1.2.2", "2.0.0", "2.0.0-0"]),
            ("^0.2.3", &["0.2.9"], &["0.3.0"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("^0.0", &["0.0.9"], &["0.1.0"]),
            ("^0.x", &["0.9.9"], &["1.0.0"]),
            ("^ 1.2", &["1.9.0"], &["1.1.9", "2.0.0"]),
            ("^1.2.3-beta.2", &["1.2.3-beta.4", "1.2.4"], &["1.2.3-beta.1", "1.2.4-beta.2"]),
            ("~1.2.3", &["1.2.9"], &["1.3.0"]),
            ("~> 1.2", &["1.2.9"], &["1.3.0"]),
            ("~ > 1", &["1.9.0"], &["2.0.0"]),
            ("~x", &["0.0.0", "9.0.0"], &[]),
        ]);
    }

    #[test]
    fn hyphens_include_both_ends() {
        check(&[
            ("1.2.3 - 2.3", &["1.2.3", "2.3.9"], &["1.2.2", "2.4.0"]),
            ("1.2.3 - 2.3.4", &["2.3.4"], &["2.3.5"]),
            ("1.2 - x", &["1.2.0", "9.0.0"], &["1.1.9"]),
            ("v1.2.3 - =2.0.0-a", &["2.0.0-a", "1.9.0"], &["2.0.0-b", "2.0.0"]),
        ]);
    }

    #[test]
    fn alternatives_are_read_one_by_one() {
        check(&[
            ("1 || >=2.5.0 || 5.0.0 - 7.2.3", &["1.9.9", "2.5.0", "6.0.0"], &["2.4.9"]),
            ("||", &["1.0.0"], &[]),
            ("1 ||", &["9.0.0"], &[]),
            ("* || ^1.2.3-beta", &["1.0.0"], &["1.2.3-beta"]),
            ("10 ~3", &[], &["10.0.0", "3.0.0"]),
            (">=1.0.0-0 <2", &["1.0.0-rc"], &["1.5.0-beta"]),
            ("=1.2.3+b", &["1.2.3+c", "1.2.3"], &["1.2.4"]),
            (">= 1.2.3 <  2", &["1.9.0"], &["2.0.0"]),
            ("1.2.3*", &["1.2.3"], &["1.2.4"]),
        ]);
    }

    #[test]
    fn what_npm_refuses_is_refused() {
        let refused = [
            "latest",
            ">",
            "==1.2.3",
            "1.2.3.4",
            "01.2.3",
            "x.2.3",
            "1.x.3",
            "*.1",
            "1 || bad",
            ">= = 1",
            "v 1.2.3",
            "1.2.3-",
            "1.2.3-01",
            "=1.2.3 - 2",
            "^9007199254740991",
            ">9007199254740991",
            "9007199254740992.0.0",
            "1 - 2 - 3",
            "^^1",
            "~~1",
        ];
        for text in refused {
            assert!(SchemeId::Npm.requirement(text).is_err(), "{text}");
        }
    }
}
