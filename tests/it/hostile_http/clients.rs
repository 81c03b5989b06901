//! Who is counted: the peer of the connection, or whom a trusted proxy speaks for.

use super::place;
use super::raw::{Raw, RawAnswer};
use crate::support::{Ask, ProcessHost};

/// Asks for what is not there, with forwarded addresses.
async fn ask(host: &ProcessHost, forwarded: &str) -> u16 {
    let ask = Ask::get("/no/such/path").header("x-forwarded-for", forwarded);
    host.http.send(ask).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn i43_a_forwarded_address_is_believed_of_a_trusted_proxy_alone() {
    for (trusted, fresh) in [("[]", 429), (r#"["127.0.0.0/8"]"#, 404)] {
        let place = place()
            .set("AIRLOCK_TRUSTED_PROXIES", trusted)
            .set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "1")
            .set("AIRLOCK_RATE__UNKNOWN__BURST", "20");
        let host = place.serve().await;
        let mut last = 0;
        // One client uses its limit up. Left of what the proxy wrote stands whatever the client likes.
        for number in 0..60 {
            last = ask(&host, &format!("198.51.100.{number}, 203.0.113.5")).await;
        }
        assert_eq!(last, 429, "trusted: {trusted}");
        // Another client of a trusted proxy is another client; of anybody else it is the same.
        assert_eq!(ask(&host, "203.0.113.6").await, fresh, "trusted: {trusted}");
        // RFC 7239's header is never read.
        let ask = Ask::get("/no/such/path").header("forwarded", "for=203.0.113.7");
        let ask = ask.header("x-forwarded-for", "203.0.113.5");
        assert_eq!(host.http.send(ask).await.status, 429, "trusted: {trusted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cloud_does_not_call_from_is_reported_or_refused_and_told_once() {
    for (mode, status) in [("report", 200), ("enforce", 404)] {
        let place = place()
            .set(
                "AIRLOCK_SOURCE_ADDRESSES",
                r#"["192.0.2.0/24", "127.0.0.9"]"#,
            )
            .set("AIRLOCK_SOURCE_ADDRESSES_MODE", mode);
        let host = place.serve().await;
        let cloud = host.cloud("kyc").await;
        let unknown = host.http.send(Ask::get("/no/such/path")).await.expect(404);
        for address in [&cloud.callback, &cloud.portal, &cloud.callback] {
            let answer = host.http.send(Ask::get(address)).await;
            assert_eq!(answer.status, status, "{mode}");
            if status == 404 {
                assert_eq!(answer.body, unknown.body);
                assert_eq!(answer.lasting_headers(), unknown.lasting_headers());
            }
        }
        // A wrong secret is no news.
        host.http
            .send(Ask::get("/api/callback/kyc/wrong"))
            .await
            .expect(404);
        let mut known = Raw::connect_from(&place.origin(), [127, 0, 0, 9].into()).await;
        let answer: RawAnswer = known.get(&cloud.callback).await.unwrap();
        assert_eq!(answer.status, 200, "{mode}");
        assert!(host.stop().success());
        let log = place.log_text();
        let told = log.matches("outside of source_addresses").count();
        assert_eq!(told, 1, "{mode}: {log}");
        let secret = cloud.callback.rsplit('/').next().unwrap();
        assert!(!log.contains(secret), "the address stands in the log");
    }
}

/// A request of a client that a proxy speaks for.
fn through_proxy(line: &str, client: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: {{host}}\r\nX-Forwarded-For: {client}\r\nSec-Fetch-Site: same-origin\r\n"
    )
}

async fn status_through_proxy(origin: &str, target: &str, client: &str) -> u16 {
    let mut raw = Raw::connect(origin).await;
    let request = through_proxy(&format!("GET {target}"), client);
    raw.send(&format!("{request}\r\n")).await;
    raw.answer().await.expect("an answer").status
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_i12_requests_that_never_end_take_a_proxys_client_its_own_room_and_are_counted() {
    let place = place()
        .set("AIRLOCK_TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#)
        .set("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "12")
        .set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "1")
        .set("AIRLOCK_RATE__UNKNOWN__BURST", "2");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let origin = place.origin();
    let (slow, other) = ("203.0.113.5", "203.0.113.6");
    let mut stalled = Vec::new();
    for _ in 0..13 {
        let mut raw = Raw::connect(&origin).await;
        let request = through_proxy("POST /session", slow);
        raw.send(&format!("{request}Content-Length: 100\r\n\r\n{{"))
            .await;
        stalled.push(raw);
    }
    // Whichever came last is refused at once, while the others are waited for.
    let mut statuses = Vec::new();
    for raw in &mut stalled {
        statuses.push(raw.answer().await.expect("an answer").status);
    }
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!(count(408) + count(429), 13, "{statuses:?}");
    // One has no room, and of the others only some are told that it took too long: the rest are too many.
    assert!((2..=8).contains(&count(408)), "{statuses:?}");
    drop(stalled);

    let mut stalled = Vec::new();
    for _ in 0..12 {
        let mut raw = Raw::connect(&origin).await;
        let request = through_proxy("POST /session", slow);
        raw.send(&format!(
            "{request}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
        ))
        .await;
        // The host waits for the body now.
        assert_eq!(raw.answer().await.expect("an answer").status, 100);
        stalled.push(raw);
    }
    for (target, client, status) in [
        ("/airlock.js", slow, 429),
        ("/airlock.js", other, 200),
        (cloud.callback.as_str(), slow, 200),
    ] {
        assert_eq!(
            status_through_proxy(&origin, target, client).await,
            status,
            "{target} for {client}"
        );
    }
    drop(stalled);
    crate::support::poll::until("there is room again", async || {
        (status_through_proxy(&origin, "/airlock.js", slow).await == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_named_is_told_of_at_the_start() {
    for (public_url, proxies, mode, told) in [
        ("https://apps.example.com", "[]", "report", [1, 0]),
        ("https://apps.example.com", "[]", "enforce", [1, 1]),
        (
            "https://apps.example.com",
            r#"["10.0.0.1"]"#,
            "enforce",
            [0, 0],
        ),
        ("http://127.0.0.1:1", "[]", "enforce", [0, 0]),
    ] {
        let place = place()
            .set("AIRLOCK_PUBLIC_URL", public_url)
            .set("AIRLOCK_TRUSTED_PROXIES", proxies)
            .set("AIRLOCK_SOURCE_ADDRESSES", r#"["192.0.2.0/24"]"#)
            .set("AIRLOCK_SOURCE_ADDRESSES_MODE", mode);
        let host = place.serve().await;
        assert!(host.stop().success());
        let log = place.log_text();
        let count = |text: &str| log.matches(text).count();
        let counts = [
            count("trusted_proxies is empty"),
            count("no proxy is trusted"),
        ];
        assert_eq!(counts, told, "{public_url} {proxies} {mode}: {log}");
    }
}
