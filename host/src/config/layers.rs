//! The four places a value can come from, laid over each other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::keys::{self, KEYS};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can not be read.
    #[error("reading {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML. The message shows the place.
    #[error("{path} is not TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A key that does not exist.
    #[error("unknown key `{name}` in {origin}{}", hint(.nearest.as_ref()))]
    Unknown {
        /// The dotted name.
        name: String,
        /// Where it stands.
        origin: Source,
        /// The nearest key that exists.
        nearest: Option<String>,
    },
    /// A value that does not fit its key.
    #[error("`{name}` in {origin}: {reason}")]
    Value {
        /// The dotted name.
        name: String,
        /// Where it stands.
        origin: Source,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// A value without which this command can't run.
    #[error("`{name}` is not set: {help}")]
    Missing {
        /// The dotted name or the variable.
        name: &'static str,
        /// What it is for and how to set it.
        help: &'static str,
    },
}

fn hint(nearest: Option<&String>) -> String {
    nearest
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// Values with their origins, dotted name by dotted name.
#[derive(Clone, Default)]
pub struct Layers(BTreeMap<String, (toml::Value, Source)>);

/// The names alone: some of the values are secrets.
impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Layers {
    /// The defaults alone.
    pub fn defaults() -> Self {
        let mut layers = Self::default();
        for key in KEYS {
            if let Some(value) = key.default.and_then(parse_value) {
                layers
                    .0
                    .insert(key.name.to_owned(), (value, Source::Default));
            }
        }
        layers
    }

    /// Lays a file over what is there. A file that was not named may be missing.
    pub fn add_file(&mut self, path: &Path, must_exist: bool) -> Result<(), ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                return Ok(());
            }
            Err(source) => {
                return Err(ConfigError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.message().to_owned() + &place(&text, error.span()),
        })?;
        let source = Source::File(path.to_owned());
        let mut flat = Vec::new();
        flatten("", toml::Value::Table(table), &mut flat);
        flat.into_iter()
            .try_for_each(|(name, value)| self.add(name, value, source.clone()))
    }

    /// Lays the `AIRLOCK_…` variables over what is there. Variables of secrets are left to [`super::Secrets`].
    pub fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (variable, text) in variables {
            let Some(rest) = variable.strip_prefix("AIRLOCK_") else {
                continue;
            };
            if super::secrets::VARIABLES.contains(&variable.as_str())
                || variable == "AIRLOCK_CONFIG"
            {
                continue;
            }
            let name = environment_name(rest);
            self.add(name, text_value(&text), Source::Environment(variable))?;
        }
        Ok(())
    }

    /// Lays one flag over what is there.
    pub fn add_flag(
        &mut self,
        flag: &'static str,
        name: &str,
        text: &str,
    ) -> Result<(), ConfigError> {
        self.add(
            name.to_owned(),
            toml::Value::String(text.to_owned()),
            Source::Flag(flag),
        )
    }

    fn add(&mut self, name: String, value: toml::Value, source: Source) -> Result<(), ConfigError> {
        if !keys::is_known(&name) {
            let nearest = keys::nearest(&name);
            return Err(ConfigError::Unknown {
                name,
                origin: source,
                nearest,
            });
        }
        self.0.insert(name, (value, source));
        Ok(())
    }

    /// A value and its origin.
    pub fn find(&self, name: &str) -> Option<&(toml::Value, Source)> {
        self.0.get(name)
    }

    /// Every value in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &toml::Value, &Source)> {
        self.0
            .iter()
            .map(|(name, (value, source))| (name.as_str(), value, source))
    }
}

/// `CLOUD__API_URL` is `cloud.api_url`; in `APPS__BALANCE_WATCH__APP_ID` the slug's `_` stands for `-`.
fn environment_name(rest: &str) -> String {
    let mut parts: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if let [first, slug, ..] = parts.as_mut_slice()
        && first == "apps"
    {
        *slug = slug.replace('_', "-");
    }
    parts.join(".")
}

/// A variable is text; `[…]`, numbers and truth values are read as TOML.
fn text_value(text: &str) -> toml::Value {
    let plain = || toml::Value::String(text.to_owned());
    match parse_value(text) {
        Some(
            value @ (toml::Value::Array(_) | toml::Value::Integer(_) | toml::Value::Boolean(_)),
        ) => value,
        _ => plain(),
    }
}

fn parse_value(text: &str) -> Option<toml::Value> {
    toml::from_str::<toml::Table>(&format!("v = {text}"))
        .ok()?
        .remove("v")
}

fn flatten(prefix: &str, value: toml::Value, into: &mut Vec<(String, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let dotted = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&dotted, value, into);
            }
        }
        other => into.push((prefix.to_owned(), other)),
    }
}

fn place(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else {
        return String::new();
    };
    let line = before.matches('\n').count() + 1;
    format!(" (line {line})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("airlock.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let (_folder, path) =
            file("listen = \"1.1.1.1:1\"\n[cloud]\napi_url = \"https://file.example\"\n");
        let mut layers = Layers::defaults();
        layers.add_file(&path, true).unwrap();
        layers
            .add_environment([("AIRLOCK_LISTEN".to_owned(), "2.2.2.2:2".to_owned())])
            .unwrap();
        assert_eq!(layers.find("listen").unwrap().0.as_str(), Some("2.2.2.2:2"));
        layers.add_flag("listen", "listen", "3.3.3.3:3").unwrap();
        let (value, source) = layers.find("listen").unwrap();
        assert_eq!(
            (value.as_str(), source.to_string().as_str()),
            (Some("3.3.3.3:3"), "--listen")
        );
        assert_eq!(layers.find("cloud.api_url").unwrap().1, Source::File(path));
        assert_eq!(layers.find("plugins").unwrap().1, Source::Default);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_the_nearest_name() {
        let (_folder, path) = file("[cloud]\nap_url = \"x\"\n");
        let error = Layers::defaults()
            .add_file(&path, true)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("unknown key `cloud.ap_url` in "),
            "{error}"
        );
        assert!(error.ends_with("did you mean `cloud.api_url`?"), "{error}");
        let error = Layers::defaults()
            .add_environment([("AIRLOCK_LISTN".into(), "x".into())])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown key `listn` in AIRLOCK_LISTN; did you mean `listen`?"
        );
    }

    #[test]
    fn the_environment_names_apps_with_underscores() {
        assert_eq!(
            environment_name("APPS__BALANCE_WATCH__APP_ID"),
            "apps.balance-watch.app_id"
        );
        assert_eq!(environment_name("CLOUD__API_URL"), "cloud.api_url");
    }

    #[test]
    fn a_broken_file_is_told_with_its_line() {
        let (_folder, path) = file("listen = \"a\"\nplugins = \n");
        let error = Layers::defaults()
            .add_file(&path, true)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("is not TOML") && error.contains("(line 2)"),
            "{error}"
        );
    }
}
