//! The variables of upmon itself: a token, or a user and a password, each in clear or in a file.

use std::collections::HashMap;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Credential, CredentialError, Credentials, Scope, secret_in};
use crate::registry::RegistryId;

impl Credentials {
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
pub(super) mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn header(credential: &Credential) -> String {
        credential.header().to_str().unwrap().to_owned()
    }

    /// The credentials in these variables, of registries at addresses of a test.
    pub(crate) fn from(variables: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
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
}
