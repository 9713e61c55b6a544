//! The section `[server]`: where `upmon serve` listens, what it remembers and when it checks.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use globset::GlobMatcher;
use schemars::json_schema;

use super::actions::{Action, CommandSettings, CommandTable};
use super::policy::{Globs, unknown_policy};
use crate::document::{
    Bytes, Count, Environment, FilePath, FromText, InFile, Lapse, Placed, Problem, Refusal, Table, Term, Text, Timeout,
    inline_schema, table,
};
use crate::policy::Policies;

table! {
    /// How `upmon serve` runs.
    #[schemars(rename = "server")]
    struct ServerTable {
        /// The address and port to listen at. Port 0 takes a free one and tells it on standard error.
        #[schemars(extend("default" = "127.0.0.1:8080"), example = &"[::1]:8080")]
        listen = "listen": ListenAddress,
        /// The SQLite file that everything is remembered in, made where it is missing; a relative path is meant from the
        /// settings file. `UPMON_DATABASE_URL` names a PostgreSQL instead. Default: `upmon/upmon.db` in the user's
        /// directory for state.
        #[schemars(example = &"/var/lib/upmon/upmon.db")]
        database = "database": FilePath,
        /// The most connections at once; others wait until one of them ends.
        #[schemars(extend("default" = 512), example = 64)]
        connections = "connections": Count,
        /// Longest time to send a request's header, to send its body, and to answer it.
        #[schemars(extend("default" = "10s"), example = &"5s")]
        timeout = "timeout": Timeout,
        /// How long what is under way may still take after the signal to end.
        #[schemars(extend("default" = "10s"), example = &"30s")]
        drain = "drain": Lapse,
        /// How old a finding may be before it is called stale: hours (h), days (d) or weeks (w).
        #[schemars(extend("default" = "24h"), example = &"8d")]
        stale_after = "stale-after": Term,
        /// How long checks and changes are remembered: hours (h), days (d) or weeks (w). What holds now is never dropped.
        #[schemars(extend("default" = "365d"), example = &"90d")]
        keep = "keep": Term,
        /// The file that holds the token of those who may ask for a check; a relative path is meant from the settings
        /// file. `UPMON_SERVER_TOKEN` beats it. Default: none, and nobody may.
        #[schemars(example = &"/run/secrets/upmon-token")]
        token_file = "token-file": FilePath,
        /// The file that holds the secrets with which events are signed, one a line, so that one can follow another; a
        /// relative path is meant from the settings file. `UPMON_SERVER_WEBHOOK_SECRET` beats it. Default: none, and no
        /// event is taken.
        #[schemars(example = &"/run/secrets/upmon-webhook")]
        webhook_secret_file = "webhook-secret-file": FilePath,
        /// The largest body of an event. GitHub sends up to 25 MB, mostly some kilobytes.
        #[schemars(extend("default" = "5 MiB"), example = &"25 MiB")]
        max_body = "max-body": Bytes,
        /// When pins are checked. Default: all of them every hour.
        #[schemars(extend("examples" = [[{ "cron": "0 6 * * MON-FRI", "time-zone": "Europe/Vienna" }]]))]
        #[schemars(extend("default" = [{ "cron": "17 * * * *", "jitter": "5m" }]))]
        schedules = "schedules": Vec<Placed<ScheduleTable>>,
        /// What is done with the report after a check, as the sections `[issues]`, `[badges]` and `[dispatch]` say.
        #[schemars(extend("default" = []), extend("examples" = [["issues", "badges", "dispatch"]]))]
        actions = "actions": Vec<Placed<InFile<Action>>>,
        /// Programs that are started for pins that changed. Default: none.
        #[schemars(extend("default" = []), extend("examples" = [[{ "run": ["/usr/local/bin/rebuild"], "on": ["update"] }]]))]
        commands = "commands": Vec<Placed<CommandTable>>,
    }
}

table! {
    /// When some pins, or all, are checked.
    #[schemars(rename = "schedule")]
    struct ScheduleTable required ["cron"] {
        /// Minute, hour, day of the month, month and day of the week. A time that the clock skips comes right after the
        /// gap, and one that it shows twice comes once. Required.
        #[schemars(example = &"17 5 * * *", example = &"*/15 8-18 * * MON-FRI")]
        cron = "cron": CronText,
        /// The time zone that it is meant in, by its name in the IANA database.
        #[schemars(extend("default" = "UTC"), example = &"Europe/Vienna")]
        time_zone = "time-zone": Zone,
        /// By how much at most each check comes later, so that not everybody asks at the full hour.
        #[schemars(extend("default" = "0s"), example = &"10m")]
        jitter = "jitter": Lapse,
        /// A glob over `group/package`, or a list of globs: which pins are checked. Default: all.
        #[schemars(extend("examples" = ["rust/*"]))]
        pins = "pins": Globs,
        /// The name of a policy, one of `[policies]` or `default`: only pins that it judges are checked. Default: all.
        #[schemars(example = &"relaxed")]
        policy = "policy": Text,
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl FromText for ListenAddress {
    fn expected() -> Option<String> {
        Some("an address and a port, such as \"127.0.0.1:8080\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| Refusal::new("is not an address and a port"))
    }
}

inline_schema!(
    ListenAddress,
    |_| json_schema!({ "type": "string", "pattern": "^([0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]+$" })
);

/// A cron expression of five fields that comes at some time.
#[derive(Debug, Clone)]
pub(crate) struct CronText(Cron);

impl FromText for CronText {
    fn expected() -> Option<String> {
        Some("five fields, such as \"17 5 * * *\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let is_plain = text.split_whitespace().count() == 5;
        let parsed = parser.parse(text).ok().filter(|_| is_plain);
        let cron = parsed.ok_or_else(|| Refusal::new("is not a cron expression"))?;
        match cron.find_next_occurrence(&DateTime::UNIX_EPOCH, true) {
            Ok(_) => Ok(Self(cron)),
            Err(_) => Err(Refusal::new("never comes")),
        }
    }
}

inline_schema!(CronText, |_| json_schema!({ "type": "string", "pattern": "^\\s*\\S+(\\s+\\S+){4}\\s*$" }));

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone(Tz);

impl FromText for Zone {
    fn expected() -> Option<String> {
        Some("a name of the IANA database, such as \"Europe/Vienna\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Tz::from_str(text).map(Self).map_err(|_| Refusal::new("is not a time zone"))
    }
}

inline_schema!(Zone, |_| json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9/_+-]+$" }));

/// How the service runs.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The address and port to listen at.
    pub listen: SocketAddr,
    /// The SQLite file; `None` is the default of [`crate::server::store::Database`].
    pub database: Option<PathBuf>,
    /// The most connections at once.
    pub connections: usize,
    /// Longest time for each part of a request.
    pub timeout: Duration,
    /// How long what is under way may take after the signal to end.
    pub drain: Duration,
    /// How old a finding may be before it is called stale.
    pub stale_after: TimeDelta,
    /// How long checks and changes are remembered.
    pub keep: TimeDelta,
    /// The file that holds the token of those who may ask for a check.
    pub token_file: Option<PathBuf>,
    /// The file that holds the secrets with which events are signed.
    pub webhook_secret_file: Option<PathBuf>,
    /// The largest body of an event, in bytes.
    pub max_body: usize,
    /// When pins are checked.
    pub schedules: Vec<ScheduleSettings>,
    /// What is done with the report after a check.
    pub actions: Vec<Action>,
    /// Programs that are started for pins that changed; each name stands once.
    pub commands: Vec<CommandSettings>,
}

/// When some pins, or all, are checked.
#[derive(Debug, Clone)]
pub struct ScheduleSettings {
    /// The instants, on the clocks of the time zone.
    pub cron: Cron,
    /// The time zone.
    pub time_zone: Tz,
    /// By how much at most a check comes later.
    pub jitter: Duration,
    /// Which pins, by globs over their ids; `None` for all.
    pub pins: Option<Vec<GlobMatcher>>,
    /// Of these, only those that the policy of this name judges; `None` for whatever policy.
    pub policy: Option<String>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            database: None,
            connections: 512,
            timeout: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            stale_after: TimeDelta::hours(24),
            keep: TimeDelta::days(365),
            token_file: None,
            webhook_secret_file: None,
            max_body: 5 << 20,
            schedules: vec![ScheduleSettings::hourly()],
            actions: Vec::new(),
            commands: Vec::new(),
        }
    }
}

impl ScheduleSettings {
    fn hourly() -> Self {
        let CronText(cron) = CronText::from_text("17 * * * *").expect("the default is a cron expression");
        Self { cron, time_zone: Tz::UTC, jitter: Duration::from_mins(5), pins: None, policy: None }
    }
}

impl ServerTable {
    /// The names of policies in schedules that are those of none.
    pub(super) fn unknown_policies(&self, policies: &Policies) -> Vec<Problem> {
        let schedules = self.schedules.get().into_iter().flatten();
        schedules.filter_map(|schedule| unknown_policy(policies, schedule.value.policy.placed()?)).collect()
    }

    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(
        mut self,
        file: &Path,
        environment: &mut Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> ServerSettings {
        self.database = self.database.map(|path| path.beside(file));
        self.token_file = self.token_file.map(|path| path.beside(file));
        self.webhook_secret_file = self.webhook_secret_file.map(|path| path.beside(file));
        self.overlay(super::SERVER, environment);
        let defaults = ServerSettings::default();
        let schedules = self.schedules.cloned().map(|schedules| schedules.into_iter().filter_map(schedule).collect());
        ServerSettings {
            listen: self.listen.cloned().map_or(defaults.listen, |ListenAddress(address)| address),
            database: self.database.cloned().map(|FilePath(path)| path),
            connections: self.connections.cloned().map_or(defaults.connections, |Count(count)| count),
            timeout: self.timeout.cloned().map_or(defaults.timeout, |Timeout(time)| time),
            drain: self.drain.cloned().map_or(defaults.drain, |Lapse(time)| time),
            stale_after: self.stale_after.cloned().map_or(defaults.stale_after, |Term(term)| term),
            keep: self.keep.cloned().map_or(defaults.keep, |Term(term)| term),
            token_file: self.token_file.cloned().map(|FilePath(path)| path),
            webhook_secret_file: self.webhook_secret_file.cloned().map(|FilePath(path)| path),
            max_body: self
                .max_body
                .cloned()
                .map_or(defaults.max_body, |Bytes(bytes)| usize::try_from(bytes).unwrap_or(usize::MAX)),
            schedules: schedules.unwrap_or(defaults.schedules),
            actions: actions(self.actions.cloned().unwrap_or_default()),
            commands: commands(self.commands.cloned().unwrap_or_default(), file, problems),
        }
    }
}

/// In the order in which they are done, each once.
fn actions(named: Vec<Placed<InFile<Action>>>) -> Vec<Action> {
    let named: Vec<Action> = named.into_iter().map(|Placed { value: InFile(action), .. }| action).collect();
    Action::ALL.into_iter().filter(|action| named.contains(action)).collect()
}

/// Two of one name could not be told apart.
fn commands(tables: Vec<Placed<CommandTable>>, file: &Path, problems: &mut Vec<Problem>) -> Vec<CommandSettings> {
    let mut commands: Vec<CommandSettings> = Vec::new();
    for Placed { value, span } in tables {
        let Some(command) = value.merge(file) else {
            problems
                .push(Problem::new(span, "`run` names no program").help("the program and its arguments, as a list"));
            continue;
        };
        if commands.iter().any(|known| known.name == command.name) {
            let problem = format!("a second command is called `{}`", command.name);
            problems.push(Problem::new(span, problem).help("give one of them another `name`"));
        }
        commands.push(command);
    }
    commands
}

/// One without its expression was refused already.
fn schedule(Placed { value, .. }: Placed<ScheduleTable>) -> Option<ScheduleSettings> {
    let CronText(cron) = value.cron.cloned()?;
    Some(ScheduleSettings {
        cron,
        time_zone: value.time_zone.cloned().map_or(Tz::UTC, |Zone(zone)| zone),
        jitter: value.jitter.cloned().map_or(Duration::ZERO, |Lapse(jitter)| jitter),
        pins: value.pins.cloned().map(Globs::matchers),
        policy: value.policy.cloned().map(|Text(name)| name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_expression_has_five_fields_and_comes_at_some_time() {
        for text in ["17 5 * * *", "*/15 8-18 * * MON-FRI", "0 0 29 2 *", "0 0 L * *"] {
            assert!(CronText::from_text(text).is_ok(), "{text}");
        }
        for text in ["", "* * * *", "0 * * * * *", "60 * * * *", "@daily", "0 0 30 2 *", "0 0 * * * 2027", "x * * * *"]
        {
            assert!(CronText::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_zone_has_its_iana_name() {
        for text in ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert!(Zone::from_text(text).is_ok(), "{text}");
        }
        for text in ["", "CEST", "+01:00", "europe/vienna", "Mars/Olympus"] {
            assert!(Zone::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_to_listen_at_has_a_port_and_no_name() {
        for text in ["127.0.0.1:0", "0.0.0.0:8080", "[::1]:80"] {
            assert!(ListenAddress::from_text(text).is_ok(), "{text}");
        }
        for text in ["", ":8080", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536", "::1:80"] {
            assert!(ListenAddress::from_text(text).is_err(), "{text}");
        }
    }
}
