//! `airlock inspect` on the real program: what it says of a whole package, and of everything that is none.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use url::Url;

use crate::support::{Place, packages};

fn place() -> Place {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    Place::new(&nowhere).package("kyc")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The report in JSON and the exit code, which must say the same as `loads`.
#[track_caller]
fn report(place: &Place, subject: &str) -> Value {
    let output = place.run(&["inspect", subject, "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", out(&output), err(&output)));
    assert_eq!(
        output.status.code(),
        Some(i32::from(report["loads"] != true)),
        "{report:#}"
    );
    assert_eq!(
        report["reason"].is_null(),
        report["loads"] == true,
        "{report:#}"
    );
    for key in [
        "loads", "reason", "wit", "imports", "scopes", "exports", "size", "sha256",
    ] {
        assert!(report.get(key).is_some(), "{key} is missing in {report:#}");
    }
    report
}

/// Changes a file of the package.
fn edit(place: &Place, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = place.plugins().join("kyc").join(file);
    let before = fs::read(&path).unwrap();
    fs::write(&path, change(before)).unwrap();
}

fn edit_manifest(place: &Place, from: &str, to: &str) {
    edit(place, "app.toml", |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from} in app.toml");
        text.replace(from, to).into_bytes()
    });
}

fn statuses(report: &Value) -> Vec<(&str, &str)> {
    let lines = report["scopes"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap();
            (text("scope"), text("status"))
        })
        .collect()
}

#[test]
fn a_whole_package_is_told_by_its_name_and_by_its_path() {
    let place = place();
    let report = report(&place, "kyc");
    assert_eq!(report["wit"], "0.1.0");
    assert_eq!(
        (&report["app"], &report["kind"]),
        (&json!("kyc"), &json!("package"))
    );
    assert_eq!(
        statuses(&report),
        [
            ("data:read", "used"),
            ("data:write", "used"),
            ("alerts:write", "used")
        ]
    );
    let imports = report["imports"].as_array().unwrap();
    assert!(
        imports.contains(&json!("blnk:app/alert-actions@0.1.0")),
        "{imports:?}"
    );
    let exports = report["exports"].as_array().unwrap();
    assert!(
        exports.contains(&json!("blnk:app/portal@0.1.0")),
        "{exports:?}"
    );
    let component = place.plugins().join("kyc/app.wasm");
    assert_eq!(report["size"], fs::metadata(&component).unwrap().len());
    assert_eq!(
        report["limits"][0],
        json!({ "limit": "memory_mib", "package": 32, "operator": 64, "in_force": 32 })
    );
    assert!(report["memory_bytes"].as_u64().unwrap() >= 64 * 1024);
    // The digest is the one that a host tells the package by.
    let shown = place.json(&["apps", "show", "kyc", "--format", "json"]);
    assert_eq!(report["sha256"], shown["sha256"]);
    for path in ["plugins/kyc", "plugins/kyc/", "./plugins/kyc"] {
        assert_eq!(
            self::report(&place, path)["sha256"],
            shown["sha256"],
            "{path}"
        );
    }
}

#[test]
fn the_table_says_first_whether_it_loads_and_fits_80_columns() {
    let place = place();
    let output = place.run(&["inspect", "kyc"]);
    let text = out(&output);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("KYC Review (kyc 0.1.0), a package in "),
        "{text}"
    );
    assert_eq!(lines[1], "loads on this host:  yes");
    for expected in [
        "contract   blnk:app 0.1.0; this host serves 0.1",
        "exports    portal yes, lifecycle yes, background yes",
        "memory                  32 MiB   64 MiB    32 MiB",
        "cpu                     -        250 ms    250 ms",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in: {text}");
    }
    let long: Vec<_> = lines[1..].iter().filter(|line| line.len() > 80).collect();
    assert!(long.is_empty(), "{long:#?}");
    assert_eq!(err(&output), "");
}

#[test]
fn the_operators_ceilings_stand_beside_the_packages() {
    let place = place()
        .set("AIRLOCK_LIMITS__MEMORY_MIB", "16")
        .set("AIRLOCK_APPS__KYC__LIMITS__CPU_MS", "100")
        .set("AIRLOCK_APPS__KYC__ENABLED", "false");
    let report = report(&place, "kyc");
    assert_eq!(
        report["limits"][0],
        json!({ "limit": "memory_mib", "package": 32, "operator": 16, "in_force": 16 })
    );
    assert_eq!(report["limits"][1]["operator"], 100);
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("memory_mib") && warnings.contains("switched this app off"),
        "{warnings}"
    );
}

#[test]
fn scopes_are_told_as_used_unused_missing_and_never_given() {
    let place = place();
    edit_manifest(&place, "\"data:write\" =", "\"alerts:read\" =");
    let told = report(&place, "kyc");
    assert_eq!(told["loads"], true);
    assert_eq!(
        statuses(&told),
        [
            ("data:read", "used"),
            ("data:write", "missing"),
            ("alerts:read", "unused"),
            ("alerts:write", "used")
        ]
    );
    edit_manifest(&place, "\"alerts:read\" =", "\"cards:read\" =");
    let told = report(&place, "kyc");
    assert_eq!(
        (&told["loads"], &told["sha256"]),
        (&json!(false), &Value::Null)
    );
    assert!(
        told["reason"].as_str().unwrap().contains("cards:read"),
        "{told:#}"
    );
    assert_eq!(
        statuses(&told),
        [
            ("data:read", "used"),
            ("data:write", "missing"),
            ("alerts:write", "used"),
            ("cards:read", "never given here")
        ]
    );
    assert_eq!(told["component_sha256"].as_str().unwrap().len(), 64);
    let text = out(&place.run(&["inspect", "kyc"]));
    assert!(
        text.contains("loads on this host:  no, because app.toml: ")
            && text.contains("cards:read    never given here"),
        "{text}"
    );
}

#[test]
fn what_the_manifest_counts_on_and_this_host_does_not_do_is_named() {
    let place = place();
    edit(&place, "app.toml", |mut bytes| {
        bytes.extend_from_slice(
            b"[connections.check]\npurpose = \"To check.\"\n[jobs.scan]\nevery = \"24h\"\n",
        );
        bytes
    });
    let told = report(&place, "kyc");
    assert_eq!(told["loads"], true);
    let names: Vec<_> = told["never_given"]
        .as_array()
        .unwrap()
        .iter()
        .map(|given| &given["name"])
        .collect();
    assert_eq!(names, ["[connections.check]", "[jobs.scan]"]);
}

#[test]
fn a_component_for_another_contract_is_refused_in_the_promised_words() {
    let place = place();
    edit(&place, "app.wasm", |bytes| {
        let (from, to) = (b"@0.1.0", b"@0.2.0");
        let mut bytes = bytes;
        let contract = b"blnk:app/";
        let mut changed = 0;
        for start in 0..bytes.len() {
            let named = bytes[start..].starts_with(contract);
            let end = start + 40.min(bytes.len() - start);
            if named && let Some(at) = bytes[start..end].windows(6).position(|part| part == from) {
                bytes[start + at..start + at + 6].copy_from_slice(to);
                changed += 1;
            }
        }
        assert!(changed > 2, "only {changed} names were changed");
        bytes
    });
    let told = report(&place, "kyc");
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.contains("built for blnk:app 0.2; this host serves 0.1;"),
        "{reason}"
    );
    assert_eq!(told["wit"], "0.2.0");
    assert!(told["imports"].to_string().contains("blnk:app/data@0.2.0"));
}

#[test]
fn broken_packages_and_lone_components_are_told_as_far_as_they_go() {
    let place = place();
    let lone = place.folder.path().join("lone.wasm");
    fs::copy(place.plugins().join("kyc/app.wasm"), &lone).unwrap();
    let told = report(&place, "lone.wasm");
    assert_eq!(
        (&told["kind"], &told["loads"]),
        (&json!("component"), &json!(true))
    );
    assert_eq!(told["sha256"], told["component_sha256"]);
    assert_eq!(statuses(&told)[0], ("data:read", "needed"));

    fs::write(&lone, b"\0asm\x01\0\0\0").unwrap();
    let told = report(&place, "lone.wasm");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.starts_with("lone.wasm is a core module"), "{reason}");
    assert_eq!(
        (&told["imports"], &told["wit"]),
        (&Value::Null, &Value::Null)
    );

    for (slug, words) in [
        ("no-wasm", "app.wasm is missing"),
        ("no-ui", "ui/index.html is missing"),
        ("not-toml", "app.toml: line 1"),
    ] {
        packages::lay(&place.plugins().join("kyc"), &place.plugins(), slug);
        let folder = place.plugins().join(slug);
        match slug {
            "no-wasm" => fs::remove_file(folder.join("app.wasm")).unwrap(),
            "no-ui" => fs::remove_dir_all(folder.join("ui")).unwrap(),
            _ => fs::write(folder.join("app.toml"), "name =").unwrap(),
        }
        let told = report(&place, slug);
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{slug}: {reason}");
        assert_eq!(told["wit"].is_null(), slug == "no-wasm", "{told:#}");
    }
    fs::create_dir(place.folder.path().join("Odd Name")).unwrap();
    let told = report(&place, "Odd Name");
    assert!(
        told["reason"].as_str().unwrap().contains("slug"),
        "{told:#}"
    );
}

#[test]
fn an_app_goes_before_a_path_of_its_name_and_it_is_said() {
    let place = place();
    packages::lay(&place.plugins().join("kyc"), place.folder.path(), "kyc");
    let here: &Path = &place.folder.path().join("kyc");
    fs::write(
        here.join("app.toml"),
        "name = \"Here\"\nversion = \"9.9.9\"\n",
    )
    .unwrap();
    let output = place.run(&["inspect", "kyc", "--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["version"], "0.1.0");
    let said = err(&output);
    assert!(
        said.contains("took the app") && said.contains("airlock inspect ./kyc"),
        "{said}"
    );
    let output = place.run(&["inspect", "./kyc", "--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["version"], err(&output).as_str()),
        (&json!("9.9.9"), "")
    );
}

#[test]
fn who_is_not_there_gets_the_nearest_name_and_usage_is_exit_code_2() {
    let place = place();
    let output = place.run(&["inspect", "kcy"]);
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert!(
        said.starts_with("error: there is no app `kcy` in ")
            && said.contains("did you mean `kyc`?")
            && said.contains("try: airlock apps list"),
        "{said}"
    );
    assert_eq!(out(&output), "");
    for arguments in [
        &["inspect"][..],
        &["inspect", "kyc", "kyc"],
        &["inspect", "kyc", "--format", "yaml"],
    ] {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
