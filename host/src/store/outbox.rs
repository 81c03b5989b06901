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
    /// The row's number. It may be given again once the row is gone; `run_id` is not.
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

/// Adds work; the same work is added once. Where it waits for longer already, it is due at that time now.
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
         values ($1, $2, $3, $4, 'waiting', $5, $6)
         on conflict (installed_app_id, kind, attempt) do update set next_at = excluded.next_at
         where outbox.state = 'waiting' and outbox.next_at > excluded.next_at",
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

/// Adds work, also where the same waits or was done before: it is done anew then, as a delivery of its own.
pub async fn add_anew(
    connection: &mut Connection,
    install: &InstallId,
    attempt: i64,
    kind: Kind,
    due: UnixMillis,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query("delete from outbox where installed_app_id = $1 and attempt = $2 and kind = $3")
        .bind(install.as_str())
        .bind(attempt)
        .bind(kind.as_str())
        .execute(&mut *connection)
        .await?;
    add(connection, install, attempt, kind, due, now).await
}

/// Whether any work of these kinds is due that nobody is doing.
pub async fn is_due(
    connection: &mut Connection,
    proofs: bool,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "select id from outbox where state = 'waiting' and next_at <= $1
             and (lease_until is null or lease_until <= $1) and (kind = 'prove') = $2 limit 1",
    )
    .bind(now.get())
    .bind(proofs)
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}

/// Leases work that is due to a host until `until`, oldest first: proofs of keys, or hooks of guests.
pub async fn lease(
    connection: &mut Connection,
    host: &str,
    proofs: bool,
    now: UnixMillis,
    until: UnixMillis,
    limit: usize,
) -> Result<Vec<Work>, StoreError> {
    let rows = sqlx::query(
        "update outbox set lease_by = $1, lease_until = $2 where id in (
             select id from outbox where state = 'waiting' and next_at <= $3
                 and (lease_until is null or lease_until <= $3) and (kind = 'prove') = $4
             order by next_at, id limit $5)
         returning *",
    )
    .bind(host)
    .bind(until.get())
    .bind(now.get())
    .bind(proofs)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Work::try_from).collect()
}

/// Keeps work that a host has leased, and still does, from being taken up by another one.
pub async fn renew(
    connection: &mut Connection,
    host: &str,
    work: &Work,
    until: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set lease_until = $4
         where id = $1 and run_id = $2 and lease_by = $3 and state = 'waiting'",
    )
    .bind(work.id)
    .bind(&work.run_id)
    .bind(host)
    .bind(until.get())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends every lease: whoever had them is gone.
pub async fn end_leases(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("update outbox set lease_by = null, lease_until = null where lease_by is not null")
        .execute(connection)
        .await?;
    Ok(())
}

/// When work that is not due yet, or that somebody has leased, may be taken up.
pub async fn next_due(
    connection: &mut Connection,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, StoreError> {
    let row = sqlx::query(
        "select min(case when lease_until > next_at then lease_until else next_at end) as next_at
         from outbox where state = 'waiting' and (next_at > $1 or lease_until > $1)",
    )
    .bind(now.get())
    .fetch_one(connection)
    .await?;
    Ok(row
        .try_get::<Option<i64>, _>("next_at")?
        .map(UnixMillis::new))
}

/// Marks work as done, if the host still has it. Here and below: what another host has taken up meanwhile is its own.
pub async fn finish(
    connection: &mut Connection,
    host: &str,
    work: &Work,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set state = 'done', reason = null, lease_by = null, lease_until = null
         where id = $1 and run_id = $2 and lease_by = $3",
    )
    .bind(work.id)
    .bind(&work.run_id)
    .bind(host)
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives work up, visibly.
pub async fn park(
    connection: &mut Connection,
    host: &str,
    work: &Work,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set state = 'parked', tries = tries + 1, reason = $4, lease_by = null, lease_until = null
         where id = $1 and run_id = $2 and lease_by = $3",
    )
    .bind(work.id)
    .bind(&work.run_id)
    .bind(host)
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets work to another try.
pub async fn retry(
    connection: &mut Connection,
    host: &str,
    work: &Work,
    next: UnixMillis,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set tries = tries + 1, next_at = $4, reason = $5, lease_by = null, lease_until = null
         where id = $1 and run_id = $2 and lease_by = $3",
    )
    .bind(work.id)
    .bind(&work.run_id)
    .bind(host)
    .bind(next.get())
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts work off that can't be done for now, through no fault of its own: that is no try, and its life begins anew.
pub async fn postpone(
    connection: &mut Connection,
    host: &str,
    work: &Work,
    next: UnixMillis,
    reason: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "update outbox set next_at = $4, reason = $5, created_at = $6,
             lease_by = null, lease_until = null
         where id = $1 and run_id = $2 and lease_by = $3",
    )
    .bind(work.id)
    .bind(&work.run_id)
    .bind(host)
    .bind(next.get())
    .bind(reason)
    .bind(now.get())
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

/// Forgets the work of all attempts of an install that are no more.
pub async fn forget_orphans(
    connection: &mut Connection,
    install: &InstallId,
) -> Result<(), StoreError> {
    sqlx::query(
        "delete from outbox where installed_app_id = $1 and attempt not in (
             select attempt from installs where installed_app_id = $1)",
    )
    .bind(install.as_str())
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
