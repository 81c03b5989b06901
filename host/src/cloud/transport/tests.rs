//! The transport over real sockets: what is sent, how often, and what is not followed.

use super::super::testing::{Callers, KEY, Reaction, Server};
use super::*;
use crate::cloud::{AlertsWrite, DataRead, DataWrite};
use crate::model::Permission;

const TRANSACTION: &str = r#"{"amount":5,"currency":"USD","source":"bln_1","destination":"bln_2"}"#;

async fn read(callers: &Callers, tenant: &Tenant) -> Result<String, CloudError> {
    let cloud = callers.call(tenant, &Permission::ALL);
    cloud.permit::<DataRead>()?.get("identities", "idt_1").await
}

async fn post(callers: &Callers, tenant: &Tenant, body: &str) -> Result<String, CloudError> {
    let cloud = callers.call(tenant, &Permission::ALL);
    cloud.permit::<DataWrite>()?.create_transaction(body).await
}

#[tokio::test]
async fn w8_reads_are_tried_three_times_and_other_writes_once() {
    let server = Server::start(|_| Reaction::json(503, "{}")).await;
    let callers = Callers::of(&server).await;
    // An app each, so that no breaker opens.
    let one = callers.install("one").await;
    let failed = read(&callers, &one).await;
    assert!(
        matches!(failed, Err(CloudError::Unavailable(_))),
        "{failed:?}"
    );
    assert_eq!(server.connections(), 3);
    let cloud = callers.call(&callers.install("two").await, &Permission::ALL);
    let filtered = cloud.permit::<DataRead>().unwrap();
    assert!(filtered.filter("ledgers", "[]", None).await.is_err());
    assert_eq!(
        server.connections(),
        6,
        "a filter is a read though it is a POST"
    );
    let cloud = callers.call(&callers.install("three").await, &Permission::ALL);
    let (ledger, alerts) = (
        cloud.permit::<DataWrite>().unwrap(),
        cloud.permit::<AlertsWrite>().unwrap(),
    );
    for (n, outcome) in [
        ledger.update_identity("idt_1", "{}").await,
        ledger.refund("txn_1").await,
        ledger.commit_inflight("txn_1").await,
        alerts.flag("bln_1", None, "why").await,
    ]
    .into_iter()
    .enumerate()
    {
        assert!(
            matches!(outcome, Err(CloudError::OutcomeUnknown(_))),
            "{n}: {outcome:?}"
        );
    }
    assert_eq!(server.connections(), 10);
}

#[tokio::test]
async fn a_transaction_keeps_its_reference_from_try_to_try() {
    let server = Server::start(|n| match n {
        1 => Reaction::Close,
        _ => Reaction::json(201, r#"{"transaction_id":"txn_1"}"#),
    })
    .await;
    let callers = Callers::of(&server).await;
    let posted = post(&callers, &callers.install("kyc").await, TRANSACTION).await;
    assert_eq!(posted.unwrap(), r#"{"transaction_id":"txn_1"}"#);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&requests[0]), body(&requests[1]));
    assert!(body(&requests[0]).contains(r#""reference":"airlock-run-"#));
}

#[tokio::test]
async fn a_conflict_of_the_hosts_own_retry_is_settled_by_the_reference() {
    let kept = r#"{"transaction_id":"txn_1","reference":"a b","amount":5,"currency":"USD","source":"bln_1","destination":"bln_2"}"#;
    let server = Server::start(move |n| match n {
        1 => Reaction::Close,
        2 => Reaction::json(409, r#"{"error":"used"}"#),
        _ => Reaction::json(200, &format!(r#"{{"data":[{kept}],"total":1}}"#)),
    })
    .await;
    let callers = Callers::of(&server).await;
    let posted = post(
        &callers,
        &callers.install("kyc").await,
        &TRANSACTION.replace('}', r#","reference":"a b"}"#),
    )
    .await;
    assert_eq!(posted.unwrap(), kept);
    assert_eq!(
        server.lines(),
        [
            "POST /proxy/transactions?instance_id=instance_kyc",
            "POST /proxy/transactions?instance_id=instance_kyc",
            "GET /data/transactions?reference_eq=a+b&pageSize=2&instance_id=instance_kyc",
        ]
    );
}

#[tokio::test]
async fn what_can_not_be_settled_is_outcome_unknown() {
    for rows in [
        "",
        r#"{"amount":6},{"amount":5}"#,
        r#"{"amount":6}"#,
        r#"{"amount":5,"reference":"another"}"#,
    ] {
        let answer = format!(r#"{{"data":[{rows}]}}"#);
        let server = Server::start(move |n| match n {
            1 => Reaction::json(502, ""),
            2 => Reaction::json(409, ""),
            _ => Reaction::json(200, &answer),
        })
        .await;
        let callers = Callers::of(&server).await;
        let posted = post(&callers, &callers.install("kyc").await, TRANSACTION).await;
        assert!(
            matches!(posted, Err(CloudError::OutcomeUnknown(_))),
            "{rows}"
        );
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn nothing_is_read_for_a_guest_that_may_not_read() {
    let server = Server::start(|n| match n {
        1 => Reaction::Close,
        _ => Reaction::json(409, ""),
    })
    .await;
    let callers = Callers::of(&server).await;
    let tenant = callers.install("kyc").await;
    let cloud = callers.call(&tenant, &[Permission::DataWrite]);
    let posted = cloud
        .permit::<DataWrite>()
        .unwrap()
        .create_transaction(TRANSACTION)
        .await;
    assert!(matches!(posted, Err(CloudError::OutcomeUnknown(_))));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_conflict_of_the_first_try_is_the_guests_own() {
    let server = Server::start(|_| Reaction::json(409, "")).await;
    let callers = Callers::of(&server).await;
    let posted = post(&callers, &callers.install("kyc").await, TRANSACTION).await;
    assert!(matches!(posted, Err(CloudError::Conflict(_))));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn w8_the_breaker_of_one_app_opens_and_bad_keys_never_open_it() {
    let failing = Server::start(|_| Reaction::json(500, "")).await;
    let callers = Callers::of(&failing).await;
    let (kyc, other) = (callers.install("kyc").await, callers.install("other").await);
    for _ in 0..4 {
        assert!(read(&callers, &kyc).await.is_err());
    }
    assert_eq!(failing.connections(), 5, "the rest was refused here");
    assert!(read(&callers, &other).await.is_err());
    assert_eq!(failing.connections(), 8);

    for status in [401, 403] {
        let refusing = Server::start(move |_| Reaction::json(status, "")).await;
        let callers = Callers::of(&refusing).await;
        let kyc = callers.install("kyc").await;
        for _ in 0..12 {
            assert!(read(&callers, &kyc).await.is_err());
        }
        assert_eq!(refusing.connections(), 12, "{status}");
    }
}

#[tokio::test]
async fn only_an_answer_that_took_the_key_makes_an_earlier_refusal_count_no_more() {
    for (status, revoked) in [
        (200, false),
        (403, false),
        (404, false),
        (302, true),
        (400, true),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let server = Server::start(move |n| match n {
            1 | 3 => Reaction::json(401, "{}"),
            _ => Reaction::json(status, "{}"),
        })
        .await;
        let callers = Callers::of(&server).await;
        let tenant = callers.install("kyc").await;
        let refund = async || {
            let cloud = callers.call(&tenant, &Permission::ALL);
            cloud.permit::<DataWrite>().unwrap().refund("txn_1").await
        };
        // A write is sent once, whatever comes back.
        assert!(refund().await.is_err());
        assert_eq!(refund().await.is_ok(), status == 200, "{status}");
        callers.clock.advance(Duration::from_secs(5));
        let last = refund().await;
        assert_eq!(
            last == Err(CloudError::Revoked),
            revoked,
            "{status}: {last:?}"
        );
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn no_redirect_is_followed_to_this_or_another_host() {
    let elsewhere = Server::start(|_| Reaction::json(200, "{}")).await;
    let there = elsewhere.url.clone();
    let server = Server::start(move |n| {
        let target = if n % 2 == 0 {
            "/data/ledgers"
        } else {
            there.as_str()
        };
        let status = [301, 302, 303, 307, 308][n.div_ceil(2) - 1];
        Reaction::with(status, &format!("location: {target}\r\n"), "{}")
    })
    .await;
    let callers = Callers::of(&server).await;
    let tenant = callers.install("kyc").await;
    for n in 1..=10 {
        let answer = read(&callers, &tenant).await;
        assert!(
            matches!(answer, Err(CloudError::Rejected(_))),
            "{n}: {answer:?}"
        );
        assert_eq!(server.connections(), n);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn compressed_answers_are_not_asked_for_and_not_unpacked() {
    let server = Server::start(|_| {
        let mut bytes =
            b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n".to_vec();
        // `{}` in gzip.
        bytes.extend([
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0,
            0,
        ]);
        Reaction::Answer(bytes)
    })
    .await;
    let callers = Callers::of(&server).await;
    let answer = read(&callers, &callers.install("kyc").await).await;
    assert!(matches!(answer, Err(CloudError::Other(_))), "{answer:?}");
    assert!(
        !server.requests()[0]
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn an_answer_beyond_its_cap_is_cut_off_while_it_streams() {
    for (lines, tail) in [("content-length: 1000000000\r\n", ""), ("", "x")] {
        let head = format!("HTTP/1.1 200 X\r\n{lines}connection: close\r\n\r\n");
        let body = format!("\"{}{tail}", "a".repeat(100_000));
        let server =
            Server::start(move |_| Reaction::Answer(format!("{head}{body}").into_bytes())).await;
        let callers = Callers::of(&server).await;
        let answer = read(&callers, &callers.install("kyc").await).await;
        assert!(
            matches!(answer, Err(CloudError::LimitExceeded(_))),
            "{answer:?}"
        );
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn h38_an_answer_with_the_key_in_it_is_withheld() {
    let server = Server::start(|_| Reaction::json(200, &format!(r#"{{"you":"{KEY}"}}"#))).await;
    let callers = Callers::of(&server).await;
    let tenant = callers.install("kyc").await;
    let answer = read(&callers, &tenant).await.unwrap_err();
    assert!(!format!("{answer:?}").contains(KEY));
    let posted = post(&callers, &tenant, TRANSACTION).await.unwrap_err();
    assert!(matches!(posted, CloudError::OutcomeUnknown(_)));
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {KEY}")));
}

#[tokio::test]
async fn a_cloud_that_hangs_ends_with_the_calls_own_time() {
    let server = Server::start(|_| Reaction::Hang).await;
    let callers = Callers::of(&server).await;
    let tenant = callers.install("kyc").await;
    let transport = callers.cloud.transport();
    let deadline = || Instant::now() + Duration::from_millis(300);
    let path = super::super::path::proxy(&["ledgers"]);
    for (request, in_doubt) in [
        (Outbound::get(path.clone()), false),
        (Outbound::post(path, "{}".to_owned()), true),
    ] {
        let installs = callers.cloud.installs();
        let ended = transport
            .send(installs, &tenant, &request, 1000, deadline())
            .await;
        assert_eq!(ended.in_doubt, in_doubt);
        assert_eq!(ended.result.unwrap_err(), cut(in_doubt));
    }
    assert_eq!(server.connections(), 2);
}
