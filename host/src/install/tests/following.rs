//! A host beside another one on the same server: before it answers anybody, and what it follows.

use super::*;
use crate::install::follow::More;
use crate::store::changes::numbers;

/// Another host on the same database: its installs, addresses and switches.
async fn beside(world: &World) -> (Installs, Endpoints, Switches) {
    let (keys, time) = (world.keyring.clone(), world.clock.clone());
    let database = database(&world.test).await;
    let installs = Installs::open(
        database.clone(),
        keys.clone(),
        time.clone(),
        BTreeMap::new(),
    );
    let endpoints = Endpoints::open(database.clone(), keys, time.clone());
    let switches = Switches::open(database, time).await.unwrap();
    (installs.await.unwrap(), endpoints.await.unwrap(), switches)
}

#[tokio::test]
async fn u4_what_ended_while_a_host_was_starting_is_known_before_it_answers() {
    let world = world(TestDatabase::postgres()).await;
    let tenant = world.active("instapp_1").await;
    let (installs, endpoints, switches) = beside(&world).await;
    // It loads its packages; meanwhile the install ends at the other host.
    world.receive("uninstall", "instapp_1").await;
    assert_eq!(installs.live().check_current(&tenant), Ok(()));
    let follower = follow(installs.clone(), endpoints, switches).await;
    assert!(follower.is_some());
    assert_eq!(
        installs.live().check_current(&tenant),
        Err(NotCurrent::Ended)
    );
}

#[tokio::test]
async fn a_host_whose_first_look_fails_answers_nothing() {
    let world = world(TestDatabase::postgres()).await;
    let tenant = world.active("instapp_1").await;
    let (installs, endpoints, switches) = beside(&world).await;
    execute(&world, "drop table changes cascade").await;
    let follower = follow(installs.clone(), endpoints, switches).await;
    assert!(follower.is_some());
    let refused = installs.live().check_current(&tenant);
    assert!(matches!(refused, Err(NotCurrent::Stale(_))), "{refused:?}");
}

#[tokio::test]
async fn a_database_that_went_back_in_time_is_read_anew() {
    let world = world(TestDatabase::postgres()).await;
    let (kept, lost) = (
        world.active("instapp_1").await,
        world.active("instapp_2").await,
    );
    let (installs, ..) = beside(&world).await;
    // As a standby that had not heard of the second install yet.
    execute(
        &world,
        "delete from installs where installed_app_id = 'instapp_2'",
    )
    .await;
    execute(&world, "update changes set number = 1").await;
    let mut connection = installs.database().read().await.unwrap();
    installs.catch_up(&mut connection, 1).await.unwrap();
    assert_eq!(installs.live().check_current(&kept), Ok(()));
    assert_eq!(installs.live().check_current(&lost), Err(NotCurrent::Ended));
}

#[tokio::test]
async fn an_app_that_is_switched_off_at_one_host_is_off_at_the_other_one() {
    let world = world(TestDatabase::postgres()).await;
    let (installs, endpoints, switches) = beside(&world).await;
    let (_, _, first) = beside(&world).await;
    let kyc = Slug::parse("kyc").unwrap();
    assert!(first.disable(&kyc).await.unwrap());
    assert!(!first.disable(&kyc).await.unwrap());
    assert!(switches.off().is_empty());
    let follower = follow(installs, endpoints, switches.clone()).await.unwrap();
    assert_eq!(switches.off(), [kyc.clone()].into());
    let stopping = tokio_util::sync::CancellationToken::new();
    let following = tokio::spawn(follower.run(stopping.clone()));
    let mut changes = switches.changes();
    assert!(first.enable(&kyc).await.unwrap());
    assert!(!first.enable(&kyc).await.unwrap());
    let heard = tokio::time::timeout(std::time::Duration::from_secs(10), changes.changed());
    heard.await.unwrap().unwrap();
    assert!(switches.off().is_empty());
    stopping.cancel();
    following.await.unwrap();
}

async fn execute(world: &World, statement: &'static str) {
    let mut tx = world.installs.database().write().await.unwrap();
    sqlx::query(statement).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_look_that_is_cut_goes_on_where_it_was() {
    let world = world(TestDatabase::postgres()).await;
    world.active("instapp_1").await;
    let (installs, ..) = beside(&world).await;
    // Some that are active by their rows alone, and one last that serves.
    execute(
        &world,
        "insert into installs (installed_app_id, attempt, app_slug, app_id, instance_id, status, api_key_ct,
             api_key_prefix, key_fp, granted, session_gen, created_at, updated_at, row_version)
         select 'instapp_many_' || number, 1, app_slug, app_id, 'inst_many_' || number, 'pending', api_key_ct,
             api_key_prefix, key_fp, granted, session_gen, created_at, updated_at, row_version
         from installs, generate_series(1, 1100) as number where installed_app_id = 'instapp_1'",
    )
    .await;
    execute(
        &world,
        "update installs set status = 'active' where status = 'pending'",
    )
    .await;
    let last = world.active("instapp_2").await;
    let seen = || {
        let seen = &installs.0.changes_seen;
        seen.load(std::sync::atomic::Ordering::Relaxed)
    };
    let start = seen();
    let mut connection = installs.database().read().await.unwrap();
    let number = numbers(&mut connection).await.unwrap().installs;
    assert_eq!(number - start, 1101);
    // Cut after what it brings in at once.
    let pins = installs.pins(&mut connection).await.unwrap();
    let more = installs.bring_in(&mut connection, &pins, number).await;
    assert!(more.unwrap() == More::Waits);
    assert_eq!(seen() - start, 250);
    installs.catch_up(&mut connection, number).await.unwrap();
    assert_eq!(seen(), number);
    assert_eq!(installs.live().check_current(&last), Ok(()));
}

#[tokio::test]
async fn u4_what_a_failed_over_database_lost_is_not_served_whatever_it_counted_since() {
    let world = world(TestDatabase::postgres()).await;
    let (kept, lost) = (
        world.active("instapp_1").await,
        world.active("instapp_2").await,
    );
    let (installs, endpoints, switches) = beside(&world).await;
    let mut follower = follow(installs.clone(), endpoints, switches).await.unwrap();
    assert_eq!(installs.live().check_current(&lost), Ok(()));
    // A standby without the second install takes over, and counts beyond what this host has seen before it looks.
    execute(
        &world,
        "delete from installs where installed_app_id = 'instapp_2'",
    )
    .await;
    execute(&world, "update changes set number = number + 5").await;
    let mut connection = world.installs.database().read().await.unwrap();
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    for _ in 0..3 {
        follower.look_once().await;
    }
    assert_eq!(installs.live().check_current(&kept), Ok(()));
    assert_eq!(installs.live().check_current(&lost), Err(NotCurrent::Ended));
}
