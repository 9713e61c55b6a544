//! What to do about a fault, from what is known of the place that it happened at.

use super::{Proxy, Visit};
use crate::error::{LookupError, Trouble};

/// What to do when a lookup failed.
pub(super) fn of(visit: &Visit, error: &LookupError) -> String {
    match error {
        LookupError::Unreachable { trouble, .. } => unreachable(visit, *trouble),
        LookupError::Unauthorized { .. } => unauthorized(visit),
        LookupError::RateLimited { .. } => rate_limited(visit),
        LookupError::NotFound { .. } => not_found(visit),
        LookupError::BadResponse { .. } => bad_response(visit),
    }
}

/// What to do when a program is missing.
pub(super) fn of_program(name: &str) -> String {
    match name {
        "ssh" => "install OpenSSH's client, let `GIT_SSH_COMMAND` name another, or give those pins an https `url`",
        _ => "install git, or give those pins an https `url`",
    }
    .to_owned()
}

/// A proxy stands between us and whoever did not answer, so it is looked at first; what it cannot have caused goes before.
fn unreachable(visit: &Visit, trouble: Trouble) -> String {
    match (trouble, &visit.proxy) {
        (Trouble::Certificate, _) => {
            "put the server's certificate authority, in PEM form, into a file, and let `UPMON_NETWORK_CERTIFICATES` \
             name it (or `SSL_CERT_FILE`, which takes the place of the platform's own)"
                .to_owned()
        }
        (Trouble::NoProgram(name), _) => of_program(name),
        (Trouble::HostKey, _) => {
            "connect to the host once by hand with `ssh`, and accept its key if it is the right one".to_owned()
        }
        (Trouble::NoClient, _) => {
            "let `SSL_CERT_FILE` name a file of certificates in PEM form, or install `ca-certificates`".to_owned()
        }
        (_, Some(Proxy { address, source })) => format!(
            "the way leads through the proxy {address}: is it up? set {source} right, or name the host in `NO_PROXY`"
        ),
        (Trouble::NoSuchHost, None) => {
            format!("no machine of that name is known here: {}, {PROXY}", elsewhere(visit))
        }
        (Trouble::NobodyListens, None) => {
            format!("nobody listens there: is the server running, and is the port right? {}", elsewhere(visit))
        }
        (Trouble::Server, None) => {
            "the server is in trouble: try again later; `--stale` shows what it last said".to_owned()
        }
        (Trouble::Silence, None) => format!(
            "a firewall may swallow the connection: {PROXY}, {}, or raise `timeout` in `[network]`",
            elsewhere(visit)
        ),
        (Trouble::Offline | Trouble::Other, None) => format!("{}, {PROXY}, or try again later", elsewhere(visit)),
    }
}

const PROXY: &str = "set `HTTPS_PROXY` where the way out is a proxy";

/// How the place can be moved.
fn elsewhere(visit: &Visit) -> String {
    match (&visit.host, visit.is_elsewhere()) {
        (Some(_), _) => "mend the pin's `url`".to_owned(),
        (None, true) => format!("mend the address in {}", visit.set_by),
        (None, false) => format!("set `{}` to a mirror that can be reached", visit.registry.url_variable()),
    }
}

fn unauthorized(visit: &Visit) -> String {
    if let Some(source) = &visit.credential {
        return format!(
            "the credential from {source} is not accepted: renew it, or give it the right to read packages"
        );
    }
    let token = visit.registry.url_variable().replace("_URL", "_TOKEN");
    match visit.host.as_deref() {
        Some(host) => {
            format!("set `{token}` and `{token}_HOST={host}`, or add `{host}` to your netrc file; for ssh, load a key")
        }
        None => format!("set `{token}`, add the host to your netrc file, or say `--use-client-config`"),
    }
}

fn rate_limited(visit: &Visit) -> String {
    let id = visit.registry;
    let token = if visit.credential.is_none() { " A credential often raises the limit." } else { "" };
    format!("wait until the limit ends, and set `concurrency` or `rate` in `[registries.{id}]` lower.{token}")
}

fn not_found(visit: &Visit) -> String {
    let package = &visit.package;
    match (&visit.host, visit.is_elsewhere()) {
        (Some(_), _) => format!("mend the `url` of `{package}`; a private repository needs a credential to be seen"),
        (None, true) => format!(
            "if only `{package}` is missing, its name is wrong; if everything is, {} is not the root under which the registry's paths hang",
            visit.set_by
        ),
        (None, false) => format!("mend the name of `{package}` in the pins"),
    }
}

fn bad_response(visit: &Visit) -> String {
    let suspect = "something else answers there, such as a login page";
    match (&visit.host, &visit.proxy) {
        (None, _) if visit.is_elsewhere() => {
            format!("{suspect}: {} has to be the root under which the registry's paths hang", visit.set_by)
        }
        (_, Some(proxy)) => format!("{suspect} or the proxy {}: look at the address with a browser", proxy.address),
        _ => format!("{suspect}: look at the address with a browser"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::{DEFAULT, Need};
    use crate::registry::RegistryId;

    fn visit(set_by: &str) -> Visit {
        Visit {
            registry: RegistryId::Npm,
            host: None,
            address: "https://registry.npmjs.org/".to_owned(),
            set_by: set_by.to_owned(),
            credential: None,
            proxy: None,
            package: "react".to_owned(),
            need: Need::Pin,
            answer: Ok(1),
            took: Duration::ZERO,
            quota: None,
        }
    }

    /// What a remedy must name, by what happened: it is of no use if it does not say where to turn.
    #[test]
    fn every_remedy_names_what_to_change() {
        let public = visit(DEFAULT);
        let mirror = visit("`UPMON_NPM_URL`");
        let with_token = Visit { credential: Some("`~/.netrc`".to_owned()), ..visit(DEFAULT) };
        let proxy = Proxy { address: "http://proxy:3128/".to_owned(), source: "`https_proxy`".to_owned() };
        let behind_proxy = Visit { proxy: Some(proxy), ..visit(DEFAULT) };
        let git = Visit { registry: RegistryId::Git, host: Some("git.example".to_owned()), ..visit("the pins") };
        let unreachable = |trouble| LookupError::Unreachable { message: String::new(), trouble };
        let unauthorized = LookupError::Unauthorized { message: String::new() };
        let missing = LookupError::NotFound { message: String::new() };
        let bad = LookupError::BadResponse { message: String::new() };
        let limited = LookupError::RateLimited { message: String::new(), until: None };
        for (visit, error, names) in [
            (&public, unreachable(Trouble::NobodyListens), "UPMON_NPM_URL` to a mirror"),
            (&mirror, unreachable(Trouble::NobodyListens), "is the server running"),
            (&mirror, unreachable(Trouble::NobodyListens), "address in `UPMON_NPM_URL`"),
            (&public, unreachable(Trouble::NoSuchHost), "HTTPS_PROXY"),
            (&public, unreachable(Trouble::Certificate), "SSL_CERT_FILE"),
            (&behind_proxy, unreachable(Trouble::Other), "set `https_proxy` right"),
            (&public, unreachable(Trouble::Silence), "`timeout` in `[network]`"),
            (&public, unreachable(Trouble::Server), "--stale"),
            (&public, unreachable(Trouble::Other), "try again later"),
            (&git, unreachable(Trouble::NoProgram("ssh")), "GIT_SSH_COMMAND"),
            (&git, unreachable(Trouble::NoSuchHost), "the pin's `url`"),
            (&git, unreachable(Trouble::HostKey), "accept its key"),
            (&public, unreachable(Trouble::NoClient), "ca-certificates"),
            (&public, unauthorized.clone(), "UPMON_NPM_TOKEN"),
            (&with_token, unauthorized.clone(), "`~/.netrc` is not accepted"),
            (&git, unauthorized, "UPMON_GIT_TOKEN_HOST=git.example"),
            (&public, limited, "[registries.npm]"),
            (&public, missing.clone(), "name of `react`"),
            (&mirror, missing.clone(), "`UPMON_NPM_URL` is not the root"),
            (&git, missing, "`url` of `react`"),
            (&mirror, bad.clone(), "`UPMON_NPM_URL` has to be the root"),
            (&public, bad, "browser"),
        ] {
            let remedy = of(visit, &error);
            assert!(remedy.contains(names), "{error:?}: {remedy}");
        }
    }
}
