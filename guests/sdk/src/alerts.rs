//! Alerts: reads need `alerts:read`, writes `alerts:write`.

use serde::Serialize;
use serde_json::Value;

use crate::cloud::parse;
use crate::error::CloudError;
use crate::ledger::text;
use crate::{Host, Listing};

/// The workspace's alerts. From [`Host::alerts`].
#[derive(Debug)]
pub struct Alerts<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Alerts<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// All alerts.
    pub fn list(&self) -> Result<Listing<Value>, CloudError> {
        Listing::parse(&self.0.alerts_list()?)
    }

    /// One alert by its `anomaly_id`.
    pub fn get(&self, id: &str) -> Result<Value, CloudError> {
        parse(&self.0.alerts_get(id)?)
    }

    /// The statuses that alerts may have.
    pub fn statuses(&self) -> Result<Value, CloudError> {
        parse(&self.0.alerts_statuses()?)
    }

    /// Raises an alert on a balance, a transaction or an identity, and answers its id where Cloud gave one.
    ///
    /// Cloud accepts several alerts on one entity: after [`CloudError::OutcomeUnknown`] sending again may make a second one.
    pub fn raise(
        &self,
        entity_id: &str,
        title: Option<&str>,
        description: &str,
    ) -> Result<Option<String>, CloudError> {
        let answer = self.0.flag(entity_id, title, description)?;
        // The alert exists by now: an answer that can't be read costs the id, not the success.
        let alert: Value = serde_json::from_str(&answer).unwrap_or_default();
        Ok(["anomaly_id", "id"]
            .iter()
            .find_map(|name| alert.get(name)?.as_str().map(str::to_owned)))
    }

    /// Changes any of `title`, `description`, `status`.
    pub fn update(&self, id: &str, changes: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.update_alert(id, &text(changes)?)?)
    }

    /// Adds a status for the whole organization.
    pub fn create_status(
        &self,
        name: &str,
        colour: &str,
        key: Option<&str>,
    ) -> Result<Value, CloudError> {
        parse(&self.0.create_status(name, colour, key)?)
    }

    /// Renames and recolors a status.
    pub fn update_status(&self, key: &str, name: &str, colour: &str) -> Result<Value, CloudError> {
        parse(&self.0.update_status(key, name, colour)?)
    }

    /// Removes a status that no alert has.
    pub fn delete_status(&self, key: &str) -> Result<(), CloudError> {
        self.0.delete_status(key)
    }
}
