//! Tests of `app.toml`: the whole file once, then one wrong line each.

use std::time::Duration;

use super::*;

const WHOLE: &str = r#"
name = "KYC Review"
version = "0.1.0"
description = "Review identities and record the outcome on the ledger."
developer = "Example Ltd"
metadata_keys = ["kyc_app"]
[permissions]
"data:read" = "List the identities waiting for review."
"alerts:write" = "Raise an alert when a person must look."
[settings]
review_countries = "IR,KP"
[connections.identity-check]
purpose = "Verifies a person's documents."
[jobs.rescreen]
every = "24h"
[jobs.once]
[limits]
memory_mib = 32
background_wall_ms = 1000
[build]
command = "cargo build --release --target wasm32-wasip2"
output = "target/wasm32-wasip2/release/kyc.wasm"
watch = ["src", "ui"]
[test]
scenarios = "scenarios"
"#;

fn error(body: &str) -> String {
    let text = format!("name = \"A\"\nversion = \"1.0.0\"\n{body}");
    Manifest::parse(&text).unwrap_err().to_string()
}

#[test]
fn a_whole_manifest_is_read() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    assert_eq!(manifest.name, "KYC Review");
    assert_eq!(
        manifest.requested(),
        [Permission::DataRead, Permission::AlertsWrite].into()
    );
    assert_eq!(manifest.settings["review_countries"], "IR,KP");
    assert!(!manifest.connections["identity-check"].required);
    assert_eq!(
        manifest.jobs["rescreen"].every,
        Some(Duration::from_hours(24))
    );
    assert_eq!(manifest.jobs["once"].every, None);
    assert_eq!(manifest.limits.memory_mib, Some(32));
    assert_eq!(manifest.limits.background.wall_ms, Some(1000));
    assert_eq!(manifest.build.unwrap().watch, ["src", "ui"]);
    assert_eq!(manifest.scenarios.as_deref(), Some("scenarios"));
}

#[test]
fn a_name_and_a_version_are_enough() {
    let manifest = Manifest::parse("name = \"A\"\nversion = \"1.0.0\"").unwrap();
    assert_eq!(manifest.permissions.len(), 0);
    assert_eq!(manifest.limits, LimitRequest::default());
}

#[test]
fn errors_say_where_what_and_what_to_try() {
    for (body, expected) in [
        (
            "nmae = \"B\"",
            "app.toml: nmae: is not a known key; did you mean \"name\"?",
        ),
        (
            "[permisions]",
            "app.toml: permisions: is not a known key; did you mean \"permissions\"?",
        ),
        (
            "[limits]\nmemory = 3",
            "app.toml: limits.memory: is not a known key; known are memory_mib, cpu_ms, wall_ms, cloud_calls, background_cpu_ms, background_wall_ms, background_cloud_calls",
        ),
        (
            "[jobs.x]\nevry = \"1h\"",
            "app.toml: jobs.x.evry: is not a known key; did you mean \"every\"?",
        ),
        (
            "[permissions]\n\"data:reed\" = \"x\"",
            "app.toml: permissions.\"data:reed\": is not a scope that this host can serve; did you mean \"data:read\"?",
        ),
        (
            "[permissions]\n\"data:read\" = \" \"",
            "app.toml: permissions.\"data:read\": is empty; tell the user in a sentence why",
        ),
        (
            "metadata_keys = [\"tokenized_fields\"]",
            "app.toml: metadata_keys: \"tokenized_fields\" belongs to Core; choose a key named after the app",
        ),
        (
            "metadata_keys = [\"a\", \"a\"]",
            "app.toml: metadata_keys: \"a\" stands there twice",
        ),
        (
            "metadata_keys = [\"a.b\"]",
            "app.toml: metadata_keys: \"a.b\": is not a name: 1 to 64 letters, digits and \"_-\"",
        ),
        (
            "[settings]\na = 3",
            "app.toml: line 4: invalid type: integer `3`, expected a string",
        ),
        (
            "[jobs.x]\nevery = \"5\"",
            "app.toml: jobs.\"x\".every: is not a period; try \"15m\", \"24h\" or \"7d\"",
        ),
        (
            "[jobs.x]\nevery = \"5s\"",
            "app.toml: jobs.\"x\".every: is not between one minute (\"1m\") and a year (\"366d\")",
        ),
        (
            "[limits]\nmemory_mib = 0",
            "app.toml: limits.memory_mib: is 0: nothing could run; leave it out for the host's own",
        ),
        (
            "[limits]\nmemory_mib = -1",
            "app.toml: line 4: invalid value: integer `-1`, expected u64",
        ),
        (
            "[build]\ncommand = \"x\"\noutput = \"../x.wasm\"",
            "app.toml: build.output: is not a path within the app's folder",
        ),
        (
            "[build]\ncommand = \"x\"\noutput = \"/x.wasm\"",
            "app.toml: build.output: is not a path within the app's folder",
        ),
        (
            "[test]\nscenarios = \"\"",
            "app.toml: test.scenarios: is not a path within the app's folder",
        ),
        (
            "description = \"a\\nb\"",
            "app.toml: description: has a control character, such as a line break",
        ),
    ] {
        assert_eq!(error(body), expected, "for {body:?}");
    }
}

#[test]
fn a_missing_name_and_a_wrong_version_are_refused() {
    let missing = Manifest::parse("version = \"1.0.0\"")
        .unwrap_err()
        .to_string();
    assert!(missing.contains("missing field `name`"), "{missing}");
    let version = Manifest::parse("name = \"A\"\nversion = \"1\"")
        .unwrap_err()
        .to_string();
    assert!(
        version.starts_with("app.toml: version: is not a semantic version"),
        "{version}"
    );
    assert!(
        Manifest::parse("name = ")
            .unwrap_err()
            .to_string()
            .starts_with("app.toml: line 1: ")
    );
}

#[test]
fn h44_what_an_error_quotes_is_escaped_and_cut() {
    let long = "x".repeat(50_000);
    for body in [
        "\"\\u001b[31m\\nforged\" = 1".to_owned(),
        format!("\"{long}\" = 1"),
        format!("[jobs.\"{long}\"]\n\"\\u001b\" = 1"),
        format!("[permissions]\n\"{long}\" = \"x\""),
        format!("[limits]\nmemory_mib = \"{long}\""),
        format!("[build]\ncommand = \"x\"\noutput = \"{long}\"\nwatch = \"{long}\""),
    ] {
        let text = error(&body);
        let start: String = body.chars().take(40).collect();
        assert!(text.len() < 1000, "{} bytes for {start}", text.len());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(error("\"\\u001b[31m\" = 1").starts_with(r"app.toml: \u{1b}[31m: is not a known key"));
}

#[test]
fn a_version_has_64_characters_at_most() {
    let parse = |version: &str| Manifest::parse(&format!("name = \"A\"\nversion = \"{version}\""));
    let with = |length: usize| format!("1.0.0-{}", "a".repeat(length - 6));
    assert!(parse(&with(64)).is_ok());
    assert_eq!(
        parse(&with(65)).unwrap_err().to_string(),
        "app.toml: version: is longer than 64 characters; try \"0.1.0\""
    );
}
