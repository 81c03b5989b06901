//! What is told to guests behind an answered event, and that none of it holds up the answer: W1.

use std::time::{Duration, Instant};

use airlock_host::config::DatabaseUrl;
use airlock_host::store::Database;
use sqlx::Row as _;

use airlock_cloud_sim::Installed;

use crate::support::{TestHost, TestInstall, poll};

/// Cloud waits this long for the answer to an event.
const CLOUD_WAITS: Duration = Duration::from_secs(10);
/// What the probe does when it is told of its install.
const ON_INSTALL: &str = "AIRLOCK_APPS__HOOKS__SETTINGS__ON_INSTALL";

async fn host(on_install: &str) -> TestHost {
    let setup = TestHost::setup().package("probes/hooks");
    setup.set(ON_INSTALL, on_install).start().await
}

/// How often the guest was told of its install, if it is still to be told.
async fn tries(database: &Database, install: &str) -> Option<i64> {
    owed(database, install).await.map(|(tries, _)| tries)
}

/// The same, with the time when it is due next.
async fn owed(database: &Database, install: &str) -> Option<(i64, i64)> {
    let mut connection = database.read().await.unwrap();
    let row = sqlx::query(
        "select tries, next_at from outbox where installed_app_id = $1 and kind = 'installed' and state = 'waiting'",
    )
    .bind(install)
    .fetch_optional(&mut *connection)
    .await
    .unwrap();
    row.map(|row| (row.get("tries"), row.get("next_at")))
}

/// Another install of the same app, which Cloud itself knows nothing of.
fn other(install: &Installed, name: &str) -> TestInstall {
    TestInstall::new(name).app(&install.app_id)
}

/// A quarter of an hour passes, and an event makes the host look at what is due.
async fn later(host: &TestHost, install: &Installed) {
    host.clock.advance(Duration::from_mins(15));
    let event = other(install, "other").uninstall();
    host.cloud("hooks").await.event(&event).await.expect(200);
}

/// Asks the guest to listen, which is told of its install then.
async fn hears(host: &TestHost, install: &Installed) {
    let portal = host.open(install).await;
    portal
        .post("listen", &serde_json::json!({}))
        .await
        .expect(204);
    poll::until("it has heard", async || {
        later(host, install).await;
        let heard = host.open(install).await.get("heard").await.expect(200);
        (heard.json() == true).then_some(())
    })
    .await;
}

async fn database(host: &TestHost) -> Database {
    let url = DatabaseUrl::parse(host.database_url()).unwrap();
    Database::open(&url).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_h55_events_are_answered_while_a_guest_loops_in_its_hook() {
    let host = host("loop").await;
    let install = host.install("hooks", &["data:read"]).await;
    let database = database(&host).await;
    let id = &install.installed_app_id;
    host.until_status(id, "active").await;
    let cloud = host.cloud("hooks").await;
    for number in 0..20 {
        let other = other(&install, &format!("other_{number}"));
        let begun = Instant::now();
        cloud.event(&other.install()).await.expect(200);
        cloud.event(&other.uninstall()).await.expect(200);
        assert!(begun.elapsed() < CLOUD_WAITS, "{:?}", begun.elapsed());
    }
    poll::until("the loop was ended and is owed again", async || {
        (tries(&database, id).await? > 0).then_some(())
    })
    .await;
    host.sim.uninstall(id).await.expect("an answer in time");
    host.until_status(id, "uninstalled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_hears_of_its_install_also_when_the_key_was_refused_in_between() {
    let host = host("later").await;
    let install = host.install("hooks", &["data:read"]).await;
    let (database, id) = (database(&host).await, &install.installed_app_id);
    let portal = host.open(&install).await;
    assert!(host.sim.revoke_key(&install.api_key));
    portal.get("cloud").await;
    host.clock.advance(Duration::from_secs(6));
    portal.get("cloud").await;
    host.until_status(id, "revoked").await;
    let (_, before) = owed(&database, id).await.expect("it is owed");
    poll::until("it was due again, and is still owed", async || {
        later(&host, &install).await;
        let (_, now) = owed(&database, id).await.expect("it is owed");
        (now > before).then_some(())
    })
    .await;
    assert!(host.sim.restore_key(&install.api_key));
    hears(&host, &install).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_hears_of_its_install_also_when_the_key_did_not_open_in_between() {
    let host = host("later").await;
    let install = host.install("hooks", &["data:read"]).await;
    let (database, id) = (database(&host).await, &install.installed_app_id);
    host.until_status(id, "active").await;
    let (_, before) = owed(&database, id).await.expect("it is owed");
    let set = async |status| {
        let mut tx = database.write().await.unwrap();
        let update = sqlx::query("update installs set status = $1 where installed_app_id = $2");
        let done = update.bind(status).bind(id).execute(&mut *tx).await;
        assert_eq!(done.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
    };
    // As a host finds it whose master key is missing.
    set("key_unreadable").await;
    poll::until("it was due again twice, and is still owed", async || {
        later(&host, &install).await;
        let (_, now) = owed(&database, id).await.expect("it is owed");
        (now > before + 20 * 60 * 1000).then_some(())
    })
    .await;
    set("active").await;
    hears(&host, &install).await;
}
