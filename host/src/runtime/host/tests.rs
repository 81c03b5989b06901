//! Tests of the interfaces without Wasm: a view over a call's context, called directly.

use airlock_test_database::{TestDatabase, on_both};
use std::collections::BTreeSet;

use super::bindings::blnk::app::{
    alert_actions, cloud_types, connections as wit_connections, context as wit_context,
    data as wit_data, jobs as wit_jobs, ledger as wit_ledger, store as wit_store,
};
use super::*;
use crate::cloud::CallPolicy;
use crate::model::Permission;
use crate::runtime::testing::{NOW, World};

mod growth;
mod limits;
mod matrix;

on_both!(the_store_keeps_versions,);

struct Call {
    #[expect(dead_code, reason = "it lives as long as its call")]
    world: World,
    meter: CallMeter,
    binding: Binding,
}

impl Call {
    /// A call of an install that granted some scopes, to a package that asks for others.
    async fn new(granted: &[&str], requested: &[Permission], read_only: bool) -> Self {
        Self::in_world(World::new(granted).await, requested, read_only, 1)
    }

    /// A call in a world that stands.
    fn in_world(world: World, requested: &[Permission], read_only: bool, max_calls: u32) -> Self {
        let grants = Grants::new(
            world.install.granted().clone(),
            requested.iter().copied().collect(),
        );
        let policy = CallPolicy {
            grants: grants.clone(),
            metadata_keys: BTreeSet::from(["app".to_owned()]),
            read_only,
            max_calls,
            max_parallel: 1,
            max_reply_bytes: 1000,
            run_id: "run".to_owned(),
            deadline: tokio::time::Instant::now() + Duration::from_mins(5),
        };
        let services = world.runtime.services();
        let binding = Binding {
            tenant: Tenant::clone(&world.install),
            grants,
            settings: Arc::new([("a".to_owned(), "1".to_owned())].into()),
            call_id: "call".to_owned(),
            now: NOW,
            cloud: services.cloud.bind(Tenant::clone(&world.install), policy),
            store: services.guest_store.clone(),
            fail_point: Arc::default(),
        };
        Self {
            world,
            meter: CallMeter::default(),
            binding,
        }
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            meter: &self.meter,
            binding: Some(&self.binding),
        }
    }
}

fn word(failure: convert::CloudFailure) -> cloud_types::CloudError {
    failure.into_wit().unwrap()
}

#[tokio::test]
async fn context_tells_the_install_and_what_both_sides_allow() {
    use wit_context::Host as _;
    let call = Call::new(
        &["data:read", "alerts:read"],
        &[Permission::DataRead, Permission::DataWrite],
        false,
    )
    .await;
    let mut view = context::View(call.gate());
    let install = view.current().await.unwrap();
    assert_eq!(install.installed_app_id, "instapp_1");
    assert_eq!(install.organization_id.as_deref(), Some("org_1"));
    assert_eq!(install.granted, ["data:read"]);
    for (scope, granted) in [
        ("data:read", true),
        ("data:write", false),
        ("alerts:read", false),
        ("x", false),
    ] {
        assert_eq!(
            view.granted(scope.to_owned()).await.unwrap(),
            granted,
            "{scope}"
        );
    }
    assert_eq!(
        view.setting("a".to_owned()).await.unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(view.setting("b".to_owned()).await.unwrap(), None);
    assert_eq!(view.call_id().await.unwrap(), "call");
    assert_eq!(view.now().await.unwrap(), NOW.unsigned());
}

#[tokio::test]
async fn h31_random_bytes_are_bounded() {
    use wit_context::Host as _;
    let call = Call::new(&[], &[], false).await;
    let mut view = context::View(call.gate());
    let (one, two) = (
        view.random(1024).await.unwrap(),
        view.random(1024).await.unwrap(),
    );
    assert_eq!(one.len(), 1024);
    assert_ne!(one, two);
    assert_eq!(view.random(0).await.unwrap(), b"");
    assert!(view.random(1025).await.is_err());
    assert!(view.random(u32::MAX).await.is_err());
}

#[tokio::test]
async fn every_cloud_interface_asks_for_its_own_scope() {
    use alert_actions::Host as _;
    use wit_data::Host as _;
    use wit_ledger::Host as _;
    let call = Call::new(&["data:write"], &Permission::ALL, false).await;
    let refused = data::View(call.gate())
        .get("identities".to_owned(), "idt_1".to_owned())
        .await
        .unwrap_err();
    assert!(
        matches!(word(refused), cloud_types::CloudError::NotGranted(scope) if scope == "data:read")
    );
    let mut view = alerts::View(call.gate());
    let refused = alerts_list(&mut view).await.unwrap_err();
    assert!(
        matches!(word(refused), cloud_types::CloudError::NotGranted(scope) if scope == "alerts:read")
    );
    let refused = view.delete_status("x".to_owned()).await.unwrap_err();
    assert!(
        matches!(word(refused), cloud_types::CloudError::NotGranted(scope) if scope == "alerts:write")
    );
    // Granted, and refused for what it says.
    let refused = ledger::View(call.gate())
        .create_ledger("no JSON".to_owned())
        .await
        .unwrap_err();
    assert!(matches!(
        word(refused),
        cloud_types::CloudError::InvalidRequest(_)
    ));
    assert_eq!(
        call.binding.cloud.meter().denied(),
        [
            Permission::DataRead,
            Permission::AlertsRead,
            Permission::AlertsWrite
        ]
    );
}

async fn alerts_list(view: &mut alerts::View<'_>) -> Result<String, convert::CloudFailure> {
    super::bindings::blnk::app::alerts::Host::list(view).await
}

#[tokio::test]
async fn writes_are_refused_while_serving_a_read() {
    use wit_ledger::Host as _;
    let call = Call::new(&["data:write"], &Permission::ALL, true).await;
    let refused = ledger::View(call.gate())
        .create_ledger("{}".to_owned())
        .await
        .unwrap_err();
    assert!(matches!(
        word(refused),
        cloud_types::CloudError::InvalidRequest(_)
    ));
    assert_eq!(call.binding.cloud.meter().calls(), 0);
}

async fn the_store_keeps_versions(database: TestDatabase) {
    use wit_store::{Condition, Host as _, StoreError};
    let call = Call::in_world(World::on(database, &[]).await, &[], false, 1);
    let mut view = store::View(call.gate());
    let version = view
        .set("a".to_owned(), b"1".to_vec(), Condition::Absent)
        .await
        .unwrap();
    let again = view
        .set("a".to_owned(), b"2".to_vec(), Condition::Absent)
        .await
        .unwrap_err();
    assert!(
        matches!(again.into_wit().unwrap(), StoreError::Conflict(Some(stored)) if stored == version)
    );
    view.set("a".to_owned(), b"3".to_vec(), Condition::Version(version))
        .await
        .unwrap();
    assert_eq!(view.get("a".to_owned()).await.unwrap().unwrap().value, b"3");
    let invalid = view
        .set(String::new(), Vec::new(), Condition::Always)
        .await
        .unwrap_err();
    assert!(matches!(
        invalid.into_wit().unwrap(),
        StoreError::InvalidKey
    ));
    assert_eq!(view.keys(String::new(), None, 10).await.unwrap(), ["a"]);
    assert_eq!(view.scan("a".to_owned(), None, 10).await.unwrap().len(), 1);
    view.delete("a".to_owned(), Condition::Always)
        .await
        .unwrap();
    assert!(view.get("a".to_owned()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_this_host_does_not_have_yet_answers_honestly() {
    use wit_connections::Host as _;
    use wit_jobs::Host as _;
    let call = Call::new(&[], &[], false).await;
    let url = connections::View(call.gate())
        .callback_url("x".to_owned())
        .await
        .unwrap();
    assert!(matches!(
        url,
        Err(wit_connections::ConnectionError::NotConnected)
    ));
    let canceled = jobs::View(call.gate())
        .cancel("x".to_owned(), "k".to_owned())
        .await
        .unwrap();
    assert!(matches!(canceled, Err(wit_jobs::JobError::UnknownJob)));
}

#[tokio::test]
async fn h22_the_ten_thousand_and_first_call_traps_and_while_loading_the_first() {
    use wit_context::Host as _;
    let call = Call::new(&[], &[], false).await;
    let mut view = context::View(call.gate());
    for _ in 0..MAX_HOST_CALLS {
        view.now().await.unwrap();
    }
    assert_eq!(
        view.now().await.unwrap_err().downcast_ref::<Stop>(),
        Some(&Stop::HostCalls)
    );
    let meter = CallMeter::default();
    let mut nobody = context::View(Gate {
        meter: &meter,
        binding: None,
    });
    assert!(
        nobody
            .now()
            .await
            .unwrap_err()
            .to_string()
            .contains("while it is being loaded")
    );
}

#[test]
fn the_clocks_of_a_guest_are_coarse() {
    use wasmtime_wasi::clocks::{HostMonotonicClock as _, HostWallClock as _};
    let wall = wasi::FrozenClock::new(NOW);
    assert_eq!(wall.now(), Duration::from_millis(NOW.unsigned()));
    let monotonic = wasi::CoarseClock::start();
    std::thread::sleep(Duration::from_millis(3));
    assert!(monotonic.now() >= 3_000_000);
    assert_eq!(monotonic.now() % 1_000_000, 0);
}
