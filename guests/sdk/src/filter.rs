//! The Filters API's conditions, as a builder.

use serde_json::{Value, json};

/// Conditions that all must hold.
///
/// ```
/// use airlock_guest::Filters;
///
/// let filters = Filters::new()
///     .eq("identity_type", "individual")
///     .one_of("country", ["GH", "NG"])
///     .not_exists("meta_data.kyc_app");
/// assert_eq!(filters.len(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters(Vec<Value>);

impl Filters {
    /// No condition: everything matches.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many conditions there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The field equals the value.
    #[must_use]
    pub fn eq(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "eq", value)
    }

    /// The field differs from the value.
    #[must_use]
    pub fn ne(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "ne", value)
    }

    /// The field is greater than the value.
    #[must_use]
    pub fn gt(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "gt", value)
    }

    /// The field is at least the value.
    #[must_use]
    pub fn gte(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "gte", value)
    }

    /// The field is less than the value.
    #[must_use]
    pub fn lt(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "lt", value)
    }

    /// The field is at most the value.
    #[must_use]
    pub fn lte(self, field: &str, value: impl Into<Value>) -> Self {
        self.single(field, "lte", value)
    }

    /// The field matches an SQL pattern: `%` is any run, `_` any one character.
    #[must_use]
    pub fn like(self, field: &str, pattern: &str) -> Self {
        self.single(field, "like", pattern)
    }

    /// As [`like`](Self::like), whatever the case of the letters.
    #[must_use]
    pub fn ilike(self, field: &str, pattern: &str) -> Self {
        self.single(field, "ilike", pattern)
    }

    /// The field equals one of the values.
    #[must_use]
    pub fn one_of<V: Into<Value>>(self, field: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.several(field, "in", values)
    }

    /// The field lies between the two values, both included.
    #[must_use]
    pub fn between<V: Into<Value>>(self, field: &str, lowest: V, highest: V) -> Self {
        self.several(field, "between", [lowest, highest])
    }

    /// The field has no value.
    #[must_use]
    pub fn is_null(self, field: &str) -> Self {
        self.bare(field, "isnull")
    }

    /// The field has a value.
    #[must_use]
    pub fn is_not_null(self, field: &str) -> Self {
        self.bare(field, "isnotnull")
    }

    /// The metadata key (`meta_data.…`) is there.
    #[must_use]
    pub fn exists(self, field: &str) -> Self {
        self.bare(field, "exists")
    }

    /// The metadata key (`meta_data.…`) is not there.
    #[must_use]
    pub fn not_exists(self, field: &str) -> Self {
        self.bare(field, "notexists")
    }

    /// The array that the Filters API takes.
    pub fn to_json(&self) -> String {
        Value::Array(self.0.clone()).to_string()
    }

    fn single(mut self, field: &str, operator: &str, value: impl Into<Value>) -> Self {
        self.0
            .push(json!({ "field": field, "operator": operator, "value": value.into() }));
        self
    }

    fn several<V: Into<Value>>(
        mut self,
        field: &str,
        operator: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        self.0
            .push(json!({ "field": field, "operator": operator, "values": values }));
        self
    }

    fn bare(mut self, field: &str, operator: &str) -> Self {
        self.0.push(json!({ "field": field, "operator": operator }));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_written_as_the_api_reads_them() {
        let filters = Filters::new()
            .eq("identity_type", "individual")
            .one_of("country", ["GH", "NG"])
            .not_exists("meta_data.kyc_app");
        assert_eq!(
            serde_json::from_str::<Value>(&filters.to_json()).unwrap(),
            json!([
                { "field": "identity_type", "operator": "eq", "value": "individual" },
                { "field": "country", "operator": "in", "values": ["GH", "NG"] },
                { "field": "meta_data.kyc_app", "operator": "notexists" },
            ])
        );
    }
}
