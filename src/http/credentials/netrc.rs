//! The netrc file, which curl, git and many others read: a login a host.

use std::path::Path;

use netrc::Netrc;

use super::{Credential, CredentialError, Credentials, Scope};

impl Credentials {
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use url::Url;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
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
}
