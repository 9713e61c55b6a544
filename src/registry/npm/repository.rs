//! The `repository` of a package as an address that a person can open.

use std::borrow::Cow;

use serde::Deserialize;
use url::Url;

/// The two forms of the member. <https://docs.npmjs.com/cli/configuring-npm/package-json#repository>
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Repository<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Object {
        #[serde(borrow)]
        url: Cow<'a, str>,
    },
}

/// Places whose name alone says how they are reached over https, as npm knows them.
const FORGES: [(&str, &str); 4] =
    [("github", "github.com"), ("gitlab", "gitlab.com"), ("bitbucket", "bitbucket.org"), ("gist", "gist.github.com")];

impl Repository<'_> {
    /// The https (or http) address, without credentials, `.git` and anything behind it; `None` where it cannot be told.
    pub(super) fn address(&self) -> Option<Box<str>> {
        let (Self::Text(text) | Self::Object { url: text }) = self;
        let text = text.trim();
        shorthand(text).or_else(|| scp(text)).or_else(|| full(text)).map(|url| String::from(url).into())
    }
}

/// `owner/name` and `github:owner/name`.
fn shorthand(text: &str) -> Option<Url> {
    let (forge, path) = text.split_once(':').unwrap_or(("github", text));
    let (_, host) = FORGES.iter().find(|(name, _)| *name == forge)?;
    let is_path = path.split('/').count() == if forge == "gist" { 1 } else { 2 } && path.split('/').all(is_word);
    is_path.then(|| browsable(&format!("https://{host}/{path}")))?
}

fn is_word(text: &str) -> bool {
    let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().all(is_in_word) && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// `git@github.com:owner/name.git`, of a known forge only: elsewhere ssh says nothing of https.
fn scp(text: &str) -> Option<Url> {
    let (login, path) = text.split_once(':').filter(|(_, path)| !path.starts_with('/'))?;
    let host = login.rsplit_once('@')?.1;
    is_forge(host).then(|| browsable(&format!("https://{host}/{path}")))?
}

/// An address with a scheme.
fn full(text: &str) -> Option<Url> {
    let text = text.strip_prefix("git+").unwrap_or(text);
    let (scheme, rest) = text.split_once("://")?;
    let host = Url::parse(text).ok()?.host_str()?.to_owned();
    match scheme {
        "https" | "http" => browsable(text),
        "git" | "ssh" if is_forge(&host) => browsable(&format!("https://{rest}")),
        _ => None,
    }
}

fn is_forge(host: &str) -> bool {
    FORGES.iter().any(|(_, forge)| *forge == host)
}

fn browsable(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(Url::has_host)?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    if let Some(path) = url.path().strip_suffix(".git").map(ToOwned::to_owned) {
        url.set_path(&path);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_becomes_an_address_that_opens_or_nothing() {
        let table = [
            (r#""git+https://github.com/facebook/react.git""#, Some("https://github.com/facebook/react")),
            (
                r#"{"type": "git", "url": "git+https://github.com/a/b.git", "directory": "packages/b"}"#,
                Some("https://github.com/a/b"),
            ),
            (
                r#"{"url": "https://gitlab.example.org/deep/er/b.git#main"}"#,
                Some("https://gitlab.example.org/deep/er/b"),
            ),
            (r#""git://github.com/a/b.git""#, Some("https://github.com/a/b")),
            (r#""git+ssh://git@github.com/a/b.git""#, Some("https://github.com/a/b")),
            (r#""ssh://git@gitlab.com/a/b""#, Some("https://gitlab.com/a/b")),
            (r#""git@github.com:azer/left-pad.git""#, Some("https://github.com/azer/left-pad")),
            (r#""a/b.js""#, Some("https://github.com/a/b.js")),
            (r#""github:a/b""#, Some("https://github.com/a/b")),
            (r#""gitlab:a/b""#, Some("https://gitlab.com/a/b")),
            (r#""bitbucket:a/b""#, Some("https://bitbucket.org/a/b")),
            (r#""gist:11081aaa281""#, Some("https://gist.github.com/11081aaa281")),
            (r#""http://example.org/x""#, Some("http://example.org/x")),
            (r#""https://user:secret@example.org/x?token=1""#, Some("https://example.org/x")),
            (r#""git@example.org:a/b.git""#, None),
            (r#""ssh://git@example.org/a/b""#, None),
            (r#""javascript:alert(1)""#, None),
            (r#""file:///etc/passwd""#, None),
            (r#""a/b/c""#, None),
            (r#""../b""#, None),
            (r#""left-pad""#, None),
            (r#""""#, None),
        ];
        for (json, expected) in table {
            let repository: Repository<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(repository.address().as_deref(), expected, "{json}");
        }
    }
}
