//! What comes again: the number of an attempt, and events that were altered.

use super::*;

on_both!(
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
        use sqlx::Row as _;
        let mut connection = self.installs.database().read().await.unwrap();
        let count = sqlx::query("select count(*) as total from webhook_events");
        let row = count.fetch_one(&mut *connection).await.unwrap();
        row.get("total")
    }

    async fn pending(&self, install: &str) -> Option<Attempt> {
        let id = InstallId::parse(install).unwrap();
        self.installs.provable(&id, 1).await.unwrap()
    }
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
