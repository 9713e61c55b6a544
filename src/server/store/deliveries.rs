//! What forges and others told. A delivery stands here before it is acknowledged, and stays until its time is over, so
//! that it is known when it comes again.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AnyConnection;

use super::{Attempted as _, Cause, Engine, Scope, Store, StoreError, instant, jobs, millis};

/// Something that was told, and that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, as the sender names it.
    pub id: String,
    /// The kind of event.
    pub event: String,
    /// The digest of its body.
    pub digest: String,
    /// What it is about, as JSON.
    pub concern: String,
}

/// A delivery, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its id, as the sender names it.
    pub id: String,
    /// The kind of event.
    pub event: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was found out which pins it concerns.
    pub sorted_at: Option<DateTime<Utc>>,
    /// Which those are.
    pub pins: Vec<String>,
}

/// For so long, the same body under another id is taken for a copy: the id is not signed, so whoever has seen a delivery
/// could send it again under any name. Later it may be a second event that looks the same.
const COPY: TimeDelta = TimeDelta::hours(1);

/// The most deliveries that are looked at together.
pub const BATCH: usize = 500;

impl Store {
    /// Takes deliveries together. The answer says of each whether it is new; `false` for one that came before.
    ///
    /// # Errors
    /// When the database fails; then none of them was taken.
    pub async fn receive(&self, deliveries: &[Delivery], now: DateTime<Utc>) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.begin().await?;
        if self.engine == Engine::Postgres {
            // replicas that are told the same in another order would each wait for a row of the other, and neither sees a
            // copy that the other has just written
            let lock = sqlx::query("LOCK TABLE deliveries IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction);
            lock.await.attempted("take a delivery")?;
        }
        let mut are_new = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            are_new.push(insert(&mut transaction, delivery, now).await?);
        }
        transaction.commit().await.attempted("take a delivery")?;
        Ok(are_new)
    }

    /// Deliveries that nobody has looked at, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsorted(&self) -> Result<Vec<Delivery>, StoreError> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, event, digest, concern FROM deliveries WHERE sorted_at IS NULL ORDER BY received_at, id LIMIT $1",
        )
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .attempted("look for deliveries")?;
        let delivery = |(id, event, digest, concern)| Delivery { id, event, digest, concern };
        Ok(rows.into_iter().map(delivery).collect())
    }

    /// Writes which pins deliveries concern and asks for one check of all of those, together.
    ///
    /// # Errors
    /// When the database fails, or somebody else has done so: then nothing is written.
    pub async fn sort(&self, sorted: &[(String, Vec<String>)], now: DateTime<Utc>) -> Result<(), StoreError> {
        let attempted = "sort deliveries";
        let mut transaction = self.begin_lightly().await?;
        if self.engine == Engine::Postgres {
            // a replica with other pins would write the same rows in another order, and each wait for a row of the other; so
            // all take them in one order first
            let ids: Vec<&str> = sorted.iter().map(|(id, _)| id.as_str()).collect();
            let locked = sqlx::query(LOCK_STATEMENT).bind(list(&ids)).fetch_all(&mut *transaction);
            if locked.await.attempted(attempted)?.len() != sorted.len() {
                return Err(StoreError::LeaseLost);
            }
        }
        for (pins, ids) in alike(sorted) {
            let written = sqlx::query(sort_statement(self.engine)).bind(millis(now)).bind(pins).bind(list(&ids));
            let written = written.execute(&mut *transaction).await.attempted(attempted)?;
            if written.rows_affected() != ids.len() as u64 {
                return Err(StoreError::LeaseLost);
            }
        }
        let concerned = sorted.iter().map(|(_, pins)| Scope::Some(pins.clone())).reduce(Scope::union);
        if let Some(scope) = concerned.filter(|scope| *scope != Scope::Some(Vec::new())) {
            jobs::insert(&mut transaction, Cause::Webhook, &scope, now).await?;
        }
        transaction.commit().await.attempted(attempted)
    }

    /// The deliveries that came before an instant, latest first: as many as are wanted, and those that came in the same
    /// millisecond as the last of them, so that none is missed between two pages.
    ///
    /// # Errors
    /// When the database fails, or holds one that this version did not write.
    pub async fn deliveries(&self, before: DateTime<Utc>, most: u32) -> Result<Vec<Received>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, event, received_at, sorted_at, pins FROM deliveries WHERE received_at < $1 \
             AND received_at >= COALESCE((SELECT last.received_at FROM deliveries AS last \
             WHERE last.received_at < $1 ORDER BY last.received_at DESC LIMIT 1 OFFSET $2), 0) \
             ORDER BY received_at DESC, id DESC",
        )
        .bind(millis(before))
        .bind(i64::from(most.saturating_sub(1)))
        .fetch_all(&self.pool)
        .await
        .attempted("read deliveries")?;
        rows.into_iter().map(received).collect()
    }
}

/// Takes deliveries that nobody has sorted, in the order of their ids.
const LOCK_STATEMENT: &str = "SELECT id FROM deliveries WHERE sorted_at IS NULL \
     AND id IN (SELECT json_array_elements_text($1::json)) ORDER BY id FOR UPDATE";

/// One statement for all that concern the same pins: while they are written, new deliveries wait.
const fn sort_statement(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "UPDATE deliveries SET sorted_at = $1, pins = $2 \
             WHERE sorted_at IS NULL AND id IN (SELECT value FROM json_each($3))"
        }
        Engine::Postgres => {
            "UPDATE deliveries SET sorted_at = $1, pins = $2 \
             WHERE sorted_at IS NULL AND id IN (SELECT json_array_elements_text($3::json))"
        }
    }
}

/// The ids of deliveries by the pins that they concern, both lists as columns hold them.
fn alike(sorted: &[(String, Vec<String>)]) -> BTreeMap<String, Vec<&str>> {
    let mut alike = BTreeMap::<_, Vec<&str>>::new();
    for (id, pins) in sorted {
        alike.entry(list(pins)).or_default().push(id);
    }
    alike
}

fn list<T: serde::Serialize>(texts: &[T]) -> String {
    serde_json::to_string(texts).expect("a list of texts serialises")
}

async fn insert(connection: &mut AnyConnection, delivery: &Delivery, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO deliveries (id, event, received_at, digest, concern) SELECT $1, $2, $3, $4, $5 \
         WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE digest = $4 AND received_at > $6) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&delivery.id)
    .bind(&delivery.event)
    .bind(millis(now))
    .bind(&delivery.digest)
    .bind(&delivery.concern)
    .bind(millis(now - COPY))
    .execute(connection)
    .await
    .attempted("take a delivery")?;
    Ok(taken.rows_affected() == 1)
}

/// Id, event, when it came, when it was sorted, pins.
pub(super) type Row = (String, String, i64, Option<i64>, Option<String>);

pub(super) fn received((id, event, received_at, sorted_at, pins): Row) -> Result<Received, StoreError> {
    let pins = pins.map_or(Ok(Vec::new()), |pins| serde_json::from_str(&pins)).map_err(|error| StoreError::Row {
        table: "deliveries",
        id: id.clone(),
        reason: error.to_string(),
    })?;
    Ok(Received { id, event, received_at: instant(received_at), sorted_at: sorted_at.map(instant), pins })
}
