//! `airlock serve` refuses to start with anything that is not safe, and says what and how to mend it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use url::Url;

use crate::support::{Place, TestInstall};

pub(crate) fn place() -> Place {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    Place::new(&nowhere).dud("kyc")
}

/// Runs `serve` with variables set or taken away. It must end by itself, so there is no wait for it to be ready.
pub(crate) fn serve(place: &Place, variables: &[(&str, Option<&str>)]) -> Output {
    let mut command = place.command(&["serve"]);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

#[track_caller]
pub(crate) fn assert_refused(output: &Output, words: &[&str]) -> String {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
    error
}

#[test]
fn without_address_or_secrets_serve_says_which_is_missing_and_how_to_set_it() {
    let place = place();
    for (missing, words) in [
        (
            "AIRLOCK_PUBLIC_URL",
            ["`public_url` is not set", "--public-url"],
        ),
        (
            "AIRLOCK_MASTER_KEYS",
            ["AIRLOCK_MASTER_KEYS", "airlock keys generate"],
        ),
        (
            "AIRLOCK_SESSION_SECRETS",
            ["AIRLOCK_SESSION_SECRETS", "airlock keys generate"],
        ),
    ] {
        assert_refused(&serve(&place, &[(missing, None)]), &words);
        assert_refused(&serve(&place, &[(missing, Some(""))]), &[missing]);
    }
    for address in [
        "http://apps.example.com",
        "https://apps.example.com/path",
        "ftp://x",
        "nonsense",
    ] {
        assert_refused(
            &serve(&place, &[("AIRLOCK_PUBLIC_URL", Some(address))]),
            &["AIRLOCK_PUBLIC_URL"],
        );
    }
    assert!(
        !place.data().join("airlock.db").exists(),
        "a refused start leaves a database behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_data_is_refused_and_the_first_goes_on() {
    let place = place();
    let host = place.serve().await;
    let lock = fs::metadata(place.data().join("airlock.lock")).unwrap();
    let token = fs::metadata(place.data().join("admin.token")).unwrap();
    for metadata in [
        lock,
        token,
        fs::metadata(place.data().join("airlock.db")).unwrap(),
    ] {
        assert_eq!(
            metadata.permissions().mode() & 0o007,
            0,
            "others can read it"
        );
    }
    assert_eq!(
        fs::metadata(place.data()).unwrap().permissions().mode() & 0o077,
        0
    );
    let ports = [
        ("AIRLOCK_LISTEN", Some("127.0.0.1:0")),
        ("AIRLOCK_ADMIN_LISTEN", Some("127.0.0.1:0")),
    ];
    assert_refused(
        &serve(&place, &ports),
        &["another host is using", "--data-dir", "try: "],
    );
    assert_refused(&place.run(&["migrate"]), &["another host is using"]);
    let cloud = host.cloud("kyc").await;
    cloud
        .event(&TestInstall::new("1").install())
        .await
        .expect(200);
    // Another place, the same port.
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");
    let elsewhere = [("AIRLOCK_DATA_DIR", data.to_str())];
    assert_refused(
        &serve(&place, &elsewhere),
        &["binding the public listener", "--listen"],
    );
    assert!(host.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn i47_the_operators_listener_wants_its_token_and_a_local_name() {
    use crate::support::Ask;
    let place = place();
    let host = place.serve().await;
    let bearer = format!("Bearer {}", host.token());
    for path in ["/health", "/ready"] {
        host.admin.send(Ask::get(path)).await.expect(200);
    }
    for path in ["/info", "/apps", "/apps/kyc", "/installs"] {
        host.admin.send(Ask::get(path)).await.expect(401);
        host.admin
            .send(Ask::get(path).header("authorization", "Bearer wrong"))
            .await
            .expect(401);
        let foreign = Ask::get(path)
            .header("authorization", &bearer)
            .header("origin", "https://evil.example");
        host.admin.send(foreign).await.expect(403);
        let rebound = Ask::get(path)
            .header("authorization", &bearer)
            .header("host", "evil.example");
        host.admin.send(rebound).await.expect(421);
        host.admin
            .send(Ask::get(path).header("authorization", &bearer))
            .await
            .expect(200);
        // I47: nothing of it on the public listener, with or without the token.
        host.http
            .send(Ask::get(path).header("authorization", &bearer))
            .await
            .expect(404);
    }
    host.http.send(Ask::get("/health")).await.expect(404);
}
