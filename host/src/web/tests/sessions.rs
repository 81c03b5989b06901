//! Launch tokens, sessions and their cookies.

use airlock_test_database::{TestDatabase, on_both};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{Request, StatusCode};

use super::fixture::{Fixture, json_post};

on_both!(
    a_launch_opens_one_session_and_its_cookie_opens_the_portal,
    a_remounted_frame_keeps_its_session_until_that_ends,
    an_edited_token_is_401_and_an_old_one_410,
    sessions_end_with_their_install,
    a_session_opens_only_its_own_address,
    i40_a_request_of_another_site_does_nothing_even_with_the_cookie,
    dead_cookies_are_taken_away_and_live_ones_stay,
);

async fn a_launch_opens_one_session_and_its_cookie_opens_the_portal(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let token = fixture.launch_token();
    let opened = fixture.open_session(&token, None).await;
    assert_eq!(opened.status, StatusCode::OK);
    let cookie = opened.cookie();
    assert!(
        opened.headers[SET_COOKIE]
            .to_str()
            .unwrap()
            .ends_with("SameSite=None; Partitioned; Max-Age=600")
    );

    assert_eq!(
        fixture.open_session(&token, None).await.status,
        StatusCode::GONE
    );
    let again = fixture.open_session(&token, Some(&cookie)).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &opened.body));

    // Nothing serves here, so the shell says so; without the cookie it does not even get that far.
    let shell = format!("/s/{}/", opened.session());
    let with = fixture
        .send(Request::get(&shell).header("cookie", &cookie))
        .await;
    assert_eq!(with.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        fixture.send(Request::get(&shell)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

async fn a_remounted_frame_keeps_its_session_until_that_ends(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let token = fixture.launch_token();
    let opened = fixture.open_session(&token, None).await;
    let cookie = opened.cookie();
    fixture.clock.advance(Duration::from_secs(599));
    let again = fixture.open_session(&token, Some(&cookie)).await;
    assert_eq!((again.status, again.body), (StatusCode::OK, opened.body));
    fixture.clock.advance(Duration::from_secs(1));
    let ended = fixture.open_session(&token, Some(&cookie)).await;
    assert_eq!(ended.status, StatusCode::GONE);
    // A cookie of another launch is no ticket for this one.
    let other = fixture
        .open_session(&fixture.launch_token(), None)
        .await
        .cookie();
    assert_eq!(
        fixture.open_session(&token, Some(&other)).await.status,
        StatusCode::GONE
    );
}

async fn an_edited_token_is_401_and_an_old_one_410(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let token = fixture.launch_token();
    let edited = token.replacen("al1.", "as1.", 1);
    assert_eq!(
        fixture.open_session(&edited, None).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        fixture.open_session("", None).await.status,
        StatusCode::UNAUTHORIZED
    );
    fixture.clock.advance(Duration::from_mins(2));
    assert_eq!(
        fixture.open_session(&token, None).await.status,
        StatusCode::GONE
    );
}

async fn sessions_end_with_their_install(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let opened = fixture.open_session(&fixture.launch_token(), None).await;
    let unused = fixture.launch_token();
    let uninstall = r#"{"installed_app_id":"instapp_1","app_id":"app_1","instance_id":"inst_1",
        "uninstalled_at":"2026-01-01T00:00:00Z","idempotency_key":"uninstall:instapp_1"}"#;
    assert_eq!(
        fixture
            .send_request(json_post(&fixture.callback, uninstall))
            .await
            .status,
        StatusCode::OK
    );
    let call = Request::get(format!("/s/{}/api/me", opened.session()))
        .header("cookie", opened.cookie())
        .header("sec-fetch-site", "same-origin");
    let answer = fixture.send(call).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.headers.contains_key("airlock-digest"));
    assert_eq!(
        fixture.open_session(&unused, None).await.status,
        StatusCode::UNAUTHORIZED
    );
}

async fn a_session_opens_only_its_own_address(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let one = fixture.open_session(&fixture.launch_token(), None).await;
    let two = fixture.open_session(&fixture.launch_token(), None).await;
    let value = one.cookie().split_once('=').unwrap().1.to_owned();
    let swapped = format!("__Host-airlock_{}={value}", two.session());
    let answer = fixture
        .send(Request::get(format!("/s/{}/", two.session())).header("cookie", swapped))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

async fn i40_a_request_of_another_site_does_nothing_even_with_the_cookie(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let opened = fixture.open_session(&fixture.launch_token(), None).await;
    let api = format!("/s/{}/api/me", opened.session());
    for site in ["cross-site", "same-site", "none"] {
        let call = Request::get(&api)
            .header("cookie", opened.cookie())
            .header("sec-fetch-site", site);
        assert_eq!(
            fixture.send(call).await.status,
            StatusCode::FORBIDDEN,
            "{site}"
        );
    }
    let token = fixture.launch_token();
    let body = format!(r#"{{"token":"{token}"}}"#);
    let stranger = Request::post("/session")
        .header(ORIGIN, "null")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(
        fixture.send_request(stranger).await.status,
        StatusCode::FORBIDDEN
    );
    // The token was not used up by it.
    assert_eq!(
        fixture.open_session(&token, None).await.status,
        StatusCode::OK
    );
}

async fn dead_cookies_are_taken_away_and_live_ones_stay(database: TestDatabase) {
    let fixture = Fixture::with_install_on(database).await;
    let live = fixture
        .open_session(&fixture.launch_token(), None)
        .await
        .cookie();
    let dead: Vec<_> = (0..40)
        .map(|n| format!("__Host-airlock_dead{n:06}=as1.x"))
        .collect();
    let sent = format!("{live}; other=1; {}", dead.join("; "));
    let answer = fixture
        .open_session(&fixture.launch_token(), Some(&sent))
        .await;
    let lines: Vec<_> = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    let taken = lines
        .iter()
        .filter(|line| line.contains("Max-Age=0"))
        .count();
    assert_eq!((taken, lines.len()), (16, 17));
    assert!(
        lines
            .iter()
            .all(|line| !line.contains(live.split('=').next().unwrap()))
    );
}
