//! Table `outbox`: the work behind an answered event.

use sqlx::Row as _;

use super::database::{Connection, Row};
use super::error::{Inconsistent, StoreError};
use crate::model::{InstallId, UnixMillis};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Prove the key of an attempt.
    Prove,
    /// Tell the guest that it was installed.
    Installed,
    /// Tell the guest that it was uninstalled, then erase its records.
    Uninstalled,
}

impl Kind {
    /// The kind as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prove => "prove",
            Self::Installed => "installed",
            Self::Uninstalled => "uninstalled",
        }
    }
}

/// Work that is due.
#[derive(Debug, Clone)]
pub struct Work {
    /// The row's number.
    pub id: i64,
    /// Names the delivery to the guest, the same through all tries; unguessable.
    pub run_id: String,
    /// The installation.
    pub install: InstallId,
    /// Which attempt.
    pub attempt: i64,
    /// What to do.
    pub kind: Kind,
    /// Tries so far.
    pub tries: i64,
    /// When it was first wanted.
    pub created_at: UnixMillis,
}

impl TryFrom<Row> for Work {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id: i64 = row.try_get("id")?;
        let bad = |column| Inconsistent {
            table: "outbox",
            column,
            row: id.to_string(),
        };
        let kind: String = row.try_get("kind")?;
        Ok(Self {
            id,
            install: InstallId::parse(row.try_get::<String, _>("installed_app_id")?)
                .map_err(|_| bad("installed_app_id"))?,
            attempt: row.try_get("attempt")?,
            run_id: row.try_get("run_id")?,
            kind: [Kind::Prove, Kind::Installed, Kind::Uninstalled]
                .into_iter()
                .find(|known| known.as_str() == kind)
                .ok_or_else(|| bad("kind"))?,
            tries: row.try_get("tries")?,
            created_at: UnixMillis::new(row.try_get("created_at")?),
        })
    }
}

/// Adds work; the same work is added once.
pub async fn add(
    connection: &mut Connection,
    install: &InstallId,
    attempt: i64,
    kind: Kind,
    due: UnixMillis,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into outbox (installed_app_id, attempt, kind, run_id, state, next_at, created_at)
         values ($1, $2, $3, $4, 'waiting', $5, $6) on conflict do nothing",
    )
    .bind(install.as_str())
    .bind(attempt)
    .bind(kind.as_str())
    .bind(crate::secret::random_name())
    .bind(due.get())
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}

/// Work that is due, oldest first, at most `limit` proofs of keys and as many hooks of guests.
pub async fn due(
    connection: &mut Connection,
    now: UnixMillis,
    limit: u32,
) -> Result<Vec<Work>, StoreError> {
    let mut work = due_of(connection, true, now, limit).await?;
    work.extend(due_of(connection, false, now, limit).await?);
    Ok(work)
}

async fn due_of(
    connection: &mut Connection,
    proofs: bool,
    now: UnixMillis,
    limit: u32,
) -> Result<Vec<Work>, StoreError> {
    let rows = sqlx::query(
        "select * from outbox where state = 'waiting' and next_at <= $1
             and (kind = 'prove') = $3 order by next_at, id limit $2",
    )
    .bind(now.get())
    .bind(i64::from(limit))
    .bind(proofs)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Work::try_from).collect()
}

/// When work that is not due yet will be, if any waits.
pub async fn next_due(
    connection: &mut Connection,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, StoreError> {
    let row = sqlx::query(
        "select min(next_at) as next_at from outbox where state = 'waiting' and next_at > $1",
    )
    .bind(now.get())
    .fetch_one(connection)
    .await?;
    Ok(row
        .try_get::<Option<i64>, _>("next_at")?
        .map(UnixMillis::new))
}

/// Marks work as done.
pub async fn finish(connection: &mut Connection, id: i64) -> Result<(), StoreError> {
    sqlx::query("update outbox set state = 'done', reason = null where id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives work up, visibly.
pub async fn park(connection: &mut Connection, id: i64, reason: &str) -> Result<(), StoreError> {
    sqlx::query("update outbox set state = 'parked', tries = tries + 1, reason = $2 where id = $1")
        .bind(id)
        .bind(reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets work to another try.
pub async fn retry(
    connection: &mut Connection,
    id: i64,
    next: UnixMillis,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query("update outbox set tries = tries + 1, next_at = $2, reason = $3 where id = $1")
        .bind(id)
        .bind(next.get())
        .bind(reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets the work of an attempt that is no more.
pub async fn forget(
    connection: &mut Connection,
    install: &InstallId,
    attempt: i64,
) -> Result<(), StoreError> {
    sqlx::query("delete from outbox where installed_app_id = $1 and attempt = $2")
        .bind(install.as_str())
        .bind(attempt)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops what still waits for one attempt: it has ended.
pub async fn drop_attempt(
    connection: &mut Connection,
    install: &InstallId,
    attempt: i64,
    kind: Kind,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set state = 'done', reason = 'no longer needed'
         where installed_app_id = $1 and attempt = $2 and kind = $3 and state = 'waiting'",
    )
    .bind(install.as_str())
    .bind(attempt)
    .bind(kind.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what still waits for an install: it has begun anew.
pub async fn drop_waiting(
    connection: &mut Connection,
    install: &InstallId,
    kind: Kind,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update outbox set state = 'done', reason = 'no longer needed'
         where installed_app_id = $1 and kind = $2 and state = 'waiting'",
    )
    .bind(install.as_str())
    .bind(kind.as_str())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
