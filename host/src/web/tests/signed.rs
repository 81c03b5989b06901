//! Cloud's two addresses while calls must be signed.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};

use super::fixture::{Fixture, INSTALL, json_post};
use super::without_request_id;
use crate::web::SignedAsCore;

/// Of the time that the fixture's clock shows, a dot, and [`INSTALL`], under `core-webhook-test-secret`; made by
/// `openssl dgst -sha256 -hmac core-webhook-test-secret`.
const SIGNATURE: &str = "374d526d6878464bac3c73f2b4aa20df3155e03f7cadefdbb09a490f47efc453";
const TIME: &str = "1800000000";

fn signed(address: &str, body: &str, time: &str, signature: &str) -> Request<Body> {
    let mut request = json_post(address, body);
    let headers = request.headers_mut();
    headers.insert("x-blnk-timestamp", HeaderValue::from_str(time).unwrap());
    headers.insert(
        "x-blnk-signature",
        HeaderValue::from_str(signature).unwrap(),
    );
    request
}

#[tokio::test]
async fn an_unsigned_call_is_the_404_of_a_wrong_secret_and_a_signed_one_is_taken() {
    let verifier = SignedAsCore::new("core-webhook-test-secret".into());
    let fixture = Fixture::verified_by(Arc::new(verifier)).await;
    let wrong = format!("/api/callback/kyc/{}", "A".repeat(43));
    let unknown = fixture.send_request(json_post(&wrong, INSTALL)).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let (callback, portal) = (&fixture.callback, &fixture.portal);
    let altered = INSTALL.replace("data:read", "data:write");
    for request in [
        json_post(callback, INSTALL),
        json_post(portal, "{}"),
        json_post(callback, "this is not even JSON"),
        signed(callback, &altered, TIME, SIGNATURE),
        signed(callback, INSTALL, "1800000001", SIGNATURE),
        signed(callback, INSTALL, TIME, &SIGNATURE.replace('a', "b")),
        signed(portal, "{}", TIME, SIGNATURE),
    ] {
        let answer = fixture.send_request(request).await;
        assert_eq!(answer.status, unknown.status);
        assert_eq!(answer.body, unknown.body);
        assert_eq!(
            without_request_id(answer.headers),
            without_request_id(unknown.headers.clone())
        );
    }
    assert_eq!(fixture.web.installs().list().await.unwrap().len(), 0);
    // Looks at the address stay what they are: nothing is done.
    let look = Request::post(callback).body(Body::empty()).unwrap();
    assert_eq!(fixture.send_request(look).await.status, StatusCode::OK);

    let taken = fixture
        .send_request(signed(callback, INSTALL, TIME, SIGNATURE))
        .await;
    assert_eq!(taken.status, StatusCode::OK);
    assert_eq!(fixture.web.installs().list().await.unwrap().len(), 1);
}
