//! Runs the binary as its users do: alone in a directory, with an environment of its own, against one server.
//!
//! The environment is cleared; the clock is [`AS_OF`]; every registry's address is a folder of the same server on this
//! machine, which counts a question that no test has foreseen as a failure of that test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use upmon::registry::RegistryId;
use wiremock::matchers::{any, method, path};
use wiremock::{Match, Mock, MockServer, ResponseTemplate};

/// The instant that runs judge as of.
pub(crate) const AS_OF: &str = "2026-11-20T06:00:00Z";

/// The pins file of a [`World`].
pub(crate) const PINS: &str = "upstream-versions.json";

/// A directory with pins, and a server that stands for all registries.
pub(crate) struct World {
    directory: TempDir,
    home: TempDir,
    server: MockServer,
    environment: Vec<(String, String)>,
}

impl World {
    /// A world with these pins, whose server knows nothing yet.
    pub(crate) async fn new(pins: &str) -> Self {
        let server = MockServer::start().await;
        // whatever no other answer fits: the test fails when the server is dropped
        let unforeseen = Mock::given(any()).respond_with(ResponseTemplate::new(418)).with_priority(u8::MAX).expect(0);
        unforeseen.named("a question that the test did not foresee").mount(&server).await;
        let movable = RegistryId::ALL.iter().filter(|registry| registry.default_url().is_some());
        let address = |registry: &RegistryId| (registry.url_variable(), format!("{}/{registry}/", server.uri()));
        let mut environment: Vec<_> = movable.map(address).collect();
        environment.push(("UPMON_AS_OF".to_owned(), AS_OF.to_owned()));
        let fresh = || TempDir::new().expect("a directory for a test");
        let world = Self { directory: fresh(), home: fresh(), server, environment };
        world.write(PINS, pins);
        world
    }

    /// Sets a variable, or takes it away.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Option<&'static str>>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.extend(value.into().map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The same, for an address that is known only when the test runs.
    pub(crate) fn at(self, registry: RegistryId, url: &str) -> Self {
        let name = registry.url_variable();
        let mut world = self.with(&name, None);
        world.environment.push((name, url.to_owned()));
        world
    }

    /// Lets the server answer a path under a registry's folder.
    pub(crate) async fn answer(&self, registry: RegistryId, under: &str, media_type: &str, body: &str) {
        let response = ResponseTemplate::new(200)
            .set_body_raw(body, media_type)
            // fresh for long, so that a second run need not ask
            .insert_header("cache-control", "max-age=3600");
        self.respond(registry, under, response).await;
    }

    /// Lets the server say that there is no such thing.
    pub(crate) async fn missing(&self, registry: RegistryId, under: &str) {
        self.respond(registry, under, ResponseTemplate::new(404)).await;
    }

    /// Any other answer.
    pub(crate) async fn respond(&self, registry: RegistryId, under: &str, response: ResponseTemplate) {
        let path = path(format!("/{registry}/{under}"));
        Mock::given(method("GET")).and(path).respond_with(response).mount(&self.server).await;
    }

    /// An answer to those questions alone that also match, before any other.
    pub(crate) async fn respond_when(
        &self,
        registry: RegistryId,
        under: &str,
        matcher: impl Match + 'static,
        response: ResponseTemplate,
    ) {
        let path = path(format!("/{registry}/{under}"));
        let mock = Mock::given(method("GET")).and(path).and(matcher).respond_with(response);
        mock.with_priority(1).mount(&self.server).await;
    }

    /// How many questions the server has been asked.
    pub(crate) async fn questions(&self) -> usize {
        self.server.received_requests().await.expect("the server keeps a record").len()
    }

    /// Writes a file beside the pins.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the test's directory takes files");
    }

    /// A path beside the pins.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The text of a file beside the pins.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// The names of all files beside the pins.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("the test's directory is there");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("the names are UTF-8");
        let mut names: Vec<_> = entries.flatten().map(name).collect();
        names.sort();
        names
    }

    /// The binary in this world, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(self.directory.path(), self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).args(arguments);
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().expect("the binary starts"))
    }

    /// A text without what differs from run to run: the server's address.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(&self.server.uri(), "http://registry")
    }
}

/// Runs the binary without a world: where no pins and no registries matter.
pub(crate) fn upmon(arguments: &[&str]) -> Run {
    let directory = TempDir::new().expect("a directory for a test");
    Run::of(bare(directory.path(), directory.path()).args(arguments).output().expect("the binary starts"))
}

/// The binary in a directory, with an environment that holds a home and nothing else.
pub(crate) fn bare(directory: &Path, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upmon"));
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    command.env("HOME", home).env("XDG_CACHE_HOME", home.join("cache")).env("COLUMNS", "100");
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// From what the system says of it.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("upmon writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The same run, if it ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The exit code.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        self.code.unwrap_or_else(|| panic!("a signal ended it: {self:#?}"))
    }

    /// Everything that was printed.
    pub(crate) fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// A field of each finding.
    #[track_caller]
    pub(crate) fn each(&self, pointer: &str) -> Vec<Value> {
        let report = self.json();
        let findings = report["findings"].as_array().expect("a report has findings");
        findings.iter().map(|finding| finding.pointer(pointer).cloned().unwrap_or_default()).collect()
    }
}
