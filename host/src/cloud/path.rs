//! Which addresses of Cloud exist: documented route templates with clean arguments, nothing else.
//!
//! A guest names collections, ids and segments; it never gives an address. What it names is parsed here, and the
//! segments that come out are percent-encoded again by the transport, so nothing leaves its place.

use super::error::CloudError;
use crate::model::ResourceId;

/// Most filters of a list, as Cloud allows.
const MAX_FILTERS: usize = 20;
/// Longest filter name and value in bytes.
const MAX_FILTER_NAME: usize = 256;
const MAX_FILTER_VALUE: usize = 4096;
/// Largest page, as the most careful public app uses.
const MAX_PAGE_SIZE: u32 = 100;

/// Query names that mean something else than a filter. A guest may use none of them.
const RESERVED: [&str; 11] = [
    "page",
    "pagesize",
    "per_page",
    "limit",
    "offset",
    "sort",
    "order",
    "order_by",
    "order_dir",
    "instance_id",
    "org_id",
];

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// 1 to 100.
    pub size: u32,
}

impl Page {
    /// The page as query pairs, brought into range.
    pub(super) fn query(self) -> [(String, String); 2] {
        [
            ("page".to_owned(), self.number.max(1).to_string()),
            (
                "pageSize".to_owned(),
                self.size.clamp(1, MAX_PAGE_SIZE).to_string(),
            ),
        ]
    }
}

/// A clean path below Cloud's address: segments without any path syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudPath(Vec<String>);

impl CloudPath {
    /// The segments, decoded.
    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    pub(super) fn fixed(segments: &[&str]) -> Self {
        Self(
            segments
                .iter()
                .map(|segment| (*segment).to_owned())
                .collect(),
        )
    }
}

/// Parses an id that a guest names.
pub(super) fn id(text: &str) -> Result<ResourceId, CloudError> {
    ResourceId::parse(text).map_err(|error| CloudError::invalid(format!("the id {error}")))
}

/// `GET /data/{collection}`.
pub(super) fn data_list(collection: &str) -> Result<CloudPath, CloudError> {
    const LISTED: [&str; 7] = [
        "ledgers",
        "balances",
        "transactions",
        "identities",
        "reconciliations",
        "matching-rules",
        "external-transactions",
    ];
    match LISTED.into_iter().find(|known| *known == collection) {
        Some(known) => Ok(CloudPath::fixed(&["data", known])),
        None => Err(CloudError::invalid(format!(
            "there is no such collection; known are {}",
            LISTED.join(", ")
        ))),
    }
}

/// `GET /data/{collection}/{id}`.
pub(super) fn data_item(collection: &str, item: &str) -> Result<CloudPath, CloudError> {
    const SINGLE: [&str; 4] = ["ledgers", "balances", "transactions", "identities"];
    match SINGLE.into_iter().find(|known| *known == collection) {
        Some(known) => Ok(CloudPath::fixed(&["data", known, id(item)?.as_str()])),
        None => Err(CloudError::invalid(format!(
            "single objects exist in {}",
            SINGLE.join(", ")
        ))),
    }
}

/// `POST /{collection}/filter`. Two of the names are singular there.
pub(super) fn filter(collection: &str) -> Result<CloudPath, CloudError> {
    let name = match collection {
        "ledgers" => "ledger",
        "reconciliations" => "reconciliation",
        "balances" | "transactions" | "identities" => collection,
        _ => {
            return Err(CloudError::invalid(
                "filters exist for ledgers, balances, transactions, identities and reconciliations",
            ));
        }
    };
    Ok(CloudPath::fixed(&[name, "filter"]))
}

/// Filters of a list as query pairs. Reserved names, `instance_id` among them, are refused in every spelling.
pub(super) fn filters(pairs: Vec<(String, String)>) -> Result<Vec<(String, String)>, CloudError> {
    if pairs.len() > MAX_FILTERS {
        return Err(CloudError::invalid(format!(
            "more than {MAX_FILTERS} filters"
        )));
    }
    for (name, value) in &pairs {
        check_query(name, value)?;
    }
    Ok(pairs)
}

fn check_query(name: &str, value: &str) -> Result<(), CloudError> {
    let sound = !name.is_empty()
        && name.len() <= MAX_FILTER_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !sound {
        return Err(CloudError::invalid(
            "a query name must be 1 to 256 letters, digits, `_`, `-` or `.`",
        ));
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(CloudError::invalid(format!(
            "reserved_parameter: `{name}` is the host's own"
        )));
    }
    if value.len() > MAX_FILTER_VALUE || value.contains('\0') {
        return Err(CloudError::invalid(format!(
            "the value of `{name}` is too long or has a NUL"
        )));
    }
    Ok(())
}

/// `GET /proxy/…`: reads that only Core answers, with their documented query.
pub(super) fn core_read(
    segments: &[String],
    query: Vec<(String, String)>,
    allow_detokenize: bool,
) -> Result<(CloudPath, Vec<(String, String)>), CloudError> {
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    let wanted: &[&str] = match names.as_slice() {
        ["balances", item, "at"] => {
            id(item)?;
            &["timestamp", "from_source"]
        }
        ["balances" | "transactions", item, "lineage"]
        | ["identities", item, "tokenized-fields"]
        | ["ledgers" | "balances" | "transactions" | "identities", item] => {
            id(item)?;
            &[]
        }
        ["identities", item, "detokenize", field] => {
            check_detokenize(allow_detokenize)?;
            id(item)?;
            id(field)?;
            &[]
        }
        ["ledgers" | "balances" | "transactions" | "identities"] => &[],
        _ => return Err(CloudError::invalid("this is no documented read of Core")),
    };
    for (name, value) in &query {
        check_query(name, value)?;
        if !wanted.contains(&name.as_str()) {
            return Err(CloudError::invalid(format!(
                "this read has no query `{name}`"
            )));
        }
    }
    Ok((proxy(&names), query))
}

/// `POST /proxy/…`: documented writes without a function of their own.
pub(super) fn core_post(
    segments: &[String],
    allow_detokenize: bool,
) -> Result<CloudPath, CloudError> {
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["transactions", "bulk"]
        | [
            "reconciliation",
            "start" | "start-instant" | "matching-rules",
        ] => {}
        ["identities", item, "tokenize"] => {
            id(item)?;
        }
        ["identities", item, "tokenize", field] => {
            id(item)?;
            id(field)?;
        }
        ["identities", item, "detokenize"] => {
            check_detokenize(allow_detokenize)?;
            id(item)?;
        }
        ["ledgers" | "balances" | "transactions" | "identities"]
        | ["refund-transaction", _]
        | [_, "metadata"] => return Err(own_function()),
        _ => return Err(CloudError::invalid("this is no documented write of Core")),
    }
    Ok(proxy(&names))
}

/// `PUT /proxy/…`: documented writes without a function of their own.
pub(super) fn core_put(segments: &[String]) -> Result<CloudPath, CloudError> {
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["reconciliation", "matching-rules", item] => {
            id(item)?;
        }
        ["transactions", "inflight", _] | ["identities", _] | ["balances", _, "identity"] => {
            return Err(own_function());
        }
        _ => return Err(CloudError::invalid("this is no documented write of Core")),
    }
    Ok(proxy(&names))
}

/// The path of a call that has its own function.
pub(super) fn proxy(names: &[&str]) -> CloudPath {
    let mut segments = vec!["proxy"];
    segments.extend_from_slice(names);
    CloudPath::fixed(&segments)
}

fn own_function() -> CloudError {
    CloudError::invalid("this route has a function of its own in `ledger`; call that")
}

fn check_detokenize(allowed: bool) -> Result<(), CloudError> {
    if allowed {
        return Ok(());
    }
    Err(CloudError::invalid(
        "detokenizing is off on this host (cloud.allow_detokenize)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        path.split('/').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn h33_ids_with_path_syntax_never_become_a_path() {
        for bad in [
            "..", ".", "", "a/b", "a%2fb", "a\\b", "//h", "@h", "a#b", "a?b", "http://h", "a\0",
            "a b",
        ] {
            assert!(data_item("identities", bad).is_err(), "{bad:?}");
            assert!(
                core_read(&["balances".into(), bad.into(), "at".into()], vec![], false).is_err(),
                "{bad:?}"
            );
        }
        assert!(data_item("identities", &"a".repeat(1 << 20)).is_err());
    }

    #[test]
    fn h34_a_guest_can_not_name_the_instance_or_page_in_any_spelling() {
        for name in [
            "instance_id",
            "Instance_Id",
            "INSTANCE_ID",
            "org_id",
            "page",
            "pageSize",
            "instance%5Fid",
            " instance_id",
        ] {
            assert!(
                filters(vec![(name.into(), "x".into())]).is_err(),
                "{name:?}"
            );
        }
        assert!(
            filters(vec![(
                "meta_data.kyc_app.status_eq".into(),
                "approved".into()
            )])
            .is_ok()
        );
        assert!(filters(vec![("a_eq".into(), "x".into()); 21]).is_err());
    }

    #[test]
    fn routes_with_a_function_of_their_own_are_refused_in_post_and_put() {
        for path in [
            "ledgers",
            "identities",
            "idt_1/metadata",
            "refund-transaction/txn_1",
        ] {
            assert!(core_post(&segments(path), false).is_err(), "{path}");
        }
        for path in [
            "identities/idt_1",
            "transactions/inflight/txn_1",
            "balances/bln_1/identity",
        ] {
            assert!(core_put(&segments(path)).is_err(), "{path}");
        }
        assert!(core_post(&segments("transactions/bulk"), false).is_ok());
    }

    #[test]
    fn detokenizing_needs_the_operators_word() {
        let read = segments("identities/idt_1/detokenize/FirstName");
        assert!(core_read(&read, vec![], false).is_err());
        assert!(core_read(&read, vec![], true).is_ok());
        assert!(core_post(&segments("identities/idt_1/detokenize"), false).is_err());
    }

    #[test]
    fn unknown_collections_and_routes_are_refused() {
        for name in ["users", "", "identities/", "Identities", "../alerts"] {
            assert!(
                data_list(name).is_err() && filter(name).is_err(),
                "{name:?}"
            );
        }
        assert_eq!(
            filter("ledgers").unwrap(),
            CloudPath::fixed(&["ledger", "filter"])
        );
        for path in ["backup", "api-keys", "hooks", "balances/bln_1/at/x", ""] {
            assert!(core_read(&segments(path), vec![], true).is_err(), "{path}");
            assert!(core_post(&segments(path), true).is_err(), "{path}");
        }
    }
}
