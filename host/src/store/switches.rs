//! Table `disabled_apps`: the apps that the operator switched off by a command.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::database::Connection;
use super::error::{Inconsistent, StoreError};
use crate::model::{Slug, UnixMillis};

/// Every app that is off.
pub async fn list(connection: &mut Connection) -> Result<BTreeSet<Slug>, StoreError> {
    let rows = sqlx::query("select app_slug from disabled_apps")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let slug: String = row.try_get("app_slug")?;
            Slug::parse(&slug).map_err(|_| {
                Inconsistent {
                    table: "disabled_apps",
                    column: "app_slug",
                    row: slug,
                }
                .into()
            })
        })
        .collect()
}

/// Switches an app off. Answers whether it was on.
pub async fn disable(
    connection: &mut Connection,
    slug: &Slug,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into disabled_apps (app_slug, since) values ($1, $2) on conflict do nothing",
    )
    .bind(slug.as_str())
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Switches an app on. Answers whether it was off.
pub async fn enable(connection: &mut Connection, slug: &Slug) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from disabled_apps where app_slug = $1")
        .bind(slug.as_str())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}
