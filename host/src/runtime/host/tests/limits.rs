//! Tests of what one store may have of the host.

use wasmtime::component::ResourceTableError;
use wasmtime_wasi::p2::bindings::random::random::Host as _;
use wasmtime_wasi::random::WasiRandomView as _;

use super::*;
use crate::model::Slug;
use crate::runtime::guest_log::GuestLog;

fn state() -> CallState {
    let slug = Slug::parse("kyc").unwrap();
    let shape = CallShape {
        meter: Arc::default(),
        memory_bytes: 1,
        cpu: Duration::from_secs(1),
        log: GuestLog::new(slug, None, "call".to_owned(), 100, 100, Arc::default()),
        now: NOW,
    };
    CallState::new(shape, None).0
}

#[test]
fn h31_wasi_gives_so_many_random_bytes_at_once() {
    let mut state = state();
    let bytes = state.random().get_random_bytes(64 * 1024).unwrap();
    assert_eq!(bytes.len(), 64 * 1024);
    for length in [64 * 1024 + 1, 1 << 40, u64::MAX] {
        assert!(state.random().get_random_bytes(length).is_err(), "{length}");
    }
}

#[test]
fn h28_the_host_keeps_so_many_resources_for_one_store() {
    let mut state = state();
    for _ in 0..1000 {
        state.ctx().table.push(()).unwrap();
    }
    assert!(matches!(
        state.ctx().table.push(()),
        Err(ResourceTableError::Full)
    ));
}

#[tokio::test]
async fn the_time_of_a_host_function_is_counted() {
    use wit_context::Host as _;
    let call = Call::new(&[], &[], false).await;
    assert_eq!(call.meter.host_time(), Duration::ZERO);
    context::View(call.gate()).now().await.unwrap();
    let first = call.meter.host_time();
    assert!(first > Duration::ZERO);
    context::View(call.gate()).now().await.unwrap();
    assert!(call.meter.host_time() > first);
}
