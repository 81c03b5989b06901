//! What keeps `airlock serve` from starting, and what it does to itself before it holds a key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cli_serve::{assert_refused, place, serve};
use crate::support::packages::root;
use crate::support::{TestInstall, keys};

const MASTER: &str = "AIRLOCK_MASTER_KEYS";
const SESSIONS: &str = "AIRLOCK_SESSION_SECRETS";

/// What it is called, the variables that make it so, and what the error must say.
type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)], &'a [&'a str]);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_file_is_refused_whatever_its_folder_and_the_files_name() {
    let (first, second) = (place(), place());
    let host = first.serve().await;
    let file = first.data().join("airlock.db");
    let link = second.folder.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for name in [&file, &link] {
        let url = format!("sqlite://{}", name.display());
        let variables: [(&str, Option<&str>); 2] = [
            ("AIRLOCK_DATABASE__URL", Some(&url)),
            (MASTER, Some(&first.master_keys)),
        ];
        assert_refused(
            &serve(&second, &variables),
            &["another host is using the database", "database.url"],
        );
    }
    // It is the host that had the lock, not what was left of it.
    assert!(host.stop().success());
    let url = format!("sqlite://{}", file.display());
    let mut second = second.set("AIRLOCK_DATABASE__URL", &url);
    second.master_keys.clone_from(&first.master_keys);
    assert!(second.serve().await.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn k7_eight_ways_not_to_start() {
    let mut place = place();
    let encoded = |bytes: &[u8]| format!("k1:{}", STANDARD.encode(bytes));
    let good = place.master_keys.clone();
    let as_session = good.replace("k1:", "s3:");
    let file = place.folder.path().join("keys");
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (zeros, sample) = (
        encoded(&[0; 32]),
        encoded(b"0123456789abcdef0123456789abcdef"),
    );
    let (short, twice) = (encoded(&keys::random::<16>()), format!("{good},{good}"));
    let cases: [Case; 8] = [
        (
            "missing",
            &[(MASTER, None)],
            &[MASTER, "airlock keys generate"],
        ),
        (
            "short",
            &[(MASTER, Some(&short))],
            &["key k1 is not the base64 of 32 bytes"],
        ),
        (
            "all zeros",
            &[(MASTER, Some(&zeros))],
            &["key k1 is a sample"],
        ),
        (
            "a sample",
            &[(MASTER, Some(&sample))],
            &["key k1 is a sample"],
        ),
        (
            "twice the same name",
            &[(MASTER, Some(&twice))],
            &["key k1 is listed twice"],
        ),
        (
            "a file that others can read",
            &[(MASTER, None), ("AIRLOCK_MASTER_KEYS_FILE", file.to_str())],
            &["can be read by others", "chmod 600"],
        ),
        (
            "also a session secret",
            &[(SESSIONS, Some(&as_session))],
            &["also a master key", "airlock keys generate"],
        ),
        (
            "also the platform's session secret",
            &[
                (SESSIONS, None),
                ("SESSION_SECRET", good.strip_prefix("k1:")),
            ],
            &["also a master key"],
        ),
    ];
    for (name, variables, words) in cases {
        let error = assert_refused(&serve(&place, variables), words);
        for secret in [&good[3..], &short[3..], &sample[3..]] {
            assert!(!error.contains(secret), "{name} repeats a key: {error}");
        }
        assert!(
            !place.data().join("airlock.db").exists(),
            "{name}: a database is left behind"
        );
    }
    // A key that can't open what is stored: of the same name, and of another.
    let host = place.serve().await;
    host.cloud("kyc")
        .await
        .event(&TestInstall::new("1").install())
        .await
        .expect(200);
    assert!(host.stop().success());
    place.master_keys = keys::generated('k');
    assert_refused(
        &serve(&place, &[]),
        &["none of the master keys opens this database"],
    );
    place.master_keys = keys::generated('k').replace("k1:", "k2:");
    assert_refused(
        &serve(&place, &[]),
        &[
            "master key k1",
            "not among the keys given",
            "1 in installs",
            "2 in endpoints",
            "airlock keys rotate",
        ],
    );
}

/// Words of the form `k1:<base64 of 32 bytes>` in a text.
fn key_like(text: &str) -> Vec<String> {
    let breaks = |c: char| !(c.is_ascii_alphanumeric() || "+/=:".contains(c));
    let words = text.split(breaks);
    let entries = words.filter(|word| {
        let (name, key) = word.split_once(':').unwrap_or_default();
        let number = name.strip_prefix(['k', 's']).unwrap_or_default();
        number.parse::<u32>().is_ok() && key.len() == 44 && STANDARD.decode(key).is_ok()
    });
    entries.map(ToOwned::to_owned).collect()
}

#[test]
fn k7_no_key_that_is_printed_in_the_tree_is_taken() {
    use airlock_host::secret::SecretList;
    let mut found = 0;
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (
                entry.path(),
                entry.file_name().to_string_lossy().into_owned(),
            );
            if path.is_dir() {
                let skipped = ["target", "node_modules", "data", "plugins", "output"];
                if !name.starts_with('.') && !skipped.contains(&name.as_str()) {
                    folders.push(path);
                }
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            for entry in key_like(&text) {
                found += 1;
                let letter = entry.chars().next().unwrap();
                let refused = SecretList::parse(letter, &entry.as_str().into()).is_err();
                assert!(
                    refused,
                    "{} prints a key that would be taken",
                    path.display()
                );
            }
        }
    }
    assert!(found > 0, "the search finds what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn k8_a_host_leaves_no_core_dump() {
    let place = place();
    let host = place.serve().await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let values: Vec<&str> = line.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{line}");
}
