//! The one answer that does not end: the event stream of a portal in development.

use std::time::Duration;

use super::raw::Raw;
use crate::support::TestHost;

#[tokio::test]
async fn an_event_stream_outlives_the_idle_deadlines_and_ends_with_the_host() {
    let host = TestHost::setup()
        .package("probes/echo")
        .development()
        .start()
        .await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let mut raw = Raw::connect(host.http.origin()).await;
    raw.send(&format!(
        "GET /s/{}/events HTTP/1.1\r\nHost: {{host}}\r\nCookie: {}\r\nSec-Fetch-Site: same-origin\r\n\r\n",
        portal.sid, portal.cookie
    ))
    .await;
    let answer = raw.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // A ping every 15 s: the third comes later than any deadline of the listener, and nothing was asked meanwhile.
    let mut seen = String::new();
    while seen.matches("\n:").count() < 3 {
        let more = raw.more_text().await.expect("the stream goes on");
        seen.push_str(&more);
    }
    assert_eq!(seen.matches("event: digest").count(), 1, "{seen}");
    host.begin_stop();
    let end = tokio::time::timeout(Duration::from_mins(4), async {
        while let Some(more) = raw.more_text().await {
            seen.push_str(&more);
        }
    });
    end.await.expect("the stream ends");
    assert!(
        seen.ends_with("0\r\n\r\n"),
        "the end is an orderly one: {seen:?}"
    );
}
