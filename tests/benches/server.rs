//! A server in a process of its own, to measure beside.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

/// Longest start: a component may be compiled.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Server {
    /// Starts the program that is to serve at the address it is made for, and waits until it takes connections.
    pub(crate) async fn start(program: impl FnOnce(&str) -> Command) -> Self {
        let address = free_address();
        let child = program(&address).stdin(Stdio::null()).spawn();
        let mut server = Self {
            child: child.expect("the server starts"),
            address,
        };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(&server.address).await.is_err() {
            let ended = server.child.try_wait().expect("a child's status");
            assert!(ended.is_none(), "a server ended: {ended:?}");
            assert!(Instant::now() < until, "a server is not ready");
            sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free at the moment.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}
