//! S1: guests that are refused when they are loaded, each with a reason that says what is wrong.

use std::fs;

use serde_json::Value;

use super::corpus::{Corpus, lay, place, slug};
use crate::support::packages::lay_component;

/// A guest of the corpus, and words of the reason that `apps list` gives.
const REFUSED: [(&str, &[&str]); 11] = [
    ("h02_start", &["can't be started", "CPU time"]),
    ("h08_memory", &["memory"]),
    ("h08_table", &["table"]),
    (
        "h13_imports",
        &[
            "wasi:sockets/tcp@0.2.0",
            "wasi:filesystem/preopens@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "evil:backdoor/open@1.0.0",
        ],
    ),
    ("h14_no_portal", &["does not export blnk:app/portal"]),
    (
        "h14_other_version",
        &["built for blnk:app 0.2; this host serves 0.1"],
    ),
    (
        "h14_unknown_function",
        &["does not fit the contract", "api-key"],
    ),
    ("h14_wrong_portal", &["does not fit the contract"]),
    ("h49_async", &["async"]),
    ("h49_future", &["async"]),
    ("h49_stream", &["async"]),
];

/// The guests that this module calls.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    REFUSED.into_iter().map(|(name, _)| name)
}

/// Files that are no component, and words of the reason.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = airlock_test_guests::guest("");
    let half = whole[..whole.len() / 2].to_vec();
    let mut wrong_magic = whole;
    wrong_magic[1] = b'A';
    vec![
        ("h12-garbage", b"garbage".to_vec(), "is not WebAssembly"),
        ("h12-empty", Vec::new(), "is empty"),
        ("h12-truncated", half, "is not a whole component"),
        ("h12-wrong-magic", wrong_magic, "is not WebAssembly"),
        (
            "h12-module",
            b"\0asm\x01\0\0\0".to_vec(),
            "is a core module",
        ),
        ("h12-text", b"(component)".to_vec(), "is WebAssembly text"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers() {
    let (sim, place) = place().await;
    lay(&place, names().map(|name| (name, "")));
    for (app, bytes, _) in files() {
        lay_component(&place.plugins(), app, "", &bytes);
    }
    lay_component(&place.plugins(), "h11-large", "", b"");
    let large = place.plugins().join("h11-large/app.wasm");
    // A hole: nothing of it may be read.
    let file = fs::File::create(large).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();

    let corpus = Corpus::start(sim, place).await;
    let listed = corpus.place.json(&["apps", "list", "--format", "json"]);
    for (name, words) in REFUSED {
        assert_refused(&listed, &slug(name), words);
    }
    for (app, _, words) in files() {
        assert_refused(&listed, app, &[words]);
    }
    assert_refused(
        &listed,
        "h11-large",
        &["app.wasm is larger than 67108864 bytes"],
    );
    corpus.assert_healthy("what was refused").await;
    corpus.stop();
}

fn assert_refused(listed: &Value, app: &str, words: &[&str]) {
    let mut lines = listed.as_array().unwrap().iter();
    let line = lines.find(|line| line["slug"] == app).expect(app);
    assert_eq!(line["status"], "broken", "{line}");
    let reason = line["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "{app}: {reason}");
    }
}
