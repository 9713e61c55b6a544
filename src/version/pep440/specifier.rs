//! PEP 440's version specifiers by the plain meaning of their operators, as `packaging` 26 has it.

use std::cmp::Ordering;

use super::super::Number;
use super::{PepVersion, is_space};

/// One operator with its version.
#[derive(Debug, Clone)]
pub(crate) enum Specifier {
    /// A comparison with a version.
    Compare(Operator, PepVersion),
    /// `==1.2.*` or, negated, `!=1.2.*`.
    Prefix { version: PepVersion, negated: bool },
    /// `===`: the label itself, in lower case.
    Label(String),
}

/// The operators that compare.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operator {
    Compatible,
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Below,
    Above,
}

/// Longer operators first, so that none is taken for its own beginning.
const OPERATORS: &[(&str, Operator)] = &[
    ("~=", Operator::Compatible),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Below),
    (">", Operator::Above),
];

impl Specifier {
    /// Reads an operator and its version, without white space around them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(label) = text.strip_prefix("===") {
            let label = label.trim_matches(is_space);
            let is_label = !label.contains(|character| is_space(character) || matches!(character, ';' | ')'));
            return is_label.then(|| Self::Label(label.to_lowercase()));
        }
        let (operator, rest) =
            OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))?;
        match rest.strip_suffix(".*") {
            Some(prefix) => Self::prefix(operator, PepVersion::parse(prefix)?, prefix),
            None => Self::compare(operator, PepVersion::parse(rest)?),
        }
    }

    /// A star stands after a release and its epoch only, and only after `==` and `!=`.
    fn prefix(operator: Operator, version: PepVersion, text: &str) -> Option<Self> {
        let negated = match operator {
            Operator::Equal => false,
            Operator::NotEqual => true,
            _ => return None,
        };
        let is_release = text.ends_with(|last: char| last.is_ascii_digit())
            && !version.is_prerelease()
            && version.post().is_none()
            && version.local().is_none();
        is_release.then_some(Self::Prefix { version, negated })
    }

    /// A local part is for `==` and `!=`, and `~=` needs a second number to vary the last of.
    fn compare(operator: Operator, version: PepVersion) -> Option<Self> {
        let is_allowed = match operator {
            Operator::Equal | Operator::NotEqual => true,
            Operator::Compatible => version.local().is_none() && version.release.len() > 1,
            _ => version.local().is_none(),
        };
        is_allowed.then_some(Self::Compare(operator, version))
    }

    /// Whether the version is in the specifier, prereleases included.
    pub(super) fn accepts(&self, version: &PepVersion) -> bool {
        match self {
            Self::Compare(operator, bound) => operator.accepts(version, bound),
            Self::Prefix { version: prefix, negated } => {
                has_prefix(version, &prefix.epoch, &prefix.release) != *negated
            }
            Self::Label(_) => self.accepts_text(&version.text()),
        }
    }

    /// Whether the specifier accepts a label of which only the text is known.
    pub(super) fn accepts_text(&self, text: &str) -> bool {
        matches!(self, Self::Label(label) if text.to_lowercase() == *label)
    }
}

impl Operator {
    fn accepts(self, version: &PepVersion, bound: &PepVersion) -> bool {
        match self {
            Self::Equal => equals(version, bound),
            Self::NotEqual => !equals(version, bound),
            Self::AtLeast => version.compare(bound).is_ge(),
            Self::AtMost => version.compare_public(bound).is_le(),
            Self::Above => is_above(version, bound),
            Self::Below => is_below(version, bound),
            Self::Compatible => {
                let prefix = &bound.release[..bound.release.len() - 1];
                version.compare(bound).is_ge() && has_prefix(version, &bound.epoch, prefix)
            }
        }
    }
}

/// A local part counts only where the specifier names one.
fn equals(version: &PepVersion, bound: &PepVersion) -> bool {
    let order = if bound.local().is_some() { version.compare(bound) } else { version.compare_public(bound) };
    order == Ordering::Equal
}

/// Whether epoch and first numbers agree; missing numbers count as 0.
fn has_prefix(version: &PepVersion, epoch: &Number, prefix: &[Number]) -> bool {
    let numbers = version.release.iter().chain(std::iter::repeat(&Number::ZERO));
    version.epoch == *epoch && prefix.iter().zip(numbers).all(|(ours, theirs)| ours == theirs)
}

/// `>V` rejects the post releases of `V`, unless `V` is one or is a development release.
fn is_above(version: &PepVersion, bound: &PepVersion) -> bool {
    let is_family = || version.compare_release(bound).is_eq() && version.pre() == bound.pre();
    let counts_family = bound.post().is_some() || bound.dev().is_some();
    version.compare_public(bound).is_gt() && (counts_family || !is_family())
}

/// `<V` rejects the prereleases of `V`, unless `V` is one: the first of them is `V.dev0`.
fn is_below(version: &PepVersion, bound: &PepVersion) -> bool {
    let is_own_prerelease = || {
        version.is_prerelease()
            && version.compare_release(bound).is_eq()
            && (bound.post().is_none() || (version.pre().is_none() && version.post() == bound.post()))
    };
    version.compare(bound).is_lt() && (bound.is_prerelease() || !is_own_prerelease())
}

#[cfg(test)]
mod tests {
    use crate::version::SchemeId;

    #[test]
    fn specifiers_accept_what_packaging_accepts() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("", &["1.0", "1.0a1"], &[]),
            (">=1,,<2", &["1.5"], &["2.0", "0.9"]),
            ("==1.1", &["1.1.0", "1.1+local"], &["1.1.1", "1.1.post1"]),
            ("==1.1+local", &["1.1+LOCAL"], &["1.1"]),
            ("!=1.0", &["1.1"], &["1.0+x", "1.0.0"]),
            ("==1.1.*", &["1.1.dev1", "1.1a1", "1.1.post1", "1.1.9"], &["1.2", "1!1.1"]),
            ("==1.0.*", &["1", "1.0+x"], &["1.1"]),
            ("!=1.1.*", &["1.2", "1!1.1"], &["1.1"]),
            ("~=2.2.post3", &["2.2.post3", "2.9"], &["2.2", "3.0"]),
            ("~=1.4.5a4", &["1.4.5", "1.4.9"], &["1.5", "1.4.5a3"]),
            (">1.1", &["1.1.1", "1.2.dev1"], &["1.1", "1.1.post1", "1.1+local"]),
            (">1.1a1", &["1.1a2", "1.1", "1.1.0.post0"], &["1.1a1.post1", "1.1a1+x"]),
            (">1.1.post1", &["1.1.post2", "1.1.post2.dev0"], &["1.1.post1+x"]),
            (">1.1.dev1", &["1.1.dev2", "1.1.post1"], &["1.1.dev1+x"]),
            ("<1.1", &["1.0", "1.0.post1"], &["1.1a1", "1.1.dev1", "1.1"]),
            ("<1.1rc1", &["1.1a1"], &["1.1rc1"]),
            ("<1.0.post1", &["1.0", "1.0a1", "1.0+x", "1.0a1.post1"], &["1.0.post1.dev0", "1.0.post1"]),
            ("<=1.0", &["1.0+x", "1.0a1"], &["1.0.post1"]),
            (">=1.0", &["1.0+x"], &["1.0a1"]),
            ("<1!0", &["0b2"], &["1!0"]),
            ("===1.0", &["1.0"], &["1.0.0", " 1.0", "v1.0"]),
            ("=== 1.0A1", &["1.0a1"], &["1.0.a1"]),
        ];
        for (text, accepted, rejected) in table {
            let requirement = SchemeId::Pep440.requirement(text).unwrap();
            let accepts = |version: &&&str| requirement.accepts(&SchemeId::Pep440.parse(version).unwrap());
            assert_eq!(accepted.iter().find(|version| !accepts(version)), None, "`{text}` rejects it");
            assert_eq!(rejected.iter().find(accepts), None, "`{text}` accepts it");
        }
    }

    #[test]
    fn arbitrary_equality_reaches_labels_that_do_not_parse() {
        let requirement = |text| SchemeId::Pep440.requirement(text).unwrap();
        assert!(requirement("===2004D").accepts_text("2004d"));
        assert!(!requirement("===2004d,>=1").accepts_text("2004d"));
        assert!(!requirement("!=1").accepts_text("2004d"));
        assert!(requirement("===01.0").accepts_text("01.0"));
    }

    #[test]
    fn what_packaging_refuses_is_refused() {
        let refused = [
            "1.0",
            "=1.0",
            ">=1.0.*",
            "==1.1a1.*",
            "==1.1.post1.*",
            "==1+a.*",
            "~=1",
            "~=1!2",
            ">1.1+local",
            "~=1.1+a",
            "==1.0 .*",
            "=== a b",
            "===a;",
            ">",
            "== ",
            "=>1",
            "^1.0",
            "==1.*.*",
            "==1.0a.*",
        ];
        for text in refused {
            assert!(SchemeId::Pep440.requirement(text).is_err(), "{text}");
        }
    }
}
