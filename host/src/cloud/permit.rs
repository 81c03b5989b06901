//! The check before every call, as a type: what was not granted can't be called.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::CloudError;
use super::meter::CallMeter;
use super::outbound::Outbound;
use super::persist::Ended;
use super::settle;
use super::transport::Transport;
use crate::install::{Installs, Tenant};
use crate::model::{Grants, Permission};

mod sealed {
    pub trait Sealed {}
}

/// A scope as a type.
pub trait Scope: sealed::Sealed + Send + Sync + 'static {
    /// The permission that it stands for.
    const PERMISSION: Permission;
    /// Whether it changes something.
    const WRITES: bool;
}

macro_rules! scope {
    ($name:ident, $permission:expr, $writes:expr) => {
        #[doc = concat!("The scope [`", stringify!($permission), "`].")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl sealed::Sealed for $name {}
        impl Scope for $name {
            const PERMISSION: Permission = $permission;
            const WRITES: bool = $writes;
        }
    };
}

scope!(DataRead, Permission::DataRead, false);
scope!(DataWrite, Permission::DataWrite, true);
scope!(AlertsRead, Permission::AlertsRead, false);
scope!(AlertsWrite, Permission::AlertsWrite, true);

/// What one guest call may do. Fixed before the guest runs.
#[derive(Debug, Clone)]
pub struct CallPolicy {
    /// Granted by the user beside requested by the package.
    pub grants: Grants,
    /// The top-level metadata keys that the package may write.
    pub metadata_keys: BTreeSet<String>,
    /// Serving GET or HEAD: writes are refused.
    pub read_only: bool,
    /// Most Cloud calls.
    pub max_calls: u32,
    /// Most Cloud calls at once.
    pub max_parallel: usize,
    /// Longest reply in bytes.
    pub max_reply_bytes: usize,
    /// Names this run: part of the references that the host makes.
    pub run_id: String,
    /// When the whole call ends.
    pub deadline: Instant,
}

/// Blnk Cloud, for every install of this host. A cheap handle.
#[derive(Clone)]
pub struct Cloud {
    transport: Arc<Transport>,
    installs: Installs,
}

impl Cloud {
    /// Over one transport.
    pub fn new(transport: Transport, installs: Installs) -> Self {
        Self {
            transport: Arc::new(transport),
            installs,
        }
    }

    /// Cloud as one call of one tenant sees it.
    pub fn bind(&self, tenant: Tenant, policy: CallPolicy) -> InstanceCloud {
        let permits = Semaphore::new(policy.max_parallel.max(1));
        InstanceCloud(Arc::new(Bound {
            transport: self.transport.clone(),
            installs: self.installs.clone(),
            meter: CallMeter::default(),
            tenant,
            policy,
            permits,
        }))
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn installs(&self) -> &Installs {
        &self.installs
    }
}

pub(super) struct Bound {
    pub(super) transport: Arc<Transport>,
    installs: Installs,
    meter: CallMeter,
    tenant: Tenant,
    pub(super) policy: CallPolicy,
    permits: Semaphore,
}

/// Cloud for one call of one tenant. A cheap handle.
#[derive(Clone)]
pub struct InstanceCloud(pub(super) Arc<Bound>);

impl InstanceCloud {
    /// Permits calls of one scope, if user and package both have it and this is no write while serving a GET.
    pub fn permit<P: Scope>(&self) -> Result<Permitted<P>, CloudError> {
        if let Err(denied) = self.0.policy.grants.check(P::PERMISSION) {
            self.0.meter.deny(P::PERMISSION);
            return Err(denied.into());
        }
        if P::WRITES && self.0.policy.read_only {
            return Err(CloudError::invalid(format!(
                "{} is refused while serving GET and HEAD: use another method",
                P::PERMISSION
            )));
        }
        Ok(Permitted {
            cloud: self.clone(),
            scope: PhantomData,
        })
    }

    /// Whom the call serves.
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// Whether some bytes hold the install's key. The key is not opened for that.
    pub fn finds_key_in(&self, bytes: &[u8]) -> bool {
        self.0.tenant.finds_key_in(self.0.installs.keyring(), bytes)
    }

    /// What this call has asked of Cloud so far.
    pub fn meter(&self) -> &CallMeter {
        &self.0.meter
    }
}

/// Proof that this tenant was granted `P`. The calls live here and nowhere else.
///
/// It can't be made without the check, nor used for another scope:
///
/// ```compile_fail
/// # use airlock_host::cloud::{DataWrite, InstanceCloud, Permitted};
/// fn forge(cloud: InstanceCloud) -> Permitted<DataWrite> {
///     Permitted { cloud, scope: std::marker::PhantomData }
/// }
/// ```
///
/// ```compile_fail
/// # use airlock_host::cloud::{DataRead, Permitted};
/// async fn write_with_a_read(permitted: Permitted<DataRead>) {
///     let _ = permitted.create_ledger("{}").await;
/// }
/// ```
///
/// ```
/// # use airlock_host::cloud::{CloudError, DataWrite, InstanceCloud};
/// async fn write(cloud: InstanceCloud) -> Result<String, CloudError> {
///     cloud.permit::<DataWrite>()?.create_ledger(r#"{"name":"Fees"}"#).await
/// }
/// ```
pub struct Permitted<P> {
    pub(super) cloud: InstanceCloud,
    scope: PhantomData<P>,
}

impl<P: Scope> Permitted<P> {
    /// Sends one request within the call's budget, if the install still is what it was.
    pub(super) async fn send(&self, request: Outbound) -> Result<String, CloudError> {
        let bound = &self.cloud.0;
        if !bound.meter.begin(bound.policy.max_calls) {
            let limit = format!("{} Cloud calls per call", bound.policy.max_calls);
            return Err(CloudError::LimitExceeded(limit));
        }
        let permit = tokio::time::timeout_at(bound.policy.deadline, bound.permits.acquire());
        let _permit = permit
            .await
            .map_err(|_| out_of_time())?
            .map_err(|_| out_of_time())?;
        let begun = Instant::now();
        let result = bound.settle(&request, bound.ask(&request).await).await;
        let sent = request.body().map_or(0, str::len);
        let received = result.as_ref().map_or(0, String::len);
        bound.meter.add(begun.elapsed(), sent + received);
        result
    }
}

impl Bound {
    async fn ask(&self, request: &Outbound) -> Ended {
        let policy = &self.policy;
        let sending = self.transport.send(
            &self.installs,
            &self.tenant,
            request,
            policy.max_reply_bytes,
            policy.deadline,
        );
        sending.await
    }

    /// A refusal after a try without an answer may speak of that try's own work: Cloud is asked by the reference.
    /// A guest that may not read learns no more than that nobody knows.
    async fn settle(&self, request: &Outbound, ended: Ended) -> Result<String, CloudError> {
        match (&ended.result, request.reference()) {
            (Err(CloudError::OutcomeUnknown(_)) | Ok(_), _) | (Err(_), None) => ended.result,
            (Err(_), Some(_)) if !ended.in_doubt => ended.result,
            (Err(_), Some(reference)) => {
                if self.policy.grants.check(Permission::DataRead).is_err() {
                    return Err(settle::unsettled());
                }
                let kept = self.ask(&settle::question(reference.as_str())).await.result;
                let kept = kept.map_err(|_| settle::unsettled())?;
                settle::settled(reference, request.body(), &kept)
            }
        }
    }
}

fn out_of_time() -> CloudError {
    CloudError::LimitExceeded("the call's time is used up".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;
    use crate::cloud::testing::{Callers, Reaction, Server};

    #[tokio::test]
    async fn h23_a_call_asks_cloud_so_often_and_so_much_at_once_and_no_more() {
        let server = Server::start(|_| Reaction::Hang).await;
        let callers = Callers::of(&server).await;
        let tenant = callers.install("kyc").await;
        let policy = CallPolicy {
            grants: Grants::new(tenant.granted().clone(), Permission::ALL.into()),
            metadata_keys: BTreeSet::new(),
            read_only: false,
            max_calls: 32,
            max_parallel: 4,
            max_reply_bytes: 2000,
            run_id: "run".to_owned(),
            deadline: Instant::now() + Duration::from_mins(5),
        };
        let call = callers.cloud.bind(tenant, policy);
        let mut asking = JoinSet::new();
        for _ in 0..100 {
            let permitted = call.permit::<DataRead>().unwrap();
            asking.spawn(async move { permitted.list("identities", Vec::new(), None).await });
        }
        // Those past the limit are told so at once; the others wait for Cloud, four of them with a connection.
        for _ in 0..68 {
            let refused = asking.join_next().await.unwrap().unwrap();
            let limit = "32 Cloud calls per call".to_owned();
            assert_eq!(refused, Err(CloudError::LimitExceeded(limit)));
        }
        while server.requests().len() < 4 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!((server.connections(), call.meter().calls()), (4, 32));
        assert_eq!(asking.len(), 32);
    }
}
