//! A package's own limits beside the operator's, and which of them is in force.

use serde::Serialize;

use crate::runtime::Limits;
use crate::runtime::limits::MIB;
use crate::runtime::manifest::LimitRequest;

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitLine {
    /// Its key under `[limits]`, which names the unit.
    pub limit: &'static str,
    /// What the package asks for, where it does.
    pub package: Option<u64>,
    /// The operator's ceiling.
    pub operator: u64,
    /// What holds.
    pub in_force: u64,
}

/// Every limit that a package may lower.
pub(super) fn lines(ceilings: &Limits, request: &LimitRequest) -> Vec<LimitLine> {
    let (limits, _) = ceilings.lowered(request);
    let asked = [
        request.memory_mib,
        request.portal.cpu_ms,
        request.portal.wall_ms,
        request.portal.cloud_calls,
        request.background.cpu_ms,
        request.background.wall_ms,
        request.background.cloud_calls,
    ];
    let operator = figures(ceilings);
    let rows = figures(&limits).into_iter().zip(operator).zip(asked);
    rows.map(|(((limit, in_force), (_, operator)), package)| LimitLine {
        limit,
        package,
        operator,
        in_force,
    })
    .collect()
}

fn figures(limits: &Limits) -> [(&'static str, u64); 7] {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (portal, background) = (&limits.portal, &limits.background);
    [
        ("memory_mib", (limits.memory_bytes / MIB) as u64),
        ("cpu_ms", millis(portal.cpu)),
        ("wall_ms", millis(portal.wall)),
        ("cloud_calls", portal.cloud_calls.into()),
        ("background_cpu_ms", millis(background.cpu)),
        ("background_wall_ms", millis(background.wall)),
        ("background_cloud_calls", background.cloud_calls.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Manifest;

    #[test]
    fn each_limit_shows_who_asks_who_allows_and_what_holds() {
        let text = "name = \"A\"\nversion = \"1.0.0\"\n[limits]\nmemory_mib = 32\nbackground_cpu_ms = 9000";
        let request = Manifest::parse(text).unwrap().limits;
        let lines = lines(&Limits::default(), &request);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.limit, line.package, line.operator, line.in_force))
            .collect();
        assert_eq!(
            told,
            [
                ("memory_mib", Some(32), 64, 32),
                ("cpu_ms", None, 250, 250),
                ("wall_ms", None, 5000, 5000),
                ("cloud_calls", None, 32, 32),
                ("background_cpu_ms", Some(9000), 2000, 2000),
                ("background_wall_ms", None, 30_000, 30_000),
                ("background_cloud_calls", None, 200, 200),
            ]
        );
    }
}
