//! Names and remotes as a pins file may spell them.
//!
//! Names become parts of addresses, ids and file names. Every registry percent-encodes what it puts into an address;
//! refusing here what no package can be called catches typing errors, and path tricks before they meet anything.

use url::Url;

use crate::document::{FromText as _, Refusal, Text, credential_in_file};
use crate::registry::RegistryId;

/// Checks the name of a group: it is the part of an id before the first slash.
pub(super) fn group(name: &str) -> Result<(), Refusal> {
    visible_word(name)?;
    if name.contains('/') {
        return Err(Refusal::new("holds a slash, which parts group and package in `group/package`"));
    }
    Ok(())
}

/// Checks the key of an entry, which need not be a name of the registry's.
pub(super) fn key(name: &str) -> Result<(), Refusal> {
    visible_word(name)?;
    if name.contains("://") {
        return Err(Refusal::new("is an address").help("give the entry a name, and its address as `url`").secret());
    }
    if name.contains('\\') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Refusal::new("reads like a path"));
    }
    Ok(())
}

/// Checks the name under which the registry is asked.
pub(super) fn upstream(name: &str, registry: RegistryId) -> Result<(), Refusal> {
    key(name)?;
    if is_remote(registry) {
        return Ok(());
    }
    if let Some(odd) = name.chars().find(|character| matches!(character, '?' | '#' | '%' | ':' | '&' | '"')) {
        return Err(Refusal::new(format!("holds `{odd}`, which no package name of {registry} does")));
    }
    let is_scoped = registry == RegistryId::Npm && name.starts_with('@') && name.matches('/').count() == 1;
    if name.contains('/') && !is_scoped {
        return Err(Refusal::new(format!("holds a slash, which no package name of {registry} does")));
    }
    Ok(())
}

/// Whether pins of the registry carry their own address.
pub(crate) const fn is_remote(registry: RegistryId) -> bool {
    matches!(registry, RegistryId::Git)
}

/// Checks the address of a git remote: a URL that git knows, `[user@]host:path`, or a path that says that it is one.
pub(super) fn remote(text: &str) -> Result<(), Refusal> {
    visible_word(text).map_err(Refusal::secret)?;
    if text.starts_with('-') {
        return Err(Refusal::new("starts with a dash, which git would take for an option"));
    }
    match text.split_once("://") {
        Some(_) => remote_url(text),
        None => remote_path(text),
    }
}

fn remote_url(text: &str) -> Result<(), Refusal> {
    let url = Url::parse(text).map_err(|error| Refusal::new(format!("is not an address: {error}")).secret())?;
    let is_http = match url.scheme() {
        "http" | "https" => true,
        "git" | "ssh" | "file" => false,
        _ => return Err(Refusal::new("must be an address that git knows: https, http, ssh, git or file").secret()),
    };
    // over ssh a user name alone is no secret; over http it usually is a token
    if url.password().is_some() || is_http && !url.username().is_empty() {
        return Err(credential_in_file());
    }
    if is_http && (url.query().is_some() || url.fragment().is_some()) {
        return Err(Refusal::new("has a query or a fragment, which no git remote has").secret());
    }
    Ok(())
}

fn remote_path(text: &str) -> Result<(), Refusal> {
    if text.split_once('@').is_some_and(|(user, _)| user.contains(':') && !user.contains('/')) {
        return Err(credential_in_file());
    }
    if text.contains(':') || text.starts_with(['/', '.', '~']) {
        return Ok(());
    }
    let refusal = Refusal::new("is not an address");
    let is_host = text.split('/').next().is_some_and(|host| host.contains('.'));
    Err(if is_host { refusal.help(format!("did you mean `https://{text}`?")) } else { refusal })
}

fn visible_word(text: &str) -> Result<(), Refusal> {
    Text::from_text(text)?;
    if text.contains(char::is_whitespace) {
        return Err(Refusal::new("holds white space"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_tricks_and_hidden_characters_are_no_names() {
        for name in
            ["", " ", "a b", "..", ".", "a/../b", "/a", "a/", "a//b", "a\\b", "a\u{0}b", "a\u{1b}[1m", "a\u{202e}b"]
        {
            assert!(key(name).is_err(), "{name:?}");
        }
        for name in ["serde", "@types/node", "golang.org/x/tools", "..a", "a..b", "\u{e9}t\u{e9}"] {
            assert!(key(name).is_ok(), "{name:?}");
        }
        assert!(group("a/b").is_err());
        assert!(group("my-tools").is_ok());
    }

    #[test]
    fn a_slash_belongs_to_scoped_npm_packages_only() {
        let rows = [
            ("@types/node", RegistryId::Npm, true),
            ("types/node", RegistryId::Npm, false),
            ("@a/b/c", RegistryId::Npm, false),
            ("@types/node", RegistryId::PyPi, false),
            ("a?b", RegistryId::CratesIo, false),
            ("a%2fb", RegistryId::RubyGems, false),
            ("nats-io/nats-server", RegistryId::Git, true),
        ];
        for (name, registry, expected) in rows {
            assert_eq!(upstream(name, registry).is_ok(), expected, "{name} of {registry}");
        }
    }

    #[test]
    fn remotes_are_what_git_knows_and_hold_no_credential() {
        for url in [
            "https://github.com/git/git",
            "http://127.0.0.1:8080/repo.git",
            "git://host/repo",
            "ssh://git@host:22/repo",
            "file:///srv/repo.git",
            "git@github.com:git/git.git",
            "host:repo",
            "/srv/repo.git",
            "./repo",
            "~/repo",
        ] {
            assert!(remote(url).is_ok(), "{url}: {:?}", remote(url));
        }
        for url in ["https://user:pw@host/r", "https://token@host/r", "ssh://git:pw@host/r", "user:pw@host:r"] {
            let refusal = remote(url).expect_err(url);
            assert!(refusal.reason.contains("credential") && refusal.is_secret, "{url}: {refusal:?}");
        }
        for url in
            ["", "ftp://host/r", "-oProxyCommand=x", "https://", "https://host/r?token=x", "repo", "ext::sh://x y"]
        {
            assert!(remote(url).is_err(), "{url}");
        }
        assert_eq!(remote("github.com/a/b").unwrap_err().help.unwrap(), "did you mean `https://github.com/a/b`?");
    }
}
