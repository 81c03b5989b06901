//! S1: guests that load, and what each of their calls ends with.

use std::collections::BTreeSet;

use super::corpus::{Corpus, Outcome, lay, place, slug, words_of};
use super::refused;
use Outcome::{Answered, BadOutput, Cpu, Limit, Memory, Trap, Wall};

/// A guest of the corpus, and what its calls end with.
const STOPPED: [(&str, Outcome); 52] = [
    ("h01_loop", Cpu),
    ("h03_recursion", Trap),
    ("h04_post_return", Trap),
    ("h04_realloc", Trap),
    ("h05_gives_up", Memory),
    ("h05_memory", Answered(201)),
    ("h06_memories", Memory),
    ("h07_table", Answered(201)),
    ("h07_tables", Memory),
    ("h15_division", Trap),
    ("h15_indirect", Trap),
    ("h15_out_of_bounds", Trap),
    ("h15_unreachable", Trap),
    ("h16_stderr", Limit),
    ("h17_utf16", BadOutput),
    ("h17_utf8", BadOutput),
    ("h18_body", BadOutput),
    ("h18_enum", BadOutput),
    ("h18_misaligned", BadOutput),
    ("h18_option", BadOutput),
    ("h18_variant", BadOutput),
    ("h19_many", BadOutput),
    ("h19_passes", Limit),
    ("h19_returns", Limit),
    ("h20_overlapping", Limit),
    ("h22_host_calls", Limit),
    ("h22_wasi_calls", Limit),
    ("h24_log", Limit),
    ("h25_log_text", Answered(200)),
    ("h26_sleep", Wall),
    ("h27_poll_million", Limit),
    ("h27_poll_none", Trap),
    ("h28_handles", Limit),
    ("h29_after_drop", Trap),
    ("h29_forged", Trap),
    ("h29_wrong_type", Trap),
    ("h30_borrow", Trap),
    ("h31_random", Trap),
    ("h31_wasi_random", Trap),
    ("h32_line_end", BadOutput),
    ("h32_many_headers", BadOutput),
    ("h32_nul", BadOutput),
    ("h41_body", BadOutput),
    ("h41_status", BadOutput),
    ("h41_status_999", BadOutput),
    ("h43_clock", Answered(201)),
    ("h47_copy", Cpu),
    ("h47_fill", Cpu),
    ("h51_short_calls", Cpu),
    ("h52_exit_0", Trap),
    ("h52_exit_1", Trap),
    ("h53_stdin", Answered(201)),
];

/// Guests that other tests of this catalogue call.
const ELSEWHERE: [&str; 2] = ["h39_canary", "h50_slow"];

/// What a guest says in its `app.toml`: the one that sleeps gives up its five seconds, to save the test's time.
fn manifest(name: &str) -> &'static str {
    match name {
        "h26_sleep" => "[limits]\nwall_ms = 300",
        _ => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it() {
    let (sim, place) = place().await;
    // So many words take longer than 250 ms in a build for tests, and it is not their time that is looked at.
    let place = ["H16_STDERR", "H24_LOG"].iter().fold(place, |place, app| {
        let variable = |limit: &str| format!("AIRLOCK_APPS__{app}__LIMITS__{limit}");
        place
            .set(&variable("CPU_MS"), "60000")
            .set(&variable("WALL_MS"), "60000")
    });
    lay(&place, STOPPED.map(|(name, _)| (name, manifest(name))));
    let mut corpus = Corpus::start(sim, place).await;
    let listed = corpus.host.report("/apps").await;
    for app in listed.as_array().unwrap() {
        assert_eq!(app["status"], "serving", "{app}");
    }
    let mut wrong = Vec::new();
    for (name, outcome) in STOPPED {
        let app = slug(name);
        let portal = corpus.open(&app, &["data:read"]).await;
        // Twice: what the first call left behind would show in the second.
        for _ in 0..2 {
            let seen = corpus.outcome_is(&app, &portal, outcome).await;
            wrong.extend(seen.err());
            corpus.assert_healthy(name).await;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    h16_h24_words_are_bounded(&corpus, "h16-stderr");
    h16_h24_words_are_bounded(&corpus, "h24-log");
    h25_a_line_stays_a_line(&corpus);
    corpus.stop();
}

/// Each call had 64 KiB, a line 4 KiB of them, and one line about what was dropped.
fn h16_h24_words_are_bounded(corpus: &Corpus, app: &str) {
    let words = words_of(&corpus.place, app);
    let texts = words.iter().map(|line| line["text"].as_str().unwrap());
    let (marks, texts): (Vec<_>, Vec<_>) = texts.partition(|text| text.starts_with('['));
    assert_eq!(marks.len(), 2, "{app}: {marks:?}");
    assert!(texts.iter().all(|text| text.len() <= 4096), "{app}");
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    assert!(bytes > 2 * 60 * 1024, "{app}: {bytes}");
    assert!(bytes <= 2 * 64 * 1024, "{app}: {bytes}");
}

/// The helper that reads the log has parsed every line of it as JSON already.
fn h25_a_line_stays_a_line(corpus: &Corpus) {
    let words = words_of(&corpus.place, "h25-log-text");
    let texts: Vec<_> = words.iter().map(|line| &line["text"]).collect();
    let expected = r#"first\n{"level":"ERROR","message":"forged"}\r\n\u{1b}[2J\u{1b}[31mred\u{202e}backwards\u{2028}last\u{0}end"#;
    assert_eq!(texts, [expected, expected]);
    assert!(words.iter().all(|line| line["level"] == "WARN"));
}

#[test]
fn every_guest_of_the_corpus_is_called_or_refused_by_a_test() {
    let mut known: Vec<&str> = STOPPED.map(|(name, _)| name).to_vec();
    known.extend(ELSEWHERE);
    known.extend(refused::names());
    let listed: BTreeSet<&str> = known.iter().copied().collect();
    assert_eq!(listed.len(), known.len(), "one stands there twice");
    let probes = airlock_test_guests::probes();
    let there: BTreeSet<&str> = probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(listed, there);
}
