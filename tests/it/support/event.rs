//! Cloud's messages, made by hand.

use serde_json::{Value, json};

/// An install with everything that its events say.
#[derive(Debug, Clone)]
pub(crate) struct TestInstall {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) instance: String,
    pub(crate) key: String,
    pub(crate) granted: Vec<String>,
}

impl TestInstall {
    /// Install `instapp_{name}` of `app_1` on `instance_{name}`, with a key that no Cloud knows.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            id: format!("instapp_{name}"),
            app: "app_1".to_owned(),
            instance: format!("instance_{name}"),
            key: format!("blnk_unknown_key_of_{name}_0123456789"),
            granted: vec!["data:read".to_owned()],
        }
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    pub(crate) fn instance(mut self, instance: &str) -> Self {
        instance.clone_into(&mut self.instance);
        self
    }

    pub(crate) fn app(mut self, app: &str) -> Self {
        app.clone_into(&mut self.app);
        self
    }

    /// The install event.
    pub(crate) fn install(&self) -> Value {
        json!({
            "installed_app_id": self.id,
            "app_id": self.app,
            "instance_id": self.instance,
            "api_key": self.key,
            "api_key_prefix": self.key.chars().take(8).collect::<String>(),
            "granted_permissions": self.granted,
            "idempotency_key": format!("install:{}", self.id),
        })
    }

    /// The uninstall event.
    pub(crate) fn uninstall(&self) -> Value {
        json!({
            "installed_app_id": self.id,
            "app_id": self.app,
            "instance_id": self.instance,
            "uninstalled_at": "2026-04-21T12:00:00Z",
            "idempotency_key": format!("uninstall:{}", self.id),
        })
    }

    /// The request for a portal address.
    pub(crate) fn launch(&self) -> Value {
        json!({ "installed_app_id": self.id, "app_id": self.app, "instance_id": self.instance })
    }
}

/// The same object with one field set, or taken away by null.
pub(crate) fn with(mut object: Value, field: &str, value: Value) -> Value {
    let fields = object.as_object_mut().expect("an object");
    match value {
        Value::Null => fields.remove(field),
        value => fields.insert(field.to_owned(), value),
    };
    object
}
