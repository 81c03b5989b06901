//! Answers of the Cloud APIs: Cloud's own errors, and Core's.

use serde_json::{Value, json};

use crate::ledger::LedgerError;

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Seconds for a `Retry-After` header.
    pub(crate) retry_after: Option<u32>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    pub(crate) fn ok(body: impl Into<Value>) -> Self {
        Self::new(200, body.into())
    }

    pub(crate) fn created(body: impl Into<Value>) -> Self {
        Self::new(201, body.into())
    }

    pub(crate) fn message(text: &str) -> Self {
        Self::ok(json!({ "message": text }))
    }

    /// An error of Cloud itself.
    pub(crate) fn cloud_error(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, json!({ "error": text.into() }))
    }

    /// A Core error.
    pub(crate) fn core_error(status: u16, code: &str, text: impl Into<String>) -> Self {
        Self::core("error", status, code, &text.into())
    }

    /// A Core validation error, which says `errors` where others say `error`.
    pub(crate) fn core_errors(status: u16, code: &str, text: impl Into<String>) -> Self {
        Self::core("errors", status, code, &text.into())
    }

    fn core(key: &str, status: u16, code: &str, text: &str) -> Self {
        Self::new(
            status,
            json!({ key: text, "error_detail": { "code": code, "message": text } }),
        )
    }

    /// The sentence of an error, for the record.
    pub(crate) fn error_text(&self) -> Option<String> {
        let error = self.body.get("error").or_else(|| self.body.get("errors"))?;
        Some(
            error
                .as_str()
                .map_or_else(|| error.to_string(), str::to_owned),
        )
    }
}

impl From<LedgerError> for Answer {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::BalanceNotFound(id) => Self::core_error(
                404,
                "BAL_NOT_FOUND",
                format!("Balance with ID '{id}' not found"),
            ),
            LedgerError::TransactionNotFound(id) => Self::core_error(
                404,
                "TXN_NOT_FOUND",
                format!("Transaction with ID '{id}' not found"),
            ),
            LedgerError::InsufficientFunds => Self::core_error(
                400,
                "TXN_INSUFFICIENT_FUNDS",
                "insufficient funds in source balance",
            ),
            LedgerError::DuplicateReference(reference) => Self::core_error(
                409,
                "TXN_DUPLICATE_REFERENCE",
                format!("reference {reference} has already been used"),
            ),
            LedgerError::Invalid(reason) => Self::core_error(400, "TXN_VALIDATION_ERROR", reason),
            LedgerError::Settled(reason) => Self::core_error(409, "GEN_CONFLICT", reason),
        }
    }
}
