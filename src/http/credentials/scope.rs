//! Where a credential may be sent: the one rule that keeps tokens with their owners.

use url::Url;

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
    pub(super) fn rank(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
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
}
