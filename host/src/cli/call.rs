//! `airlock call`: one call of an app in the sandbox, against a simulated Cloud, with everything it used.
//!
//! The way is the real one: the package is loaded under the operator's limits, an install event with a key of the
//! simulated Cloud is received, the key is proven, and the call runs for that install. Database, data and package lie in
//! a folder of this run alone; a running host is not asked and not disturbed.

mod answer;
mod figures;
mod json;
mod request;
mod stage;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{CommonArgs, Format, Told, output, setup, subject};
use crate::model::Permission;
use crate::runtime::GuestRequest;
use request::{Header, Target};

#[derive(Debug, Args)]
#[command(after_help = "\
An answer of the app is printed whatever its status. Exit code 1 says that the
call itself failed: the app crashed, or a limit stopped it. What the app logs
goes to standard error.

In JSON the body is under `body` as text, under `body_json` too where it is
JSON, and under `body_base64` alone where it is not UTF-8.

Examples:
  airlock call kyc GET 'identities?search=ada'
  airlock call kyc GET me --grant data:read
  airlock call guests/kyc POST identities/idt_1/decision --body decision.json")]
pub(super) struct CallArgs {
    /// An app in the folder of packages, the folder of a package, or an app's own folder once it is built
    app: String,
    /// GET, HEAD, POST, PUT, PATCH or DELETE
    #[arg(value_parser = request::method)]
    method: &'static str,
    /// What the page would fetch, with its query: what follows `api/`
    #[arg(value_parser = request::target)]
    path: Target,
    /// The request's body from a file, `-` for standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header of the request, as `accept: text/html`; may be given again
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = request::header)]
    headers: Vec<Header>,
    /// The scopes that the user granted, separated by commas, or `none` [default: all that the package asks for]
    #[arg(long, value_name = "SCOPES", value_parser = request::grants)]
    grant: Option<request::GrantList>,
    /// Writes the answer's body into a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The configuration file [default: `AIRLOCK_CONFIG`, else airlock.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of packages
    #[arg(long, value_name = "FOLDER")]
    plugins: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Makes the call and prints it; fails without a further word where the call itself failed.
pub(super) async fn run(args: CallArgs) -> anyhow::Result<()> {
    let common = CommonArgs {
        config: args.config.clone(),
        plugins: args.plugins.clone(),
        ..CommonArgs::default()
    };
    let config = common.config()?;
    crate::app::show_guest_log();
    let folder = match subject::find("call", &args.app, &config.plugins)? {
        subject::Named::Folder(folder) => folder,
        subject::Named::File(path) => anyhow::bail!(
            "{} is a file, and a call needs the whole package; try: the app's name, or its folder",
            path.display()
        ),
    };
    let request = request(&args)?;
    let stopping = setup::stop_on_signal()?;
    let stage = stage::Stage::set(config, &folder).await?;
    // Whoever stops it must not leave the folder behind.
    let called = tokio::select! {
        called = stage.call(args.grant.as_ref().map(|list| list.0.as_slice()), request) => called,
        () = stopping.cancelled() => Err(anyhow::anyhow!("stopped before the call had ended")),
    };
    stage.clear().await;
    let called = called?;
    if let (Some(path), Ok(response)) = (&args.output, &called.result) {
        std::fs::write(path, &response.body)
            .with_context(|| format!("writing the answer's body into {}", path.display()))?;
    }
    match args.format {
        Format::Json => output::json(&answer::Called::new(&called, args.output.as_deref()))?,
        Format::Table => answer::print(&called, args.output.as_deref()),
    }
    if called.result.is_ok() {
        Ok(())
    } else {
        Err(Told.into())
    }
}

fn request(args: &CallArgs) -> anyhow::Result<GuestRequest> {
    let body = request::body(args.body.as_deref())?;
    Ok(GuestRequest {
        method: args.method.to_owned(),
        path: args.path.path.clone(),
        query: args.path.query.clone(),
        headers: request::told(&args.headers, &body),
        body,
    })
}

/// What a scope list is told as.
fn joined(scopes: &[Permission]) -> String {
    if scopes.is_empty() {
        return "none".to_owned();
    }
    let names = scopes.iter().map(|scope| scope.as_str());
    names.collect::<Vec<_>>().join(", ")
}
