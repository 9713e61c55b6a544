//! One conversation with a remote: connect, shake hands, list refs, fetch a few objects.
//!
//! All of it is gix's protocol code without a repository; every call blocks, so it runs on tokio's blocking threads.

use std::collections::HashMap;
use std::io::{BufReader, BufWriter, Cursor, Read};

use gix::ObjectId;
use gix::bstr::BString;
use gix::hash::Kind as Hash;
use gix::progress::Discard;
use gix::protocol::fetch::{Response, response::Acknowledgement};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::transport::client::blocking_io::{Transport, TransportV2Ext, http};
use gix::protocol::transport::client::git::{ConnectMode, blocking_io::Connection};
use gix::protocol::transport::packetline::read::Error as ErrorLine;
use gix::protocol::transport::{Protocol, Service};
use gix::protocol::{self, Handshake, LsRefsCommand};
use tokio::net::{TcpStream, lookup_host};

use super::Tools;
use super::address::{Remote, Way};
use super::bounds::{Bounded, Bounds};
use super::failure::{Cause, Failure, quote};
use super::http::Web;
use super::pack::{Dated, dated_objects};
use super::process::{self, Running};
use super::tap::{Tap, Tapped};
use crate::error::Trouble;

/// Any of gix's transports.
pub(super) type Wire = Box<dyn Transport + Send>;

/// What upmon calls itself within the git protocol.
const AGENT: &str = concat!("upmon/", env!("CARGO_PKG_VERSION"));

/// Largest list of refs. 100,000 tags are near 12 MB; a server of protocol version 0 adds every branch and pull request.
const MAX_REFS: u64 = 32 << 20;

/// The port that is [assigned](https://git-scm.com/docs/git-daemon) to `git daemon`.
const DAEMON_PORT: u16 = 9418;

/// An open conversation.
pub(super) struct Conversation {
    wire: Wire,
    handshake: Handshake,
    hash: Hash,
    bounds: Bounds,
    // ends after the wire, whose pipes lead to it
    running: Option<Running>,
}

/// What is asked of a fetch.
#[derive(Debug, Default)]
pub(super) struct FetchRequest<'a> {
    /// The objects.
    pub(super) wants: &'a [ObjectId],
    /// Objects that need not be sent, nor what they contain.
    pub(super) haves: &'a [ObjectId],
    /// Only the objects themselves: no history.
    pub(super) is_shallow: bool,
    /// The server is to begin, however little we have in common.
    pub(super) is_done: bool,
    /// The server is to say what it knows and send nothing.
    pub(super) acknowledges_only: bool,
    /// The most that the answer may have, in bytes.
    pub(super) max_size: u64,
}

/// The answer to a fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    /// Which of the `haves` the server knows.
    pub(super) common: Vec<ObjectId>,
    /// The pack, where one came.
    pub(super) pack: Option<Vec<u8>>,
}

impl Conversation {
    /// Connects and shakes hands.
    pub(super) fn open(remote: &Remote, tools: &Tools, bounds: Bounds, tap: &Tap) -> Result<Self, Failure> {
        bounds.allow(MAX_REFS);
        let (mut wire, mut running) = connect(remote, tools, &bounds, tap)?;
        // a server that wants a login is answered below gix, in `http`
        let no_login = |_| Ok(None);
        match protocol::handshake(&mut wire, Service::UploadPack, no_login, vec![], &mut Discard) {
            Ok(handshake) => Self { wire, handshake, hash: Hash::Sha1, bounds, running }.named(),
            Err(error) => {
                drop(wire);
                Err(explain(&error, &bounds, running.as_mut()))
            }
        }
    }

    /// The address that answers: another than was asked where that one redirected.
    pub(super) fn address(&self) -> String {
        self.wire.to_url().to_string()
    }

    /// Takes over how the remote names its objects: by SHA-1 unless it says otherwise
    /// ([`object-format`](https://git-scm.com/docs/protocol-v2#_object_format)).
    fn named(mut self) -> Result<Self, Failure> {
        let format = self.handshake.capabilities.capability("object-format");
        if let Some(format) = format.and_then(|format| format.value().map(ToString::to_string)) {
            let unknown =
                |_| format!("its objects are named by `{}`, which is neither sha1 nor sha256", quote(&format));
            self.hash = format.parse().map_err(unknown).map_err(|reason| Failure::new(Cause::BadResponse, reason))?;
        }
        Ok(self)
    }

    /// Whether the server speaks protocol version 2: the only one in which fetching is cheap.
    pub(super) fn is_modern(&self) -> bool {
        self.handshake.server_protocol_version == Protocol::V2
    }

    /// Whether the server understands an extra of `fetch`, such as `filter`.
    pub(super) fn can_fetch(&self, extra: &str) -> bool {
        let fetch = self.handshake.capabilities.capability("fetch");
        self.is_modern() && fetch.and_then(|fetch| fetch.supports(extra)).unwrap_or(false)
    }

    /// The refs whose names start with one of the prefixes. Prefixes are a hint to the server: it may send more.
    pub(super) fn refs(&mut self, prefixes: impl IntoIterator<Item = String>) -> Result<Vec<Ref>, Failure> {
        if let Some(all) = self.handshake.refs.take() {
            return Ok(all);
        }
        self.bounds.allow(MAX_REFS);
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.into_iter().map(BString::from));
        let agent = ("agent", Some(protocol::agent(AGENT)));
        LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent)
            .invoke_blocking(&mut self.wire, &mut Discard, false)
            .map_err(|error| self.explain(&error))
    }

    /// Fetches objects without trees and files. Only for servers that [`Conversation::can_fetch`] with `filter`, or, if
    /// nothing is to be sent, with `wait-for-done`.
    pub(super) fn fetch(&mut self, request: &FetchRequest<'_>) -> Result<Fetch, Failure> {
        self.bounds.allow(request.max_size);
        self.fetch_with_gix(request).map_err(|error| self.explain(&error))
    }

    fn fetch_with_gix(&mut self, request: &FetchRequest<'_>) -> gix::Result<Fetch> {
        let agent = protocol::agent(AGENT);
        let format = self.hash.to_string();
        let capabilities = [("agent", Some(agent.as_str())), ("object-format", Some(format.as_str()))];
        let has_format = self.handshake.capabilities.contains("object-format");
        let capabilities = capabilities.into_iter().take(if has_format { 2 } else { 1 });
        let arguments = Some(arguments(request).into_iter());
        let mut reader = self.wire.invoke("fetch", capabilities, arguments, false).map_err(gix::Error::from_error)?;
        let response = Response::from_line_reader(Protocol::V2, &mut reader, true, false)?;
        let common = response.acknowledgements().iter().filter_map(Acknowledgement::id).copied().collect();
        let mut pack = None;
        if response.has_pack() {
            // with a handler the reader takes the pack out of its sideband
            reader.set_progress_handler(Some(Box::new(|_, _| std::ops::ControlFlow::Continue(()))));
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(gix::Error::from_error)?;
            pack = Some(bytes);
        }
        Ok(Fetch { common, pack })
    }

    /// Reads the commits and tags of a pack that this conversation brought.
    pub(super) fn dated(&self, pack: Vec<u8>) -> Result<HashMap<ObjectId, Dated>, Failure> {
        dated_objects(pack, self.hash, &self.bounds)
    }

    fn explain(&mut self, error: &gix::Error) -> Failure {
        explain(error, &self.bounds, self.running.as_mut())
    }
}

impl Drop for Conversation {
    /// Says goodbye where the connection outlives a request, so that the far end need not wait for a timeout.
    fn drop(&mut self) {
        if self.bounds.failure().is_none() {
            let _ = protocol::indicate_end_of_interaction(&mut self.wire, false);
        }
    }
}

fn arguments(request: &FetchRequest<'_>) -> Vec<BString> {
    let mut lines = vec!["no-progress".to_owned(), "ofs-delta".to_owned()];
    if request.acknowledges_only {
        lines.push("wait-for-done".to_owned());
    } else {
        lines.push("filter tree:0".to_owned());
    }
    if request.is_shallow {
        lines.push("deepen 1".to_owned());
    }
    lines.extend(request.wants.iter().map(|id| format!("want {id}")));
    lines.extend(request.haves.iter().map(|id| format!("have {id}")));
    if request.is_done {
        lines.push("done".to_owned());
    }
    lines.into_iter().map(BString::from).collect()
}

fn connect(remote: &Remote, tools: &Tools, bounds: &Bounds, tap: &Tap) -> Result<(Wire, Option<Running>), Failure> {
    match remote.way {
        Way::Http => Ok((web(remote, tools, bounds, tap)?, None)),
        Way::Daemon | Way::Ssh | Way::Local if tap.is_replay() => Ok((said_again(remote, tap), None)),
        Way::Daemon => Ok((daemon(remote, bounds, tap)?, None)),
        Way::Ssh | Way::Local => {
            let (wire, running) = process::connect(remote, tools.options.ssh.as_deref(), bounds, tap)?;
            Ok((wire, Some(running)))
        }
    }
}

/// A stream from a recording. Nobody reads what is asked there.
fn said_again(remote: &Remote, tap: &Tap) -> Wire {
    let said = Cursor::new(tap.stream().unwrap_or_default());
    let mode = if remote.way == Way::Daemon { ConnectMode::Daemon } else { ConnectMode::Process };
    let (path, host) = (remote.url.path.clone(), remote.url.host().map(|host| (host.to_owned(), remote.url.port)));
    Box::new(Connection::new(said, std::io::sink(), Protocol::V2, path, host, mode, false))
}

fn web(remote: &Remote, tools: &Tools, bounds: &Bounds, tap: &Tap) -> Result<Wire, Failure> {
    let url = url::Url::parse(&remote.url.to_bstring().to_string())
        .map_err(|error| Failure::new(Cause::NotFound, format!("the address cannot be read: {error}")))?;
    let client = tools.client().map_err(|error| Failure::new(Cause::Unreachable(Trouble::NoClient), error))?;
    let web = Web::new(client, tools.options.logins.clone(), &url, remote.login.clone(), bounds).tapped(tap);
    Ok(Box::new(http::Transport::new_http(web, remote.url.clone(), Protocol::V2, false)))
}

/// gix's own connector has no timeout but the one for connecting.
fn daemon(remote: &Remote, bounds: &Bounds, tap: &Tap) -> Result<Wire, Failure> {
    let host = remote.url.host().unwrap_or_default().to_owned();
    let at = (host.trim_matches(['[', ']']).to_owned(), remote.url.port.unwrap_or(DAEMON_PORT));
    let no_such_host = |_| Failure::new(Cause::Unreachable(Trouble::NoSuchHost), "there is no host of that name");
    let addresses: Vec<_> = bounds.run(lookup_host(at))?.map_err(no_such_host)?.collect();
    let stream = bounds.run(TcpStream::connect(&*addresses))?.map_err(|error| Failure::from_io(&error))?;
    let (read, write) = stream.into_split();
    let read = BufReader::new(Tapped::new(Bounded::new(read, bounds), tap));
    let write = BufWriter::new(Bounded::new(write, bounds));
    let (path, virtual_host) = (remote.url.path.clone(), Some((host, remote.url.port)));
    Ok(Box::new(Connection::new(read, write, Protocol::V2, path, virtual_host, ConnectMode::Daemon, false)))
}

/// Why gix gave up: what our own parts recorded, else the server's error line, else what the program said, else the
/// error of the connection, else gix's own words.
fn explain(error: &gix::Error, bounds: &Bounds, running: Option<&mut Running>) -> Failure {
    if let Some(failure) = bounds.failure() {
        return failure;
    }
    if let Some(line) = error.downcast_any_ref::<ErrorLine>() {
        return Failure::from_words(&line.message.to_string());
    }
    let complaint = running.map(Running::complaint).unwrap_or_default();
    if !complaint.trim().is_empty() {
        return Failure::from_words(&complaint);
    }
    if let Some(error) = error.downcast_any_ref::<std::io::Error>() {
        return Failure::from_io(error);
    }
    Failure::new(Cause::BadResponse, quote(&error.probable_cause().to_string()))
}
