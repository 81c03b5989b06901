//! The configuration as typed values: one struct that the program is built from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::database::DatabaseUrl;
use super::layers::{ConfigError, Layers, Source};
use super::network::NetworkSettings;
use crate::model::{AppId, Slug};

/// What the operator set for one app.
#[derive(Debug, Clone, Default)]
pub struct AppSettings {
    /// The id that Cloud gave it.
    pub app_id: Option<AppId>,
    /// Whether it serves; unset means yes.
    pub enabled: Option<bool>,
    /// Values over the package's own `[settings]`.
    pub settings: BTreeMap<String, String>,
    /// Limits over the general ones.
    pub limits: LimitOverrides,
}

/// Limits that may be set for one app; each is unset unless the operator set it.
#[derive(Debug, Clone, Copy, Default)]
pub struct LimitOverrides {
    /// Processor time of a portal call in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Time of a portal call in milliseconds.
    pub wall_ms: Option<u64>,
    /// Memory of a call in MiB.
    pub memory_mib: Option<u64>,
    /// Cloud calls of a portal call.
    pub cloud_calls: Option<u64>,
}

/// General limits, as configured.
#[derive(Debug, Clone, Copy)]
pub struct LimitValues {
    /// Processor time and time of a portal call in milliseconds, and its Cloud calls.
    pub portal: (u64, u64, u64),
    /// The same of a background call.
    pub background: (u64, u64, u64),
    /// Memory of a call in MiB.
    pub memory_mib: u64,
    /// Calls of one app that run at once.
    pub running: u64,
    /// Calls of one app that wait.
    pub waiting: u64,
}

/// The configuration of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// Public listener.
    pub listen: SocketAddr,
    /// Operator's listener.
    pub admin_listen: SocketAddr,
    /// The public origin, if set.
    pub public_url: Option<Url>,
    /// Folder of packages.
    pub plugins: PathBuf,
    /// Folder of state.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseUrl,
    /// Cloud's API.
    pub cloud_api_url: Url,
    /// Sources of `frame-ancestors`.
    pub frame_ancestors: Vec<String>,
    /// Whether alerts carry `instance_id`.
    pub instance_id_on_alerts: bool,
    /// Whether guests may detokenize.
    pub allow_detokenize: bool,
    /// What Cloud would sign its calls with; none as long as it signs nothing.
    pub webhook_secret: Option<SecretString>,
    /// Life of a portal session.
    pub session_ttl: Duration,
    /// General limits.
    pub limits: LimitValues,
    /// Connections and who they come from.
    pub network: NetworkSettings,
    /// Log filter.
    pub log_filter: String,
    /// Whether the log is JSON.
    pub log_json: bool,
    /// By app.
    pub apps: BTreeMap<Slug, AppSettings>,
}

impl Config {
    /// Reads and checks every value.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let data_dir: PathBuf = layers.text("data_dir")?.into();
        Ok(Self {
            listen: layers.parsed("listen", "an address such as 127.0.0.1:8080")?,
            admin_listen: admin_address(layers)?,
            public_url: layers
                .find("public_url")
                .map(|_| public_url(layers))
                .transpose()?,
            plugins: layers.text("plugins")?.into(),
            database: DatabaseUrl::from_layers(layers, &data_dir)?,
            cloud_api_url: secure_url(layers, "cloud.api_url")?,
            frame_ancestors: frame_ancestors(layers)?,
            instance_id_on_alerts: layers.truth("cloud.instance_id_on_alerts")?,
            allow_detokenize: layers.truth("cloud.allow_detokenize")?,
            webhook_secret: webhook_secret(layers)?,
            session_ttl: session_ttl(layers)?,
            limits: LimitValues {
                portal: limits_of(layers, "portal")?,
                background: limits_of(layers, "background")?,
                memory_mib: layers.number("limits.memory_mib", MEMORY_MIB)?,
                running: layers.number("limits.running", 1..=1024)?,
                waiting: layers.number("limits.waiting", 0..=65_536)?,
            },
            network: NetworkSettings::from_layers(layers)?,
            log_filter: layers.text("log.filter")?,
            log_json: layers.one_of("log.format", &["text", "json"])? == "json",
            apps: apps(layers)?,
            data_dir,
        })
    }

    /// The public origin that `serve` must have.
    pub fn required_public_url(&self) -> Result<&Url, ConfigError> {
        self.public_url.as_ref().ok_or(ConfigError::Missing {
            name: "public_url",
            help: "the origin under which Cloud and browsers reach this host; \
                   try: --public-url https://apps.example.com",
        })
    }
}

/// Milliseconds of one call.
const MILLIS: RangeInclusive<u64> = 1..=600_000;
/// Memory of one call.
const MEMORY_MIB: RangeInclusive<u64> = 1..=4096;
/// Cloud calls of one call.
const CLOUD_CALLS: RangeInclusive<u64> = 0..=100_000;

fn limits_of(layers: &Layers, kind: &str) -> Result<(u64, u64, u64), ConfigError> {
    Ok((
        layers.number(&format!("limits.{kind}.cpu_ms"), MILLIS)?,
        layers.number(&format!("limits.{kind}.wall_ms"), MILLIS)?,
        layers.number(&format!("limits.{kind}.cloud_calls"), CLOUD_CALLS)?,
    ))
}

fn admin_address(layers: &Layers) -> Result<SocketAddr, ConfigError> {
    let address: SocketAddr = layers.parsed("admin_listen", "an address such as 127.0.0.1:9090")?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(layers.wrong(
        "admin_listen",
        "must be a loopback address: it is the operator's own door",
    ))
}

fn session_ttl(layers: &Layers) -> Result<Duration, ConfigError> {
    let text = layers.text("session.ttl")?;
    let (digits, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(&text), 1),
    };
    let seconds = digits
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 30..=900) => Ok(Duration::from_secs(seconds)),
        _ => Err(layers.wrong(
            "session.ttl",
            "must be 30s to 15m, such as 15m, 600s or 600",
        )),
    }
}

fn webhook_secret(layers: &Layers) -> Result<Option<SecretString>, ConfigError> {
    const NAME: &str = "cloud.webhook_secret";
    match layers.find(NAME) {
        None => Ok(None),
        Some((toml::Value::String(text), _)) if (16..=512).contains(&text.len()) => {
            Ok(Some(text.as_str().into()))
        }
        Some(_) => Err(layers.wrong(NAME, "must be a text of 16 to 512 bytes")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn secure_url(layers: &Layers, name: &str) -> Result<Url, ConfigError> {
    let url: Url = layers.parsed(name, "an address such as https://example.com")?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !secure {
        return Err(layers.wrong(name, "must be https; plain http is for loopback only"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(layers.wrong(name, "must have no user, query or fragment"));
    }
    Ok(url)
}

fn public_url(layers: &Layers) -> Result<Url, ConfigError> {
    let url = secure_url(layers, "public_url")?;
    if url.path() != "/" {
        return Err(layers.wrong("public_url", "must be an origin without a path"));
    }
    Ok(url)
}

/// Sources stand in a header: none of them may end the directive or the header.
fn frame_ancestors(layers: &Layers) -> Result<Vec<String>, ConfigError> {
    let name = "cloud.frame_ancestors";
    let wrong = || {
        layers.wrong(
            name,
            "must be a list of sources such as \"https://*.example.com\"",
        )
    };
    let (value, _) = layers.find(name).ok_or_else(wrong)?;
    let list = value.as_array().ok_or_else(wrong)?;
    let sound = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"'))
    };
    list.iter()
        .map(|item| {
            item.as_str()
                .filter(sound)
                .map(ToOwned::to_owned)
                .ok_or_else(wrong)
        })
        .collect()
}

fn apps(layers: &Layers) -> Result<BTreeMap<Slug, AppSettings>, ConfigError> {
    let mut apps: BTreeMap<Slug, AppSettings> = BTreeMap::new();
    for (name, value, _) in layers.iter() {
        let Some((slug, rest)) = name
            .strip_prefix("apps.")
            .and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let slug = Slug::parse(slug)
            .map_err(|error| layers.wrong(name, &format!("the app's name {error}")))?;
        let app = apps.entry(slug).or_default();
        let number = |range| layers.number(name, range).map(Some);
        match rest {
            "app_id" => {
                let id = AppId::parse(layers.text(name)?);
                app.app_id = Some(id.map_err(|error| layers.wrong(name, &error.to_string()))?);
            }
            "enabled" => app.enabled = Some(layers.truth(name)?),
            "limits.cpu_ms" => app.limits.cpu_ms = number(MILLIS)?,
            "limits.wall_ms" => app.limits.wall_ms = number(MILLIS)?,
            "limits.memory_mib" => app.limits.memory_mib = number(MEMORY_MIB)?,
            "limits.cloud_calls" => app.limits.cloud_calls = number(CLOUD_CALLS)?,
            other => {
                let setting = other.strip_prefix("settings.").unwrap_or(other);
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned);
                app.settings.insert(setting.to_owned(), text);
            }
        }
    }
    Ok(apps)
}

impl Layers {
    pub(super) fn wrong(&self, name: &str, reason: &str) -> ConfigError {
        let origin = self
            .find(name)
            .map_or(Source::Default, |(_, source)| source.clone());
        ConfigError::Value {
            name: name.to_owned(),
            origin,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<String, ConfigError> {
        match self.find(name) {
            Some((toml::Value::String(text), _)) if !text.is_empty() => Ok(text.clone()),
            Some((toml::Value::Integer(number), _)) => Ok(number.to_string()),
            _ => Err(self.wrong(name, "must be a text")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<T, ConfigError> {
        self.text(name)?
            .parse()
            .map_err(|_| self.wrong(name, &format!("must be {expected}")))
    }

    fn truth(&self, name: &str) -> Result<bool, ConfigError> {
        match self.find(name) {
            Some((toml::Value::Boolean(value), _)) => Ok(*value),
            _ => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let number = self
            .find(name)
            .and_then(|(value, _)| u64::try_from(value.as_integer()?).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.wrong(
                    name,
                    &format!("must be a number from {} to {}", range.start(), range.end()),
                )
            })
    }

    pub(super) fn one_of(
        &self,
        name: &str,
        known: &[&'static str],
    ) -> Result<&'static str, ConfigError> {
        let text = self.text(name)?;
        known
            .iter()
            .find(|word| **word == text)
            .copied()
            .ok_or_else(|| self.wrong(name, &format!("must be one of {}", known.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut layers = Layers::defaults();
        layers.add_environment(
            variables
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        )?;
        Config::from_layers(&layers)
    }

    #[test]
    fn the_defaults_are_a_configuration() {
        let config = with(&[]).unwrap();
        assert_eq!(config.limits.portal, (250, 5000, 32));
        assert_eq!(config.session_ttl, Duration::from_mins(15));
        assert!(config.required_public_url().is_err());
    }

    #[test]
    fn values_that_do_not_fit_are_refused_by_name_and_place() {
        for (variable, value) in [
            ("AIRLOCK_LISTEN", "here"),
            ("AIRLOCK_ADMIN_LISTEN", "0.0.0.0:9090"),
            ("AIRLOCK_PUBLIC_URL", "http://apps.example.com"),
            ("AIRLOCK_PUBLIC_URL", "https://apps.example.com/path"),
            ("AIRLOCK_CLOUD__API_URL", "http://10.0.0.1"),
            ("AIRLOCK_CLOUD__FRAME_ANCESTORS", "[\"https://a;b\"]"),
            ("AIRLOCK_SESSION__TTL", "16m"),
            ("AIRLOCK_DATABASE__URL", "mysql://localhost/airlock"),
            ("AIRLOCK_LIMITS__MEMORY_MIB", "0"),
            ("AIRLOCK_APPS__KYC__APP_ID", "a b"),
        ] {
            let error = with(&[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(variable), "{variable}={value}: {error}");
        }
    }

    #[test]
    fn settings_of_an_app_are_read_from_everywhere() {
        let config = with(&[
            ("AIRLOCK_APPS__KYC__APP_ID", "app_1"),
            ("AIRLOCK_APPS__KYC__SETTINGS__REVIEW_COUNTRIES", "RU"),
        ])
        .unwrap();
        let app = &config.apps[&Slug::parse("kyc").unwrap()];
        assert_eq!(app.app_id.as_ref().unwrap().as_str(), "app_1");
        assert_eq!(app.settings["review_countries"], "RU");
    }
}
