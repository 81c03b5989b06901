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
    /// When it was last used, as far as was written down.
    pub last_used: Option<UnixMillis>,
}

/// Every row, the newest secret of each address first.
pub async fn list(connection: &mut Connection) -> Result<Vec<EndpointRow>, StoreError> {
    let rows = sqlx::query(
        "select app_slug, kind, revision, secret_ct, last_used_at from endpoints order by app_slug, kind, revision desc",
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
                last_used: row
                    .try_get::<Option<i64>, _>("last_used_at")?
                    .map(UnixMillis::new),
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

/// Puts a secret that was sealed anew in the place of the old one. Answers whether that was still there.
pub async fn replace(
    connection: &mut Connection,
    row: &EndpointRow,
    new: &SealedBlob,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update endpoints set secret_ct = $5
         where app_slug = $1 and kind = $2 and revision = $3 and secret_ct = $4",
    )
    .bind(row.slug.as_str())
    .bind(&row.kind)
    .bind(row.revision)
    .bind(row.secret.as_bytes())
    .bind(new.as_bytes())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every secret of an address before the given one. Answers how many there were.
pub async fn retire_before(
    connection: &mut Connection,
    slug: &Slug,
    kind: &str,
    revision: i64,
) -> Result<u64, StoreError> {
    let done =
        sqlx::query("delete from endpoints where app_slug = $1 and kind = $2 and revision < $3")
            .bind(slug.as_str())
            .bind(kind)
            .bind(revision)
            .execute(connection)
            .await?;
    Ok(done.rows_affected())
}

/// Writes down when an address was last used; a later time stays.
pub async fn note_use(
    connection: &mut Connection,
    slug: &Slug,
    kind: &str,
    revision: i64,
    at: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "update endpoints set last_used_at = $4 where app_slug = $1 and kind = $2 and revision = $3
             and (last_used_at is null or last_used_at < $4)",
    )
    .bind(slug.as_str())
    .bind(kind)
    .bind(revision)
    .bind(at.get())
    .execute(connection)
    .await?;
    Ok(())
}
