//! What the tests and benches of the whole program share.

#[path = "benches/measure.rs"]
pub mod measure;
