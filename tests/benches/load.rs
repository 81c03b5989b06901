//! A client for benches: requests as bytes over kept connections, so that it costs as little as it can.
//!
//! It runs on the same cores as what it asks, and is the same for everything that is compared.

use std::io;
use std::time::{Duration, Instant};

use airlock_tests::measure::Times;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for one answer, in bytes.
const ROOM: usize = 16 * 1024;
/// As servers spell it here: the client runs on the cores that it measures, so it looks no further.
const LENGTH: &[u8] = b"\r\ncontent-length: ";

/// What is asked, and where.
#[derive(Clone)]
pub(crate) struct Target {
    /// Host and port.
    address: String,
    request: Vec<u8>,
}

impl Target {
    /// A request to an address such as `127.0.0.1:8080`. Lines are further headers.
    pub(crate) fn new(
        address: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let headers: String = headers
            .iter()
            .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
            .collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        Self {
            address: address.to_owned(),
            request: request.into_bytes(),
        }
    }
}

/// A connection that is kept.
pub(crate) struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub(crate) async fn open(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(&target.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(ROOM),
        })
    }

    /// Asks, reads the whole answer, and answers its status.
    pub(crate) async fn ask(&mut self, target: &Target) -> io::Result<u16> {
        self.stream.write_all(&target.request).await?;
        self.buffer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if whole.is_none() {
                whole = length(&self.buffer)?;
            }
        }
        let digits = self.buffer.get(9..12).unwrap_or_default();
        std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| io::Error::other("the answer has no status"))
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        let end = end_of_head(&self.buffer).unwrap_or(self.buffer.len());
        self.buffer.get(end..).unwrap_or_default()
    }
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    memchr::memmem::find(answer, b"\r\n\r\n").map(|end| end + 4)
}

/// Bytes of the whole answer, once its head is there.
fn length(answer: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = end_of_head(answer) else {
        return Ok(None);
    };
    let head = answer.get(..end).unwrap_or_default();
    if head.starts_with(b"HTTP/1.1 204") {
        return Ok(Some(end));
    }
    let digits = memchr::memmem::find(head, LENGTH).and_then(|at| head.get(at + LENGTH.len()..));
    let digits = digits.and_then(|rest| rest.split(|byte| *byte == b'\r').next());
    let body = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    body.map(|body| Some(end + body))
        .ok_or_else(|| io::Error::other("the answer does not say how long it is"))
}

/// What came of a load.
#[derive(Default)]
pub(crate) struct Load {
    /// Of the answers that were 200.
    pub(crate) times: Times,
    /// Answers that were not, and broken connections.
    pub(crate) errors: usize,
    elapsed: Duration,
}

impl Load {
    /// Answers with 200, a second.
    #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
    pub(crate) fn rate(&self) -> f64 {
        self.times.count() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// One that broke down.
    fn failed() -> Self {
        Self {
            errors: 1,
            ..Self::default()
        }
    }

    /// Takes over another, as if one had followed the other.
    pub(crate) fn then(&mut self, other: Self) {
        self.times.extend(other.times);
        self.errors += other.errors;
        self.elapsed += other.elapsed;
    }
}

/// Asks over so many connections for so long, each asking again as soon as it is answered. On two threads where there are
/// more connections than one, so that the system can share the cores out between them and what is asked.
pub(crate) async fn closed(target: &Target, connections: usize, length: Duration) -> Load {
    let begun = Instant::now();
    let end = begun + length;
    let threads = connections.min(2);
    let parts: Vec<_> = (0..threads)
        .map(|number| {
            let (target, own) = (target.clone(), (connections + number) / threads);
            tokio::task::spawn_blocking(move || on_a_thread(&target, own, end))
        })
        .collect();
    let mut load = Load::default();
    for part in parts {
        load.then(part.await.unwrap_or_else(|_| Load::failed()));
    }
    load.elapsed = begun.elapsed();
    load
}

fn on_a_thread(target: &Target, connections: usize, end: Instant) -> Load {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return Load::failed();
    };
    runtime.block_on(async {
        let lines: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(one(target.clone(), end)))
            .collect();
        let mut load = Load::default();
        for line in lines {
            load.then(line.await.unwrap_or_else(|_| Load::failed()));
        }
        load
    })
}

/// One connection of a load; a broken one is opened again.
async fn one(target: Target, end: Instant) -> Load {
    let mut load = Load::default();
    while Instant::now() < end {
        let Ok(mut line) = Line::open(&target).await else {
            load.errors += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        loop {
            let begun = Instant::now();
            if begun >= end {
                return load;
            }
            match line.ask(&target).await {
                Ok(200) => load.times.add(begun.elapsed()),
                Ok(_) => load.errors += 1,
                Err(_) => {
                    load.errors += 1;
                    break;
                }
            }
        }
    }
    load
}
