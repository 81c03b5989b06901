//! Cloud's events, parsed once at the edge.
//!
//! There is no field for the kind of an event: it is the prefix of `idempotency_key` (`install:` or `uninstall:`),
//! cross-checked with the other fields. Unknown fields are ignored, since Cloud's payloads have changed before;
//! duplicate fields are refused, since two parsers might pick different ones.

use std::fmt::{self, Display};
use std::ops::Deref;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::model::{AppId, EventKey, GrantedScopes, InstallId, InstanceId, OrganizationId};
use crate::secret::ApiKey;

/// Longest part of a key that is shown.
const MAX_PREFIX: usize = 32;

/// Why a body is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not JSON of the right shape. Says where, and never repeats what stands there.
    #[error("the body is not the JSON object that was expected: {0}")]
    Malformed(String),
    /// A field is missing or wrong.
    #[error("`{field}` {reason}")]
    Invalid {
        /// The field's JSON name.
        field: &'static str,
        /// What is wrong with it, without its value.
        reason: String,
    },
}

impl EventError {
    pub(super) fn invalid(field: &'static str, reason: impl Display) -> Self {
        Self::Invalid {
            field,
            reason: reason.to_string(),
        }
    }

    /// From a JSON error: its place and kind, but no value, which could be a key.
    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let kind = match error.classify() {
            Category::Data => "a field has the wrong type, is missing or stands twice",
            Category::Eof => "it ends too early",
            Category::Syntax | Category::Io => "it is not well-formed",
        };
        Self::Malformed(format!(
            "{kind} (line {}, column {})",
            error.line(),
            error.column()
        ))
    }
}

/// An event, checked.
#[derive(Debug)]
pub enum Event {
    /// The user installed the app.
    Install(Box<InstallEvent>),
    /// The user uninstalled the app.
    Uninstall(UninstallEvent),
}

/// An install, as Cloud tells it.
#[derive(Debug)]
pub struct InstallEvent {
    /// The installation.
    pub install: InstallId,
    /// The app.
    pub app: AppId,
    /// The instance.
    pub instance: InstanceId,
    /// The workspace, in older payloads.
    pub organization: Option<OrganizationId>,
    /// The scoped key, told once.
    pub api_key: ApiKey,
    /// The part of it that may be shown.
    pub api_key_prefix: String,
    /// What the user granted.
    pub granted: GrantedScopes,
    /// The event's key.
    pub key: EventKey,
    /// The body as it came, for its fingerprint.
    pub body: EventBody,
}

/// A body that holds a key: not printed, wiped on drop.
pub struct EventBody(Zeroizing<Vec<u8>>);

impl Deref for EventBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventBody({} bytes, [redacted])", self.0.len())
    }
}

/// An uninstall, as Cloud tells it.
#[derive(Debug)]
pub struct UninstallEvent {
    /// The installation.
    pub install: InstallId,
    /// The app.
    pub app: AppId,
    /// The instance.
    pub instance: InstanceId,
    /// The event's key.
    pub key: EventKey,
    /// The body as it came, for its fingerprint.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
struct Wire {
    installed_app_id: Option<String>,
    app_id: Option<String>,
    instance_id: Option<String>,
    organization_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    api_key: Option<SecretString>,
    api_key_prefix: Option<String>,
    granted_permissions: Option<Vec<String>>,
    uninstalled_at: Option<String>,
    idempotency_key: Option<String>,
}

/// A text that is a secret from the moment it is read. Where it stands in the body without escapes, as every real key
/// does, it is copied from there and nowhere else.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    struct Text;

    impl<'de> Visitor<'de> for Text {
        type Value = Option<SecretString>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.into()))
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
            from.deserialize_str(self)
        }
    }

    from.deserialize_option(Text)
}

impl Event {
    /// Parses a body of the callback. `header_key` is the `Idempotency-Key` header, used where the body has no key.
    pub fn parse(body: &[u8], header_key: Option<&str>) -> Result<Self, EventError> {
        let wire: Wire =
            serde_json::from_slice(body).map_err(|error| EventError::from_json(&error))?;
        let key = wire.idempotency_key.as_deref().or(header_key);
        let key = required("idempotency_key", key).and_then(|text| {
            EventKey::parse(text).map_err(|error| EventError::invalid("idempotency_key", error))
        })?;
        if let Some(rest) = key.as_str().strip_prefix("install:") {
            let event = install(wire, rest, key.clone(), body)?;
            return Ok(Self::Install(Box::new(event)));
        }
        if let Some(rest) = key.as_str().strip_prefix("uninstall:") {
            return Ok(Self::Uninstall(uninstall(&wire, rest, key.clone(), body)?));
        }
        Err(EventError::invalid(
            "idempotency_key",
            "must start with `install:` or `uninstall:`",
        ))
    }
}

/// The three ids that every message of Cloud has.
pub(super) struct Ids {
    pub(super) install: InstallId,
    pub(super) app: AppId,
    pub(super) instance: InstanceId,
}

impl Ids {
    pub(super) fn parse(
        install: Option<&str>,
        app: Option<&str>,
        instance: Option<&str>,
    ) -> Result<Self, EventError> {
        Ok(Self {
            install: parsed("installed_app_id", install, InstallId::parse)?,
            app: parsed("app_id", app, AppId::parse)?,
            instance: parsed("instance_id", instance, InstanceId::parse)?,
        })
    }
}

fn ids(wire: &Wire) -> Result<Ids, EventError> {
    Ids::parse(
        wire.installed_app_id.as_deref(),
        wire.app_id.as_deref(),
        wire.instance_id.as_deref(),
    )
}

pub(super) fn required<'a>(
    field: &'static str,
    value: Option<&'a str>,
) -> Result<&'a str, EventError> {
    value.ok_or_else(|| EventError::invalid(field, "is missing"))
}

pub(super) fn parsed<T, E: Display>(
    field: &'static str,
    value: Option<&str>,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<T, EventError> {
    let text = required(field, value)?;
    parse(text.to_owned()).map_err(|error| EventError::invalid(field, error))
}

/// An optional id: absent, null and empty are the same.
pub(super) fn optional<T, E: Display>(
    field: &'static str,
    value: Option<&str>,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<Option<T>, EventError> {
    let Some(text) = value.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    parse(text.to_owned())
        .map(Some)
        .map_err(|error| EventError::invalid(field, error))
}

/// The event's key must speak of the install that the fields name. What may follow the id is not documented.
fn check_key(install: &InstallId, rest: &str) -> Result<(), EventError> {
    match rest.strip_prefix(install.as_str()) {
        Some(tail) if tail.is_empty() || tail.starts_with(':') => Ok(()),
        _ => Err(EventError::invalid(
            "idempotency_key",
            "does not name the same install as `installed_app_id`",
        )),
    }
}

fn install(
    mut wire: Wire,
    rest: &str,
    key: EventKey,
    body: &[u8],
) -> Result<InstallEvent, EventError> {
    if wire.uninstalled_at.is_some() {
        return Err(EventError::invalid(
            "uninstalled_at",
            "does not belong into an install",
        ));
    }
    let Ids {
        install,
        app,
        instance,
    } = ids(&wire)?;
    check_key(&install, rest)?;
    let api_key_prefix = prefix(&wire)?;
    let api_key = wire.api_key.take();
    let api_key = api_key.ok_or_else(|| EventError::invalid("api_key", "is missing"))?;
    let api_key = ApiKey::parse(api_key).map_err(|error| EventError::invalid("api_key", error))?;
    let scopes = wire
        .granted_permissions
        .as_ref()
        .ok_or_else(|| EventError::invalid("granted_permissions", "is missing"))?;
    Ok(InstallEvent {
        app,
        instance,
        organization: optional(
            "organization_id",
            wire.organization_id.as_deref(),
            OrganizationId::parse,
        )?,
        api_key_prefix,
        granted: GrantedScopes::parse(scopes.iter().cloned())
            .map_err(|error| EventError::invalid("granted_permissions", error))?,
        body: EventBody(Zeroizing::new(body.to_vec())),
        install,
        api_key,
        key,
    })
}

/// The showable part of the key. It must be a small part of it: whoever sends the whole key there does not get it shown.
fn prefix(wire: &Wire) -> Result<String, EventError> {
    let prefix = wire.api_key_prefix.clone().unwrap_or_default();
    let sound = prefix.len() <= MAX_PREFIX && prefix.bytes().all(|byte| byte.is_ascii_graphic());
    if !sound {
        return Err(EventError::invalid(
            "api_key_prefix",
            "must be at most 32 visible ASCII characters",
        ));
    }
    #[expect(clippy::disallowed_methods, reason = "only its length is asked for")]
    let key_length = wire
        .api_key
        .as_ref()
        .map_or(0, |key| key.expose_secret().len());
    if prefix.len() * 2 > key_length {
        return Ok(String::new());
    }
    Ok(prefix)
}

fn uninstall(
    wire: &Wire,
    rest: &str,
    key: EventKey,
    body: &[u8],
) -> Result<UninstallEvent, EventError> {
    if wire.api_key.is_some() {
        return Err(EventError::invalid(
            "api_key",
            "does not belong into an uninstall",
        ));
    }
    let Ids {
        install,
        app,
        instance,
    } = ids(wire)?;
    check_key(&install, rest)?;
    Ok(UninstallEvent {
        app,
        instance,
        body: body.to_vec(),
        install,
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "installed_app_id": "instapp_1", "app_id": "app_1", "instance_id": "instance_1",
            "api_key": "blnk_0123456789abcdef", "api_key_prefix": "blnk_012",
            "granted_permissions": ["data:write", "data:read"], "idempotency_key": "install:instapp_1",
        })
    }

    fn parse(value: &Value) -> Result<Event, EventError> {
        Event::parse(value.to_string().as_bytes(), None)
    }

    fn field_of(value: &Value) -> &'static str {
        match parse(value) {
            Err(EventError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_install_and_uninstall_are_read() {
        let Event::Install(event) = parse(&body()).unwrap() else {
            panic!("no install")
        };
        assert_eq!(event.granted.joined(), "data:read,data:write");
        let uninstall = json!({
            "installed_app_id": "instapp_1", "app_id": "app_1", "instance_id": "instance_1",
            "uninstalled_at": "2026-04-21T12:00:00Z", "idempotency_key": "uninstall:instapp_1",
        });
        assert!(matches!(parse(&uninstall).unwrap(), Event::Uninstall(_)));
    }

    #[test]
    fn i29_older_payloads_unknown_fields_and_the_header_key_are_taken() {
        let mut older = body();
        older["organization_id"] = json!("org_1");
        older["something_new"] = json!({"a": [1, 2]});
        older.as_object_mut().unwrap().remove("idempotency_key");
        let event = Event::parse(older.to_string().as_bytes(), Some("install:instapp_1")).unwrap();
        let Event::Install(event) = event else {
            panic!("no install")
        };
        assert_eq!(event.organization.unwrap().as_str(), "org_1");
    }

    #[test]
    fn i18_the_key_must_fit_the_kind_and_the_install() {
        for key in [
            "",
            "instapp_1",
            "update:instapp_1",
            "install:",
            "install:instapp_12",
            "uninstall:instapp_1",
        ] {
            let mut value = body();
            value["idempotency_key"] = json!(key);
            assert!(parse(&value).is_err(), "{key:?} passed");
        }
        let mut long = body();
        long["idempotency_key"] = json!(format!("install:instapp_1:{}", "a".repeat(256)));
        assert_eq!(field_of(&long), "idempotency_key");
    }

    #[test]
    fn a_wrong_or_missing_field_is_named_and_its_value_is_not_repeated() {
        for (field, wrong) in [
            ("installed_app_id", json!("a b")),
            ("app_id", json!("a/b")),
            ("instance_id", json!("")),
            ("api_key", json!("a\r\nb")),
            ("granted_permissions", json!(["a,b"])),
            ("api_key_prefix", json!("x".repeat(33))),
        ] {
            let mut value = body();
            value[field] = wrong;
            assert_eq!(field_of(&value), field);
            if field != "api_key_prefix" {
                value.as_object_mut().unwrap().remove(field);
                assert_eq!(field_of(&value), field);
            }
        }
        let mut typed = body();
        typed["api_key"] = json!({"canary": "blnk_canary"});
        let sentence = parse(&typed).unwrap_err().to_string();
        assert!(!sentence.contains("canary"), "{sentence}");
    }

    #[test]
    fn i04_broken_json_is_malformed() {
        for bytes in [
            &b"{"[..],
            b"[]",
            b"\xef\xbb\xbf{}",
            b"\xff",
            b"",
            b"{\"app_id\":\"a\",\"app_id\":\"b\"}",
        ] {
            assert!(
                matches!(Event::parse(bytes, None), Err(EventError::Malformed(_))),
                "{bytes:?}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Event::parse(deep.as_bytes(), None),
            Err(EventError::Malformed(_))
        ));
    }

    #[test]
    fn a_prefix_that_gives_half_the_key_away_is_not_kept() {
        let mut value = body();
        value["api_key_prefix"] = json!("blnk_0123456789");
        let Event::Install(event) = parse(&value).unwrap() else {
            panic!("no install")
        };
        assert_eq!(event.api_key_prefix, "");
        assert!(!format!("{:?}", event.api_key).contains("0123"));
    }
}
