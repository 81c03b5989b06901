//! Table `webhook_events`: what Cloud has told, and that it was answered.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::database::StoreError;
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
    connection: &mut SqliteConnection,
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

/// Remembers an event under the next attempt's number.
pub async fn insert(
    connection: &mut SqliteConnection,
    slug: &Slug,
    key: &EventKey,
    attempt: i64,
    event_type: &'static str,
    install: &InstallId,
    fingerprint: &[u8],
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into webhook_events
             (app_slug, idempotency_key, attempt, event_type, installed_app_id, payload_fp, received_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(slug.as_str())
    .bind(key.as_str())
    .bind(attempt)
    .bind(event_type)
    .bind(install.as_str())
    .bind(fingerprint)
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}
