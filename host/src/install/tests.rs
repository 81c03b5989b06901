//! Records and events at the edge of this floor, on both databases.

mod following;
mod keys;
mod moved;
mod quota;
mod repeats;
mod silence;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use airlock_test_database::{TestDatabase, on_both};
use tokio::time::Instant;

use super::*;
use crate::config::DatabaseUrl;
use crate::model::{Clock, InstallId, ManualClock, Slug, UnixMillis};
use crate::secret::{Keyring, SecretList};
use crate::store::installs::Proof;
use crate::store::{Database, StoreError};

on_both!(
    records_are_scanned_in_the_order_of_their_bytes,
    a_nul_in_a_key_is_an_invalid_key,
    an_ended_installs_records_are_erased_and_those_of_one_that_came_back_are_not,
    i34_an_event_whose_time_is_over_is_not_stored_and_may_come_again,
    an_install_event_is_forgotten_after_90_days_and_has_no_new_effect_then,
    two_hosts_that_start_at_once_on_a_new_database_agree,
);

struct World {
    installs: Installs,
    store: GuestStore,
    clock: Arc<ManualClock>,
    slug: Slug,
    keyring: Arc<Keyring>,
    test: TestDatabase,
}

async fn database(test: &TestDatabase) -> Database {
    let url = DatabaseUrl::parse(test.url()).unwrap();
    Database::open(&url).await.unwrap()
}

async fn world(test: TestDatabase) -> World {
    let database = database(&test).await;
    let list = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
    let keyring = Arc::new(Keyring::new(list).unwrap());
    let clock = Arc::new(ManualClock::new(UnixMillis::new(1_800_000_000_000)));
    let time: Arc<dyn Clock> = clock.clone();
    let (keys, apps) = (keyring.clone(), BTreeMap::new());
    let installs = Installs::open(database.clone(), keys, time.clone(), apps);
    World {
        installs: installs.await.unwrap(),
        store: GuestStore::new(database, keyring.clone(), time),
        clock,
        slug: Slug::parse("kyc").unwrap(),
        keyring,
        test,
    }
}

/// An `install`, an `uninstall`, or an `install again`: the same install with another key.
fn event(kind: &str, install: &str) -> Event {
    let (kind, key) = match kind {
        "install again" => ("install", "blnk_test_another_key_0123456789"),
        kind => (kind, "blnk_test_key_0123456789"),
    };
    let text = format!(
        r#"{{"installed_app_id":"{install}","app_id":"app_1","instance_id":"inst_{install}",
            "api_key":"{key}","granted_permissions":["data:read"],
            "uninstalled_at":"2026-04-21T12:00:00Z","idempotency_key":"{kind}:{install}"}}"#
    );
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = value.as_object_mut().unwrap();
    if kind == "uninstall" {
        fields.remove("api_key");
        fields.remove("granted_permissions");
    } else {
        fields.remove("uninstalled_at");
    }
    Event::parse(value.to_string().as_bytes(), None).unwrap()
}

impl World {
    async fn receive(&self, kind: &str, install: &str) -> Receipt {
        let receipt = self.installs.receive(&self.slug, event(kind, install));
        receipt.await.unwrap()
    }

    async fn accept(&self, install: &str, attempt: i64) -> Tenant {
        let id = InstallId::parse(install).unwrap();
        let provable = self.installs.provable(&id, attempt).await.unwrap();
        let accepted = self
            .installs
            .accept(provable.unwrap(), Proof::Answered, None);
        assert_eq!(accepted.await.unwrap(), Accepted::Active);
        self.installs.stored(&id, attempt).await.unwrap().unwrap()
    }

    async fn active(&self, install: &str) -> Tenant {
        self.receive("install", install).await;
        self.accept(install, 1).await
    }
}

async fn records_are_scanned_in_the_order_of_their_bytes(test: TestDatabase) {
    let world = world(test).await;
    let tenant = world.active("instapp_1").await;
    let other = world.active("instapp_2").await;
    let keys = [
        "Z",
        "a",
        "a b",
        "a-b",
        "a/b",
        "aB",
        "ab",
        "b",
        "ä",
        "Ω",
        "\u{10ffff}",
    ];
    for key in keys.iter().rev() {
        let value = key.as_bytes();
        let set = world.store.set(&tenant, key, value, Condition::Absent);
        set.await.unwrap();
    }
    world
        .store
        .set(&other, "a", b"other", Condition::Absent)
        .await
        .unwrap();
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(sorted, keys, "the list itself is in the order of its bytes");
    assert_eq!(
        world.store.keys(&tenant, "", None, 100).await.unwrap(),
        keys
    );
    let below = world
        .store
        .keys(&tenant, "a", Some("a-b"), 3)
        .await
        .unwrap();
    assert_eq!(below, ["a/b", "aB", "ab"]);
    let scanned = world.store.scan(&tenant, "ä", None, 100).await.unwrap();
    assert_eq!(scanned.len(), 1);
    assert_eq!(scanned[0].1.value, "ä".as_bytes());
}

async fn a_nul_in_a_key_is_an_invalid_key(test: TestDatabase) {
    let world = world(test).await;
    let tenant = world.active("instapp_1").await;
    let key = "a\0b";
    let invalid = Err(GuestStoreError::InvalidKey);
    let set = world.store.set(&tenant, key, b"", Condition::Always).await;
    assert_eq!(set.map(drop), invalid);
    let got = world.store.get(&tenant, key).await;
    assert_eq!(got.map(drop), invalid);
    let scanned = world.store.scan(&tenant, key, None, 1).await;
    assert_eq!(scanned.map(drop), invalid);
    let listed = world.store.keys(&tenant, "", Some(key), 1).await;
    assert_eq!(listed.map(drop), invalid);
    // A value may hold anything.
    world
        .store
        .set(&tenant, "a", b"\0\xff", Condition::Always)
        .await
        .unwrap();
    let value = world.store.get(&tenant, "a").await.unwrap().unwrap().value;
    assert_eq!(value, b"\0\xff");
}

async fn an_ended_installs_records_are_erased_and_those_of_one_that_came_back_are_not(
    test: TestDatabase,
) {
    let world = world(test).await;
    let first = world.active("instapp_1").await;
    world
        .store
        .set(&first, "a", b"1", Condition::Absent)
        .await
        .unwrap();
    assert!(!world.store.erase_ended(&first).await.unwrap());
    world.receive("uninstall", "instapp_1").await;
    world.receive("install again", "instapp_1").await;
    let second = world.accept("instapp_1", 2).await;
    // What the first life stored went with the second one's beginning.
    assert_eq!(world.store.get(&second, "a").await.unwrap(), None);
    world
        .store
        .set(&second, "a", b"2", Condition::Absent)
        .await
        .unwrap();
    assert!(!world.store.erase_ended(&first).await.unwrap());
    assert!(world.store.get(&second, "a").await.unwrap().is_some());
    // Its key is refused for now: what it stored stays its own.
    assert!(!world.installs.note_refused_key(&second).await.unwrap());
    world.clock.advance(Duration::from_secs(5));
    assert!(world.installs.note_refused_key(&second).await.unwrap());
    assert!(!world.store.erase_ended(&first).await.unwrap());
    let late = world.store.set(&first, "a", b"1", Condition::Always).await;
    assert_eq!(late, Err(GuestStoreError::Unavailable));
    assert!(world.store.get(&second, "a").await.unwrap().is_some());
    world.receive("uninstall", "instapp_1").await;
    assert!(world.store.erase_ended(&second).await.unwrap());
    assert_eq!(world.store.get(&second, "a").await.unwrap(), None);
}

async fn i34_an_event_whose_time_is_over_is_not_stored_and_may_come_again(test: TestDatabase) {
    let world = world(test).await;
    // Another program has the database; it lets go when the event's time is over.
    let other = database(&world.test).await;
    let held = other.write().await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(200);
    let event = || event("install", "instapp_1");
    let waiting = world.installs.receive_by(&world.slug, event(), deadline);
    let release = async {
        tokio::time::sleep_until(deadline).await;
        drop(held);
    };
    let (stored, ()) = tokio::join!(waiting, release);
    let late = matches!(
        stored.unwrap_err(),
        ReceiveError::Store(StoreError::Late | StoreError::Database(_))
    );
    assert!(late);
    assert!(world.installs.list().await.unwrap().is_empty());
    assert_eq!(world.receive("install", "instapp_1").await, Receipt::Stored);
    assert_eq!(world.receive("install", "instapp_1").await, Receipt::Known);
}

async fn an_install_event_is_forgotten_after_90_days_and_has_no_new_effect_then(
    test: TestDatabase,
) {
    let world = world(test).await;
    let tenant = world.active("instapp_1").await;
    world.receive("uninstall", "instapp_unknown").await;
    world.clock.advance(Duration::from_hours(90 * 24));
    assert_eq!(world.installs.sweep_events().await.unwrap(), 0);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.installs.sweep_events().await.unwrap(), 1);
    assert_eq!(world.receive("install", "instapp_1").await, Receipt::Known);
    assert_eq!(world.installs.list().await.unwrap().len(), 1);
    assert!(world.installs.live().check_current(&tenant).is_ok());
    // That something has ended is never forgotten.
    let again = world.receive("uninstall", "instapp_unknown").await;
    assert_eq!(again, Receipt::Known);
}

async fn two_hosts_that_start_at_once_on_a_new_database_agree(test: TestDatabase) {
    let world = world(test).await;
    let start = async || {
        let (keys, time) = (world.keyring.clone(), world.clock.clone());
        let database = database(&world.test).await;
        let apps = BTreeMap::new();
        let installs = Installs::open(database.clone(), keys.clone(), time.clone(), apps);
        installs.await.unwrap();
        let endpoints = Endpoints::open(database, keys, time).await.unwrap();
        endpoints.ensure(&world.slug).await.unwrap();
        endpoints
    };
    let (first, second) = tokio::join!(start(), start());
    for kind in [EndpointKind::Callback, EndpointKind::Portal] {
        let secret = first.newest(kind, &world.slug).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test asks as Cloud would")]
        let secret = secrecy::ExposeSecret::expose_secret(&secret);
        let address = second.matches(kind, "kyc", secret).unwrap();
        assert_eq!(address.slug(), &world.slug);
    }
}
