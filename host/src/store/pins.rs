//! Table `app_pins`: which `app_id` of Cloud belongs to which app.

use sqlx::Row as _;

use super::database::Connection;
use super::error::{Inconsistent, StoreError};
use crate::model::{AppId, Slug, UnixMillis};

/// The `app_id` pinned to an app.
pub async fn find(connection: &mut Connection, slug: &Slug) -> Result<Option<AppId>, StoreError> {
    let row = sqlx::query("select app_id from app_pins where app_slug = $1")
        .bind(slug.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| parse(slug, row.try_get("app_id")?))
        .transpose()
}

/// The app that an `app_id` is pinned to.
pub async fn owner(connection: &mut Connection, app: &AppId) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("select app_slug from app_pins where app_id = $1")
        .bind(app.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get("app_slug")).transpose()?)
}

/// Pins an `app_id` to an app that has none. Answers whether it did.
pub async fn pin(
    connection: &mut Connection,
    slug: &Slug,
    app: &AppId,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into app_pins (app_slug, app_id, pinned_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(slug.as_str())
    .bind(app.as_str())
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets which `app_id` an app has. Answers the one that was forgotten.
pub async fn forget(connection: &mut Connection, slug: &Slug) -> Result<Option<AppId>, StoreError> {
    let row = sqlx::query("delete from app_pins where app_slug = $1 returning app_id")
        .bind(slug.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| parse(slug, row.try_get("app_id")?))
        .transpose()
}

fn parse(slug: &Slug, text: String) -> Result<AppId, StoreError> {
    AppId::parse(text).map_err(|_| {
        Inconsistent {
            table: "app_pins",
            column: "app_id",
            row: slug.to_string(),
        }
        .into()
    })
}
