//! Table `key_usage`: how often each master key was used, counted ahead in blocks.

use sqlx::Row as _;

use super::database::Connection;
use super::error::StoreError;

/// The uses of one key that were counted so far.
pub async fn find(connection: &mut Connection, key: u32) -> Result<u64, StoreError> {
    let row = sqlx::query("select enc_count from key_usage where kid = $1")
        .bind(i64::from(key))
        .fetch_optional(connection)
        .await?;
    let count: Option<i64> = row.map(|row| row.try_get("enc_count")).transpose()?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Counts more uses of a key.
pub async fn add(connection: &mut Connection, key: u32, uses: u64) -> Result<(), StoreError> {
    sqlx::query(
        "insert into key_usage (kid, enc_count) values ($1, $2)
         on conflict (kid) do update set enc_count = key_usage.enc_count + excluded.enc_count",
    )
    .bind(i64::from(key))
    .bind(i64::try_from(uses).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}
