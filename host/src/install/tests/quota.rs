//! H40: how much one install may store, on both databases.

use super::*;

on_both!(h40_an_install_has_ten_thousand_keys_and_64_mib,);

/// Changes what the database says that the first install stores: writing all of it would take long.
async fn run(test: &TestDatabase, sql: &'static str) {
    let database = database(test).await;
    let mut tx = database.write().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn h40_an_install_has_ten_thousand_keys_and_64_mib(test: TestDatabase) {
    let world = world(test).await;
    let tenant = world.active("instapp_1").await;
    let other = world.active("instapp_2").await;
    let set = async |tenant: &Tenant, key: &str, value: &[u8]| {
        let set = world.store.set(tenant, key, value, Condition::Always);
        set.await.map(drop)
    };
    let full = Err(GuestStoreError::QuotaExceeded);
    set(&tenant, "first", b"1").await.unwrap();
    let nearly = "update store_keys set records = 9999 where installed_app_id = 'instapp_1'";
    run(&world.test, nearly).await;
    assert_eq!(set(&tenant, "the ten thousandth", b"1").await, Ok(()));
    assert_eq!(set(&tenant, "one more", b"1").await, full);
    // What is stored may change, and others have a quota of their own.
    assert_eq!(set(&tenant, "first", b"2").await, Ok(()));
    assert_eq!(set(&other, "first", b"1").await, Ok(()));

    let removed = world
        .store
        .delete(&tenant, "the ten thousandth", Condition::Always);
    removed.await.unwrap();
    // All but a hundred bytes.
    let nearly = "update store_keys set bytes = 67108764 where installed_app_id = 'instapp_1'";
    run(&world.test, nearly).await;
    assert_eq!(set(&tenant, "k", &[0; 100]).await, full);
    assert_eq!(set(&tenant, "k", &[0; 99]).await, Ok(()));
    assert_eq!(set(&tenant, "l", b"").await, full);
}
