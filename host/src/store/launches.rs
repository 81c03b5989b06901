//! Table `launch_used`: each launch token opens one session.

use super::database::Connection;
use super::error::StoreError;
use crate::model::UnixMillis;

/// Marks a token as used. Answers whether this call was the first.
pub async fn use_once(
    connection: &mut Connection,
    jti: &str,
    expires: UnixMillis,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("insert into launch_used (jti, exp) values ($1, $2) on conflict do nothing")
            .bind(jti)
            .bind(expires.get())
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets tokens that are past their time anyway.
pub async fn sweep(connection: &mut Connection, now: UnixMillis) -> Result<(), StoreError> {
    sqlx::query("delete from launch_used where exp < $1")
        .bind(now.get())
        .execute(connection)
        .await?;
    Ok(())
}
