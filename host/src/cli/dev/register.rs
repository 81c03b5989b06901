//! Registering apps in the simulated Cloud, as a person would do in the manifest form: those that are there at the start,
//! and those that are dropped in or change what they say of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Registration};
use tokio_util::sync::CancellationToken;

use crate::admin::{AppReport, Reports};
use crate::cli::output;
use crate::model::Slug;
use crate::runtime::Runtime;

/// How long until it is looked again for addresses that are still being made.
const AGAIN: Duration = Duration::from_millis(250);

/// What is registered. An app that was removed stays, as it would in Cloud.
pub(super) struct Registered {
    reports: Reports,
    cloud: CloudSim,
    /// What was said of each app.
    said: BTreeMap<String, String>,
}

impl Registered {
    /// Nothing yet.
    pub(super) fn new(reports: Reports, cloud: CloudSim) -> Self {
        Self {
            reports,
            cloud,
            said: BTreeMap::new(),
        }
    }

    /// Registers every app that is new or changed. Answers all apps.
    pub(super) async fn update(&mut self) -> anyhow::Result<Vec<AppReport>> {
        let mut apps = Vec::new();
        for line in self.reports.apps() {
            let slug = Slug::parse(&line.slug)
                .map_err(|error| anyhow::anyhow!("the app's name {error}"))?;
            let Some(report) = self.reports.app(&slug).await? else {
                continue;
            };
            // What can't be read any more says nothing new.
            let is_silent = report.name.is_none() && self.said.contains_key(&line.slug);
            if let Some(registration) = registration(&report).filter(|_| !is_silent) {
                let says = format!("{registration:?}");
                if self.said.get(&line.slug) != Some(&says) {
                    self.cloud.register(registration).await;
                    self.said.insert(line.slug, says);
                }
            }
            apps.push(report);
        }
        Ok(apps)
    }

    /// Keeps it so until told to stop.
    pub(super) async fn follow(mut self, runtime: Runtime, stopping: CancellationToken) {
        let mut changes = runtime.registry().changes();
        while !stopping.is_cancelled() {
            let known = self.said.len();
            let waits = match self.update().await {
                Ok(apps) => apps.iter().any(|app| app.callback_url.is_none()),
                // The host tells what is wrong with the database.
                Err(_) => true,
            };
            if self.said.len() > known {
                output::text("The dashboard shows the new app");
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(AGAIN), if waits => {}
                heard = changes.changed() => if heard.is_err() { return },
            }
        }
    }
}

/// What the manifest form is filled in with; none while the app has no addresses.
fn registration(report: &AppReport) -> Option<Registration> {
    let permissions = report.permissions.iter();
    Some(Registration {
        slug: report.slug.clone(),
        name: report.name.clone().unwrap_or_else(|| report.slug.clone()),
        description: report.description.clone().unwrap_or_default(),
        developer: report.developer.clone().unwrap_or_default(),
        version: report.version.clone().unwrap_or_default(),
        callback_url: report.callback_url.clone()?,
        portal_generator_url: report.portal_generator_url.clone()?,
        permissions: permissions
            .map(|asked| (asked.scope.clone(), asked.purpose.clone()))
            .collect(),
    })
}
