//! Table `audit`: what happened to installs and addresses. Rows are only added.

use super::database::Connection;
use super::error::StoreError;
use crate::model::{InstallId, Slug, UnixMillis};

/// Adds a line. `detail` must hold nothing secret.
pub async fn append(
    connection: &mut Connection,
    event: &'static str,
    slug: Option<&Slug>,
    install: Option<&InstallId>,
    detail: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query("insert into audit (at, event, app_slug, installed_app_id, detail) values ($1, $2, $3, $4, $5)")
        .bind(now.get())
        .bind(event)
        .bind(slug.map(Slug::as_str))
        .bind(install.map(InstallId::as_str))
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}
