//! What the service remembers: checks, findings, jobs, schedules.
//!
//! One code path serves two engines: a SQLite file by default, and PostgreSQL where several replicas share the work. The
//! statements keep to what both read; where they cannot, [`Engine`] says it in a word. An instant is a number of
//! milliseconds, a document is JSON text, since the common driver knows nothing finer.
//!
//! A change is one transaction. What a check learned is written together with the end of the jobs that asked for it, so a
//! crash leaves either both or none.

mod actions;
mod activity;
mod deliveries;
mod dispatches;
mod findings;
mod jobs;
mod schedules;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use chrono::{DateTime, Utc};
use etcetera::BaseStrategy as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, SqlSafeStr, Transaction};
use url::Url;

use crate::http::shown;
use crate::report::escape;

pub use actions::{Acted, ActionKind, Asked, Ended, Errand};
pub use activity::{EndedCheck, Queued};
pub use deliveries::{BATCH, Delivery, Received};
pub use dispatches::StoredRecord;
pub(super) use findings::News;
pub use findings::{Change, Known, Learned, Outcome};
pub use jobs::{Cause, Job, Lane, Scope};

/// Where the service remembers things.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, made where it is missing.
    File(PathBuf),
    /// A PostgreSQL address, which may hold a password.
    Postgres(SecretString),
}

/// An address that no engine here understands. It may hold a password, so it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a database that upmon knows: expected `postgres://user@host/name`")]
pub struct UnknownDatabase;

impl Database {
    /// Reads the address of a PostgreSQL database.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(address: &str) -> Result<Self, UnknownDatabase> {
        match Url::parse(address) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Self::Postgres(address.into())),
            _ => Err(UnknownDatabase),
        }
    }

    /// The file that is used when nothing else is said: `upmon/upmon.db` in the user's directory for state.
    pub fn default_file() -> Option<PathBuf> {
        let base = etcetera::choose_base_strategy().ok()?;
        Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("upmon").join("upmon.db"))
    }

    fn address(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite://{}?mode=rwc", utf8_percent_encode(&path.to_string_lossy(), PATH)),
            Self::Postgres(address) => address.expose_secret().to_owned(),
        }
    }
}

/// What would end the path in an address.
const PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

impl std::fmt::Display for Database {
    /// Without user, password and parameters.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => formatter.pad(&escape::terminal(&path.display().to_string())),
            Self::Postgres(address) => match Url::parse(address.expose_secret()) {
                Ok(url) => formatter.pad(&escape::terminal(&shown(&url))),
                Err(_) => formatter.pad("a PostgreSQL database"),
            },
        }
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or its file not be made.
    #[error("cannot open the database `{database}`: {reason}")]
    Open {
        /// Which.
        database: String,
        /// What the engine or the system says.
        reason: String,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the tables of `{database}` up to date: {reason}")]
    Migrate {
        /// Which.
        database: String,
        /// What the engine says.
        reason: String,
    },
    /// A statement failed.
    #[error("cannot {attempted}: {source}")]
    Query {
        /// What it was for.
        attempted: &'static str,
        /// What the engine says.
        source: sqlx::Error,
    },
    /// Somebody else has taken over the jobs, because this process was silent for too long.
    #[error("the jobs were taken over by another process")]
    LeaseLost,
    /// A row holds what this version did not write.
    #[error("the row `{id}` of `{table}` cannot be read: {reason}")]
    Row {
        /// Which table.
        table: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database engine has no such thing.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The database itself is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

/// Names what was attempted when a statement fails.
trait Attempted<T> {
    fn attempted(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Attempted<T> for Result<T, sqlx::Error> {
    fn attempted(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { attempted: what, source })
    }
}

/// Which database engine answers; all that the statements differ by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// The open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
}

/// Connections to a PostgreSQL; SQLite gets one, since it has one writer anyway, and a second connection would only meet
/// the sleeps of its busy handler where the pool has a fair queue.
const CONNECTIONS: u32 = 8;

/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// `synchronous = FULL`: what was accepted survives a power cut, not only a crash of this process. [`Store::begin`] says so
/// again, after a transaction that did without.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;";

impl Store {
    /// Opens the database and brings its tables up to date.
    ///
    /// # Errors
    /// When it cannot be reached or made, or was written by a later version.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let store = Self::connect(database).await?;
        migrator().run(&store.pool).await.map_err(|error| StoreError::Migrate {
            database: database.to_string(),
            reason: escape::terminal(&error.to_string()),
        })?;
        Ok(store)
    }

    /// Opens the database as it is.
    ///
    /// # Errors
    /// When it cannot be reached or made.
    pub async fn connect(database: &Database) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let failed = |reason: String| StoreError::Open { database: database.to_string(), reason };
        let engine = match database {
            Database::File(path) => {
                make_file(path).map_err(|error| failed(error.to_string()))?;
                Engine::Sqlite
            }
            Database::Postgres(_) => Engine::Postgres,
        };
        // alone first: a pool would try again and again, and tell only then what is wrong
        let address = database.address();
        let first = async { prepare(engine, &mut AnyConnection::connect(&address).await?).await };
        first.await.map_err(|error| failed(escape::terminal(&error.to_string())))?;
        let options = AnyPoolOptions::new().acquire_timeout(PATIENCE).max_connections(match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => CONNECTIONS,
        });
        let options = options.after_connect(move |connection, _| Box::pin(prepare(engine, connection)));
        let pool = options.connect_lazy(&address).map_err(|error| failed(escape::terminal(&error.to_string())))?;
        Ok(Self { pool, engine })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.attempted("ask the database for a sign of life")?;
        Ok(())
    }

    /// Waits for statements under way and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that may write. SQLite takes the right to write at once: to ask for it later fails where another
    /// process has written in between.
    async fn begin(&self) -> Result<Transaction<'_, Any>, StoreError> {
        let statement = match self.engine {
            Engine::Sqlite => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        self.pool.begin_with(statement).await.attempted("begin a transaction")
    }

    /// The same for what is simply done again where a power cut takes it back. It does not wait for the disk, so new deliveries
    /// wait less for the only writer of SQLite; the next that does makes it last, too.
    async fn begin_lightly(&self) -> Result<Transaction<'_, Any>, StoreError> {
        let statement = match self.engine {
            Engine::Sqlite => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        self.pool.begin_with(statement).await.attempted("begin a transaction")
    }
}

async fn prepare(engine: Engine, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if engine == Engine::Sqlite {
        sqlx::raw_sql(PRAGMAS).execute(connection).await?;
    }
    Ok(())
}

/// Makes the file and its directory for nobody but their owner: the names of private packages are in it.
fn make_file(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The steps that made the tables what they are. A step that was released is never changed: a new one is added.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "start", include_str!("migrations/0001_start.sql")),
    (2, "deliveries", include_str!("migrations/0002_deliveries.sql")),
    (3, "actions", include_str!("migrations/0003_actions.sql")),
];

fn migrator() -> Migrator {
    let step = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(step).collect())
}

/// An instant as a column holds it.
const fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The instant that a column holds; one that no clock can show is the first of all.
fn instant(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

/// A new id; ids of later instants sort behind those of earlier ones.
fn new_id(now: DateTime<Utc>) -> String {
    format!("{:012x}-{:016x}", now.timestamp_millis(), fastrand::u64(..))
}

#[cfg(test)]
mod action_tests;
#[cfg(test)]
mod tests;
