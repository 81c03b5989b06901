//! The catalogue of hostile guests, H01 to H55, against the real program: what an app may do to its host, and what comes
//! of it.
//!
//! Each guest of `guests/probes/hostile` is installed and called as any other app is. It ends with the outcome of its row,
//! the host writes one line about it, and a healthy app answers right after (S1). `catalogue` lists every case with the
//! tests that show it, wherever they stand.

mod calls;
mod catalogue;
mod corpus;
mod crowd;
mod refused;
mod stopped;
mod tenants;
