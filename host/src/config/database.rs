//! Where the state is kept: a file of `SQLite`, or `PostgreSQL` by address.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::layers::{ConfigError, Layers};

/// The database to open. Prints without its password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A server, with its password where it has one.
    Postgres(SecretString),
}

impl DatabaseUrl {
    /// Parses `sqlite://<path>` or `postgres://…`. The error says what is expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return match path {
                "" => Err("must name a file: sqlite://<path>"),
                _ => Ok(Self::Sqlite(path.into())),
            };
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {
                Ok(Self::Postgres(text.into()))
            }
            _ => {
                Err("must be sqlite://<path> or postgres://<user>:<password>@<host>:<port>/<name>")
            }
        }
    }

    /// From the configuration; a file in `data_dir` where nothing is set.
    pub(super) fn from_layers(layers: &Layers, data_dir: &Path) -> Result<Self, ConfigError> {
        if layers.find("database.url").is_none() {
            return Ok(Self::Sqlite(data_dir.join("airlock.db")));
        }
        Self::parse(&layers.text("database.url")?)
            .map_err(|expected| layers.wrong("database.url", expected))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                #[expect(clippy::disallowed_methods, reason = "shown with its password masked")]
                let shown = masked(url.expose_secret());
                formatter.write_str(&shown)
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The server and the name alone: a password may stand in the query too.
fn masked(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return "postgres://…".into();
    };
    let user = if url.username().is_empty() {
        String::new()
    } else if url.password().is_some() {
        format!("{}:••••••@", url.username())
    } else {
        format!("{}@", url.username())
    };
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    format!(
        "postgres://{user}{}{port}{}{query}",
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        let url = DatabaseUrl::parse(
            "postgresql://airlock:hunter2@db.example:6432/state?sslpassword=hunter2",
        )
        .expect("an address");
        assert_eq!(
            url.to_string(),
            "postgres://airlock:••••••@db.example:6432/state?…"
        );
        assert_eq!(format!("{url:?}"), url.to_string());
    }

    #[test]
    fn other_databases_are_refused_with_what_is_taken() {
        for text in ["mysql://root@localhost/x", "airlock.db", "sqlite://", ""] {
            assert!(DatabaseUrl::parse(text).is_err(), "{text}");
        }
    }
}
