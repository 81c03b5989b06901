//! Keys of an operator: weak, open or wrong ones are refused by name, and generated ones work.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::cli_serve::{assert_refused, place, serve};
use crate::support::{TestInstall, keys};

#[test]
fn k7_weak_keys_are_refused_by_name_and_never_repeated() {
    let place = place();
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let counting = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let short = "c2hvcnQta2V5LXNob3J0";
    let good = keys::generated('k');
    let good = good.strip_prefix("k1:").unwrap();
    for list in [
        format!("k1:{short}"),
        format!("k1:{zeros}"),
        format!("k1:{counting}"),
        format!("k1:{good}{good}"),
        good.to_owned(),
        format!("s1:{good}"),
        format!("k:{good}"),
        format!("k1:{good},k1:{good}"),
        "k1:not base64 at all".to_owned(),
    ] {
        let error = assert_refused(
            &serve(&place, &[("AIRLOCK_MASTER_KEYS", Some(&list))]),
            &["AIRLOCK_MASTER_KEYS"],
        );
        for part in [short, zeros, counting, good, "not base64"] {
            assert!(!error.contains(part), "the key is repeated: {error}");
        }
        // The same mistakes in the other list; what was a session's name among them is a master key's there.
        let swapped: String = list
            .split(',')
            .map(|entry| match entry.split_once(':') {
                Some((name, key)) if name.starts_with('k') => format!("s{}:{key},", &name[1..]),
                Some((name, key)) => format!("k{}:{key},", &name[1..]),
                None => format!("{entry},"),
            })
            .collect();
        let sessions = [("AIRLOCK_SESSION_SECRETS", Some(swapped.as_str()))];
        let error = assert_refused(&serve(&place, &sessions), &["AIRLOCK_SESSION_SECRETS"]);
        assert!(!error.contains(good), "the secret is repeated: {error}");
    }
    let platform = [
        ("AIRLOCK_SESSION_SECRETS", None),
        ("SESSION_SECRET", Some("thirty-one bytes are too few !!")),
    ];
    let error = assert_refused(&serve(&place, &platform), &["SESSION_SECRET", "32"]);
    assert!(!error.contains("too few"), "{error}");
}

#[test]
fn k7_a_key_file_must_be_the_owners_alone() {
    let place = place();
    let file = place.folder.path().join("keys");
    fs::write(&file, &place.master_keys).unwrap();
    let path = file.to_str().unwrap();
    let by_file = [
        ("AIRLOCK_MASTER_KEYS", None),
        ("AIRLOCK_MASTER_KEYS_FILE", Some(path)),
    ];
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_refused(
            &serve(&place, &by_file),
            &["AIRLOCK_MASTER_KEYS_FILE", path, "chmod 600"],
        );
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let both = [("AIRLOCK_MASTER_KEYS_FILE", Some(path))];
    assert_refused(&serve(&place, &both), &["AIRLOCK_MASTER_KEYS", "both set"]);
    let gone = [
        ("AIRLOCK_MASTER_KEYS", None),
        ("AIRLOCK_MASTER_KEYS_FILE", Some("/no/such/file")),
    ];
    assert_refused(
        &serve(&place, &gone),
        &["/no/such/file", "AIRLOCK_MASTER_KEYS_FILE"],
    );
    // The sound file is taken: what is refused then is the session's secret alone.
    let sound = [by_file.as_slice(), &[("AIRLOCK_SESSION_SECRETS", None)]].concat();
    assert_refused(&serve(&place, &sound), &["AIRLOCK_SESSION_SECRETS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_keys_work_and_a_wrong_master_key_is_told_apart() {
    let mut place = place();
    let output = place.run(&["keys", "generate"]);
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let value = |name: &str| {
        let line = lines
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name} in the output"))
            .to_owned()
    };
    place.master_keys = value("AIRLOCK_MASTER_KEYS");
    place.session_secrets = value("AIRLOCK_SESSION_SECRETS");
    assert!(place.master_keys.starts_with("k1:") && place.session_secrets.starts_with("s1:"));
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    cloud
        .event(&TestInstall::new("1").install())
        .await
        .expect(200);
    host.kill();

    let first = std::mem::replace(&mut place.master_keys, keys::generated('k'));
    let error = assert_refused(&serve(&place, &[]), &["master key", "another key"]);
    assert!(!error.contains(&place.master_keys[3..]), "{error}");
    // A newer key before the old one is a rotation, not a mistake.
    place.master_keys = format!("{},{first}", keys::generated('k').replace("k1:", "k2:"));
    let host = place.serve().await;
    assert_eq!(host.report("/installs").await[0]["status"], "pending");
    assert!(host.stop().success());
    let again = place.run(&["keys", "generate", "--number", "7"]);
    assert!(
        String::from_utf8(again.stdout)
            .unwrap()
            .contains("AIRLOCK_MASTER_KEYS=k7:")
    );
}
