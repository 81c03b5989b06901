//! The database's own promises, on both: order of writers, durability, leases, what is forgotten.

use std::time::Duration;

use airlock_test_database::{TestDatabase, on_both};
use sqlx::Row as _;

use super::outbox::{self, Kind};
use super::*;
use crate::config::DatabaseUrl;
use crate::model::{EventKey, InstallId, Slug, UnixMillis};

on_both!(
    a_second_writer_waits_and_gives_up_before_an_event_is_overdue,
    a_reader_can_not_write,
    work_is_leased_to_one_host_until_its_time_is_over,
    a_database_of_a_newer_version_is_refused,
    only_the_newest_ends_of_unknown_installs_are_kept,
    what_is_said_of_work_that_is_gone_does_not_touch_what_took_its_number,
    t2_a_used_token_stays_used_where_another_clock_is_behind,
);

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

async fn open(test: &TestDatabase) -> Database {
    let url = DatabaseUrl::parse(test.url()).unwrap();
    Database::open(&url).await.unwrap()
}

/// Another handle on the same database, as another program would have it.
async fn a_second_writer_waits_and_gives_up_before_an_event_is_overdue(test: TestDatabase) {
    let (first, second) = (open(&test).await, open(&test).await);
    // Nothing is written yet: to have begun is enough.
    let held = first.write().await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(80), second.write());
    assert!(waiting.await.expect("it gives up").is_err());
    drop(held);
    let mut turn = second.write().await.unwrap();
    assert!(launches::use_once(&mut turn, "jti", NOW).await.unwrap());
    turn.commit().await.unwrap();
    let mut turn = first.write().await.unwrap();
    assert!(!launches::use_once(&mut turn, "jti", NOW).await.unwrap());
}

async fn a_reader_can_not_write(test: TestDatabase) {
    let database = open(&test).await;
    let mut reader = database.read().await.unwrap();
    launches::use_once(&mut reader, "jti", NOW)
        .await
        .unwrap_err();
}

async fn work_is_leased_to_one_host_until_its_time_is_over(test: TestDatabase) {
    let database = open(&test).await;
    let install = InstallId::parse("instapp_1").unwrap();
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    let mut tx = database.write().await.unwrap();
    outbox::add(&mut tx, &install, 1, Kind::Prove, NOW, NOW)
        .await
        .unwrap();
    outbox::add(&mut tx, &install, 1, Kind::Installed, NOW, NOW)
        .await
        .unwrap();
    let hooks = outbox::lease(&mut tx, "a", false, NOW, later(30), 8)
        .await
        .unwrap();
    assert_eq!(
        hooks.iter().map(|work| work.kind).collect::<Vec<_>>(),
        [Kind::Installed]
    );
    let work = outbox::lease(&mut tx, "a", true, NOW, later(30), 8)
        .await
        .unwrap();
    let [work] = work.as_slice() else {
        panic!("{work:?}")
    };
    for host in ["a", "b"] {
        assert!(!outbox::is_due(&mut tx, true, later(29)).await.unwrap());
        let again = outbox::lease(&mut tx, host, true, later(29), later(60), 8)
            .await
            .unwrap();
        assert!(again.is_empty(), "{host}");
    }
    assert_eq!(
        outbox::next_due(&mut tx, NOW).await.unwrap(),
        Some(later(30))
    );
    // The first host is gone. What it says when it comes back counts no more.
    let taken = outbox::lease(&mut tx, "b", true, later(30), later(60), 8)
        .await
        .unwrap();
    assert_eq!(
        (taken.len(), taken[0].id, &taken[0].run_id),
        (1, work.id, &work.run_id)
    );
    outbox::finish(&mut tx, "a", work).await.unwrap();
    outbox::retry(&mut tx, "a", work, NOW, "late")
        .await
        .unwrap();
    outbox::park(&mut tx, "a", work, "late").await.unwrap();
    outbox::renew(&mut tx, "b", work, later(90)).await.unwrap();
    assert!(!outbox::is_due(&mut tx, true, later(89)).await.unwrap());
    // Another try is free for everybody; what is done is done.
    outbox::retry(&mut tx, "b", work, later(40), "why")
        .await
        .unwrap();
    assert!(!outbox::is_due(&mut tx, true, later(39)).await.unwrap());
    let again = outbox::lease(&mut tx, "a", true, later(40), later(70), 8)
        .await
        .unwrap();
    assert_eq!((again.len(), again[0].tries), (1, 1));
    outbox::retry(&mut tx, "a", work, later(41), "why")
        .await
        .unwrap();
    let again = outbox::lease(&mut tx, "b", true, later(41), later(70), 8)
        .await
        .unwrap();
    assert_eq!(again.len(), 1);
    outbox::finish(&mut tx, "b", work).await.unwrap();
    assert!(!outbox::is_due(&mut tx, true, later(1000)).await.unwrap());
    outbox::end_leases(&mut tx).await.unwrap();
    assert!(outbox::is_due(&mut tx, false, NOW).await.unwrap());
}

async fn what_is_said_of_work_that_is_gone_does_not_touch_what_took_its_number(test: TestDatabase) {
    let database = open(&test).await;
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    let mut tx = database.write().await.unwrap();
    let mut leased = Vec::new();
    for install in ["instapp_1", "instapp_2"] {
        let install = InstallId::parse(install).unwrap();
        outbox::add(&mut tx, &install, 1, Kind::Prove, NOW, NOW)
            .await
            .unwrap();
        let work = outbox::lease(&mut tx, "a", true, NOW, later(30), 8);
        leased.extend(work.await.unwrap());
        if leased.len() == 1 {
            outbox::forget(&mut tx, &install, 1).await.unwrap();
        }
    }
    let [gone, here] = leased.as_slice() else {
        panic!("{leased:?}")
    };
    assert_ne!(gone.run_id, here.run_id);
    outbox::finish(&mut tx, "a", gone).await.unwrap();
    outbox::park(&mut tx, "a", gone, "no").await.unwrap();
    outbox::retry(&mut tx, "a", gone, later(99), "no")
        .await
        .unwrap();
    outbox::renew(&mut tx, "a", gone, later(99)).await.unwrap();
    assert!(!outbox::is_due(&mut tx, true, later(29)).await.unwrap());
    let again = outbox::lease(&mut tx, "b", true, later(30), later(60), 8)
        .await
        .unwrap();
    assert_eq!((again.len(), again[0].tries), (1, 0));
    assert_eq!(again[0].run_id, here.run_id);
}

async fn t2_a_used_token_stays_used_where_another_clock_is_behind(test: TestDatabase) {
    let database = open(&test).await;
    let mut tx = database.write().await.unwrap();
    assert!(launches::use_once(&mut tx, "jti", NOW).await.unwrap());
    // A host whose clock is an hour ahead sweeps; one whose clock is right still takes the token as valid.
    launches::sweep(&mut tx, NOW.plus(Duration::from_hours(1)))
        .await
        .unwrap();
    assert!(!launches::use_once(&mut tx, "jti", NOW).await.unwrap());
    launches::sweep(&mut tx, NOW.plus(Duration::from_hours(25)))
        .await
        .unwrap();
    assert!(launches::use_once(&mut tx, "jti", NOW).await.unwrap());
}

async fn a_database_of_a_newer_version_is_refused(test: TestDatabase) {
    let database = open(&test).await;
    let mut tx = database.write().await.unwrap();
    sqlx::query("update _sqlx_migrations set version = 9999 where version = 2")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    database.close().await;
    let url = DatabaseUrl::parse(test.url()).unwrap();
    let error = Database::open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer(9999)), "{error:?}");
}

async fn only_the_newest_ends_of_unknown_installs_are_kept(test: TestDatabase) {
    let database = open(&test).await;
    let mut tx = database.write().await.unwrap();
    let slug = Slug::parse("kyc").unwrap();
    for (number, event_type) in (0..6).zip(["install", "uninstall"].into_iter().cycle()) {
        let row = events::EventRow {
            slug: &slug,
            key: &EventKey::parse(format!("key:{number}")).unwrap(),
            attempt: 1,
            event_type,
            install: &InstallId::parse(format!("instapp_{number}")).unwrap(),
            fingerprint: &[0; 32],
        };
        let at = NOW.plus(Duration::from_secs(number));
        events::insert(&mut tx, &row, at).await.unwrap();
    }
    assert_eq!(
        events::keep_unknown(&mut tx, &slug, 2, 100).await.unwrap(),
        1
    );
    assert_eq!(
        events::keep_unknown(&mut tx, &slug, 2, 100).await.unwrap(),
        0
    );
    // Ends are kept for good, installs until their time.
    let then = NOW.plus(Duration::from_secs(3));
    assert_eq!(
        events::forget_installs(&mut tx, then, 100).await.unwrap(),
        2
    );
    let rows = sqlx::query("select idempotency_key from webhook_events order by received_at");
    let rows = rows.fetch_all(&mut *tx).await.unwrap();
    let kept: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept, ["key:3", "key:4", "key:5"]);
}

/// W1, K6: an answered event survives a power cut, and an erased key is gone from the file.
#[tokio::test]
async fn each_connection_to_a_file_is_set_as_it_must_be() {
    let test = TestDatabase::sqlite();
    let database = open(&test).await;
    for (pragma, expected) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("secure_delete", "1"),
        ("busy_timeout", "5000"),
    ] {
        let mut tx = database.write().await.unwrap();
        let question = format!("select cast({pragma} as text) from pragma_{pragma}");
        let row = sqlx::query(sqlx::AssertSqlSafe(question)).fetch_one(&mut *tx);
        // The column of `busy_timeout` has a name of its own.
        let value: String = match row.await {
            Ok(row) => row.get(0),
            Err(_) => sqlx::query("select cast(timeout as text) from pragma_busy_timeout")
                .fetch_one(&mut *tx)
                .await
                .unwrap()
                .get(0),
        };
        assert_eq!(value, expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_server_keeps_what_it_has_answered_and_lets_nobody_hang() {
    let test = TestDatabase::postgres();
    let database = open(&test).await;
    // The server's owner may have set another isolation for this database.
    let mut tx = database.write().await.unwrap();
    let stricter = "do $$ begin execute format('alter database %I set default_transaction_isolation = serializable', \
                    current_database()); end $$";
    sqlx::query(stricter).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    database.close().await;
    let database = open(&test).await;
    let mut tx = database.write().await.unwrap();
    for (setting, expected) in [
        ("synchronous_commit", "on"),
        ("transaction_isolation", "read committed"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "8s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ] {
        let row = sqlx::query("select current_setting($1)").bind(setting);
        let value: String = row.fetch_one(&mut *tx).await.unwrap().get(0);
        assert_eq!(value, expected, "{setting}");
    }
}
