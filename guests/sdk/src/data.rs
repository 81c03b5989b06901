//! Reads, through `data:read`.

use serde::de::DeserializeOwned;

use crate::cloud::parse;
use crate::error::CloudError;
use crate::{Collection, Filters, Host, Listing, Page};

/// Reads of the ledger. From [`Host::data`].
#[derive(Debug)]
pub struct Data<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Data<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// One entity by its id. `T` may be `serde_json::Value`, and should treat every field but the id as optional.
    pub fn get<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        id: &str,
    ) -> Result<T, CloudError> {
        parse(&self.0.data_get(collection.as_str(), id)?)
    }

    /// One page of a collection, by pairs such as `("status_eq", "APPLIED")`; no pairs is everything.
    pub fn list<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        filters: &[(&str, &str)],
        page: Option<Page>,
    ) -> Result<Listing<T>, CloudError> {
        let filters: Vec<_> = filters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Listing::parse(&self.0.data_list(collection.as_str(), &filters, page)?)
    }

    /// One page of what matches the filters.
    pub fn filter<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        filters: &Filters,
        page: Option<Page>,
    ) -> Result<Listing<T>, CloudError> {
        Listing::parse(
            &self
                .0
                .data_filter(collection.as_str(), &filters.to_json(), page)?,
        )
    }

    /// A read that only Core answers, by the path segments after `/proxy`.
    pub fn core<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CloudError> {
        let path: Vec<_> = path.iter().map(|&segment| segment.to_owned()).collect();
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        parse(&self.0.data_get_core(&path, &query)?)
    }
}
