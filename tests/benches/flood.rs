//! W6: what a flood of wrong secrets costs who is meant to be here, and what its timing tells.
//!
//! Three figures of one run: how slow a right request gets beside 5,000 wrong ones a second; statements of the database
//! that the flood caused; and how far the time of a secret that is right but for its last character is from that of a
//! random one, as an effect size (Cohen's d), since with enough samples any difference becomes significant.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench ends by a panic, and prints its figures"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "the tests' harness, of which a bench needs a part"
)]
#[path = "../it"]
mod it {
    pub(crate) mod support;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use it::support::Place;

/// Wrong requests a second, over so many connections.
const RATE: u32 = 5_000;
const FLOODERS: u32 = 20;
/// Right requests before and during the flood.
const SAMPLES: usize = 2_000;
/// Wrong requests of each kind whose time is compared.
const PAIRS: usize = 20_000;
/// The largest effect that passes: a tenth of a standard deviation.
const MOST_EFFECT: f64 = 0.1;
/// How much slower a right request may get beside the flood, at p99.
const MOST_RATIO: f64 = 2.0;

/// A connection that is kept.
struct Line {
    stream: TcpStream,
    name: String,
    buffer: Vec<u8>,
}

impl Line {
    async fn open(origin: &str) -> Self {
        let name = origin.strip_prefix("http://").unwrap().to_owned();
        let stream = TcpStream::connect(&name).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            name,
            buffer: Vec::new(),
        }
    }

    /// Asks, and answers status and time. The body's length is read from the head.
    async fn ask(&mut self, target: &str) -> (u16, Duration) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.name);
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the connection ended");
            whole = whole.or_else(|| length(&self.buffer));
        }
        let time = begun.elapsed();
        let status = std::str::from_utf8(&self.buffer[9..12]).unwrap();
        (status.parse().unwrap(), time)
    }
}

fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let body = head.split("content-length: ").nth(1)?;
    let body: usize = body.split("\r\n").next()?.parse().ok()?;
    Some(end + body)
}

/// Times of right requests, sorted.
async fn right(origin: &str, target: &str) -> Vec<Duration> {
    let mut line = Line::open(origin).await;
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let (status, time) = line.ask(target).await;
        assert_eq!(status, 200);
        times.push(time);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.sort();
    times
}

fn p99(times: &[Duration]) -> f64 {
    times[times.len() * 99 / 100].as_secs_f64() * 1e6
}

/// Wrong secrets at the rate, until told to stop. Answers how many.
async fn flood(origin: &str, stop: Arc<AtomicBool>, sent: Arc<AtomicUsize>) {
    let mut line = Line::open(origin).await;
    let mut turn = interval(Duration::from_secs(1) * FLOODERS / RATE);
    turn.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !stop.load(Ordering::Relaxed) {
        turn.tick().await;
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let (status, _) = line.ask(&format!("/api/callback/kyc/{number:0>43}")).await;
        assert!(matches!(status, 404 | 429), "{status}");
    }
}

/// Mean and variance.
fn moments(times: &[f64]) -> (f64, f64) {
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance)
}

/// The middle of the sorted times: what the scheduler adds to a few says nothing about secrets.
fn trimmed(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() * 95 / 100);
    times
}

async fn effect(origin: &str, callback: &str) -> (f64, f64, f64) {
    let mut near = callback.to_owned();
    let last = near.pop().unwrap();
    near.push(if last == 'A' { 'B' } else { 'A' });
    let random = format!(
        "/api/callback/kyc/{}",
        "7".repeat(callback.rsplit('/').next().unwrap().len())
    );
    let mut line = Line::open(origin).await;
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..PAIRS * 2 {
        // In an order that no drift of the machine follows.
        let kind = usize::from((number / 2 + number).is_multiple_of(2));
        let (status, time) = line.ask([&random, &near][kind]).await;
        assert_eq!(status, 404);
        times[kind].push(time.as_secs_f64() * 1e6);
    }
    let [random, near] = times.map(trimmed);
    let ((random, random_variance), (near, near_variance)) = (moments(&random), moments(&near));
    let spread = f64::midpoint(random_variance, near_variance).sqrt();
    (random, near, (near - random) / spread)
}

fn statements(place: &Place) -> usize {
    place.log_text().matches("db.statement").count()
}

#[tokio::main]
async fn main() {
    let nowhere = "http://127.0.0.1:9/".parse().unwrap();
    // The limits as they are by default, and a log that has every statement.
    let place = Place::new(&nowhere)
        .dud("kyc")
        .set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "10")
        .set("AIRLOCK_LOG__FILTER", "warn,sqlx=debug");
    let host = place.serve().await;
    let callback = host.cloud("kyc").await.callback;
    let origin = place.origin();
    let baseline = right(&origin, &callback).await;
    let before = statements(&place);
    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let begun = Instant::now();
    let flooders: Vec<_> = (0..FLOODERS)
        .map(|_| {
            let (origin, stop, sent) = (origin.clone(), stop.clone(), sent.clone());
            tokio::spawn(async move { flood(&origin, stop, sent).await })
        })
        .collect();
    let flooded = right(&origin, &callback).await;
    stop.store(true, Ordering::Relaxed);
    let rate = sent.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    for flooder in flooders {
        flooder.await.unwrap();
    }
    let caused = statements(&place) - before;
    assert!(host.stop().success());

    let unlimited = Place::new(&"http://127.0.0.1:9/".parse().unwrap())
        .dud("kyc")
        .set("AIRLOCK_LOG__FILTER", "warn");
    let host = unlimited.serve().await;
    let callback = host.cloud("kyc").await.callback;
    let (random, near, effect) = effect(&unlimited.origin(), &callback).await;
    assert!(host.stop().success());

    let ratio = p99(&flooded) / p99(&baseline);
    println!("flood                    {rate:.0} wrong secrets a second");
    println!("statements caused        {caused}");
    println!(
        "right request, p99       {:.0} us alone, {:.0} us beside it: x {ratio:.2} (at most x {MOST_RATIO}: {})",
        p99(&baseline),
        p99(&flooded),
        if ratio <= MOST_RATIO { "met" } else { "MISSED" }
    );
    println!(
        "wrong secret, mean       {random:.2} us random, {near:.2} us right but for the last character"
    );
    println!("effect size              d = {effect:+.4} (|d| <= {MOST_EFFECT})");
    assert_eq!(caused, 0, "a flood must cost no statement");
    assert!(
        effect.abs() <= MOST_EFFECT,
        "the time tells how near a guess was"
    );
}
