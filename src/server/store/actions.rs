//! What is done after checks: a queue of its own beside that of the checks, with the same leases, so that nothing in it keeps
//! a check waiting. A row stays when it is over, until its time has come.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AnyConnection;

use super::{Attempted as _, Engine, Store, StoreError, instant, millis, new_id};
use crate::config::Action;

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// What the settings say of the whole report.
    Report(Action),
    /// A program for one pin.
    Command,
}

impl ActionKind {
    /// The word in tables, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report(action) => action.as_str(),
            Self::Command => "command",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let mut all = Action::ALL.map(Self::Report).into_iter().chain([Self::Command]);
        all.find(|kind| kind.as_str() == word)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Something about the whole report. One that waits already answers this as well.
    Report(Action),
    /// A program.
    Command {
        /// Which, by its name.
        name: String,
        /// The pin.
        package: String,
        /// What it is told, as JSON.
        change: String,
    },
}

/// Something that is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its id, the same at each attempt.
    pub id: String,
    /// What it is.
    pub kind: ActionKind,
    /// The command's name.
    pub name: String,
    /// The pin that it is for.
    pub package: Option<String>,
    /// What a command is told, as JSON.
    pub change: Option<String>,
    /// The cause of the check.
    pub cause: String,
    /// How often it was begun, this time included.
    pub attempts: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Whether all of it was done.
    pub is_success: bool,
    /// In a few words.
    pub summary: String,
    /// What it wrote.
    pub output: String,
}

/// An action, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// Its id.
    pub id: String,
    /// The word of its kind.
    pub kind: String,
    /// The command's name; else the kind again.
    pub name: String,
    /// The pin that it is for.
    pub package: Option<String>,
    /// The cause of the check.
    pub cause: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// How often it was begun.
    pub attempts: i64,
    /// How the last attempt ended.
    pub last: Option<Ended>,
}

/// How often an action is begun before it is given up.
const ATTEMPTS: i64 = 5;

/// The wait after the first attempt; it doubles with each.
const WAIT: TimeDelta = TimeDelta::seconds(15);

/// The oldest that is ready, unless one of the same queue is under way somewhere: no two of them meet at the same issues.
macro_rules! lease {
    ($is:literal, $lock:literal) => {
        concat!(
            "UPDATE actions SET leased_by = $1, leased_until = $2, attempts = attempts + 1 WHERE id IN (",
            "SELECT id FROM actions WHERE ended_at IS NULL AND kind ",
            $is,
            " 'command' AND ready_at <= $3 AND leased_until < $3 AND NOT EXISTS (",
            "SELECT 1 FROM actions AS other WHERE other.ended_at IS NULL AND other.kind ",
            $is,
            " 'command' AND other.leased_until >= $3) ORDER BY created_at, id LIMIT 1",
            $lock,
            ") RETURNING id, kind, name, package, change, cause, attempts"
        )
    };
}

const fn lease_statement(engine: Engine, are_commands: bool) -> &'static str {
    match (engine, are_commands) {
        (Engine::Sqlite, true) => lease!("=", ""),
        (Engine::Sqlite, false) => lease!("<>", ""),
        (Engine::Postgres, true) => lease!("=", " FOR UPDATE SKIP LOCKED"),
        (Engine::Postgres, false) => lease!("<>", " FOR UPDATE SKIP LOCKED"),
    }
}

impl Store {
    /// Takes the next command, or the next action of another kind.
    ///
    /// # Errors
    /// When the database fails, or holds an action that this version did not write.
    pub async fn lease_action(
        &self,
        are_commands: bool,
        worker: &str,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Errand>, StoreError> {
        let row: Option<ErrandRow> = sqlx::query_as(lease_statement(self.engine, are_commands))
            .bind(worker)
            .bind(millis(now + lease))
            .bind(millis(now))
            .fetch_optional(&self.pool)
            .await
            .attempted("take an action from the queue")?;
        row.map(errand).transpose()
    }

    /// Keeps what a worker has for longer; `false` when it has it no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_action(&self, worker: &str, now: DateTime<Utc>, lease: Duration) -> Result<bool, StoreError> {
        let renewed = sqlx::query("UPDATE actions SET leased_until = $1 WHERE leased_by = $2")
            .bind(millis(now + lease))
            .bind(worker)
            .execute(&self.pool)
            .await
            .attempted("keep an action of the queue")?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Gives back what a worker has, as if it had never begun.
    ///
    /// # Errors
    /// When the database fails; then it comes back when its lease ends.
    pub async fn release_action(&self, worker: &str) -> Result<(), StoreError> {
        let statement =
            "UPDATE actions SET leased_by = NULL, leased_until = 0, attempts = attempts - 1 WHERE leased_by = $1";
        let released = sqlx::query(statement).bind(worker).execute(&self.pool);
        released.await.attempted("give an action back to the queue")?;
        Ok(())
    }

    /// Writes how an attempt ended. One that failed is begun again later, unless it was begun often enough.
    ///
    /// # Errors
    /// When the database fails, or the action has been taken over; then nothing is written.
    pub async fn end_action(
        &self,
        errand: &Errand,
        worker: &str,
        ended: &Ended,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let is_over = ended.is_success || errand.attempts >= ATTEMPTS;
        let ready_at = now + WAIT * (1 << errand.attempts.clamp(1, ATTEMPTS));
        let written = sqlx::query(
            "UPDATE actions SET leased_by = NULL, leased_until = 0, ready_at = $1, ended_at = $2, success = $3, \
             summary = $4, output = $5 WHERE id = $6 AND leased_by = $7",
        )
        .bind(millis(ready_at))
        .bind(is_over.then(|| millis(now)))
        .bind(i64::from(ended.is_success))
        .bind(&ended.summary)
        .bind(&ended.output)
        .bind(&errand.id)
        .bind(worker)
        .execute(&self.pool)
        .await
        .attempted("end an action of the queue")?;
        if written.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// The actions that were asked for before an instant, latest first: as many as are wanted, and those of the same
    /// millisecond as the last of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn actions(&self, before: DateTime<Utc>, most: u32) -> Result<Vec<Acted>, StoreError> {
        let rows: Vec<ActedRow> = sqlx::query_as(concat!(
            "SELECT id, kind, name, package, cause, created_at, ended_at, attempts, success, summary, output ",
            "FROM actions WHERE created_at < $1 AND created_at >= COALESCE((SELECT last.created_at FROM actions AS last ",
            "WHERE last.created_at < $1 ORDER BY last.created_at DESC LIMIT 1 OFFSET $2), 0) ",
            "ORDER BY created_at DESC, id DESC"
        ))
        .bind(millis(before))
        .bind(i64::from(most.saturating_sub(1)))
        .fetch_all(&self.pool)
        .await
        .attempted("read actions")?;
        Ok(rows.into_iter().map(acted).collect())
    }

    /// One action, by its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn action(&self, id: &str) -> Result<Option<Acted>, StoreError> {
        let row: Option<ActedRow> = sqlx::query_as(
            "SELECT id, kind, name, package, cause, created_at, ended_at, attempts, success, summary, output \
             FROM actions WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
        .attempted("read an action")?;
        Ok(row.map(acted))
    }

    /// How many actions wait or are under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_actions(&self) -> Result<i64, StoreError> {
        let counted = sqlx::query_as("SELECT COUNT(*) FROM actions WHERE ended_at IS NULL").fetch_one(&self.pool).await;
        let (count,): (i64,) = counted.attempted("count the actions of the queue")?;
        Ok(count)
    }
}

/// Asks for actions, in the transaction of what they follow from.
pub(super) async fn ask(
    connection: &mut AnyConnection,
    asked: &[Asked],
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // those of one check come in its order
    let base = new_id(now);
    for (place, one) in asked.iter().enumerate() {
        let id = format!("{base}-{place:05}");
        match one {
            Asked::Report(action) => {
                if !waits(connection, *action).await? {
                    insert(connection, id, (action.as_str(), action.as_str(), None, None), cause, now).await?;
                }
            }
            Asked::Command { name, package, change } => {
                insert(connection, id, ("command", name, Some(package), Some(change)), cause, now).await?;
            }
        }
    }
    Ok(())
}

/// Whether one of the kind waits that nobody has begun. Its row is locked by this: whoever begins it does so behind this
/// transaction, and so sees what it writes.
async fn waits(connection: &mut AnyConnection, action: Action) -> Result<bool, StoreError> {
    let waiting =
        sqlx::query("UPDATE actions SET leased_until = 0 WHERE kind = $1 AND ended_at IS NULL AND leased_by IS NULL");
    let waiting = waiting.bind(action.as_str()).execute(connection).await.attempted("ask for an action")?;
    Ok(waiting.rows_affected() > 0)
}

async fn insert(
    connection: &mut AnyConnection,
    id: String,
    (kind, name, package, change): (&str, &str, Option<&String>, Option<&String>),
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO actions (id, kind, name, package, change, cause, created_at, ready_at, attempts, leased_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, 0)",
    )
    .bind(id)
    .bind(kind)
    .bind(name)
    .bind(package)
    .bind(change)
    .bind(cause)
    .bind(millis(now))
    .execute(connection)
    .await
    .attempted("ask for an action")?;
    Ok(())
}

type ErrandRow = (String, String, String, Option<String>, Option<String>, String, i64);

fn errand((id, kind, name, package, change, cause, attempts): ErrandRow) -> Result<Errand, StoreError> {
    let reason = "its kind is none that this version knows".to_owned();
    let kind = ActionKind::parse(&kind).ok_or_else(|| StoreError::Row { table: "actions", id: id.clone(), reason })?;
    Ok(Errand { id, kind, name, package, change, cause, attempts })
}

type ActedRow = (
    String,
    String,
    String,
    Option<String>,
    String,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
);

fn acted(row: ActedRow) -> Acted {
    let (id, kind, name, package, cause, created_at, ended_at, attempts, success, summary, output) = row;
    let last = success.map(|success| Ended {
        is_success: success == 1,
        summary: summary.unwrap_or_default(),
        output: output.unwrap_or_default(),
    });
    let (created_at, ended_at) = (instant(created_at), ended_at.map(instant));
    Acted { id, kind, name, package, cause, created_at, ended_at, attempts, last }
}
