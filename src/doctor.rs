//! What stands between this machine and its registries: the findings of `upmon doctor`, each fault with its remedy.
//!
//! [`probe`] looks and asks; here is what the observations mean and how they are shown. Nothing here touches the outside.

pub mod probe;
mod remedy;

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};

use crate::error::{ErrorKind, LookupError};
use crate::http::limit::Quota;
use crate::registry::RegistryId;
use crate::report::escape::terminal;

/// A registry or the host of git remotes, and what came of asking it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Which registry.
    pub registry: RegistryId,
    /// The host of git remotes, for messages; `None` for a registry that is in one place.
    pub host: Option<String>,
    /// The address, safe to show.
    pub address: String,
    /// Who set it: "default", "`UPMON_NPM_URL`", "the pins".
    pub set_by: String,
    /// Where the credential was found that belongs to it.
    pub credential: Option<String>,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// What was asked for.
    pub package: String,
    /// Why anybody wants to know.
    pub need: Need,
    /// How many releases it told of.
    pub answer: Result<usize, LookupError>,
    /// How long that took, connection and repeats included.
    pub took: Duration,
    /// What it says of its rate limit.
    pub quota: Option<Quota>,
}

/// Why a registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A pin is looked up there: this very one.
    Pin,
    /// Somebody set its address, or there are no pins at all.
    Wish,
    /// For completeness.
    None,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, without user and password.
    pub address: String,
    /// Who names it: "`HTTPS_PROXY`".
    pub source: String,
}

/// The directory of the cache.
#[derive(Debug, Clone)]
pub struct CacheState {
    /// Where it is; `None` when nothing is kept.
    pub directory: Option<String>,
    /// How large it may grow, in bytes.
    pub limit: u64,
    /// What it holds, or why it cannot be used.
    pub usage: Result<Usage, String>,
}

/// What a cache holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Answers.
    pub entries: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The certificates that servers are trusted by.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// Where they come from: "the platform", "`SSL_CERT_FILE`".
    pub source: String,
    /// How many.
    pub count: usize,
    /// What could not be read.
    pub errors: Vec<String>,
}

/// A program that remotes are reached through.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// What it says of its version, or why it cannot be started.
    pub version: Result<String, String>,
}

/// How a section stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; runs are right all the same.
    Warning,
    /// Lookups fail.
    Fault,
}

impl State {
    /// The word in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }

    const fn style(self) -> Style {
        let color = match self {
            Self::Ok => AnsiColor::Green,
            Self::Warning => AnsiColor::Yellow,
            Self::Fault => AnsiColor::Red,
        };
        color.on_default().bold()
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Section {
    /// What it is.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The same in a few words.
    pub summary: String,
    /// What is known of it, each with a label.
    pub facts: Vec<(&'static str, String)>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone)]
pub struct Checkup(pub Vec<Section>);

impl Checkup {
    /// Whether lookups fail for a reason that was found.
    pub fn has_fault(&self) -> bool {
        self.0.iter().any(|section| section.state == State::Fault)
    }

    /// The checkup for a person.
    pub fn render(&self, color: bool) -> String {
        let mut text = String::new();
        for section in &self.0 {
            section.render(&mut text, color);
        }
        text
    }

    /// The checkup for a program. Unlike the report's, its form is no contract.
    pub fn json(&self) -> String {
        let sections: Vec<Value> = self.0.iter().map(Section::json).collect();
        crate::report::escape::json(format!("{:#}\n", json!({ "sections": sections })))
    }
}

impl Section {
    fn render(&self, text: &mut String, color: bool) {
        let style = if color { self.state.style() } else { Style::new() };
        let (name, state) = (terminal(&self.name), self.state.as_str());
        let _ = writeln!(text, "{style}{state:<7}{style:#}  {name}: {}", terminal(&self.summary));
        for (label, fact) in &self.facts {
            let _ = writeln!(text, "           {label:<11} {}", terminal(fact));
        }
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "           hint: {}", terminal(remedy));
        }
    }

    fn json(&self) -> Value {
        let facts: Map<String, Value> =
            self.facts.iter().map(|(label, fact)| ((*label).to_owned(), fact.as_str().into())).collect();
        json!({
            "name": self.name,
            "state": self.state.as_str(),
            "summary": self.summary,
            "facts": facts,
            "remedy": self.remedy,
        })
    }
}

impl From<&Visit> for Section {
    fn from(visit: &Visit) -> Self {
        let name = match &visit.host {
            Some(host) => format!("{} {host}", visit.registry),
            None => visit.registry.to_string(),
        };
        let (state, summary) = visit.verdict();
        let remedy = visit.answer.as_ref().err().filter(|_| state != State::Ok).map(|error| remedy::of(visit, error));
        Self { name, state, summary, facts: visit.facts(), remedy }
    }
}

impl Visit {
    /// Whether it is somewhere else than where everybody finds it.
    fn is_elsewhere(&self) -> bool {
        self.host.is_none() && self.set_by != DEFAULT
    }

    fn verdict(&self) -> (State, String) {
        let package = &self.package;
        match &self.answer {
            Ok(1) => (State::Ok, format!("answers in {}, with 1 release of `{package}`", told(self.took))),
            Ok(count) => (State::Ok, format!("answers in {}, with {count} releases of `{package}`", told(self.took))),
            // a mirror need not have what we happened to ask for
            Err(error) if error.kind() == ErrorKind::NotFound && self.need != Need::Pin && self.is_elsewhere() => {
                (State::Ok, format!("answers in {}, and has no `{package}`", told(self.took)))
            }
            Err(error) if self.need == Need::None => (State::Warning, format!("{error}; no pin needs it")),
            Err(error) => (State::Fault, error.to_string()),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("address", format!("{} ({})", self.address, self.set_by)),
            ("credential", self.credential.clone().unwrap_or_else(|| "none".to_owned())),
        ];
        if let Some(Proxy { address, source }) = &self.proxy {
            facts.push(("proxy", format!("{address} ({source})")));
        }
        if let Some(Quota { left, limit }) = self.quota {
            let of = limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            facts.push(("rate limit", format!("{left}{of} requests left")));
        }
        facts
    }
}

/// Who sets an address that nobody set.
pub const DEFAULT: &str = "default";

fn told(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

impl From<&CacheState> for Section {
    fn from(cache: &CacheState) -> Self {
        let Some(directory) = &cache.directory else {
            return Self::plain("cache", State::Ok, "nothing is kept between runs");
        };
        let facts = vec![("directory", directory.clone())];
        match &cache.usage {
            Ok(Usage { entries, bytes }) => {
                let (held, limit) = (size(*bytes), size(cache.limit));
                let answers = if *entries == 1 { "answer" } else { "answers" };
                let summary = format!("holds {entries} {answers} in {held} of at most {limit}, and can be written to");
                Self { facts, ..Self::plain("cache", State::Ok, &summary) }
            }
            Err(reason) => Self {
                facts,
                remedy: Some("runs are right without it, and slower; make the directory writable, name another one with `--cache-dir`, or say `--no-cache`".to_owned()),
                ..Self::plain("cache", State::Warning, &format!("cannot be used: {reason}"))
            },
        }
    }
}

impl From<&Certificates> for Section {
    fn from(found: &Certificates) -> Self {
        let Certificates { source, count, errors } = found;
        let summary = format!("{count} from {source}");
        let facts = errors.iter().map(|error| ("unreadable", error.clone())).collect();
        let remedy =
            "let `SSL_CERT_FILE` name a file of certificates in PEM form, or install the package `ca-certificates`";
        let state = match (count, errors.is_empty()) {
            (0, _) => State::Fault,
            (_, false) => State::Warning,
            (_, true) => State::Ok,
        };
        let remedy = (state != State::Ok).then(|| remedy.to_owned());
        Self { facts, remedy, ..Self::plain("certificates", state, &summary) }
    }
}

impl From<&Program> for Section {
    fn from(program: &Program) -> Self {
        let name = &program.name;
        match &program.version {
            Ok(version) => Self::plain(name, State::Ok, version),
            Err(reason) => Self {
                remedy: Some(remedy::of_program(name)),
                ..Self::plain(name, State::Fault, &format!("pins need it, and it cannot be started: {reason}"))
            },
        }
    }
}

impl Section {
    /// A section without facts.
    pub fn plain(name: &str, state: State, summary: &str) -> Self {
        Self { name: name.to_owned(), state, summary: summary.to_owned(), facts: Vec::new(), remedy: None }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Trouble;

    fn visit(answer: Result<usize, LookupError>) -> Visit {
        Visit {
            registry: RegistryId::Npm,
            host: None,
            address: "https://nexus.example/npm/".to_owned(),
            set_by: "`UPMON_NPM_URL`".to_owned(),
            credential: Some("`UPMON_NPM_TOKEN`".to_owned()),
            proxy: Some(Proxy { address: "http://proxy.example:3128/".to_owned(), source: "`HTTPS_PROXY`".to_owned() }),
            package: "react".to_owned(),
            need: Need::Pin,
            answer,
            took: Duration::from_millis(132),
            quota: Some(Quota { left: 58, limit: Some(60) }),
        }
    }

    fn unreachable(words: &str) -> LookupError {
        LookupError::Unreachable {
            message: format!("asking npm for `react`: `https://nexus.example/npm/react` {words}"),
            trouble: Trouble::NobodyListens,
        }
    }

    #[test]
    fn a_registry_that_answers_is_shown_with_all_that_leads_to_it() {
        insta::assert_snapshot!(Checkup(vec![Section::from(&visit(Ok(210)))]).render(false), @r"
        ok       npm: answers in 132 ms, with 210 releases of `react`
                   address     https://nexus.example/npm/ (`UPMON_NPM_URL`)
                   credential  `UPMON_NPM_TOKEN`
                   proxy       http://proxy.example:3128/ (`HTTPS_PROXY`)
                   rate limit  58 of 60 requests left
        ");
    }

    #[test]
    fn what_is_missing_is_a_fault_only_where_somebody_needs_it() {
        let missing = || Err(LookupError::NotFound { message: "npm has no `react`".to_owned() });
        let down = || Err(unreachable("connection refused"));
        for (need, set_by, answer, expected) in [
            (Need::Pin, DEFAULT, Ok(0), State::Ok),
            (Need::Pin, DEFAULT, missing(), State::Fault),
            (Need::Pin, "the file", missing(), State::Fault),
            (Need::Wish, "the file", missing(), State::Ok),
            (Need::Wish, "the file", down(), State::Fault),
            (Need::Wish, DEFAULT, missing(), State::Fault),
            (Need::None, DEFAULT, down(), State::Warning),
            (Need::None, DEFAULT, missing(), State::Warning),
        ] {
            let visit = Visit { need, set_by: set_by.to_owned(), ..visit(answer) };
            let section = Section::from(&visit);
            assert_eq!(section.state, expected, "{visit:?}");
            assert_eq!(section.remedy.is_some(), expected != State::Ok, "{visit:?}");
        }
    }

    #[test]
    fn what_a_server_says_moves_no_cursor() {
        let checkup = Checkup(vec![Section::from(&visit(Err(unreachable("\u{1b}[2J\u{202e}"))))]);
        assert!(!checkup.render(false).contains(['\u{1b}', '\u{202e}']), "{}", checkup.render(false));
        assert!(!checkup.json().contains(['\u{1b}', '\u{202e}']), "{}", checkup.json());
    }

    #[test]
    fn a_cache_that_cannot_be_written_to_is_a_warning() {
        let state = |usage| CacheState { directory: Some("/var/cache/upmon".to_owned()), limit: 256 << 20, usage };
        let section = Section::from(&state(Ok(Usage { entries: 3, bytes: 2048 })));
        assert_eq!(section.summary, "holds 3 answers in 2 KiB of at most 256 MiB, and can be written to");
        let section = Section::from(&state(Err("Permission denied".to_owned())));
        assert!(section.state == State::Warning && section.remedy.is_some());
    }

    #[test]
    fn without_any_certificate_nothing_can_be_trusted() {
        for (count, errors, expected) in
            [(140, 0, State::Ok), (140, 1, State::Warning), (0, 1, State::Fault), (0, 0, State::Fault)]
        {
            let found = Certificates { source: "the platform".to_owned(), count, errors: vec!["x".to_owned(); errors] };
            assert_eq!(Section::from(&found).state, expected, "{found:?}");
        }
    }
}
