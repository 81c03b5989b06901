//! What the page needs to know of the install before it shows anything.

use airlock_guest::{Host, Scope, Session};
use serde_json::{Map, Value, json};

use crate::check::Rules;

/// Why the app asks for each scope, in the words of its manifest; none for a scope that it does not ask for.
fn purpose(scope: &Scope) -> Option<&'static str> {
    match scope {
        Scope::DataRead => Some("List identities and show the one under review."),
        Scope::DataWrite => Some("Record the outcome of a review on the identity."),
        Scope::AlertsWrite => Some("Raise an alert when a person must look at an identity."),
        Scope::AlertsRead | Scope::Other(_) => None,
    }
}

/// Answers `GET me`. Needs no scope: it is what explains missing ones.
pub(crate) fn me(host: &impl Host, session: &Session) -> Value {
    let install = host.install();
    let mut scopes = Map::new();
    for scope in Scope::KNOWN {
        let mut entry = Map::new();
        entry.insert("granted".to_owned(), host.granted(&scope).into());
        if let Some(purpose) = purpose(&scope) {
            entry.insert("purpose".to_owned(), purpose.into());
        }
        scopes.insert(scope.to_string(), entry.into());
    }
    json!({
        "app": "KYC Review",
        "installed_app_id": install.installed_app_id,
        "instance_id": install.instance_id,
        "organization_id": install.organization_id,
        "user_id": session.user_id,
        "session_expires_at": session.expires_at,
        "scopes": scopes,
        "settings": Rules::of(host),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_purposes_are_those_of_the_manifest() {
        let manifest: toml::Table = toml::from_str(include_str!("../app.toml")).unwrap();
        let permissions = manifest["permissions"].as_table().unwrap();
        for scope in Scope::KNOWN {
            let stated = permissions.get(scope.as_str()).and_then(|p| p.as_str());
            assert_eq!(stated, purpose(&scope), "{scope}");
        }
    }
}
