//! Pages for people at the few forges whose addresses are known.
//!
//! Only pages that exist for every tag are linked: a forge shows a release page only where somebody made a release.

use url::Url;

use super::address::{Remote, Way};
use crate::registry::under;

/// A forge by its public host.
struct Forge {
    host: &'static str,
    tag: &'static [&'static str],
    commit: &'static [&'static str],
    compare: &'static [&'static str],
}

/// GitHub shows a plain tag under `releases/tag` too; GitLab and Forgejo have pages of their own for tags.
const FORGES: &[Forge] = &[
    Forge { host: "github.com", tag: &["releases", "tag"], commit: &["commit"], compare: &["compare"] },
    Forge { host: "gitlab.com", tag: &["-", "tags"], commit: &["-", "commit"], compare: &["-", "compare"] },
    Forge { host: "codeberg.org", tag: &["src", "tag"], commit: &["commit"], compare: &["compare"] },
];

/// The page of a repository, of one of its tags, or of one of its commits.
pub(super) fn page(address: &str, label: Option<&str>, is_commit: bool) -> Option<String> {
    let (forge, home) = home(address)?;
    let Some(label) = label else { return Some(home.into()) };
    let folder = if is_commit { forge.commit } else { forge.tag };
    Some(under(&home, &[folder, &[label]].concat()).into())
}

/// The page that shows what changed between two tags or commits; `None` where the forge is not known.
pub fn compare(address: &str, from: &str, to: &str) -> Option<String> {
    let (forge, home) = home(address)?;
    let range = format!("{from}...{to}");
    Some(under(&home, &[forge.compare, &[&range]].concat()).into())
}

/// Where a repository is, whichever way its address names: `github.com/acme/shop`, in small letters and without `.git`, so
/// that two spellings of one address are equal. `None` for what is on this machine, or no address.
pub fn place(address: &str) -> Option<String> {
    let remote = Remote::parse(address).ok().filter(|remote| remote.way != Way::Local && !remote.host.is_empty())?;
    let path = remote.url.path.to_string();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!path.is_empty()).then(|| format!("{}/{path}", remote.host).to_lowercase())
}

/// Who owns the repository at an address: `github.com/acme`, in small letters. Groups within a group belong to the outermost.
pub fn owner(address: &str) -> Option<Box<str>> {
    let place = place(address)?;
    let mut parts = place.split('/');
    let (host, owner, _) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{host}/{owner}").into())
}

/// The repository's page, from any spelling of its address.
fn home(address: &str) -> Option<(&'static Forge, Url)> {
    let remote = Remote::parse(address).ok().filter(|remote| remote.way != Way::Local)?;
    let forge = FORGES.iter().find(|forge| forge.host == remote.host)?;
    let path = remote.url.path.to_string();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let base = Url::parse(&format!("https://{}", forge.host)).expect("the hosts of the table are hosts");
    (segments.len() >= 2).then(|| (forge, under(&base, &segments)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_owner_where_it_names_one() {
        for (address, expected) in [
            ("https://GitHub.com/Acme/shop.git", Some("github.com/acme")),
            ("git@github.com:acme/shop", Some("github.com/acme")),
            ("https://gitlab.com/group/inner/shop", Some("gitlab.com/group")),
            ("https://github.com/acme/shop/tree/main/packages/x", Some("github.com/acme")),
            ("https://example.org/shop", None),
            ("/srv/git/shop", None),
        ] {
            assert_eq!(owner(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn one_place_has_many_spellings() {
        let spellings = [
            "https://github.com/Acme/Shop",
            "https://github.com/acme/shop.git",
            "https://ann:s3cr3t@github.com/acme/shop/?x=y",
            "git@github.com:acme/shop.git",
            "ssh://git@github.com/acme/shop",
            "git://github.com/acme/shop.git/",
        ];
        for address in spellings {
            assert_eq!(place(address).as_deref(), Some("github.com/acme/shop"), "{address}");
        }
        assert_ne!(place("https://github.com/acme/shops"), place(spellings[0]));
        assert_ne!(place("https://gitlab.com/acme/shop"), place(spellings[0]));
        for address in ["", "/srv/git/shop.git", "file:///srv/shop", "https://github.com", "x"] {
            assert_eq!(place(address), None, "{address}");
        }
    }

    #[test]
    fn pages_of_known_forges_exist_for_every_tag_and_commit() {
        let rows = [
            (page("https://github.com/golang/tools", None, false), Some("https://github.com/golang/tools")),
            (
                page("https://u:p@github.com/golang/tools.git/", Some("gopls/v0.16.1"), false),
                Some("https://github.com/golang/tools/releases/tag/gopls%2Fv0.16.1"),
            ),
            (
                page("git@gitlab.com:group/sub/tool.git", Some("v1"), false),
                Some("https://gitlab.com/group/sub/tool/-/tags/v1"),
            ),
            (page("https://codeberg.org/a/b", Some("v1"), false), Some("https://codeberg.org/a/b/src/tag/v1")),
            (page("https://github.com/a/b", Some("0123"), true), Some("https://github.com/a/b/commit/0123")),
            (page("https://example.org/a/b", Some("v1"), false), None),
            (page("/github.com/a/b", Some("v1"), false), None),
            (page("https://github.com/a", None, false), None),
        ];
        for (found, expected) in rows {
            assert_eq!(found.as_deref(), expected);
        }
    }

    #[test]
    fn a_comparison_names_both_ends() {
        assert_eq!(
            compare("https://github.com/a/b", "v1.0", "v2.0").as_deref(),
            Some("https://github.com/a/b/compare/v1.0...v2.0")
        );
        assert_eq!(
            compare("ssh://git@gitlab.com/a/b.git", "v1", "x y").as_deref(),
            Some("https://gitlab.com/a/b/-/compare/v1...x%20y")
        );
        assert_eq!(compare("https://example.org/a/b", "v1", "v2"), None);
    }
}
