//! `airlock serve`.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::{CommonArgs, secrets, setup};
use crate::app::{self, Host};
use crate::model::SystemClock;

/// Serves until a signal. Everything that can be wrong is found before a socket is opened to the world.
pub(super) async fn run(args: CommonArgs) -> anyhow::Result<()> {
    app::forbid_core_dumps()?;
    let config = args.config()?;
    app::start_log(&config.log_filter, config.log_json)?;
    config.required_public_url()?;
    let secrets = secrets()?;
    let signer = app::signer(&secrets)?;
    let (listen, admin_listen) = (config.listen, config.admin_listen);
    let stopping = setup::stop_on_signal()?;
    let host = Host::open(config, &secrets, Arc::new(SystemClock::new())).await?;
    drop(secrets);
    setup::reload_on_signal(host.key_reload(&signer))?;
    host.load_cached_packages().await?;
    let public = TcpListener::bind(listen).await.with_context(|| {
        format!("binding the public listener to {listen}; try: another --listen")
    })?;
    let operator = TcpListener::bind(admin_listen).await.with_context(|| {
        format!("binding the operator's listener to {admin_listen}; try: another --admin-listen")
    })?;
    host.serve(public, operator, signer, false, stopping).await
}
