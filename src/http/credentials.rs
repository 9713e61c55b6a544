//! Which credential belongs to which address, and that it is shown to nobody else.
//!
//! A credential belongs to a [`Scope`]: scheme, host, port and path prefix. It leaves as an `Authorization` header, marked
//! sensitive, to addresses inside that scope only; its `Debug` shows where it came from and never what it is. Here are
//! the sources that are upmon's own (environment, netrc, addresses); those of package managers are in
//! [`super::client_config`].

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use netrc::Netrc;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::registry::RegistryId;

/// The addresses that a credential may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Same scheme, host and port, and a path below this one, whole segments only.
    Under {
        /// Scheme, host and port.
        origin: url::Origin,
        /// A path that ends with a slash.
        path: String,
    },
    /// A host, for sources that name no scheme: over https on any port, in clear text on this machine only.
    Host(String),
}

impl Scope {
    /// Everything under an address.
    pub fn under(base: &Url) -> Self {
        Self::Under { origin: base.origin(), path: format!("{}/", base.path().trim_end_matches('/')) }
    }

    /// Whether an address lies inside.
    pub fn contains(&self, url: &Url) -> bool {
        match self {
            Self::Under { origin, path } => {
                *origin == url.origin() && (url.path().starts_with(path) || url.path() == path.trim_end_matches('/'))
            }
            Self::Host(host) => {
                url.host_str().is_some_and(|asked| asked.eq_ignore_ascii_case(host))
                    && (url.scheme() == "https" || is_loopback(url))
            }
        }
    }

    /// How closely it fits; the closest wins.
    fn rank(&self) -> usize {
        match self {
            Self::Under { path, .. } => path.len(),
            Self::Host(_) => 0,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

/// Why a credential cannot be used. Messages name its source, never what it is.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// It holds bytes that a header cannot.
    #[error("{origin} holds a character that cannot be sent in a header")]
    NotAHeader {
        /// Where it was found.
        origin: String,
    },
    /// A file that was named cannot be read.
    #[error("{origin} names `{path}`, which cannot be read: {cause}")]
    File {
        /// Who names the file.
        origin: String,
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A file is not in the form of its kind.
    #[error("`{path}` is not {expected}")]
    Form {
        /// The file.
        path: String,
        /// What it should be: "a netrc file".
        expected: &'static str,
    },
    /// Two sources that exclude each other.
    #[error("`{first}` and `{second}` are both set")]
    Both {
        /// One variable.
        first: String,
        /// The other.
        second: String,
    },
    /// One half of a user name and password.
    #[error("`{given}` is set without `{missing}`")]
    Half {
        /// The variable that is set.
        given: String,
        /// The one that is not.
        missing: String,
    },
}

/// One credential, where it belongs and where it came from.
#[derive(Clone)]
pub struct Credential {
    scope: Scope,
    header: SecretString,
    source: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("scope", &self.scope)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// A credential from the whole `Authorization` header. `source` says where it was found, in words that may be shown.
    ///
    /// # Errors
    /// When it cannot be sent as a header.
    pub fn new(scope: Scope, header: SecretString, source: impl Into<String>) -> Result<Self, CredentialError> {
        let source = source.into();
        if HeaderValue::from_str(header.expose_secret()).is_err() {
            return Err(CredentialError::NotAHeader { origin: source });
        }
        Ok(Self { scope, header, source })
    }

    /// A user name and a password ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617.html)).
    pub fn basic(scope: Scope, user: &str, password: &SecretString, source: impl Into<String>) -> Self {
        let pair = BASE64.encode(format!("{user}:{}", password.expose_secret()));
        Self { scope, header: format!("Basic {pair}").into(), source: source.into() }
    }

    /// A bearer token ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750.html)).
    ///
    /// # Errors
    /// When it cannot be sent as a header.
    pub fn bearer(scope: Scope, token: &SecretString, source: impl Into<String>) -> Result<Self, CredentialError> {
        Self::new(scope, format!("Bearer {}", token.expose_secret()).into(), source)
    }

    /// A token in the form that the registry takes.
    ///
    /// - Cargo registries: [verbatim](https://doc.rust-lang.org/cargo/reference/registry-web-api.html).
    /// - npm: [bearer](https://docs.npmjs.com/cli/v11/configuring-npm/npmrc#auth-related-configuration).
    /// - PyPI: [password of `__token__`](https://pypi.org/help/#apitoken).
    /// - gem servers: [`user:password`, or the token as the user](https://bundler.io/man/bundle-config.1.html).
    /// - git: password of `x-access-token`, which
    ///   [GitHub](https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation)
    ///   asks for and other forges accept.
    ///
    /// # Errors
    /// When it cannot be sent as a header.
    pub fn token(
        registry: RegistryId,
        scope: Scope,
        token: &SecretString,
        source: impl Into<String>,
    ) -> Result<Self, CredentialError> {
        match registry {
            RegistryId::CratesIo => Self::new(scope, token.clone(), source),
            RegistryId::Npm => Self::bearer(scope, token, source),
            RegistryId::PyPi => Ok(Self::basic(scope, "__token__", token, source)),
            RegistryId::RubyGems => Ok(Self::pair(scope, token, source)),
            RegistryId::Git => Ok(Self::basic(scope, "x-access-token", token, source)),
        }
    }

    /// `user:password` in one text, or a token that stands for both.
    pub(super) fn pair(scope: Scope, pair: &SecretString, source: impl Into<String>) -> Self {
        let (user, password) = pair.expose_secret().split_once(':').unwrap_or((pair.expose_secret(), ""));
        Self::basic(scope, user, &password.into(), source)
    }

    /// Where it was found, in words that may be shown: "`UPMON_NPM_TOKEN`".
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The same for all of its origin: an address that carried a credential itself says nothing of its neighbours.
    pub(super) fn for_whole_origin(mut self) -> Self {
        if let Scope::Under { path, .. } = &mut self.scope {
            "/".clone_into(path);
        }
        self
    }

    /// Where it may be sent.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The `Authorization` header, marked so that no log prints it.
    pub fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.header.expose_secret()).expect("checked when it was made");
        value.set_sensitive(true);
        value
    }

    /// User and password, for transports that ask for them (git); `None` for a token without a user.
    pub fn user_and_password(&self) -> Option<(String, SecretString)> {
        let pair = BASE64.decode(self.header.expose_secret().strip_prefix("Basic ")?).ok()?;
        let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        Some((user.to_owned(), password.into()))
    }

    /// Tells credentials apart in cache keys without telling what they are.
    pub(super) fn identity(&self) -> [u8; 32] {
        Sha256::digest(self.header.expose_secret().as_bytes()).into()
    }

    /// Takes the credential out of a text, should an answer have echoed it.
    pub(super) fn scrub(&self, text: String) -> String {
        self.secrets()
            .iter()
            .fold(text, |text, secret| if text.contains(secret) { text.replace(secret, "[redacted]") } else { text })
    }

    /// Every text that gives the credential away.
    pub(super) fn secrets(&self) -> Vec<String> {
        let header = self.header.expose_secret();
        let sent = header.split_once(' ').map_or(header, |(_, sent)| sent);
        let pair = self.user_and_password();
        let password = pair.as_ref().map_or("", |(_, password)| password.expose_secret());
        let user = pair.as_ref().filter(|_| password.is_empty()).map_or("", |(user, _)| user);
        [sent, password, user].into_iter().filter(|secret| !secret.is_empty()).map(str::to_owned).collect()
    }
}

/// Every credential of a run, the most trusted source first.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// The credential for an address: the one whose scope fits most closely; of equal ones the first.
    pub fn of(&self, url: &Url) -> Option<&Credential> {
        let matching = self.0.iter().rev().filter(|credential| credential.scope.contains(url));
        matching.max_by_key(|credential| credential.scope.rank())
    }

    /// Adds a credential that is trusted less than those before.
    pub fn push(&mut self, credential: Credential) {
        self.0.push(credential);
    }

    /// Adds credentials that are trusted less than those before.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Every credential, for `doctor`.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter()
    }

    /// Reads `UPMON_<ID>_TOKEN` or `UPMON_<ID>_USERNAME` with `UPMON_<ID>_PASSWORD`; each may end in `_FILE` and then names
    /// a file that holds the value. They belong to the registry's base URL; those of a registry without one are left to
    /// [`Credentials::for_git`]. An empty variable counts as unset, since CI systems set secrets that do not exist so.
    ///
    /// # Errors
    /// When a variable is at odds with another, or names a file that cannot be read.
    pub fn from_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        bases: &HashMap<RegistryId, Url>,
    ) -> Result<Self, CredentialError> {
        let mut credentials = Self::default();
        for &registry in RegistryId::ALL {
            let environment = Environment { variable, registry };
            let default = registry.default_url().and_then(|url| Url::parse(url).ok());
            if let Some(base) = bases.get(&registry).or(default.as_ref()) {
                credentials.0.extend(environment.credential(Scope::under(base))?);
            }
        }
        Ok(credentials)
    }

    /// Reads the same variables for git. They belong to the one host that `UPMON_GIT_TOKEN_HOST` names, to `github.com`
    /// where it names none.
    ///
    /// # Errors
    /// As those of [`Credentials::from_environment`].
    pub fn for_git(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let environment = Environment { variable, registry: RegistryId::Git };
        let host = environment.set("UPMON_GIT_TOKEN_HOST").unwrap_or_else(|| "github.com".to_owned());
        let credential = environment.credential(Scope::Host(host.trim().to_owned()))?;
        Ok(Self(credential.into_iter().collect()))
    }

    /// Reads a token from a file, for everything under a registry's base URL. `source` says who names the file.
    ///
    /// # Errors
    /// When it cannot be read or sent.
    pub fn push_token_file(
        &mut self,
        registry: RegistryId,
        base: &Url,
        path: &Path,
        source: &str,
    ) -> Result<(), CredentialError> {
        let token = secret_in(path, source)?;
        self.push(Credential::token(registry, Scope::under(base), &token, source)?);
        Ok(())
    }

    /// The same for a user name and a file that holds its password.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn push_password_file(
        &mut self,
        user: &str,
        base: &Url,
        path: &Path,
        source: &str,
    ) -> Result<(), CredentialError> {
        let password = secret_in(path, source)?;
        self.push(Credential::basic(Scope::under(base), user, &password, source));
        Ok(())
    }

    /// Reads a netrc file. Its `default` entry is left alone: a password for every host belongs to none. Hosts are
    /// trusted over https only, but for this machine.
    ///
    /// # Errors
    /// When the file is there but cannot be read as one. A missing file is no credentials.
    pub fn from_netrc(path: &Path) -> Result<Self, CredentialError> {
        let shown = path.display().to_string();
        // The parser's own message would quote what it stumbled over, which may be a password.
        let netrc = match Netrc::from_file(path) {
            Ok(netrc) => netrc,
            Err(netrc::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(netrc::Error::Io(cause)) => {
                return Err(CredentialError::File { origin: "netrc".to_owned(), path: shown, cause });
            }
            Err(netrc::Error::Parsing { .. }) => {
                return Err(CredentialError::Form { path: shown, expected: "a netrc file" });
            }
        };
        let hosts = netrc.hosts.into_iter().filter(|(host, _)| host != "default");
        Ok(Self(
            hosts
                .map(|(host, entry)| {
                    Credential::basic(Scope::Host(host), &entry.login, &entry.password.into(), format!("`{shown}`"))
                })
                .collect(),
        ))
    }

    /// The netrc file in use: `$NETRC`, or `.netrc` (on Windows also `_netrc`) in the home directory.
    pub fn netrc_file() -> Option<std::path::PathBuf> {
        Netrc::get_file()
    }
}

/// The secret in a file, without the newline at its end.
fn secret_in(path: &Path, source: &str) -> Result<SecretString, CredentialError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CredentialError::File {
        origin: source.to_owned(),
        path: path.display().to_string(),
        cause,
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// Moves user and password out of an address into a credential for everything under it.
pub fn take_userinfo(url: &mut Url, source: impl Into<String>) -> Option<Credential> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Credential::basic(Scope::under(url), &user, &password.into(), source))
}

/// The variables of one registry.
struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    registry: RegistryId,
}

impl Environment<'_> {
    fn name(&self, field: &str) -> String {
        format!("UPMON_{}_{field}", self.registry.as_str().replace('-', "_").to_uppercase())
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The value of a variable or of its `_FILE` twin, and which of them it was.
    fn value(&self, field: &str) -> Result<Option<(SecretString, String)>, CredentialError> {
        let (name, file) = (self.name(field), self.name(&format!("{field}_FILE")));
        match (self.set(&name), self.set(&file)) {
            (Some(_), Some(_)) => Err(CredentialError::Both { first: name, second: file }),
            (Some(value), None) => Ok(Some((value.into(), name))),
            (None, Some(path)) => Ok(Some((secret_in(Path::new(&path), &format!("`{file}`"))?, file))),
            (None, None) => Ok(None),
        }
    }

    fn credential(&self, scope: Scope) -> Result<Option<Credential>, CredentialError> {
        let token = self.value("TOKEN")?;
        let user = self.value("USERNAME")?;
        let password = self.value("PASSWORD")?;
        let Some(named) = token.as_ref().or(user.as_ref()).or(password.as_ref()).map(|(_, name)| name.clone()) else {
            return Ok(None);
        };
        let source = format!("`{named}`");
        match (token, user, password) {
            (Some((token, _)), None, None) => Credential::token(self.registry, scope, &token, source).map(Some),
            (None, Some((user, _)), Some((password, _))) => {
                Ok(Some(Credential::basic(scope, user.expose_secret(), &password, source)))
            }
            (Some((_, first)), Some((_, second)), _) | (Some((_, first)), None, Some((_, second))) => {
                Err(CredentialError::Both { first, second })
            }
            (None, Some((_, given)), None) => Err(CredentialError::Half { given, missing: self.name("PASSWORD") }),
            (None, None, _) => Err(CredentialError::Half { given: named, missing: self.name("USERNAME") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn header(credential: &Credential) -> String {
        credential.header().to_str().unwrap().to_owned()
    }

    fn from(variables: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
        let bases = [
            (RegistryId::CratesIo, "https://index.example/"),
            (RegistryId::RubyGems, "https://gems.example/"),
            (RegistryId::PyPi, "https://pypi.example/"),
            (RegistryId::Npm, "https://nexus.example/api/npm/repo"),
        ];
        let bases = bases.into_iter().map(|(id, base)| (id, url(base))).collect();
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Credentials::from_environment(&variable, &bases)
    }

    #[test]
    fn a_credential_belongs_to_scheme_host_port_and_path() {
        let scope = Scope::under(&url("https://nexus.example/api/npm/repo"));
        for (address, inside) in [
            ("https://nexus.example/api/npm/repo", true),
            ("https://nexus.example/api/npm/repo/", true),
            ("https://nexus.example/api/npm/repo/react", true),
            ("https://nexus.example:443/api/npm/repo/react", true),
            ("https://NEXUS.example/api/npm/repo/react", true),
            ("https://nexus.example/api/npm/repository/react", false),
            ("https://nexus.example/api/npm/other/react", false),
            ("https://nexus.example/api/npm/repo/../other/react", false),
            ("http://nexus.example/api/npm/repo/react", false),
            ("https://nexus.example:8443/api/npm/repo/react", false),
            ("https://nexus.example.evil/api/npm/repo/react", false),
            ("https://evil/api/npm/repo/react?nexus.example", false),
        ] {
            assert_eq!(scope.contains(&url(address)), inside, "{address}");
        }
    }

    #[test]
    fn a_host_without_a_scheme_is_trusted_over_https_and_on_this_machine() {
        for (host, address, inside) in [
            ("gems.example", "https://gems.example/info/rails", true),
            ("gems.example", "https://GEMS.example:8443/info/rails", true),
            ("gems.example", "http://gems.example/info/rails", false),
            ("gems.example", "https://sub.gems.example/info/rails", false),
            ("127.0.0.1", "http://127.0.0.1:4000/info/rails", true),
            ("localhost", "http://localhost:4000/info/rails", true),
        ] {
            assert_eq!(Scope::Host(host.to_owned()).contains(&url(address)), inside, "{host} {address}");
        }
    }

    #[test]
    fn each_registry_gets_its_token_in_its_own_form() {
        for (variable, address, expected) in [
            ("UPMON_CRATES_IO_TOKEN", "https://index.example/se/rd/serde", "s3cr3t"),
            ("UPMON_NPM_TOKEN", "https://nexus.example/api/npm/repo/react", "Bearer s3cr3t"),
            ("UPMON_PYPI_TOKEN", "https://pypi.example/simple/requests/", "Basic X190b2tlbl9fOnMzY3IzdA=="),
            ("UPMON_RUBYGEMS_TOKEN", "https://gems.example/info/rails", "Basic czNjcjN0Og=="),
        ] {
            let credentials = from(&[(variable, "s3cr3t")]).unwrap();
            let credential = credentials.of(&url(address)).unwrap();
            assert_eq!(header(credential), expected, "{variable}");
            assert_eq!(credential.source(), format!("`{variable}`"));
        }
    }

    #[test]
    fn a_user_and_a_password_become_basic_whatever_the_registry() {
        let credentials = from(&[("UPMON_NPM_USERNAME", "me"), ("UPMON_NPM_PASSWORD", "p:w")]).unwrap();
        let credential = credentials.of(&url("https://nexus.example/api/npm/repo/react")).unwrap();
        assert_eq!(header(credential), "Basic bWU6cDp3");
        let (user, password) = credential.user_and_password().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("me", "p:w"));
    }

    #[test]
    fn a_file_twin_gives_the_token_without_its_last_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cr3t\r\n").unwrap();
        let credentials = from(&[("UPMON_NPM_TOKEN_FILE", file.path().to_str().unwrap())]).unwrap();
        let credential = credentials.of(&url("https://nexus.example/api/npm/repo/react")).unwrap();
        assert_eq!(header(credential), "Bearer s3cr3t");
    }

    #[test]
    fn a_token_for_git_belongs_to_one_host() {
        let alone: &[_] = &[("UPMON_GIT_TOKEN", "s3cr3t")];
        let named: &[_] = &[("UPMON_GIT_TOKEN", "s3cr3t"), ("UPMON_GIT_TOKEN_HOST", "git.example.org")];
        for (variables, address, is_given) in [
            (alone, "https://github.com/a/b", true),
            (alone, "https://git.example.org/a", false),
            (named, "https://git.example.org/a", true),
            (named, "https://github.com/a/b", false),
            (named, "http://git.example.org/a", false),
            (&[("UPMON_GIT_TOKEN_HOST", "github.com")], "https://github.com/a/b", false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let credentials = Credentials::for_git(&variable).unwrap();
            let given = credentials.of(&url(address)).map(header);
            assert_eq!(given.is_some(), is_given, "{variables:?} {address}");
            assert!(given.is_none_or(|header| header == "Basic eC1hY2Nlc3MtdG9rZW46czNjcjN0"));
        }
        assert_eq!(from(alone).unwrap().iter().count(), 0, "a registry's requests know nothing of it");
    }

    #[test]
    fn variables_that_make_no_sense_are_errors_that_name_them_and_not_their_values() {
        for (variables, message) in [
            (
                &[("UPMON_NPM_TOKEN", "s3cr3t"), ("UPMON_NPM_TOKEN_FILE", "/s3cr3t")][..],
                "`UPMON_NPM_TOKEN` and `UPMON_NPM_TOKEN_FILE` are both set",
            ),
            (
                &[("UPMON_NPM_TOKEN", "s3cr3t"), ("UPMON_NPM_PASSWORD", "s3cr3t")],
                "`UPMON_NPM_TOKEN` and `UPMON_NPM_PASSWORD` are both set",
            ),
            (&[("UPMON_PYPI_USERNAME", "s3cr3t")], "`UPMON_PYPI_USERNAME` is set without `UPMON_PYPI_PASSWORD`"),
            (&[("UPMON_PYPI_PASSWORD", "s3cr3t")], "`UPMON_PYPI_PASSWORD` is set without `UPMON_PYPI_USERNAME`"),
            (&[("UPMON_NPM_TOKEN", "s3cr3t\nHost: evil")], "`UPMON_NPM_TOKEN` holds a character"),
        ] {
            let error = from(variables).unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("s3cr3t"), "{error}");
        }
        assert_eq!(from(&[("UPMON_NPM_TOKEN", "")]).unwrap().iter().count(), 0);
    }

    #[test]
    fn the_longest_path_wins_and_of_equals_the_first() {
        let mut credentials = Credentials::default();
        for (scope, token) in [
            (Scope::Host("nexus.example".into()), "host"),
            (Scope::under(&url("https://nexus.example/")), "root"),
            (Scope::under(&url("https://nexus.example/api/npm")), "first"),
            (Scope::under(&url("https://nexus.example/api/npm")), "second"),
        ] {
            credentials.push(Credential::new(scope, token.into(), token).unwrap());
        }
        for (address, source) in [
            ("https://nexus.example/api/npm/react", Some("first")),
            ("https://nexus.example/api/pypi", Some("root")),
            ("https://nexus.example:8443/", Some("host")),
            ("https://other.example/", None),
        ] {
            assert_eq!(credentials.of(&url(address)).map(Credential::source), source, "{address}");
        }
    }

    #[test]
    fn a_netrc_file_is_read_by_host_and_its_default_is_nobodys() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "machine gems.example login me password \"p w#1\"\nmachine 127.0.0.1\n login a\n password b\n\
                    default login any password any\n";
        std::fs::write(file.path(), text).unwrap();
        let credentials = Credentials::from_netrc(file.path()).unwrap();
        let of = |address| credentials.of(&url(address)).and_then(Credential::user_and_password);
        assert_eq!(of("https://gems.example/info/rails").unwrap().1.expose_secret(), "p w#1");
        assert_eq!(of("http://127.0.0.1:1/").unwrap().0, "a");
        assert!(of("https://other.example/").is_none());
        assert!(Credentials::from_netrc(Path::new("/nowhere/netrc")).unwrap().iter().next().is_none());
    }

    #[test]
    fn a_broken_netrc_file_is_an_error_that_does_not_quote_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "machine gems.example login me s3cr3t s3cr3t").unwrap();
        let error = Credentials::from_netrc(file.path()).unwrap_err();
        assert!(error.to_string().contains("is not a netrc file"), "{error}");
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }

    #[test]
    fn user_and_password_move_out_of_an_address() {
        let mut base = url("https://me%40work:p%2Fw@gems.example/private/");
        let credential = take_userinfo(&mut base, "the base URL").unwrap();
        assert_eq!(base.as_str(), "https://gems.example/private/");
        let (user, password) = credential.user_and_password().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("me@work", "p/w"));
        assert!(credential.scope().contains(&url("https://gems.example/private/info/rails")));
        assert!(take_userinfo(&mut base, "the base URL").is_none());
    }

    #[test]
    fn no_form_of_debug_shows_a_credential() {
        let credentials = from(&[("UPMON_CRATES_IO_TOKEN", "s3cr3t"), ("UPMON_PYPI_TOKEN", "s3cr3t")]).unwrap();
        let shown = format!("{credentials:#?}");
        assert!(shown.contains("UPMON_PYPI_TOKEN"), "{shown}");
        for credential in credentials.iter() {
            let header = format!("{:?}", credential.header());
            assert_eq!(header, "Sensitive");
        }
        assert!(!shown.contains("s3cr3t") && !shown.contains("X190b2tlbl9fOnMzY3IzdA"), "{shown}");
    }

    #[test]
    fn what_an_answer_echoes_is_taken_out_of_a_text() {
        let credentials = from(&[("UPMON_PYPI_TOKEN", "s3cr3t"), ("UPMON_RUBYGEMS_TOKEN", "s3cr3t")]).unwrap();
        for credential in credentials.iter() {
            let text = format!("expected JSON, got `{} s3cr3t`", header(credential));
            let scrubbed = credential.scrub(text);
            assert_eq!(scrubbed, "expected JSON, got `Basic [redacted] [redacted]`");
        }
    }
}
