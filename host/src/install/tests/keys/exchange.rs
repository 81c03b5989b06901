//! Keys that are exchanged while others work: many at once, callers who leave, wrong keys, other hosts.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::*;
use crate::model::Clock as _;
use crate::store::{changes, outbox};

on_both!(
    k4_installs_that_arrive_at_once_are_all_stored,
    k4_a_step_of_a_rotation_whose_caller_is_gone_is_done_to_its_end,
    k4_a_wrong_older_key_is_refused_before_anything_is_marked,
    a_key_that_opens_again_is_proven_anew_and_a_key_that_does_not_may_be_sent_again,
    k5_an_install_ends_also_when_the_key_is_worn_out,
);

/// Polls a change once and drops it, as a caller does who hangs up.
pub(super) async fn begun_and_left(change: impl Future) {
    let mut change = Box::pin(change);
    let polled = poll_fn(|context| Poll::Ready(change.as_mut().poll(context).is_pending()));
    assert!(polled.await, "it was done before its caller could leave");
}

/// Waits for something that a task brings about.
pub(super) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was never done");
}

async fn statuses(installs: &Installs) -> Vec<(String, Status)> {
    let rows = installs.list().await.unwrap().into_iter();
    let mut found: Vec<_> = rows
        .map(|row| (row.install.as_str().to_owned(), row.status))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

async fn k4_installs_that_arrive_at_once_are_all_stored(test: TestDatabase) {
    let place = Place::new(test);
    let installs = place.open(&[&generated(1)]).await.unwrap();
    // What was counted ahead is all but gone.
    let keyring = installs.keyring().clone();
    while keyring.granted() > 8 {
        drop(keyring.permit().unwrap());
    }
    let mut running = tokio::task::JoinSet::new();
    for number in 0..60 {
        let installs = installs.clone();
        running.spawn(async move { install(&installs, &number.to_string()).await });
    }
    running.join_all().await;
    assert_eq!(installs.list().await.unwrap().len(), 60);
}

async fn k4_a_step_of_a_rotation_whose_caller_is_gone_is_done_to_its_end(test: TestDatabase) {
    let place = Place::new(test);
    let (old, new) = (generated(1), generated(2));
    let installs = place.open(&[&old]).await.unwrap();
    activate(&installs, "a").await;
    installs
        .exchange_keys(keyring(&[&new, &old]))
        .await
        .unwrap();
    let sealed_by_old = async || {
        let status = installs.key_status().await.unwrap();
        status[1].sealed.values().sum::<u64>()
    };
    // The fingerprint key and the check, then the install.
    begun_and_left(installs.rotate()).await;
    until(async || sealed_by_old().await == 1).await;
    begun_and_left(installs.rotate()).await;
    until(async || sealed_by_old().await == 0).await;
    let alone = keyring(&[&new]);
    until(async || {
        let live = installs.live().find(&id("a")).unwrap().unwrap();
        live.open_key(&alone).is_ok()
    })
    .await;
}

async fn k4_a_wrong_older_key_is_refused_before_anything_is_marked(test: TestDatabase) {
    let place = Place::new(test);
    let (old, new, wrong) = (generated(1), generated(2), generated(1));
    let installs = place.open(&[&old]).await.unwrap();
    activate(&installs, "a").await;
    install(&installs, "b").await;
    let exchanged = installs.exchange_keys(keyring(&[&new, &old])).await;
    exchanged.unwrap();
    // Ended in the middle: the check is under k2, the installs are under k1.
    installs.rotate().await.unwrap();
    let before = statuses(&installs).await;
    let is_told = |error: String| error.contains("master key k1 opens none of the values");
    let started = place.open(&[&new, &wrong]).await.map(|_| ());
    assert!(is_told(started.unwrap_err().to_string()));
    let exchanged = installs.exchange_keys(keyring(&[&new, &wrong])).await;
    assert!(is_told(exchanged.unwrap_err().to_string()));
    assert_eq!(statuses(&installs).await, before);
    let installs = place.open(&[&new, &old]).await.unwrap();
    let live = installs.live().find(&id("a")).unwrap().unwrap();
    assert!(live.open_key(installs.keyring()).is_ok());
    assert_eq!(rotate(&installs).await, (2, 0, 0));
}

async fn a_key_that_opens_again_is_proven_anew_and_a_key_that_does_not_may_be_sent_again(
    test: TestDatabase,
) {
    let place = Place::new(test);
    let key = generated(1);
    let installs = place.open(&[&key]).await.unwrap();
    activate(&installs, "a").await;
    install(&installs, "b").await;
    activate(&installs, "c").await;
    // As an earlier start with a wrong key left them; the row of c was altered as well.
    let marked = "update installs set status = 'key_unreadable'";
    assert_eq!(run(&installs, marked).await.unwrap(), 3);
    // The work behind them was taken up meanwhile, and came to nothing.
    let done = "update outbox set state = 'done', tries = 9 where kind = 'prove'";
    assert_eq!(run(&installs, done).await.unwrap(), 3);
    let altered = "update installs set api_key_ct = (select api_key_ct from installs where installed_app_id = 'instapp_a')
         where installed_app_id = 'instapp_c'";
    assert_eq!(run(&installs, altered).await.unwrap(), 1);
    let installs = place.open(&[&key]).await.unwrap();
    let status = |name: &str, status| (id(name).as_str().to_owned(), status);
    let unreadable = status("c", Status::KeyUnreadable);
    let found = statuses(&installs).await;
    let expected = [
        status("a", Status::Revoked),
        status("b", Status::Pending),
        unreadable,
    ];
    assert_eq!(found, expected);
    // The attempt is proven at once, as a delivery of its own.
    let now = place.clock.now();
    let mut tx = installs.database().write().await.unwrap();
    let due = outbox::lease(&mut tx, "host", true, now, now, 8);
    let due = due.await.unwrap();
    drop(tx);
    let [again] = due.as_slice() else {
        panic!("{due:?}")
    };
    assert_eq!((&again.install, again.tries), (&id("b"), 0));
    for name in ["a", "b", "c"] {
        let again = installs.receive(&slug(), event("install", name)).await;
        let stored = again.unwrap() == Receipt::Stored;
        assert_eq!(stored, name == "c", "{name}");
        let number = if stored { 2 } else { 1 };
        let attempt = installs.provable(&id(name), number).await.unwrap().unwrap();
        let accepted = installs.accept(attempt, Proof::Answered, None).await;
        assert_eq!(accepted.unwrap(), Accepted::Active, "{name}");
        let live = installs.live().find(&id(name)).unwrap().unwrap();
        assert!(live.open_key(installs.keyring()).is_ok());
    }
}

async fn k5_an_install_ends_also_when_the_key_is_worn_out(test: TestDatabase) {
    let place = Place::new(test);
    let key = generated(1);
    let installs = place.open(&[&key]).await.unwrap();
    activate(&installs, "a").await;
    let worn = "update key_usage set enc_count = 2147483648";
    assert_eq!(run(&installs, worn).await.unwrap(), 1);
    let installs = place.open(&[&key]).await.unwrap();
    let refused = installs.receive(&slug(), event("install", "b")).await;
    let error = refused.unwrap_err();
    let is_worn = matches!(error, ReceiveError::Keys(KeyUseError::WornOut(1)));
    assert!(is_worn, "{error}");
    let ended = async || installs.receive(&slug(), event("uninstall", "a")).await;
    assert_eq!(ended().await.unwrap(), Receipt::Ended);
    assert!(installs.live().find(&id("a")).unwrap().is_none());
    assert_eq!(ended().await.unwrap(), Receipt::Known);
}

#[tokio::test]
async fn k4_a_host_that_does_not_know_the_new_key_yet_serves_on_and_catches_up_when_it_does() {
    let place = Place::new(TestDatabase::postgres());
    let (old, new) = (generated(1), generated(2));
    let slow = place.open(&[&old]).await.unwrap();
    let quick = place.open(&[&old]).await.unwrap();
    activate(&quick, "a").await;
    let follow = async || {
        let mut connection = slow.database().read().await.unwrap();
        let numbers = changes::numbers(&mut connection).await.unwrap();
        let caught_up = slow.catch_up(&mut connection, numbers.installs).await;
        caught_up.unwrap();
    };
    follow().await;
    quick.exchange_keys(keyring(&[&new, &old])).await.unwrap();
    rotate(&quick).await;
    activate(&quick, "b").await;
    follow().await;
    let found = |name: &str| slow.live().find(&id(name)).unwrap();
    let served = found("a").expect("it serves on");
    assert!(served.open_key(slow.keyring()).is_ok());
    assert!(found("b").is_none(), "nobody can open its key here");
    slow.exchange_keys(keyring(&[&new, &old])).await.unwrap();
    for name in ["a", "b"] {
        let served = found(name).expect("it is known by now");
        assert!(served.open_key(&keyring(&[&new])).is_ok(), "{name}");
    }
    let rows = slow.list().await.unwrap();
    assert!(rows.iter().all(|row| row.status == Status::Active));
}

#[tokio::test]
async fn k4_a_host_without_the_newest_key_rotates_nothing() {
    let place = Place::new(TestDatabase::postgres());
    let (old, new) = (generated(1), generated(2));
    let slow = place.open(&[&old]).await.unwrap();
    let quick = place.open(&[&new, &old]).await.unwrap();
    activate(&slow, "a").await;
    install(&slow, "b").await;
    rotate(&quick).await;
    let before = statuses(&quick).await;
    let sealed = quick.key_status().await.unwrap()[0].sealed.clone();
    for _ in 0..3 {
        let refused = slow.rotate().await.map(|_| ()).unwrap_err().to_string();
        let parts = ["master key k2, which is not among", "AIRLOCK_MASTER_KEYS"];
        assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    }
    assert_eq!(statuses(&quick).await, before);
    assert_eq!(quick.key_status().await.unwrap()[0].sealed, sealed);
    assert!(slow.live().find(&id("a")).unwrap().is_some());
    // The new key alone is enough for everything, the check included.
    place.open(&[&new]).await.unwrap();
}

#[tokio::test]
async fn k4_of_two_hosts_with_two_keys_of_one_number_the_second_is_refused() {
    let place = Place::new(TestDatabase::postgres());
    let (old, new, other) = (generated(1), generated(2), generated(2));
    let refused = |error: String| {
        let parts = ["master key k2 is another key", "try: "];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    let first = place.open(&[&old]).await.unwrap();
    let second = place.open(&[&old]).await.unwrap();
    first.exchange_keys(keyring(&[&new, &old])).await.unwrap();
    // Nothing is under either of them yet.
    let exchanged = second.exchange_keys(keyring(&[&other, &old])).await;
    refused(exchanged.unwrap_err().to_string());
    let started = place.open(&[&other, &old]).await.map(|_| ());
    refused(started.unwrap_err().to_string());
    second.exchange_keys(keyring(&[&new, &old])).await.unwrap();
    // Also where it is not the one that seals, and after a rotation has left it.
    let third = generated(3);
    let beside = second.exchange_keys(keyring(&[&third, &other, &old])).await;
    refused(beside.unwrap_err().to_string());
    let next = second.exchange_keys(keyring(&[&third, &new, &old])).await;
    next.unwrap();
    rotate(&second).await;
    let left = second.exchange_keys(keyring(&[&third, &other])).await;
    refused(left.unwrap_err().to_string());
}
