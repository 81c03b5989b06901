//! Many connections: the caps hold, and who asks properly is answered.

use std::net::Ipv4Addr;

use tokio::task::JoinSet;

use super::place;
use super::raw::Raw;

/// Addresses of this machine from which strangers come; the tests' own clients come from 127.0.0.1.
fn stranger(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number + 1)
}

/// Opens connections and keeps those that are answered.
async fn crowd(origin: &str, source: Ipv4Addr, count: usize) -> Vec<Raw> {
    let mut answered = Vec::new();
    for _ in 0..count {
        let mut raw = Raw::connect_from(origin, source).await;
        if let Some(answer) = raw.get("/assets/mark.svg").await {
            assert_eq!(answer.status, 200);
            answered.push(raw);
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_1024_connections_in_all_and_64_of_one_address() {
    airlock_host::listener::raise_descriptor_limit();
    let place = place().set("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "64");
    let host = place.serve().await;
    let origin = place.origin();
    let mut crowds = JoinSet::new();
    for number in 0..16 {
        let origin = origin.clone();
        crowds.spawn(async move { crowd(&origin, stranger(number), 90).await });
    }
    let mut held: Vec<Vec<Raw>> = crowds.join_all().await;
    let counts: Vec<usize> = held.iter().map(Vec::len).collect();
    assert_eq!(counts, [64; 16], "each address holds 64");
    // The house is full: a newcomer takes the seat of one who only waits, and there are not more seats for it.
    let mut newcomers = crowd(&origin, stranger(16), 20).await;
    assert_eq!(newcomers.len(), 20);
    let mut left = 0;
    for raw in held.iter_mut().flatten() {
        left += usize::from(raw.get("/assets/mark.svg").await.is_some());
    }
    assert_eq!(left, 1024 - 20);
    for raw in &mut newcomers {
        assert_eq!(raw.get("/assets/mark.svg").await.unwrap().status, 200);
    }
    assert!(host.stop().success());
    // It may be a flood, so it was told once for all of them.
    let log = place.log_text();
    assert_eq!(
        log.matches("listener.connections_per_address allows")
            .count(),
        1,
        "{log}"
    );
    assert!(log.contains("try: trusted_proxies"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_thousand_slow_connections_keep_nobody_from_being_answered() {
    airlock_host::listener::raise_descriptor_limit();
    let place = place().set("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "64");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let origin = place.origin();
    // I08 to I11 in turn: silence, half a head, half a body, and no reading.
    let beginnings = [
        String::new(),
        "GET /airlock.js HTTP/1.1\r\nHost: {host}\r\nX-A".to_owned(),
        format!(
            "POST {} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: 1000\r\n\r\n[",
            cloud.callback
        ),
        "GET /assets/shell.js HTTP/1.1\r\nHost: {host}\r\n\r\n".repeat(50),
    ];
    let mut crowds = JoinSet::new();
    for number in 0..20 {
        let (origin, beginnings) = (origin.clone(), beginnings.clone());
        crowds.spawn(async move {
            let mut slow = Vec::new();
            for beginning in beginnings.iter().cycle().take(50) {
                let mut raw = Raw::connect_from(&origin, stranger(number)).await;
                raw.send(beginning).await;
                slow.push(raw);
            }
            slow
        });
    }
    // Meanwhile and afterwards, one who asks properly.
    let mut legitimate = Raw::connect(&origin).await;
    let mut answered = 0;
    while !crowds.is_empty() || answered < 300 {
        while let Some(done) = crowds.try_join_next() {
            // Held until the end of the test.
            std::mem::forget(done.unwrap());
        }
        let answer = legitimate.get(&cloud.callback).await.expect("an answer");
        assert_eq!(answer.status, 200);
        answered += 1;
        // New ones get in beside them too.
        if answered % 50 == 0 {
            let mut fresh = Raw::connect(&origin).await;
            assert_eq!(fresh.get("/airlock.js").await.unwrap().status, 200);
        }
    }
    assert!(host.stop().success());
}
