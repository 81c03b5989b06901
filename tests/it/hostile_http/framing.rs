//! Heads and bodies that two readers could understand in two ways, and what asks for another protocol.

use super::place;
use super::raw::Raw;

#[tokio::test(flavor = "multi_thread")]
async fn i06_a_request_whose_end_is_a_matter_of_opinion_is_400_and_the_connection_ends() {
    let place = place();
    let host = place.serve().await;
    let callback = host.cloud("kyc").await.callback;
    let origin = place.origin();
    for (case, headers) in [
        (
            "CL and TE",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "TE and CL",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        ),
        ("two CL", "Content-Length: 2\r\nContent-Length: 3\r\n"),
        ("two equal CL", "Content-Length: 2\r\nContent-Length: 2\r\n"),
        ("the largest CL", "Content-Length: 18446744073709551615\r\n"),
        ("a list of CL", "Content-Length: 2, 2\r\n"),
        (
            "obs-fold",
            "X-A: b\r\n Content-Length: 2\r\nContent-Length: 2\r\n",
        ),
        ("a bare line feed", "X-A: b\nContent-Length: 2\r\n"),
        ("a space before the colon", "Content-Length : 2\r\n"),
        ("another encoding", "Transfer-Encoding: gzip, chunked\r\n"),
        (
            "two encodings",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
    ] {
        let mut raw = Raw::connect(&origin).await;
        // The second request must never be seen, whatever the first one's end is taken to be.
        raw.send(&format!(
            "POST {callback} HTTP/1.1\r\nHost: {{host}}\r\n{headers}\r\n{{}}GET /airlock.js HTTP/1.1\r\nHost: {{host}}\r\n\r\n"
        ))
        .await;
        let answer = raw.answer().await.expect(case);
        answer.assert_last_problem(400, "bad-request");
        raw.assert_closed().await;
    }
    // The same behind a sound request on one connection, sent in one piece: one answer each, in order.
    let mut raw = Raw::connect(&origin).await;
    raw.send(&format!(
        "GET {callback} HTTP/1.1\r\nHost: {{host}}\r\n\r\nGET / HTTP/1.1\r\nHost: {{host}}\r\nA: b\r\n c\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    raw.answer()
        .await
        .unwrap()
        .assert_last_problem(400, "bad-request");
    raw.assert_closed().await;
    // And three sound ones are three answers: nothing of one is taken for another.
    let mut raw = Raw::connect(&origin).await;
    let sound =
        format!("POST {callback} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: 2\r\n\r\n[]");
    raw.send(&format!("{sound}{sound}{sound}")).await;
    for _ in 0..3 {
        raw.answer().await.unwrap().assert_problem(400, "malformed");
    }
    assert_eq!(raw.get("/assets/shell.css").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_http_2_is_not_spoken_and_what_is_no_http_gets_no_further() {
    let place = place();
    let host = place.serve().await;
    let origin = place.origin();
    let mut raw = Raw::connect(&origin).await;
    // The preface, an empty SETTINGS frame and a reset stream: all of it is one refused head.
    raw.send(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
    )
    .await;
    raw.answer()
        .await
        .unwrap()
        .assert_last_problem(505, "version");
    raw.assert_closed().await;
    let mut raw = Raw::connect(&origin).await;
    raw.send("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n").await;
    raw.answer().await.unwrap().assert_problem(400, "upgrade");
    // Half a TLS hello has no end of a head, and is closed without an answer.
    let mut raw = Raw::connect(&origin).await;
    raw.send("\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03").await;
    raw.assert_closed().await;
    assert!(host.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_an_address_of_64_kib_is_414_and_odd_targets_find_nothing() {
    let place = place();
    let _host = place.serve().await;
    let origin = place.origin();
    for length in [9_000, 31_000, 65_536] {
        let mut raw = Raw::connect(&origin).await;
        let address = "a".repeat(length);
        raw.send(&format!(
            "GET /{address} HTTP/1.1\r\nHost: {{host}}\r\n\r\n"
        ))
        .await;
        raw.answer()
            .await
            .unwrap()
            .assert_problem(414, "address-too-long");
    }
    for (target, status) in [
        ("http://{host}/assets/shell.css", 200),
        ("http://evil.example/assets/shell.css", 421),
        ("http://evil.example@{host}/assets/shell.css", 421),
        ("/assets/../assets/shell.css", 404),
        ("/assets/%2e%2e/shell.css", 404),
        ("/assets%2fshell.css", 404),
        ("/assets/shell.css%00", 404),
        ("/%252e%252e/etc/passwd", 404),
        ("//assets/shell.css", 404),
        ("/assets/shell.css\\..", 404),
        ("*", 404),
        ("assets/shell.css", 400),
    ] {
        let mut raw = Raw::connect(&origin).await;
        let answer = raw.get(target).await.expect(target);
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i45_a_thousand_headers_or_32_kib_of_them_are_431() {
    let place = place();
    let _host = place.serve().await;
    let many = "X-A: b\r\n".repeat(1000);
    let long = format!("X-A: {}\r\n", "b".repeat(40_000));
    for headers in [many, long] {
        let mut raw = Raw::connect(&place.origin()).await;
        raw.send(&format!(
            "GET /airlock.js HTTP/1.1\r\nHost: {{host}}\r\n{headers}\r\n"
        ))
        .await;
        raw.answer()
            .await
            .unwrap()
            .assert_last_problem(431, "headers-too-large");
        raw.assert_closed().await;
    }
    // As many as a browser may send are taken.
    let some = "X-A: b\r\n".repeat(90);
    let mut raw = Raw::connect(&place.origin()).await;
    raw.send(&format!(
        "GET /airlock.js HTTP/1.1\r\nHost: {{host}}\r\n{some}\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn i50_upgrades_tunnels_expectations_and_trailers_are_refused() {
    let place = place();
    let host = place.serve().await;
    let callback = host.cloud("kyc").await.callback;
    let origin = place.origin();
    for (request, status, kind) in [
        (
            "GET /session HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            400,
            "upgrade",
        ),
        (
            "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            400,
            "upgrade",
        ),
        (
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\n\r\n",
            421,
            "misdirected",
        ),
        (
            "TRACE /session HTTP/1.1\r\nHost: {host}\r\n\r\n",
            405,
            "method-not-allowed",
        ),
        (
            "TRACE {callback} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            405,
            "method-not-allowed",
        ),
        (
            "POST {callback} HTTP/1.1\r\nHost: {host}\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\n",
            417,
            "expectation",
        ),
        // Nobody is told to go on with a body that will not be taken.
        (
            "POST {callback} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 10737418240\r\n\r\n",
            413,
            "too-large",
        ),
        (
            "POST {callback} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n0\r\nX-A: b\r\n\r\n",
            400,
            "bad-request",
        ),
        // Not announced, and sent all the same.
        (
            "POST {callback} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
            400,
            "unreadable",
        ),
        (
            "POST {callback} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            "unreadable",
        ),
    ] {
        let mut raw = Raw::connect(&origin).await;
        raw.send(&request.replace("{callback}", &callback)).await;
        let answer = raw.answer().await.expect(request);
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        answer.assert_problem(status, kind);
    }
    // A small body that asks first is told to go on.
    let mut raw = Raw::connect(&origin).await;
    raw.send(&format!("POST {callback} HTTP/1.1\r\nHost: {{host}}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")).await;
    assert_eq!(raw.answer().await.unwrap().status, 100);
    raw.send("{}").await;
    raw.answer()
        .await
        .unwrap()
        .assert_problem(422, "invalid-field");
    // Chunks are taken, and end the connection behind them.
    let mut raw = Raw::connect(&origin).await;
    raw.send(&format!("POST {callback} HTTP/1.1\r\nHost: {{host}}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")).await;
    raw.answer()
        .await
        .unwrap()
        .assert_last_problem(422, "invalid-field");
    raw.assert_closed().await;
}
