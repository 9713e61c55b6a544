//! A machine with nothing on it, and servers that stand for registries, repository managers and proxies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use upmon::registry::RegistryId;

use crate::contract::fixtures::{PACKAGE, listed, pages};
use crate::support::runner::{Run, bare};

/// The newest release that a [`registry`] tells of.
pub(crate) const NEWEST: &str = "1.1.0";

/// An empty home, with pins in the directory that upmon is started in.
pub(crate) struct Machine {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new(pins: &Value) -> Self {
        let machine = Self { home: tempfile::tempdir().unwrap(), variables: Vec::new() };
        machine.file("work/upstream-versions.json", &pins.to_string());
        machine
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the address of every registry that is in one place.
    pub(crate) fn with_registries_at(self, address: &str) -> Self {
        let movable = RegistryId::ALL.iter().filter(|id| id.default_url().is_some());
        movable.fold(self, |machine, id| machine.with(&id.url_variable(), format!("{address}/{id}/")))
    }

    /// Writes a file below the home; `work` is where upmon is started.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Runs upmon to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    /// The same with further variables, which win.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = bare(&self.path("work"), self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).envs(variables.iter().copied());
        Run::of(command.args(arguments).output().expect("the binary starts"))
    }
}

/// Pins of the package that a [`registry`] knows, at its newest release.
pub(crate) fn pins(groups: &[&str]) -> Value {
    groups
        .iter()
        .map(|group| ((*group).to_owned(), json!({ PACKAGE: NEWEST })))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The same pin of a git remote.
pub(crate) fn git_pin(url: &str) -> Value {
    json!({ "git": { PACKAGE: { "version": NEWEST, "url": url } } })
}

/// Answers as any of the registries, under whatever path prefix.
pub(crate) fn registry(request: &str) -> Vec<u8> {
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let path = target.split('?').next().unwrap();
    let releases = [listed("1.0.0"), listed(NEWEST)];
    let all = RegistryId::ALL.iter().flat_map(|&id| pages(id, &releases));
    let fitting = all.filter(|page| page.method == method && path.ends_with(&page.path));
    match fitting.max_by_key(|page| page.path.len()) {
        Some(page) => answer("200 OK", &format!("content-type: {}", page.media_type), &page.body),
        None => answer("404 Not Found", "x-from: stand", b""),
    }
}

/// A whole answer.
pub(crate) fn answer(status: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A server. It lives as long as the test process.
pub(crate) struct Stand {
    address: SocketAddr,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stand {
    /// One that answers each request, of which it gets line and headers; an empty answer hangs up.
    pub(crate) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listen("http", Arc::new(answer), |stream, answer, log| serve(stream, answer, log))
    }

    /// The same over TLS, and the certificate that vouches for it, in PEM.
    pub(crate) fn secure(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Self, String) {
        let (config, pem) = identity(&["localhost"]);
        let stand = Self::listen("https", Arc::new(answer), move |stream, answer, log| {
            serve(over_tls(&config, stream), answer, log);
        });
        (stand, pem)
    }

    /// A proxy that answers for these hosts itself, over TLS, and the certificate that vouches for them, in PEM. Its
    /// requests are those inside the tunnels.
    pub(crate) fn in_place_of(
        hosts: &[&str],
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, String) {
        let (config, pem) = identity(hosts);
        let stand = Self::listen("http", Arc::new(answer), move |mut stream, answer, log| {
            let Some(request) = read_request(&mut BufReader::new(&stream)) else { return };
            assert!(request.starts_with("CONNECT "), "{request}");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            serve(over_tls(&config, stream), answer, log);
        });
        (stand, pem)
    }

    fn listen(
        scheme: &'static str,
        answer: Arc<Answer>,
        serve: impl Fn(TcpStream, &Answer, &Mutex<Vec<String>>) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, answer, log) = (serve.clone(), Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { address, scheme, requests }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    /// Every request so far: its line and headers, in lower case but for values.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A server that has these names, and the certificate that says so, in PEM.
fn identity(names: &[&str]) -> (Arc<ServerConfig>, String) {
    upmon::http::client::install_crypto();
    let key =
        rcgen::generate_simple_self_signed(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    let pem = base64::engine::general_purpose::STANDARD.encode(key.cert.der());
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let certificates = vec![key.cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, private).unwrap();
    (Arc::new(config), format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n"))
}

fn over_tls(config: &Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

/// Answers one request; a client that goes away is its own affair.
fn serve(stream: impl Read + Write, answer: &Answer, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let Some(request) = read_request(&mut reader) else { return };
    log.lock().unwrap().push(request.clone());
    let mut stream = reader.into_inner();
    let _ = stream.write_all(&answer(&request)).and_then(|()| stream.flush());
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    reader.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()?;
    Some(head)
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Whether any file below a directory holds a text.
pub(crate) fn is_text_below(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        let holds = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(text);
        if path.is_dir() { is_text_below(&path, text) } else { std::fs::read(&path).is_ok_and(holds) }
    })
}
