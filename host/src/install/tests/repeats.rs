//! What comes again: the number of an attempt, and events that were altered.

use super::*;
use crate::store::installs::forget_unproven;

on_both!(
    i21_installs_and_uninstalls_in_turns_leave_a_bounded_number_of_rows,
    i25_ended_installs_that_were_never_proven_are_forgotten_beyond_a_number,
    i21_a_late_install_event_in_other_words_brings_nothing_back,
    events_that_change_nothing_leave_nothing_behind,
    k4_a_proof_holds_for_the_attempt_that_was_proven_and_for_no_later_one_of_its_number,
);

/// An install in one instance for all, with a key of its own.
fn attempt(install: &str, key: &str) -> Event {
    let text = format!(
        r#"{{"installed_app_id":"{install}","app_id":"app_1","instance_id":"inst_1",
            "api_key":"blnk_test_{key}_0123456789abcdef","granted_permissions":["data:read"],
            "idempotency_key":"install:{install}"}}"#
    );
    Event::parse(text.as_bytes(), None).unwrap()
}

impl World {
    async fn store(&self, event: Event) -> Receipt {
        self.installs.receive(&self.slug, event).await.unwrap()
    }

    /// How many events are remembered.
    async fn events(&self) -> i64 {
        self.count("select count(*) as total from webhook_events")
            .await
    }

    async fn count(&self, total: &'static str) -> i64 {
        use sqlx::Row as _;
        let mut connection = self.installs.database().read().await.unwrap();
        let count = sqlx::query(total);
        let row = count.fetch_one(&mut *connection).await.unwrap();
        row.get("total")
    }

    async fn pending(&self, install: &str) -> Option<Attempt> {
        let id = InstallId::parse(install).unwrap();
        self.installs.provable(&id, 1).await.unwrap()
    }
}

/// An event under a key of its own, with a word that changes its body and nothing else.
fn worded(kind: &str, install: &str, api_key: &str, word: usize) -> Event {
    let rest = match kind {
        "install" => format!(
            r#""api_key":"blnk_test_{api_key}_0123456789abcdef","granted_permissions":["data:read"]"#
        ),
        _ => r#""uninstalled_at":"2026-04-21T12:00:00Z""#.to_owned(),
    };
    let key = match kind {
        "install" => format!("install:{install}"),
        _ => format!("{kind}:{install}:{word}"),
    };
    let body = format!(
        r#"{{"installed_app_id":"{install}","app_id":"app_1","instance_id":"inst_1","word":{word},
            "idempotency_key":"{key}",{rest}}}"#
    );
    Event::parse(body.as_bytes(), None).unwrap()
}

async fn i21_installs_and_uninstalls_in_turns_leave_a_bounded_number_of_rows(test: TestDatabase) {
    let world = world(test).await;
    world
        .store(worded("install", "instapp_1", "first", 0))
        .await;
    let first = world.accept("instapp_1", 1).await;
    for word in 0..200 {
        let key = format!("key_{word}");
        let ended = world
            .store(worded("uninstall", "instapp_1", &key, word))
            .await;
        assert_eq!(ended, Receipt::Ended);
        let stored = world
            .store(worded("install", "instapp_1", &key, word))
            .await;
        assert_eq!(stored, Receipt::Stored);
    }
    // The living one, three that ended, and the first one, whose guest is still to be told.
    let rows = "select count(*) as total from installs";
    assert_eq!(world.count(rows).await, 1 + 3 + 1);
    let work = "select count(*) as total from outbox";
    assert!(world.count(work).await <= 2 * (1 + 3 + 1));
    assert_eq!(world.events().await, 16);
    let audit = "select count(*) as total from audit where event <> 'address_made'";
    assert_eq!(
        world.count(audit).await,
        3,
        "pinned, activated, uninstalled"
    );
    // Its guest has heard, and all else is forgotten too. No session of it may fit what comes later.
    let mut tx = world.installs.database().write().await.unwrap();
    let done = "update outbox set state = 'done' where kind = 'uninstalled'";
    sqlx::query(done).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(Duration::from_mins(5));
    let events = [("uninstall", 200), ("install", 200)];
    for (kind, word) in events {
        world
            .store(worded(kind, "instapp_1", "key_200", word))
            .await;
    }
    assert_eq!(world.count(rows).await, 1 + 3 + 1);
    let mut tx = world.installs.database().write().await.unwrap();
    let now = world.clock.now();
    let forgotten = forget_unproven(&mut tx, &world.slug, 0, now, 100).await;
    assert_eq!(forgotten.unwrap(), 3);
    tx.commit().await.unwrap();
    let id = InstallId::parse("instapp_1").unwrap();
    let last = world.installs.provable(&id, 202).await.unwrap().unwrap();
    let accepted = world.installs.accept(last, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
    let last = world.installs.stored(&id, 202).await.unwrap().unwrap();
    assert!(last.row().generation > first.row().generation + 1);
}

async fn i25_ended_installs_that_were_never_proven_are_forgotten_beyond_a_number(
    test: TestDatabase,
) {
    let world = world(test).await;
    world.active("instapp_proven").await;
    world.receive("uninstall", "instapp_proven").await;
    for number in 0..6 {
        let install = format!("instapp_{number}");
        world.receive("install", &install).await;
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.receive("uninstall", &install).await, Receipt::Ended);
    }
    let mut tx = world.installs.database().write().await.unwrap();
    let now = world.clock.now();
    // In bites of three.
    for gone in [3, 1, 0] {
        let forgotten = forget_unproven(&mut tx, &world.slug, 2, now, 3).await;
        assert_eq!(forgotten.unwrap(), gone);
    }
    tx.commit().await.unwrap();
    for (install, is_known) in [
        ("instapp_proven", true),
        ("instapp_3", false),
        ("instapp_4", true),
    ] {
        let id = InstallId::parse(install).unwrap();
        let found = world.installs.stored(&id, 1).await.unwrap();
        assert_eq!(found.is_some(), is_known, "{install}");
    }
    let orphans = "select count(*) as total from outbox
         where installed_app_id not in (select installed_app_id from installs)";
    assert_eq!(world.count(orphans).await, 0);
    // Their install events tell nothing any more.
    let events = world.events().await;
    world.clock.advance(Duration::from_hours(2));
    world.installs.sweep_events().await.unwrap();
    assert_eq!(world.events().await, events - 4);
}

async fn i21_a_late_install_event_in_other_words_brings_nothing_back(test: TestDatabase) {
    let world = world(test).await;
    world
        .store(worded("install", "instapp_1", "first", 0))
        .await;
    world.accept("instapp_1", 1).await;
    world
        .store(worded("uninstall", "instapp_1", "first", 0))
        .await;
    for word in 1..4 {
        let late = worded("install", "instapp_1", "first", word);
        assert_eq!(world.store(late).await, Receipt::Known);
    }
    // With another key it is another install.
    let other = worded("install", "instapp_1", "second", 0);
    assert_eq!(world.store(other).await, Receipt::Stored);
    world.accept("instapp_1", 2).await;
    // What was superseded may come back, by other words.
    let third = worded("install", "instapp_1", "third", 0);
    assert_eq!(world.store(third).await, Receipt::Stored);
    let id = InstallId::parse("instapp_1").unwrap();
    let attempt = world.installs.provable(&id, 3).await.unwrap().unwrap();
    let second = world.installs.stored(&id, 2).await.unwrap().unwrap();
    let dead = Some(&second);
    let accepted = world.installs.accept(attempt, Proof::Answered, dead).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
    let back = worded("install", "instapp_1", "second", 5);
    assert_eq!(world.store(back).await, Receipt::Stored);
}

async fn k4_a_proof_holds_for_the_attempt_that_was_proven_and_for_no_later_one_of_its_number(
    test: TestDatabase,
) {
    let world = world(test).await;
    for install in ["instapp_1", "instapp_2", "instapp_3"] {
        let stored = world.store(attempt(install, "first")).await;
        assert_eq!(stored, Receipt::Stored);
    }
    // Its proof is under way: three handles on the same attempt.
    let proven = world.pending("instapp_1").await.unwrap();
    let refused = world.pending("instapp_1").await.unwrap();
    let dropped = world.pending("instapp_1").await.unwrap();
    for install in ["instapp_1", "instapp_2"] {
        let refused = world.pending(install).await.unwrap();
        world.installs.note_refused_attempt(&refused).await.unwrap();
    }
    // Meanwhile it is evicted, and its number is given to an attempt with another key.
    world.store(attempt("instapp_4", "first")).await;
    assert!(world.pending("instapp_1").await.is_none());
    world.store(attempt("instapp_1", "second")).await;
    let later = world.pending("instapp_1").await.unwrap();

    let accepted = world.installs.accept(proven, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Gone);
    world.installs.note_refused_attempt(&refused).await.unwrap();
    world.installs.discard(dropped).await.unwrap();
    let untouched = world.pending("instapp_1").await.unwrap();
    assert_eq!(untouched.tenant().row().refusals, 0);
    // Its own proof counts.
    let accepted = world.installs.accept(later, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
}

async fn events_that_change_nothing_leave_nothing_behind(test: TestDatabase) {
    let world = world(test).await;
    world.active("instapp_instance").await;
    let again = |key: &str, organization: usize| {
        let body = format!(
            r#"{{"installed_app_id":"instapp_instance","app_id":"app_1","instance_id":"inst_instapp_instance",
                "organization_id":"org_{organization}","api_key":"blnk_test_key_0123456789",
                "granted_permissions":["data:read"],"idempotency_key":"{key}"}}"#
        );
        Event::parse(body.as_bytes(), None).unwrap()
    };
    let end = |install: &str, key: &str, second: usize| {
        let body = format!(
            r#"{{"installed_app_id":"{install}","app_id":"app_1","instance_id":"inst_{install}",
                "uninstalled_at":"2026-04-21T12:00:00Z","idempotency_key":"{key}","note":{second}}}"#
        );
        Event::parse(body.as_bytes(), None).unwrap()
    };
    // The known install is told again and again, under one key and under many.
    for number in 0..200 {
        for key in [
            "install:instapp_instance".to_owned(),
            format!("install:instapp_instance:{number}"),
        ] {
            assert_eq!(world.store(again(&key, number)).await, Receipt::Known);
        }
    }
    assert_eq!(world.events().await, 1);
    // It ends, and ends again.
    let ended = end("instapp_instance", "uninstall:instapp_instance", 0);
    assert_eq!(world.store(ended).await, Receipt::Ended);
    for number in 1..=200 {
        for key in [
            "uninstall:instapp_instance".to_owned(),
            format!("uninstall:instapp_instance:{number}"),
        ] {
            let again = end("instapp_instance", &key, number);
            assert_eq!(world.store(again).await, Receipt::Known);
        }
    }
    assert_eq!(world.events().await, 2);
    // Of an install that nobody knows, a few bodies are remembered under one key.
    for number in 0..200 {
        let unknown = end("instapp_unknown", "uninstall:instapp_unknown", number);
        assert_eq!(world.store(unknown).await, Receipt::Ended);
    }
    let newest = end("instapp_unknown", "uninstall:instapp_unknown", 199);
    assert_eq!(world.store(newest).await, Receipt::Known);
    assert_eq!(world.events().await, 2 + 8);
}
