//! What checks learned: now, and over time.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AnyConnection;

use super::actions::{self, Asked};
use super::{Attempted as _, Engine, Job, Scope, Store, StoreError, instant, jobs, millis, new_id};
use crate::lag::Status;
use crate::report::{Finding, NoticeKind};
use crate::server::change::{Changed, Told};
use crate::server::fingerprint;

/// How a check went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When it began: what it learned is as old as that.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Which pins it was for.
    pub scope: Scope,
    /// What it learned, or why it came to nothing.
    pub learned: Result<Learned, String>,
}

/// What a check learned.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The ids of all pins, in the order of their file: what is not among them is no longer pinned.
    pub pins: Vec<String>,
    /// What was found about those that were checked.
    pub findings: Vec<Finding>,
}

/// What is known of a pin.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The finding.
    pub finding: Finding,
    /// When the check began that it is from.
    pub checked_at: DateTime<Utc>,
    /// When such a check last learned something.
    pub known_at: Option<DateTime<Utc>>,
}

/// What was known of a pin from an instant on.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The instant.
    pub changed_at: DateTime<Utc>,
    /// The finding.
    pub finding: Finding,
}

/// How often a job is begun before it is given up.
const ATTEMPTS: i64 = 5;

/// The wait after the first attempt; it doubles with each.
const WAIT: TimeDelta = TimeDelta::seconds(15);

impl Store {
    /// Writes how a check went and ends the jobs that asked for it. One that came to nothing is begun again later, unless
    /// it was begun often enough.
    ///
    /// # Errors
    /// When the database fails or the jobs have been taken over; then nothing is written.
    pub async fn record(&self, outcome: &Outcome, jobs: &[Job], worker: &str) -> Result<(), StoreError> {
        self.record_and_ask(outcome, jobs, worker, &|_| Vec::new()).await
    }

    /// The same, and asks for the actions that follow from what changed: both, or neither.
    ///
    /// # Errors
    /// As above.
    pub(in crate::server) async fn record_and_ask(
        &self,
        outcome: &Outcome,
        jobs: &[Job],
        worker: &str,
        follow: &(dyn Fn(&News) -> Vec<Asked> + Send + Sync),
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        if let Ok(learned) = &outcome.learned {
            jobs::end(&mut transaction, jobs, worker).await?;
            if self.engine == Engine::Postgres {
                // two checks that end together must not tell the same change; whoever writes to SQLite is alone
                let lock = sqlx::query("LOCK TABLE findings IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction);
                lock.await.attempted("write what a check learned")?;
            }
            let news = write(&mut transaction, learned, outcome.started_at).await?;
            let cause = jobs.first().map_or("", |job| job.cause.as_str());
            actions::ask(&mut transaction, &follow(&news), cause, outcome.ended_at).await?;
        } else {
            let (over, again): (Vec<Job>, Vec<Job>) = jobs.iter().cloned().partition(|job| job.attempts >= ATTEMPTS);
            jobs::end(&mut transaction, &over, worker).await?;
            let until = |job: &Job| outcome.ended_at + WAIT * (1 << job.attempts.clamp(1, ATTEMPTS));
            jobs::put_off(&mut transaction, &again, worker, until).await?;
        }
        note(&mut transaction, outcome, jobs).await?;
        transaction.commit().await.attempted("write what a check learned")
    }

    /// What is known of every pin, in the order of their file.
    ///
    /// # Errors
    /// When the database fails, or holds a finding that this version did not write.
    pub async fn known(&self) -> Result<Vec<Known>, StoreError> {
        let rows: Vec<(String, i64, Option<i64>, String)> =
            sqlx::query_as("SELECT id, checked_at, known_at, finding FROM findings ORDER BY place, id")
                .fetch_all(&self.pool)
                .await
                .attempted("read what is known")?;
        let known = |(id, checked_at, known_at, finding): (String, i64, Option<i64>, String)| {
            Ok(Known {
                finding: read("findings", &id, &finding)?,
                checked_at: instant(checked_at),
                known_at: known_at.map(instant),
            })
        };
        rows.into_iter().map(known).collect()
    }

    /// What changed about a pin before an instant, latest first.
    ///
    /// # Errors
    /// When the database fails, or holds a finding that this version did not write.
    pub async fn history(&self, id: &str, before: DateTime<Utc>, most: u32) -> Result<Vec<Change>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT changed_at, finding FROM changes WHERE id = $1 AND changed_at < $2 \
             ORDER BY changed_at DESC LIMIT $3",
        )
        .bind(id)
        .bind(millis(before))
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .attempted("read what changed")?;
        let change = |(at, finding): (i64, String)| {
            Ok(Change { changed_at: instant(at), finding: read("changes", id, &finding)? })
        };
        rows.into_iter().map(change).collect()
    }

    /// The id of the check that ended last, by which a replica sees that another one has learned something.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_check(&self) -> Result<Option<String>, StoreError> {
        let row = sqlx::query_as("SELECT id FROM checks ORDER BY ended_at DESC, id DESC LIMIT 1");
        let row: Option<(String,)> = row.fetch_optional(&self.pool).await.attempted("look for the newest check")?;
        Ok(row.map(|(id,)| id))
    }

    /// When the last check of all pins that led to a report began.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_good_check(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query_as("SELECT MAX(started_at) FROM checks WHERE scope IS NULL AND fault IS NULL");
        let (at,): (Option<i64>,) = row.fetch_one(&self.pool).await.attempted("look for the last good check")?;
        Ok(at.map(instant))
    }
}

fn read(table: &'static str, id: &str, finding: &str) -> Result<Finding, StoreError> {
    let wrong = |error: serde_json::Error| StoreError::Row { table, id: id.to_owned(), reason: error.to_string() };
    serde_json::from_str(finding).map_err(wrong)
}

/// What a check has changed.
#[derive(Debug, Default)]
pub(in crate::server) struct News {
    /// The pins of which something changed that is told.
    pub(in crate::server) changed: Vec<Changed>,
    /// Whether anything is other than before, be it a word.
    pub(in crate::server) is_different: bool,
}

/// What stands in the table before a check is written.
struct Row {
    place: i64,
    checked_at: i64,
    known_at: Option<i64>,
    digest: String,
    told: Option<String>,
}

async fn write(connection: &mut AnyConnection, learned: &Learned, at: DateTime<Utc>) -> Result<News, StoreError> {
    let mut rows = rows(connection).await?;
    let mut news = News::default();
    for finding in &learned.findings {
        let row = rows.get(&finding.id);
        // a check that began earlier and took longer knows less
        if row.is_none_or(|row| row.checked_at <= millis(at)) {
            put(connection, finding, row, at, &mut news).await?;
        }
    }
    for (place, id) in (0_i64..).zip(&learned.pins) {
        if rows.remove(id).is_some_and(|row| row.place == place) {
            continue;
        }
        let placed = sqlx::query("UPDATE findings SET place = $1 WHERE id = $2").bind(place).bind(id);
        placed.execute(&mut *connection).await.attempted("order the findings")?;
    }
    news.is_different |= !rows.is_empty();
    for id in rows.keys() {
        let gone = sqlx::query("DELETE FROM findings WHERE id = $1").bind(id).execute(&mut *connection);
        gone.await.attempted("drop a finding")?;
    }
    Ok(news)
}

async fn rows(connection: &mut AnyConnection) -> Result<HashMap<String, Row>, StoreError> {
    type Columns = (String, i64, i64, Option<i64>, String, Option<String>);
    let rows: Vec<Columns> = sqlx::query_as("SELECT id, place, checked_at, known_at, digest, told FROM findings")
        .fetch_all(connection)
        .await
        .attempted("read what is known")?;
    let row = |(id, place, checked_at, known_at, digest, told)| (id, Row { place, checked_at, known_at, digest, told });
    Ok(rows.into_iter().map(row).collect())
}

async fn put(
    connection: &mut AnyConnection,
    finding: &Finding,
    row: Option<&Row>,
    at: DateTime<Utc>,
    news: &mut News,
) -> Result<(), StoreError> {
    let told = tell(finding, row, news)?;
    let text = serde_json::to_string(finding).expect("a finding has only text keys and serialises");
    let digest = digest(finding);
    let known_at = if finding.status == Status::Unknown { row.and_then(|row| row.known_at) } else { Some(millis(at)) };
    sqlx::query(
        "INSERT INTO findings (id, place, checked_at, known_at, digest, finding, told) \
         VALUES ($1, -1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at, known_at = excluded.known_at, \
         digest = excluded.digest, finding = excluded.finding, told = excluded.told",
    )
    .bind(&finding.id)
    .bind(millis(at))
    .bind(known_at)
    .bind(&digest)
    .bind(&text)
    .bind(&told)
    .execute(&mut *connection)
    .await
    .attempted("write a finding")?;
    if row.is_some_and(|row| row.digest == digest) {
        return Ok(());
    }
    news.is_different = true;
    sqlx::query(
        "INSERT INTO changes (id, changed_at, finding) VALUES ($1, $2, $3) \
         ON CONFLICT (id, changed_at) DO UPDATE SET finding = excluded.finding",
    )
    .bind(&finding.id)
    .bind(millis(at))
    .bind(&text)
    .execute(connection)
    .await
    .attempted("write a change")?;
    Ok(())
}

/// What is told of a pin from here on, as its column holds it. A row that was there before anything was told is where that
/// begins; a pin without a row begins with nothing.
fn tell(finding: &Finding, row: Option<&Row>, news: &mut News) -> Result<String, StoreError> {
    let wrong = |error: serde_json::Error| StoreError::Row {
        table: "findings",
        id: finding.id.clone(),
        reason: error.to_string(),
    };
    let before = row.and_then(|row| row.told.as_deref()).map(serde_json::from_str::<Told>);
    let before = before.transpose().map_err(wrong)?;
    let is_old = before.is_none() && row.is_some();
    let (told, changed) = before.unwrap_or_default().next(finding);
    news.changed.extend(changed.filter(|_| !is_old));
    Ok(serde_json::to_string(&told).expect("it has only text keys and serialises"))
}

/// Names what counts as a change: not that another day has passed, not where the pin stands in its file, not since when facts
/// are stale, and not the words in which the same trouble is told.
fn digest(finding: &Finding) -> String {
    let mut plain = finding.clone();
    plain.days = None;
    plain.place = None;
    plain.confirmed_at = None;
    plain.error.iter_mut().for_each(|error| error.message.clear());
    let is_stale = |kind: NoticeKind| kind == NoticeKind::Stale;
    plain.notices.iter_mut().filter(|notice| is_stale(notice.kind)).for_each(|notice| notice.message.clear());
    fingerprint(&serde_json::to_vec(&plain).expect("a finding has only text keys and serialises"))
}

async fn note(connection: &mut AnyConnection, outcome: &Outcome, jobs: &[Job]) -> Result<(), StoreError> {
    let findings = outcome.learned.as_ref().map_or(&[][..], |learned| &learned.findings);
    let unknown = findings.iter().filter(|finding| finding.status == Status::Unknown).count();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO checks (id, cause, scope, started_at, ended_at, packages, unknown, fault) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new_id(outcome.ended_at))
    .bind(jobs.first().map_or("", |job| job.cause.as_str()))
    .bind(outcome.scope.column())
    .bind(millis(outcome.started_at))
    .bind(millis(outcome.ended_at))
    .bind(count(findings.len()))
    .bind(count(unknown))
    .bind(outcome.learned.as_ref().err())
    .execute(connection)
    .await
    .attempted("write that a check has ended")?;
    Ok(())
}
