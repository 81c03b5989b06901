//! `apps reload`.

use std::fs;

use super::{exchange, version};
use crate::support::{Place, TestHost, packages};

#[tokio::test]
async fn apps_reload_says_what_became_of_a_package_and_fails_if_it_was_refused() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).package("probes/echo");
    for runs in [false, true] {
        let host = if runs {
            Some(place.serve().await)
        } else {
            None
        };
        let reload = || place.json(&["apps", "reload", "echo", "--format", "json"]);
        let first = reload();
        // Without a host, each command loads anew.
        let unchanged = if runs { "unchanged" } else { "loaded" };
        assert_eq!(first["change"], unchanged, "{first}");
        assert_eq!(first["status"], "serving");
        let next = version(&place.plugins(), "echo", 2 + u32::from(runs));
        exchange(&next, &place.plugins());
        let second = reload();
        // The watch may have been quicker.
        assert!(
            second["change"] == "loaded" || second["change"] == "unchanged",
            "{second}"
        );
        assert_eq!(second["version"], format!("{}.0.0", 2 + u32::from(runs)));
        assert_ne!(second["sha256"], first["sha256"]);

        let good = place.plugins().join("echo/app.wasm");
        let kept = fs::read(&good).unwrap();
        fs::write(&good, "no component").unwrap();
        for arguments in [&["apps", "reload", "echo"][..], &["apps", "reload"]] {
            let output = place.run(arguments);
            let (said, error) = (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            );
            assert_eq!(output.status.code(), Some(1), "{said}{error}");
            assert!(
                said.contains("refused") && said.contains("not WebAssembly"),
                "{said}"
            );
            assert!(
                error.contains("echo was refused: app.wasm is not WebAssembly"),
                "{error}"
            );
        }
        fs::write(&good, kept).unwrap();
        assert_eq!(reload()["status"], "serving");
        assert_eq!(place.run(&["apps", "reload"]).status.code(), Some(0));

        let unknown = place.run(&["apps", "reload", "nobody"]);
        assert_eq!(unknown.status.code(), Some(1));
        let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert!(error.contains("there is no app `nobody`"), "{error}");
        assert!(host.is_none_or(|host| host.stop().success()));
    }
}

#[tokio::test]
async fn apps_reload_takes_over_what_was_dropped_in_with_its_addresses_and_drops_what_is_gone() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url());
    let host = place.serve().await;
    packages::lay(&packages::package("probes/echo"), &place.plugins(), "echo");
    let loaded = place.json(&["apps", "reload", "echo", "--format", "json"]);
    assert_eq!(loaded["status"], "serving", "{loaded}");
    let shown = place.json(&["apps", "show", "echo", "--format", "json"]);
    assert!(shown["callback_url"].is_string(), "{shown}");
    assert_eq!(shown["sha256"], loaded["sha256"]);
    fs::remove_dir_all(place.plugins().join("echo")).unwrap();
    let gone = place.json(&["apps", "reload", "--format", "json"]);
    assert_eq!(gone[0]["change"], "removed", "{gone}");
    assert_eq!(
        place.json(&["apps", "list", "--format", "json"]),
        serde_json::json!([])
    );
    assert!(host.stop().success());
}
