//! `airlock dev`: a simulated Cloud, the host and the sample apps, in one process; what is saved is built and served.

mod inputs;
mod place;
mod rebuild;
mod register;
mod tools;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_cloud_sim::{CloudSim, Options};
use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{build, output, setup};
use crate::admin::AppReport;
use crate::app::{self, Host};
use crate::config::{Config, Layers};
use crate::model::SystemClock;

/// The operator's port stands this far from the public one.
const ADMIN_OFFSET: u16 = 1010;

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// The host's port; the dashboard gets the next one
    #[arg(long, default_value_t = 8080, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=64000))]
    port: u16,
    /// An app's folder to build and serve besides those in guests/; may be given again
    #[arg(long = "app", value_name = "FOLDER")]
    apps: Vec<PathBuf>,
    /// The origin under which the host is reached, where that is not 127.0.0.1
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The folder of packages
    #[arg(long, value_name = "FOLDER", default_value = "plugins")]
    plugins: PathBuf,
}

/// Builds, starts and connects everything, then serves until a signal.
pub(super) async fn run(args: DevArgs) -> anyhow::Result<()> {
    app::forbid_core_dumps()?;
    let secrets = place::secrets()?;
    // The ports first: whoever has to choose others should not wait for the build.
    let listeners = Listeners::bind(args.port).await?;
    let cloud = start_cloud(args.port).await?;
    // A build in a group of its own does not hear Ctrl-C by itself.
    let stopping = setup::stop_on_signal()?;
    let apps = build_apps(&args, &stopping).await;
    if stopping.is_cancelled() {
        cloud.shutdown().await;
        return Ok(());
    }
    let config = config(&args, &cloud)?;
    app::start_log(&config.log_filter, config.log_json)?;
    output::text("Loading the apps: each is compiled to machine code, which takes some seconds");
    let host = Host::open(config, &secrets, Arc::new(SystemClock::new()))
        .await
        .with_context(|| {
            format!(
                "starting the host; to begin anew, try: rm -r {}",
                place::FOLDER
            )
        })?;
    host.load_packages().await?;
    let mut registered = register::Registered::new(host.reports(), cloud.clone());
    let runtime = host.runtime().clone();
    let signer = app::signer(&secrets)?;
    let serving = tokio::spawn(host.serve(
        listeners.public,
        listeners.operator,
        signer,
        true,
        stopping.clone(),
    ));
    let reports_of_apps = registered.update().await?;
    banner(&args, &cloud, &reports_of_apps, &apps);
    let registering = tokio::spawn(registered.follow(runtime.clone(), stopping.clone()));
    let rebuilding = rebuild::run(apps.sources, args.plugins, runtime, stopping.clone());
    let rebuilding = tokio::spawn(rebuilding);
    let served = serving.await.context("the host stopped by itself")?;
    stopping.cancel();
    // A build under way is ended, with the compilers that it started.
    let _ = tokio::join!(registering, rebuilding);
    cloud.shutdown().await;
    served
}

/// What is developed.
struct Apps {
    sources: Vec<rebuild::Source>,
    /// What could not be built, and why.
    left_out: Vec<(String, String)>,
}

/// Builds the sample apps and those asked for. One that can't be built is left out, with the reason, until it is mended.
async fn build_apps(args: &DevArgs, stopping: &CancellationToken) -> Apps {
    let samples = build::sample_apps();
    let mut apps = Apps {
        sources: Vec::new(),
        left_out: Vec::new(),
    };
    if !samples.is_empty() || !args.apps.is_empty() {
        output::text("Setting up: a WebAssembly target for Rust, then the apps");
        output::text("(the first time this downloads and compiles, and takes a few minutes)");
        if let Err(error) = tools::ensure_wasm_target().await {
            output::failure(&error);
        }
    }
    for folder in samples.iter().chain(&args.apps) {
        // Before the build: what is saved meanwhile is built again.
        let mut source = rebuild::Source::begin(folder);
        let built = build::build(folder, &args.plugins, stopping).await;
        if stopping.is_cancelled() {
            break;
        }
        if let Err(error) = built {
            output::failure(&error);
            let reason = format!("{error:#}");
            apps.left_out.push((folder.display().to_string(), reason));
            source.iter_mut().for_each(rebuild::Source::failed);
        }
        apps.sources.extend(source);
    }
    apps
}

struct Listeners {
    public: TcpListener,
    operator: TcpListener,
}

impl Listeners {
    async fn bind(port: u16) -> anyhow::Result<Self> {
        let bind = async |wanted: u16| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
            TcpListener::bind(address).await.with_context(|| {
                let other = port.saturating_add(20);
                format!("port {wanted} is taken; try: airlock dev --port {other}")
            })
        };
        Ok(Self {
            public: bind(port).await?,
            operator: bind(port + ADMIN_OFFSET).await?,
        })
    }
}

async fn start_cloud(port: u16) -> anyhow::Result<CloudSim> {
    let options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port + 1)),
        public_host: "localhost".to_owned(),
        state_file: Some(Path::new(place::FOLDER).join("cloud.json")),
        ..Options::default()
    };
    CloudSim::start(options)
        .await
        .context("starting the simulated Cloud")
}

fn config(args: &DevArgs, cloud: &CloudSim) -> anyhow::Result<Config> {
    let mut layers = Layers::defaults();
    layers.add_file("airlock.toml".as_ref(), false)?;
    layers.add_environment(crate::config::environment())?;
    let public_url = args
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://127.0.0.1:{}", args.port));
    let data_dir = format!("{}/data", place::FOLDER);
    for (flag, name, value) in [
        ("port", "listen", format!("127.0.0.1:{}", args.port)),
        (
            "port",
            "admin_listen",
            format!("127.0.0.1:{}", args.port + ADMIN_OFFSET),
        ),
        ("public-url", "public_url", public_url),
        ("plugins", "plugins", args.plugins.display().to_string()),
        ("port", "data_dir", data_dir),
        ("port", "cloud.api_url", cloud.api_url().to_string()),
    ] {
        layers.add_flag(flag, name, &value)?;
    }
    let mut config = Config::from_layers(&layers)?;
    config.frame_ancestors.push(cloud.dashboard_origin());
    Ok(config)
}

fn banner(args: &DevArgs, cloud: &CloudSim, apps: &[AppReport], developed: &Apps) {
    let mut lines = vec![
        String::new(),
        "  Airlock is ready".to_owned(),
        String::new(),
        format!(
            "  Dashboard  {}  ← open this: install an app, launch it",
            cloud.dashboard_url()
        ),
        format!("  Host       http://127.0.0.1:{}", args.port),
        format!("  Operator   http://127.0.0.1:{}", args.port + ADMIN_OFFSET),
    ];
    lines.push(format!(
        "  Commands   airlock apps list --data-dir {}/data",
        place::FOLDER
    ));
    for app in apps {
        let version = app.version.as_deref().unwrap_or("-");
        let reason = app
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        lines.push(format!(
            "  App        {} {version}, {}{reason}",
            app.slug, app.status
        ));
    }
    if apps.is_empty() {
        lines.push("  App        none; try: airlock build guests/kyc".to_owned());
    }
    for (folder, reason) in &developed.left_out {
        lines.push(format!("  Left out   {folder}: {reason}"));
    }
    lines.push(if developed.sources.is_empty() {
        format!(
            "  Watching   {}: what is dropped in is live in a moment",
            args.plugins.display()
        )
    } else {
        let slugs: Vec<_> = developed
            .sources
            .iter()
            .map(rebuild::Source::slug)
            .collect();
        format!(
            "  Watching   {}: what you save is built, and live in open portals",
            slugs.join(", ")
        )
    });
    lines.push(String::new());
    lines.push("  Ctrl-C stops. State is kept in .airlock; remove it to begin anew.".to_owned());
    lines.push(String::new());
    output::text(&lines.join("\n"));
}
