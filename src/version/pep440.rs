//! Python's versions as the [version specifiers specification] and its reference, `packaging`, read them.
//!
//! Own code: `packaging` takes numbers of any length, and its `===` compares the label as it is written, which a parser
//! that keeps only the meaning cannot answer. [`specifier`] reads requirements.
//!
//! [version specifiers specification]: https://packaging.python.org/en/latest/specifications/version-specifiers/

mod specifier;

use std::cmp::Ordering;

use super::number::Plain;
use super::{Number, Scheme, Segments};
use specifier::Specifier;

/// PEP 440.
#[derive(Debug)]
pub(super) struct Pep440;

/// A version. Most labels are a plain release; everything else they can hold is in `rest`.
#[derive(Debug, Clone)]
pub(super) struct PepVersion {
    epoch: Number,
    release: Vec<Number>,
    rest: Option<Box<Rest>>,
}

/// What a label holds beside its epoch and release.
#[derive(Debug, Clone)]
struct Rest {
    pre: Option<(PreKind, Number)>,
    post: Option<Number>,
    dev: Option<Number>,
    local: Option<Vec<Local>>,
    /// The label as it is written, for `===`.
    text: Box<str>,
}

/// The kinds of prerelease, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PreKind {
    Alpha,
    Beta,
    Candidate,
}

/// A part of a local version: words sort below numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(Number),
}

/// Where a version stands among those of its release, local part aside. Compared field by field.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stage<'version> {
    pre: PreStage<'version>,
    post: Option<&'version Number>,
    dev: DevStage<'version>,
}

/// A development release of a final one comes before every prerelease of it, the final one after.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PreStage<'version> {
    DevOfFinal,
    Pre(PreKind, &'version Number),
    Final,
}

/// A development release comes before what it leads to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DevStage<'version> {
    Dev(&'version Number),
    Done,
}

/// The words for a prerelease; where one begins with another, the longer comes first.
const PRE_WORDS: &[(&str, PreKind)] = &[
    ("alpha", PreKind::Alpha),
    ("a", PreKind::Alpha),
    ("beta", PreKind::Beta),
    ("b", PreKind::Beta),
    ("preview", PreKind::Candidate),
    ("pre", PreKind::Candidate),
    ("c", PreKind::Candidate),
    ("rc", PreKind::Candidate),
];

const POST_WORDS: &[(&str, ())] = &[("post", ()), ("rev", ()), ("r", ())];

const DEV_WORDS: &[(&str, ())] = &[("dev", ())];

impl PepVersion {
    /// Reads a label; surrounding white space, a leading `v` and upper case are forgiven.
    fn parse(text: &str) -> Option<Self> {
        let plain = Plain::parse(text).map(|plain| plain.to_numbers().collect());
        if let Some(release) = plain.or_else(|| plain_release(text)) {
            return Some(Self { epoch: Number::ZERO, release, rest: None });
        }
        let label = text.trim_matches(is_space);
        let label = label.strip_prefix(['v', 'V']).unwrap_or(label);
        let (epoch, label) = match take_number(label) {
            (Some(epoch), rest) if rest.starts_with('!') => (epoch, &rest[1..]),
            _ => (Number::ZERO, label),
        };
        let (release, label) = take_release(label)?;
        let (pre, label) = take_part(label, PRE_WORDS);
        let (post, label) = take_post(label);
        let (dev, label) = take_part(label, DEV_WORDS);
        let local = match label.strip_prefix('+') {
            Some(local) => Some(parse_local(local)?),
            None if label.is_empty() => None,
            None => return None,
        };
        let rest = Rest { pre, post, dev: dev.map(|((), number)| number), local, text: text.into() };
        Some(Self { epoch, release, rest: Some(Box::new(rest)) })
    }

    fn pre(&self) -> Option<&(PreKind, Number)> {
        self.rest.as_ref()?.pre.as_ref()
    }

    fn post(&self) -> Option<&Number> {
        self.rest.as_ref()?.post.as_ref()
    }

    fn dev(&self) -> Option<&Number> {
        self.rest.as_ref()?.dev.as_ref()
    }

    fn local(&self) -> Option<&[Local]> {
        self.rest.as_ref()?.local.as_deref()
    }

    fn is_prerelease(&self) -> bool {
        self.pre().is_some() || self.dev().is_some()
    }

    fn stage(&self) -> Stage<'_> {
        Stage {
            pre: match self.pre() {
                Some((kind, number)) => PreStage::Pre(*kind, number),
                None if self.dev().is_some() && self.post().is_none() => PreStage::DevOfFinal,
                None => PreStage::Final,
            },
            post: self.post(),
            dev: self.dev().map_or(DevStage::Done, DevStage::Dev),
        }
    }

    /// The label as it was written.
    fn text(&self) -> String {
        match &self.rest {
            Some(rest) => rest.text.to_string(),
            None => self.release.iter().map(Number::to_string).collect::<Vec<_>>().join("."),
        }
    }

    /// Order by epoch and release alone; missing numbers count as 0.
    fn compare_release(&self, other: &Self) -> Ordering {
        self.epoch.cmp(&other.epoch).then_with(|| compare_padded(&self.release, &other.release))
    }

    /// Order without the local part.
    fn compare_public(&self, other: &Self) -> Ordering {
        self.compare_release(other).then_with(|| match (&self.rest, &other.rest) {
            (None, None) => Ordering::Equal,
            _ => self.stage().cmp(&other.stage()),
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.compare_public(other).then_with(|| self.local().cmp(&other.local()))
    }
}

fn compare_padded(a: &[Number], b: &[Number]) -> Ordering {
    let common = a.len().min(b.len());
    let is_more = |tail: &[Number]| tail.iter().any(|number| *number != Number::ZERO);
    a[..common].cmp(&b[..common]).then_with(|| is_more(&a[common..]).cmp(&is_more(&b[common..])))
}

/// Python's idea of white space, which has four separators more than Unicode's.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// The numbers of a label that is its own normal form: digits between dots, no leading zero.
fn plain_release(text: &str) -> Option<Vec<Number>> {
    let is_plain = |number: &str| number == "0" || !number.starts_with('0');
    text.split('.').map(|number| is_plain(number).then(|| Number::parse(number)).flatten()).collect()
}

/// Splits off the digits at the beginning.
fn take_number(text: &str) -> (Option<Number>, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (Number::parse(&text[..length]), &text[length..])
}

fn take_release(text: &str) -> Option<(Vec<Number>, &str)> {
    let (first, mut rest) = take_number(text);
    let mut release = vec![first?];
    while let Some((Some(number), after)) = rest.strip_prefix('.').map(take_number) {
        release.push(number);
        rest = after;
    }
    Some((release, rest))
}

/// Splits off a part such as `-alpha.1`: one of the words, a missing number counting as 0.
fn take_part<'text, K: Copy>(text: &'text str, words: &[(&str, K)]) -> (Option<(K, Number)>, &'text str) {
    let unseparated = skip_separator(text);
    let starts_with = |word: &str| unseparated.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match words.iter().find(|(word, _)| starts_with(word)) {
        Some((word, kind)) => {
            let (number, rest) = take_number(skip_separator(&unseparated[word.len()..]));
            (Some((*kind, number.unwrap_or(Number::ZERO))), rest)
        }
        None => (None, text),
    }
}

fn skip_separator(text: &str) -> &str {
    text.strip_prefix(['.', '_', '-']).unwrap_or(text)
}

/// A post release, for which `1.0-1` is a spelling too.
fn take_post(text: &str) -> (Option<Number>, &str) {
    if let Some((Some(number), rest)) = text.strip_prefix('-').map(take_number) {
        return (Some(number), rest);
    }
    let (post, rest) = take_part(text, POST_WORDS);
    (post.map(|((), number)| number), rest)
}

fn parse_local(text: &str) -> Option<Vec<Local>> {
    let part = |part: &str| {
        let is_word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_word.then(|| match Number::parse(part) {
            Some(number) => Local::Number(number),
            None => Local::Word(part.to_ascii_lowercase()),
        })
    };
    text.split(['.', '_', '-']).map(part).collect()
}

impl Scheme for Pep440 {
    type Version = PepVersion;
    type Requirement = Vec<Specifier>;

    fn parse(text: &str) -> Result<Self::Version, String> {
        PepVersion::parse(text)
            .ok_or_else(|| "expected numbers between dots, then pre, post, dev and local parts".to_owned())
    }

    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.compare(b)
    }

    fn is_prerelease(version: &Self::Version) -> bool {
        version.is_prerelease()
    }

    fn segments(version: &Self::Version) -> Segments {
        Segments { epoch: version.epoch.clone(), numbers: version.release.clone() }
    }

    /// Specifiers between commas, all of which must hold; empty ones are skipped, as `packaging` does.
    fn parse_requirement(text: &str) -> Result<Self::Requirement, String> {
        let specifiers = text.split(',').map(|part| part.trim_matches(is_space)).filter(|part| !part.is_empty());
        specifiers
            .map(|part| Specifier::parse(part).ok_or_else(|| format!("`{part}` is no operator with a version")))
            .collect()
    }

    fn accepts(requirement: &Self::Requirement, version: &Self::Version) -> bool {
        requirement.iter().all(|specifier| specifier.accepts(version))
    }

    fn all_of(requirements: &[&str]) -> Option<String> {
        let narrowing: Vec<&str> = requirements.iter().copied().filter(|text| !text.trim().is_empty()).collect();
        Some(narrowing.join(","))
    }

    fn accepts_unparsable(requirement: &Self::Requirement, text: &str) -> bool {
        requirement.iter().all(|specifier| specifier.accepts_text(text))
    }
}

#[cfg(test)]
mod tests {
    use crate::version::{Number, SchemeId, Step};

    #[test]
    fn labels_order_as_packaging_orders_them() {
        let ascending = [
            &["0.dev0"][..],
            &["1.0.dev1", "1.dev1"],
            &["1.0.dev18446744073709551616"],
            &["1.0a1.dev1"],
            &["1.0a1", "v1.0-ALPHA_1", "1a1"],
            &["1.0a1.post1"],
            &["1.0a2"],
            &["1.0b0", "1.0beta"],
            &["1.0rc1", "1.0-c.1", "1.0preview1", "1.0.0pre1"],
            &["1", "1.0", "\t01.0.0\u{1c}", "0!1"],
            &["1.0+abc", "1.0+ABC"],
            &["1.0+abc.1", "1.0+abc-1", "1.0+abc_01"],
            &["1.0+1"],
            &["1.0+9"],
            &["1.0+10"],
            &["1.0.post1.dev1"],
            &["1.0.post1", "1.0-1", "1.0rev1", "1.0.R-1"],
            &["1.0.0.1"],
            &["99999999999999999999"],
            &["1!0.1"],
            &["18446744073709551616!0.1"],
        ];
        let versions: Vec<(usize, _)> = ascending
            .iter()
            .enumerate()
            .flat_map(|(rank, labels)| labels.iter().map(move |text| (rank, SchemeId::Pep440.parse(text).unwrap())))
            .collect();
        for (rank_a, a) in &versions {
            for (rank_b, b) in &versions {
                assert_eq!(a.precedence(b), rank_a.cmp(rank_b), "`{a}` and `{b}`");
            }
        }
    }

    #[test]
    fn what_packaging_refuses_is_refused() {
        let refused = [
            "",
            "v",
            "1.",
            ".1",
            "1..2",
            "1.0-SNAPSHOT",
            "1.0.0-beta.1.2",
            "2004d",
            "1.0+",
            "1.0+a..b",
            "1.0.dev1.post1",
        ];
        for text in refused.into_iter().chain(["1!", "!1", "vv1", "1.0 rc1", "1.0--1", "1.0+é", "é", "1.0é"]) {
            assert!(SchemeId::Pep440.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_development_release_is_a_prerelease_and_a_post_release_is_none() {
        for (text, expected) in
            [("1.0.dev1", true), ("1.0a", true), ("1.0.post1.dev1", true), ("1.0-1", false), ("1+a", false)]
        {
            assert_eq!(SchemeId::Pep440.parse(text).unwrap().is_prerelease(), expected, "{text}");
        }
    }

    #[test]
    fn an_epoch_is_a_major_step_and_a_post_release_a_patch() {
        let [old, post, epoch] = ["1.2", "1.2.post1", "1!0.1"].map(|text| SchemeId::Pep440.parse(text).unwrap());
        assert_eq!(old.step_to(&post), Step::Patch);
        assert_eq!(old.step_to(&epoch), Step::Major);
        assert_eq!(epoch.segments().epoch, Number::from(1));
    }
}
