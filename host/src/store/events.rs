//! Table `webhook_events`: what Cloud has told, and that it was answered.

use sqlx::Row as _;

use super::database::Connection;
use super::error::StoreError;
use crate::model::{EventKey, InstallId, Slug, UnixMillis};

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

/// Remembers an event.
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
    .execute(connection)
    .await?;
    Ok(())
}
