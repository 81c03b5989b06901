//! The description of both listeners (`OpenAPI` 3.1), kept by hand in `openapi.json`. A test holds it against the routers.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

const DOCUMENT: &str = include_str!("openapi.json");

/// The document.
pub(super) async fn show() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    type Routes = BTreeMap<String, BTreeSet<String>>;

    const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];

    /// The routes that a router's source names. What takes any method decides itself, so its methods stand here.
    fn routed(source: &str) -> Routes {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let mut routes = Routes::new();
        for part in source.split(".route(").skip(1) {
            let (_, rest) = part.split_once('"').unwrap();
            let (path, rest) = rest.split_once('"').unwrap();
            let handlers = rest.split(".fallback(").next().unwrap();
            let mut methods: BTreeSet<String> = METHODS
                .into_iter()
                .filter(|method| {
                    handlers
                        .split(|c: char| !c.is_alphanumeric() && c != '(')
                        .any(|word| word.starts_with(&format!("{method}(")))
                })
                .map(str::to_owned)
                .collect();
            if handlers.contains("any(") {
                let own: &[&str] = if path.starts_with("/api/") {
                    &["get", "head", "options", "post"]
                } else {
                    &["get", "head", "post", "put", "patch", "delete"]
                };
                methods.extend(own.iter().map(|method| (*method).to_owned()));
            }
            assert!(!methods.is_empty(), "{path}");
            routes.insert(path.replace("{*", "{"), methods);
        }
        routes
    }

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn described(document: &Value, tag: &str) -> Routes {
        let mut routes = Routes::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods: BTreeSet<String> = item
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, operation)| {
                    METHODS.contains(&name.as_str()) && operation["tags"][0] == tag
                })
                .map(|(name, _)| name.clone())
                .collect();
            if !methods.is_empty() {
                routes.insert(path.clone(), methods);
            }
        }
        routes
    }

    #[test]
    fn the_document_names_every_route_of_both_listeners_and_no_other() {
        let document = document();
        let public = routed(include_str!("../web/router.rs"));
        let admin = routed(include_str!("../admin.rs"));
        assert!(public.len() >= 11 && admin.len() >= 7);
        assert_eq!(described(&document, "public"), public);
        assert_eq!(described(&document, "admin"), admin);
    }

    /// Every `$ref` below a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(to) if name == "$ref" => {
                            found.insert(to.clone());
                        }
                        other => references(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_is_sound_in_itself() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["parameters", "headers", "responses", "schemas"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "{reference} is not used");
            }
        }
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if !METHODS.contains(&method.as_str()) {
                    continue;
                }
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} stands twice");
                assert!(operation["security"].is_array(), "{method} {path}");
                assert!(!operation["responses"].as_object().unwrap().is_empty());
            }
        }
    }
}
