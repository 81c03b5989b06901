//! How a simulated Cloud is started, and why that can fail.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::switches::Switches;

/// How to start a simulated Cloud.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The host name in the addresses that are shown, such as `localhost`.
    pub public_host: String,
    /// Where apps, installs, keys and the ledger survive a restart. `None` keeps all in memory.
    pub state_file: Option<PathBuf>,
    /// The switches at the start.
    pub switches: Switches,
    /// How long an app may take to answer an event or a launch.
    pub event_timeout: Duration,
    /// Further instances of the same organization, each with a ledger of its own; for tests
    /// that need a second tenant.
    pub extra_instances: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_host: "localhost".to_owned(),
            state_file: None,
            switches: Switches::default(),
            event_timeout: Duration::from_secs(10),
            extra_instances: 0,
        }
    }
}

/// Why a simulated Cloud did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("the simulated Cloud cannot listen on {address}; try: another port")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// `public_host` does not make an address.
    #[error("\"{host}\" cannot stand in an address; try: localhost")]
    PublicHost {
        /// The name asked for.
        host: String,
    },
    /// The state file exists but cannot be read.
    #[error(
        "the simulated Cloud's state file {} cannot be read; try: check who may read it, or name another file",
        path.display()
    )]
    StateFileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state file was read but makes no sense.
    #[error(
        "the simulated Cloud's state file {} is damaged ({reason}); try: delete it or move it away to begin with fresh data",
        path.display()
    )]
    StateFileDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client that sends events could not be built.
    #[error("the simulated Cloud cannot set up its HTTP client")]
    Client {
        /// What the client said.
        source: reqwest::Error,
    },
}
