//! Where the files of a project disagree about a pin: versions and requirements, both places named.

use super::tag::template_of;
use super::{Pin, Place, Written};
use crate::version::Version;

/// Every disagreement, as a sentence.
pub(crate) fn drift(pin: &Pin) -> Vec<String> {
    let others = pin.elsewhere.iter().filter(|other| !is_same(pin, &other.text)).map(|other| {
        format!("{} pins `{}`, {} pins `{}`", place(&pin.place), pin.version, place(&other.place), other.text)
    });
    let refused = pin.requirements.iter().filter(|requirement| !accepts(pin, requirement)).map(|requirement| {
        let (pinned, required) = (place(&pin.place), place(&requirement.place));
        if pinned == required {
            return format!(
                "{pinned} pins `{}`, which its requirement `{}` does not accept",
                pin.version, requirement.text
            );
        }
        format!("{pinned} pins `{}`, which {required} does not accept: `{}`", pin.version, requirement.text)
    });
    others.chain(refused).collect()
}

/// Two spellings of one version are no disagreement; of what does not parse, the text counts.
fn is_same(pin: &Pin, other: &str) -> bool {
    let versions = version(pin, &pin.version).zip(version(pin, other));
    versions.map_or(pin.version == other, |(pinned, other)| pinned.precedence(&other).is_eq())
}

/// A version as the pin's scheme reads it; of a tag, what the pin's template makes of it.
fn version(pin: &Pin, text: &str) -> Option<Version> {
    let template = template_of(pin);
    let of_tag = template.as_ref().and_then(|template| template.version_of(text));
    pin.scheme.parse(of_tag.as_deref().unwrap_or(text)).ok()
}

/// What cannot be read is a finding of its own, not a disagreement.
fn accepts(pin: &Pin, requirement: &Written) -> bool {
    let requirement = pin.scheme.requirement(&requirement.text).ok();
    let version = version(pin, &pin.version);
    requirement.zip(version).is_none_or(|(requirement, version)| requirement.accepts(&version))
}

/// A line of a file.
fn place(place: &Place) -> String {
    format!("`{}:{}`", place.file.display(), place.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::RegistryId;
    use crate::version::SchemeId;

    fn at(line: usize, text: &str) -> Written {
        let place = Place { file: "Cargo.lock".into(), line, column: 1, span: 0..1 };
        Written { text: text.to_owned(), place }
    }

    #[test]
    fn disagreements_name_both_places() {
        let pin = Pin {
            registry: RegistryId::PyPi,
            scheme: SchemeId::Pep440,
            elsewhere: vec![at(3, "1.0.0"), at(4, "1.1")],
            requirements: vec![at(5, ">=1"), at(6, "<1"), at(7, "not one")],
            ..Pin::sample("1.0")
        };
        assert_eq!(
            drift(&pin),
            [
                "`upstream-versions.json:1` pins `1.0`, `Cargo.lock:4` pins `1.1`",
                "`upstream-versions.json:1` pins `1.0`, which `Cargo.lock:6` does not accept: `<1`",
            ]
        );
        assert_eq!(drift(&Pin { version: "odd".to_owned(), ..pin }).len(), 2, "other versions, not requirements");
    }
}
