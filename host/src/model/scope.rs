//! Scopes and grants: what a user allowed, beside what a package asks for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Most scopes that one event may carry.
const MAX_SCOPES: usize = 32;
/// Longest scope name in bytes.
const MAX_SCOPE: usize = 64;

/// A scope that this host knows and can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// `data:read`: the Data and Filters APIs and reads through the proxy.
    DataRead,
    /// `data:write`: writes through the proxy.
    DataWrite,
    /// `alerts:read`: alerts and their statuses.
    AlertsRead,
    /// `alerts:write`: raising and changing alerts and statuses.
    AlertsWrite,
}

impl Permission {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::DataRead,
        Self::DataWrite,
        Self::AlertsRead,
        Self::AlertsWrite,
    ];

    /// The scope's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataRead => "data:read",
            Self::DataWrite => "data:write",
            Self::AlertsRead => "alerts:read",
            Self::AlertsWrite => "alerts:write",
        }
    }

    /// The permission of that name, if this host knows it.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a list of scopes was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// More entries than any real event has.
    #[error("has more than {MAX_SCOPES} scopes")]
    TooMany,
    /// An entry is empty, too long, or not visible ASCII; holds its index.
    #[error("has a malformed scope at index {0}")]
    Malformed(usize),
}

/// The scopes of an install event: what the user granted, in canonical form (sorted, no duplicates).
///
/// Names unknown to this host are kept, since they are sealed with the key, but grant nothing. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantedScopes(Arc<BTreeSet<String>>);

impl GrantedScopes {
    /// Takes the names of an event, at most 32 of at most 64 visible ASCII characters without a comma.
    pub fn parse<I: IntoIterator<Item = S>, S: Into<String>>(
        names: I,
    ) -> Result<Self, InvalidScopes> {
        let mut set = BTreeSet::new();
        for (index, name) in names.into_iter().enumerate() {
            if index >= MAX_SCOPES {
                return Err(InvalidScopes::TooMany);
            }
            let name = name.into();
            // A comma would make the joined form ambiguous, and that form is part of a key's associated data.
            let sound = name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',');
            if name.is_empty() || name.len() > MAX_SCOPE || !sound {
                return Err(InvalidScopes::Malformed(index));
            }
            set.insert(name);
        }
        Ok(Self(Arc::new(set)))
    }

    /// The names in canonical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The canonical text: sorted and joined by commas.
    pub fn joined(&self) -> String {
        self.names().collect::<Vec<_>>().join(",")
    }

    fn has(&self, permission: Permission) -> bool {
        self.0.contains(permission.as_str())
    }
}

/// Which side lacks a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The user did not grant it.
    #[error("the user did not grant {0}")]
    NotGranted(Permission),
    /// The package does not ask for it.
    #[error("the package does not ask for {0}")]
    NotRequested(Permission),
}

impl Denied {
    /// The scope that was missing.
    pub fn permission(self) -> Permission {
        match self {
            Self::NotGranted(permission) | Self::NotRequested(permission) => permission,
        }
    }
}

/// What one call may do: granted by the user and requested by the current package, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    granted: GrantedScopes,
    requested: BTreeSet<Permission>,
}

impl Grants {
    /// Sets the user's choice beside the package's ask.
    pub fn new(granted: GrantedScopes, requested: BTreeSet<Permission>) -> Self {
        Self { granted, requested }
    }

    /// Whether both sides have the permission; if not, which one lacks it.
    pub fn check(&self, permission: Permission) -> Result<(), Denied> {
        if !self.requested.contains(&permission) {
            return Err(Denied::NotRequested(permission));
        }
        if !self.granted.has(permission) {
            return Err(Denied::NotGranted(permission));
        }
        Ok(())
    }

    /// The permissions that both sides have.
    pub fn effective(&self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(|permission| self.check(*permission).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_sorted_and_unique_whatever_the_order_of_the_event() {
        let scopes = GrantedScopes::parse(["data:write", "data:read", "data:write"]).unwrap();
        assert_eq!(scopes.joined(), "data:read,data:write");
    }

    #[test]
    fn an_unknown_scope_is_kept_and_grants_nothing() {
        let scopes = GrantedScopes::parse(["cards:write"]).unwrap();
        let grants = Grants::new(scopes.clone(), Permission::ALL.into());
        assert_eq!(scopes.joined(), "cards:write");
        assert_eq!(grants.effective().count(), 0);
    }

    #[test]
    fn i26_too_many_or_malformed_scopes_are_refused() {
        let many = (0..33).map(|n| format!("s{n}"));
        assert_eq!(GrantedScopes::parse(many), Err(InvalidScopes::TooMany));
        for name in ["", "a b", "a,b", "ä", "a\n"] {
            assert_eq!(
                GrantedScopes::parse([name]),
                Err(InvalidScopes::Malformed(0))
            );
        }
    }

    #[test]
    fn a_permission_needs_both_the_user_and_the_package() {
        for bits in 0..16_u8 {
            let picked: Vec<_> = Permission::ALL
                .into_iter()
                .enumerate()
                .filter(|(index, _)| bits & (1 << index) != 0)
                .map(|(_, permission)| permission)
                .collect();
            let scopes = GrantedScopes::parse(picked.iter().map(|p| p.as_str())).unwrap();
            let grants = Grants::new(scopes, [Permission::DataRead].into());
            for permission in Permission::ALL {
                let expected = if permission != Permission::DataRead {
                    Err(Denied::NotRequested(permission))
                } else if picked.contains(&permission) {
                    Ok(())
                } else {
                    Err(Denied::NotGranted(permission))
                };
                assert_eq!(grants.check(permission), expected);
            }
        }
    }
}
