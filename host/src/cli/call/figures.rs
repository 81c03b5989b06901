//! What a call used, beside what it may use.

use std::time::Duration;

use serde::Serialize;

use super::stage::Called;
use crate::cli::output;

/// What a call used. Scripts lean on `cpu_us`, `wall_us`, `peak_memory_bytes`, `cloud_calls`, `denied` and `log_bytes`.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    cpu_us: u64,
    wall_us: u64,
    peak_memory_bytes: u64,
    cloud_calls: u32,
    host_us: u64,
    cloud_us: u64,
    denied: Vec<&'static str>,
    log_bytes: u64,
    response_bytes: u64,
}

/// What a call may use, under the same names.
#[derive(Debug, Serialize)]
pub(super) struct Ceilings {
    cpu_us: u64,
    wall_us: u64,
    peak_memory_bytes: u64,
    cloud_calls: u32,
    log_bytes: u64,
    response_bytes: u64,
}

impl Used {
    pub(super) fn of(called: &Called) -> Self {
        let report = &called.report;
        Self {
            cpu_us: report.cpu_us,
            wall_us: report.wall_us,
            peak_memory_bytes: report.peak_memory_bytes,
            cloud_calls: report.cloud_calls,
            host_us: report.host_us,
            cloud_us: report.cloud_us,
            denied: report.denied.iter().map(|scope| scope.as_str()).collect(),
            log_bytes: report.log_bytes,
            response_bytes: report.response_bytes,
        }
    }

    /// The scopes that the app tried without having them.
    pub(super) fn denied(&self) -> &[&'static str] {
        &self.denied
    }
}

impl Ceilings {
    pub(super) fn of(called: &Called) -> Self {
        let limits = &called.limits;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            cpu_us: micros(limits.portal.cpu),
            wall_us: micros(limits.portal.wall),
            peak_memory_bytes: limits.memory_bytes as u64,
            cloud_calls: limits.portal.cloud_calls,
            log_bytes: limits.log_bytes as u64,
            response_bytes: limits.response_bytes as u64,
        }
    }
}

/// Rows of what was used, what of, and its share.
pub(super) fn rows(used: &Used, ceilings: &Ceilings) -> Vec<Vec<String>> {
    type Told = fn(u64) -> String;
    let time: Told = |micros| told_time(Duration::from_micros(micros));
    let count: Told = |number| number.to_string();
    let rows: [(&str, u64, u64, Told); 6] = [
        ("cpu", used.cpu_us, ceilings.cpu_us, time),
        ("wall", used.wall_us, ceilings.wall_us, time),
        (
            "memory",
            used.peak_memory_bytes,
            ceilings.peak_memory_bytes,
            output::bytes,
        ),
        (
            "Cloud calls",
            used.cloud_calls.into(),
            ceilings.cloud_calls.into(),
            count,
        ),
        ("log", used.log_bytes, ceilings.log_bytes, output::bytes),
        (
            "response",
            used.response_bytes,
            ceilings.response_bytes,
            output::bytes,
        ),
    ];
    rows.into_iter()
        .map(|(name, used, ceiling, told)| {
            vec![
                name.to_owned(),
                told(used),
                told(ceiling),
                share(used, ceiling),
            ]
        })
        .collect()
}

/// Time for people, as `3.4 ms`.
fn told_time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 1000.0 {
        let text = format!("{millis:.1}");
        return format!("{} ms", text.strip_suffix(".0").unwrap_or(&text));
    }
    let text = format!("{:.1}", millis / 1000.0);
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}

/// A share in percent; what is used at all is never 0.
fn share(used: u64, of: u64) -> String {
    match used.saturating_mul(100).checked_div(of) {
        Some(0) if used > 0 => "< 1 %".to_owned(),
        Some(percent) => format!("{percent} %"),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_whole_percents_and_never_hides_that_something_was_used() {
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(1, 1000), "< 1 %");
        assert_eq!(share(125, 250), "50 %");
        assert_eq!(share(0, 0), "-");
    }

    #[test]
    fn times_are_short_and_say_their_unit() {
        for (micros, expected) in [
            (0, "0 ms"),
            (1234, "1.2 ms"),
            (250_000, "250 ms"),
            (5_000_000, "5 s"),
        ] {
            assert_eq!(told_time(Duration::from_micros(micros)), expected);
        }
    }
}
