//! A clock that jumps between signing and checking.

use std::time::Duration;

use crate::support::clients::{exchange, token_of};
use crate::support::{Portal, TestHost};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn i49_a_clock_that_jumps_opens_nothing_longer_than_it_was_signed_for() {
    let host = TestHost::setup().package("probes/echo").start().await;
    host.clock.advance(2 * HOUR);
    let install = host.install("echo", &["data:read"]).await;
    let address = host.sim.launch(&install.installed_app_id).await.unwrap();
    let portal = host.open(&install).await;
    // Back: what was signed in the future is not believed, neither the launch nor the session.
    host.clock.set_back(HOUR);
    let early = host.http.send(exchange(&token_of(&address))).await;
    early.problem(401, "launch-invalid");
    portal.get("seen").await.problem(401, "no-session");
    assert_eq!(portal.page().await.status, 401);
    // What is signed meanwhile has a life of its own, which ends when the clock is right again.
    let meanwhile = host.open(&install).await;
    meanwhile.get("seen").await.expect(200);
    host.clock.advance(HOUR);
    meanwhile.get("seen").await.problem(410, "session-expired");
    // Right again: both are as they were, and not a moment older.
    portal.get("seen").await.expect(200);
    Portal::open(&host.http, &address).await;
    // Ahead: over, and back again within the session's own time.
    host.clock.advance(HOUR);
    portal.get("seen").await.problem(410, "session-expired");
    host.clock.set_back(HOUR);
    portal.get("seen").await.expect(200);
    // No jump makes more of it than 15 minutes.
    host.clock.advance(Duration::from_mins(15));
    portal.get("seen").await.problem(410, "session-expired");
    assert!(portal.expires_at > 0);
}
