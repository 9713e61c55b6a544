//! What libversion says of pairs of labels, and what the tags of real repositories say of our reading of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use upmon::pin::{Pin, TagTemplate};
use upmon::registry::RegistryId;
use upmon::release::{Release, ReleaseSet};
use upmon::select::{Limits, select};
use upmon::version::SchemeId;

use crate::oracles::{Disagreements, check, text_of};
use crate::pins::pin;

#[test]
fn loose_versions_order_as_libversion_orders_them() {
    check("B_pairs/libversion", |row, disagreements| {
        let version = |key: &str| SchemeId::Loose.parse(text_of(row, key)).map_err(|error| error.to_string());
        let ours = version("a").and_then(|a| Ok(a.precedence(&version("b")?)));
        let oracle = row["cmp"].as_i64().map(|sign| sign.cmp(&0)).ok_or_else(|| "no order".to_owned());
        disagreements.expect("the order", &ours, &oracle);
        let turned = version("b").and_then(|b| Ok(b.precedence(&version("a")?)));
        disagreements.expect("the order turned round", &turned, &oracle.map(Ordering::reverse));
    });
}

#[test]
fn the_newest_of_a_series_is_found_from_its_own_tags() {
    check("E_tags/git_repos", |row, disagreements| {
        let repository = Repository::read(row);
        for (series, expected) in &repository.series {
            let template = TagTemplate::parse(&series.replace('*', "{version}")).ok();
            for tag in repository.pins_of(series) {
                // the listing takes a few respelled tags for the same series, which a written template is too strict for
                let template = template.as_ref().filter(|template| is_spelled_by(template, tag));
                for pin in repository.pins(tag) {
                    disagreements.expect_newest(&repository, &pin, expected);
                    if let Some(template) = template {
                        let templated = Pin { tag: Some(template.clone()), ..pin };
                        disagreements.expect_newest(&repository, &templated, expected);
                    }
                }
            }
        }
    });
}

#[test]
fn a_tag_is_stable_or_not_as_its_repository_means_it() {
    check("E_tags/git_repos", |row, disagreements| {
        let repository = Repository::read(row);
        let series: BTreeSet<&str> = repository.tags.iter().filter_map(|tag| tag.series.as_deref()).collect();
        for series in series {
            let stable_pin = repository.tags.iter().find(|tag| tag.is_of(series) && tag.class == "stable");
            // a number behind a dash is a prerelease or a build by the scheme, so its own one judges
            if let Some(pin) = stable_pin.and_then(|tag| repository.pins(&tag.name).last()) {
                disagreements.expect_classes(&repository, series, &pin);
            }
        }
    });
}

/// A tag and what a person says of it.
struct Tag {
    name: String,
    series: Option<String>,
    class: String,
}

impl Tag {
    fn is_of(&self, series: &str) -> bool {
        self.series.as_deref() == Some(series)
    }
}

/// The newest stable tag, and the newest of all.
#[derive(Debug, PartialEq)]
struct Newest {
    stable: Option<String>,
    any: Option<String>,
}

struct Repository {
    tags: Vec<Tag>,
    facts: ReleaseSet,
    series: BTreeMap<String, Newest>,
    /// The default scheme, then the one by whose order the newest were told, where that is another.
    schemes: Vec<SchemeId>,
    /// The text alone does not tell which tags are releases.
    needs_rule: bool,
}

impl Repository {
    fn read(row: &Value) -> Self {
        let tags: Vec<Tag> = array(&row["tags"]).iter().map(read_tag).collect();
        let facts =
            ReleaseSet { releases: tags.iter().map(|tag| Release::new(&*tag.name)).collect(), ..ReleaseSet::default() };
        let series = array(&row["series"]).iter().map(|series| (text_of(series, "series").to_owned(), newest(series)));
        let needs_rule = row["note"].as_str().is_some_and(|note| note.contains("user rule"));
        Self { tags, facts, series: series.collect(), schemes: schemes(array(&row["series"])), needs_rule }
    }

    /// First, middle and last of the stable tags of a series, or of all its tags where none is stable.
    fn pins_of(&self, series: &str) -> BTreeSet<&str> {
        let of_series: Vec<&Tag> = self.tags.iter().filter(|tag| tag.is_of(series)).collect();
        let stable: Vec<&Tag> = of_series.iter().copied().filter(|tag| tag.class == "stable").collect();
        let pins = if stable.is_empty() { of_series } else { stable };
        assert!(!pins.is_empty(), "the series `{series}` has no tag");
        [0, pins.len() / 2, pins.len() - 1].into_iter().map(|index| &*pins[index].name).collect()
    }

    fn pins<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = Pin> + 'a {
        self.schemes.iter().map(move |&scheme| Pin { scheme, ..pin(RegistryId::Git, "repository", tag) })
    }

    fn holds_stable(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known.name == tag && known.class == "stable")
    }

    /// Our newest tag for a pin.
    fn newest(&self, pin: &Pin) -> Result<Option<String>, String> {
        let selection = select(pin, &self.facts, limits()).map_err(|error| error.to_string())?;
        Ok(selection.newest().map(|(release, _)| release.version.to_string()))
    }

    /// What may be newest: series that differ in a sign before the version alone (`REL*`, `REL_*`) are read as one.
    fn family(&self, expected: &Newest, of: impl Fn(&Newest) -> &Option<String>) -> BTreeSet<Option<String>> {
        let name = |series: &str| {
            let (before, behind) = series.split_once('*').expect("a series marks the version");
            (before.trim_end_matches(['-', '_']).to_owned(), behind.to_owned())
        };
        let own = self.series.iter().find(|(_, newest)| *newest == expected).map(|(series, _)| name(series));
        self.series
            .iter()
            .filter(|(series, _)| Some(name(series)) == own)
            .map(|(_, newest)| of(newest).clone())
            .collect()
    }
}

impl Disagreements {
    fn expect_newest(&mut self, repository: &Repository, pin: &Pin, expected: &Newest) {
        let what = |kind: &str| match &pin.tag {
            Some(template) => format!("the newest {kind} {} release for `{}` by `{template}`", pin.scheme, pin.version),
            None => format!("the newest {kind} {} release for `{}`", pin.scheme, pin.version),
        };
        // a pin that is no stable release itself is offered its own line
        if repository.holds_stable(&pin.version) && !repository.needs_rule {
            self.expect_one_of(&what("stable"), repository.newest(pin), &repository.family(expected, |n| &n.stable));
        }
        let with_prereleases = Pin { prereleases: Some(true), ..pin.clone() };
        self.expect_one_of(
            &what("listed"),
            repository.newest(&with_prereleases),
            &repository.family(expected, |n| &n.any),
        );
    }

    fn expect_one_of(&mut self, what: &str, ours: Result<Option<String>, String>, oracle: &BTreeSet<Option<String>>) {
        match ours {
            Ok(newest) if oracle.contains(&newest) => {}
            other => self.expect(what, &other, &Ok(oracle.first().cloned().flatten())),
        }
    }

    fn expect_classes(&mut self, repository: &Repository, series: &str, pin: &Pin) {
        let selection = select(pin, &repository.facts, limits()).expect("a stable tag is a version");
        for (tag, candidate) in repository.tags.iter().zip(&selection.candidates) {
            let is_stable = candidate.version.as_ref().map(|version| !version.is_prerelease());
            let expected = match tag.class.as_str() {
                _ if repository.needs_rule => continue,
                "stable" if tag.is_of(series) => Some(true),
                "prerelease" if tag.is_of(series) => Some(false),
                // no version of the product: not matched at best, never stable
                "other" | "snapshot" if is_stable == Some(true) => Some(false),
                _ => continue,
            };
            if is_stable != expected {
                let what = format!("whether `{}` is stable, seen from `{}` as {},", tag.name, pin.version, pin.scheme);
                self.expect(&what, &is_stable, &expected);
            }
        }
    }
}

fn is_spelled_by(template: &TagTemplate, tag: &str) -> bool {
    tag.strip_prefix(template.prefix()).is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

fn limits() -> Limits<'static> {
    let now = "2026-11-20T00:00:00Z".parse().expect("a fixed instant");
    Limits::as_of(now)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn read_tag(row: &Value) -> Tag {
    let class = row[4].as_str().unwrap_or_else(|| panic!("no class in {row}"));
    assert!(["stable", "prerelease", "snapshot", "moving", "other"].contains(&class), "unknown class `{class}`");
    Tag {
        name: row[0].as_str().unwrap_or_else(|| panic!("no tag in {row}")).to_owned(),
        series: row[2].as_str().map(str::to_owned),
        class: class.to_owned(),
    }
}

fn newest(series: &Value) -> Newest {
    let tag = |key: &str| series[key].as_str().map(str::to_owned);
    Newest { stable: tag("newest_stable"), any: tag("newest_any") }
}

fn schemes(series: &[Value]) -> Vec<SchemeId> {
    let ordering = |series: &Value| match series["ordering"].as_str() {
        Some("npm") => SchemeId::Npm,
        Some("libversion with p as patch") | None => SchemeId::Loose,
        Some(other) => panic!("unknown ordering `{other}`"),
    };
    let orderings: BTreeSet<SchemeId> = series.iter().map(ordering).filter(|id| *id != SchemeId::Loose).collect();
    std::iter::once(SchemeId::Loose).chain(orderings).collect()
}
