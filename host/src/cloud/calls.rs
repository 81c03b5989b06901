//! The calls, one for each function of the contract. Each parses what the guest gave and names one documented route.

use super::body::{self, Object};
use super::error::CloudError;
use super::outbound::Outbound;
use super::path::{self, Page};
use super::permit::{AlertsRead, AlertsWrite, DataRead, DataWrite, Permitted};

type Answer = Result<String, CloudError>;
type Pairs = Vec<(String, String)>;

impl Permitted<DataRead> {
    /// `GET /data/{what}` with filters such as (`status_eq`, `APPLIED`).
    pub async fn list(&self, what: &str, filters: Pairs, page: Option<Page>) -> Answer {
        let mut query = path::filters(filters)?;
        query.extend(page.map(Page::query).into_iter().flatten());
        self.send(Outbound::get(path::data_list(what)?).query(query))
            .await
    }

    /// `GET /data/{what}/{id}`.
    pub async fn get(&self, what: &str, id: &str) -> Answer {
        self.send(Outbound::get(path::data_item(what, id)?)).await
    }

    /// `POST /{what}/filter`: a read, whatever its method.
    pub async fn filter(&self, what: &str, filters: &str, page: Option<Page>) -> Answer {
        let query = page.map(Page::query).into_iter().flatten().collect();
        let request = Outbound::read_by_post(path::filter(what)?, body::filters(filters)?);
        self.send(request.query(query)).await
    }

    /// `GET /proxy/…`.
    pub async fn get_core(&self, segments: &[String], query: Pairs) -> Answer {
        let (path, query) = path::core_read(segments, query, self.detokenize())?;
        self.send(Outbound::get(path).query(query)).await
    }
}

impl<P> Permitted<P> {
    fn detokenize(&self) -> bool {
        self.cloud.0.transport.settings().allow_detokenize
    }

    fn declared(&self) -> &std::collections::BTreeSet<String> {
        &self.cloud.0.policy.metadata_keys
    }

    fn run_id(&self) -> &str {
        &self.cloud.0.policy.run_id
    }
}

impl Permitted<DataWrite> {
    /// `POST /proxy/ledgers`.
    pub async fn create_ledger(&self, ledger: &str) -> Answer {
        self.create(&["ledgers"], ledger).await
    }

    /// `POST /proxy/balances`.
    pub async fn create_balance(&self, balance: &str) -> Answer {
        self.create(&["balances"], balance).await
    }

    /// `PUT /proxy/balances/{id}/identity`.
    pub async fn link_identity(&self, balance: &str, identity: &str) -> Answer {
        let (balance, identity) = (path::id(balance)?, path::id(identity)?);
        let mut body = Object::default();
        body.set_text("identity_id", identity.as_str());
        let path = path::proxy(&["balances", balance.as_str(), "identity"]);
        self.send(Outbound::put(path, body.to_text())).await
    }

    /// `POST /proxy/transactions`, with a `reference` of the host if there is none.
    pub async fn create_transaction(&self, transaction: &str) -> Answer {
        let mut body = Object::parse(transaction)?;
        body.check_metadata(self.declared())?;
        let reference = body.ensure_reference(self.run_id(), "transactions");
        let request = Outbound::post(path::proxy(&["transactions"]), body.to_text());
        self.send(request.referenced(reference)).await
    }

    /// `PUT /proxy/transactions/inflight/{id}` with `commit`.
    pub async fn commit_inflight(&self, id: &str) -> Answer {
        self.settle_inflight(id, "commit").await
    }

    /// `PUT /proxy/transactions/inflight/{id}` with `void`.
    pub async fn void_inflight(&self, id: &str) -> Answer {
        self.settle_inflight(id, "void").await
    }

    async fn settle_inflight(&self, id: &str, status: &str) -> Answer {
        let mut body = Object::default();
        body.set_text("status", status);
        let path = path::proxy(&["transactions", "inflight", path::id(id)?.as_str()]);
        self.send(Outbound::put(path, body.to_text())).await
    }

    /// `POST /proxy/refund-transaction/{id}`.
    pub async fn refund(&self, id: &str) -> Answer {
        let path = path::proxy(&["refund-transaction", path::id(id)?.as_str()]);
        self.send(Outbound::post(path, "{}".to_owned())).await
    }

    /// `POST /proxy/identities`.
    pub async fn create_identity(&self, identity: &str) -> Answer {
        self.create(&["identities"], identity).await
    }

    /// `PUT /proxy/identities/{id}`. `meta_data` is refused: it would replace the keys of other apps.
    pub async fn update_identity(&self, id: &str, changes: &str) -> Answer {
        let body = Object::parse(changes)?;
        body.refuse(
            "meta_data",
            "would replace the keys of other apps; use merge-metadata",
        )?;
        body.refuse("identity_id", "can not be changed")?;
        let path = path::proxy(&["identities", path::id(id)?.as_str()]);
        self.send(Outbound::put(path, body.to_text())).await
    }

    /// `POST /proxy/{id}/metadata` for one declared top-level key.
    pub async fn merge_metadata(&self, entity: &str, key: &str, value: &str) -> Answer {
        body::check_metadata_key(key, self.declared())?;
        let entity = path::id(entity)?;
        let value = body::any(value)?;
        let key = serde_json::Value::from(key);
        let text = format!(r#"{{"meta_data":{{{key}:{value}}}}}"#);
        self.send(Outbound::post(
            path::proxy(&[entity.as_str(), "metadata"]),
            text,
        ))
        .await
    }

    /// `POST /proxy/…` for documented routes without a function of their own.
    pub async fn post_core(&self, segments: &[String], body: &str) -> Answer {
        let path = path::core_post(segments, self.detokenize())?;
        let mut body = Object::parse(body)?;
        body.check_metadata(self.declared())?;
        let mut transactions = body.items("transactions")?;
        for (index, transaction) in transactions.iter_mut().enumerate() {
            transaction.check_metadata(self.declared())?;
            transaction.ensure_reference(self.run_id(), &format!("transactions/bulk/{index}"));
        }
        if !transactions.is_empty() {
            body.set_items("transactions", &transactions);
        }
        self.send(Outbound::post(path, body.to_text())).await
    }

    /// `PUT /proxy/…` for documented routes without a function of their own.
    pub async fn put_core(&self, segments: &[String], body: &str) -> Answer {
        let path = path::core_put(segments)?;
        let body = Object::parse(body)?;
        body.check_metadata(self.declared())?;
        self.send(Outbound::put(path, body.to_text())).await
    }

    async fn create(&self, names: &[&str], text: &str) -> Answer {
        let body = Object::parse(text)?;
        body.check_metadata(self.declared())?;
        self.send(Outbound::post(path::proxy(names), body.to_text()))
            .await
    }
}

impl Permitted<AlertsRead> {
    /// `GET /alerts`.
    pub async fn list(&self) -> Answer {
        self.send(Outbound::get(path::CloudPath::fixed(&["alerts"])).alerts())
            .await
    }

    /// `GET /alerts/{id}`.
    pub async fn get(&self, id: &str) -> Answer {
        let id = path::id(id)?;
        if id.as_str() == "statuses" {
            return Err(CloudError::invalid(
                "`statuses` is no alert; call `statuses`",
            ));
        }
        self.send(Outbound::get(path::CloudPath::fixed(&["alerts", id.as_str()])).alerts())
            .await
    }

    /// `GET /alerts/statuses`.
    pub async fn statuses(&self) -> Answer {
        self.send(Outbound::get(path::CloudPath::fixed(&["alerts", "statuses"])).alerts())
            .await
    }
}

impl Permitted<AlertsWrite> {
    /// `POST /alerts/flag/{entity}`.
    pub async fn flag(&self, entity: &str, title: Option<&str>, description: &str) -> Answer {
        if description.trim().is_empty() {
            return Err(CloudError::invalid("an alert needs a description"));
        }
        let mut body = Object::default();
        body.set_text("description", description);
        if let Some(title) = title {
            body.set_text("title", title);
        }
        self.send(Outbound::post(flag_path(entity)?, body.to_text()).alerts())
            .await
    }

    /// `PUT /alerts/flag/{id}`: any of `title`, `description`, `status`.
    pub async fn update(&self, id: &str, changes: &str) -> Answer {
        let body = Object::parse(changes)?;
        self.send(Outbound::put(flag_path(id)?, body.to_text()).alerts())
            .await
    }

    /// `POST /alerts/statuses`.
    pub async fn create_status(&self, name: &str, colour: &str, key: Option<&str>) -> Answer {
        let mut body = status_body(name, colour);
        if let Some(key) = key {
            body.set_text("key", key);
        }
        let path = path::CloudPath::fixed(&["alerts", "statuses"]);
        self.send(Outbound::post(path, body.to_text()).alerts())
            .await
    }

    /// `PUT /alerts/statuses/{key}`.
    pub async fn update_status(&self, key: &str, name: &str, colour: &str) -> Answer {
        self.send(Outbound::put(status_path(key)?, status_body(name, colour).to_text()).alerts())
            .await
    }

    /// `DELETE /alerts/statuses/{key}`.
    pub async fn delete_status(&self, key: &str) -> Result<(), CloudError> {
        self.send(Outbound::delete(status_path(key)?).alerts())
            .await
            .map(|_| ())
    }
}

fn flag_path(id: &str) -> Result<path::CloudPath, CloudError> {
    Ok(path::CloudPath::fixed(&[
        "alerts",
        "flag",
        path::id(id)?.as_str(),
    ]))
}

fn status_path(key: &str) -> Result<path::CloudPath, CloudError> {
    Ok(path::CloudPath::fixed(&[
        "alerts",
        "statuses",
        path::id(key)?.as_str(),
    ]))
}

fn status_body(name: &str, colour: &str) -> Object {
    let mut body = Object::default();
    body.set_text("name", name);
    body.set_text("colour", colour);
    body
}
