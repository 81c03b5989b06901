//! What components of others' tools import: what their manifests ask for, what needs no scope, and the little that a
//! runtime of JavaScript wants of WASI.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use crate::support::Place;

/// Interfaces that need no scope, and those that hold the types of others.
const FREE: [&str; 7] = [
    "cloud-types",
    "connections",
    "context",
    "http-types",
    "jobs",
    "log",
    "store",
];
const WASI: [&str; 7] = [
    "wasi:cli/stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
];

#[test]
fn a_component_of_either_tool_imports_what_its_manifest_asks_for_and_no_other_scope() {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    let place = Place::new(&nowhere)
        .package("probes/lookout")
        .package("probes/extract");
    for (slug, opened, scopes, wasi) in [
        (
            "lookout",
            &["alert-actions", "alerts", "data"][..],
            json!(["data:read", "alerts:read", "alerts:write"]),
            &WASI[..],
        ),
        ("extract", &["data"], json!(["data:read"]), &[]),
    ] {
        let report = place.json(&["inspect", slug, "--format", "json"]);
        assert_eq!(report["loads"], true, "{report:#}");
        assert_eq!(report["warnings"], json!([]));
        // componentize-py exports what it needs itself beside it, as `exports`; nobody calls that.
        let exports = report["exports"].as_array().unwrap().iter();
        let of_the_contract: Vec<_> = exports
            .filter(|name| name.as_str().unwrap().starts_with("blnk:app/"))
            .collect();
        assert_eq!(of_the_contract, ["blnk:app/portal@0.1.0"], "{slug}");
        // Which patch of WASI a tool names is its own affair.
        let imports = report["imports"].as_array().unwrap().iter();
        let imports: BTreeSet<_> = imports
            .map(|name| name.as_str().unwrap().split('@').next().unwrap().to_owned())
            .collect();
        let ours = FREE.iter().chain(opened);
        let expected: BTreeSet<_> = ours
            .map(|name| format!("blnk:app/{name}"))
            .chain(wasi.iter().map(|name| (*name).to_owned()))
            .collect();
        assert_eq!(imports, expected, "{slug}");
        let told = report["scopes"].as_array().unwrap().iter();
        let told: Value = told.map(|line| line["scope"].clone()).collect();
        assert_eq!(told, scopes, "{slug}");
    }
}
