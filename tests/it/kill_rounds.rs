//! Kills at random moments under load: whatever was acknowledged is there afterwards (W4).
//!
//! `AIRLOCK_TEST_LONG=1` kills 1,000 times while KYC records decisions, instead of some dozens of times.

mod book;
mod decisions;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::book::Book;
use crate::support::{Place, database, keys};

const ROUNDS: usize = 50;
const SENDERS: usize = 6;

/// Waits a random time below 256 ms: the moment of a kill.
async fn random_moment() {
    let [moment] = keys::random::<1>();
    tokio::time::sleep(Duration::from_millis(u64::from(moment))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_50_kills_under_load_every_acknowledged_event_is_there() {
    // Nothing listens there: no key is ever proven, and none refused.
    let place = Place::new(&"http://127.0.0.1:9/".parse().unwrap()).dud("kyc");
    let book = Arc::new(Book::new("app_1"));
    let mut rounds_with_events = 0;
    for _ in 0..ROUNDS {
        let host = place.serve().await;
        book.check(&host).await;
        let cloud = host.cloud("kyc").await;
        let before = book.begun();
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (book, cloud) = (Arc::clone(&book), cloud.clone());
            senders.spawn(async move { book.load(&cloud).await });
        }
        random_moment().await;
        host.kill();
        senders.join_all().await;
        rounds_with_events += usize::from(book.begun() > before + SENDERS);
    }
    // The test is worth something only if the kills fell into the work.
    assert!(
        rounds_with_events > ROUNDS / 2,
        "{rounds_with_events} rounds with events"
    );
    assert!(book.cut_short() > 0, "no event was cut short");
    database::assert_sound(&place.data()).await;

    let host = place.serve().await;
    let count = book.check(&host).await;
    let cloud = host.cloud("kyc").await;
    book.send_again(&cloud).await;
    let total = book.check(&host).await;
    assert!(
        total >= count && total <= book.begun(),
        "{total} of {count}"
    );
}
