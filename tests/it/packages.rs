//! A package that can't be served stops only itself.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::packages::lay_component;
use crate::support::{Ask, Place, TestHost};

/// Breaks the copy of a sound package in one way; answers its slug and a word of the reason.
fn lay_broken(plugins: &Path) -> Vec<(&'static str, &'static str)> {
    let sound = plugins.join("echo");
    let broken = |slug: &'static str, spoil: &dyn Fn(&Path)| {
        crate::support::packages::lay(&sound, plugins, slug);
        spoil(&plugins.join(slug));
    };
    let write = |name: &'static str, text: &'static str| {
        move |folder: &Path| fs::write(folder.join(name), text).unwrap()
    };
    broken("no-toml", &write("app.toml", "name = "));
    broken(
        "odd-key",
        &write(
            "app.toml",
            "name = \"X\"\nversion = \"1.0.0\"\npermisions = 1\n",
        ),
    );
    broken("no-name", &write("app.toml", "version = \"1.0.0\"\n"));
    broken("no-wasm", &|folder| {
        fs::remove_file(folder.join("app.wasm")).unwrap();
    });
    broken("not-wasm", &write("app.wasm", "this is no component"));
    broken("core-module", &|folder| {
        fs::write(folder.join("app.wasm"), b"\0asm\x01\0\0\0").unwrap();
    });
    broken("cut-wasm", &|folder| {
        let path = folder.join("app.wasm");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    });
    broken("no-ui", &|folder| {
        fs::remove_dir_all(folder.join("ui")).unwrap();
    });
    broken("no-index", &|folder| {
        fs::remove_file(folder.join("ui/index.html")).unwrap();
    });
    broken("linked-ui", &|folder| {
        std::os::unix::fs::symlink("/etc/passwd", folder.join("ui/passwd")).unwrap();
    });
    vec![
        ("no-toml", "app.toml"),
        ("odd-key", "permisions"),
        ("no-name", "name"),
        ("no-wasm", "app.wasm is missing"),
        ("not-wasm", "app.wasm"),
        ("core-module", "component"),
        ("cut-wasm", "app.wasm"),
        ("no-ui", "ui/index.html is missing"),
        ("no-index", "ui/index.html is missing"),
        ("linked-ui", "ui/passwd"),
    ]
}

/// Asserts what `apps list` says: every broken app with its reason, and the sound one.
#[track_caller]
fn assert_listed(apps: &Value, broken: &[(&str, &str)]) {
    let lines = apps.as_array().expect("an array");
    assert_eq!(lines.len(), broken.len() + 1, "{apps:#}");
    for line in lines {
        let keys: Vec<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["reason", "slug", "status", "version"]);
    }
    let line = |slug: &str| lines.iter().find(|line| line["slug"] == slug).expect(slug);
    for (slug, word) in broken {
        let line = line(slug);
        assert_eq!(line["status"], "broken", "{line}");
        let reason = line["reason"].as_str().expect("a reason");
        assert!(reason.contains(word), "{slug}: {reason}");
    }
    let sound = line("echo");
    assert_eq!(
        (&sound["status"], &sound["reason"]),
        (&json!("serving"), &Value::Null)
    );
    assert_eq!(sound["version"], "0.1.0");
}

#[tokio::test]
async fn a_broken_package_stops_only_itself_and_apps_list_says_why() {
    let mut setup = TestHost::setup().package("probes/echo");
    let broken = lay_broken(&setup.plugins());
    for (slug, _) in &broken {
        setup = setup.listed(slug);
    }
    let host = setup.start().await;
    assert_listed(&host.apps(), &broken);
    let install = host.install("echo", &["data:read"]).await;
    host.open(&install).await.get("seen").await.expect(200);
    // Its events are taken: an install becomes active, a launch waits for better times, an uninstall ends it.
    for (slug, _) in &broken {
        let install = host.install(slug, &["data:read"]).await;
        host.until_status(&install.installed_app_id, "active").await;
        let refused = host
            .sim
            .launch(&install.installed_app_id)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("503"), "{slug}: {refused}");
        host.sim.uninstall(&install.installed_app_id).await.unwrap();
        assert_eq!(
            host.status(&install.installed_app_id).await.as_deref(),
            Some("uninstalled")
        );
    }
}

#[tokio::test]
async fn apps_list_says_the_same_with_and_without_a_running_host() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).package("probes/echo");
    let broken = lay_broken(&place.plugins());
    let without = place.json(&["apps", "list", "--format", "json"]);
    assert_listed(&without, &broken);
    let host = place.serve().await;
    let with = place.json(&["apps", "list", "--format", "json"]);
    assert_eq!(with, without);
    let table = String::from_utf8(place.run(&["apps", "list"]).stdout).unwrap();
    for (slug, word) in &broken {
        let line = table
            .lines()
            .find(|line| line.starts_with(slug))
            .expect(slug);
        assert!(line.contains("broken") && line.contains(word), "{line}");
    }
    assert!(host.stop().success());
}

#[tokio::test]
async fn an_app_that_is_switched_off_keeps_its_addresses() {
    let setup = TestHost::setup().package("probes/echo");
    let host = setup
        .set("AIRLOCK_APPS__ECHO__ENABLED", "false")
        .start()
        .await;
    assert_eq!(host.apps()[0]["status"], "disabled");
    let install = host.install("echo", &["data:read"]).await;
    host.until_status(&install.installed_app_id, "active").await;
    let refused = host
        .sim
        .launch(&install.installed_app_id)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    host.sim.uninstall(&install.installed_app_id).await.unwrap();
}

#[tokio::test]
async fn a_removed_app_still_takes_events_and_opens_nothing() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).package("probes/echo");
    let host = place.serve().await;
    let cloud = host.cloud("echo").await;
    let install = sim.live_install("1", &["data:read"]).await;
    cloud.event(&install.install()).await.expect(200);
    let address = cloud.launch(&install.launch()).await;
    let portal = crate::support::Portal::open(&host.http, &address).await;
    portal.get("seen").await.expect(200);
    host.kill();

    fs::remove_dir_all(place.plugins().join("echo")).unwrap();
    let host = place.serve().await;
    assert_eq!(host.report("/apps").await, json!([]));
    host.until_status(&install.id, "active").await;
    cloud
        .ask_launch(&install.launch())
        .await
        .problem(503, "app-not-serving");
    portal.get("seen").await.problem(503, "app-not-serving");
    assert_eq!(portal.page().await.status, 503);
    host.http.send(Ask::get("/ui/echo/")).await.expect(404);
    cloud.event(&install.uninstall()).await.expect(200);
    host.until_status(&install.id, "uninstalled").await;
    cloud.ask_launch(&install.launch()).await.expect(404);
}

/// A component that imports a function of this name, and nothing else.
fn importing(name: &str) -> Vec<u8> {
    let byte = |length: usize| u8::try_from(length).unwrap();
    let import = [&[1, 0, byte(name.len())], name.as_bytes(), &[1, 0]].concat();
    let types = [7, 5, 1, 0x40, 0, 1, 0];
    let imports = [&[10, byte(import.len())], &*import].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &types, &imports].concat()
}

#[tokio::test]
async fn h44_reasons_out_of_a_package_are_plain_and_short_in_lists_reports_and_the_log() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url());
    let long = "x".repeat(50_000);
    for (slug, manifest, component) in [
        ("import", "", importing("url=<\u{1b}[2J\nforged>")),
        ("key", "\"\\u001b[2J\\nforged\" = 1", Vec::new()),
        ("long-key", &format!("\"{long}\" = 1"), Vec::new()),
        (
            "long-value",
            &format!("metadata_keys = \"{long}\""),
            Vec::new(),
        ),
    ] {
        lay_component(&place.plugins(), slug, manifest, &component);
    }
    let is_wild = |letter: char| letter.is_control() && letter != '\n';
    let listed = place.json(&["apps", "list", "--format", "json"]);
    let lines = listed.as_array().unwrap();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let reason = line["reason"].as_str().unwrap();
        assert!(!reason.contains(char::is_control), "{reason:?}");
        assert!(reason.len() < 2500, "{line}");
        let inspected = place.run(&["inspect", line["slug"].as_str().unwrap()]);
        let said = String::from_utf8(inspected.stdout).unwrap();
        assert!(
            said.contains("loads on this host:") && said.len() < 20_000,
            "{said}"
        );
        assert!(!said.contains(is_wild), "{said:?}");
        assert!(
            !said.lines().any(|line| line.starts_with("forged")),
            "{said}"
        );
    }
    let host = place.serve().await;
    assert!(host.stop().success());
    let told = fs::read_to_string(place.log()).unwrap();
    assert!(told.contains("Cannot serve import"), "{told}");
    assert!(!told.contains(is_wild), "{told:?}");
    for line in told.lines() {
        assert!(line.len() < 8192 && !line.starts_with("forged"), "{line}");
    }
}
