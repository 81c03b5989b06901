//! The command line: exit codes, and what errors say.

use std::fs;
use std::process::Output;

use serde_json::json;
use url::Url;

use crate::support::Place;

fn nowhere() -> Url {
    "http://127.0.0.1:9/".parse().unwrap()
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn exit_codes_tell_done_failed_and_not_understood() {
    let place = Place::new(&nowhere()).dud("kyc");
    for (code, arguments) in [
        (0, &["--version"][..]),
        (0, &["--help"]),
        (0, &["serve", "--help"]),
        (0, &["apps", "list"]),
        (0, &["installs", "list", "--format", "json"]),
        (0, &["config", "check"]),
        (1, &["apps", "show", "nobody"]),
        (1, &["apps", "show", "No Slug"]),
        (1, &["build", "no-such-folder"]),
        (1, &["apps", "list", "--config", "no-such-file.toml"]),
        (1, &["config", "check", "--listen", "here"]),
        (2, &[]),
        (2, &["nonsense"]),
        (2, &["apps"]),
        (2, &["apps", "list", "--format", "xml"]),
        (2, &["serve", "--nonsense"]),
        (2, &["keys", "generate", "--number", "minus one"]),
    ] {
        let output = place.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            said(&output)
        );
        let told = String::from_utf8_lossy(&output.stderr).contains("error: ");
        assert!(
            (code != 0 || !told) && (code != 1 || told),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    assert_fails(
        &place.run(&["apps", "show", "nobody"]),
        1,
        &["error: ", "nobody", "try: airlock apps list"],
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new(&nowhere()).dud("kyc");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(&["config", "check"]);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(said(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    let place = Place::new(&nowhere());
    let file = place.folder.path().join("airlock.toml");
    for (text, words) in [
        (
            "public_ulr = \"x\"",
            ["`public_ulr`", "airlock.toml", "did you mean `public_url`?"],
        ),
        (
            "[cloud]\nap_url = \"x\"",
            [
                "`cloud.ap_url`",
                "airlock.toml",
                "did you mean `cloud.api_url`?",
            ],
        ),
        (
            "[apps.kyc]\nappid = \"x\"",
            [
                "`apps.kyc.appid`",
                "airlock.toml",
                "did you mean `apps.kyc.app_id`?",
            ],
        ),
        ("listen = \n", ["airlock.toml", "is not TOML", "line 1"]),
    ] {
        fs::write(&file, text).unwrap();
        for command in [
            &["config", "check"][..],
            &["serve"],
            &["apps", "list"],
            &["migrate"],
        ] {
            assert_fails(&place.run(command), 1, &words);
        }
    }
    fs::remove_file(&file).unwrap();
    let place = place.set("AIRLOCK_LISTN", "127.0.0.1:1");
    assert_fails(
        &place.run(&["config", "check"]),
        1,
        &["AIRLOCK_LISTN", "did you mean `listen`?"],
    );
}

#[test]
fn migrate_makes_the_tables_and_does_no_harm_the_second_time() {
    let place = Place::new(&nowhere());
    for _ in 0..2 {
        let output = place.run(&["migrate"]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(place.data().join("airlock.db").is_file());
    }
    assert_eq!(
        place.json(&["installs", "list", "--format", "json"]),
        json!([])
    );
}

#[test]
fn a_build_that_fails_says_so_and_leaves_what_stands() {
    let place = Place::new(&nowhere()).dud("bad");
    let source = place.folder.path().join("src/bad");
    fs::create_dir_all(source.join("ui")).unwrap();
    fs::write(source.join("ui/index.html"), "<p>").unwrap();
    let before = fs::read(place.plugins().join("bad/app.toml")).unwrap();
    let manifest = |command: &str| {
        format!(
            "name = \"Bad\"\nversion = \"0.1.0\"\n[build]\ncommand = \"{command}\"\noutput = \"out.wasm\"\n"
        )
    };
    for (text, words) in [
        (manifest("exit 3"), "the build command of bad failed"),
        (manifest("true"), "left no"),
        (manifest("echo text > out.wasm"), "app.wasm"),
        ("name = 1".to_owned(), "app.toml"),
    ] {
        fs::write(source.join("app.toml"), text).unwrap();
        let output = place.run(&["build", source.to_str().unwrap()]);
        assert_fails(&output, 1, &["error: ", words]);
        assert_eq!(
            fs::read(place.plugins().join("bad/app.toml")).unwrap(),
            before
        );
    }
}
