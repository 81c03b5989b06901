//! `airlock config`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CommonArgs, Format, output};
use crate::config::{Config, keys, secret_variables, secrets};

/// What stands for a secret.
const MASK: &str = "••••••";

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check every value and show where it came from, secrets masked
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shows the effective configuration, or what is wrong with it.
pub(super) fn run(command: ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Check(args) = command;
    let layers = args.common.layers()?;
    let config = Config::from_layers(&layers)?;
    let mut rows: Vec<[String; 3]> = layers
        .iter()
        .map(|(name, value, source)| {
            let value = match name {
                // It may hold a password.
                "database.url" => format!("\"{}\"", config.database),
                name if keys::is_secret(name) => MASK.to_owned(),
                _ => value.to_string(),
            };
            [name.to_owned(), value, source.to_string()]
        })
        .collect();
    if layers.find("database.url").is_none() {
        rows.push([
            "database.url".into(),
            format!("\"{}\"", config.database),
            "default".into(),
        ]);
    }
    if config.public_url.is_none() {
        rows.push([
            "public_url".into(),
            "not set: `serve` needs it".into(),
            "-".into(),
        ]);
    }
    for variable in secrets::VARIABLES {
        let set = secrets::is_set(&secret_variables(), variable);
        rows.push([
            variable.into(),
            if set { MASK } else { "not set" }.into(),
            if set { "environment" } else { "-" }.into(),
        ]);
    }
    match args.format {
        Format::Table => {
            let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
            output::table(&["KEY", "VALUE", "FROM"], &rows);
            Ok(())
        }
        Format::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|[key, value, from]| json!({ "key": key, "value": value, "from": from }))
                .collect();
            output::json(&rows)
        }
    }
}
