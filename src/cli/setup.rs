//! From arguments to everything a run needs: pins, settings, engine, runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Args;
use clap::builder::FalseyValueParser;

use super::network::{Network, NetworkArgs, variable};
use super::recording::{Recording, RecordingArgs};
use super::state::StateArgs;
use super::{Failure, Global, output};
use crate::config::{Flags, Settings};
use crate::document::nearest;
use crate::holds::State;
use crate::holds::file::StateError;
use crate::http::Fetch;
use crate::http::client::{Client, install_crypto};
use crate::http::journal::Journal;
use crate::http::meter::Meter;
use crate::http::options::Options;
use crate::http::recording::About;
use crate::lookup::ledger::Ledger;
use crate::lookup::{Engine, of_same_packages};
use crate::pin::Pin;
use crate::pin::manifest::Manifest;
use crate::registry::RegistryId;
use crate::report::{Report, file};

/// Arguments of every command that asks registries once.
#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    #[command(flatten)]
    lookup: LookupArgs,
    #[command(flatten)]
    recording: RecordingArgs,
}

/// Arguments of every command that asks registries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Lookup options")]
pub(super) struct LookupArgs {
    /// Judge as of this instant: RFC 3339, or a date, which means its first second in UTC
    #[arg(long, env = "UPMON_AS_OF", hide_env_values = true, value_name = "TIME", value_parser = instant)]
    as_of: Option<DateTime<Utc>>,
    /// Ask nobody: answer from the cache, or not at all
    #[arg(long, conflicts_with = "no_cache")]
    offline: bool,
    /// Also ask for links (changelog, repository) of packages that are behind, where that takes a request of its own
    #[arg(long, env = "UPMON_LINKS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    links: bool,
    /// Where a registry cannot be reached, show what it last said, marked as stale
    #[arg(long, conflicts_with = "no_cache")]
    stale: bool,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

impl From<&LookupArgs> for SetupArgs {
    /// For who asks again and again, which no recording is made for.
    fn from(lookup: &LookupArgs) -> Self {
        Self { lookup: lookup.clone(), recording: RecordingArgs::default() }
    }
}

/// Whether what a run has learned was kept for the next ones. That it was not swallows nothing that the run is for.
pub(super) type Kept = Result<(), Failure>;

/// Pins and settings, read and checked against each other, and the runtime that runs lookups.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) settings: Settings,
    pins: Vec<Pin>,
    now: DateTime<Utc>,
    /// When the run began, whatever it judges as of.
    began: DateTime<Utc>,
    as_of: bool,
    links: bool,
    /// The other pins of packages of which a pin is asked for by name.
    beside: Arc<[Pin]>,
    /// What is remembered of earlier runs.
    holds: Arc<Ledger>,
    /// Where, whether or not this run may write to it.
    state: Option<PathBuf>,
    network: Network,
    recording: Recording,
    runtime: Runtime,
}

impl Setup {
    /// Reads everything that can be wrong before anything is asked.
    pub(super) fn new(global: &Global, arguments: &SetupArgs, flags: Flags) -> Result<Self, Failure> {
        let color = output::uses_color_on_stderr(global.color);
        // first the settings: what is wrong in them is told at once, be it a pin or not
        let settings = settings(global, flags)?;
        let holdings = global.holdings().map_err(|error| Failure::Usage(error.render(color)))?;
        output::tell_unpinned(&holdings.unpinned, global);
        Self::with(global, arguments, settings, Some(holdings.manifest))
    }

    /// The same for who may work from a report that was made before, and so needs no pins.
    pub(super) fn for_report(
        global: &Global,
        arguments: &SetupArgs,
        flags: Flags,
        report: Option<&Path>,
    ) -> Result<Self, Failure> {
        match report {
            Some(_) => Self::with(global, arguments, settings(global, flags)?, None),
            None => Self::new(global, arguments, flags),
        }
    }

    fn with(
        global: &Global,
        arguments: &SetupArgs,
        settings: Settings,
        manifest: Option<Manifest>,
    ) -> Result<Self, Failure> {
        // who works from a report asks nobody, and remembers nothing
        let report_only = manifest.is_none();
        let color = output::uses_color_on_stderr(global.color);
        let warnings = manifest.as_ref().map(|manifest| settings.check_policies(manifest)).transpose();
        let warnings = warnings.map_err(|wrong| Failure::Usage(wrong.render(color)))?.flatten();
        if let Some(warnings) = warnings.filter(|_| !global.quiet) {
            output::complain(&warnings.render_warnings(color));
        }
        let SetupArgs { lookup, recording } = arguments;
        let mut network = Network::new(&lookup.network, &settings)?;
        if lookup.offline {
            network.go_offline();
        }
        if lookup.stale {
            network.allow_stale();
        }
        let recording = Recording::open(recording)?;
        network.options.tape.clone_from(&recording.tape);
        let recorded = recording.about();
        if recorded.is_some() {
            network.end_deadline();
        }
        let began = now();
        let state = lookup.state.file(&settings, global, network.options.cache.as_deref());
        let recorded_state = recorded.map(|about| about.state.clone().unwrap_or_default());
        let holds = ledger(state.clone(), recorded_state, lookup.as_of.is_some(), report_only)?;
        Ok(Self {
            beside: Arc::default(),
            holds: Arc::new(holds),
            state,
            settings,
            began,
            pins: manifest.map(|manifest| manifest.pins).unwrap_or_default(),
            now: lookup.as_of.or(recorded.map(|about| about.now)).unwrap_or(began),
            // decides what is asked, and a recording holds the answers to what was asked then
            as_of: recorded.map_or(lookup.as_of.is_some(), |about| about.as_of),
            links: lookup.links || recorded.is_some_and(|about| about.links),
            network,
            recording,
            runtime: runtime()?,
        })
    }

    /// The pins that arguments name, in the order of the file; all of them without any. They are handed over, so that ten
    /// thousand do not stand in memory twice.
    pub(super) fn take_chosen(&mut self, names: &[String]) -> Result<Vec<Pin>, Failure> {
        let matches = |pin: &Pin, name: &str| pin.id() == name || pin.package == name;
        if let Some(name) = names.iter().find(|name| !self.pins.iter().any(|pin| matches(pin, name))) {
            return Err(self.no_such_pin(name));
        }
        let pins = std::mem::take(&mut self.pins);
        if names.is_empty() {
            return Ok(pins);
        }
        let (chosen, others): (Vec<Pin>, Vec<Pin>) =
            pins.into_iter().partition(|pin| names.iter().any(|name| matches(pin, name)));
        self.beside = of_same_packages(&chosen, &others);
        Ok(chosen)
    }

    fn no_such_pin(&self, name: &str) -> Failure {
        let ids: Vec<String> = self.pins.iter().map(Pin::id).collect();
        let packages = self.pins.iter().map(|pin| pin.package.as_str());
        let known: Vec<&str> = ids.iter().map(String::as_str).chain(packages).collect();
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a pin is named as `group/package`, or by its package alone".to_owned(),
        };
        Failure::Usage(format!("error: no pin is called `{name}`\nhint: {hint}"))
    }

    /// Everything that lookups need. Nothing is sent yet; the run's deadline starts here.
    pub(super) fn engine(&self) -> Result<Engine, Failure> {
        let engine = engine(&self.network, &self.settings, self.now, self.as_of, self.links);
        let engine = engine.map_err(Failure::Usage)?;
        Ok(Engine { holds: Arc::clone(&self.holds), beside: Arc::clone(&self.beside), ..engine })
    }

    /// What makes engines, for who runs more than once.
    pub(super) fn into_engines(self) -> (Settings, Engines) {
        let Self { settings, network, links, state, .. } = self;
        let mut asking_anew = network.clone();
        asking_anew.ask_anew();
        let as_of = self.as_of.then_some(self.now);
        (settings, Engines { network, asking_anew, as_of, links, state })
    }

    /// The report over these pins, with progress on a terminal. What it learned is yet to be [kept](Self::keep).
    pub(super) fn check(&self, pins: &[Pin], global: &Global) -> Result<Report, Failure> {
        let bar = output::progress(pins.len(), global);
        let engine = self.engine()?;
        let report = self.wait(engine.check(pins, &|done| bar.set_position(done as u64)));
        bar.finish_and_clear();
        report
    }

    /// Remembers what was seen, and ends the recording, if one is made: everything was asked. That one of the two fails does
    /// not hinder the other.
    pub(super) fn keep(&self) -> Kept {
        let saved = self.holds.save();
        self.finish_recording()?;
        Ok(saved?)
    }

    /// Ends the recording, if one is made: everything was asked.
    pub(super) fn finish_recording(&self) -> Result<(), Failure> {
        self.recording.finish(&About {
            now: self.now,
            as_of: self.as_of,
            links: self.links,
            state: Some(self.holds.known().clone()).filter(|state| !state.pins.is_empty()),
        })
    }

    /// Has lookups noted, for who wants to know what was asked.
    pub(super) fn keep_journal(&mut self) -> Arc<Journal> {
        Arc::clone(self.network.options.journal.get_or_insert_default())
    }

    /// The report that was made before, or a new one over all pins; and whether what was learned for that could be
    /// [kept](Self::keep), which is to be told once everything else is done.
    pub(super) fn report(&mut self, made: Option<&Path>, global: &Global) -> Result<(Report, Kept), Failure> {
        if let Some(path) = made {
            let report = file::read(path);
            let wrong = |error: file::ReadError| Failure::Usage(format!("error: {error}\nhint: {}", error.hint()));
            return Ok((report.map_err(wrong)?, Ok(())));
        }
        let pins = self.take_chosen(&[])?;
        let report = self.check(&pins, global)?;
        Ok((report, self.keep()))
    }

    /// What actions work with.
    pub(super) const fn means(&self) -> Means<'_> {
        Means { settings: &self.settings, options: &self.network.options, now: self.now, began: self.began }
    }

    /// Runs lookups to their end, or to Ctrl-C.
    pub(super) fn wait<T>(&self, lookups: impl Future<Output = T>) -> Result<T, Failure> {
        wait(&self.runtime, lookups)
    }

    /// Runs what listens for Ctrl-C itself to its end.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.0.as_ref().expect("the runtime is there until it is dropped").block_on(work)
    }
}

fn settings(global: &Global, flags: Flags) -> Result<Settings, Failure> {
    let color = output::uses_color_on_stderr(global.color);
    let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, flags);
    settings.map_err(|error| Failure::Usage(error.render(color)))
}

/// What actions work with, whether in a run of their own or in the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) settings: &'a Settings,
    /// How the network is used.
    pub(super) options: &'a Options,
    /// The instant that is judged as of.
    pub(super) now: DateTime<Utc>,
    /// When it began, whatever it judges as of: for who writes down when something was done.
    pub(super) began: DateTime<Utc>,
}

/// Makes an engine for each run of a process that runs many: the deadline of a client starts when it is made.
#[derive(Debug)]
pub(super) struct Engines {
    network: Network,
    /// The same, but for what was asked lately.
    asking_anew: Network,
    /// The instant that was set by hand.
    as_of: Option<DateTime<Utc>>,
    links: bool,
    /// Where releases are remembered.
    state: Option<PathBuf>,
}

impl Engines {
    /// Has requests counted, for who wants to know how upstream does.
    pub(super) fn count(&mut self, meter: &Arc<dyn Meter>) {
        for network in [&mut self.network, &mut self.asking_anew] {
            network.options.meter = Some(Arc::clone(meter));
            network.git.meter = Some(Arc::clone(meter));
        }
    }

    /// What actions work with, from now on.
    pub(super) fn means<'a>(&'a self, settings: &'a Settings) -> Means<'a> {
        let began = now();
        Means { settings, options: &self.network.options, now: self.as_of.unwrap_or(began), began }
    }

    /// An engine that judges as of now, or as of the instant that was set by hand. An urgent one asks also what was
    /// asked lately.
    ///
    /// # Errors
    /// When the client cannot be made; the text is ready to print.
    pub(super) fn engine(&self, settings: &Settings, is_urgent: bool) -> Result<Engine, String> {
        let network = if is_urgent { &self.asking_anew } else { &self.network };
        let now = self.as_of.unwrap_or_else(now);
        let engine = engine(network, settings, now, self.as_of.is_some(), self.links)?;
        // read anew each time: somebody may have acknowledged something
        let holds = ledger(self.state.clone(), None, self.as_of.is_some(), false);
        let holds = holds.map_err(|error| format!("error: {error}\nhint: {}", error.hint()))?;
        Ok(Engine { holds: Arc::new(holds), ..engine })
    }
}

fn engine(
    network: &Network,
    settings: &Settings,
    now: DateTime<Utc>,
    as_of: bool,
    links: bool,
) -> Result<Engine, String> {
    install_crypto();
    let links = links && !network.options.offline;
    let client = Client::new(network.options.clone()).map_err(|error| format!("error: {error}"))?;
    Ok(Engine {
        registries: Arc::new(RegistryId::ALL.iter().map(|&id| (id, network.open(id))).collect()),
        fetch: Arc::new(client) as Arc<dyn Fetch>,
        policies: Arc::new(settings.policies.clone()),
        now,
        as_of,
        links,
        holds: Arc::default(),
        beside: Arc::default(),
    })
}

/// What is remembered. A run with another clock than the world's reads it and leaves it alone; one that is made again has
/// what was remembered then.
fn ledger(
    file: Option<PathBuf>,
    recorded: Option<State>,
    has_own_clock: bool,
    is_idle: bool,
) -> Result<Ledger, StateError> {
    match (file, recorded) {
        _ if is_idle => Ok(Ledger::default()),
        (_, Some(recorded)) => Ok(Ledger::reading(recorded)),
        (Some(file), None) if has_own_clock => Ok(Ledger::reading(crate::holds::file::read(&file)?)),
        (Some(file), None) => Ledger::open(file),
        (None, None) => Ok(Ledger::default()),
    }
}

/// Runs something to its end, or to Ctrl-C.
pub(super) fn wait<T>(runtime: &Runtime, work: impl Future<Output = T>) -> Result<T, Failure> {
    runtime.0.as_ref().expect("the runtime is there until it is dropped").block_on(async {
        tokio::select! {
            // in this order: who asks nobody yet already listens
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            outcome = work => Ok(outcome),
        }
    })
}

/// The runtime of the process. Dropping it gives what is under way a moment, since the cache is written when the last of
/// those who use it is gone. It waits no longer: a conversation that Ctrl-C cut off notices only when its remote speaks.
#[derive(Debug)]
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

const MOMENT: Duration = Duration::from_millis(500);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(MOMENT);
        }
    }
}

/// Starts the runtime: one thread. Decoding keeps up with the network, and handing answers from thread to thread costs more
/// than a second core gains; what blocks (git, files) has threads of its own.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Usage(format!("error: no runtime could be started: {error}")))?;
    Ok(Runtime(Some(runtime)))
}

#[expect(clippy::disallowed_methods, reason = "the one place where `now` is read, once a run")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Reads `--as-of`.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "expected a time such as 2026-11-20T06:00:00Z, or a date such as 2026-11-20".to_owned())?;
    Ok(date.and_time(NaiveTime::MIN).and_utc())
}
