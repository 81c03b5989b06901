//! Table `key_check`: one sealed, known text that tells a wrong master key at start.

use sqlx::Row as _;

use super::database::Connection;
use super::error::StoreError;
use crate::secret::SealedBlob;

/// The sealed text, if one was stored.
pub async fn find(connection: &mut Connection) -> Result<Option<SealedBlob>, StoreError> {
    let row = sqlx::query("select check_ct from key_check where id = 1")
        .fetch_optional(connection)
        .await?;
    Ok(row
        .map(|row| row.try_get("check_ct"))
        .transpose()?
        .map(SealedBlob::from_stored))
}

/// Stores the sealed text.
pub async fn insert(connection: &mut Connection, blob: &SealedBlob) -> Result<(), StoreError> {
    sqlx::query("insert into key_check (id, check_ct) values (1, $1)")
        .bind(blob.as_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts the text, sealed anew, in the place of the old one.
pub async fn replace(connection: &mut Connection, blob: &SealedBlob) -> Result<(), StoreError> {
    sqlx::query("update key_check set check_ct = $1 where id = 1")
        .bind(blob.as_bytes())
        .execute(connection)
        .await?;
    Ok(())
}
