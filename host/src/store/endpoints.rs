//! Table `endpoints`: the secret parts of each app's two addresses, sealed.

use sqlx::Row as _;

use super::database::Connection;
use super::error::{Inconsistent, StoreError};
use crate::model::{Slug, UnixMillis};
use crate::secret::SealedBlob;

/// A row of `endpoints`.
#[derive(Debug, Clone)]
pub struct EndpointRow {
    /// The app.
    pub slug: Slug,
    /// `callback` or `portal`.
    pub kind: String,
    /// Newest is highest.
    pub revision: i64,
    /// The sealed secret.
    pub secret: SealedBlob,
}

/// Every row, the newest secret of each address first.
pub async fn list(connection: &mut Connection) -> Result<Vec<EndpointRow>, StoreError> {
    let rows = sqlx::query(
        "select app_slug, kind, revision, secret_ct from endpoints order by app_slug, kind, revision desc",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let slug: String = row.try_get("app_slug")?;
            Ok(EndpointRow {
                slug: Slug::parse(&slug).map_err(|_| Inconsistent {
                    table: "endpoints",
                    column: "app_slug",
                    row: slug,
                })?,
                kind: row.try_get("kind")?,
                revision: row.try_get("revision")?,
                secret: SealedBlob::from_stored(row.try_get("secret_ct")?),
            })
        })
        .collect()
}

/// Stores a new secret.
pub async fn insert(
    connection: &mut Connection,
    row: &EndpointRow,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into endpoints (app_slug, kind, revision, secret_ct, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(row.slug.as_str())
    .bind(&row.kind)
    .bind(row.revision)
    .bind(row.secret.as_bytes())
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}
