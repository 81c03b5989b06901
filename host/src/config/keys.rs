//! Every key there is: its name, its default, and what it means.

/// A key of `airlock.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name. In the environment: `AIRLOCK_` and the name in capitals, `__` for each dot.
    pub name: &'static str,
    /// The default as TOML; none where there is no default.
    pub default: Option<&'static str>,
    /// What it means.
    pub help: &'static str,
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        default: Some(default),
        help,
    }
}

/// The keys that stand outside `[apps.<slug>]`.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        "\"127.0.0.1:8080\"",
        "where the public listener binds",
    ),
    key(
        "admin_listen",
        "\"127.0.0.1:9090\"",
        "where the operator's listener binds; loopback only",
    ),
    Key {
        name: "public_url",
        default: None,
        help: "the origin under which the world knows the public listener",
    },
    key("plugins", "\"plugins\"", "the folder of packages"),
    key(
        "data_dir",
        "\"data\"",
        "the folder of the database and other state",
    ),
    Key {
        name: "database.url",
        default: None,
        help: "the database: sqlite://<path> or postgres://…; default is sqlite://{data_dir}/airlock.db",
    },
    key(
        "cloud.api_url",
        "\"https://api.cloud.blnkfinance.com\"",
        "Blnk Cloud's API; plain http on loopback only",
    ),
    key(
        "cloud.frame_ancestors",
        "[\"'self'\", \"https://blnkfinance.com\", \"https://*.blnkfinance.com\"]",
        "who may show the portal in a frame",
    ),
    key(
        "cloud.instance_id_on_alerts",
        "true",
        "whether calls of the Alerts API carry instance_id",
    ),
    key(
        "cloud.allow_detokenize",
        "false",
        "whether apps may read tokenized fields in plain",
    ),
    Key {
        name: "cloud.webhook_secret",
        default: None,
        help: "what Cloud would sign its calls with, as Blnk Core signs webhooks; unsigned calls are then refused",
    },
    key(
        "session.ttl",
        "\"15m\"",
        "how long a portal session lives; 15 minutes at most",
    ),
    key(
        "limits.portal.cpu_ms",
        "250",
        "processor time of one portal call in milliseconds",
    ),
    key(
        "limits.portal.wall_ms",
        "5000",
        "time of one portal call in milliseconds",
    ),
    key(
        "limits.portal.cloud_calls",
        "32",
        "Cloud calls of one portal call",
    ),
    key(
        "limits.background.cpu_ms",
        "2000",
        "processor time of one background call in milliseconds",
    ),
    key(
        "limits.background.wall_ms",
        "30000",
        "time of one background call in milliseconds",
    ),
    key(
        "limits.background.cloud_calls",
        "200",
        "Cloud calls of one background call",
    ),
    key(
        "limits.memory_mib",
        "64",
        "memory of one call, summed over all its memories",
    ),
    key("limits.running", "16", "calls of one app that run at once"),
    key(
        "limits.waiting",
        "64",
        "calls of one app that wait for their turn",
    ),
    key(
        "listener.connections",
        "1024",
        "connections of a listener at once; one more is closed",
    ),
    key(
        "listener.connections_per_address",
        "64",
        "connections of one address, or one IPv6 network of 64 bits; a client of a trusted proxy has so many requests",
    ),
    key(
        "trusted_proxies",
        "[]",
        "addresses and ranges of proxies whose X-Forwarded-For is believed",
    ),
    key(
        "source_addresses",
        "[]",
        "addresses and ranges that Cloud calls from; none means that nothing is compared",
    ),
    key(
        "source_addresses_mode",
        "\"report\"",
        "what happens to Cloud's calls from elsewhere: report or enforce",
    ),
    key(
        "rate.unknown.per_second",
        "10",
        "unknown paths, wrong secrets and invalid tokens of one address; 0 is no limit",
    ),
    key(
        "rate.unknown.burst",
        "10",
        "how many of them may come at once",
    ),
    key(
        "rate.cloud.per_second",
        "50",
        "Cloud's requests on each of the two addresses of one app; 0 is no limit",
    ),
    key(
        "rate.cloud.burst",
        "500",
        "how many of them may come at once",
    ),
    key(
        "rate.session.per_second",
        "50",
        "sessions opened for one app; 0 is no limit",
    ),
    key(
        "rate.session.burst",
        "128",
        "how many of them may come at once",
    ),
    key(
        "log.filter",
        "\"info\"",
        "what is logged, in the form of RUST_LOG",
    ),
    key("log.format", "\"text\"", "text or json"),
];

/// The keys inside `[apps.<slug>]`. `settings.*` takes any name.
pub const APP_KEYS: &[(&str, &str)] = &[
    ("app_id", "the id that Cloud gave the app"),
    ("enabled", "whether the app serves"),
    (
        "limits.cpu_ms",
        "processor time of one portal call in milliseconds",
    ),
    ("limits.wall_ms", "time of one portal call in milliseconds"),
    ("limits.memory_mib", "memory of one call"),
    ("limits.cloud_calls", "Cloud calls of one portal call"),
    ("settings.<name>", "a value for the app's own [settings]"),
];

/// Whether the value of a key is a secret, and so not shown.
pub fn is_secret(name: &str) -> bool {
    name == "cloud.webhook_secret"
}

/// Whether a dotted name is a key.
pub fn is_known(name: &str) -> bool {
    if KEYS.iter().any(|key| key.name == name) {
        return true;
    }
    let Some((slug, rest)) = name
        .strip_prefix("apps.")
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    let setting = rest
        .strip_prefix("settings.")
        .is_some_and(|name| !name.is_empty());
    !slug.is_empty() && (setting || APP_KEYS.iter().any(|(known, _)| *known == rest))
}

/// The known name nearest to a wrong one, if one is near.
pub fn nearest(name: &str) -> Option<String> {
    let (prefix, rest, candidates): (String, &str, Vec<&str>) = match name
        .strip_prefix("apps.")
        .and_then(|rest| rest.split_once('.'))
    {
        Some((slug, rest)) => (
            format!("apps.{slug}."),
            rest,
            APP_KEYS.iter().map(|(name, _)| *name).collect(),
        ),
        None => (
            String::new(),
            name,
            KEYS.iter().map(|key| key.name).collect(),
        ),
    };
    candidates
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(rest, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map(|(_, known)| format!("{prefix}{known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_nonsense_gets_none() {
        assert_eq!(nearest("cloud.apiurl").as_deref(), Some("cloud.api_url"));
        assert_eq!(
            nearest("apps.kyc.appid").as_deref(),
            Some("apps.kyc.app_id")
        );
        assert_eq!(nearest("zzzzzzzzzzzzzzzzzzzzzzzzzz"), None);
    }

    #[test]
    fn settings_of_apps_take_any_name() {
        assert!(is_known("apps.kyc.settings.review_countries"));
        assert!(!is_known("apps.kyc.settings."));
        assert!(!is_known("apps.kyc"));
    }

    #[test]
    fn every_default_is_toml() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert!(
                    toml::from_str::<toml::Table>(&format!("v = {default}")).is_ok(),
                    "{}",
                    key.name
                );
            }
        }
    }
}
