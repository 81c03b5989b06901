//! Looking into a host's `SQLite` file while no host runs, or from beside it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

/// A connection of its own to the file in a folder of state.
pub(crate) async fn connect(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data.join("airlock.db"));
    options.connect().await.expect("the database opens")
}

/// Asserts that the file is whole, and that no row contradicts another.
pub(crate) async fn assert_sound(data: &Path) {
    let mut connection = connect(data).await;
    let found: Vec<String> = sqlx::query_scalar("pragma integrity_check")
        .fetch_all(&mut connection)
        .await
        .expect("an answer");
    assert_eq!(found, ["ok"]);
    for (what, statement) in [
        (
            "foreign keys",
            "select count(*) from pragma_foreign_key_check",
        ),
        (
            "ended installs with a key, or living ones without",
            "select count(*) from installs
             where (status in ('superseded', 'uninstalled')) = (api_key_ct is not null)",
        ),
        (
            "attempts that nobody will prove",
            "select count(*) from installs as i where status = 'pending' and not exists
             (select 1 from outbox as o where o.installed_app_id = i.installed_app_id
              and o.attempt = i.attempt and o.kind = 'prove' and o.state = 'waiting')",
        ),
        (
            "installs without their event",
            "select count(*) from installs as i where not exists
             (select 1 from webhook_events as e where e.installed_app_id = i.installed_app_id)",
        ),
    ] {
        let count: i64 = sqlx::query_scalar(statement)
            .fetch_one(&mut connection)
            .await
            .expect(what);
        assert_eq!(count, 0, "{what}");
    }
    connection.close().await.expect("it closes");
}
