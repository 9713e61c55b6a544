//! What goes on, for people to look at: the queue, the last checks, how far schedules are, what was told about a pin.
//!
//! Nothing here writes, and whatever is read is bounded: a page may be asked for at any time, by anybody who may read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::deliveries::{Row, received};
use super::jobs::{Cause, Job, job};
use super::{Attempted as _, Received, Store, StoreError, instant};

/// A check that waits or is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The job; `attempts` counts the one that is under way.
    pub job: Job,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Not before.
    pub ready_at: DateTime<Utc>,
    /// Until when a worker has it; an instant that has passed where none does.
    pub leased_until: DateTime<Utc>,
}

/// A check that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCheck {
    /// Why it was asked for; `None` for what a later version may have written.
    pub cause: Option<Cause>,
    /// Whether it was for all pins.
    pub is_of_all: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How many pins were checked.
    pub packages: i64,
    /// Of how many of them nothing is known.
    pub unknown: i64,
    /// Whether it came to nothing.
    pub has_failed: bool,
}

/// How many of the latest deliveries are looked through for those about one pin.
const LATEST: i64 = 1000;

impl Store {
    /// The first jobs of the queue, oldest first.
    ///
    /// # Errors
    /// When the database fails, or holds a job that this version did not write.
    pub async fn queue(&self, most: u32) -> Result<Vec<Queued>, StoreError> {
        type Row = (String, String, Option<String>, i64, i64, i64, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, cause, scope, attempts, created_at, ready_at, leased_until FROM jobs \
             ORDER BY created_at, id LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .attempted("read the queue")?;
        let queued = |(id, cause, scope, attempts, created_at, ready_at, leased_until): Row| {
            Ok(Queued {
                job: job((id, cause, scope, attempts))?,
                created_at: instant(created_at),
                ready_at: instant(ready_at),
                leased_until: instant(leased_until),
            })
        };
        rows.into_iter().map(queued).collect()
    }

    /// The checks that ended last, latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ended(&self, most: u32) -> Result<Vec<EndedCheck>, StoreError> {
        type Row = (String, i64, i64, i64, i64, i64, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT cause, CAST(CASE WHEN scope IS NULL THEN 1 ELSE 0 END AS BIGINT), started_at, ended_at, packages, \
             unknown, CAST(CASE WHEN fault IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM checks \
             ORDER BY ended_at DESC, id DESC LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .attempted("read the last checks")?;
        let ended = |(cause, is_of_all, started_at, ended_at, packages, unknown, has_failed): Row| EndedCheck {
            cause: Cause::parse(&cause),
            is_of_all: is_of_all == 1,
            started_at: instant(started_at),
            ended_at: instant(ended_at),
            packages,
            unknown,
            has_failed: has_failed == 1,
        };
        Ok(rows.into_iter().map(ended).collect())
    }

    /// Up to which instant each schedule was served, by its name, as far as that is written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn served(&self) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
        let rows = sqlx::query_as("SELECT name, served_at FROM schedules WHERE served_at > 0").fetch_all(&self.pool);
        let rows: Vec<(String, i64)> = rows.await.attempted("read the schedules")?;
        Ok(rows.into_iter().map(|(name, at)| (name, instant(at))).collect())
    }

    /// Those of the last thousand deliveries that were found to concern a pin, latest first.
    ///
    /// # Errors
    /// When the database fails, or holds one that this version did not write.
    pub async fn deliveries_about(&self, id: &str, most: u32) -> Result<Vec<Received>, StoreError> {
        // as it stands in the list; `LIKE` may find more than that, since engines differ in case
        let listed = serde_json::to_string(id).expect("a text serialises");
        let pattern = listed.chars().fold(String::from("%"), |pattern, character| match character {
            '%' | '_' | '!' => pattern + "!" + character.encode_utf8(&mut [0; 4]),
            _ => pattern + character.encode_utf8(&mut [0; 4]),
        }) + "%";
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, event, received_at, sorted_at, pins FROM (SELECT id, event, received_at, sorted_at, pins \
             FROM deliveries ORDER BY received_at DESC, id DESC LIMIT $1) AS latest \
             WHERE pins LIKE $2 ESCAPE '!' ORDER BY received_at DESC, id DESC LIMIT $3",
        )
        .bind(LATEST)
        .bind(pattern)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .attempted("look for deliveries about a package")?;
        let about = rows.into_iter().map(received).filter(|received| match received {
            Ok(received) => received.pins.iter().any(|pin| pin == id),
            Err(_) => true,
        });
        about.collect()
    }
}
