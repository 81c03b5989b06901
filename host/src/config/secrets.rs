//! Master keys and session secrets: from variables or from files that only their owner can read.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::layers::ConfigError;

/// The variables that hold secrets or name their files.
pub const VARIABLES: [&str; 5] = [
    "AIRLOCK_MASTER_KEYS",
    "AIRLOCK_MASTER_KEYS_FILE",
    "AIRLOCK_SESSION_SECRETS",
    "AIRLOCK_SESSION_SECRETS_FILE",
    "SESSION_SECRET",
];

/// Why secrets can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Not set.
    #[error(transparent)]
    Missing(#[from] ConfigError),
    /// The file can't be read.
    #[error("reading {path}, named by {variable}")]
    Read {
        /// The variable.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("{path}, named by {variable}, can be read by others; try: chmod 600 {path}")]
    Open {
        /// The variable.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Both a list and its file are set.
    #[error("{0} and {0}_FILE are both set; keep one")]
    Both(&'static str),
}

/// The secrets as configured, not parsed yet.
#[derive(Debug, Default)]
pub struct Secrets {
    /// `k2:<base64>,k1:<base64>`.
    pub master_keys: Option<SecretString>,
    /// `s2:<base64>,s1:<base64>`.
    pub session_secrets: Option<SecretString>,
    /// The platform's own variable: at least 32 bytes as they are.
    pub session_secret: Option<SecretString>,
}

impl Secrets {
    /// Reads them from variables and the files that variables name.
    pub fn read(variables: &[(String, SecretString)]) -> Result<Self, SecretsError> {
        let find = |name: &str| find(variables, name);
        let list = |name: &'static str, file: &'static str| match (find(name), find(file)) {
            (Some(_), Some(_)) => Err(SecretsError::Both(name)),
            (Some(text), None) => Ok(Some(text.clone())),
            (None, Some(path)) => read_file(file, path).map(Some),
            (None, None) => Ok(None),
        };
        Ok(Self {
            master_keys: list("AIRLOCK_MASTER_KEYS", "AIRLOCK_MASTER_KEYS_FILE")?,
            session_secrets: list("AIRLOCK_SESSION_SECRETS", "AIRLOCK_SESSION_SECRETS_FILE")?,
            session_secret: find("SESSION_SECRET").cloned(),
        })
    }

    /// The master keys, or what to do about it.
    pub fn master_keys(&self) -> Result<&SecretString, SecretsError> {
        self.master_keys.as_ref().ok_or_else(|| {
            ConfigError::Missing {
                name: "AIRLOCK_MASTER_KEYS",
                help: "it seals API keys; try: airlock keys generate, or name a file by AIRLOCK_MASTER_KEYS_FILE",
            }
            .into()
        })
    }
}

/// Whether a variable is there and not empty.
pub fn is_set(variables: &[(String, SecretString)], name: &str) -> bool {
    find(variables, name).is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "an empty variable is as good as none"
)]
fn find<'a>(variables: &'a [(String, SecretString)], name: &str) -> Option<&'a SecretString> {
    let mut named = variables.iter().filter(|(known, _)| known == name);
    named
        .find(|(_, value)| !value.expose_secret().is_empty())
        .map(|(_, value)| value)
}

fn read_file(variable: &'static str, path: &SecretString) -> Result<SecretString, SecretsError> {
    #[expect(clippy::disallowed_methods, reason = "the name of a file is no secret")]
    let path = Path::new(path.expose_secret());
    let read = |source| SecretsError::Read {
        variable,
        path: path.to_owned(),
        source,
    };
    if is_open_to_others(path).map_err(read)? {
        return Err(SecretsError::Open {
            variable,
            path: path.to_owned(),
        });
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(read)?);
    Ok(text.trim().into())
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn k7_a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "k1:abc\n").unwrap();
        let variables = [(
            "AIRLOCK_MASTER_KEYS_FILE".to_owned(),
            path.display().to_string().into(),
        )];
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Secrets::read(&variables),
            Err(SecretsError::Open { .. })
        ));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Secrets::read(&variables).unwrap().master_keys.is_some());
    }

    #[test]
    fn a_missing_key_says_how_to_make_one() {
        let error = Secrets::default().master_keys().unwrap_err().to_string();
        assert!(error.contains("airlock keys generate"), "{error}");
    }
}
