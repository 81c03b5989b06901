//! Table `key_numbers`: which key a number of a master key stands for.

use sqlx::Row as _;

use super::database::Connection;
use super::error::{Inconsistent, StoreError};

/// Every number that is taken, with the mark of its key.
pub async fn list(connection: &mut Connection) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
    let rows = sqlx::query("select kid, mark from key_numbers order by kid")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let id: i64 = row.try_get("kid")?;
            let number = u32::try_from(id).map_err(|_| Inconsistent {
                table: "key_numbers",
                column: "kid",
                row: id.to_string(),
            })?;
            Ok((number, row.try_get("mark")?))
        })
        .collect()
}

/// Takes a number for the key with that mark, for good.
pub async fn take(connection: &mut Connection, id: u32, mark: &[u8]) -> Result<(), StoreError> {
    sqlx::query("insert into key_numbers (kid, mark) values ($1, $2)")
        .bind(i64::from(id))
        .bind(mark)
        .execute(connection)
        .await?;
    Ok(())
}
