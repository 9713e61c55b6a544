//! What kept a server from being reached, told by the kinds of the errors underneath, and in words for a person.
//!
//! The client's own words are chains of layers ("client error (Connect): tcp connect error: ..."), and they change with its
//! versions. So nothing is decided by them.

use std::error::Error;
use std::io;

use crate::error::Trouble;

type Chain<'a> = &'a (dyn Error + 'static);

/// An error and what caused it, outermost first.
pub(crate) fn sources(error: Chain<'_>) -> impl Iterator<Item = Chain<'_>> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What an error of the client means, and how to say so. The words hold no address, which may hold a credential.
pub(crate) fn of(error: &reqwest::Error) -> (Trouble, String) {
    if error.is_dns() {
        return (Trouble::NoSuchHost, "there is no host of that name".to_owned());
    }
    if error.is_timeout() {
        return (Trouble::Silence, "did not answer in time".to_owned());
    }
    sources(error).find_map(of_source).unwrap_or_else(|| of_rest(error))
}

/// What an error of TLS or of the connection means. Those of TLS come wrapped into those of the connection, which do not
/// show them as their source.
fn of_source(error: Chain<'_>) -> Option<(Trouble, String)> {
    if let Some(error) = error.downcast_ref() {
        return Some(of_tls(error));
    }
    let error = error.downcast_ref::<io::Error>()?;
    error.get_ref().and_then(|inner| of_source(inner)).or_else(|| of_io(error.kind()))
}

fn of_io(kind: io::ErrorKind) -> Option<(Trouble, String)> {
    use io::ErrorKind as Kind;
    let (trouble, words) = match kind {
        Kind::ConnectionRefused => (Trouble::NobodyListens, "nobody listens there"),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
            (Trouble::Other, "the connection was broken off")
        }
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            (Trouble::Other, "there is no way to its network")
        }
        Kind::TimedOut => (Trouble::Silence, "did not answer in time"),
        _ => return None,
    };
    Some((trouble, words.to_owned()))
}

fn of_tls(error: &rustls::Error) -> (Trouble, String) {
    use rustls::CertificateError as Refused;
    let rustls::Error::InvalidCertificate(reason) = error else {
        return (Trouble::Other, format!("no TLS connection came about: {error}"));
    };
    let why = match reason {
        Refused::UnknownIssuer => "nobody who is trusted here vouches for it".to_owned(),
        Refused::Expired | Refused::ExpiredContext { .. } => "it has expired".to_owned(),
        Refused::NotValidYet | Refused::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Refused::NotValidForName | Refused::NotValidForNameContext { .. } => "it is for another name".to_owned(),
        other => other.to_string(),
    };
    (Trouble::Certificate, format!("its certificate is not trusted: {why}"))
}

/// The innermost words: the layers above only say that a request was sent.
fn of_rest(error: &reqwest::Error) -> (Trouble, String) {
    let innermost = sources(error).skip(1).last();
    (Trouble::Other, innermost.map_or_else(|| "the connection failed".to_owned(), ToString::to_string))
}
