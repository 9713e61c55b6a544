//! RubyGems' requirements: [`Gem::Requirement`], a clause at a time.
//!
//! [`Gem::Requirement`]: https://github.com/rubygems/rubygems/blob/master/lib/rubygems/requirement.rb

use std::cmp::Ordering;

use super::{Gem, GemVersion, compare_padded, is_space};
use crate::version::{Number, Scheme};

/// One operator with its version.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    operator: Operator,
    version: GemVersion,
}

#[derive(Debug, Clone)]
enum Operator {
    /// One of the six that a comparison answers, as the answers that satisfy it.
    Compare(&'static [Ordering]),
    /// `~>`, with the first release that it no longer accepts.
    Pessimistic(Vec<Number>),
}

/// Longer operators first, so that none is taken for its own beginning.
const COMPARISONS: &[(&str, &[Ordering])] = &[
    ("!=", &[Ordering::Less, Ordering::Greater]),
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("<=", &[Ordering::Less, Ordering::Equal]),
    ("=", &[Ordering::Equal]),
    (">", &[Ordering::Greater]),
    ("<", &[Ordering::Less]),
];

impl Clause {
    /// Reads an operator and its version; without an operator, `=` is meant.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let clause = text.trim_matches(is_space);
        let read = |label| version(label).ok_or_else(|| format!("`{clause}` is no operator with a version"));
        if let Some(label) = clause.strip_prefix("~>") {
            let version = read(label)?;
            return Ok(Self { operator: Operator::Pessimistic(version.bump()), version });
        }
        let (orderings, label) = COMPARISONS
            .iter()
            .find_map(|(sign, orderings)| Some((*orderings, clause.strip_prefix(sign)?)))
            .unwrap_or((&[Ordering::Equal], clause));
        Ok(Self { operator: Operator::Compare(orderings), version: read(label)? })
    }

    /// Whether the version satisfies the operator, prereleases included.
    pub(super) fn accepts(&self, version: &GemVersion) -> bool {
        let order = Gem::compare(version, &self.version);
        match &self.operator {
            Operator::Compare(orderings) => orderings.contains(&order),
            Operator::Pessimistic(end) => {
                order.is_ge() && compare_padded(version.release(), end.iter(), &Number::ZERO).is_lt()
            }
        }
    }
}

/// A version that is written out: blank counts as `0` elsewhere, not here.
fn version(label: &str) -> Option<GemVersion> {
    let label = label.trim_matches(is_space);
    if label.is_empty() { None } else { GemVersion::parse(label) }
}

#[cfg(test)]
mod tests {
    use crate::version::SchemeId;

    #[test]
    fn requirements_accept_what_rubygems_accepts() {
        let table = [
            ("1.0", "1.0.0", true),
            ("= 1.0", "1.0.1", false),
            ("!= 1.0", "1.0.0", false),
            (">1.0", "1.0.1", true),
            ("<= 1.0", "1.0.a", true),
            (">= 1, < 2", "2.0.a", true),
            (">= 1, < 2", "2.0", false),
            ("~> 1.0", "1.9.9", true),
            ("~> 1.0", "2.0.a", false),
            ("~> 1.0.a", "1.1", true),
            ("~> 1.2.0.a", "1.3", false),
            ("~> 1", "1.9", true),
            ("~> 1", "2", false),
            ("~> 2.99999999999999999999.1", "2.100000000000000000000", false),
        ];
        for (requirement, version, accepted) in table {
            let requirement = SchemeId::Gem.requirement(requirement).unwrap();
            let version = SchemeId::Gem.parse(version).unwrap();
            assert_eq!(requirement.accepts(&version), accepted, "{} over {version}", requirement.as_str());
        }
    }

    #[test]
    fn what_rubygems_refuses_is_refused() {
        for text in ["", ">=", "> = 1", "== 1", "=> 1", "~ 1", "^1", "1 2", ">= 1,", "1.x*"] {
            assert!(SchemeId::Gem.requirement(text).is_err(), "{text}");
        }
    }
}
