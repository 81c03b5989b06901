//! Tests of reports: whatever is wrong, what can be known is told.

use std::path::Path;

use super::*;
use crate::model::Slug;
use crate::runtime::AppOverrides;
use crate::runtime::testing::{Guest, guest, lay};

async fn report(folder: &Path) -> Inspection {
    let subject = Subject::Package(folder.to_owned());
    inspect(subject, &RuntimeSettings::default()).await.unwrap()
}

/// A guest that can list alerts.
fn importing() -> Vec<u8> {
    Guest {
        imports: r#"(import "blnk:app/alerts@0.1.0" "list" (func $list (param i32)))"#,
        handle: "(call $list (i32.const 4000))",
        ..Guest::default()
    }
    .component()
}

#[tokio::test]
async fn a_package_that_loads_is_told_whole() {
    let plugins = tempfile::tempdir().unwrap();
    let manifest = "[permissions]\n\"alerts:read\" = \"To see.\"\n[limits]\nmemory_mib = 8";
    let component = importing();
    let folder = lay(plugins.path(), "kyc", manifest, &component);
    let told = report(&folder).await;
    assert_eq!((told.loads, &told.reason), (true, &None));
    assert_eq!(told.wit.as_deref(), Some("0.1.0"));
    assert_eq!(told.serves, "0.1");
    let imports = told.imports.unwrap();
    assert!(
        imports.contains(&"blnk:app/alerts@0.1.0".to_owned()),
        "{imports:?}"
    );
    assert_eq!(told.exports.unwrap(), ["blnk:app/portal@0.1.0"]);
    assert_eq!(told.scopes.len(), 1);
    assert_eq!(told.scopes[0].status, ScopeStatus::Used);
    assert_eq!(told.size, Some(component.len() as u64));
    assert_eq!(told.memory_bytes, Some(2 * PAGE));
    assert_eq!(told.limits[0].in_force, 8);
    let package = Package::read(&folder).unwrap();
    assert_eq!(told.sha256.as_deref(), Some(package.digest()));
}

#[tokio::test]
async fn a_broken_manifest_still_shows_its_scopes_and_the_component() {
    let plugins = tempfile::tempdir().unwrap();
    let manifest = "[permissions]\n\"alerts:raed\" = \"To see.\"";
    let folder = lay(plugins.path(), "kyc", manifest, &importing());
    let told = report(&folder).await;
    assert!(!told.loads);
    let reason = told.reason.unwrap();
    assert!(
        reason.contains("alerts:raed") && !reason.contains("besides"),
        "{reason}"
    );
    let scopes: Vec<_> = told
        .scopes
        .iter()
        .map(|line| (line.scope.as_str(), line.status))
        .collect();
    assert_eq!(
        scopes,
        [
            ("alerts:read", ScopeStatus::Missing),
            ("alerts:raed", ScopeStatus::NeverGiven)
        ]
    );
    assert_eq!(told.wit.as_deref(), Some("0.1.0"));
    assert_eq!((told.sha256, told.memory_bytes), (None, Some(2 * PAGE)));
    assert_eq!(told.component_sha256.unwrap().len(), 64);
}

#[tokio::test]
async fn what_is_wrong_with_manifest_and_component_is_both_told() {
    let plugins = tempfile::tempdir().unwrap();
    let folder = lay(plugins.path(), "kyc", "nonsense = 1", b"no");
    let told = report(&folder).await;
    let reason = told.reason.unwrap();
    assert!(
        reason.contains("nonsense") && reason.contains("; besides, app.wasm is not WebAssembly"),
        "{reason}"
    );
    assert_eq!((told.imports, told.size), (None, Some(2)));
    let empty = plugins.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let told = report(&empty).await;
    assert_eq!(
        told.reason.as_deref(),
        Some("app.toml is missing; every package says there what it is")
    );
    assert_eq!((told.size, told.component_sha256), (None, None));
    assert_eq!(told.limits.len(), 7);
}

#[tokio::test]
async fn a_component_alone_is_told_by_the_name_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.wasm");
    let look = async |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let subject = Subject::Component(path.clone());
        inspect(subject, &RuntimeSettings::default()).await.unwrap()
    };
    let told = look(&importing()).await;
    assert!(told.loads);
    assert_eq!(told.scopes[0].status, ScopeStatus::Needed);
    assert_eq!(told.sha256, told.component_sha256);
    assert_eq!((told.app, told.page_files), (None, None));
    let told = look(b"\0asm\x01\0\0\0").await;
    let reason = told.reason.unwrap();
    assert!(reason.starts_with("mine.wasm is a core module"), "{reason}");
}

#[tokio::test]
async fn a_component_that_does_not_fit_or_start_is_told_all_the_same() {
    let plugins = tempfile::tempdir().unwrap();
    let odd = wat::parse_str(
        r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)) (import "blnk:app/context@0.1.0" (instance)))"#,
    )
    .unwrap();
    let told = report(&lay(plugins.path(), "odd", "", &odd)).await;
    assert!(told.reason.unwrap().contains("wasi:sockets/tcp@0.2.0"));
    assert_eq!(told.never_given[0].name, "wasi:sockets/tcp@0.2.0");
    assert_eq!(told.imports.unwrap().len(), 2);
    let looping = Guest {
        fields: "(func $s (loop $l (br $l))) (start $s)",
        ..Guest::default()
    };
    let told = report(&lay(plugins.path(), "loop", "", &looping.component())).await;
    assert!(told.reason.unwrap().contains("can't be started"));
    assert_eq!(told.memory_bytes, Some(2 * PAGE), "as it declares");
}

#[tokio::test]
async fn the_operators_own_settings_for_the_app_count() {
    let plugins = tempfile::tempdir().unwrap();
    let folder = lay(plugins.path(), "kyc", "", &guest(""));
    let mut app = AppOverrides {
        limits: Limits::default(),
        settings: [("typo".to_owned(), "x".to_owned())].into(),
        enabled: false,
    };
    app.limits.portal.cloud_calls = 5;
    let settings = RuntimeSettings {
        apps: [(Slug::parse("kyc").unwrap(), app)].into(),
        ..RuntimeSettings::default()
    };
    let subject = Subject::Package(folder);
    let told = inspect(subject, &settings).await.unwrap();
    assert!(told.loads);
    assert_eq!(
        (told.limits[3].limit, told.limits[3].operator),
        ("cloud_calls", 5)
    );
    assert_eq!(told.warnings.len(), 2, "{:?}", told.warnings);
    assert!(told.warnings[0].contains("\"typo\""));
    assert!(told.warnings[1].contains("switched"));
}
