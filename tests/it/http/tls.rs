//! https: who is trusted, and that one connection carries many lookups.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use upmon::error::{ErrorKind, LookupError, Trouble};
use upmon::http::client::{Client, ClientError, Options, install_crypto};

use super::support::{client, fetch, options, versions};

/// A registry behind HTTP/2 over TLS, with an authority of its own.
struct Registry {
    url: String,
    /// Its authority, in PEM.
    authority: tempfile::NamedTempFile,
    connections: Arc<AtomicUsize>,
}

impl Registry {
    /// Starts one that answers `/old` with this redirect and everything else with facts.
    async fn start(location: &'static str) -> Self {
        install_crypto();
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut authority = tempfile::NamedTempFile::new().unwrap();
        let pem = base64::engine::general_purpose::STANDARD.encode(key.cert.der());
        write!(authority, "-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n").unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
        let certificates = vec![key.cert.der().clone()];
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, private).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move { serve(acceptor, stream, location).await });
            }
        });
        Self { url, authority, connections }
    }

    fn trusted(&self) -> Client {
        client(Options { certificates: Some(self.authority.path().to_owned()), ..options() })
    }
}

/// Serves a connection until it ends, in whatever way.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream, location: &'static str) -> Option<()> {
    let mut connection = h2::server::handshake(acceptor.accept(stream).await.ok()?).await.ok()?;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let response = http::Response::builder();
            if request.uri().path() == "/old" {
                let response = response.status(302).header("location", location).body(()).unwrap();
                drop(respond.send_response(response, true));
            } else if let Ok(mut body) = respond.send_response(response.body(()).unwrap(), false) {
                drop(body.send_data("1.0.0\nend".into(), true));
            }
        });
    }
    Some(())
}

#[tokio::test]
async fn one_connection_carries_all_lookups_of_an_origin() {
    let registry = Registry::start("/new").await;
    let client = registry.trusted();
    for ended in join_all((0..200).map(|_| fetch(&client, &registry.url))).await {
        assert_eq!(versions(&ended.unwrap()), ["1.0.0"]);
    }
    assert_eq!(registry.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_authority_that_nobody_vouches_for_is_not_trusted() {
    let registry = Registry::start("/new").await;
    let error = fetch(&client(options()), &registry.url).await.unwrap_err();
    assert!(matches!(error, LookupError::Unreachable { trouble: Trouble::Certificate, .. }), "{error:?}");
    let words = "could not be reached: its certificate is not trusted: nobody who is trusted here vouches for it";
    assert!(error.to_string().ends_with(words), "{error}");
}

#[tokio::test]
async fn a_redirect_leads_on_within_https_and_never_out_of_it() {
    let registry = Registry::start("/new").await;
    assert!(fetch(&registry.trusted(), &format!("{}/old", registry.url)).await.is_ok());
    let registry = Registry::start("http://127.0.0.1:1/new").await;
    let error = fetch(&registry.trusted(), &format!("{}/old", registry.url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("not https"), "{error}");
}

#[test]
fn a_file_without_certificates_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path(), "/nowhere/ca.pem".as_ref()] {
        let error = Client::new(Options { certificates: Some(path.to_owned()), ..options() }).unwrap_err();
        assert!(matches!(&error, ClientError::Certificates { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
