//! `airlock keys`.

mod rotate;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::ask::{Answerer, answerer};
use super::{CommonArgs, Format, output};
use crate::install::KeyStatus;
use crate::secret::SecretList;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a master key and a session secret, as lines for the environment
    Generate {
        /// The number in the keys' names: one more than the newest you have
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        number: u32,
    },
    /// What each master key seals, how often it was used, and whether it may be removed
    Status(StatusArgs),
    /// Seal everything under the newest master key, while the host runs or not
    Rotate(rotate::RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Generate { number } => {
            generate(number);
            Ok(())
        }
        KeysCommand::Status(args) => status(args).await,
        KeysCommand::Rotate(args) => rotate::run(args).await,
    }
}

/// Prints new keys. They are shown once and kept nowhere.
fn generate(number: u32) {
    for (variable, letter) in [
        ("AIRLOCK_MASTER_KEYS", 'k'),
        ("AIRLOCK_SESSION_SECRETS", 's'),
    ] {
        let key = SecretList::generate(letter, number);
        #[expect(
            clippy::disallowed_methods,
            reason = "this command is asked to show them"
        )]
        let line = Zeroizing::new(format!("{variable}={}", key.expose_secret()));
        output::text(&line);
    }
}

async fn status(args: StatusArgs) -> anyhow::Result<()> {
    let keys = read(&answerer(&args.common).await?).await?;
    if args.format == Format::Json {
        return output::json(&keys);
    }
    let tables = |counts: &std::collections::BTreeMap<String, u64>| -> String {
        let cells = counts.iter().map(|(table, rows)| format!("{table} {rows}"));
        let text = cells.collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let removable = if key.removable { "yes" } else { "no" };
            vec![
                key.key.clone(),
                key.uses.to_string(),
                tables(&key.sealed),
                tables(&key.fingerprints),
                format!("{removable}: {}", key.reason),
            ]
        })
        .collect();
    output::table(
        &["KEY", "USES", "SEALS", "FINGERPRINTS", "MAY BE REMOVED"],
        &rows,
    );
    Ok(())
}

async fn read(answerer: &Answerer) -> anyhow::Result<Vec<KeyStatus>> {
    match answerer {
        Answerer::Running(host) => Ok(host.get("/keys").await?.unwrap_or_default()),
        Answerer::Here(host) => Ok(host.installs().key_status().await?),
    }
}
