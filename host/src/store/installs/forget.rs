//! What need not be remembered of installs that have ended.

use crate::model::{InstallId, Slug, UnixMillis};
use crate::store::{Connection, StoreError, outbox};

/// Forgets what is not needed any more of an install that ended again and again: of its ended attempts stay the newest
/// `keep`, the proven one with the highest session generation, above which a later one must begin, proven ones that
/// changed after `then`, which other hosts may still have to read, and those whose guest is still to be told. The others
/// go with their work. Answers how many went.
pub async fn forget_ended(
    connection: &mut Connection,
    install: &InstallId,
    keep: i64,
    then: UnixMillis,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from installs where installed_app_id = $1 and status in ('superseded', 'uninstalled')
             and attempt not in (
                 select attempt from installs where installed_app_id = $1 and status in ('superseded', 'uninstalled')
                 order by attempt desc limit $2)
             and (proof is null or (updated_at < $3 and session_gen < (
                 select max(session_gen) from installs
                 where installed_app_id = $1 and status in ('superseded', 'uninstalled') and proof is not null)))
             and attempt not in (
                 select attempt from outbox
                 where installed_app_id = $1 and kind = 'uninstalled' and state = 'waiting')",
    )
    .bind(install.as_str())
    .bind(keep)
    .bind(then.get())
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() > 0 {
        outbox::forget_orphans(connection, install).await?;
    }
    Ok(done.rows_affected())
}

/// The attempts of an app that ended without Cloud having ever answered a read with their key, but for the newest `$2`;
/// those that a 403 had activated only if they changed before `$3`, and none whose guest is still to be told. The first
/// `$4` of them.
macro_rules! unproven {
    () => {
        "select installed_app_id, attempt from installs
         where app_slug = $1 and status in ('superseded', 'uninstalled')
             and (proof is null or (proof = 'forbidden' and updated_at < $3))
             and not exists (
                 select 1 from outbox as told where told.installed_app_id = installs.installed_app_id
                     and told.attempt = installs.attempt and told.kind = 'uninstalled' and told.state = 'waiting')
         order by updated_at desc, installed_app_id, attempt limit $4 offset $2"
    };
}

/// Forgets attempts of an app that ended without ever having been proven by an answer, but for the newest `keep`, with
/// their work: whoever knows the address could make any number of them. Those that a 403 had activated are forgotten
/// only if they changed before `then`. At most `bite` at once. Answers how many went.
pub async fn forget_unproven(
    connection: &mut Connection,
    slug: &Slug,
    keep: i64,
    then: UnixMillis,
    bite: i64,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    // The work first: which attempts these are is asked of their own table.
    for query in [
        concat!(
            "delete from outbox where (installed_app_id, attempt) in (",
            unproven!(),
            ")"
        ),
        concat!(
            "delete from installs where (installed_app_id, attempt) in (",
            unproven!(),
            ")"
        ),
    ] {
        let done = sqlx::query(query)
            .bind(slug.as_str())
            .bind(keep)
            .bind(then.get())
            .bind(bite)
            .execute(&mut *connection)
            .await?;
        gone = done.rows_affected();
    }
    Ok(gone)
}
