//! A decoder of the simplest kind, clients for tests, and a server that breaks HTTP where it is told to.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use upmon::error::LookupError;
use upmon::http::client::{Client, Options};
use upmon::http::{Decode, Fetch, Fetched, Head, Malformed, Request};
use upmon::registry::RegistryId;
use upmon::release::{Release, ReleaseSet};
use url::Url;

/// Reads one version a line; the last line has to be `end`, so that a body that was cut is not taken for a whole one.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Decode for Lines {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.0.extend_from_slice(bytes);
        if self.0.starts_with(b"<") { Err(Malformed::new("expected lines, got `<`")) } else { Ok(()) }
    }

    fn held(&self) -> usize {
        self.0.capacity()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        let text = String::from_utf8(self.0).map_err(|_| Malformed::new("expected UTF-8"))?;
        let lines = text.strip_suffix("end").ok_or_else(|| Malformed::new("the last line is missing"))?;
        Ok(ReleaseSet { releases: lines.lines().map(Release::new).collect(), ..ReleaseSet::default() })
    }
}

/// Makes a [`Lines`] for every answer that is not HTML.
pub(super) fn lines(head: &Head) -> Result<Box<dyn Decode>, Malformed> {
    match head.media_type.as_deref() {
        Some("text/html") => Err(Malformed::new("expected lines, got `text/html`")),
        _ => Ok(Box::<Lines>::default()),
    }
}

/// Options without anything of this machine, and with times that suit a test.
pub(super) fn options() -> Options {
    Options { deadline: Some(Duration::from_mins(1)), backoff: Duration::from_millis(2), ..Options::default() }
}

/// A client with these options.
pub(super) fn client(options: Options) -> Client {
    Client::new(options).expect("the options are right")
}

/// A question of a registry.
pub(super) fn ask_of(registry: RegistryId, url: &str) -> Request {
    Request {
        registry,
        package: "tokio".to_owned(),
        url: Url::parse(url).expect("the test's URL is one"),
        accept: "text/plain",
        max_size: 1 << 20,
    }
}

/// Asks for lines.
pub(super) async fn fetch(client: &Client, url: &str) -> Result<Fetched, LookupError> {
    client.fetch(ask_of(RegistryId::CratesIo, url), &lines).await
}

/// The versions of an answer.
pub(super) fn versions(fetched: &Fetched) -> Vec<&str> {
    fetched.facts.releases.iter().map(|release| &*release.version).collect()
}

/// What a [`Server`] does with a connection after it has read a request.
#[derive(Clone)]
pub(super) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, until nobody listens.
    Flood(Vec<u8>),
    /// Sends these bytes again and again, with a short wait before each.
    Drip(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Says nothing until the other side goes away.
    Hang,
    /// Resets the connection.
    Reset,
}

/// A text to send.
pub(super) fn send(text: impl AsRef<[u8]>) -> Act {
    Act::Send(text.as_ref().to_vec())
}

/// A whole answer to send. The connection is closed after it.
pub(super) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<Act> {
    let body = body.as_ref();
    let status = format!("HTTP/1.1 {status}");
    let length = format!("content-length: {}", body.len());
    let head = [&[&*status, &length, "connection: close"], headers, &["", ""]].concat().join("\r\n");
    vec![send([head.as_bytes(), body].concat())]
}

/// The usual good answer.
pub(super) fn good() -> Vec<Act> {
    answer("200 OK", &[], "1.0.0\nend")
}

#[derive(Default)]
struct Log {
    requests: Vec<String>,
    under_way: usize,
    most_under_way: usize,
    sent: u64,
}

/// A server that plays a script: what it does with the first request, the second, and so on.
pub(super) struct Server {
    /// Its address, without a slash at the end.
    pub(super) url: String,
    log: Arc<Mutex<Log>>,
}

impl Server {
    /// Starts one.
    pub(super) async fn start(script: impl Fn(usize, &str) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let log = Arc::new(Mutex::new(Log::default()));
        let (script, shared) = (Arc::new(script), Arc::clone(&log));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&shared));
                // A client that goes away in the middle is what many of these tests are about.
                tokio::spawn(async move { drop(serve(stream, &*script, &log).await) });
            }
        });
        Self { url, log }
    }

    /// Every request so far: its line and headers.
    pub(super) fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().requests.clone()
    }

    /// The most requests that were under way at once.
    pub(super) fn most_under_way(&self) -> usize {
        self.log.lock().unwrap().most_under_way
    }

    /// Bytes that went out.
    pub(super) fn sent(&self) -> u64 {
        self.log.lock().unwrap().sent
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &(impl Fn(usize, &str) -> Vec<Act> + ?Sized),
    log: &Mutex<Log>,
) -> io::Result<()> {
    let request = read_head(&mut stream).await?;
    let acts = {
        let mut log = log.lock().unwrap();
        let acts = script(log.requests.len(), &request);
        log.requests.push(request);
        log.under_way += 1;
        log.most_under_way = log.most_under_way.max(log.under_way);
        acts
    };
    let played = play(&mut stream, acts, log).await;
    log.lock().unwrap().under_way -= 1;
    played
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn play(stream: &mut TcpStream, acts: Vec<Act>, log: &Mutex<Log>) -> io::Result<()> {
    for act in acts {
        match act {
            Act::Send(bytes) => stream.write_all(&bytes).await?,
            Act::Flood(bytes) => loop {
                stream.write_all(&bytes).await?;
                log.lock().unwrap().sent += bytes.len() as u64;
            },
            Act::Drip(bytes) => loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                stream.write_all(&bytes).await?;
            },
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Hang => _ = stream.read_u8().await,
            Act::Reset => stream.set_zero_linger()?,
        }
    }
    Ok(())
}
