//! API keys: what each may do and whether it works.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::scope::Scope;

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyStatus {
    /// Made, but its install event is not answered yet.
    Waiting,
    Live,
    Revoked,
}

/// What is known about a key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) prefix: String,
    /// None for a key that was issued without an app.
    pub(crate) installed_app_id: Option<String>,
    pub(crate) instance_id: String,
    pub(crate) granted: Vec<Scope>,
    pub(crate) status: KeyStatus,
}

/// All keys, by their full text. These keys open nothing but this simulation.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Keys(HashMap<String, Key>);

impl Keys {
    pub(crate) fn insert(&mut self, api_key: String, key: Key) {
        self.0.insert(api_key, key);
    }

    /// The key, if it works.
    pub(crate) fn live(&self, api_key: &str) -> Option<&Key> {
        self.0
            .get(api_key)
            .filter(|key| key.status == KeyStatus::Live)
    }

    /// What is known about a key, whether it works or not.
    pub(crate) fn find(&self, api_key: &str) -> Option<&Key> {
        self.0.get(api_key)
    }

    /// Changes one key. Answers whether it exists.
    pub(crate) fn set_status(&mut self, api_key: &str, status: KeyStatus) -> bool {
        self.0
            .get_mut(api_key)
            .map(|key| key.status = status)
            .is_some()
    }

    /// Revokes every key of an install.
    pub(crate) fn revoke_install(&mut self, installed_app_id: &str) {
        for key in self.0.values_mut() {
            if key.installed_app_id.as_deref() == Some(installed_app_id) {
                key.status = KeyStatus::Revoked;
            }
        }
    }
}
