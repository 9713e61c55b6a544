//! Up to which of its instants a schedule has been served. Whoever moves that instant on, asks for the check, in the same
//! transaction: so there is one check for one instant, however many replicas look at the clock.

use chrono::{DateTime, Utc};

use super::{Attempted as _, Cause, Scope, Store, StoreError, instant, jobs, millis};

impl Store {
    /// Up to which instant a schedule has been served. For one that is new, that is the last good check of all pins, so
    /// that a schedule that somebody changes is not taken for overdue.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn served_until(&self, name: &str) -> Result<DateTime<Utc>, StoreError> {
        let attempted = "read a schedule";
        sqlx::query(
            "INSERT INTO schedules (name, served_at) SELECT $1, COALESCE(MAX(started_at), 0) FROM checks \
             WHERE scope IS NULL AND fault IS NULL ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .execute(&self.pool)
        .await
        .attempted(attempted)?;
        let read = sqlx::query_as("SELECT served_at FROM schedules WHERE name = $1").bind(name).fetch_one(&self.pool);
        let (served_at,): (i64,) = read.await.attempted(attempted)?;
        Ok(instant(served_at))
    }

    /// Asks for the check that is due, unless somebody did so already: then the answer is `false`.
    ///
    /// # Errors
    /// When the database fails; then nothing was asked for.
    pub async fn serve(
        &self,
        name: &str,
        due: DateTime<Utc>,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query("UPDATE schedules SET served_at = $1 WHERE name = $2 AND served_at < $1")
            .bind(millis(due))
            .bind(name)
            .execute(&mut *transaction)
            .await
            .attempted("move a schedule on")?;
        let is_ours = moved.rows_affected() == 1;
        if is_ours {
            jobs::insert(&mut transaction, Cause::Schedule, scope, now).await?;
        }
        transaction.commit().await.attempted("move a schedule on")?;
        Ok(is_ours)
    }
}
