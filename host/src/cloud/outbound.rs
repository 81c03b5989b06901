//! One request to Cloud as the calls name it: method, route, query, body, and whether doing it twice is doing it once.

use reqwest::Method;

use super::path::CloudPath;

/// One request, without address, instance and key: those are the transport's.
#[derive(Debug)]
pub struct Outbound {
    method: Method,
    path: CloudPath,
    query: Vec<(String, String)>,
    body: Option<String>,
    kind: Kind,
    alerts: bool,
}

/// What it does to Cloud.
#[derive(Debug)]
enum Kind {
    /// Nothing.
    Read,
    /// Changes something each time it arrives.
    Write,
    /// Posts a transaction, whose `reference` Cloud takes once.
    Transaction(Reference),
}

/// The reference of a transaction, by who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// The host, of the run and of the body as a whole: nobody else posts under it.
    Hosts(String),
    /// The guest: anybody may have posted something under it.
    Guests(String),
}

impl Reference {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Hosts(text) | Self::Guests(text) => text,
        }
    }
}

impl Outbound {
    fn new(method: Method, path: CloudPath, body: Option<String>, kind: Kind) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body,
            kind,
            alerts: false,
        }
    }

    pub(super) fn get(path: CloudPath) -> Self {
        Self::new(Method::GET, path, None, Kind::Read)
    }

    pub(super) fn read_by_post(path: CloudPath, body: String) -> Self {
        Self::new(Method::POST, path, Some(body), Kind::Read)
    }

    pub(super) fn post(path: CloudPath, body: String) -> Self {
        Self::new(Method::POST, path, Some(body), Kind::Write)
    }

    pub(super) fn put(path: CloudPath, body: String) -> Self {
        Self::new(Method::PUT, path, Some(body), Kind::Write)
    }

    pub(super) fn delete(path: CloudPath) -> Self {
        Self::new(Method::DELETE, path, None, Kind::Write)
    }

    pub(super) fn query(mut self, pairs: Vec<(String, String)>) -> Self {
        self.query = pairs;
        self
    }

    /// Marks a call of the Alerts API, whose `instance_id` is the operator's choice.
    pub(super) fn alerts(mut self) -> Self {
        self.alerts = true;
        self
    }

    /// Marks a transaction by its reference, where it has one that can be asked for. Such a write may be sent again.
    pub(super) fn referenced(mut self, reference: Option<Reference>) -> Self {
        if let Some(reference) = reference {
            self.kind = Kind::Transaction(reference);
        }
        self
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn path(&self) -> &CloudPath {
        &self.path
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.query
    }

    pub(super) fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    pub(super) fn is_alerts(&self) -> bool {
        self.alerts
    }

    pub(super) fn writes(&self) -> bool {
        !matches!(self.kind, Kind::Read)
    }

    /// Whether doing it twice is doing it once.
    pub(super) fn is_idempotent(&self) -> bool {
        !matches!(self.kind, Kind::Write)
    }

    /// The transaction's reference.
    pub(super) fn reference(&self) -> Option<&Reference> {
        match &self.kind {
            Kind::Transaction(reference) => Some(reference),
            Kind::Read | Kind::Write => None,
        }
    }
}
