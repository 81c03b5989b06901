//! Table `launch_used`: each launch token opens one session.

use std::time::Duration;

use super::database::Connection;
use super::error::StoreError;
use crate::model::UnixMillis;

/// Clocks that are further apart than this are no clocks.
const SKEW: Duration = Duration::from_hours(24);

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

/// Forgets tokens that have been past their time for a day: the clocks of hosts differ, and one may jump.
pub async fn sweep(connection: &mut Connection, now: UnixMillis) -> Result<(), StoreError> {
    sqlx::query("delete from launch_used where exp < $1")
        .bind(now.minus(SKEW).get())
        .execute(connection)
        .await?;
    Ok(())
}
