//! What the operator's commands show: the same words whether a running host is asked or the folders are read.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::AdminParts;
use crate::install::{EndpointKind, Endpoints, Installs};
use crate::model::Slug;
use crate::runtime::{App, Change, Runtime, Shut};
use crate::store::StoreError;
use crate::store::installs::InstallRow;

/// A line of `apps list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AppLine {
    /// The app's folder.
    pub slug: String,
    /// From its manifest, if that could be read.
    pub version: Option<String>,
    /// `serving`, `quarantined`, `broken` or `disabled`.
    pub status: String,
    /// Why it does not serve, or not everybody.
    pub reason: Option<String>,
}

/// Apps by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AppCounts {
    /// They serve, if perhaps not every install.
    pub serving: usize,
    /// They keep failing and serve nobody for a while.
    pub quarantined: usize,
    /// Their packages can't be served.
    pub broken: usize,
    /// They are switched off.
    pub disabled: usize,
}

/// A line of `apps reload`: what became of an app when its package was looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReloadLine {
    /// The app's folder.
    pub slug: String,
    /// `loaded`, `unchanged`, `refused`, `removed` or `off`.
    pub change: String,
    /// Of the version that serves, or of what could be read.
    pub version: Option<String>,
    /// `serving`, `quarantined`, `broken` or `disabled`; none without a package.
    pub status: Option<String>,
    /// Why it does not serve, or why a newer package was refused.
    pub reason: Option<String>,
    /// Of the same version: digest over manifest, component and page.
    pub sha256: Option<String>,
}

/// A permission that a package asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AskedPermission {
    /// The scope.
    pub scope: String,
    /// The sentence that tells the user why.
    pub purpose: String,
}

/// `apps show`: one app, with the two addresses to register in Cloud.
#[derive(Clone, Serialize, Deserialize)]
pub struct AppReport {
    /// The app's folder.
    pub slug: String,
    /// From its manifest.
    pub name: Option<String>,
    /// From its manifest.
    pub version: Option<String>,
    /// From its manifest.
    pub description: Option<String>,
    /// From its manifest.
    pub developer: Option<String>,
    /// `serving`, `quarantined`, `broken` or `disabled`.
    pub status: String,
    /// Why it does not serve, or not everybody.
    pub reason: Option<String>,
    /// What is odd about it, though it serves.
    pub warnings: Vec<String>,
    /// Where Cloud sends events. Holds a secret.
    pub callback_url: Option<String>,
    /// Where Cloud asks for a portal address. Holds a secret.
    pub portal_generator_url: Option<String>,
    /// What it asks for.
    pub permissions: Vec<AskedPermission>,
    /// Digest over manifest, component and page.
    pub sha256: Option<String>,
    /// The `app_id` that it belongs to, once known.
    pub app_id: Option<String>,
    /// Addresses before these that still work.
    #[serde(default)]
    pub older_addresses: Vec<OlderAddress>,
}

/// An address that was changed and still works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OlderAddress {
    /// `callback` or `portal`.
    pub kind: String,
    /// RFC 3339; none if nobody has used it.
    pub last_used_at: Option<String>,
}

/// The two addresses of an app, as `apps rotate-urls` shows them.
#[derive(Clone, Serialize, Deserialize)]
pub struct AddressReport {
    /// The app's folder.
    pub slug: String,
    /// Where Cloud sends events. Holds a secret.
    pub callback_url: Option<String>,
    /// Where Cloud asks for a portal address. Holds a secret.
    pub portal_generator_url: Option<String>,
    /// Addresses before these that still work.
    pub older_addresses: Vec<OlderAddress>,
}

/// A line of `installs list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstallLine {
    /// The installation.
    pub installed_app_id: String,
    /// The app's folder.
    pub app: String,
    /// The app in Cloud.
    pub app_id: String,
    /// The instance.
    pub instance_id: String,
    /// The workspace, where Cloud told it.
    pub organization_id: Option<String>,
    /// Where it stands.
    pub status: String,
    /// What the user granted.
    pub granted_permissions: Vec<String>,
    /// The showable part of the key.
    pub api_key_prefix: String,
    /// RFC 3339.
    pub installed_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// Reads what the commands show.
#[derive(Clone)]
pub struct Reports {
    installs: Installs,
    endpoints: Endpoints,
    runtime: Runtime,
    public_url: Option<Url>,
}

impl Reports {
    /// Over the parts of a host.
    pub fn new(parts: &AdminParts) -> Self {
        Self {
            installs: parts.installs.clone(),
            endpoints: parts.endpoints.clone(),
            runtime: parts.runtime.clone(),
            public_url: parts.public_url.clone(),
        }
    }

    /// Every app, in the order of the slugs.
    pub fn apps(&self) -> Vec<AppLine> {
        self.runtime
            .registry()
            .list()
            .iter()
            .map(|app| app_line(app, self.runtime.shut(app)))
            .collect()
    }

    /// How many apps there are in each state that `apps list` shows.
    pub fn app_counts(&self) -> AppCounts {
        let mut counts = AppCounts::default();
        for line in self.apps() {
            match &*line.status {
                "serving" => counts.serving += 1,
                "quarantined" => counts.quarantined += 1,
                "broken" => counts.broken += 1,
                _ => counts.disabled += 1,
            }
        }
        counts
    }

    /// One app, after its package was looked at.
    pub fn reloaded(&self, slug: &Slug, change: Change) -> ReloadLine {
        let app = self.runtime.registry().find(slug);
        let app = app.as_deref();
        let line = app.map(|app| app_line(app, self.runtime.shut(app)));
        ReloadLine {
            slug: slug.to_string(),
            change: change.as_str().to_owned(),
            sha256: app.and_then(App::digest).map(ToOwned::to_owned),
            version: line.as_ref().and_then(|line| line.version.clone()),
            status: line.as_ref().map(|line| line.status.clone()),
            reason: line.and_then(|line| line.reason),
        }
    }

    /// One app, if there is a package of that name.
    pub async fn app(&self, slug: &Slug) -> Result<Option<AppReport>, StoreError> {
        let Some(app) = self.runtime.registry().find(slug) else {
            return Ok(None);
        };
        let line = app_line(&app, self.runtime.shut(&app));
        let manifest = app.manifest();
        let app_id = self.installs.app_id_of(slug).await?;
        Ok(Some(AppReport {
            name: manifest.map(|manifest| manifest.name.clone()),
            description: manifest.map(|manifest| manifest.description.clone()),
            developer: manifest.map(|manifest| manifest.developer.clone()),
            warnings: app.warnings().to_vec(),
            callback_url: self.address(EndpointKind::Callback, slug),
            portal_generator_url: self.address(EndpointKind::Portal, slug),
            permissions: manifest.map(asked).unwrap_or_default(),
            sha256: app.digest().map(ToOwned::to_owned),
            app_id: app_id.map(|id| id.to_string()),
            older_addresses: self.older(slug),
            slug: line.slug,
            version: line.version,
            status: line.status,
            reason: line.reason,
        }))
    }

    /// The addresses of an app, whether there is a package of that name or not.
    pub fn addresses(&self, slug: &Slug) -> AddressReport {
        AddressReport {
            slug: slug.to_string(),
            callback_url: self.address(EndpointKind::Callback, slug),
            portal_generator_url: self.address(EndpointKind::Portal, slug),
            older_addresses: self.older(slug),
        }
    }

    fn older(&self, slug: &Slug) -> Vec<OlderAddress> {
        let older = self.endpoints.older(slug).into_iter();
        older
            .map(|older| OlderAddress {
                kind: older.kind.as_str().to_owned(),
                last_used_at: older.last_used.map(|at| at.to_string()),
            })
            .collect()
    }

    /// Every install, in the order of their creation.
    pub async fn installs(&self) -> Result<Vec<InstallLine>, StoreError> {
        Ok(self
            .installs
            .list()
            .await?
            .iter()
            .map(install_line)
            .collect())
    }

    fn address(&self, kind: EndpointKind, slug: &Slug) -> Option<String> {
        let secret = self.endpoints.newest(kind, slug)?;
        let base = self.public_url.as_ref()?.origin().ascii_serialization();
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator registers this address in Cloud"
        )]
        let secret = secret.expose_secret();
        Some(format!("{base}/api/{}/{slug}/{secret}", kind.as_str()))
    }
}

/// A line for an install.
pub fn install_line(row: &InstallRow) -> InstallLine {
    InstallLine {
        installed_app_id: row.install.to_string(),
        app: row.slug.to_string(),
        app_id: row.app.to_string(),
        instance_id: row.instance.to_string(),
        organization_id: row.organization.as_ref().map(ToString::to_string),
        status: row.status.as_str().to_owned(),
        granted_permissions: row.granted.names().map(ToOwned::to_owned).collect(),
        api_key_prefix: row.api_key_prefix.clone(),
        installed_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

fn app_line(app: &App, shut: Option<Shut>) -> AppLine {
    let status = match &shut {
        Some(shut) if shut.app_wide => "quarantined",
        _ => app.status().as_str(),
    };
    let reasons = [
        app.reason().map(ToOwned::to_owned),
        shut.map(|shut| shut.to_string()),
    ];
    let reasons: Vec<_> = reasons.into_iter().flatten().collect();
    AppLine {
        slug: app.slug().to_string(),
        version: app.version().map(ToOwned::to_owned),
        status: status.to_owned(),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

fn asked(manifest: &crate::runtime::Manifest) -> Vec<AskedPermission> {
    manifest
        .permissions
        .iter()
        .map(|(scope, purpose)| AskedPermission {
            scope: scope.to_string(),
            purpose: purpose.clone(),
        })
        .collect()
}
