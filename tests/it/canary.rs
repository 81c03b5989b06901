//! Secrets stay where they belong: an install lives through everything, then every place is searched for its key.

mod life;

use std::fs;

use airlock_cloud_sim::{CloudSim, Options};

use crate::support::Place;
use crate::support::secrets::{Needle, files};
use life::{EVERYTHING, live_through};

/// What a test knows that nobody else should.
struct Known {
    /// Nowhere at all.
    key: Vec<Needle>,
    /// In no file, and in no answer but the one that hands them over.
    others: Vec<Needle>,
}

fn needle_of_list(name: &'static str, list: &str) -> Needle {
    use base64::Engine as _;
    let (_, encoded) = list.split_once(':').unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap();
    Needle::new(name, &bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_key_is_nowhere_and_other_secrets_are_not_in_the_log() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let issued = sim.issue_key(&["data:read"]).await;
    let place = Place::new(&sim.api_url())
        .package("probes/hunt")
        .set("AIRLOCK_LOG__FILTER", EVERYTHING);
    let (hosts, mut secrets) = live_through(&place, &sim, &issued).await;
    let control = secrets.pop().unwrap();
    let key = &issued.api_key;
    let mut known = Known {
        key: vec![
            Needle::new("the API key", key.as_bytes()),
            Needle::new("the end of the API key", &key.as_bytes()[16..]),
        ],
        others: vec![
            needle_of_list("the master key", &place.master_keys),
            needle_of_list("the session secret", &place.session_secrets),
        ],
    };
    let names = [
        "the callback's secret",
        "the portal's secret",
        "a launch token",
        "a session's cookie",
    ];
    let admin_token = Needle::new("the admin token", &secrets.pop().unwrap());
    known.others.extend(
        names
            .into_iter()
            .zip(&secrets)
            .map(|(name, secret)| Needle::new(name, secret)),
    );

    let commands: [&[&str]; 8] = [
        &["keys", "status"],
        &["keys", "status", "--format", "json"],
        &["keys", "rotate"],
        &["apps", "list"],
        &["apps", "show", "hunt", "--format", "json"],
        &["installs", "list"],
        &["installs", "list", "--format", "json"],
        &["config", "check"],
    ];
    for arguments in commands {
        let output = place.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        for needle in known.key.iter().chain(&known.others[..2]) {
            needle.assert_not_in(
                &format!("{arguments:?}"),
                &[output.stdout.as_slice(), &output.stderr].concat(),
            );
        }
    }
    for host in hosts {
        for (place, heard) in [
            ("an answer", host.http.heard()),
            ("an operator's answer", host.admin.heard()),
        ] {
            assert!(heard.len() > 200, "{place}: nothing was heard");
            known
                .key
                .iter()
                .chain(&known.others[..2])
                .for_each(|needle| needle.assert_not_in(place, &heard));
        }
        assert!(host.stop().success());
    }
    search_files(&place, &known, &admin_token, &control);
}

fn search_files(place: &Place, known: &Known, admin_token: &Needle, control: &[u8]) {
    let log = fs::read(place.log()).unwrap();
    assert!(
        place.log_text().contains("TRACE"),
        "the log is not at TRACE"
    );
    admin_token.assert_not_in("the log", &log);
    let mut in_database = false;
    for (name, content) in files(place.folder.path()) {
        if name.ends_with("app.wasm") {
            continue;
        }
        for needle in known.key.iter().chain(&known.others) {
            needle.assert_not_in(&name, &content);
        }
        in_database |= name.contains("airlock.db")
            && content.windows(control.len()).any(|part| part == control);
    }
    assert!(in_database, "the search did not see the database's rows");
    let in_log = log.windows(control.len()).any(|part| part == control);
    assert!(
        in_log,
        "the search did not see the install's lines in the log"
    );
}
