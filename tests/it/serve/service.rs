//! The service as a process, and a client that sends exactly what it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::runner::World;

/// Far longer than anything here takes; what takes so long has failed.
pub(super) const LONG: Duration = Duration::from_mins(1);

/// A service that was started and answers.
pub(super) struct Service {
    child: Child,
    pub(super) address: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Reads standard error to its end.
    reader: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts one on a free port of this machine.
    pub(super) fn start(world: &World) -> Self {
        Self::start_with(world, &[])
    }

    /// The same with further arguments.
    pub(super) fn start_with(world: &World, more: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], more].concat();
        let mut child = world.command(&arguments).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok());
            push(&log, &line);
            address
        });
        let address = told.unwrap_or_else(|| panic!("it did not start: {}", log.lock().unwrap()));
        let copy = Arc::clone(&log);
        let reader = thread::spawn(move || lines.map_while(Result::ok).for_each(|line| push(&copy, &line)));
        Self { child, address, log, reader: Some(reader) }
    }

    /// Starts one whose standard error nobody reads any more once it has told its address.
    pub(super) fn unheard(world: &World) -> Self {
        let mut child = world.command(&["serve", "--listen", "127.0.0.1:0"]).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let told = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on http://").and_then(|address| address.parse().ok()));
        Self { child, address: told.expect("it starts"), log: Arc::default(), reader: None }
    }

    /// Starts one and waits until it has checked all pins.
    pub(super) fn checked(world: &World) -> Self {
        let service = Self::start(world);
        service.until("the first check", |service| !service.get("/readyz").json()["last_good_check"].is_null());
        service
    }

    /// Waits for something that comes.
    #[track_caller]
    pub(super) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            assert!(started.elapsed() < LONG, "{what} did not come: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it wrote to standard error so far.
    pub(super) fn log(&self) -> String {
        self.log.lock().expect("no test panics while it looks").clone()
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("a socket takes a time limit");
        stream
    }

    /// What it answers to these bytes, up to the end of the connection.
    pub(super) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // it may answer and close before it has read everything
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    /// What it answers to a `GET`, with further header lines.
    pub(super) fn get_with(&self, path: &str, headers: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: upmon\r\nConnection: close\r\n{headers}\r\n").as_bytes())
    }

    /// What it answers to a `GET`.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// What it answers to a `POST`, with further header lines.
    pub(super) fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: upmon\r\nConnection: close\r\nContent-Length: {length}\r\n");
        self.send(format!("{head}{headers}\r\n{body}").as_bytes())
    }

    /// Sends it a signal, by its name.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("`kill` is there (apt-get install procps)").success());
    }

    /// Waits for its end. The answer is the exit code, `None` after a signal, and what it wrote.
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it is our child").code();
        self.reader.take().map_or(Ok(()), JoinHandle::join).expect("the reader does not panic");
        (code, self.log())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn push(log: &Mutex<String>, line: &str) {
    let mut log = log.lock().expect("no test panics while it looks");
    log.push_str(line);
    log.push('\n');
}

/// An answer, as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // a reset after the answer, because we sent more than it read, is no matter
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("answers are UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value; empty without one.
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Its body as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
