//! Whether the long form is wanted: `cargo xtask test --long` sets `AIRLOCK_TEST_LONG=1`.

/// Whether tests run at their full length, which takes hours.
pub(crate) fn is_wanted() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the long form is asked for so")]
    let wanted = std::env::var("AIRLOCK_TEST_LONG");
    wanted.is_ok_and(|value| value == "1")
}

/// How often something is done: `long` in the long form, else `short`.
pub(crate) fn times(short: usize, long: usize) -> usize {
    if is_wanted() { long } else { short }
}
