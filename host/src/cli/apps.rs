//! `airlock apps`.

mod addresses;
mod packages;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::ask::{Answerer, answerer};
use super::{CommonArgs, Format, output};
use crate::admin::{AppLine, AppReport};
use crate::model::Slug;

#[derive(Debug, Subcommand)]
pub(super) enum AppsCommand {
    /// Every app with its state, and why if it does not serve
    List(ListArgs),
    /// One app with the two addresses to register in Cloud (they hold secrets)
    Show(ShowArgs),
    /// Look at the packages now and tell what became of them; fails if one was refused
    Reload(packages::ReloadArgs),
    /// Switch an app on again
    Enable(packages::SwitchArgs),
    /// Switch an app off: it serves nobody, and still takes install events
    Disable(packages::SwitchArgs),
    /// Make new addresses for an app; those before work until they are retired
    RotateUrls(addresses::RotateArgs),
    /// Forget which `app_id` of Cloud an app was found to have
    Unpin(addresses::UnpinArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The app: the name of its folder
    app: String,
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(command: AppsCommand) -> anyhow::Result<()> {
    match command {
        AppsCommand::List(args) => list(args).await,
        AppsCommand::Show(args) => show(args).await,
        AppsCommand::Reload(args) => packages::reload(args).await,
        AppsCommand::Enable(args) => packages::enable(args).await,
        AppsCommand::Disable(args) => packages::disable(args).await,
        AppsCommand::RotateUrls(args) => addresses::rotate(args).await,
        AppsCommand::Unpin(args) => addresses::unpin(args).await,
    }
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let apps: Vec<AppLine> = match answerer(&args.common).await? {
        Answerer::Running(host) => host.get("/apps").await?.unwrap_or_default(),
        Answerer::Here(host) => {
            host.load_packages().await?;
            host.reports().apps()
        }
    };
    if args.format == Format::Json {
        return output::json(&apps);
    }
    if apps.is_empty() {
        output::text(
            "There are no apps. Build one into the folder of packages; try: airlock build guests/kyc",
        );
        return Ok(());
    }
    let rows: Vec<Vec<String>> = apps
        .into_iter()
        .map(|app| {
            vec![
                app.slug,
                dash(app.version),
                app.status,
                app.reason.unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["APP", "VERSION", "STATUS", "REASON"], &rows);
    Ok(())
}

async fn show(args: ShowArgs) -> anyhow::Result<()> {
    let slug = Slug::parse(&args.app).map_err(|error| anyhow::anyhow!("the app's name {error}"))?;
    let report: Option<AppReport> = match answerer(&args.common).await? {
        Answerer::Running(host) => host.get(&format!("/apps/{slug}")).await?,
        Answerer::Here(host) => {
            host.load_packages().await?;
            host.reports().app(&slug).await?
        }
    };
    let report =
        report.with_context(|| format!("there is no app `{slug}`; try: airlock apps list"))?;
    if args.format == Format::Json {
        return output::json(&report);
    }
    let mut rows = vec![
        ("app", report.slug),
        ("name", dash(report.name)),
        ("version", dash(report.version)),
        ("status", report.status),
        ("reason", dash(report.reason)),
        (
            "callback URL",
            report
                .callback_url
                .unwrap_or_else(|| "set public_url to see it".to_owned()),
        ),
        (
            "portal generator URL",
            report
                .portal_generator_url
                .unwrap_or_else(|| "set public_url to see it".to_owned()),
        ),
        (
            "app_id",
            report
                .app_id
                .unwrap_or_else(|| "not known yet: the first proven install pins it".to_owned()),
        ),
        ("sha256", dash(report.sha256)),
    ];
    rows.extend(
        report
            .permissions
            .into_iter()
            .map(|asked| ("permission", format!("{}: {}", asked.scope, asked.purpose))),
    );
    rows.extend(
        report
            .warnings
            .into_iter()
            .map(|warning| ("warning", warning)),
    );
    rows.extend(
        report
            .older_addresses
            .into_iter()
            .map(|older| ("older address", addresses::sentence(&older))),
    );
    output::facts(&rows);
    Ok(())
}

fn dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}
