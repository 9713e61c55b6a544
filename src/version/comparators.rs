//! The requirement syntax of schemes whose ecosystem has none: comparators joined by commas.
//!
//! `>1.2`, `>=1.2`, `<2`, `<=2`, `=1.2`, `!=1.2`, `1.2.*` (every version whose segments start so) and `*`; all of them
//! have to hold. A bare version is refused, since ecosystems disagree whether it means `=` or `^`. Bounds compare by
//! the scheme's order and nothing else: `<2` accepts `2.0-rc1`.

use std::cmp::Ordering;

use super::{Scheme, Segments};

/// A parsed requirement over versions of type `V`: every term has to hold.
#[derive(Debug, Clone)]
pub(super) struct Comparators<V>(Vec<Term<V>>);

#[derive(Debug, Clone)]
enum Term<V> {
    Bound(Operator, V),
    /// Within these segments.
    Under(Segments),
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Different,
}

/// Longer operators before those that they start with.
const OPERATORS: [(&str, Operator); 6] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("!=", Operator::Different),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Equal),
];

impl Operator {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::Different => order.is_ne(),
        }
    }
}

/// Reads a requirement over the versions of scheme `S`.
pub(super) fn parse<S: Scheme>(text: &str) -> Result<Comparators<S::Version>, String> {
    text.split(',').map(|term| parse_term::<S>(term.trim())).collect::<Result<_, _>>().map(Comparators)
}

fn parse_term<S: Scheme>(term: &str) -> Result<Term<S::Version>, String> {
    if term == "*" {
        return Ok(Term::Any);
    }
    if let Some(prefix) = term.strip_suffix(".*") {
        return Ok(Term::Under(S::segments(&parse_operand::<S>(prefix)?)));
    }
    let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, term.strip_prefix(sign)?.trim_start())));
    match found {
        Some((operator, operand)) => Ok(Term::Bound(operator, parse_operand::<S>(operand)?)),
        None if term.is_empty() => Err("a comparator is missing".to_owned()),
        None => Err(format!("`{term}` starts with none of `>`, `>=`, `<`, `<=`, `=`, `!=` and does not end in `.*`")),
    }
}

/// The operand is a bare version: the text that tags put round it does not belong here.
fn parse_operand<S: Scheme>(text: &str) -> Result<S::Version, String> {
    let is_bare = text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['*', ' ', '<', '>', '=', '|', '^']);
    if is_bare { S::parse(text) } else { Err(format!("`{text}` is not a version")) }
}

/// Whether every term holds.
pub(super) fn accept<S: Scheme>(requirement: &Comparators<S::Version>, version: &S::Version) -> bool {
    requirement.0.iter().all(|term| match term {
        Term::Bound(operator, bound) => operator.holds(S::compare(version, bound)),
        Term::Under(segments) => S::segments(version).same_prefix(segments, segments.numbers.len()),
        Term::Any => true,
    })
}
