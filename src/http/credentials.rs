//! Which credential belongs to which address, and that it is shown to nobody else.
//!
//! A credential belongs to a [`Scope`]: scheme, host, port and path prefix. It leaves as an `Authorization` header, marked
//! sensitive, to addresses inside that scope only; its `Debug` shows where it came from and never what it is.
//!
//! - `scope`: the addresses it may be sent to;
//! - `environment`, `netrc`: sources that are upmon's own; those of package managers are in [`super::client_config`].

mod environment;
mod netrc;
mod scope;

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

pub use self::scope::Scope;
use crate::registry::RegistryId;

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

#[cfg(test)]
mod tests {
    use super::environment::tests::from;
    use super::*;
    use crate::http::journal::Notes;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn header(credential: &Credential) -> String {
        credential.header().to_str().unwrap().to_owned()
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

    #[test]
    fn what_an_answer_echoes_is_taken_out_of_what_is_noted_of_it() {
        let credentials = from(&[("UPMON_PYPI_TOKEN", "s3cr3t")]).unwrap();
        let notes = Notes::default();
        notes.answered("https://example.org/s3cr3t".to_owned(), 302);
        notes.failed("https://example.org/", "answered 401 (`Basic realm=\"s3cr3t\"`)");
        let shown = format!("{:?}", notes.take(credentials.iter().next()));
        assert_eq!(shown.matches("[redacted]").count(), 2, "{shown}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
