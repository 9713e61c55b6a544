//! Which credential belongs to which host, and over which connections one may travel.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use url::{Host, Url};

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

    /// The token in `UPMON_GIT_TOKEN` for the one host that `UPMON_GIT_TOKEN_HOST` names (`github.com` where it is not
    /// set), else the entry of the host in the netrc file (`NETRC`, else `~/.netrc`). The netrc entry `default` is not
    /// used: it would hand a password to any host that asks.
    pub fn from_environment() -> Self {
        Self::new(|url| {
            let host = url.host_str()?;
            token_for(host, |name| std::env::var(name).ok()).or_else(|| netrc_for(host))
        })
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

fn token_for(host: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Login> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let token = set("UPMON_GIT_TOKEN")?;
    let belongs_to = set("UPMON_GIT_TOKEN_HOST").unwrap_or_else(|| "github.com".to_owned());
    belongs_to.trim().eq_ignore_ascii_case(host).then(|| Login {
        username: "x-access-token".to_owned(),
        password: SecretString::from(token.trim()),
        found_in: "`UPMON_GIT_TOKEN`".to_owned(),
    })
}

fn netrc_for(host: &str) -> Option<Login> {
    let netrc = netrc::Netrc::new().inspect_err(|error| tracing::debug!(%error, "no netrc")).ok()?;
    let entry = netrc.hosts.get(host).filter(|_| host != "default")?;
    Some(Login {
        username: entry.login.clone(),
        password: SecretString::from(entry.password.clone()),
        found_in: "the netrc file".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn variable(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_token_belongs_to_one_host() {
        let alone: &[_] = &[("UPMON_GIT_TOKEN", "secret")];
        let named: &[_] = &[("UPMON_GIT_TOKEN", "secret"), ("UPMON_GIT_TOKEN_HOST", "git.example.org")];
        let rows = [
            (alone, "github.com", true),
            (alone, "git.example.org", false),
            (named, "git.example.org", true),
            (named, "github.com", false),
            (&[("UPMON_GIT_TOKEN", " ")], "github.com", false),
        ];
        for (pairs, host, is_given) in rows {
            assert_eq!(token_for(host, variable(pairs)).is_some(), is_given, "{pairs:?} {host}");
        }
    }

    #[test]
    fn a_login_does_not_show_its_password() {
        let login = token_for("github.com", variable(&[("UPMON_GIT_TOKEN", "hunter2")])).unwrap();
        assert_eq!(login.password.expose_secret(), "hunter2");
        assert!(!format!("{login:?}").contains("hunter2"));
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
        let logins = Logins::new(|_| token_for("github.com", variable(&[("UPMON_GIT_TOKEN", "x")])));
        for (url, is_given) in rows {
            assert_eq!(logins.find(&Url::parse(url).unwrap()).is_some(), is_given, "{url}");
        }
    }
}
