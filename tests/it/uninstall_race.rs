//! T3: after the answer to an uninstall, no request with an older session succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_test_database::{TestDatabase, on_both};
use tokio::task::JoinSet;

use crate::support::TestHost;
use crate::support::long::times;

on_both!(t3_no_request_that_begins_after_the_answer_succeeds);

async fn t3_no_request_that_begins_after_the_answer_succeeds(database: TestDatabase) {
    let host = TestHost::setup().on(database);
    let host = host.package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    portal.get("calls").await.expect(200);
    // Eight clients ask all the time; each notes whether the uninstall had been answered before it asked.
    let ended = Arc::new(AtomicBool::new(false));
    let each = times(25, 1250);
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (portal, ended) = (portal.clone(), ended.clone());
        clients.spawn(async move {
            let (mut late, mut succeeded) = (0, 0);
            while late < each {
                let is_late = ended.load(Ordering::SeqCst);
                let status = portal.get("calls").await.status;
                assert!([200, 401].contains(&status), "{status}");
                late += usize::from(is_late);
                succeeded += usize::from(is_late && status == 200);
            }
            (late, succeeded)
        });
    }
    host.sim.uninstall(&install.installed_app_id).await.unwrap();
    ended.store(true, Ordering::SeqCst);
    for (late, succeeded) in clients.join_all().await {
        assert_eq!((late, succeeded), (each, 0));
    }
}
