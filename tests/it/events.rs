//! The callback's edge: what is an event, and what is told about what is none.

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;

use crate::support::{Ask, TestHost, TestInstall};

on_both!(
    i05_a_body_over_64_kib_is_413_with_length_or_chunked,
    i03_i07_an_event_is_json_as_it_is,
    i02_a_look_at_the_two_addresses_does_nothing,
    i01_a_wrong_secret_is_an_unknown_path,
);

/// A host with an app that can't be served: events need no more.
async fn dud(database: TestDatabase) -> TestHost {
    TestHost::setup().on(database).dud("kyc").start().await
}

async fn i05_a_body_over_64_kib_is_413_with_length_or_chunked(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    for address in [&cloud.callback, &cloud.portal] {
        let too_long = vec![b' '; 65_537];
        let answer = host
            .http
            .send(Ask::post(address).bytes(too_long.clone()))
            .await;
        answer.problem(413, "too-large");
        let pieces = too_long.chunks(1000).map(<[u8]>::to_vec).collect();
        host.http
            .send(Ask::post(address).chunked(pieces))
            .await
            .problem(413, "too-large");
    }
    // The limit itself is taken, in pieces too: the event is padded to exactly 64 KiB.
    let mut event = TestInstall::new("1").install().to_string().into_bytes();
    event.resize(65_536, b' ');
    let pieces = event.chunks(1000).map(<[u8]>::to_vec).collect();
    host.http
        .send(Ask::post(&cloud.callback).chunked(pieces))
        .await
        .expect(200);
    assert_eq!(host.installs().await.len(), 1);
}

async fn i03_i07_an_event_is_json_as_it_is(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let event = |name: &str| TestInstall::new(name).install().to_string();
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "application/jsonp"),
        ("content-encoding", "gzip"),
        ("content-encoding", "br"),
    ] {
        let ask = Ask::post(&cloud.callback)
            .header(name, value)
            .bytes(event("refused"));
        host.http
            .send(ask)
            .await
            .problem(415, "unsupported-media-type");
    }
    assert_eq!(host.installs().await.len(), 0);
    for (number, media_type) in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/cloudevents+json",
    ]
    .into_iter()
    .enumerate()
    {
        let ask = Ask::post(&cloud.callback).header("content-type", media_type);
        let answer = host
            .http
            .send(ask.bytes(event(&number.to_string())))
            .await
            .expect(200);
        assert_eq!(answer.json(), json!({ "ok": true }));
    }
    host.http
        .send(Ask::post(&cloud.callback).bytes(event("untyped")))
        .await
        .expect(200);
    assert_eq!(host.installs().await.len(), 4);
}

async fn i02_a_look_at_the_two_addresses_does_nothing(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    for address in [&cloud.callback, &cloud.portal] {
        for (ask, status) in [
            (Ask::get(address), 200),
            (Ask::new("HEAD", address), 200),
            (Ask::new("OPTIONS", address), 204),
            (Ask::post(address), 200),
            (
                Ask::post(address)
                    .header("content-type", "text/plain")
                    .bytes(""),
                200,
            ),
        ] {
            let answer = host.http.send(ask).await;
            assert_eq!((answer.status, answer.body.len()), (status, 0));
        }
        for method in ["PUT", "PATCH", "DELETE"] {
            let answer = host.http.send(Ask::new(method, address)).await;
            answer.problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
        }
    }
    assert_eq!(host.installs().await.len(), 0);
}

async fn i01_a_wrong_secret_is_an_unknown_path(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let unknown = host.http.send(Ask::get("/api/none")).await.expect(404);
    let secret = cloud.callback.rsplit('/').next().unwrap();
    assert!(secret.len() >= 43, "{}", secret.len());
    let event = TestInstall::new("1").install();
    for address in [
        format!("/api/callback/kyc/{}", "A".repeat(secret.len())),
        format!("/api/callback/kyc/{}", &secret[1..]),
        format!("/api/callback/kyc/{secret}A"),
        format!("/api/callback/kyc/{secret}/"),
        "/api/callback/kyc/".to_owned(),
        "/api/callback/kyc".to_owned(),
        format!("/api/callback/none/{secret}"),
        format!("/api/callback/KYC/{secret}"),
        format!("/api/portal/kyc/{secret}"),
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE"] {
            let answer = host
                .http
                .send(Ask::new(method, &address).json(&event))
                .await;
            assert_eq!(answer.status, 404, "{method} {address:.24}");
            assert_eq!(
                answer.lasting_headers(),
                unknown.lasting_headers(),
                "{method} {address:.24}"
            );
            let body = if method == "HEAD" {
                Vec::new()
            } else {
                unknown.body.clone()
            };
            assert_eq!(answer.body, body);
        }
    }
    assert_eq!(host.installs().await.len(), 0);
}
