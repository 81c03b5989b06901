//! From the errors of lower floors to the errors of the contract: the one place.

use super::bindings::blnk::app::{cloud_types as wit, store as wit_store};
use crate::cloud::{ApiError, CloudError, Wait};
use crate::install::GuestStoreError;

/// Why a Cloud call gave no result: an error for the guest, or a trap.
#[derive(Debug)]
pub(crate) enum CloudFailure {
    /// Data for the guest.
    Refused(CloudError),
    /// The end of the call.
    Trap(wasmtime::Error),
}

impl From<CloudError> for CloudFailure {
    fn from(error: CloudError) -> Self {
        Self::Refused(error)
    }
}

impl From<wasmtime::Error> for CloudFailure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl CloudFailure {
    /// The contract's word for it, or the trap.
    pub(super) fn into_wit(self) -> wasmtime::Result<wit::CloudError> {
        match self {
            Self::Refused(error) => Ok(error.into()),
            Self::Trap(trap) => Err(trap),
        }
    }
}

impl From<CloudError> for wit::CloudError {
    fn from(error: CloudError) -> Self {
        match error {
            CloudError::NotGranted(permission) => Self::NotGranted(permission.as_str().to_owned()),
            CloudError::NotRequested(permission) => {
                Self::NotRequested(permission.as_str().to_owned())
            }
            CloudError::InvalidRequest(reason) => Self::InvalidRequest(reason),
            CloudError::NotFound => Self::NotFound,
            CloudError::Conflict(error) => Self::Conflict(error.into()),
            CloudError::RateLimited(wait) => Self::RateLimited(wait.into()),
            CloudError::Rejected(error) => Self::Rejected(error.into()),
            CloudError::Unavailable(wait) => Self::Unavailable(wait.into()),
            CloudError::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            CloudError::Revoked => Self::Revoked,
            CloudError::LimitExceeded(reason) => Self::LimitExceeded(reason),
            CloudError::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<ApiError> for wit::ApiError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status,
            code: error.code,
            message: error.message,
        }
    }
}

impl From<Wait> for wit::Wait {
    fn from(wait: Wait) -> Self {
        Self {
            message: wait.message,
            retry_after_seconds: wait.retry_after_seconds,
        }
    }
}

/// Why the store did not do it: an error for the guest, or a trap.
#[derive(Debug)]
pub(crate) enum StoreFailure {
    /// Data for the guest.
    Refused(GuestStoreError),
    /// The end of the call.
    Trap(wasmtime::Error),
}

impl From<GuestStoreError> for StoreFailure {
    fn from(error: GuestStoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<wasmtime::Error> for StoreFailure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl StoreFailure {
    /// The contract's word for it, or the trap.
    pub(super) fn into_wit(self) -> wasmtime::Result<wit_store::StoreError> {
        match self {
            Self::Refused(error) => Ok(error.into()),
            Self::Trap(trap) => Err(trap),
        }
    }
}

impl From<GuestStoreError> for wit_store::StoreError {
    fn from(error: GuestStoreError) -> Self {
        match error {
            GuestStoreError::TooLarge => Self::TooLarge,
            GuestStoreError::QuotaExceeded => Self::QuotaExceeded,
            GuestStoreError::Conflict(version) => Self::Conflict(version),
            GuestStoreError::InvalidKey => Self::InvalidKey,
            GuestStoreError::Unavailable => Self::Unavailable,
            GuestStoreError::Other(reason) => Self::Other(reason),
        }
    }
}
