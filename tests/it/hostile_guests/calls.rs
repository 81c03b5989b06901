//! Misdeeds that are calls of the host: what the guest was answered, and what Cloud saw of it.

use std::collections::BTreeSet;

use airlock_cloud_sim::Direction;
use serde_json::{Value, json};

use super::corpus::{Corpus, Outcome, place, words_of};
use crate::support::Portal;

/// Both scopes that the probe asks for.
const BOTH: [&str; 2] = ["data:read", "data:write"];

async fn corpus() -> Corpus {
    let (sim, place) = place().await;
    // Texts of a MiB take the host long in a build for tests, and its time is the guest's.
    let place = place.set("AIRLOCK_APPS__HOSTILE__LIMITS__CPU_MS", "5000");
    Corpus::start(sim, place.package("probes/hostile")).await
}

/// Does a misdeed. Answers what was tried, each with the word that came of it.
async fn attempt(portal: &Portal, misdeed: &str) -> Vec<(String, String)> {
    let answer = portal.post(misdeed, &json!({})).await.expect(200).json();
    serde_json::from_value(answer["tried"].clone()).unwrap()
}

/// Requests that Cloud had from apps.
fn heard(corpus: &Corpus) -> usize {
    let requests = corpus.sim.requests().into_iter();
    let from_apps = requests.filter(|request| request.direction == Direction::AppToCloud);
    from_apps.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them() {
    let mut corpus = corpus().await;
    let portal = corpus.open("hostile", &BOTH).await;
    let other = corpus.sim.instance_ids().pop().unwrap();
    let reader = corpus.install_on("hostile", &other, &["data:read"]).await;
    let reader = corpus.portal(&reader).await;
    let before = heard(&corpus);

    h21_deep_json_is_refused(&attempt(&portal, "h21").await);
    h33_h34_nothing_leads_elsewhere(&attempt(&portal, "h33").await, 19 * 8);
    h33_h34_nothing_leads_elsewhere(&attempt(&portal, "h34").await, 18);
    h36_no_header_is_sent(&attempt(&portal, "h36").await);
    assert_eq!(attempt(&portal, "h38").await, [], "H38");
    h40_keys_are_only_names(&attempt(&portal, "h40").await);
    assert_eq!(heard(&corpus), before);
    h35_reading_is_not_writing(&attempt(&reader, "h35").await);
    // The filter, which is a read, and nothing else.
    assert_eq!(heard(&corpus), before + 1);
    assert_eq!(corpus.sim.writes().len(), 0);
    h54_numbers_are_brought_into_range(&attempt(&portal, "h54").await);
    corpus.assert_healthy("the calls").await;
    corpus.stop();
}

fn h21_deep_json_is_refused(tried: &[(String, String)]) {
    assert_eq!(tried.len(), 8, "{tried:?}");
    for (what, word) in tried {
        assert_eq!(word, "invalid-request", "H21: {what}");
    }
}

fn h33_h34_nothing_leads_elsewhere(tried: &[(String, String)], count: usize) {
    assert_eq!(tried.len(), count);
    for (what, word) in tried {
        assert_eq!(word, "invalid-request", "{what}");
    }
}

fn h35_reading_is_not_writing(tried: &[(String, String)]) {
    assert_eq!(tried.len(), 9);
    for (what, word) in tried {
        let expected = match what.as_str() {
            "filter" => "ok",
            read if read.starts_with("get-core") => "invalid-request",
            _ => "not-granted",
        };
        assert_eq!(word, expected, "H35: {what}");
    }
}

/// No service is connected, so no header goes anywhere; requests to Cloud have none that a guest could name.
fn h36_no_header_is_sent(tried: &[(String, String)]) {
    assert_eq!(tried.len(), 7);
    for (what, word) in tried {
        assert_eq!(word, "not-connected", "H36: {what}");
    }
}

fn h40_keys_are_only_names(tried: &[(String, String)]) {
    assert_eq!(tried.len(), 19);
    for (what, word) in tried {
        let expected = match what.as_str() {
            "keys of others" => "0",
            "set 64 KiB and one" | "set 3 MiB" => "too-large",
            odd if odd.ends_with("empty") || odd.ends_with("nul") || odd.ends_with("bytes") => {
                "invalid-key"
            }
            name if name.starts_with("get") => "mine",
            _ => "ok",
        };
        assert_eq!(word, expected, "H40: {what}");
    }
}

/// Typed answers, whatever the number; what comes of an amount is Cloud's to say.
fn h54_numbers_are_brought_into_range(tried: &[(String, String)]) {
    assert_eq!(tried.len(), 16);
    for (what, word) in tried {
        let expected: &[&str] = match what.split(' ').next().unwrap() {
            "list" | "filter" | "scan" => &["ok"],
            "set" => &["conflict"],
            "schedule" => &["unknown-job"],
            _ if what == "amount NaN" => &["invalid-request"],
            _ => &["ok", "rejected", "conflict", "invalid-request"],
        };
        assert!(expected.contains(&word.as_str()), "H54: {what}: {word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h23_of_a_thousand_cloud_calls_cloud_sees_32() {
    let mut corpus = corpus().await;
    let portal = corpus.open("hostile", &BOTH).await;
    let before = heard(&corpus);
    let tried = attempt(&portal, "h23").await;
    let words: Vec<&str> = tried.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words.len(), 1_000);
    assert_eq!(words[..32], ["ok"; 32]);
    let rest: BTreeSet<&str> = words[32..].iter().copied().collect();
    assert_eq!(rest, ["limit-exceeded"].into());
    assert_eq!(heard(&corpus), before + 32);
    corpus.assert_healthy("the calls").await;
    corpus.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn h16_a_panic_with_a_message_of_8_mib_ends_the_call_and_its_words_are_cut() {
    let mut corpus = corpus().await;
    let portal = corpus.open("hostile", &BOTH).await;
    let answer = portal.get("h16").await;
    answer.problem(502, "app-failed");
    let words = words_of(&corpus.place, "hostile");
    let bytes = |line: &Value| line["text"].as_str().unwrap().len();
    let all: usize = words.iter().map(bytes).sum();
    // The one line that says that the rest was dropped comes on top.
    let kept = 60 * 1024..=64 * 1024 + 100;
    assert!(kept.contains(&all), "{all} bytes");
    corpus.assert_healthy("the panic").await;
    corpus.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn h41_an_answer_sets_no_header_of_the_hosts() {
    let mut corpus = corpus().await;
    let portal = corpus.open("hostile", &BOTH).await;
    let answer = portal.get("h41").await.expect(302);
    assert_eq!(answer.header("etag"), Some("\"kept\""));
    for name in [
        "set-cookie",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "location",
        "x-frame-options",
        "refresh",
        "clear-site-data",
        "service-worker-allowed",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(!policy.contains('*'), "{policy}");
    assert_eq!(answer.body, b"<script>alert(1)</script>");
    corpus
        .outcome_is("hostile", &portal, Outcome::Answered(404))
        .await
        .unwrap();
    corpus.stop();
}
