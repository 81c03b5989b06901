//! Connections, proxies, Cloud's addresses and rates, as configured.

use std::net::IpAddr;

use ipnet::IpNet;

use super::layers::{ConfigError, Layers};

/// What the operator decides about connections and where they come from.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// Connections of a listener at once.
    pub connections: usize,
    /// Connections at once of one client.
    pub connections_per_address: usize,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where Cloud calls from, if that is known.
    pub sources: SourcePolicy,
    /// How often something may be asked.
    pub rates: RateSettings,
}

/// What is known of the addresses that Cloud calls from.
#[derive(Debug, Clone, Default)]
pub struct SourcePolicy {
    /// The ranges; without any, nothing is compared.
    pub ranges: Vec<IpNet>,
    /// Whether a call from elsewhere is refused. Else it is only reported.
    pub enforce: bool,
}

/// One limit: so many at once, and so many in each second after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In each second; 0 is no limit.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// The limits.
#[derive(Debug, Clone, Copy)]
pub struct RateSettings {
    /// What nobody who is meant to be here asks for: by address.
    pub unknown: Rate,
    /// Cloud's own requests: by app and address.
    pub cloud: Rate,
    /// Sessions opened: by app.
    pub session: Rate,
}

impl NetworkSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mode = layers.one_of("source_addresses_mode", &["report", "enforce"])?;
        Ok(Self {
            connections: size(layers, "listener.connections")?,
            connections_per_address: size(layers, "listener.connections_per_address")?,
            trusted_proxies: ranges(layers, "trusted_proxies")?,
            sources: SourcePolicy {
                ranges: ranges(layers, "source_addresses")?,
                enforce: mode == "enforce",
            },
            rates: RateSettings {
                unknown: rate(layers, "unknown")?,
                cloud: rate(layers, "cloud")?,
                session: rate(layers, "session")?,
            },
        })
    }
}

fn size(layers: &Layers, name: &str) -> Result<usize, ConfigError> {
    let number = layers.number(name, 1..=100_000)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn rate(layers: &Layers, what: &str) -> Result<Rate, ConfigError> {
    let part = |name: &str, least| {
        let number = layers.number(&format!("rate.{what}.{name}"), least..=1_000_000)?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    };
    Ok(Rate {
        per_second: part("per_second", 0)?,
        burst: part("burst", 1)?,
    })
}

/// A list of ranges such as `10.0.0.0/8`, or single addresses.
fn ranges(layers: &Layers, name: &str) -> Result<Vec<IpNet>, ConfigError> {
    let wrong = || {
        layers.wrong(
            name,
            "must be a list of addresses or ranges such as [\"10.0.0.0/8\", \"192.0.2.1\"]",
        )
    };
    let list = layers
        .find(name)
        .and_then(|(value, _)| value.as_array())
        .ok_or_else(wrong)?;
    list.iter()
        .map(|item| item.as_str().and_then(range).ok_or_else(wrong))
        .collect()
}

fn range(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn with(variable: &str, value: &str) -> Result<NetworkSettings, ConfigError> {
        let mut layers = Layers::defaults();
        layers.add_environment([(variable.to_owned(), value.to_owned())])?;
        Ok(Config::from_layers(&layers)?.network)
    }

    #[test]
    fn the_defaults_are_the_ruled_ones() {
        let network = with("AIRLOCK_LISTEN", "127.0.0.1:0").unwrap();
        assert_eq!(
            (network.connections, network.connections_per_address),
            (1024, 64)
        );
        let rate = |per_second, burst| Rate { per_second, burst };
        let rates = network.rates;
        assert_eq!(
            [rates.unknown, rates.cloud, rates.session],
            [rate(10, 10), rate(50, 500), rate(50, 128)]
        );
        assert!(network.trusted_proxies.is_empty() && network.sources.ranges.is_empty());
        assert!(!network.sources.enforce);
    }

    #[test]
    fn ranges_are_lists_of_addresses_and_networks() {
        let network = with("AIRLOCK_TRUSTED_PROXIES", r#"["10.0.0.0/8", "::1"]"#).unwrap();
        let shown: Vec<_> = network
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["10.0.0.0/8", "::1/128"]);
        for (variable, value) in [
            ("AIRLOCK_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("AIRLOCK_TRUSTED_PROXIES", r#"["10.0.0.0/33"]"#),
            ("AIRLOCK_TRUSTED_PROXIES", r#"["proxy.example"]"#),
            ("AIRLOCK_SOURCE_ADDRESSES", "[1]"),
            ("AIRLOCK_SOURCE_ADDRESSES_MODE", "log"),
            ("AIRLOCK_RATE__CLOUD__BURST", "0"),
            ("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "-1"),
            ("AIRLOCK_LISTENER__CONNECTIONS", "0"),
        ] {
            let error = with(variable, value).unwrap_err().to_string();
            assert!(error.contains(variable), "{variable}={value}: {error}");
        }
        assert_eq!(
            with("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "0")
                .unwrap()
                .rates
                .unknown
                .per_second,
            0
        );
    }
}
