//! Table `webhook_events`: what Cloud has told, and that it was answered.

use sqlx::Row as _;

use super::database::Connection;
use super::error::StoreError;
use crate::model::{EventKey, InstallId, Slug, UnixMillis};

/// Bodies that are remembered for each event key.
const KEPT_BODIES: i64 = 8;
/// Events that are remembered for each install, under whatever keys.
const KEPT_OF_INSTALL: i64 = 16;

/// A fingerprint of an event that was answered before.
#[derive(Debug)]
pub struct SeenEvent {
    /// Which attempt under this key, from 1.
    pub attempt: i64,
    /// The body's fingerprint.
    pub fingerprint: Vec<u8>,
}

/// What is known under an event key, newest first.
pub async fn seen(
    connection: &mut Connection,
    slug: &Slug,
    key: &EventKey,
) -> Result<Vec<SeenEvent>, StoreError> {
    let rows = sqlx::query(
        "select attempt, payload_fp from webhook_events where app_slug = $1 and idempotency_key = $2
         order by attempt desc",
    )
    .bind(slug.as_str())
    .bind(key.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(SeenEvent {
                attempt: row.try_get("attempt")?,
                fingerprint: row.try_get("payload_fp")?,
            })
        })
        .collect()
}

/// An event to remember.
#[derive(Debug)]
pub struct EventRow<'a> {
    /// The app whose address it came to.
    pub slug: &'a Slug,
    /// The event's key.
    pub key: &'a EventKey,
    /// Which attempt under this key, from 1.
    pub attempt: i64,
    /// `install` or `uninstall`.
    pub event_type: &'static str,
    /// The installation.
    pub install: &'a InstallId,
    /// The body's fingerprint.
    pub fingerprint: &'a [u8],
}

/// Remembers an event, of its key only the newest eight bodies, and of its install only the newest sixteen events:
/// whoever alters a body or a key each time would make any number of them.
pub async fn insert(
    connection: &mut Connection,
    event: &EventRow<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into webhook_events
             (app_slug, idempotency_key, attempt, event_type, installed_app_id, payload_fp, received_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(event.slug.as_str())
    .bind(event.key.as_str())
    .bind(event.attempt)
    .bind(event.event_type)
    .bind(event.install.as_str())
    .bind(event.fingerprint)
    .bind(now.get())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "delete from webhook_events where app_slug = $1 and idempotency_key = $2 and attempt <= $3",
    )
    .bind(event.slug.as_str())
    .bind(event.key.as_str())
    .bind(event.attempt - KEPT_BODIES)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "delete from webhook_events where (app_slug, idempotency_key, attempt) in (
             select app_slug, idempotency_key, attempt from webhook_events
             where app_slug = $1 and installed_app_id = $2 and (idempotency_key <> $3 or attempt <> $4)
             order by received_at desc, idempotency_key, attempt desc limit 1000000 offset $5)",
    )
    .bind(event.slug.as_str())
    .bind(event.install.as_str())
    .bind(event.key.as_str())
    .bind(event.attempt)
    // And the one that was just stored, whatever the clock says.
    .bind(KEPT_OF_INSTALL - 1)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets install events that came before `then`, at most `bite` at once. Answers how many.
pub async fn forget_installs(
    connection: &mut Connection,
    then: UnixMillis,
    bite: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from webhook_events where (app_slug, idempotency_key, attempt) in (
             select app_slug, idempotency_key, attempt from webhook_events
             where event_type = 'install' and received_at < $1 order by received_at limit $2)",
    )
    .bind(then.get())
    .bind(bite)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets install events that came before `then` and whose install is not there any more: they tell nothing. At most
/// `bite` at once. Answers how many.
pub async fn forget_orphans(
    connection: &mut Connection,
    then: UnixMillis,
    bite: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from webhook_events where (app_slug, idempotency_key, attempt) in (
             select app_slug, idempotency_key, attempt from webhook_events as event
             where event_type = 'install' and received_at < $1 and not exists (
                 select 1 from installs where installs.installed_app_id = event.installed_app_id)
             order by received_at limit $2)",
    )
    .bind(then.get())
    .bind(bite)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Keeps only the newest ends of installs that an app never had: `limit` of them. Forgets at most `bite` at once.
pub async fn keep_unknown(
    connection: &mut Connection,
    slug: &Slug,
    limit: i64,
    bite: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from webhook_events where (app_slug, idempotency_key, attempt) in (
             select app_slug, idempotency_key, attempt from webhook_events as event
             where app_slug = $1 and event_type = 'uninstall' and not exists (
                 select 1 from installs where installs.installed_app_id = event.installed_app_id)
             order by received_at desc, idempotency_key, attempt limit $3 offset $2)",
    )
    .bind(slug.as_str())
    .bind(limit)
    .bind(bite)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
