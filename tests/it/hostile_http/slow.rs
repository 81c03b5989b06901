//! Slow connections: each of them ends, and without harm.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::time::sleep;

use super::place;
use super::raw::Raw;

/// A guard against hanging.
const GUARD: Duration = Duration::from_secs(100);

#[tokio::test(flavor = "multi_thread")]
async fn i08_a_trickle_of_headers_is_closed_at_5_s() {
    let place = place();
    let _host = place.serve().await;
    // One that trickles from the beginning, and one that has been answered before.
    for answered in [false, true] {
        let mut raw = Raw::connect(&place.origin()).await;
        if answered {
            assert_eq!(raw.get("/airlock.js").await.unwrap().status, 200);
        }
        let begun = Instant::now();
        raw.send("GET /airlock.js HTTP/1.1\r\nHost: {host}\r\n")
            .await;
        let (mut reader, mut writer) = raw.stream.into_split();
        let trickle = tokio::spawn(async move {
            // Until the other side is gone.
            while writer.write_all(b"X-A: b\r\n").await.is_ok() {
                sleep(Duration::from_millis(300)).await;
            }
        });
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut rest);
        let _ = tokio::time::timeout(GUARD, read).await.expect("an end");
        assert_eq!(rest, b"", "nothing is answered");
        assert!(
            begun.elapsed() >= Duration::from_millis(4900),
            "{:?}",
            begun.elapsed()
        );
        trickle.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i09_a_connection_that_sends_nothing_is_closed_at_5_s() {
    let place = place();
    let _host = place.serve().await;
    let begun = Instant::now();
    let raw = Raw::connect(&place.origin()).await;
    raw.assert_closed().await;
    assert!(
        begun.elapsed() >= Duration::from_millis(4900),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_a_trickle_of_body_is_408_when_its_time_is_over() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    for (target, least) in [("/session", 2900), (cloud.callback.as_str(), 7900)] {
        let begun = Instant::now();
        let mut raw = Raw::connect(&place.origin()).await;
        raw.send(&format!("POST {target} HTTP/1.1\r\nHost: {{host}}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 1000\r\n\r\n")).await;
        let answer = loop {
            raw.send("[").await;
            tokio::select! {
                answer = raw.answer() => break answer.expect("an answer"),
                () = sleep(Duration::from_millis(300)) => {}
            }
            assert!(begun.elapsed() < GUARD);
        };
        answer.assert_problem(408, "timeout");
        assert!(
            begun.elapsed() >= Duration::from_millis(least),
            "{:?}",
            begun.elapsed()
        );
        raw.assert_closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_reader_that_never_reads_is_closed_after_10_s() {
    let place = place();
    let host = place.serve().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let raw = Raw::connect_with(socket, &place.origin(), Ipv4Addr::LOCALHOST).await;
    let name = place.origin().replace("http://", "");
    let request = format!("GET /assets/shell.js HTTP/1.1\r\nHost: {name}\r\n\r\n");
    // Asks for more than all buffers on the way can hold, and reads none of it.
    let (_reader, mut writer) = raw.stream.into_split();
    let begun = Instant::now();
    let mut asked = 0;
    while begun.elapsed() < GUARD {
        let wrote = tokio::time::timeout(
            Duration::from_millis(300),
            writer.write_all(request.as_bytes()),
        );
        match wrote.await {
            Ok(Ok(())) => asked += 1,
            Ok(Err(_closed)) => break,
            // The host reads no more requests while an answer waits.
            Err(_full) => {}
        }
    }
    assert!(
        begun.elapsed() < GUARD,
        "it is still open after {asked} requests"
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(9900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        Raw::connect(&place.origin())
            .await
            .get("/airlock.js")
            .await
            .unwrap()
            .status,
        200
    );
    assert!(host.stop().success());
}
