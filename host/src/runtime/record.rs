//! One line in the log for each call, whatever became of it, and the same figures for its caller.

use std::sync::Arc;
use std::time::Instant;

use super::guest::CallFailure;
use super::guest_log::GuestLog;
use super::meter::{CallMeter, CallReport};
use crate::cloud::InstanceCloud;
use crate::model::{InstallId, Slug};

/// The record of one call. Written when it is finished or, for a call that nobody waited for, when it is dropped.
pub(super) struct CallRecord {
    app: Slug,
    version: String,
    install: InstallId,
    call_id: String,
    /// The method of a portal call, or the hook's name. Never the path: it may hold ids.
    kind: String,
    started: Instant,
    meter: Arc<CallMeter>,
    cloud: InstanceCloud,
    log: GuestLog,
    written: bool,
}

impl CallRecord {
    pub(super) fn begin(
        app: Slug,
        version: String,
        install: InstallId,
        call_id: String,
        kind: String,
        cloud: InstanceCloud,
        log: GuestLog,
    ) -> Self {
        Self {
            app,
            version,
            install,
            call_id,
            kind,
            started: Instant::now(),
            meter: Arc::default(),
            cloud,
            log,
            written: false,
        }
    }

    pub(super) fn meter(&self) -> &Arc<CallMeter> {
        &self.meter
    }

    pub(super) fn log(&self) -> &GuestLog {
        &self.log
    }

    /// Writes the line of a call that gave an answer.
    pub(super) fn answered(mut self) -> CallReport {
        self.write("ok", None)
    }

    /// Writes the line of a call that failed.
    pub(super) fn failed(mut self, failure: &CallFailure, detail: String) -> CallReport {
        self.write(failure.word(), Some(detail))
    }

    fn write(&mut self, outcome: &'static str, detail: Option<String>) -> CallReport {
        self.written = true;
        let cloud = self.cloud.meter();
        let report = CallReport {
            cpu_us: u64::try_from(self.meter.cpu().as_micros()).unwrap_or(u64::MAX),
            wall_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            peak_memory_bytes: self.meter.peak_memory_bytes() as u64,
            cloud_calls: cloud.calls(),
            denied: cloud.denied(),
            log_bytes: self.log.written_bytes() as u64,
            detail,
        };
        let cloud_ms = u64::try_from(cloud.time().as_millis()).unwrap_or(u64::MAX);
        let denied: Vec<_> = report.denied.iter().map(|scope| scope.as_str()).collect();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    app = %self.app,
                    app.version = %self.version,
                    install.id = %self.install,
                    call = %self.call_id,
                    kind = %self.kind,
                    outcome,
                    detail = report.detail,
                    cpu_us = report.cpu_us,
                    wall_us = report.wall_us,
                    cloud_calls = report.cloud_calls,
                    cloud_ms,
                    peak_memory_bytes = report.peak_memory_bytes,
                    log_bytes = report.log_bytes,
                    denied = %denied.join(","),
                    "Called {}: {outcome}",
                    self.app
                )
            };
        }
        if outcome == "ok" {
            line!(debug);
        } else {
            line!(info);
        }
        report
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if !self.written {
            let panicked = std::thread::panicking();
            self.write(if panicked { "panic" } else { "abandoned" }, None);
        }
    }
}
