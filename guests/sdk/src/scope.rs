//! Permission scopes.

use std::fmt;

/// What a user may grant an app, and what a package may ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `data:read`: the Data and Filters APIs.
    DataRead,
    /// `data:write`: writes to the ledger.
    DataWrite,
    /// `alerts:read`: reading alerts.
    AlertsRead,
    /// `alerts:write`: raising and changing alerts.
    AlertsWrite,
    /// A scope that this version of the SDK does not know.
    Other(String),
}

impl Scope {
    /// The scopes that Cloud documents, in its order.
    pub const KNOWN: [Self; 4] = [
        Self::DataRead,
        Self::DataWrite,
        Self::AlertsRead,
        Self::AlertsWrite,
    ];

    /// The scope as Cloud writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::DataRead => "data:read",
            Self::DataWrite => "data:write",
            Self::AlertsRead => "alerts:read",
            Self::AlertsWrite => "alerts:write",
            Self::Other(scope) => scope,
        }
    }
}

impl From<&str> for Scope {
    fn from(scope: &str) -> Self {
        match scope {
            "data:read" => Self::DataRead,
            "data:write" => Self::DataWrite,
            "alerts:read" => Self::AlertsRead,
            "alerts:write" => Self::AlertsWrite,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_back_as_itself() {
        for scope in Scope::KNOWN {
            assert_eq!(Scope::from(scope.as_str()), scope);
        }
        assert_eq!(
            Scope::from("keys:read"),
            Scope::Other("keys:read".to_owned())
        );
    }
}
