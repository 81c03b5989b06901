//! The table of Cloud API routes and the scope that each needs. The simulation keeps a table of
//! its own: it shares nothing with the host that it tests.

use percent_encoding::percent_decode_str;

use crate::ledger::Kind;
use crate::query::Listing;
use crate::scope::Scope;

/// A known route with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    DataList(Listing),
    DataDetail(Kind, String),
    Filter(Listing),
    CoreList(Kind),
    CoreRead(Kind, String),
    CreateLedger,
    CreateBalance,
    LinkBalance(String),
    BalanceAt(String),
    BalanceLineage(String),
    CreateTransaction,
    CreateBulk,
    SettleTransaction(String),
    RefundTransaction(String),
    TransactionLineage(String),
    CreateIdentity,
    UpdateIdentity(String),
    Metadata(String),
    TokenizedFields(String),
    TokenizeField(String, String),
    Tokenize(String),
    DetokenizeField(String, String),
    Detokenize(String),
    ListAlerts,
    ReadAlert(String),
    RaiseAlert(String),
    UpdateAlert(String),
    ListStatuses,
    CreateStatus,
    UpdateStatus(String),
    DeleteStatus(String),
}

impl Route {
    /// The route of a request; `path` is as it came, without the query.
    pub(crate) fn find(method: &str, path: &str) -> Option<Self> {
        let segments: Option<Vec<String>> =
            path.strip_prefix('/')?.split('/').map(decode).collect();
        let segments = segments?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["proxy", rest @ ..] => proxy(method, rest),
            ["alerts", rest @ ..] => alerts(method, rest),
            ["data", name] if method == "GET" => Listing::of_data(name).map(Self::DataList),
            ["data", name, id] if method == "GET" => {
                Some(Self::DataDetail(Kind::parse(name)?, (*id).to_owned()))
            }
            [name, "filter"] if method == "POST" => Listing::of_filter(name).map(Self::Filter),
            _ => None,
        }
    }

    /// The scope that the route needs.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::DataList(_)
            | Self::DataDetail(..)
            | Self::Filter(_)
            | Self::CoreList(_)
            | Self::CoreRead(..)
            | Self::BalanceAt(_)
            | Self::BalanceLineage(_)
            | Self::TransactionLineage(_)
            | Self::TokenizedFields(_)
            | Self::DetokenizeField(..) => Scope::DataRead,
            Self::CreateLedger
            | Self::CreateBalance
            | Self::LinkBalance(_)
            | Self::CreateTransaction
            | Self::CreateBulk
            | Self::SettleTransaction(_)
            | Self::RefundTransaction(_)
            | Self::CreateIdentity
            | Self::UpdateIdentity(_)
            | Self::Metadata(_)
            | Self::TokenizeField(..)
            | Self::Tokenize(_)
            | Self::Detokenize(_) => Scope::DataWrite,
            Self::ListAlerts | Self::ReadAlert(_) | Self::ListStatuses => Scope::AlertsRead,
            Self::RaiseAlert(_)
            | Self::UpdateAlert(_)
            | Self::CreateStatus
            | Self::UpdateStatus(_)
            | Self::DeleteStatus(_) => Scope::AlertsWrite,
        }
    }

    /// Whether `instance_id` may be left out: only alerts belong to the whole organization.
    pub(crate) fn is_alerts(&self) -> bool {
        matches!(self.scope(), Scope::AlertsRead | Scope::AlertsWrite)
    }

    /// Whether a successful call changes the ledger or the alerts.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.scope(), Scope::DataWrite | Scope::AlertsWrite)
            && !matches!(self, Self::Detokenize(_))
    }
}

/// A path segment as text. Nothing empty and nothing that could climb.
fn decode(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    let is_plain =
        !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\\', '\0']);
    is_plain.then(|| text.into_owned())
}

fn proxy(method: &str, segments: &[&str]) -> Option<Route> {
    let own = |text: &&str| (**text).to_owned();
    Some(match (method, segments) {
        ("GET", ["balances", id, "at"]) => Route::BalanceAt(own(id)),
        ("GET", ["balances", id, "lineage"]) => Route::BalanceLineage(own(id)),
        ("GET", ["transactions", id, "lineage"]) => Route::TransactionLineage(own(id)),
        ("GET", ["identities", id, "tokenized-fields"]) => Route::TokenizedFields(own(id)),
        ("GET", ["identities", id, "detokenize", field]) => {
            Route::DetokenizeField(own(id), own(field))
        }
        ("GET", [collection]) => Route::CoreList(Kind::parse(collection)?),
        ("GET", [collection, id]) => Route::CoreRead(Kind::parse(collection)?, own(id)),
        ("POST", ["ledgers"]) => Route::CreateLedger,
        ("POST", ["balances"]) => Route::CreateBalance,
        ("POST", ["transactions"]) => Route::CreateTransaction,
        ("POST", ["transactions", "bulk"]) => Route::CreateBulk,
        ("POST", ["refund-transaction", id]) => Route::RefundTransaction(own(id)),
        ("POST", ["identities"]) => Route::CreateIdentity,
        ("POST", ["identities", id, "tokenize"]) => Route::Tokenize(own(id)),
        ("POST", ["identities", id, "tokenize", field]) => {
            Route::TokenizeField(own(id), own(field))
        }
        ("POST", ["identities", id, "detokenize"]) => Route::Detokenize(own(id)),
        ("POST", [id, "metadata"]) => Route::Metadata(own(id)),
        ("PUT", ["transactions", "inflight", id]) => Route::SettleTransaction(own(id)),
        ("PUT", ["identities", id]) => Route::UpdateIdentity(own(id)),
        ("PUT", ["balances", id, "identity"]) => Route::LinkBalance(own(id)),
        _ => return None,
    })
}

fn alerts(method: &str, segments: &[&str]) -> Option<Route> {
    let own = |text: &&str| (**text).to_owned();
    Some(match (method, segments) {
        ("GET", []) => Route::ListAlerts,
        ("GET", ["statuses"]) => Route::ListStatuses,
        ("POST", ["statuses"]) => Route::CreateStatus,
        ("PUT", ["statuses", key]) => Route::UpdateStatus(own(key)),
        ("DELETE", ["statuses", key]) => Route::DeleteStatus(own(key)),
        ("POST", ["flag", id]) => Route::RaiseAlert(own(id)),
        ("PUT", ["flag", id]) => Route::UpdateAlert(own(id)),
        ("GET", [id]) => Route::ReadAlert(own(id)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_filter_is_singular() {
        assert_eq!(
            Route::find("POST", "/ledger/filter"),
            Some(Route::Filter(Listing::Records(Kind::Ledgers)))
        );
        assert_eq!(Route::find("POST", "/ledgers/filter"), None);
    }

    #[test]
    fn paths_that_climb_or_hide_a_slash_are_unknown() {
        for path in [
            "/data/../alerts",
            "/data/identities/..",
            "/proxy//identities",
            "/data/identities/a%2Fb",
            "/data/",
        ] {
            assert_eq!(Route::find("GET", path), None, "{path}");
        }
    }

    #[test]
    fn only_the_documented_methods_are_known() {
        assert_eq!(Route::find("DELETE", "/proxy/identities/idt_1"), None);
        assert_eq!(Route::find("POST", "/data/identities"), None);
        assert_eq!(Route::find("GET", "/proxy/idt_1/metadata"), None);
    }
}
