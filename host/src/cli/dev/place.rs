//! `.airlock`: where development keeps its secrets and its state.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::config::{Secrets, secret_variables};
use crate::secret::SecretList;

/// The folder.
pub(super) const FOLDER: &str = ".airlock";
const FILE: &str = "secrets.env";

/// The secrets of the environment where they are set, else those of the folder, made the first time.
pub(super) fn secrets() -> anyhow::Result<Secrets> {
    let from_environment = Secrets::read(&secret_variables())?;
    let complete = from_environment.master_keys.is_some()
        && (from_environment.session_secrets.is_some()
            || from_environment.session_secret.is_some());
    if complete {
        return Ok(from_environment);
    }
    std::fs::create_dir_all(FOLDER).with_context(|| format!("making the folder {FOLDER}"))?;
    let path = Path::new(FOLDER).join(FILE);
    if !path.exists() {
        make(&path)
            .with_context(|| format!("making the secrets of development in {}", path.display()))?;
    }
    let text = std::fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.with_context(|| format!("reading {}", path.display()))?;
    let variables: Vec<(String, SecretString)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
        .collect();
    Ok(Secrets::read(&variables)?)
}

/// Writes new secrets beside their place and renames them there, so that a crash leaves no half file.
fn make(path: &Path) -> std::io::Result<()> {
    let mut text = Zeroizing::new(
        "# Secrets of development. Made by `airlock dev`; keep them out of version control.\n"
            .to_owned(),
    );
    for (variable, letter) in [
        ("AIRLOCK_MASTER_KEYS", 'k'),
        ("AIRLOCK_SESSION_SECRETS", 's'),
    ] {
        let key = SecretList::generate(letter, 1);
        #[expect(
            clippy::disallowed_methods,
            reason = "the file is where these secrets are kept"
        )]
        let line = Zeroizing::new(format!("{variable}={}\n", key.expose_secret()));
        text.push_str(&line);
    }
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(temporary, path)
}
