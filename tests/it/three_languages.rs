//! Three apps in three languages beside each other on one host: KYC in Rust, Lookout in JavaScript, Extract in Python.
//! Each has its own scopes, its own installs and its own records, under the limits that every app has.

mod surface;

use std::collections::BTreeSet;

use airlock_cloud_sim::{Direction, Installed};
use serde_json::{Value, json};

use crate::support::{Portal, TestHost};

/// An install with its open portal.
struct Neighbor {
    slug: &'static str,
    instance: String,
    install: Installed,
    portal: Portal,
}

/// Everyone on one host. `kyc` may read only; of the two installs of Lookout the first may do all that it asks for, the
/// second, on the other instance, only read; Extract has one on each instance, and the second may do nothing.
struct Street {
    host: TestHost,
    kyc: Neighbor,
    lookouts: [Neighbor; 2],
    extracts: [Neighbor; 2],
}

impl Street {
    async fn settle() -> Self {
        let setup = TestHost::setup()
            .package("kyc")
            .package("probes/lookout")
            .package("probes/extract")
            .cloud(|options| options.extra_instances = 1);
        let host = setup.start().await;
        let instances = host.sim.instance_ids();
        let settle = async |slug, on: usize, granted: &[&str]| {
            let instance = instances[on].clone();
            let install = host.install_on(slug, &instance, granted).await;
            let portal = host.open(&install).await;
            Neighbor {
                slug,
                instance,
                install,
                portal,
            }
        };
        let all = ["data:read", "alerts:read", "alerts:write"];
        let kyc = settle("kyc", 0, &["data:read"]).await;
        let lookouts = [
            settle("lookout", 0, &all).await,
            settle("lookout", 1, &["data:read"]).await,
        ];
        let extracts = [
            settle("extract", 0, &["data:read"]).await,
            settle("extract", 1, &[]).await,
        ];
        Self {
            host,
            kyc,
            lookouts,
            extracts,
        }
    }

    fn neighbors(&self) -> impl Iterator<Item = &Neighbor> {
        std::iter::once(&self.kyc)
            .chain(&self.lookouts)
            .chain(&self.extracts)
    }

    /// How many calls of an app the simulated Cloud has had.
    fn cloud_calls(&self, slug: &str) -> usize {
        let requests = self.host.sim.requests().into_iter();
        requests
            .filter(|request| request.direction == Direction::AppToCloud)
            .filter(|request| request.app.as_deref() == Some(slug))
            .count()
    }
}

impl Neighbor {
    async fn json(&self, path: &str) -> Value {
        self.portal.get(path).await.expect(200).json()
    }

    /// Every account on every page of a list.
    async fn accounts(&self, list: &str) -> BTreeSet<String> {
        let mut accounts = BTreeSet::new();
        for page in 1.. {
            let found = self.json(&format!("{list}?page={page}")).await;
            let items = found["items"].as_array().unwrap();
            if items.is_empty() {
                assert_eq!(found["total"], accounts.len());
                return accounts;
            }
            accounts.extend(
                items
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
        }
        unreachable!("pages end")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_apps_in_three_languages_serve_side_by_side_each_for_its_own_installs() {
    let street = Street::settle().await;
    all_serve(&street);
    calls_of_everyone_at_once_are_answered_for_their_own_install(&street).await;
    each_sees_its_own_instance(&street).await;
    a_call_without_its_scope_is_403_and_sends_nothing(&street).await;
    an_alert_is_raised_once(&street).await;
    a_statement_is_what_the_ledger_holds(&street).await;
    records_are_apart(&street).await;
    unknown_paths_and_methods_are_told(&street).await;
    an_uninstall_ends_one_and_leaves_the_others(&street).await;
}

fn all_serve(street: &Street) {
    let apps = street.host.apps();
    for app in apps.as_array().unwrap() {
        assert_eq!(
            (&app["status"], &app["reason"]),
            (&json!("serving"), &Value::Null),
            "{app}"
        );
    }
    assert_eq!(apps.as_array().unwrap().len(), 3);
}

async fn calls_of_everyone_at_once_are_answered_for_their_own_install(street: &Street) {
    const ROUNDS: usize = 6;
    let mut answered = 0;
    for _ in 0..ROUNDS {
        let calls = street.neighbors().map(async |neighbor| {
            let answer = neighbor.portal.get("me").await.expect(200).json();
            (neighbor, answer)
        });
        for (neighbor, answer) in futures_util::future::join_all(calls).await {
            if neighbor.slug != "kyc" {
                assert_eq!(
                    answer["install"],
                    neighbor.install.installed_app_id.as_str()
                );
                assert_eq!(answer["instance"], neighbor.instance.as_str());
            }
            answered += 1;
        }
    }
    assert_eq!(answered, ROUNDS * 5);
    let scopes = |value: Value| value["scopes"].clone();
    let [full, reading] = &street.lookouts;
    assert_eq!(
        scopes(full.json("me").await),
        json!({ "data:read": true, "alerts:read": true, "alerts:write": true })
    );
    assert_eq!(
        scopes(reading.json("me").await),
        json!({ "data:read": true, "alerts:read": false, "alerts:write": false })
    );
    let [reading, bare] = &street.extracts;
    assert_eq!(
        scopes(reading.json("me").await),
        json!({ "data:read": true })
    );
    assert_eq!(scopes(bare.json("me").await), json!({ "data:read": false }));
}

async fn each_sees_its_own_instance(street: &Street) {
    let balances = street.host.sim.balances();
    let of_the_first: BTreeSet<_> = balances
        .iter()
        .map(|balance| balance["balance_id"].as_str().unwrap().to_owned())
        .collect();
    let [first, second] = &street.lookouts;
    assert_eq!(first.accounts("balances").await, of_the_first);
    assert_eq!(street.extracts[0].accounts("accounts").await, of_the_first);
    let of_the_second = second.accounts("balances").await;
    assert!(of_the_second.len() > 20 && of_the_second.is_disjoint(&of_the_first));
    // What is another's is not there, whoever asks by name.
    let foreign = of_the_second.first().unwrap();
    let statement = format!("accounts/{foreign}/statement");
    street.extracts[0]
        .portal
        .get(&statement)
        .await
        .problem(404, "not-found");
}

async fn a_call_without_its_scope_is_403_and_sends_nothing(street: &Street) {
    let identities = street.kyc.json("identities?status=all").await;
    let identity = identities["items"][0]["id"].as_str().unwrap();
    let account = street.host.sim.balances()[0]["balance_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (decision, alert) = (
        json!({ "decision": "approved", "reason": "I want to.", "version": null }),
        json!({ "reason": "I want to." }),
    );
    let (kyc, lookout, extract) = (&street.kyc, &street.lookouts[1], &street.extracts[1]);
    for (neighbor, method, path, body, scope) in [
        (
            kyc,
            "POST",
            format!("identities/{identity}/decision"),
            Some(&decision),
            "data:write",
        ),
        (
            lookout,
            "POST",
            format!("balances/{account}/alert"),
            Some(&alert),
            "alerts:write",
        ),
        (lookout, "GET", "alerts".to_owned(), None, "alerts:read"),
        (extract, "GET", "accounts".to_owned(), None, "data:read"),
        (
            extract,
            "GET",
            format!("accounts/{account}/statement"),
            None,
            "data:read",
        ),
    ] {
        let before = street.cloud_calls(neighbor.slug);
        let ask = neighbor.portal.ask(method, &path);
        let ask = match body {
            Some(body) => ask.json(body),
            None => ask,
        };
        let problem = neighbor
            .portal
            .http
            .send(ask)
            .await
            .problem(403, "not-granted");
        assert_eq!(problem["scope"], scope, "{path}");
        assert_eq!(
            street.cloud_calls(neighbor.slug),
            before,
            "{path} sent something"
        );
    }
    assert_eq!(street.host.sim.writes().len(), 0);
    // What was refused left no record behind, so nothing is in the way once the scope is there.
    assert_eq!(lookout.json("raised").await["items"], json!([]));
}

async fn an_alert_is_raised_once(street: &Street) {
    let [first, second] = &street.lookouts;
    let (host, before) = (&street.host, street.host.sim.alerts().len());
    let found = first.json("balances").await;
    let below = |item: &&Value| item["is_below"] == true;
    let low = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(below)
        .expect("a low balance");
    let path = format!("balances/{}/alert", low["id"].as_str().unwrap());
    let why = json!({ "reason": "Under what we agreed." });
    let raised = first.portal.post(&path, &why).await.expect(200).json();
    first
        .portal
        .post(&path, &why)
        .await
        .problem(409, "conflict");
    assert_eq!(
        (host.sim.alerts().len() - before, host.sim.writes().len()),
        (1, 1)
    );
    let alert = &host.sim.alerts()[0];
    assert_eq!(
        (&alert["anomaly_id"], &alert["description"]),
        (&raised["alert"], &why["reason"])
    );
    let listed = first.json("alerts").await;
    let listed = listed["items"].as_array().unwrap();
    assert!(
        listed.iter().any(|item| item["id"] == raised["alert"]),
        "{listed:?}"
    );
    let kept = first.json("raised").await;
    assert_eq!(
        (&kept["items"][0]["alert"], &kept["items"][1]),
        (&raised["alert"], &Value::Null)
    );
    assert_eq!(second.json("raised").await["items"], json!([]));
    // A balance that is not there: Cloud says so, and the intent is taken back.
    let unknown = first.portal.post("balances/bln_nobody/alert", &why).await;
    assert_eq!((unknown.status, host.sim.alerts().len() - before), (404, 1));
    assert_eq!(
        first.json("raised").await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn a_statement_is_what_the_ledger_holds(street: &Street) {
    let applied = |transaction: &&Value| transaction["status"] == "APPLIED";
    let transactions = street.host.sim.transactions();
    let applied = transactions.iter().filter(applied).count();
    let mut rows = 0;
    for balance in street.host.sim.balances() {
        let account = balance["balance_id"].as_str().unwrap();
        let path = format!("accounts/{account}/statement");
        let statement = street.extracts[0].json(&path).await;
        let items = statement["items"].as_array().unwrap();
        let mut sum = 0;
        for row in items {
            sum += row["amount"].as_i64().unwrap();
            assert_eq!(row["sum"], sum, "{row}");
        }
        // To the last unit, of which the largest has more than a double holds.
        assert_eq!(balance["balance"], sum, "{account}");
        rows += items.len();
    }
    // Each transaction stands in two statements.
    assert!(applied > 100);
    assert_eq!(rows, 2 * applied);
}

async fn records_are_apart(street: &Street) {
    let [first, second] = &street.lookouts;
    let put = async |neighbor: &Neighbor, path: &str, body: &Value| {
        let ask = neighbor.portal.ask("PUT", path).json(body);
        neighbor.portal.http.send(ask).await
    };
    assert_eq!(second.json("threshold").await["value"], 100_000);
    put(first, "threshold", &json!({ "value": 7 }))
        .await
        .expect(200);
    put(first, "threshold", &json!({ "value": -1 }))
        .await
        .problem(422, "invalid");
    assert_eq!(first.json("threshold").await["value"], 7);
    assert_eq!(second.json("threshold").await["value"], 100_000);
    let account = street.host.sim.balances()[0]["balance_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (path, note) = (
        format!("accounts/{account}/note"),
        json!({ "text": "Seen." }),
    );
    put(&street.extracts[0], &path, &note).await.expect(200);
    // The ledger is asked first, which this one may not.
    put(&street.extracts[1], &path, &note)
        .await
        .problem(403, "not-granted");
    assert_eq!(
        street.extracts[0].json("notes").await["items"][0]["text"],
        "Seen."
    );
    assert_eq!(street.extracts[1].json("notes").await["items"], json!([]));
}

async fn unknown_paths_and_methods_are_told(street: &Street) {
    for neighbor in [&street.lookouts[0], &street.extracts[0]] {
        let portal = &neighbor.portal;
        portal.get("nowhere").await.problem(404, "not-found");
        portal
            .post("me", &json!({}))
            .await
            .problem(405, "method-not-allowed");
    }
    let broken = street.lookouts[0].portal.ask("PUT", "threshold").bytes("{");
    street
        .host
        .http
        .send(broken)
        .await
        .problem(400, "bad-request");
}

async fn an_uninstall_ends_one_and_leaves_the_others(street: &Street) {
    let ended = &street.lookouts[0];
    let id = &ended.install.installed_app_id;
    street
        .host
        .sim
        .uninstall(id)
        .await
        .expect("the host takes it");
    ended.portal.get("threshold").await.expect(401);
    for neighbor in street
        .neighbors()
        .filter(|one| one.install.installed_app_id != *id)
    {
        neighbor.json("me").await;
    }
    assert_eq!(street.lookouts[1].json("threshold").await["value"], 100_000);
    assert_eq!(
        street.extracts[0].json("notes").await["items"][0]["text"],
        "Seen."
    );
    // Back on the same instance, it begins without the records of before.
    let again = street
        .host
        .install_on("lookout", &ended.instance, &["data:read"])
        .await;
    let portal = street.host.open(&again).await;
    let threshold = portal.get("threshold").await.expect(200).json();
    assert_eq!(threshold["value"], 100_000);
}
