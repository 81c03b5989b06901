//! What the benches share: percentiles, and the words around figures.
//!
//! A figure without its peer says little: machines and their load differ. So each bench runs what it measures and a
//! known piece of work side by side, in turns, and prints the ratio.

use std::time::{Duration, Instant};

/// Times of one piece of work.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Runs a piece of work and notes how long it took.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = std::hint::black_box(work());
        self.0.push(begun.elapsed());
        result
    }

    /// Notes a time.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Takes over the times of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Each of them, in the order in which they were noted.
    pub fn iter(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of them do not exceed; zero if there is none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among some thousands"
        )]
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        let at = rank.clamp(1, sorted.len().max(1)) - 1;
        sorted.get(at).copied().unwrap_or_default()
    }
}

/// One line of figures.
#[expect(clippy::print_stdout, reason = "figures are printed")]
pub fn line(what: &str, times: &Times) {
    println!(
        "{what:<44} p50 {:>9} p99 {:>9} max {:>9} of {}",
        shown(times.percentile(50.0)),
        shown(times.percentile(99.0)),
        shown(times.percentile(100.0)),
        times.count()
    );
}

/// How many times longer one takes than another, at one percentile.
pub fn ratio(one: &Times, other: &Times, percent: f64) -> f64 {
    one.percentile(percent).as_secs_f64() / other.percentile(percent).as_secs_f64().max(1e-9)
}

/// A duration with three digits.
pub fn shown(time: Duration) -> String {
    let nanos = time.as_secs_f64() * 1e9;
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Says what the machine was doing: figures from a busy one are worth less.
#[expect(clippy::print_stdout, reason = "figures are printed")]
pub fn heading(what: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{what}\n{cores} cores, load over 1, 5 and 15 minutes: {}",
        if load.is_empty() {
            "unknown".to_owned()
        } else {
            load.join(" ")
        }
    );
}

/// How long one part of a bench is to take: `--seconds N` of the command line, else `seconds`.
///
/// # Panics
///
/// Where the option has no whole number above zero.
#[expect(clippy::panic, reason = "a bench ends by a panic")]
pub fn seconds(seconds: u64) -> Duration {
    let mut words = std::env::args().skip_while(|word| word != "--seconds");
    let asked = match (words.next(), words.next()) {
        (None, _) => Some(seconds),
        (Some(_), number) => number.and_then(|number| number.parse().ok()),
    };
    match asked.filter(|seconds| *seconds > 0) {
        Some(seconds) => Duration::from_secs(seconds),
        None => panic!("--seconds needs a whole number above zero; try: --seconds 10"),
    }
}
