//! Placeholder.
use super::{Number, Scheme, Segments};
use std::cmp::Ordering;
#[derive(Debug)]
pub(super) struct Gem;
impl Scheme for Gem {
    type Version = Vec<Number>;
    type Requirement = ();
    fn parse(text: &str) -> Result<Self::Version, String> {
        text.split('.').map(|s| Number::parse(s).ok_or_else(|| "not a number".to_owned())).collect()
    }
    fn compare(a: &Self::Version, b: &Self::Version) -> Ordering {
        a.cmp(b)
    }
    fn is_prerelease(_: &Self::Version) -> bool {
        false
    }
    fn segments(v: &Self::Version) -> Segments {
        Segments::new(v.iter().cloned())
    }
    fn parse_requirement(_: &str) -> Result<(), String> {
        Ok(())
    }
    fn accepts((): &(), _: &Self::Version) -> bool {
        true
    }
}
