//! What a call may use: the operator's ceilings, what a package lowers, and the limiter of one store.
//!
//! Memories and tables are summed over the whole store. The limits that Wasmtime ships count each memory alone, so a
//! component with twenty of them would get twenty times the ceiling.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::manifest::LimitRequest;
use super::meter::CallMeter;

/// One mebibyte.
pub const MIB: usize = 1024 * 1024;
/// One page of linear memory, in bytes.
pub const PAGE: u64 = 64 * 1024;
/// Elements of all tables of one store. A guest built from C or Rust has a few hundred.
pub const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Core instances of one component: Python's runtime has more than thirty.
pub const MAX_CORE_INSTANCES: u32 = 200;
/// Linear memories of one component, for the same reason.
pub const MAX_MEMORIES: u32 = 20;
/// Tables of one component, for the same reason.
pub const MAX_TABLES: u32 = 20;
/// Calls from a guest into the host within one call.
pub const MAX_HOST_CALLS: u32 = 10_000;
/// Bytes that one guest call may make the host lift out of guest memory at once.
pub const MAX_LIFTED_BYTES: usize = 4 * MIB;
/// Handles to resources that the components of one store may hold.
pub const MAX_HANDLES: usize = 1_000;
/// Resources that the host keeps for one store.
pub const MAX_RESOURCES: usize = 1_000;
/// Bytes that one call of `wasi:random` may ask for.
pub const MAX_RANDOM_BYTES: u64 = 64 * 1024;

/// Limits of one kind of call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// CPU time of the guest and of the host functions it calls, instantiation included.
    pub cpu: Duration,
    /// Time on the clock, instantiation and host functions included.
    pub wall: Duration,
    /// Calls to Blnk Cloud.
    pub cloud_calls: u32,
    /// Calls to Blnk Cloud at the same time.
    pub parallel_cloud_calls: usize,
}

/// What the operator lets an app use. A package may only lower it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A portal call: a person waits for it.
    pub portal: CallLimits,
    /// A hook or a job: nobody waits for it.
    pub background: CallLimits,
    /// Bytes of all linear memories of one store.
    pub memory_bytes: usize,
    /// Bytes of the body of an answer.
    pub response_bytes: usize,
    /// Bytes of one reply of Cloud.
    pub cloud_reply_bytes: usize,
    /// Bytes that one call may log, output included.
    pub log_bytes: usize,
    /// Bytes of one line of the log.
    pub log_line_bytes: usize,
    /// Portal calls of one app that run at the same time; one install gets at most half of them.
    pub running: usize,
    /// Portal calls of one app that wait for that.
    pub waiting: usize,
    /// Background calls of one app that run at the same time.
    pub background_running: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            portal: CallLimits {
                cpu: Duration::from_millis(250),
                wall: Duration::from_secs(5),
                cloud_calls: 32,
                parallel_cloud_calls: 4,
            },
            background: CallLimits {
                cpu: Duration::from_secs(2),
                wall: Duration::from_secs(30),
                cloud_calls: 200,
                parallel_cloud_calls: 4,
            },
            memory_bytes: 64 * MIB,
            response_bytes: 2 * MIB,
            cloud_reply_bytes: 2 * MIB,
            log_bytes: 64 * 1024,
            log_line_bytes: 4 * 1024,
            running: 16,
            waiting: 64,
            background_running: 4,
        }
    }
}

impl Limits {
    /// These limits where the package asks for less, and a sentence for each thing of which it asks for more.
    #[must_use]
    pub fn lowered(&self, request: &LimitRequest) -> (Self, Vec<String>) {
        let mut limits = self.clone();
        let mut warnings = Vec::new();
        let mut lower = |name: &str, asked: Option<u64>, ceiling: u64| match asked {
            Some(asked) if asked > ceiling => {
                warnings.push(format!(
                    "[limits] {name} = {asked} is above this host's {ceiling}, which stays in force"
                ));
                ceiling
            }
            Some(asked) => asked,
            None => ceiling,
        };
        let memory_mib = lower(
            "memory_mib",
            request.memory_mib,
            (self.memory_bytes / MIB) as u64,
        );
        if request.memory_mib.is_some() {
            limits.memory_bytes = usize::try_from(memory_mib)
                .unwrap_or(usize::MAX)
                .saturating_mul(MIB);
        }
        for (prefix, call, asked) in [
            ("", &mut limits.portal, &request.portal),
            ("background_", &mut limits.background, &request.background),
        ] {
            call.cpu = Duration::from_millis(lower(
                &format!("{prefix}cpu_ms"),
                asked.cpu_ms,
                millis(call.cpu),
            ));
            call.wall = Duration::from_millis(lower(
                &format!("{prefix}wall_ms"),
                asked.wall_ms,
                millis(call.wall),
            ));
            let calls = lower(
                &format!("{prefix}cloud_calls"),
                asked.cloud_calls,
                u64::from(call.cloud_calls),
            );
            call.cloud_calls = u32::try_from(calls).unwrap_or(call.cloud_calls);
        }
        (limits, warnings)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The limiter of one store. A growth past the ceiling fails as the guest's language expects it to (`memory.grow`
/// answers -1), and the meter remembers that it was refused.
#[derive(Debug)]
pub struct StoreLimiter {
    meter: Arc<CallMeter>,
    memory_ceiling: usize,
    memory_bytes: usize,
    table_elements: usize,
}

impl StoreLimiter {
    /// A limiter that allows `memory_ceiling` bytes of linear memory and reports to `meter`.
    pub fn new(meter: Arc<CallMeter>, memory_ceiling: usize) -> Self {
        Self {
            meter,
            memory_ceiling,
            memory_bytes: 0,
            table_elements: 0,
        }
    }
}

/// Whether a growth would fail for the memory's or the table's own maximum. It is not counted then: nothing grows.
///
/// What else may fail afterwards stays counted. Wasmtime tells of it, but not of which growth, and also of some that it
/// never asked about.
fn is_beyond(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self
            .memory_bytes
            .saturating_add(desired.saturating_sub(current));
        if sum > self.memory_ceiling {
            self.meter.note_memory_refused();
            return Ok(false);
        }
        if is_beyond(desired, maximum) {
            return Ok(false);
        }
        self.memory_bytes = sum;
        self.meter.note_memory(sum);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if sum > MAX_TABLE_ELEMENTS {
            self.meter.note_memory_refused();
            return Ok(false);
        }
        if is_beyond(desired, maximum) {
            return Ok(false);
        }
        self.table_elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::manifest::CallLimitRequest;

    fn limiter() -> (Arc<CallMeter>, StoreLimiter) {
        let meter = Arc::new(CallMeter::default());
        (Arc::clone(&meter), StoreLimiter::new(meter, 10 * MIB))
    }

    #[test]
    fn h06_the_memories_of_a_store_are_summed() {
        let (meter, mut limiter) = limiter();
        assert!(limiter.memory_growing(0, 6 * MIB, None).unwrap());
        assert!(limiter.memory_growing(0, 4 * MIB, None).unwrap());
        assert!(!limiter.memory_growing(0, 1, None).unwrap());
        assert!(meter.memory_was_refused());
        assert_eq!(meter.peak_memory_bytes(), 10 * MIB);
    }

    #[test]
    fn h07_the_tables_of_a_store_are_summed() {
        let (_, mut limiter) = limiter();
        assert!(limiter.table_growing(0, 15_000, None).unwrap());
        assert!(!limiter.table_growing(0, 5_001, None).unwrap());
        assert!(!limiter.table_growing(15_000, usize::MAX, None).unwrap());
        assert!(limiter.table_growing(15_000, 20_000, None).unwrap());
    }

    #[test]
    fn a_growth_beyond_its_own_maximum_is_not_counted() {
        let (meter, mut limiter) = limiter();
        assert!(limiter.memory_growing(0, MIB, Some(2 * MIB)).unwrap());
        for _ in 0..3 {
            assert!(!limiter.memory_growing(MIB, 5 * MIB, Some(2 * MIB)).unwrap());
        }
        assert!(!meter.memory_was_refused());
        assert_eq!(meter.peak_memory_bytes(), MIB);
        assert!(limiter.memory_growing(0, 9 * MIB, None).unwrap());
        for _ in 0..3 {
            assert!(!limiter.table_growing(0, 15_000, Some(10_000)).unwrap());
        }
        assert!(limiter.table_growing(0, 20_000, Some(20_000)).unwrap());
    }

    #[test]
    fn a_package_lowers_limits_and_never_raises_them() {
        let request = LimitRequest {
            memory_mib: Some(32),
            portal: CallLimitRequest {
                cpu_ms: Some(9_999),
                wall_ms: Some(1_000),
                cloud_calls: Some(3),
            },
            background: CallLimitRequest::default(),
        };
        let (limits, warnings) = Limits::default().lowered(&request);
        assert_eq!(limits.memory_bytes, 32 * MIB);
        assert_eq!(limits.portal.cpu, Duration::from_millis(250));
        assert_eq!(limits.portal.wall, Duration::from_secs(1));
        assert_eq!(limits.portal.cloud_calls, 3);
        assert_eq!(limits.background, Limits::default().background);
        assert_eq!(
            warnings,
            ["[limits] cpu_ms = 9999 is above this host's 250, which stays in force"]
        );
    }
}
