//! Higher tags that a git pin does not follow because they are spelled otherwise: a repository went from `1.2.3` to
//! `v1.2.3`, and a pin at the last `1.2.3` would look current for ever.
//!
//! They never count on their own: real repositories hold an old `19.0614` beside `v1.14.2`, and other components' tags.
//! So a person is told, and decides with a `tag` in the pin.

use chrono::{DateTime, Utc};

use crate::pin::tag::means_version;
use crate::pin::{Pin, TagTemplate};
use crate::registry::RegistryId;
use crate::report::{Notice, NoticeKind};
use crate::select::{Rejection, Selection};
use crate::version::Version;

/// Tells of stable tags above the newest eligible one (or the pin, where none is) that another spelling hides. A pin
/// that names its `tag` has decided.
pub(super) fn other_tags(pin: &Pin, selection: &Selection<'_>, now: DateTime<Utc>) -> Option<Notice> {
    if pin.registry != RegistryId::Git || pin.tag.is_some() {
        return None;
    }
    let own = TagTemplate::infer(&pin.version);
    let newest = selection.newest();
    let (least, least_label) =
        newest.map_or((&selection.pinned, &*pin.version), |(release, at)| (at, &*release.version));
    let higher: Vec<(&str, TagTemplate, Version)> = (selection.candidates.iter())
        .filter(|candidate| candidate.rejection == Some(Rejection::OtherTag))
        .filter(|candidate| candidate.release.published_at.is_none_or(|at| at <= now))
        .filter_map(|candidate| respelled(pin, &own, &candidate.release.version))
        .filter(|(.., version)| version.precedence(least).is_gt())
        .collect();
    let (highest, template, _) = higher.iter().max_by(|(.., a), (.., b)| a.total_order(b))?;
    let message = format!(
        "{} above `{least_label}` but spelled otherwise than the pin, so not followed; \
         the pin's `tag` decides: `{template}` or `{own}`",
        several(highest, higher.len())
    );
    Some(Notice { kind: NoticeKind::OtherTags, message })
}

/// `` `v2.0.0` is``, `` `v2.0.0` and 3 more are``.
fn several(highest: &str, count: usize) -> String {
    match count {
        1 => format!("`{highest}` is"),
        _ => format!("`{highest}` and {} more are", count - 1),
    }
}

/// A tag's template and version, if it may belong to the pin's series and is stable.
fn respelled<'tag>(pin: &Pin, own: &TagTemplate, tag: &'tag str) -> Option<(&'tag str, TagTemplate, Version)> {
    let template = TagTemplate::infer(tag);
    if !may_follow(own.prefix(), template.prefix(), repository(pin)) {
        return None;
    }
    let label = template.clone().following(tag, pin.scheme).version_in(tag)?.into_owned();
    let version = pin.scheme.parse(&label).ok().filter(|version| !version.is_prerelease())?;
    Some((tag, template, version))
}

/// Whether tags with the prefix `other` may continue a series with the prefix `own`: they differ by a `v`, or the name
/// was dropped, where that is no more than a word for "version" or the repository's own name. Any other name is that of a
/// component, whose repository holds other series.
fn may_follow(own: &str, other: &str, repository: &str) -> bool {
    let (own_name, other_name) = (without_v(own), without_v(other));
    let name = own_name.trim_end_matches(['-', '_']);
    let is_bare = other_name.is_empty() && (means_version(name) || name.eq_ignore_ascii_case(repository));
    own != other && (own_name == other_name || is_bare)
}

/// The prefix without a `v` for "version" at its end, which is not that of `dev`.
fn without_v(prefix: &str) -> &str {
    let name = prefix.strip_suffix(['v', 'V']).unwrap_or(prefix);
    if name.ends_with(|c: char| c.is_ascii_alphabetic()) { prefix } else { name }
}

/// The last part of the remote's address: `curl` of `https://github.com/curl/curl.git`.
fn repository(pin: &Pin) -> &str {
    let path = pin.url.as_deref().unwrap_or_default().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.rsplit(['/', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{Release, ReleaseSet};
    use crate::select::{Limits, select};

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn told(pin: &Pin, tags: &[&str]) -> Option<String> {
        let releases = tags.iter().copied().map(Release::new).collect();
        let facts = ReleaseSet { releases, ..ReleaseSet::default() };
        let selection = select(pin, &facts, Limits::as_of(now())).unwrap();
        other_tags(pin, &selection, now()).map(|notice| notice.message)
    }

    fn pin_at(url: &str, version: &str) -> Pin {
        Pin { url: Some(url.to_owned()), ..Pin::sample(version) }
    }

    #[test]
    fn higher_tags_of_another_spelling_are_told() {
        let rows: [(&str, &[&str], &str); 5] = [
            ("1.2.3", &["1.2.3", "v2.0.0"], "`v2.0.0` is above `1.2.3`"),
            (
                "1.2.3",
                &["1.2.2", "1.2.3", "1.3.0", "v1.2.9", "v1.4.0", "v2.0.0"],
                "`v2.0.0` and 1 more are above `1.3.0`",
            ),
            ("v1.2.3", &["v1.2.3", "2.0.0"], "`2.0.0` is above `v1.2.3`"),
            ("release-1.2.3", &["release-1.2.3", "v1.3.0", "1.4.0"], "`1.4.0` and 1 more are above `release-1.2.3`"),
            ("1.2.3", &["v1.2.3", "v1.2.4"], "`v1.2.4` is above `1.2.3`"),
        ];
        for (pinned, tags, expected) in rows {
            let told = told(&Pin::sample(pinned), tags).unwrap_or_default();
            assert!(told.starts_with(expected), "{pinned} {tags:?}: {told}");
        }
        assert_eq!(
            told(&Pin::sample("1.2.3"), &["1.2.3", "v2.0.0"]).unwrap(),
            "`v2.0.0` is above `1.2.3` but spelled otherwise than the pin, so not followed; \
             the pin's `tag` decides: `v{version}` or `{version}`"
        );
    }

    #[test]
    fn lower_tags_and_prereleases_of_another_spelling_are_not_worth_a_word() {
        for tags in [&["1.2.3", "v1.2.3"][..], &["1.2.3", "v1.0.0"], &["1.2.3", "v2.0.0-rc.1"], &["1.2.3", "vnext"]] {
            assert_eq!(told(&Pin::sample("1.2.3"), tags), None, "{tags:?}");
        }
    }

    #[test]
    fn a_tag_of_tomorrow_is_not_seen_today() {
        let later = Release { published_at: Some(now() + chrono::TimeDelta::days(1)), ..Release::new("v2.0.0") };
        let facts = ReleaseSet { releases: vec![Release::new("1.2.3"), later], ..ReleaseSet::default() };
        let pin = Pin::sample("1.2.3");
        let selection = select(&pin, &facts, Limits::as_of(now())).unwrap();
        assert_eq!(other_tags(&pin, &selection, now()), None);
    }

    #[test]
    fn the_tags_of_other_components_are_not_told() {
        let tools = "https://github.com/golang/tools";
        for (url, pinned, tags) in [
            (tools, "gopls/v0.15.0", &["gopls/v0.15.0", "v0.44.0", "0.44.0"]),
            (tools, "v0.14.0", &["v0.14.0", "gopls/v0.30.0", "gopls-v0.30.0"]),
            ("https://github.com/tokio-rs/tokio", "tokio-util-0.7.0", &["tokio-util-0.7.0", "v1.9.0", "tokio-1.40.0"]),
            (
                "https://github.com/changesets/changesets",
                "@changesets/cli@2.27.1",
                &["@changesets/cli@2.27.1", "v3.0.0", "@changesets/git@4.0.0"],
            ),
            ("https://git.example/sample", "dev1.0", &["dev1.0", "de1.1", "2.0"]),
        ] {
            assert_eq!(told(&pin_at(url, pinned), tags), None, "{pinned}");
        }
    }

    #[test]
    fn a_repository_may_have_dropped_its_own_name() {
        for url in ["https://github.com/curl/curl", "https://github.com/curl/curl.git/", "git@github.com:curl/Curl"] {
            assert!(told(&pin_at(url, "curl-8_4_0"), &["curl-8_4_0", "v8.20.0"]).is_some(), "{url}");
        }
    }

    #[test]
    fn a_pin_that_names_its_template_has_decided() {
        let tag = Some(TagTemplate::parse("{version}").unwrap());
        assert_eq!(told(&Pin { tag, ..Pin::sample("1.2.3") }, &["1.2.3", "v2.0.0"]), None);
    }
}
