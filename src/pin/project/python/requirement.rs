//! One requirement as PEP 508 writes it: `name[extra] >=1,<2 ; marker`, or `name @ address`.
//!
//! Only name, specifiers and address are needed, so this is no judge of markers. The crates for it bring specifiers that
//! answer otherwise than `packaging` (see `version::pep440`).

use std::ops::Range;

use crate::version::SchemeId;

/// What a requirement says; ranges are those of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pep508 {
    pub(super) name: String,
    /// The specifiers, without parentheses; empty where any version will do.
    pub(super) specifiers: Range<usize>,
    /// The address of what is not looked up in an index.
    pub(super) address: Option<String>,
    /// Whether it is for some environments only.
    pub(super) has_marker: bool,
}

/// Reads a requirement. <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>
pub(super) fn pep508(text: &str) -> Option<Pep508> {
    let start = text.len() - text.trim_start().len();
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let end = text[start..].find(|character| !is_name(character)).map_or(text.len(), |length| start + length);
    let name = &text[start..end];
    let is_edge = |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    if !is_edge(name.chars().next()) || !is_edge(name.chars().last()) {
        return None;
    }
    let mut at = skip_space(text, end);
    if text[at..].starts_with('[') {
        at = skip_space(text, at + text[at..].find(']')? + 1);
    }
    let name = name.to_owned();
    if let Some(address) = text[at..].strip_prefix('@') {
        let address = address.split_whitespace().next()?.to_owned();
        let has_marker = text[at..].contains(" ;");
        return Some(Pep508 { name, specifiers: at..at, address: Some(address), has_marker });
    }
    let rest = &text[at..];
    let marker = rest.find(';');
    let rest = &rest[..marker.unwrap_or(rest.len())];
    let specifiers = trimmed(text, at..at + rest.len());
    SchemeId::Pep440.requirement(&text[specifiers.clone()]).ok()?;
    Some(Pep508 { name, specifiers, address: None, has_marker: marker.is_some() })
}

fn skip_space(text: &str, at: usize) -> usize {
    at + text[at..].len() - text[at..].trim_start().len()
}

/// A range without space around it, and without the parentheses of older files.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let is_wrapped = part.trim().starts_with('(') && part.trim().ends_with(')');
    let is_around = |character: char| character.is_whitespace() || is_wrapped && matches!(character, '(' | ')');
    let start = range.start + part.len() - part.trim_start_matches(is_around).len();
    let end = start + part.trim_matches(is_around).len();
    start..end
}

/// The one version that specifiers accept; a star accepts more than one.
pub(super) fn exact(specifiers: &str) -> Option<&str> {
    let version = specifiers.strip_prefix("===").or_else(|| specifiers.strip_prefix("=="))?.trim();
    SchemeId::Pep440.parse(version).is_ok().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_specifiers_and_addresses_are_found() {
        for (text, name, specifiers, address) in [
            ("requests", "requests", "", None),
            (" requests >=2, <3 ; python_version < '3'", "requests", ">=2, <3", None),
            ("celery[redis,x]==5.2.7", "celery", "==5.2.7", None),
            ("a.b-c_d [x] (>=1,<2);x", "a.b-c_d", ">=1,<2", None),
            ("pip @ https://host/pip.zip ; x", "pip", "", Some("https://host/pip.zip")),
            ("pip@git+https://host/pip", "pip", "", Some("git+https://host/pip")),
        ] {
            let found = pep508(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (found.name.as_str(), &text[found.specifiers], found.address.as_deref()),
                (name, specifiers, address)
            );
        }
        for text in ["", " ", "-r x.txt", "a[", "a >>1", "a b", "\u{e9}", "_a", "a-", "a ==1 2", "./path", "{a}"] {
            assert_eq!(pep508(text), None, "{text}");
        }
    }

    #[test]
    fn only_one_version_is_exact() {
        for (specifiers, expected) in [
            ("==1.0", Some("1.0")),
            ("=== 1.0", Some("1.0")),
            ("==1.*", None),
            (">=1", None),
            ("==1,<2", None),
            ("", None),
        ] {
            assert_eq!(exact(specifiers), expected, "{specifiers}");
        }
    }
}
