//! Starting the log: text for people, JSON for machines, always to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts the log with a filter such as `info` or `airlock_host=debug`. A wrong filter is an error; a second start is
/// ignored.
pub fn start_log(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        anyhow::anyhow!("`log.filter`: {error}; try: info, or airlock_host=debug,info")
    })?;
    let colors = std::io::stderr().is_terminal();
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // Where the log can't be written it can't be said either: saying so would be a panic in the middle of a request.
        .log_internal_errors(false)
        .with_ansi(colors);
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.compact().try_init()
    };
    Ok(())
}
