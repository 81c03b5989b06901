//! The permission matrix (S8): every documented route of Cloud under all 16 sets of scopes, through the contract's own
//! functions. What is refused sends not one byte; what is sent is exactly that route, for this instance.
//!
//! The table is written from Cloud's documentation, not from the code: a scope by method and route template.

use std::pin::Pin;

use super::*;
use crate::cloud::testing::{Reaction, Server, settings};
use crate::runtime::host::bindings::blnk::app::{alerts as wit_alerts, ledger as wit_ledger};

type Outcome = Result<(), cloud_types::CloudError>;
type Calling<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// One documented route, and the contract's way to it.
struct Row {
    method: &'static str,
    template: &'static str,
    /// Path and query that Cloud must hear, without `instance_id`.
    target: &'static str,
    scope: &'static str,
    call: for<'a> fn(Gate<'a>) -> Calling<'a>,
}

macro_rules! rows {
    ($($method:literal $template:literal $target:literal $scope:literal $view:ident . $trait:ident :: $function:ident ($($argument:expr),*);)*) => {
        [$(Row {
            method: $method,
            template: $template,
            target: $target,
            scope: $scope,
            call: |gate| Box::pin(async move {
                let mut view = $view::View(gate);
                $trait::Host::$function(&mut view, $($argument),*).await.map(drop).map_err(word)
            }),
        }),*]
    };
}

fn s(text: &str) -> String {
    text.to_owned()
}

fn p(path: &str) -> Vec<String> {
    path.split('/').map(s).collect()
}

#[rustfmt::skip]
fn documented() -> Vec<Row> {
    let rows = rows! {
        // Data API.
        "GET" "/data/ledgers" "/data/ledgers" "data:read" data.wit_data::list(s("ledgers"), vec![], None);
        "GET" "/data/balances" "/data/balances" "data:read" data.wit_data::list(s("balances"), vec![], None);
        "GET" "/data/transactions" "/data/transactions" "data:read" data.wit_data::list(s("transactions"), vec![], None);
        "GET" "/data/identities" "/data/identities" "data:read" data.wit_data::list(s("identities"), vec![], None);
        "GET" "/data/reconciliations" "/data/reconciliations" "data:read" data.wit_data::list(s("reconciliations"), vec![], None);
        "GET" "/data/matching-rules" "/data/matching-rules" "data:read" data.wit_data::list(s("matching-rules"), vec![], None);
        "GET" "/data/external-transactions" "/data/external-transactions" "data:read" data.wit_data::list(s("external-transactions"), vec![], None);
        "GET" "/data/ledgers/{id}" "/data/ledgers/ldg_1" "data:read" data.wit_data::get(s("ledgers"), s("ldg_1"));
        "GET" "/data/balances/{id}" "/data/balances/bln_1" "data:read" data.wit_data::get(s("balances"), s("bln_1"));
        "GET" "/data/transactions/{id}" "/data/transactions/txn_1" "data:read" data.wit_data::get(s("transactions"), s("txn_1"));
        "GET" "/data/identities/{id}" "/data/identities/idt_1" "data:read" data.wit_data::get(s("identities"), s("idt_1"));
        // Filters API: reads by POST (H35).
        "POST" "/ledger/filter" "/ledger/filter" "data:read" data.wit_data::filter(s("ledgers"), s("[]"), None);
        "POST" "/balances/filter" "/balances/filter" "data:read" data.wit_data::filter(s("balances"), s("[]"), None);
        "POST" "/transactions/filter" "/transactions/filter" "data:read" data.wit_data::filter(s("transactions"), s("[]"), None);
        "POST" "/identities/filter" "/identities/filter" "data:read" data.wit_data::filter(s("identities"), s("[]"), None);
        "POST" "/reconciliation/filter" "/reconciliation/filter" "data:read" data.wit_data::filter(s("reconciliations"), s("[]"), None);
        // Proxy, reads.
        "GET" "/proxy/balances/{id}/at" "/proxy/balances/bln_1/at?timestamp=2026-01-01" "data:read" data.wit_data::get_core(p("balances/bln_1/at"), vec![(s("timestamp"), s("2026-01-01"))]);
        "GET" "/proxy/balances/{id}/lineage" "/proxy/balances/bln_1/lineage" "data:read" data.wit_data::get_core(p("balances/bln_1/lineage"), vec![]);
        "GET" "/proxy/transactions/{id}/lineage" "/proxy/transactions/txn_1/lineage" "data:read" data.wit_data::get_core(p("transactions/txn_1/lineage"), vec![]);
        "GET" "/proxy/identities/{id}/tokenized-fields" "/proxy/identities/idt_1/tokenized-fields" "data:read" data.wit_data::get_core(p("identities/idt_1/tokenized-fields"), vec![]);
        "GET" "/proxy/identities/{id}/detokenize/{field}" "/proxy/identities/idt_1/detokenize/FirstName" "data:read" data.wit_data::get_core(p("identities/idt_1/detokenize/FirstName"), vec![]);
        "GET" "/proxy/ledgers" "/proxy/ledgers" "data:read" data.wit_data::get_core(p("ledgers"), vec![]);
        "GET" "/proxy/balances" "/proxy/balances" "data:read" data.wit_data::get_core(p("balances"), vec![]);
        "GET" "/proxy/transactions" "/proxy/transactions" "data:read" data.wit_data::get_core(p("transactions"), vec![]);
        "GET" "/proxy/identities" "/proxy/identities" "data:read" data.wit_data::get_core(p("identities"), vec![]);
        "GET" "/proxy/ledgers/{id}" "/proxy/ledgers/ldg_1" "data:read" data.wit_data::get_core(p("ledgers/ldg_1"), vec![]);
        "GET" "/proxy/balances/{id}" "/proxy/balances/bln_1" "data:read" data.wit_data::get_core(p("balances/bln_1"), vec![]);
        "GET" "/proxy/transactions/{id}" "/proxy/transactions/txn_1" "data:read" data.wit_data::get_core(p("transactions/txn_1"), vec![]);
        "GET" "/proxy/identities/{id}" "/proxy/identities/idt_1" "data:read" data.wit_data::get_core(p("identities/idt_1"), vec![]);
        // Proxy, writes.
        "POST" "/proxy/ledgers" "/proxy/ledgers" "data:write" ledger.wit_ledger::create_ledger(s("{}"));
        "POST" "/proxy/balances" "/proxy/balances" "data:write" ledger.wit_ledger::create_balance(s("{}"));
        "PUT" "/proxy/balances/{id}/identity" "/proxy/balances/bln_1/identity" "data:write" ledger.wit_ledger::link_identity(s("bln_1"), s("idt_1"));
        "POST" "/proxy/transactions" "/proxy/transactions" "data:write" ledger.wit_ledger::create_transaction(s("{}"));
        "POST" "/proxy/transactions/bulk" "/proxy/transactions/bulk" "data:write" ledger.wit_ledger::post_core(p("transactions/bulk"), s(r#"{"transactions":[{}]}"#));
        "PUT" "/proxy/transactions/inflight/{id} commit" "/proxy/transactions/inflight/txn_1" "data:write" ledger.wit_ledger::commit_inflight(s("txn_1"));
        "PUT" "/proxy/transactions/inflight/{id} void" "/proxy/transactions/inflight/txn_1" "data:write" ledger.wit_ledger::void_inflight(s("txn_1"));
        "POST" "/proxy/refund-transaction/{id}" "/proxy/refund-transaction/txn_1" "data:write" ledger.wit_ledger::refund(s("txn_1"));
        "POST" "/proxy/identities" "/proxy/identities" "data:write" ledger.wit_ledger::create_identity(s("{}"));
        "PUT" "/proxy/identities/{id}" "/proxy/identities/idt_1" "data:write" ledger.wit_ledger::update_identity(s("idt_1"), s("{}"));
        "POST" "/proxy/{id}/metadata" "/proxy/idt_1/metadata" "data:write" ledger.wit_ledger::merge_metadata(s("idt_1"), s("app"), s("{}"));
        "POST" "/proxy/identities/{id}/tokenize/{field}" "/proxy/identities/idt_1/tokenize/FirstName" "data:write" ledger.wit_ledger::post_core(p("identities/idt_1/tokenize/FirstName"), s("{}"));
        "POST" "/proxy/identities/{id}/tokenize" "/proxy/identities/idt_1/tokenize" "data:write" ledger.wit_ledger::post_core(p("identities/idt_1/tokenize"), s("{}"));
        "POST" "/proxy/identities/{id}/detokenize" "/proxy/identities/idt_1/detokenize" "data:write" ledger.wit_ledger::post_core(p("identities/idt_1/detokenize"), s("{}"));
        "POST" "/proxy/reconciliation/start" "/proxy/reconciliation/start" "data:write" ledger.wit_ledger::post_core(p("reconciliation/start"), s("{}"));
        "POST" "/proxy/reconciliation/start-instant" "/proxy/reconciliation/start-instant" "data:write" ledger.wit_ledger::post_core(p("reconciliation/start-instant"), s("{}"));
        "POST" "/proxy/reconciliation/matching-rules" "/proxy/reconciliation/matching-rules" "data:write" ledger.wit_ledger::post_core(p("reconciliation/matching-rules"), s("{}"));
        "PUT" "/proxy/reconciliation/matching-rules/{id}" "/proxy/reconciliation/matching-rules/rule_1" "data:write" ledger.wit_ledger::put_core(p("reconciliation/matching-rules/rule_1"), s("{}"));
        // Alerts API.
        "GET" "/alerts" "/alerts" "alerts:read" alerts.wit_alerts::list();
        "GET" "/alerts/{id}" "/alerts/ano_1" "alerts:read" alerts.wit_alerts::get(s("ano_1"));
        "GET" "/alerts/statuses" "/alerts/statuses" "alerts:read" alerts.wit_alerts::statuses();
        "POST" "/alerts/flag/{entity}" "/alerts/flag/bln_1" "alerts:write" alerts.alert_actions::flag(s("bln_1"), None, s("why"));
        "PUT" "/alerts/flag/{id}" "/alerts/flag/ano_1" "alerts:write" alerts.alert_actions::update(s("ano_1"), s("{}"));
        "POST" "/alerts/statuses" "/alerts/statuses" "alerts:write" alerts.alert_actions::create_status(s("N"), s("#3B82F6"), None);
        "PUT" "/alerts/statuses/{key}" "/alerts/statuses/N" "alerts:write" alerts.alert_actions::update_status(s("N"), s("N"), s("#3B82F6"));
        "DELETE" "/alerts/statuses/{key}" "/alerts/statuses/N" "alerts:write" alerts.alert_actions::delete_status(s("N"));
    };
    rows.into()
}

/// What this call does to a server of its own world.
struct Trial {
    server: Server,
    call: Call,
}

impl Trial {
    async fn new(
        granted: &[&str],
        requested: &[Permission],
        read_only: bool,
        detokenize: bool,
    ) -> Self {
        let server = Server::start(|_| Reaction::json(200, "{}")).await;
        let mut cloud = settings(server.url.clone());
        cloud.allow_detokenize = detokenize;
        let world = World::calling(granted, cloud).await;
        let call = Call::in_world(world, requested, read_only, 1000);
        Self { server, call }
    }

    /// One cell: the outcome, and what the server heard.
    async fn cell(&self, row: &Row) -> (Outcome, Vec<String>) {
        let (lines, connections) = (self.server.lines().len(), self.server.connections());
        let outcome = (row.call)(self.call.gate()).await;
        let heard = self.server.lines().split_off(lines);
        assert_eq!(self.server.connections() - connections, heard.len());
        (outcome, heard)
    }

    async fn is_sent(&self, row: &Row) {
        let (outcome, heard) = self.cell(row).await;
        let joint = if row.target.contains('?') { '&' } else { '?' };
        let line = format!("{} {}{joint}instance_id=instance_1", row.method, row.target);
        assert!(
            outcome.is_ok(),
            "{} {}: {outcome:?}",
            row.method,
            row.template
        );
        assert_eq!(heard, [line], "{}", row.template);
    }

    async fn is_refused(&self, row: &Row, like: impl Fn(&cloud_types::CloudError) -> bool) {
        let (outcome, heard) = self.cell(row).await;
        let error = outcome.expect_err(row.template);
        assert!(like(&error), "{} {}: {error:?}", row.method, row.template);
        assert_eq!(heard, Vec::<String>::new(), "{}", row.template);
    }
}

/// All sets of scopes.
fn subsets() -> impl Iterator<Item = Vec<Permission>> {
    (0..16_u8).map(|bits| {
        let chosen = |(index, _): &(usize, Permission)| bits & (1 << index) != 0;
        let scopes = Permission::ALL.into_iter().enumerate();
        scopes.filter(chosen).map(|(_, scope)| scope).collect()
    })
}

fn names(scopes: &[Permission]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.as_str()).collect()
}

#[tokio::test]
async fn s8_every_route_under_every_set_of_granted_scopes() {
    use cloud_types::CloudError::NotGranted;
    let rows = documented();
    let mut cells = 0;
    for granted in subsets() {
        let granted = names(&granted);
        let trial = Trial::new(&granted, &Permission::ALL, false, true).await;
        for row in &rows {
            if granted.contains(&row.scope) {
                trial.is_sent(row).await;
            } else {
                let lacks = |error: &_| matches!(error, NotGranted(scope) if scope == row.scope);
                trial.is_refused(row, lacks).await;
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 16 * 55);
}

#[tokio::test]
async fn s8_every_route_under_every_set_of_requested_scopes() {
    use cloud_types::CloudError::NotRequested;
    let (rows, all) = (documented(), names(&Permission::ALL));
    for requested in subsets() {
        let trial = Trial::new(&all, &requested, false, true).await;
        for row in &rows {
            if names(&requested).contains(&row.scope) {
                trial.is_sent(row).await;
            } else {
                let lacks = |error: &_| matches!(error, NotRequested(scope) if scope == row.scope);
                trial.is_refused(row, lacks).await;
            }
        }
    }
}

#[tokio::test]
async fn h35_while_a_read_is_served_only_reads_are_sent() {
    use cloud_types::CloudError::InvalidRequest;
    let trial = Trial::new(&names(&Permission::ALL), &Permission::ALL, true, true).await;
    for row in &documented() {
        if row.scope.ends_with(":read") {
            trial.is_sent(row).await;
        } else {
            trial
                .is_refused(row, |error| matches!(error, InvalidRequest(_)))
                .await;
        }
    }
}

#[tokio::test]
async fn without_the_operators_word_nothing_is_detokenized() {
    use cloud_types::CloudError::InvalidRequest;
    let trial = Trial::new(&names(&Permission::ALL), &Permission::ALL, false, false).await;
    let mut refused = 0;
    for row in &documented() {
        if row.template.contains("/detokenize") {
            trial
                .is_refused(row, |error| matches!(error, InvalidRequest(_)))
                .await;
            refused += 1;
        } else {
            trial.is_sent(row).await;
        }
    }
    assert_eq!(refused, 2);
}

/// Paths that are no documented route, or hide another one.
const TRICKS: [&[&str]; 38] = [
    &[],
    &[""],
    &["", ""],
    &["."],
    &[".."],
    &["..", "alerts"],
    &["..", "data", "identities"],
    &["identities", ".."],
    &["identities", "..", "ledgers"],
    &["identities", "%2e%2e"],
    &["identities", "%252e%252e"],
    &["identities/idt_1"],
    &["identities", "idt_1/metadata"],
    &["identities", "idt_1\\metadata"],
    &["identities", "idt_1%2fmetadata"],
    &["identities", "idt_1?instance_id=x"],
    &["identities", "idt_1#"],
    &["identities", "idt_1;x"],
    &["identities", "idt_1\0"],
    &["identities", "idt_1\r\n"],
    &["identities", " idt_1"],
    &["identities", "ïdt_1"],
    &["identities", "@evil.example"],
    &["http://evil.example", "idt_1"],
    &["//evil.example"],
    &["", "", "evil.example"],
    &["Identities", "idt_1", "tokenize"],
    &["identities", "idt_1", "tokenize", "..", "detokenize"],
    &["identities", "idt_1", "tokenize", ""],
    &["transactions", "bulk", ""],
    &["Transactions", "bulk"],
    &["reconciliation", "start", "x"],
    &["reconciliation", "upload"],
    &["api-keys"],
    &["hooks"],
    &["backup"],
    &["accounts"],
    &["search", "ledgers"],
];

#[tokio::test]
async fn h33_paths_that_are_no_documented_route_send_nothing() {
    use wit_data::Host as _;
    use wit_ledger::Host as _;
    let trial = Trial::new(&names(&Permission::ALL), &Permission::ALL, false, true).await;
    let long = "a".repeat(1 << 20);
    let tricks = TRICKS
        .iter()
        .map(|trick| trick.iter().map(|part| s(part)).collect::<Vec<_>>());
    let own = [
        "ledgers",
        "transactions",
        "identities",
        "idt_1/metadata",
        "refund-transaction/txn_1",
    ]
    .map(p);
    for path in tricks.chain(own).chain([vec![s("identities"), long]]) {
        let (mut reads, mut writes) = (
            data::View(trial.call.gate()),
            ledger::View(trial.call.gate()),
        );
        let shown: String = format!("{path:?}").chars().take(80).collect();
        let documented_read = matches!(path.as_slice(), [one] if matches!(one.as_str(), "ledgers" | "transactions" | "identities"));
        let mut refusals = vec![
            writes.post_core(path.clone(), s("{}")).await,
            writes.put_core(path.clone(), s("{}")).await,
        ];
        if !documented_read {
            refusals.push(reads.get_core(path, vec![]).await);
        }
        for refusal in refusals {
            let error = word(refusal.expect_err(&shown));
            assert!(
                matches!(error, cloud_types::CloudError::InvalidRequest(_)),
                "{shown}: {error:?}"
            );
        }
    }
    assert_eq!(trial.server.connections(), 0);
}

#[tokio::test]
async fn h34_an_instance_that_the_guest_names_sends_nothing() {
    use wit_data::Host as _;
    use wit_ledger::Host as _;
    let trial = Trial::new(&names(&Permission::ALL), &Permission::ALL, false, true).await;
    for name in [
        "instance_id",
        "Instance_ID",
        "instance%5Fid",
        "org_id",
        "instance_id[]",
        "ſ",
    ] {
        let pair = vec![(s(name), s("instance_2"))];
        let (mut reads, mut writes) = (
            data::View(trial.call.gate()),
            ledger::View(trial.call.gate()),
        );
        assert!(
            reads.list(s("ledgers"), pair.clone(), None).await.is_err(),
            "{name}"
        );
        assert!(
            reads.get_core(p("balances/bln_1/at"), pair).await.is_err(),
            "{name}"
        );
        if name.eq_ignore_ascii_case("instance_id") {
            let body = format!(r#"{{"{name}":"instance_2"}}"#);
            assert!(writes.create_ledger(body.clone()).await.is_err(), "{name}");
            assert!(
                writes
                    .post_core(p("reconciliation/start"), body)
                    .await
                    .is_err(),
                "{name}"
            );
        }
    }
    assert_eq!(trial.server.connections(), 0);
    // What stands in a value can't become another parameter.
    let value = vec![(s("name_eq"), s("a&instance_id=instance_2#"))];
    data::View(trial.call.gate())
        .list(s("ledgers"), value, None)
        .await
        .unwrap();
    assert_eq!(
        trial.server.lines(),
        ["GET /data/ledgers?name_eq=a%26instance_id%3Dinstance_2%23&instance_id=instance_1"]
    );
}
