//! Fuzzes `fuzzing::token` of the host.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| airlock_host::fuzzing::token(data));
