//! Which credential belongs to which host, and over which connections one may travel.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::http::credentials::Credentials;

/// A user name and a password or token. The secret does not show in `Debug`.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user name; forges take any with a token.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
    /// Where it was found, for messages: "`UPMON_GIT_TOKEN`".
    pub found_in: String,
}

impl Login {
    /// Every text that gives it away: as it is sent over http, and the password; without one, the user is the token.
    pub(super) fn secrets(&self) -> Vec<String> {
        let (user, password) = (&self.username, self.password.expose_secret());
        let secret = if password.is_empty() { user } else { password };
        [BASE64.encode(format!("{user}:{password}")), secret.to_owned()]
            .into_iter()
            .filter(|_| !secret.is_empty())
            .collect()
    }
}

/// Answers which login, if any, belongs to the host of an address. Asked only after the host wanted one (401), so that
/// public repositories are read without.
#[derive(Clone)]
pub struct Logins(Arc<Find>);

type Find = dyn Fn(&Url) -> Option<Login> + Send + Sync;

impl fmt::Debug for Logins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Logins(..)")
    }
}

impl Logins {
    /// Logins from wherever the function finds them.
    pub fn new(find: impl Fn(&Url) -> Option<Login> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// No logins at all.
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    /// Those of the credentials that have a user and a password, each in its scope.
    pub fn from_credentials(credentials: Credentials) -> Self {
        Self::new(move |url| {
            let credential = credentials.of(url)?;
            let (username, password) = credential.user_and_password()?;
            Some(Login { username, password, found_in: credential.source().to_owned() })
        })
    }

    /// Where the login was found that the host of an address would get.
    pub fn source_for(&self, url: &Url) -> Option<String> {
        self.find(url).map(|login| login.found_in)
    }

    pub(super) fn find(&self, url: &Url) -> Option<Login> {
        (self.0)(url).filter(|_| is_private(url))
    }
}

/// Whether nobody on the way can read what is sent: TLS, or a connection that does not leave the machine
/// ([secure contexts](https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy) draw the same line).
pub(super) fn is_private(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_local || url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::http::credentials::{Credential, Scope};

    fn logins(host: &str) -> Logins {
        let mut credentials = Credentials::default();
        let scope = Scope::Host(host.to_owned());
        credentials.push(Credential::basic(scope, "x", &"hunter2".into(), "`UPMON_GIT_TOKEN`"));
        Logins::from_credentials(credentials)
    }

    #[test]
    fn a_login_says_where_it_was_found_and_not_what_it_is() {
        let login = logins("github.com").find(&Url::parse("https://github.com/a/b").unwrap()).unwrap();
        let shown = format!("{login:?}");
        assert!(shown.contains("UPMON_GIT_TOKEN") && !shown.contains("hunter2"), "{shown}");
        assert!(logins("github.com").find(&Url::parse("https://example.org/a").unwrap()).is_none());
    }

    #[test]
    fn whatever_gives_a_login_away_is_a_secret() {
        for (user, password, secrets) in [
            ("me", "hunter2", &["bWU6aHVudGVyMg==", "hunter2"][..]),
            ("hunter2", "", &["aHVudGVyMjo=", "hunter2"]),
            ("", "", &[]),
        ] {
            let login =
                Login { username: user.to_owned(), password: password.into(), found_in: "the address".to_owned() };
            assert_eq!(login.secrets(), secrets, "{user}");
        }
    }

    #[test]
    fn logins_travel_only_where_nobody_listens() {
        let rows = [
            ("https://example.org/a", true),
            ("http://example.org/a", false),
            ("http://127.0.0.1:8080/a", true),
            ("http://[::1]/a", true),
            ("http://localhost/a", true),
            ("http://localhost.example.org/a", false),
        ];
        for (url, is_given) in rows {
            let login = |_: &Url| logins("example.org").find(&Url::parse("https://example.org/").unwrap());
            let logins = Logins::new(login);
            assert_eq!(logins.find(&Url::parse(url).unwrap()).is_some(), is_given, "{url}");
        }
    }
}
