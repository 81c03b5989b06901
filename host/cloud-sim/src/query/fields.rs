//! Which collections are listed and which of their fields can be filtered.

use crate::ledger::Kind;

/// A collection of the Data and Filters APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Records(Kind),
    /// Reconciliations, matching rules, external transactions: always empty here.
    Empty,
}

impl Listing {
    /// The collection with this name under `/data/`.
    pub(crate) fn of_data(name: &str) -> Option<Self> {
        match name {
            "reconciliations" | "matching-rules" | "external-transactions" => Some(Self::Empty),
            _ => Kind::parse(name).map(Self::Records),
        }
    }

    /// The collection with this name before `/filter`. Two of them are singular.
    pub(crate) fn of_filter(name: &str) -> Option<Self> {
        match name {
            "ledger" => Some(Self::Records(Kind::Ledgers)),
            "reconciliation" => Some(Self::Empty),
            "ledgers" => None,
            _ => Kind::parse(name).map(Self::Records),
        }
    }

    /// Rows on a page when the caller does not say.
    pub(crate) fn default_page_size(self) -> usize {
        if self == Self::Records(Kind::Ledgers) {
            30
        } else {
            20
        }
    }
}

const IDENTITY_FIELDS: &str = "identity_id first_name last_name other_names gender dob email_address phone_number \
     nationality street country state organization_name category identity_type post_code city created_at";
const BALANCE_FIELDS: &str = "balance_id ledger_id identity_id indicator currency balance credit_balance \
     debit_balance inflight_balance inflight_credit_balance inflight_debit_balance created_at";
const TRANSACTION_FIELDS: &str = "transaction_id parent_transaction amount currency source destination balance_id \
     reference status created_at effective_date precision";
const LEDGER_FIELDS: &str = "ledger_id name created_at";

/// Whether the field can stand in a filter: a listed one, `meta_data`, or a path below it.
pub(crate) fn is_filterable(listing: Listing, field: &str) -> bool {
    if field == "meta_data"
        || field
            .strip_prefix("meta_data.")
            .is_some_and(|path| !path.is_empty())
    {
        return true;
    }
    let fields = match listing {
        Listing::Records(Kind::Identities) => IDENTITY_FIELDS,
        Listing::Records(Kind::Balances) => BALANCE_FIELDS,
        Listing::Records(Kind::Transactions) => TRANSACTION_FIELDS,
        Listing::Records(Kind::Ledgers) => LEDGER_FIELDS,
        Listing::Empty => return true,
    };
    fields.split_whitespace().any(|known| known == field)
}
