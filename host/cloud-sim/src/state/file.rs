//! The state file: read once at the start, replaced as a whole after changes.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::State;
use crate::options::StartError;

/// The form of the file; a file of another form is refused.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct FileToWrite<'a> {
    version: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct FileToRead {
    state: State,
}

/// Reads the file. `None` when there is none yet.
pub(crate) async fn load(path: &Path) -> Result<Option<State>, StartError> {
    let bytes = match tokio::fs::read(path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StartError::StateFileUnreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    let damaged = |reason: String| StartError::StateFileDamaged {
        path: path.to_owned(),
        reason,
    };
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    // The version first: a file of another form has other fields.
    if value.get("version").and_then(Value::as_u64) != Some(u64::from(VERSION)) {
        return Err(damaged(format!("it is not of version {VERSION}")));
    }
    let file: FileToRead =
        serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    let FileToRead { mut state } = file;
    if state.instances.is_empty() {
        return Err(damaged("it names no instance".to_owned()));
    }
    for instance in &mut state.instances {
        instance.ledger.index();
    }
    Ok(Some(state))
}

impl State {
    /// The file's content.
    pub(crate) fn to_file(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&FileToWrite {
            version: VERSION,
            state: self,
        })
    }
}

/// Replaces the file: written beside, then renamed, so that a crash leaves the old or the new one.
/// Only the owner may read it, since it holds the simulated keys.
pub(crate) async fn save(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(beside).await?;
    file.write_all(content).await?;
    file.sync_all().await?;
    drop(file);
    tokio::fs::rename(beside, path).await
}
