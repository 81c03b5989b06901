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

/// Every pinned `app_id`, with its app.
pub async fn all(connection: &mut Connection) -> Result<Vec<(String, AppId)>, StoreError> {
    let rows = sqlx::query("select app_slug, app_id from app_pins")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let slug: String = row.try_get("app_slug")?;
            let app = AppId::parse(row.try_get::<String, _>("app_id")?);
            let app = app.map_err(|_| bad_app(&slug))?;
            Ok((slug, app))
        })
        .collect()
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
    AppId::parse(text).map_err(|_| bad_app(slug.as_str()).into())
}

fn bad_app(slug: &str) -> Inconsistent {
    Inconsistent {
        table: "app_pins",
        column: "app_id",
        row: slug.to_owned(),
    }
}
