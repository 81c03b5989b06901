//! What comes again: the number of an attempt, and events that were altered.

use super::*;

on_both!(k4_a_proof_holds_for_the_attempt_that_was_proven_and_for_no_later_one_of_its_number,);

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
