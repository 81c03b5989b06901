//! The exchange of a launch token for a session: once, in time, untouched, and again for the frame that has its cookie.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::clients::{exchange, set_cookie, token_of};
use crate::support::long::times;
use crate::support::{Portal, TestHost};
use airlock_test_database::{TestDatabase, on_both};

on_both!(
    t1_an_expired_token_is_410_and_an_edited_one_401,
    t2_of_64_exchanges_of_one_token_at_once_exactly_one_succeeds,
    a_remounted_frame_gets_its_session_again_and_a_stranger_does_not,
    the_cookie_has_every_ruled_attribute,
);

async fn echo(database: TestDatabase) -> TestHost {
    TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await
}

async fn t1_an_expired_token_is_410_and_an_edited_one_401(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let address = host.sim.launch(&install.installed_app_id).await.unwrap();
    let token = token_of(&address);
    let parts: Vec<&str> = token.split('.').collect();
    let [prefix, key, payload, mac] = parts[..] else {
        panic!("{} parts", parts.len())
    };
    let flipped = |text: &str| {
        let first = if text.starts_with('A') { 'B' } else { 'A' };
        format!("{first}{}", &text[1..])
    };
    for (case, edited) in [
        ("MAC", format!("{prefix}.{key}.{payload}.{}", flipped(mac))),
        (
            "payload",
            format!("{prefix}.{key}.{}.{mac}", flipped(payload)),
        ),
        ("key id", format!("{prefix}.s2.{payload}.{mac}")),
        ("kind", format!("as1.{key}.{payload}.{mac}")),
        ("no MAC", format!("{prefix}.{key}.{payload}.")),
        ("cut short", token[..token.len() - 1].to_owned()),
        ("longer", format!("{token}A")),
        ("nothing", String::new()),
        ("oversize", format!("{token}{}", "A".repeat(1025))),
    ] {
        let answer = host.http.send(exchange(&edited)).await;
        assert_eq!(answer.status, 401, "{case}: {}", answer.text());
        answer.problem(401, "launch-invalid");
        assert!(answer.header("set-cookie").is_none(), "{case}");
    }
    host.clock.advance(Duration::from_secs(119));
    Portal::open(&host.http, &address).await;
    let late = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    host.clock.advance(Duration::from_secs(121));
    host.http
        .send(exchange(&late))
        .await
        .problem(410, "launch-over");
}

async fn t2_of_64_exchanges_of_one_token_at_once_exactly_one_succeeds(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    for _ in 0..times(3, 200) {
        let token = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
        let mut racers = JoinSet::new();
        for _ in 0..64 {
            let (http, token) = (host.http.clone(), token.clone());
            racers.spawn(async move { http.send(exchange(&token)).await });
        }
        let answers = racers.join_all().await;
        let count = |status: u16| {
            let answers = answers.iter();
            answers.filter(|answer| answer.status == status).count()
        };
        assert_eq!((count(200), count(410)), (1, 63));
        let cookies = answers
            .iter()
            .filter(|answer| answer.headers.contains_key("set-cookie"))
            .count();
        assert_eq!(cookies, 1);
    }
}

async fn a_remounted_frame_gets_its_session_again_and_a_stranger_does_not(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let other = host.open(&install).await;
    let again = portal.remount().await.expect(200);
    assert_eq!(again.json()["session"], portal.sid.as_str());
    assert_eq!(again.json()["expires_at"], portal.expires_at);

    let without = host.http.send(exchange(&portal.token)).await;
    without.problem(410, "launch-over");
    let foreign = host
        .http
        .send(exchange(&portal.token).header("cookie", &other.cookie))
        .await;
    foreign.problem(410, "launch-over");
    // The other session's value under this session's name.
    let (name, _) = portal.cookie.split_once('=').unwrap();
    let (_, value) = other.cookie.split_once('=').unwrap();
    let mixed = exchange(&portal.token).header("cookie", &format!("{name}={value}"));
    host.http.send(mixed).await.problem(410, "launch-over");

    // Past the token's own time, until the session ends.
    host.clock.advance(Duration::from_mins(14));
    portal.remount().await.expect(200);
    host.clock.advance(Duration::from_secs(61));
    portal.remount().await.problem(410, "launch-over");
}

async fn the_cookie_has_every_ruled_attribute(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let token = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    let answer = host.http.send(exchange(&token)).await.expect(200);
    let sid = answer.json()["session"].as_str().unwrap().to_owned();
    assert!(set_cookie(&answer).starts_with(&format!("__Host-airlock_{sid}=as1.")));
    let line = answer.header("set-cookie").unwrap();
    let attributes: Vec<&str> = line.split("; ").skip(1).collect();
    let age = attributes
        .iter()
        .find_map(|word| word.strip_prefix("Max-Age="));
    assert!(
        (895..=900).contains(&age.unwrap().parse::<u32>().unwrap()),
        "{age:?}"
    );
    for word in [
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=None",
        "Partitioned",
    ] {
        assert!(attributes.contains(&word), "{line}");
    }
    assert_eq!(attributes.len(), 6, "{line}");
}
