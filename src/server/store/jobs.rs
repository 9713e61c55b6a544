//! The queue: checks that somebody asked for. A job is leased, not taken, so that one whose worker died is found again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::{Attempted as _, Engine, Store, StoreError, millis, new_id};

/// Why a check was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Its time had come.
    Schedule,
    /// Somebody with the token asked for it.
    Api,
    /// Something was told that concerns the pins.
    Webhook,
}

impl Cause {
    /// The word in tables and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Api => "api",
            Self::Webhook => "webhook",
        }
    }

    /// Whether upstream is asked also what it was asked a moment ago.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Schedule)
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Schedule, Self::Api, Self::Webhook].into_iter().find(|cause| cause.as_str() == word)
    }
}

/// Which pins a check is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those with these ids, sorted.
    Some(Vec<String>),
}

impl Scope {
    /// What both are for.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let (Self::Some(mut ids), Self::Some(more)) = (self, other) else { return Self::All };
        ids.extend(more);
        ids.sort_unstable();
        ids.dedup();
        Self::Some(ids)
    }

    /// As a column holds it.
    pub(super) fn column(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Some(ids) => Some(serde_json::to_string(ids).expect("a list of texts serialises")),
        }
    }
}

/// Checks of some pins do not wait for a check of all, which may take minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Checks of all pins.
    All,
    /// Checks of some.
    Some,
}

impl Lane {
    /// Every lane.
    pub const BOTH: [Self; 2] = [Self::All, Self::Some];
}

/// A check that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Why it was asked for.
    pub cause: Cause,
    /// Which pins it is for.
    pub scope: Scope,
    /// How often it was begun, this time included.
    pub attempts: i64,
}

/// The most jobs that one check answers.
const BATCH: i64 = 500;

/// Jobs that are ready and that nobody has, unless a check in the same lane is under way somewhere: there is one at a time,
/// and what comes in while it runs waits and is answered together.
macro_rules! lease {
    ($is_scoped:literal, $lock:literal) => {
        concat!(
            "UPDATE jobs SET leased_by = $1, leased_until = $2, attempts = attempts + 1 WHERE id IN (",
            "SELECT id FROM jobs WHERE scope IS ",
            $is_scoped,
            "NULL AND ready_at <= $3 AND leased_until < $3 AND NOT EXISTS (",
            "SELECT 1 FROM jobs AS other WHERE other.scope IS ",
            $is_scoped,
            "NULL AND other.leased_until >= $3) ORDER BY created_at, id LIMIT $4",
            $lock,
            ") RETURNING id, cause, scope, attempts"
        )
    };
}

const fn lease_statement(engine: Engine, lane: Lane) -> &'static str {
    match (engine, lane) {
        (Engine::Sqlite, Lane::All) => lease!("", ""),
        (Engine::Sqlite, Lane::Some) => lease!("NOT ", ""),
        (Engine::Postgres, Lane::All) => lease!("", " FOR UPDATE SKIP LOCKED"),
        (Engine::Postgres, Lane::Some) => lease!("NOT ", " FOR UPDATE SKIP LOCKED"),
    }
}

impl Store {
    /// Asks for a check. The answer is the job's id.
    ///
    /// # Errors
    /// When the database fails; then nothing was asked for.
    pub async fn enqueue(&self, cause: Cause, scope: &Scope, now: DateTime<Utc>) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        let id = insert(&mut transaction, cause, scope, now).await?;
        transaction.commit().await.attempted("put a job into the queue")?;
        Ok(id)
    }

    /// Takes what is ready in a lane, for `worker` and until the lease ends.
    ///
    /// # Errors
    /// When the database fails, or holds a job that this version did not write.
    pub async fn lease(
        &self,
        lane: Lane,
        worker: &str,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<Job>, StoreError> {
        let attempted = "take jobs from the queue";
        let mut transaction = self.begin_lightly().await?;
        let rows: Vec<(String, String, Option<String>, i64)> = sqlx::query_as(lease_statement(self.engine, lane))
            .bind(worker)
            .bind(millis(now + lease))
            .bind(millis(now))
            .bind(BATCH)
            .fetch_all(&mut *transaction)
            .await
            .attempted(attempted)?;
        transaction.commit().await.attempted(attempted)?;
        let mut jobs = rows.into_iter().map(job).collect::<Result<Vec<_>, _>>()?;
        jobs.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(jobs)
    }

    /// Keeps what a worker has for longer. The answer is how many jobs that is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(&self, worker: &str, now: DateTime<Utc>, lease: Duration) -> Result<u64, StoreError> {
        let renewed = sqlx::query("UPDATE jobs SET leased_until = $1 WHERE leased_by = $2")
            .bind(millis(now + lease))
            .bind(worker)
            .execute(&self.pool)
            .await
            .attempted("keep jobs of the queue")?;
        Ok(renewed.rows_affected())
    }

    /// Gives back what a worker has, as if it had never begun.
    ///
    /// # Errors
    /// When the database fails; then the jobs come back when their lease ends.
    pub async fn release(&self, worker: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET leased_by = NULL, leased_until = 0, attempts = attempts - 1 WHERE leased_by = $1")
            .bind(worker)
            .execute(&self.pool)
            .await
            .attempted("give jobs back to the queue")?;
        Ok(())
    }

    /// How many jobs wait or are under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depth(&self) -> Result<i64, StoreError> {
        let counted = sqlx::query_as("SELECT COUNT(*) FROM jobs").fetch_one(&self.pool).await;
        let (depth,): (i64,) = counted.attempted("count the jobs of the queue")?;
        Ok(depth)
    }
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    cause: Cause,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<String, StoreError> {
    let id = new_id(now);
    sqlx::query(
        "INSERT INTO jobs (id, cause, scope, created_at, ready_at, attempts, leased_until) \
         VALUES ($1, $2, $3, $4, $4, 0, 0)",
    )
    .bind(&id)
    .bind(cause.as_str())
    .bind(scope.column())
    .bind(millis(now))
    .execute(connection)
    .await
    .attempted("put a job into the queue")?;
    Ok(id)
}

/// Ends jobs that a worker still has.
///
/// # Errors
/// [`StoreError::LeaseLost`] when it has lost one of them; the transaction must not be committed then.
pub(super) async fn end(connection: &mut AnyConnection, jobs: &[Job], worker: &str) -> Result<(), StoreError> {
    for job in jobs {
        let ended = sqlx::query("DELETE FROM jobs WHERE id = $1 AND leased_by = $2")
            .bind(&job.id)
            .bind(worker)
            .execute(&mut *connection)
            .await
            .attempted("end a job of the queue")?;
        if ended.rows_affected() != 1 {
            return Err(StoreError::LeaseLost);
        }
    }
    Ok(())
}

/// Lets jobs be begun again, each not before its wait is over.
pub(super) async fn put_off(
    connection: &mut AnyConnection,
    jobs: &[Job],
    worker: &str,
    until: impl Fn(&Job) -> DateTime<Utc>,
) -> Result<(), StoreError> {
    for job in jobs {
        sqlx::query(
            "UPDATE jobs SET leased_by = NULL, leased_until = 0, ready_at = $1 WHERE id = $2 AND leased_by = $3",
        )
        .bind(millis(until(job)))
        .bind(&job.id)
        .bind(worker)
        .execute(&mut *connection)
        .await
        .attempted("put off a job of the queue")?;
    }
    Ok(())
}

pub(super) fn job((id, cause, scope, attempts): (String, String, Option<String>, i64)) -> Result<Job, StoreError> {
    let wrong = |reason: String| StoreError::Row { table: "jobs", id: id.clone(), reason };
    let cause = Cause::parse(&cause).ok_or_else(|| wrong("its cause is none that this version knows".to_owned()))?;
    let scope = match scope {
        None => Scope::All,
        Some(ids) => Scope::Some(serde_json::from_str(&ids).map_err(|error| wrong(error.to_string()))?),
    };
    Ok(Job { id, cause, scope, attempts })
}
