//! Keys at rest: what a rotation does to rows that open and to rows that do not, and what an uninstall leaves behind.

mod addresses;
mod exchange;

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_test_database::{TestDatabase, on_both};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::DatabaseUrl;
use crate::install::*;
use crate::model::{InstallId, ManualClock, Slug, UnixMillis};
use crate::secret::{Keyring, SecretList};
use crate::store::installs::{Proof, Status};
use crate::store::{Database, StoreError};

on_both!(
    k4_after_a_rotation_the_old_key_may_go_and_before_it_may_not,
    k2_what_does_not_open_is_marked_or_told_and_stops_nothing_else,
);

/// A database with its keys, opened anew as often as wanted.
struct Place {
    test: TestDatabase,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new(test: TestDatabase) -> Self {
        Self {
            test,
            clock: Arc::new(ManualClock::new(UnixMillis::new(1_800_000_000_000))),
        }
    }

    async fn database(&self) -> Database {
        let url = DatabaseUrl::parse(self.test.url()).unwrap();
        Database::open(&url).await.unwrap()
    }

    async fn open(&self, keys: &[&str]) -> Result<Installs, OpenInstallsError> {
        let keyring = Arc::new(keyring(keys));
        let clock = self.clock.clone();
        Installs::open(self.database().await, keyring, clock, BTreeMap::new()).await
    }

    /// Every byte of the database and its log.
    fn bytes(&self) -> Vec<u8> {
        let file = self.test.url().strip_prefix("sqlite://").unwrap();
        let folder = std::path::Path::new(file).parent().unwrap();
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries
            .flat_map(|entry| std::fs::read(entry.path()).unwrap())
            .collect()
    }
}

fn keyring(keys: &[&str]) -> Keyring {
    Keyring::new(SecretList::parse('k', &keys.join(",").into()).unwrap()).unwrap()
}

fn generated(id: u32) -> String {
    let secret: SecretString = SecretList::generate('k', id);
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    secret.expose_secret().to_owned()
}

fn slug() -> Slug {
    Slug::parse("kyc").unwrap()
}

fn id(name: &str) -> InstallId {
    InstallId::parse(format!("instapp_{name}")).unwrap()
}

/// The install event of a name, or its uninstall.
fn event(kind: &str, name: &str) -> Event {
    let rest = match kind {
        "install" => format!(
            r#""api_key":"blnk_key_of_{name}_0123456789","granted_permissions":["data:read"]"#
        ),
        _ => r#""uninstalled_at":"2026-04-21T12:00:00Z""#.to_owned(),
    };
    let body = format!(
        r#"{{"installed_app_id":"instapp_{name}","app_id":"app_1","instance_id":"inst_{name}",
            "idempotency_key":"{kind}:instapp_{name}",{rest}}}"#
    );
    Event::parse(body.as_bytes(), None).unwrap()
}

async fn install(installs: &Installs, name: &str) {
    let receipt = installs.receive(&slug(), event("install", name)).await;
    assert_eq!(receipt.unwrap(), Receipt::Stored);
}

async fn activate(installs: &Installs, name: &str) {
    install(installs, name).await;
    let attempt = installs.provable(&id(name), 1).await.unwrap().unwrap();
    let accepted = installs.accept(attempt, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
}

async fn run(installs: &Installs, sql: &'static str) -> Result<u64, StoreError> {
    let mut tx = installs.database().write().await?;
    let done = sqlx::query(sql).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Rotates to the end. Answers how many values were sealed anew, how many installs were marked, and what is left.
async fn rotate(installs: &Installs) -> (u64, u64, u64) {
    let (mut resealed, mut marked) = (0, 0);
    for _ in 0..100 {
        let step = installs.rotate().await.unwrap();
        assert!(step.resealed <= 100, "{step:?}");
        if step.resealed == 0 && step.marked == 0 {
            return (resealed, marked, step.remaining);
        }
        resealed += step.resealed;
        marked += step.marked;
    }
    panic!("a rotation without an end");
}

async fn k4_after_a_rotation_the_old_key_may_go_and_before_it_may_not(test: TestDatabase) {
    let place = Place::new(test);
    let (old, new) = (generated(1), generated(2));
    let installs = place.open(&[&old]).await.unwrap();
    for number in 0..250 {
        install(&installs, &number.to_string()).await;
    }
    activate(&installs, "live").await;
    installs
        .receive(&slug(), event("install", "ended"))
        .await
        .unwrap();
    installs
        .receive(&slug(), event("uninstall", "ended"))
        .await
        .unwrap();

    let error = place
        .open(&[&new])
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string();
    for part in [
        "master key k1",
        "251 in installs",
        "1 in key_check",
        "252 fingerprints in installs",
        "253 fingerprints in webhook_events",
        "airlock keys rotate",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let installs = place.open(&[&new, &old]).await.unwrap();
    // The fingerprint key of k1, the key check, and the installs that still have a key.
    assert_eq!(rotate(&installs).await, (1 + 1 + 251, 0, 0));
    let status = installs.key_status().await.unwrap();
    let removable: Vec<_> = status
        .iter()
        .map(|key| (key.key.as_str(), key.removable))
        .collect();
    assert_eq!(removable, [("k2", false), ("k1", true)]);
    assert_eq!(status[0].sealed["installs"], 251);
    assert_eq!(status[1].sealed.len(), 0);
    assert_eq!(status[1].fingerprints["webhook_events"], 253);
    assert_eq!(
        status[1].fingerprints["installs"], 1,
        "the one whose key was erased"
    );
    assert_eq!(rotate(&installs).await, (0, 0, 0), "nothing is left to do");
    // The live table was told: its install opens with the new key alone.
    let live = installs.live().find(&id("live")).unwrap().unwrap();
    assert!(live.open_key(&keyring(&[&new])).is_ok());

    let installs = place.open(&[&new]).await.unwrap();
    let live = installs.live().find(&id("live")).unwrap().unwrap();
    assert!(live.open_key(installs.keyring()).is_ok());
    // What the old key fingerprinted is known again.
    for name in ["7", "live"] {
        let receipt = installs
            .receive(&slug(), event("install", name))
            .await
            .unwrap();
        assert_eq!(receipt, Receipt::Known);
    }
    let receipt = installs
        .receive(&slug(), event("uninstall", "ended"))
        .await
        .unwrap();
    assert_eq!(receipt, Receipt::Known);
    let error = place
        .open(&[&old])
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("master key k2") && error.contains("251 in installs"),
        "{error}"
    );
}

async fn k2_what_does_not_open_is_marked_or_told_and_stops_nothing_else(test: TestDatabase) {
    let place = Place::new(test);
    let (old, new) = (generated(1), generated(2));
    let installs = place.open(&[&old]).await.unwrap();
    for name in ["a", "b", "c"] {
        activate(&installs, name).await;
    }
    installs
        .exchange_keys(keyring(&[&new, &old]))
        .await
        .unwrap();
    // The blob of one row in another, as somebody with write access to the database would do.
    let moved = "update installs set api_key_ct = (select api_key_ct from installs where installed_app_id = 'instapp_a')
         where installed_app_id = 'instapp_b'";
    assert_eq!(run(&installs, moved).await.unwrap(), 1);
    let stray = "insert into store_keys (installed_app_id, data_key_ct, created_at)
         select 'instapp_c', api_key_ct, 1 from installs where installed_app_id = 'instapp_a'";
    assert_eq!(run(&installs, stray).await.unwrap(), 1);
    // The fingerprint key, the check, a and c; b is marked; the data key stays where it is.
    assert_eq!(rotate(&installs).await, (4, 1, 1));
    let rows = installs.list().await.unwrap();
    let status = |name: &str| {
        rows.iter()
            .find(|row| row.install == id(name))
            .unwrap()
            .status
    };
    assert_eq!(status("a"), Status::Active);
    assert_eq!(status("b"), Status::KeyUnreadable);
    assert!(
        installs.live().find(&id("b")).unwrap().is_none(),
        "its sessions end"
    );
    let error = installs
        .exchange_keys(keyring(&[&new]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("1 in store_keys"), "{error}");
    assert_eq!(installs.keyring().ids(), [2, 1], "the old keys stay in use");
}

#[tokio::test]
async fn k6_an_uninstall_leaves_no_ciphertext_in_the_row_nor_in_the_file() {
    let place = Place::new(TestDatabase::sqlite());
    let key = generated(1);
    let installs = place.open(&[&key]).await.unwrap();
    for name in ["a", "b"] {
        activate(&installs, name).await;
    }
    let rows = installs.list().await.unwrap();
    let blob = |name: &str| {
        let row = rows.iter().find(|row| row.install == id(name)).unwrap();
        row.api_key.clone().unwrap().as_bytes()[6..].to_vec()
    };
    let (erased, kept) = (blob("a"), blob("b"));
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(
        holds(&place.bytes(), &erased),
        "the search finds what is there"
    );
    installs
        .receive(&slug(), event("uninstall", "a"))
        .await
        .unwrap();
    let row = installs.stored(&id("a"), 1).await.unwrap().unwrap();
    assert!(row.row().api_key.is_none() && row.status() == Status::Uninstalled);
    // The table itself refuses a key in an ended row.
    let back = "update installs set api_key_ct = key_fp where installed_app_id = 'instapp_a'";
    assert!(run(&installs, back).await.is_err());
    installs.database().close().await;
    let bytes = place.bytes();
    assert!(
        !holds(&bytes, &erased),
        "the erased key is still in the file"
    );
    assert!(holds(&bytes, &kept), "the search finds what is there");
}
