//! What a project requires, moved along to a version that it did not accept.
//!
//! The text keeps its shape: operators, blanks, the order of its parts, and how many numbers each has. Only the parts that
//! refuse the version are changed, each as its operator asks. What has no obvious successor is refused: which of two
//! alternatives is to go on, only a person knows.

use std::ops::Range;

use super::Refusal;
use crate::pin::project::poetry_specifiers;
use crate::version::{SchemeId, Version};

/// One part of a requirement: an operator and what it compares with; ranges are those of the text.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    operator: Range<usize>,
    operand: Range<usize>,
}

/// The requirement as it has to be to accept a version; the same text, where it does already.
///
/// `text` is what the file holds between its quotes; a gemspec may have more quotes within.
///
/// # Errors
/// When the text has no obvious successor.
pub(super) fn follow(text: &str, scheme: SchemeId, version: &Version) -> Result<String, Refusal> {
    if accepts(text, scheme, version) == Some(true) {
        return Ok(text.to_owned());
    }
    let parts = parts(text)?;
    let mut moved = text.to_owned();
    for part in parts.iter().rev() {
        let whole = &text[part.operator.start..part.operand.end];
        if accepts(whole, scheme, version) != Some(true) {
            let operand = successor(text, part, scheme, version)?;
            moved.replace_range(part.operand.clone(), &operand);
        }
    }
    match accepts(&moved, scheme, version) {
        Some(true) => Ok(moved),
        _ => Err(refused(text, "has no obvious successor")),
    }
}

/// Whether everything that a requirement covers is below a version. What one chain of comparisons covers has no gaps: if the
/// version is not in it, but something lower is, nothing higher is. In doubt the answer is no.
pub(super) fn lies_below(text: &str, scheme: SchemeId, version: &Version) -> bool {
    let Ok(parts) = parts(text) else { return false };
    let has_gap = parts.iter().any(|part| &text[part.operator.clone()] == "!=");
    let requirement = scheme.requirement(text).ok().filter(|requirement| !has_gap && !requirement.covers(version));
    let Some(requirement) = requirement else { return false };
    parts.iter().any(|part| {
        // `<2` leaves out what a version of some schemes has to have
        let spelled = ["", ".0", ".0.0"].map(|rest| format!("{}{rest}", &text[part.operand.clone()]));
        let Some(bound) = spelled.iter().find_map(|text| scheme.parse(text).ok()) else { return false };
        let is_below = bound.precedence(version).is_lt();
        let is_upper = matches!(&text[part.operator.clone()], "<" | "<=") && bound.precedence(version).is_le();
        is_upper || is_below && requirement.covers(&bound)
    })
}

/// Whether a requirement accepts a version; `None` where it cannot be read.
fn accepts(text: &str, scheme: SchemeId, version: &Version) -> Option<bool> {
    let plain: String = if scheme == SchemeId::Gem { text.replace(['"', '\''], "") } else { text.to_owned() };
    let read = |text: &str| scheme.requirement(text).ok();
    let poetry = || (scheme == SchemeId::Pep440).then(|| read(&poetry_specifiers(text)?)).flatten();
    Some(read(&plain).or_else(poetry)?.accepts(version))
}

fn refused(text: &str, why: &str) -> Refusal {
    Refusal::new(format!("the requirement `{text}` {why}")).hint("change it by hand, then take the version again")
}

fn parts(text: &str) -> Result<Vec<Part>, Refusal> {
    let is_between = |character: char| character.is_whitespace() || matches!(character, ',' | '"' | '\'');
    let is_operator = |character: char| matches!(character, '^' | '~' | '=' | '<' | '>' | '!');
    let mut parts = Vec::new();
    let mut at = 0;
    let skip = |from: usize, is_it: &dyn Fn(char) -> bool| {
        from + text[from..].len() - text[from..].trim_start_matches(is_it).len()
    };
    loop {
        at = skip(at, &is_between);
        if at == text.len() {
            return Ok(parts);
        }
        let operator = at..skip(at, &is_operator);
        let start = skip(operator.end, &|character: char| matches!(character, ' ' | '\t'));
        let end = skip(start, &|character: char| !is_between(character) && !is_operator(character));
        let operand = &text[start..end];
        if operand.starts_with('|') || text.contains('|') {
            return Err(refused(text, "names alternatives, and which of them is to go on is not for upmon to say"));
        }
        if !operand.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '*') {
            return Err(refused(text, "is written in a way that upmon does not change"));
        }
        parts.push(Part { operator, operand: start..end });
        at = end;
    }
}

/// What an operator has to compare with, so that it accepts the version.
fn successor(text: &str, part: &Part, scheme: SchemeId, version: &Version) -> Result<String, Refusal> {
    let operator = &text[part.operator.clone()];
    let operand = &text[part.operand.clone()];
    let is_accepted = |candidate: &String| accepts(&format!("{operator}{candidate}"), scheme, version) == Some(true);
    let candidates = match operator {
        "!=" => return Err(refused(text, "excludes that version")),
        "<" => vec![above(operand, version.as_str())],
        "" | "=" | "==" | "===" | "^" | "~" | "~>" | "~=" | ">=" | "<=" => {
            vec![shortened(operand, version.as_str()), Some(version.as_str().to_owned())]
        }
        _ => return Err(refused(text, "has no obvious successor")),
    };
    let found = candidates.into_iter().flatten().find(is_accepted);
    found.ok_or_else(|| refused(text, "has no obvious successor"))
}

/// The numbers at the start of a version, and where they end.
fn numbers(version: &str) -> Option<(Vec<u64>, usize)> {
    let start = usize::from(version.starts_with(['v', 'V']));
    let length = version[start..].find(|character: char| !character.is_ascii_digit() && character != '.');
    let end = length.map_or(version.len(), |length| start + length);
    let text = version[start..end].trim_end_matches('.');
    let numbers = text.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    Some((numbers, start + text.len()))
}

/// The version with as many numbers as the operand, and with its star. An operand that says more than numbers gets the
/// whole version.
fn shortened(operand: &str, version: &str) -> Option<String> {
    let (held, end) = numbers(operand)?;
    let rest = &operand[end..];
    let is_star = matches!(rest, ".*" | ".x" | ".X" | ".x.x" | ".*.*");
    if !rest.is_empty() && !is_star {
        return None;
    }
    let (new, _) = numbers(version)?;
    if new.len() < held.len() {
        return None;
    }
    let prefix = if operand.starts_with(['v', 'V']) { &operand[..1] } else { "" };
    let kept: Vec<String> = new[..held.len()].iter().map(u64::to_string).collect();
    Some(format!("{prefix}{}{rest}", kept.join(".")))
}

/// The next bound above the version, in the number in which the old bound was the next: `<2` goes to `<4` for 3.1, and
/// `<0.6.0` to `<0.8.0` for 0.7.2.
fn above(operand: &str, version: &str) -> Option<String> {
    let (held, end) = numbers(operand)?;
    if end != operand.len() {
        return None;
    }
    let (new, _) = numbers(version)?;
    let place = held.iter().rposition(|number| *number > 0)?;
    let kept = (0..held.len()).map(|index| match index.cmp(&place) {
        std::cmp::Ordering::Less => Some(new.get(index).copied().unwrap_or(0)),
        std::cmp::Ordering::Equal => new.get(index).copied().unwrap_or(0).checked_add(1),
        std::cmp::Ordering::Greater => Some(0),
    });
    Some(kept.collect::<Option<Vec<u64>>>()?.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_version_is_told_only_when_it_is_certain() {
        for (scheme, text, version, expected) in [
            (SchemeId::Semver, "=1.41.0", "1.42.0", true),
            (SchemeId::Semver, "=1.41.0", "1.41.0", false),
            (SchemeId::Semver, "=1.41.0", "1.40.0", false),
            (SchemeId::Semver, "^1.41.0", "2.0.0", true),
            (SchemeId::Semver, ">=2.0.0", "2.5.0", false),
            (SchemeId::Semver, ">=2.0.0", "1.5.0", false),
            (SchemeId::Semver, ">=1.0.0, <2.0.0", "2.0.0", true),
            (SchemeId::Semver, "<2", "2.0.0", true),
            (SchemeId::Semver, "<2", "1.9.0", false),
            (SchemeId::Semver, "^1", "2.0.0", true),
            (SchemeId::Npm, "1.0.0 || 3.0.0", "2.0.0", false),
            (SchemeId::Pep440, ">=1.0,!=2.0", "2.0", false),
            (SchemeId::Pep440, "<2.0", "2.0", true),
            (SchemeId::Gem, "~> 7.1.0", "7.2.0", true),
            (SchemeId::Loose, "1.1.*", "2.0", true),
            // that a prerelease is left out for being one says nothing of what is higher
            (SchemeId::Semver, ">=1.0.0", "2.0.0-rc.1", false),
            (SchemeId::Semver, ">=1.0.0, <3", "2.0.0-rc.1", false),
            (SchemeId::Semver, "^1.0.0", "2.0.0-rc.1", true),
            (SchemeId::Semver, "=2.0.0-rc.0", "2.0.0-rc.1", true),
            (SchemeId::Npm, ">=1.0.0", "2.0.0-rc.1", false),
            (SchemeId::Npm, "^1.0.0", "2.0.0-rc.1", true),
            (SchemeId::Pep440, "~=1.0", "2.0.dev1", true),
            (SchemeId::Gem, "~> 1.0", "2.0.rc1", true),
        ] {
            assert_eq!(lies_below(text, scheme, &scheme.parse(version).unwrap()), expected, "{text} below {version}");
        }
    }

    #[test]
    fn a_requirement_keeps_its_shape() {
        for (scheme, text, version, expected) in [
            (SchemeId::Semver, "^1.2", "1.9.0", Ok("^1.2")),
            (SchemeId::Semver, "^1.2", "2.3.4", Ok("^2.3")),
            (SchemeId::Semver, "^1.2", "1.1.0", Ok("^1.1")),
            (SchemeId::Semver, "1", "2.3.4", Ok("2")),
            (SchemeId::Semver, "0.5.1", "0.6.0", Ok("0.6.0")),
            (SchemeId::Semver, "~1.2.3", "1.4.0", Ok("~1.4.0")),
            (SchemeId::Semver, "= 1.2.3", "1.4.0", Ok("= 1.4.0")),
            (SchemeId::Semver, "1.*", "2.3.4", Ok("2.*")),
            (SchemeId::Semver, ">=0.5.0, <0.6.0", "0.7.2", Ok(">=0.5.0, <0.8.0")),
            (SchemeId::Semver, ">=1, <3", "3.0.0", Ok(">=1, <4")),
            (SchemeId::Semver, ">=2, <3", "1.5.0", Ok(">=1, <3")),
            (SchemeId::Semver, "^1.2", "2.0.0-rc.1", Ok("^2.0.0-rc.1")),
            (SchemeId::Semver, ">2", "1.0.0", Err("has no obvious successor")),
            (SchemeId::Npm, "^20.1.0", "24.0.1", Ok("^24.0.1")),
            (SchemeId::Npm, "1.x", "2.3.4", Ok("2.x")),
            (SchemeId::Npm, ">= 1.2.0 <2", "2.5.0", Ok(">= 1.2.0 <3")),
            (SchemeId::Npm, "^1 || ^2", "3.0.0", Err("names alternatives, and which of them")),
            (SchemeId::Npm, "1.0.0 - 1.5.0", "2.0.0", Err("is written in a way that upmon does not change")),
            (SchemeId::Npm, "<=1.5.0", "2.0.0", Ok("<=2.0.0")),
            (SchemeId::Pep440, ">=2.31,<3", "3.1", Ok(">=2.31,<4")),
            (SchemeId::Pep440, "~=1.4.2", "2.0.1", Ok("~=2.0.1")),
            (SchemeId::Pep440, "==1.4.*", "1.5.2", Ok("==1.5.*")),
            (SchemeId::Pep440, ">=1,!=2.0", "2.0", Err("excludes that version")),
            (SchemeId::Pep440, "<2.0a1", "3.0", Err("has no obvious successor")),
            (SchemeId::Pep440, "^1.2", "2.3.4", Ok("^2.3")),
            (SchemeId::Pep440, "~1.2", "1.3.1", Ok("~1.3")),
            (SchemeId::Gem, "~> 0.5.0", "0.6.0", Ok("~> 0.6.0")),
            (SchemeId::Gem, "~> 0.5", "0.6.2", Ok("~> 0.5")),
            (SchemeId::Gem, "~> 7.1", "8.0.1", Ok("~> 8.0")),
            (SchemeId::Gem, "~> 7.1\", \">= 7.1.2", "8.0.1", Ok("~> 8.0\", \">= 7.1.2")),
            (SchemeId::Gem, ">= 1.0, < 2.0", "2.1.0", Ok(">= 1.0, < 3.0")),
        ] {
            let found = follow(text, scheme, &scheme.parse(version).unwrap());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text} for {version}"),
                (Err(refusal), Err(expected)) => {
                    assert!(refusal.reason.contains(expected), "{text} for {version}: {}", refusal.reason);
                }
                (found, _) => panic!("{text} for {version}: {found:?}"),
            }
        }
    }
}
