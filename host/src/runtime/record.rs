//! One line in the log for each call, whatever became of it, and the same figures for its caller.
//!
//! The target is `airlock::call`. A call that was answered, refused before it began or left by its caller is told at
//! `debug`, so that neither a busy app nor a flood fills the log; one that failed at `info`; a panic at `error`.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::guest::{Answer, Ask, CallFailure};
use super::guest_log::GuestLog;
use super::meter::{CallMeter, CallReport};
use super::plugin::Plugin;
use crate::cloud::InstanceCloud;
use crate::install::Tenant;
use crate::model::InstallId;

mod route;

/// The record of one call. Written when it is finished or, for a call that nobody waited for, when it is dropped.
pub(super) struct CallRecord {
    tenant: Tenant,
    plugin: Arc<Plugin>,
    call_id: String,
    route: String,
    request_bytes: usize,
    started: Instant,
    meter: Arc<CallMeter>,
    cloud: InstanceCloud,
    log: GuestLog,
    written: bool,
}

/// What one call was, and how it ended: the one source of its line.
struct Line<'a> {
    tenant: &'a Tenant,
    version: &'a str,
    call_id: &'a str,
    route: &'a str,
    outcome: &'static str,
    report: &'a CallReport,
}

impl CallRecord {
    pub(super) fn begin(
        tenant: Tenant,
        plugin: Arc<Plugin>,
        call_id: String,
        ask: &Ask,
        cloud: InstanceCloud,
        log: GuestLog,
    ) -> Self {
        let request_bytes = match ask {
            Ask::Portal(_, request) => request.body.len(),
            Ask::Installed(_) | Ask::Uninstalled(_) => 0,
        };
        Self {
            tenant,
            plugin,
            call_id,
            route: route_of(ask),
            request_bytes,
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

    pub(super) fn cloud(&self) -> &InstanceCloud {
        &self.cloud
    }

    /// Writes the line of a call that gave an answer.
    pub(super) fn answered(mut self, answer: &Answer) -> CallReport {
        let response_bytes = match answer {
            Answer::Portal(response) => response.body.len(),
            Answer::Hook(_) => 0,
        };
        self.write("ok", response_bytes, None)
    }

    /// Writes the line of a call that failed.
    pub(super) fn failed(mut self, failure: &CallFailure, detail: String) -> CallReport {
        self.write(failure.word(), 0, Some(detail))
    }

    fn write(
        &mut self,
        outcome: &'static str,
        response_bytes: usize,
        detail: Option<String>,
    ) -> CallReport {
        self.written = true;
        let micros =
            |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let cloud = self.cloud.meter();
        let report = CallReport {
            cpu_us: micros(self.meter.cpu()),
            wall_us: micros(self.started.elapsed()),
            host_us: micros(self.meter.host_time()),
            peak_memory_bytes: self.meter.peak_memory_bytes() as u64,
            cloud_calls: cloud.calls(),
            cloud_us: micros(cloud.time()),
            cloud_bytes: cloud.bytes(),
            request_bytes: self.request_bytes as u64,
            response_bytes: response_bytes as u64,
            denied: cloud.denied(),
            log_bytes: self.log.written_bytes() as u64,
            detail,
        };
        let line = Line {
            tenant: &self.tenant,
            version: &self.plugin.package().manifest().version,
            call_id: &self.call_id,
            route: &self.route,
            outcome,
            report: &report,
        };
        line.write();
        report
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if !self.written {
            let panicked = std::thread::panicking();
            self.write(if panicked { "panic" } else { "abandoned" }, 0, None);
        }
    }
}

/// Writes the line of a call that did not begin.
pub(super) fn not_begun(
    tenant: &Tenant,
    plugin: Option<&Plugin>,
    ask: &Ask,
    outcome: &'static str,
) {
    // The route is made for the line alone.
    if !tracing::enabled!(target: "airlock::call", Level::DEBUG) {
        return;
    }
    let line = Line {
        tenant,
        version: plugin.map_or("", |plugin| plugin.package().manifest().version.as_str()),
        call_id: "",
        route: &route_of(ask),
        outcome,
        report: &CallReport::default(),
    };
    line.write();
}

fn route_of(ask: &Ask) -> String {
    match ask {
        Ask::Portal(_, request) => route::template(&request.method, &request.path),
        Ask::Installed(_) => "installed".to_owned(),
        Ask::Uninstalled(_) => "uninstalled".to_owned(),
    }
}

impl Line<'_> {
    fn write(&self) {
        let (app, install, outcome) = (
            self.tenant.slug(),
            InstallId::as_str(self.tenant.install_id()),
            self.outcome,
        );
        let report = self.report;
        // The level of an event is fixed where it is written.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "airlock::call",
                    app = %app,
                    app.version = %self.version,
                    install.id = %install,
                    call = %self.call_id,
                    route = %self.route,
                    outcome,
                    detail = report.detail,
                    cpu_us = report.cpu_us,
                    wall_us = report.wall_us,
                    host_us = report.host_us,
                    peak_memory_bytes = report.peak_memory_bytes,
                    cloud_calls = report.cloud_calls,
                    cloud_us = report.cloud_us,
                    cloud_bytes = report.cloud_bytes,
                    request_bytes = report.request_bytes,
                    response_bytes = report.response_bytes,
                    log_bytes = report.log_bytes,
                    denied = %report.denied_scopes(),
                    "Called {app}: {outcome}"
                )
            };
        }
        match outcome {
            "panic" => line!(error),
            "ok" | "abandoned" | "busy" | "quarantined" | "not-serving" => line!(debug),
            _ => line!(info),
        }
    }
}
