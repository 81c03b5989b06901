//! `airlock migrate`.

use super::{CommonArgs, output};
use crate::app::{self, HostLock};
use crate::store::Database;

/// Brings the tables up to date, without a host. It does the same as any start.
pub(super) async fn run(args: CommonArgs) -> anyhow::Result<()> {
    let config = args.config()?;
    app::make_data_dir(&config.data_dir)?;
    let _lock = HostLock::take(&config.data_dir, &config.database)?;
    let database = Database::open(&config.database).await?;
    database.close().await;
    output::text(&format!(
        "The tables in {} are up to date.",
        config.database
    ));
    Ok(())
}
