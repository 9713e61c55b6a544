//! Repositories, and servers for them on 127.0.0.1, made of nothing but the programs that git brings.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// The git program, untouched by whatever the machine's user has configured.
pub(super) fn git(home: &Path) -> Command {
    let mut command = Command::new("git");
    isolate(&mut command, home);
    command
}

fn isolate(command: &mut Command, home: &Path) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
}

/// Runs to the end, with an input; anything but success fails the test.
fn run(command: &mut Command, input: &[u8]) -> String {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.unwrap_or_else(|error| {
        panic!("these tests need the program `git` (`apt-get install git`, `brew install git`): {error}")
    });
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder of bare repositories that is gone after the test.
pub(super) struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An empty bare repository whose HEAD is `main`.
    pub(super) fn empty(&self, name: &str, format: &str) -> PathBuf {
        let path = self.path().join(name);
        let format = format!("--object-format={format}");
        run(git(self.path()).args(["init", "-q", "--bare", "-b", "main", &format]).arg(&path), b"");
        path
    }

    /// A repository from a fast-import stream; `filter` says whether it lets trees be left out.
    pub(super) fn import(&self, name: &str, stream: &str, filter: bool) -> PathBuf {
        self.import_as("sha1", name, stream, filter)
    }

    /// The same with another object format.
    pub(super) fn import_as(&self, format: &str, name: &str, stream: &str, filter: bool) -> PathBuf {
        let path = self.empty(name, format);
        run(git(self.path()).arg("-C").arg(&path).args(["fast-import", "--quiet"]), stream.as_bytes());
        let allow = if filter { "true" } else { "false" };
        run(git(self.path()).arg("-C").arg(&path).args(["config", "uploadpack.allowFilter", allow]), b"");
        path
    }

    /// The id that git itself finds for a revision.
    pub(super) fn id(&self, name: &str, revision: &str) -> String {
        run(git(self.path()).arg("-C").arg(self.path().join(name)).args(["rev-parse", "--verify", revision]), b"")
    }

    /// Any git command in a repository.
    pub(super) fn in_repository(&self, name: &str, arguments: &[&str]) -> String {
        run(git(self.path()).arg("-C").arg(self.path().join(name)).args(arguments), b"")
    }
}

/// The second, from 1970, of midnight of a day of January 2024.
pub(super) const fn january(day: u64) -> u64 {
    1_704_067_200 + (day - 1) * 86_400
}

/// A history for most tests. Commit `n` of `main` is of January `n`, with a file, so that trees are worth leaving out:
/// - `v1.0.0` is lightweight at 1, `v1.1.0` annotated at 2 on January 10, `v1.2.0` a tag of a tag at 3, `v1.3.0` was
///   moved from 3 to 4, `v1.4.0` is annotated with neither name nor date, `gopls/v0.1.0` is lightweight at 5;
/// - `dev` leaves `main` at 3 with one commit of January 20.
pub(super) fn history() -> String {
    let mut stream = String::new();
    for day in 1..=6 {
        commit(&mut stream, "refs/heads/main", day, january(day));
    }
    stream.push_str("reset refs/heads/dev\nfrom :3\n\n");
    commit(&mut stream, "refs/heads/dev", 20, january(20));
    for (name, mark) in [("v1.0.0", 1), ("v1.3.0", 3), ("v1.3.0", 4), ("gopls/v0.1.0", 5)] {
        writeln!(stream, "reset refs/tags/{name}\nfrom :{mark}\n").unwrap();
    }
    annotate(&mut stream, "v1.1.0", ":2", 101, Some(january(10)));
    annotate(&mut stream, "inner", ":3", 102, Some(january(11)));
    annotate(&mut stream, "v1.2.0", ":102", 103, Some(january(12)));
    annotate(&mut stream, "v1.4.0", ":5", 104, None);
    stream
}

/// Adds a commit with the mark `mark` to a branch.
pub(super) fn commit(stream: &mut String, branch: &str, mark: u64, seconds: u64) {
    let person = format!("Upstream <upstream@example.org> {seconds} +0100");
    writeln!(stream, "commit {branch}\nmark :{mark}\nauthor {person}\ncommitter {person}\ndata 2\nm").unwrap();
    writeln!(stream, "M 100644 inline file{mark}\ndata <<END\n{}\nEND\n", "content ".repeat(200)).unwrap();
}

fn annotate(stream: &mut String, name: &str, from: &str, mark: u64, seconds: Option<u64>) {
    writeln!(stream, "tag {name}\nmark :{mark}\nfrom {from}").unwrap();
    if let Some(seconds) = seconds {
        writeln!(stream, "tagger Upstream <upstream@example.org> {seconds} -0700").unwrap();
    }
    stream.push_str("data 2\nt\n\n");
}

/// What a client asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How the web server behaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// Hides the `Git-Protocol` header from git, as an unprepared server does: it then speaks version 0.
    pub(super) is_old: bool,
    /// The only credential that opens the door, as in `user:password`.
    pub(super) credential: Option<String>,
    /// Every request for refs goes there instead.
    pub(super) redirect_to: Option<String>,
    /// Every request gets this answer: status line and headers, body.
    pub(super) fixed: Option<(String, String)>,
    /// How many requests get `500` before the first good answer.
    pub(super) failures: usize,
    /// Answers of git are cut after so many bytes, with a `Content-Length` that hides it: those to `POST`, or those of an
    /// old server to `GET`.
    pub(super) cut: Option<usize>,
    /// Forgets what was asked, for measurements.
    pub(super) keeps_no_log: bool,
}

/// A web server that runs `git http-backend`.
pub(super) struct Web {
    pub(super) address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    most: Arc<AtomicUsize>,
}

impl Web {
    pub(super) fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, most) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<AtomicUsize>::default());
        let server =
            Server { root: root.to_owned(), manner, log: log.clone(), now: Arc::default(), most: most.clone() };
        // lives as long as the test process; its programs end with each request
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                thread::spawn(move || server.serve(&stream.unwrap()));
            }
        });
        Self { address, log, most }
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    pub(super) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The most requests that were in hand at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Server {
    root: PathBuf,
    manner: Manner,
    log: Arc<Mutex<Vec<Asked>>>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Server {
    /// Answers one connection, request after request.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read_request(&mut reader) {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let (head, body) = self.answer(&asked);
            self.now.fetch_sub(1, Ordering::SeqCst);
            let length = body.len();
            let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n");
            let mut stream = stream;
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, asked: &Asked) -> (String, Vec<u8>) {
        let earlier = self.note(asked);
        if earlier < self.manner.failures {
            return ("500 Internal Server Error".to_owned(), b"oops".to_vec());
        }
        if let Some((head, body)) = &self.manner.fixed {
            return (head.clone(), body.clone().into_bytes());
        }
        let target = asked.line.split(' ').nth(1).unwrap();
        if let Some(elsewhere) = &self.manner.redirect_to {
            return (format!("301 Moved Permanently\r\nLocation: {elsewhere}{target}"), Vec::new());
        }
        if let Some(credential) = &self.manner.credential
            && asked.headers.get("authorization").is_none_or(|given| !is_basic(given, credential))
        {
            return ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"".to_owned(), Vec::new());
        }
        self.backend(asked, target)
    }

    /// Keeps the request; tells how many were before it.
    fn note(&self, asked: &Asked) -> usize {
        let mut log = self.log.lock().unwrap();
        if !self.manner.keeps_no_log {
            log.push(asked.clone());
        }
        log.len().saturating_sub(1)
    }

    fn backend(&self, asked: &Asked, target: &str) -> (String, Vec<u8>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut command = git(&self.root);
        command.arg("http-backend").env("GIT_PROJECT_ROOT", &self.root).env("GIT_HTTP_EXPORT_ALL", "1");
        command.env("PATH_INFO", path).env("QUERY_STRING", query).env("REMOTE_ADDR", "127.0.0.1");
        command.env("REQUEST_METHOD", asked.line.split(' ').next().unwrap());
        let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
        command.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", asked.body.len().to_string());
        command.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
        if !self.manner.is_old {
            command.env("GIT_PROTOCOL", header("git-protocol"));
        }
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.unwrap();
        let _ = child.stdin.take().unwrap().write_all(&asked.body);
        let output = child.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        let mut body = output[end + 4..].to_vec();
        if let Some(cut) = self.manner.cut.filter(|_| self.manner.is_old || asked.line.starts_with("POST")) {
            body.truncate(cut);
        }
        (format!("{status}\r\n{head}"), body)
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line.trim().is_empty() => break,
            Ok(_) => lines.push(line.trim().to_owned()),
        }
    }
    let pair = |line: &String| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: HashMap<_, _> = lines[1..].iter().filter_map(pair).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { line: lines[0].clone(), headers, body })
}

/// Compares without decoding: encodes what is expected.
fn is_basic(given: &str, credential: &str) -> bool {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut expected = "Basic ".to_owned();
    for three in credential.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, i| bits << 8 | usize::from(three.get(i).copied().unwrap_or(0)));
        for place in 0..4 {
            let is_filled = place <= three.len();
            expected.push(if is_filled { char::from(LETTERS[bits >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    given == expected
}

/// `git daemon` behind our own listener, so that no port is guessed and no daemon is left behind.
pub(super) fn daemon(root: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let root = root.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut command = git(&root);
            command.args(["daemon", "--inetd", "--export-all"]).arg(format!("--base-path={}", root.display()));
            command.stdin(Stdio::from(OwnedFd::from(stream.try_clone().unwrap())));
            command.stdout(Stdio::from(OwnedFd::from(stream))).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            thread::spawn(move || child.wait());
        }
    });
    address
}

/// A server that takes connections and says `words`, then nothing, and never hangs up.
pub(super) fn silent(words: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(words.as_bytes()).unwrap();
            kept.push(stream);
        }
    });
    address
}

/// An address where nobody listens.
pub(super) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that is called as `ssh` would be; `script` is its body.
pub(super) fn fake_ssh(root: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = root.join("fake-ssh");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}
