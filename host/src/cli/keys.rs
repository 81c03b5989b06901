//! `airlock keys`.

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::output;
use crate::secret::SecretList;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a master key and a session secret, as lines for the environment
    Generate {
        /// The number in the keys' names: one more than the newest you have
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        number: u32,
    },
}

/// Prints new keys. They are shown once and kept nowhere.
pub(super) fn run(command: &KeysCommand) {
    let KeysCommand::Generate { number } = command;
    for (variable, letter) in [
        ("AIRLOCK_MASTER_KEYS", 'k'),
        ("AIRLOCK_SESSION_SECRETS", 's'),
    ] {
        let key = SecretList::generate(letter, *number);
        #[expect(
            clippy::disallowed_methods,
            reason = "this command is asked to show them"
        )]
        output::text(&format!("{variable}={}", key.expose_secret()));
    }
}
