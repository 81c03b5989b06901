//! A connection of bytes: what no client library would send.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A guard against hanging: ten times the longest deadline of the listener.
const GUARD: Duration = Duration::from_secs(100);

/// A connection to a host.
pub(super) struct Raw {
    pub(super) stream: TcpStream,
    host: String,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Raw {
    pub(super) async fn connect(origin: &str) -> Self {
        Self::connect_from(origin, Ipv4Addr::LOCALHOST).await
    }

    /// From another address of this machine: all of 127.0.0.0/8 are.
    pub(super) async fn connect_from(origin: &str, source: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        Self::connect_with(socket, origin, source).await
    }

    pub(super) async fn connect_with(socket: TcpSocket, origin: &str, source: Ipv4Addr) -> Self {
        let host = origin.strip_prefix("http://").unwrap().to_owned();
        let address: SocketAddr = host.parse().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0)).unwrap();
        let stream = timeout(GUARD, socket.connect(address)).await;
        Self {
            stream: stream.expect("a connection in time").expect("a listener"),
            host,
            read: Vec::new(),
        }
    }

    /// Sends bytes, `{host}` standing for the host's name. The other side may have closed already.
    pub(super) async fn send(&mut self, text: &str) {
        let text = text.replace("{host}", &self.host);
        let _ = timeout(GUARD, self.stream.write_all(text.as_bytes()))
            .await
            .expect("room for a request");
    }

    /// A request without a body.
    pub(super) async fn get(&mut self, target: &str) -> Option<RawAnswer> {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: {{host}}\r\n\r\n"))
            .await;
        self.answer().await
    }

    async fn more(&mut self) -> io::Result<usize> {
        let read = timeout(GUARD, self.stream.read_buf(&mut self.read)).await;
        read.expect("an answer or an end in time")
    }

    /// The next answer; none if the connection ends before one begins.
    pub(super) async fn answer(&mut self) -> Option<RawAnswer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !matches!(self.more().await, Ok(1..)) {
                assert!(self.read.is_empty(), "half an answer: {:?}", self.read);
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status: u16 = status.parse().unwrap();
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let twice = headers.insert(name.to_ascii_lowercase(), value.to_owned());
            assert_eq!(twice, None, "{name} stands there twice");
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        let length = if status == 100 { 0 } else { length };
        while self.read.len() < length {
            assert!(
                matches!(self.more().await, Ok(1..)),
                "the body ends too early"
            );
        }
        Some(RawAnswer {
            status,
            headers,
            body: self.read.drain(..length).collect(),
        })
    }

    /// What comes next, as it comes; none at the end.
    pub(super) async fn more_text(&mut self) -> Option<String> {
        if self.read.is_empty() && !matches!(self.more().await, Ok(1..)) {
            return None;
        }
        Some(String::from_utf8(std::mem::take(&mut self.read)).unwrap())
    }

    /// Waits until the other side has ended the connection. Nothing may come before.
    pub(super) async fn assert_closed(mut self) {
        let more = self.more().await;
        assert!(
            !matches!(more, Ok(1..)),
            "more came: {:?}",
            String::from_utf8_lossy(&self.read)
        );
    }
}

impl RawAnswer {
    /// Asserts a problem document of that status, with the headers of every answer, that ends the connection.
    #[track_caller]
    pub(super) fn assert_last_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.headers["connection"], "close", "{self:?}");
        self.assert_problem(status, kind);
    }

    #[track_caller]
    pub(super) fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["type"], format!("urn:airlock:problem:{kind}"));
        assert_eq!(problem["status"], status);
        for (name, value) in [
            ("content-type", "application/problem+json"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(
                self.headers.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        for name in ["permissions-policy", "x-request-id", "date"] {
            assert!(self.headers.contains_key(name), "{name} is missing");
        }
        assert!(!self.headers.contains_key("x-frame-options"));
    }
}
