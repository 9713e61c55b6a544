//! Where a remote is and how it is reached, from what the pins file says.

use gix::url::Scheme;
use secrecy::SecretString;
use url::Url;

use super::failure::{Cause, Failure};
use super::login::Login;
use crate::http::shown;

/// How a remote is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Smart HTTP.
    Http,
    /// `git daemon`.
    Daemon,
    /// `git-upload-pack` at the far end of `ssh`.
    Ssh,
    /// `git upload-pack` on this machine.
    Local,
}

/// A remote: address and how to reach it.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    /// The address as gix reads it; user and password are taken out of web addresses.
    pub(super) url: gix::Url,
    /// How it is reached.
    pub(super) way: Way,
    /// The address as it may be shown.
    pub(super) shown: String,
    /// The host that is asked, empty for this machine: the unit of politeness.
    pub(super) host: String,
    /// The user and password of a web address.
    pub(super) login: Option<Login>,
}

impl Remote {
    /// Reads an address: `https://`, `http://`, `git://`, `ssh://`, `user@host:path`, `file://` or a path.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Self::web(url),
            _ => Self::other(text),
        }
    }

    fn web(mut url: Url) -> Result<Self, Failure> {
        let login = login_of(&url);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        // git's own paths are appended to the address, so nothing may follow its path
        url.set_query(None);
        url.set_fragment(None);
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { url: read(url.as_str())?, way: Way::Http, shown: shown(&url), host, login })
    }

    fn other(text: &str) -> Result<Self, Failure> {
        let mut url = read(text)?;
        // ssh takes no password from anybody
        url.set_password(None);
        let way = match url.scheme {
            Scheme::Git => Way::Daemon,
            Scheme::Ssh => Way::Ssh,
            Scheme::File => Way::Local,
            _ => return Err(unusable("its scheme is not one of http, https, git, ssh and file")),
        };
        let host = if way == Way::Local { String::new() } else { url.host().unwrap_or_default().to_owned() };
        let mut without_user = url.clone();
        without_user.set_user(None);
        Ok(Self { shown: without_user.to_bstring().to_string(), url, way, host, login: None })
    }
}

/// The error of gix quotes the address with its password, so it is not passed on.
fn read(text: &str) -> Result<gix::Url, Failure> {
    gix::url::parse(text).map_err(|_| unusable("it cannot be read"))
}

fn unusable(why: &str) -> Failure {
    Failure::new(Cause::NotFound, format!("this is not the address of a git remote: {why}"))
}

fn login_of(url: &Url) -> Option<Login> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = decode(url.password().unwrap_or_default());
    let username = decode(url.username());
    (!username.is_empty() || !password.is_empty()).then(|| Login {
        username,
        password: SecretString::from(password),
        found_in: "the address itself".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_told_apart() {
        let rows = [
            ("https://github.com/nats-io/nats-server", Way::Http, "github.com"),
            ("http://127.0.0.1:8080/a.git", Way::Http, "127.0.0.1"),
            ("git://git.example.org/a", Way::Daemon, "git.example.org"),
            ("ssh://git@example.org:2222/a.git", Way::Ssh, "example.org"),
            ("git@github.com:nats-io/nats-server.git", Way::Ssh, "github.com"),
            ("github.com:nats-io/nats-server.git", Way::Ssh, "github.com"),
            ("file:///srv/a.git", Way::Local, ""),
            ("/srv/a.git", Way::Local, ""),
            ("../a.git", Way::Local, ""),
        ];
        for (text, way, host) in rows {
            let remote = Remote::parse(text).unwrap();
            assert_eq!((remote.way, remote.host.as_str()), (way, host), "{text}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_user_password_or_query() {
        let rows = [
            ("https://me:hunter2@example.org/a.git?token=hunter2#x", "https://example.org/a.git"),
            ("ssh://git:hunter2@example.org/a.git", "ssh://example.org/a.git"),
            ("git@example.org:a.git", "example.org:a.git"),
            ("/srv/a.git", "/srv/a.git"),
        ];
        for (text, shown) in rows {
            let remote = Remote::parse(text).unwrap();
            assert_eq!(remote.shown, shown, "{text}");
            assert!(!format!("{remote:?}").contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_quoting_it() {
        for text in ["", "ftp://me:hunter2@example.org/a", "ext::sh -c hunter2", "https://", "ssh://"] {
            let failure = Remote::parse(text).unwrap_err();
            assert_eq!(failure.cause, Cause::NotFound, "{text}");
            assert!(!failure.reason.contains("hunter2"), "{text}");
        }
    }
}
