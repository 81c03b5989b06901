//! The list: statuses, searches, pages and totals.

use super::*;

fn list(host: &FakeHost, status: &str, search: &str, page: &str) -> (u16, Value) {
    let request = Request::new("GET", "identities")
        .with_query("status", status)
        .with_query("q", search)
        .with_query("page", page);
    read(&send(host, &request))
}

/// The ids of a page, and the total.
fn found(host: &FakeHost, status: &str, search: &str, page: u32) -> (Vec<String>, u64) {
    let (code, list) = list(host, status, search, &page.to_string());
    assert_eq!(code, 200, "{list}");
    let items = list["items"].as_array().unwrap();
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    (ids.collect(), list["total"].as_u64().unwrap())
}

fn ids(range: std::ops::Range<u32>) -> Vec<String> {
    range.rev().map(|number| format!("idt_{number}")).collect()
}

#[test]
fn items_and_frame_have_their_shape() {
    let host = host();
    let (_, list) = list(&host, "pending", "", "");
    assert_eq!(
        list,
        json!({
            "items": [{
                "id": ID, "name": "Ada Byron", "type": "individual", "email": "ada@example.com", "country": "GB",
                "created_at": "2024-11-26T08:36:36.238244338Z", "status": "pending", "unfinished": false,
            }],
            "page": 1, "page_size": 20, "total": 1, "status": "pending", "q": "",
        })
    );
}

#[test]
fn each_status_lists_its_own() {
    let host = FakeHost::new();
    for (number, review) in [
        json!(null),
        json!({ "other_app": {} }),
        json!({ "kyc_app": { "status": "approved" } }),
        json!({ "kyc_app": { "status": "rejected" } }),
        json!({ "kyc_app": { "status": "review" } }),
        json!({ "kyc_app": { "status": "odd" } }),
    ]
    .into_iter()
    .enumerate()
    {
        add(
            &host,
            &json!({ "identity_id": format!("idt_{number}"), "meta_data": review }),
        );
    }
    assert_eq!(found(&host, "pending", "", 1), (ids(0..2), 2));
    assert_eq!(found(&host, "", "", 1).1, 2, "pending is the default");
    assert_eq!(found(&host, "approved", "", 1), (ids(2..3), 1));
    assert_eq!(found(&host, "rejected", "", 1), (ids(3..4), 1));
    assert_eq!(found(&host, "review", "", 1), (ids(4..5), 1));
    assert_eq!(found(&host, "all", "", 1), (ids(0..6), 6));
}

#[test]
fn pages_are_clouds_pages() {
    let host = FakeHost::new();
    for number in 0..45 {
        add(&host, &json!({ "identity_id": format!("idt_{number}") }));
    }
    assert_eq!(found(&host, "all", "", 1), (ids(25..45), 45));
    assert_eq!(found(&host, "pending", "", 3), (ids(0..5), 45));
    assert_eq!(found(&host, "pending", "", 4), (vec![], 45));
}

#[test]
fn an_id_is_found_exactly_and_within_the_status() {
    let host = host();
    add(&host, &json!({ "identity_id": "idt_12" }));
    assert_eq!(
        found(&host, "pending", " idt_1 ", 1),
        (vec![ID.to_owned()], 1)
    );
    assert_eq!(found(&host, "approved", "idt_1", 1), (vec![], 0));
    assert_eq!(found(&host, "all", "idt_1", 2), (vec![], 1));
    assert_eq!(found(&host, "all", "idt_none", 1), (vec![], 0));
    assert_eq!(host.count("data.filter"), 0);
}

#[test]
fn an_at_sign_searches_addresses() {
    let host = host();
    add(
        &host,
        &json!({ "identity_id": "idt_2", "email_address": "bob@example.com" }),
    );
    assert_eq!(found(&host, "pending", "ADA@example.com", 1).0, ["idt_1"]);
    assert_eq!(found(&host, "all", "@example", 1).1, 2);
    assert_eq!(host.count("data.filter identities"), 2, "one call each");
}

#[test]
fn names_and_organizations_are_merged_by_id() {
    let host = FakeHost::new();
    for number in 0..70 {
        let (last_name, organization) = match number % 3 {
            0 => ("Marlow", ""),
            1 => ("", "Marlow & Sons"),
            _ => ("Marlowe", "Marlow Ltd"),
        };
        add(
            &host,
            &json!({
                "identity_id": format!("idt_{number}"), "last_name": last_name, "organization_name": organization,
                "created_at": format!("2026-01-01T00:{number:02}:00Z"),
            }),
        );
    }
    add(&host, &json!({ "identity_id": "idt_other" }));
    let mut seen = Vec::new();
    for page in 1..=4 {
        let (ids, total) = found(&host, "pending", "marlow", page);
        assert_eq!(total, 70, "each identity counts once");
        assert_eq!(ids.len(), if page == 4 { 10 } else { 20 });
        seen.extend(ids);
    }
    assert_eq!(seen, ids(0..70), "newest first, each once");
    assert_eq!(found(&host, "pending", "marlow", 5), (vec![], 70));
}

#[test]
fn a_few_names_and_organizations_take_two_calls() {
    let host = host();
    let byrons =
        json!({ "identity_id": "idt_2", "last_name": "", "organization_name": "Byron Ltd" });
    add(&host, &byrons);
    assert_eq!(found(&host, "pending", "byron", 1), (ids(1..3), 2));
    assert_eq!(host.count("data."), 2);
}

#[test]
fn names_of_one_sort_are_paged_by_cloud() {
    let host = FakeHost::new();
    for number in 0..1000 {
        add(
            &host,
            &json!({ "identity_id": format!("idt_{number}"), "last_name": "Smith" }),
        );
    }
    assert_eq!(found(&host, "pending", "smith", 50), (ids(0..20), 1000));
    assert_eq!(host.count("data.filter"), 2);
    for number in 1000..1010 {
        add(
            &host,
            &json!({ "identity_id": format!("idt_{number}"), "last_name": "", "organization_name": "Smithers" }),
        );
    }
    assert_eq!(found(&host, "pending", "smithe", 1), (ids(1000..1010), 10));
    let (code, problem) = list(&host, "pending", "smith", "1");
    assert_eq!(
        (code, &problem["field"]),
        (422, &json!("q")),
        "an honest total needs a narrower search"
    );
}

#[test]
fn an_unfinished_decision_shows_in_the_list() {
    let host = host();
    add(&host, &json!({ "identity_id": "idt_2" }));
    host.kill_before(4);
    assert!(host.run(|| decide(&host, "approved", &json!(0))).is_none());
    let (_, list) = list(&host, "pending", "", "1");
    let unfinished: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["unfinished"])
        .collect();
    assert_eq!(unfinished, [false, true]);
}

#[test]
fn wrong_queries_are_refused_by_field() {
    let host = host();
    let long = "x".repeat(201);
    for (status, search, page, field) in [
        ("open", "", "1", "status"),
        ("all", "", "0", "page"),
        ("all", "", "-1", "page"),
        ("all", "", "1.5", "page"),
        ("all", "", "99999999999", "page"),
        ("all", long.as_str(), "1", "q"),
        ("all", "a\0b", "1", "q"),
    ] {
        let (code, problem) = list(&host, status, search, page);
        assert_eq!((code, &problem["field"]), (422, &json!(field)));
    }
    assert_eq!(host.calls(), [] as [&str; 0]);
}
