//! The record of `upmon dispatch` in the database. One process holds it at a time, by a row that it keeps alive; whatever it
//! writes is written only while that row is its own, so a process that was thought dead starts nothing behind another's back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::task::AbortHandle;

use super::{Attempted as _, Store, StoreError, millis};
use crate::dispatch::record::{Dispatched, Ledger, Record, RecordError};
use crate::server::clock::now;

/// How long a process that is not heard of holds the record: less than an action stays with a worker that died.
const HOLD: Duration = Duration::from_secs(20);

/// How often it is heard of.
const HEARTBEAT: Duration = Duration::from_secs(5);

const NAME: &str = "dispatches";

/// The record, held by this process or only looked at.
#[derive(Debug)]
pub struct StoredRecord {
    store: Store,
    holder: String,
    heart: Option<AbortHandle>,
}

impl StoredRecord {
    /// Takes the record for a run that writes it. To be called in a runtime, which keeps it.
    ///
    /// # Errors
    /// When another process holds it, or the database fails.
    pub async fn lock(store: Store) -> Result<Self, RecordError> {
        let holder = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
        if !store.hold(&holder, now()).await.map_err(|error| unusable(&error))? {
            return Err(RecordError::new(
                "another run works with the record of dispatches in the database".to_owned(),
                "two at once could start the same twice: wait for the other one; one that was killed holds it for 20 seconds",
            ));
        }
        let (kept, name) = (store.clone(), holder.clone());
        let heart = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                // what is written tells for certain whether it is still ours
                let _ = kept.hold(&name, now()).await;
            }
        });
        Ok(Self { store, holder, heart: Some(heart.abort_handle()) })
    }

    /// Takes the record for a run that only looks.
    pub const fn unlocked(store: Store) -> Self {
        Self { store, holder: String::new(), heart: None }
    }
}

impl Drop for StoredRecord {
    fn drop(&mut self) {
        if let Some(heart) = &self.heart {
            heart.abort();
        }
    }
}

fn unusable(error: &StoreError) -> RecordError {
    RecordError::new(format!("cannot use the record of dispatches: {error}"), "nothing was started without it")
}

impl Ledger for StoredRecord {
    fn read(&self) -> BoxFuture<'_, Result<Record, RecordError>> {
        async move { self.store.dispatches().await.map_err(|error| unusable(&error)) }.boxed()
    }

    fn write<'a>(&'a self, package: &'a str, dispatches: Vec<Dispatched>) -> BoxFuture<'a, Result<(), RecordError>> {
        async move {
            self.store
                .note_dispatches(&self.holder, package, &dispatches, now())
                .await
                .map_err(|error| unusable(&error))
        }
        .boxed()
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(heart) = &self.heart {
                heart.abort();
                // else others wait for a minute
                let _ = self.store.let_go(&self.holder).await;
            }
        }
        .boxed()
    }
}

impl Store {
    /// Holds the record, anew or for longer; `false` while somebody else does.
    async fn hold(&self, holder: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let held = sqlx::query(
            "INSERT INTO locks (name, holder, held_until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
             SET holder = excluded.holder, held_until = excluded.held_until \
             WHERE locks.holder = excluded.holder OR locks.held_until < $4",
        )
        .bind(NAME)
        .bind(holder)
        .bind(millis(now + HOLD))
        .bind(millis(now))
        .execute(&self.pool)
        .await
        .attempted("hold the record of dispatches")?;
        Ok(held.rows_affected() == 1)
    }

    async fn let_go(&self, holder: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM locks WHERE name = $1 AND holder = $2").bind(NAME).bind(holder);
        gone.execute(&self.pool).await.attempted("let the record of dispatches go")?;
        Ok(())
    }

    /// Everything that was started, in the order in which it was.
    ///
    /// # Errors
    /// When the database fails, or holds a dispatch that this version did not write.
    pub async fn dispatches(&self) -> Result<Record, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT package, dispatched FROM dispatches")
            .fetch_all(&self.pool)
            .await
            .attempted("read the record of dispatches")?;
        let read = |(id, text): (String, String)| {
            serde_json::from_str(&text).map_err(|error: serde_json::Error| StoreError::Row {
                table: "dispatches",
                id,
                reason: error.to_string(),
            })
        };
        let mut dispatches: Vec<Dispatched> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        dispatches.sort_by(|one, other| {
            (one.at, &one.package, &one.target, &one.version).cmp(&(
                other.at,
                &other.package,
                &other.target,
                &other.version,
            ))
        });
        Ok(Record { dispatches })
    }

    async fn note_dispatches(
        &self,
        holder: &str,
        package: &str,
        dispatches: &[Dispatched],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let attempted = "write the record of dispatches";
        let mut transaction = self.begin().await?;
        // the row stays locked to the end of the transaction
        let ours = sqlx::query("UPDATE locks SET held_until = $1 WHERE name = $2 AND holder = $3")
            .bind(millis(now + HOLD))
            .bind(NAME)
            .bind(holder)
            .execute(&mut *transaction)
            .await
            .attempted(attempted)?;
        if ours.rows_affected() != 1 {
            return Err(StoreError::LeaseLost);
        }
        let gone = sqlx::query("DELETE FROM dispatches WHERE package = $1").bind(package).execute(&mut *transaction);
        gone.await.attempted(attempted)?;
        for dispatched in dispatches {
            put(&mut transaction, dispatched).await?;
        }
        transaction.commit().await.attempted(attempted)
    }
}

async fn put(connection: &mut AnyConnection, dispatched: &Dispatched) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO dispatches (package, target, version, dispatched) VALUES ($1, $2, $3, $4)")
        .bind(&dispatched.package)
        .bind(&dispatched.target)
        .bind(&dispatched.version)
        .bind(serde_json::to_string(dispatched).expect("a dispatch is plain data"))
        .execute(connection)
        .await
        .attempted("write the record of dispatches")?;
    Ok(())
}
