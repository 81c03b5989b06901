//! S11: bugs of the host's own, in every function that a guest can call.

use airlock_test_guests::host_functions;

use super::*;

/// Panics in all.
const PANICS: usize = 10_000;

#[tokio::test]
async fn s11_ten_thousand_panics_of_host_functions_end_their_calls_and_nothing_else() {
    let world = World::new(&["data:read", "data:write", "alerts:read", "alerts:write"]).await;
    let fail_point = &world.runtime.0.fail_point;
    let functions = host_functions();
    let times = PANICS.div_ceil(functions.len());
    let mut panics = 0;
    for function in &functions {
        world.load("", &function.caller()).await;
        fail_point.arm(true);
        for _ in 0..times {
            let (failure, _) = world.failure().await;
            assert_eq!(failure, CallFailure::Trap, "{}", function.name);
            // An app that crashes five times in a minute is shut for a while.
            world.clock.advance(Duration::from_mins(1));
        }
        fail_point.arm(false);
        panics += times;
        let counted: usize = fail_point.panics().values().sum();
        assert_eq!(counted, panics, "{} did not panic", function.name);
    }
    assert!(panics >= PANICS);
    world.load("", &guest("")).await;
    assert_eq!(world.body().await, b"");
    assert_eq!(world.runtime.0.running.available_permits(), 20);
}
