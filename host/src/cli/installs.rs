//! `airlock installs`.

use clap::{Args, Subcommand};

use super::ask::{Answerer, answerer};
use super::{CommonArgs, Format, output};
use crate::admin::InstallLine;

#[derive(Debug, Subcommand)]
pub(super) enum InstallsCommand {
    /// Every install with its state and grants
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(command: InstallsCommand) -> anyhow::Result<()> {
    let InstallsCommand::List(args) = command;
    let installs: Vec<InstallLine> = match answerer(&args.common).await? {
        Answerer::Running(host) => host.get("/installs").await?.unwrap_or_default(),
        Answerer::Here(host) => host.reports().installs().await?,
    };
    if args.format == Format::Json {
        return output::json(&installs);
    }
    if installs.is_empty() {
        output::text(
            "There are no installs yet. They come from Blnk Cloud when a user installs an app.",
        );
        return Ok(());
    }
    let rows: Vec<Vec<String>> = installs
        .into_iter()
        .map(|install| {
            vec![
                install.installed_app_id,
                install.app,
                install.status,
                install.granted_permissions.join(","),
                install.instance_id,
                install.installed_at,
            ]
        })
        .collect();
    output::table(
        &[
            "INSTALL",
            "APP",
            "STATUS",
            "GRANTED",
            "INSTANCE",
            "INSTALLED",
        ],
        &rows,
    );
    Ok(())
}
