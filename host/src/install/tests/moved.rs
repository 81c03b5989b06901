//! An app of Cloud that was given to another slug while its installs were active.

use super::*;
use crate::model::AppId;
use crate::store::installs::Status;

on_both!(
    an_app_that_the_configuration_moves_takes_its_instances_with_it,
    an_install_that_was_moved_ends_by_an_event_at_its_new_address,
    an_app_that_nobody_moved_is_occupied_until_the_old_key_is_dead,
);

/// An event for the same app and instance, with a key of its own.
fn again(install: &str) -> Event {
    let body = format!(
        r#"{{"installed_app_id":"{install}","app_id":"app_1","instance_id":"inst_instapp_1",
            "api_key":"blnk_test_moved_0123456789","granted_permissions":["data:read"],
            "idempotency_key":"install:{install}"}}"#
    );
    Event::parse(body.as_bytes(), None).unwrap()
}

async fn attempt(installs: &Installs, slug: &Slug) -> Attempt {
    let stored = installs.receive(slug, again("instapp_2")).await;
    assert_eq!(stored.unwrap(), Receipt::Stored);
    attempt_of(installs).await
}

async fn attempt_of(installs: &Installs) -> Attempt {
    let id = InstallId::parse("instapp_2").unwrap();
    installs.provable(&id, 1).await.unwrap().unwrap()
}

async fn an_app_that_the_configuration_moves_takes_its_instances_with_it(test: TestDatabase) {
    let world = world(test).await;
    let old = world.active("instapp_1").await;
    let (slug, app) = (Slug::parse("review").unwrap(), old.row().app.clone());
    world.installs.unpin(&world.slug).await.unwrap();
    let moved = BTreeMap::from([(slug.clone(), app)]);
    let installs = opened(&world, moved).await;
    let attempt = attempt(&installs, &slug).await;
    let way = installs.in_the_way(&attempt, Proof::Answered).await;
    assert!(way.unwrap().is_none(), "what serves nobody is in no way");
    // But a 403, which any live key gets, displaces nothing.
    let way = installs.in_the_way(&attempt, Proof::Forbidden).await;
    assert!(way.unwrap().is_some());
    let by_403 = attempt_of(&installs).await;
    let accepted = installs.accept(by_403, Proof::Forbidden, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Occupied);
    let accepted = installs.accept(attempt, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
    let old = installs.stored(old.install_id(), 1).await.unwrap().unwrap();
    assert_eq!(old.status(), Status::Superseded);
    assert!(old.row().api_key.is_none());
}

async fn an_app_that_nobody_moved_is_occupied_until_the_old_key_is_dead(test: TestDatabase) {
    let world = world(test).await;
    let old = world.active("instapp_1").await;
    let beside = world.active("instapp_3").await;
    world.installs.unpin(&world.slug).await.unwrap();
    let slug = Slug::parse("review").unwrap();
    let stands = attempt(&world.installs, &slug).await;
    let way = world.installs.in_the_way(&stands, Proof::Answered).await;
    let way = way.unwrap().expect("the old one serves");
    assert_eq!(way.install_id(), old.install_id());
    let accepted = world.installs.accept(stands, Proof::Answered, None).await;
    assert_eq!(accepted.unwrap(), Accepted::Occupied);
    let id = InstallId::parse("instapp_2").unwrap();
    let stands = world.installs.provable(&id, 1).await.unwrap().unwrap();
    let dead = Some(&way);
    let accepted = world.installs.accept(stands, Proof::Answered, dead).await;
    assert_eq!(accepted.unwrap(), Accepted::Active);
    let live = world.installs.live();
    assert!(live.find(old.install_id()).unwrap().is_none());
    assert!(live.find(&id).unwrap().is_some());
    // The app is another slug's by this. Its installs in other instances serve no longer, and keep their keys.
    assert!(live.find(beside.install_id()).unwrap().is_none());
    let beside = world.installs.stored(beside.install_id(), 1).await;
    let beside = beside.unwrap().unwrap();
    assert_eq!(beside.status(), Status::Revoked);
    assert!(beside.row().api_key.is_some());
}

async fn an_install_that_was_moved_ends_by_an_event_at_its_new_address(test: TestDatabase) {
    let world = world(test).await;
    let old = world.active("instapp_1").await;
    world.installs.unpin(&world.slug).await.unwrap();
    let (slug, app) = (Slug::parse("review").unwrap(), old.row().app.clone());
    // Where nobody moved it, another address does not end it.
    let elsewhere = world
        .installs
        .receive(&slug, event("uninstall", "instapp_1"));
    assert_eq!(elsewhere.await.unwrap(), Receipt::Known);
    let installs = opened(&world, BTreeMap::from([(slug.clone(), app)])).await;
    let ended = installs.receive(&slug, event("uninstall", "instapp_1"));
    assert_eq!(ended.await.unwrap(), Receipt::Ended);
    let old = installs.stored(old.install_id(), 1).await.unwrap().unwrap();
    assert_eq!(old.status(), Status::Uninstalled);
    assert!(old.row().api_key.is_none());
}

/// The same database, as a host finds it that starts with these `app_id`s.
async fn opened(world: &World, app_ids: BTreeMap<Slug, AppId>) -> Installs {
    let time: Arc<dyn Clock> = world.clock.clone();
    let database = database(&world.test).await;
    let installs = Installs::open(database, world.keyring.clone(), time, app_ids);
    installs.await.unwrap()
}
