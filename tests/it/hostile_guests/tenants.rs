//! S5: two tenants of one app, call by call in turns. Nothing of the one reaches the other.

use super::corpus::{Corpus, lay, place, words_of};
use crate::support::long;

const APP: &str = "h39-canary";

#[tokio::test(flavor = "multi_thread")]
async fn s5_h39_two_tenants_in_turns_see_nothing_of_each_other() {
    let (sim, place) = place().await;
    lay(&place, [("h39_canary", "")]);
    let mut corpus = Corpus::start(sim, place).await;
    let here = corpus.install(APP, &["data:read"]).await;
    let other = corpus.sim.instance_ids().pop().unwrap();
    let there = corpus.install_on(APP, &other, &["data:read"]).await;
    let ids = [here.installed_app_id.as_str(), &there.installed_app_id];
    let portals = [corpus.portal(&here).await, corpus.portal(&there).await];
    let calls = long::times(200, 10_000);
    for number in 0..calls {
        let portal = &portals[number % 2];
        // Two of each tenant crash with all that they have left behind. More would close the app for a while.
        if number % 2 == number / 2 && number < 4 {
            let answer = portal.post("crash", &serde_json::Value::Null).await;
            answer.problem(502, "app-failed");
            assert!(ids.iter().all(|id| !answer.text().contains(id)));
        }
        let answer = portal.get("look").await;
        assert_eq!(answer.status, 201, "call {number}: {}", answer.text());
    }
    // Whose words the log says they are.
    let words = words_of(&corpus.place, APP);
    assert!(words.len() >= calls, "{}", words.len());
    for line in words {
        let text = line["text"].as_str().unwrap();
        assert!(ids.contains(&text), "{line}");
        assert_eq!(line["install"], text, "{line}");
    }
    corpus.assert_healthy("the tenants").await;
    corpus.stop();
}
