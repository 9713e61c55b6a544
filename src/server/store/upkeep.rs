//! Keeping the store small and whole: retention, backup, a check of the database itself.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::{Attempted as _, Database, Engine, Store, StoreError, migrator, millis};

impl Store {
    /// Drops what is older than an instant: checks, deliveries, actions, and changes but for the last one of each pin before
    /// it, which tells what held then. The answer is how many rows went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_before(&self, instant: DateTime<Utc>) -> Result<u64, StoreError> {
        let attempted = "drop what is too old";
        let mut transaction = self.begin().await?;
        let checks = sqlx::query(
            "DELETE FROM checks WHERE ended_at < $1 AND started_at < \
             (SELECT COALESCE(MAX(started_at), 0) FROM checks WHERE scope IS NULL AND fault IS NULL)",
        );
        let checks = checks.bind(millis(instant)).execute(&mut *transaction).await.attempted(attempted)?;
        let changes = sqlx::query(
            "DELETE FROM changes WHERE changed_at < (SELECT MAX(later.changed_at) FROM changes AS later \
             WHERE later.id = changes.id AND later.changed_at < $1)",
        );
        let changes = changes.bind(millis(instant)).execute(&mut *transaction).await.attempted(attempted)?;
        let deliveries = sqlx::query("DELETE FROM deliveries WHERE received_at < $1 AND sorted_at IS NOT NULL");
        let deliveries = deliveries.bind(millis(instant)).execute(&mut *transaction).await.attempted(attempted)?;
        let actions = sqlx::query("DELETE FROM actions WHERE ended_at < $1");
        let actions = actions.bind(millis(instant)).execute(&mut *transaction).await.attempted(attempted)?;
        transaction.commit().await.attempted(attempted)?;
        let rows = [checks, changes, deliveries, actions].map(|done| done.rows_affected());
        Ok(rows.iter().sum())
    }

    /// Writes a whole and consistent copy of a SQLite database to a new file, while the service runs.
    ///
    /// # Errors
    /// When the file is there already or cannot be written, and for PostgreSQL, which has a program for that.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if self.engine == Engine::Postgres {
            return Err(StoreError::Unsupported("PostgreSQL is backed up with its own `pg_dump`"));
        }
        let copied = sqlx::query("VACUUM INTO $1").bind(to.to_string_lossy().into_owned()).execute(&self.pool).await;
        copied.attempted("copy the database")?;
        Ok(())
    }

    /// Opens a database as it is and looks whether it is whole and its tables are those of this version.
    ///
    /// # Errors
    /// With what is wrong.
    pub async fn check(database: &Database) -> Result<(), StoreError> {
        let store = Self::connect(database).await?;
        if store.engine == Engine::Sqlite {
            let rows = sqlx::query_as("PRAGMA integrity_check").fetch_all(&store.pool).await;
            let rows: Vec<(String,)> = rows.attempted("check the database")?;
            let faults: Vec<String> = rows.into_iter().map(|(row,)| row).filter(|row| row != "ok").collect();
            if !faults.is_empty() {
                return Err(StoreError::Damaged(faults.join("; ")));
            }
        }
        let done = sqlx::query_as("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
        let done: Vec<(i64,)> = done.fetch_all(&store.pool).await.attempted("read which tables there are")?;
        let expected: Vec<i64> = migrator().iter().map(|step| step.version).collect();
        let found: Vec<i64> = done.into_iter().map(|(version,)| version).collect();
        if found != expected {
            let reason = format!("its tables are at step {found:?}, and those of this version at {expected:?}");
            return Err(StoreError::Migrate { database: database.to_string(), reason });
        }
        store.dispatches().await?;
        store.actions(DateTime::<Utc>::MAX_UTC, 1).await?;
        store.known().await.map(drop)
    }
}
