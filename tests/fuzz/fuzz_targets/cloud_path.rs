//! Fuzzes `fuzzing::cloud_path` of the host.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| airlock_host::fuzzing::cloud_path(data));
