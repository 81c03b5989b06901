//! `airlock inspect`: what a package or a component is, and whether this host would serve it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{LimitLine, NeverGiven, ScopeLine, Trial, ceilings, scopes};
use crate::model::Slug;
use crate::runtime::guest_log::escaped;
use crate::runtime::manifest::{LimitRequest, Manifest};
use crate::runtime::package::{Package, Remains, UiFiles, read_component};
use crate::runtime::plugin::contract::{Surface, VERSION, served};
use crate::runtime::{Limits, RuntimeSettings};

/// Most imports and exports that are listed. Real components have some dozens.
const MAX_NAMES: usize = 200;
/// Longest reason in bytes: one about the package and one about its component.
const MAX_REASON: usize = 4096;
/// Longest version of the contract that is shown, in bytes.
const MAX_VERSION: usize = 80;

/// What to look at.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The folder of a package. Its name is the app's.
    Package(PathBuf),
    /// The file of a component.
    Component(PathBuf),
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A folder with manifest, component and page.
    Package,
    /// A component alone.
    Component,
}

/// A package or a component, looked at. Scripts lean on the names of `loads`, `reason`, `wit`, `imports`, `scopes`,
/// `exports`, `size` and `sha256`.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// What it is.
    pub kind: SubjectKind,
    /// Where it lies.
    pub path: String,
    /// The app: the folder's name, if it can be one.
    pub app: Option<String>,
    /// The app's name for people.
    pub name: Option<String>,
    /// The app's version.
    pub version: Option<String>,
    /// Whether this host would serve it.
    pub loads: bool,
    /// Why not.
    pub reason: Option<String>,
    /// What is odd about it, though it loads.
    pub warnings: Vec<String>,
    /// The version of `blnk:app` that it was built for, if it names one.
    pub wit: Option<String>,
    /// The versions that this host serves.
    pub serves: String,
    /// Names of its imports, the first 200 of them; none if it is no component.
    pub imports: Option<Vec<String>>,
    /// Names of its exports, the first 200 of them; none if it is no component.
    pub exports: Option<Vec<String>>,
    /// The scopes that it can use or asks for.
    pub scopes: Vec<ScopeLine>,
    /// What it counts on and does not get here.
    pub never_given: Vec<NeverGiven>,
    /// Bytes of the component; none if there is none.
    pub size: Option<u64>,
    /// Bytes of the page's files.
    pub page_size: Option<u64>,
    /// How many files the page has.
    pub page_files: Option<usize>,
    /// Of a package the digest that the host tells it by; of a component that of its file. None for what is no whole
    /// package.
    pub sha256: Option<String>,
    /// The digest of the component's bytes.
    pub component_sha256: Option<String>,
    /// Bytes of memory that it begins with.
    pub memory_bytes: Option<u64>,
    /// Its limits beside the operator's.
    pub limits: Vec<LimitLine>,
}

/// Looks at a package or a component as a host with these settings would. What can't be read, or is not there, is a
/// reason in the report; an error is this host's own.
pub async fn inspect(subject: Subject, settings: &RuntimeSettings) -> anyhow::Result<Inspection> {
    let found = tokio::task::spawn_blocking(move || match subject {
        Subject::Package(folder) => Found::package(&folder),
        Subject::Component(path) => Found::component(&path),
    })
    .await
    .context("reading what is to be inspected")?;
    let trial = match found.tried()? {
        Some(package) => Some(Trial::of(package, settings).await?),
        None => None,
    };
    Ok(found.report(trial.as_ref(), settings))
}

/// What lies there.
struct Found {
    kind: SubjectKind,
    path: PathBuf,
    slug: Option<Slug>,
    package: Option<Arc<Package>>,
    /// What stands under `[permissions]`; none if nobody can know.
    asked: Option<BTreeMap<String, String>>,
    component: Option<Bytes>,
    /// Why it is no package.
    problem: Option<String>,
}

impl Found {
    fn package(folder: &Path) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let found = Self {
            kind: SubjectKind::Package,
            path: folder.to_owned(),
            slug: Slug::parse(name).ok(),
            package: None,
            asked: None,
            component: None,
            problem: None,
        };
        match Package::read(folder) {
            Ok(package) => {
                let permissions = package.manifest().permissions.iter();
                let pairs = permissions.map(|(scope, why)| (scope.to_string(), why.clone()));
                Self {
                    asked: Some(pairs.collect()),
                    component: Some(package.component().clone()),
                    package: Some(Arc::new(package)),
                    ..found
                }
            }
            Err(error) => {
                let remains = Remains::read(folder);
                let text = remains.manifest.as_deref();
                Self {
                    asked: text.and_then(Manifest::permissions_in),
                    component: remains.component,
                    problem: Some(error.to_string()),
                    ..found
                }
            }
        }
    }

    fn component(path: &Path) -> Self {
        let read = read_component(path);
        Self {
            kind: SubjectKind::Component,
            path: path.to_owned(),
            slug: None,
            package: None,
            asked: None,
            problem: read.as_ref().err().map(ToString::to_string),
            component: read.ok(),
        }
    }

    /// The package to try; of what is none, its component alone.
    fn tried(&self) -> anyhow::Result<Option<Arc<Package>>> {
        if let Some(package) = &self.package {
            return Ok(Some(Arc::clone(package)));
        }
        let Some(component) = self.component.clone() else {
            return Ok(None);
        };
        let slug = match &self.slug {
            Some(slug) => slug.clone(),
            None => Slug::parse("component").context("naming the component")?,
        };
        Ok(Some(Arc::new(Package::of_component(slug, component))))
    }

    /// The reason not to load it: what is wrong with the package, and with the component besides.
    fn reason(&self, trial: Option<&Trial>) -> Option<String> {
        let refused = trial.and_then(|trial| trial.outcome.as_ref().err());
        let refused = refused.map(|error| self.named(error.to_string()));
        let reason = match (self.problem.clone(), refused) {
            (Some(problem), Some(refused)) => Some(format!("{problem}; besides, {refused}")),
            (problem, refused) => problem.or(refused),
        };
        reason.map(|reason| escaped(&reason, MAX_REASON))
    }

    /// A sentence about `app.wasm`, about the file that it is.
    fn named(&self, sentence: String) -> String {
        match (self.kind, self.path.file_name()) {
            (SubjectKind::Component, Some(name)) => {
                sentence.replacen("app.wasm", &name.to_string_lossy(), 1)
            }
            _ => sentence,
        }
    }

    fn report(self, trial: Option<&Trial>, settings: &RuntimeSettings) -> Inspection {
        let reason = self.reason(trial);
        let whole = trial.and_then(|trial| trial.surface.as_ref());
        let surface = whole.map(|surface| surface.shortened(MAX_NAMES));
        let surface = surface.as_ref();
        let manifest = self.package.as_ref().map(|package| package.manifest());
        let operator = self.slug.as_ref().and_then(|slug| settings.apps.get(slug));
        let ceilings: &Limits = operator.map_or(&settings.limits, |app| &app.limits);
        let mut warnings: Vec<_> = match trial.map(|trial| &trial.outcome) {
            Some(Ok(warnings)) => warnings.clone(),
            _ => Vec::new(),
        };
        warnings.extend(whole.and_then(not_listed));
        if operator.is_some_and(|app| !app.enabled) {
            warnings.push("the operator has switched this app off".to_owned());
        }
        let no_request = LimitRequest::default();
        let request = manifest.map_or(&no_request, |manifest| &manifest.limits);
        let component_sha256 = self.component.as_ref().map(|bytes| sha256(bytes));
        let page = self.package.as_ref().map(|package| package.ui());
        Inspection {
            kind: self.kind,
            path: self.path.display().to_string(),
            app: self.slug.as_ref().map(ToString::to_string),
            name: manifest.map(|manifest| manifest.name.clone()),
            version: manifest.map(|manifest| manifest.version.clone()),
            loads: reason.is_none(),
            reason,
            warnings,
            wit: surface
                .and_then(|surface| surface.version.as_ref())
                .map(|version| escaped(&version.to_string(), MAX_VERSION)),
            serves: served(&VERSION),
            imports: surface.map(|surface| surface.imports.clone()),
            exports: surface.map(|surface| surface.exports.clone()),
            scopes: scopes::lines(surface, self.asked.as_ref()),
            never_given: scopes::without_effect(surface, manifest.map(|manifest| &**manifest)),
            size: self.component.as_ref().map(|bytes| bytes.len() as u64),
            page_size: page
                .map(|files| files.iter().map(|(_, file)| file.bytes.len() as u64).sum()),
            page_files: page.map(UiFiles::len),
            sha256: match (&self.package, self.kind) {
                (Some(package), _) => Some(package.digest().to_owned()),
                (None, SubjectKind::Component) => component_sha256.clone(),
                (None, SubjectKind::Package) => None,
            },
            component_sha256,
            memory_bytes: trial.and_then(|trial| trial.memory_bytes),
            limits: ceilings::lines(ceilings, request),
        }
    }
}

/// A sentence about the names that are left out, if there are any.
fn not_listed(surface: &Surface) -> Option<String> {
    let (imports, exports) = (surface.imports.len(), surface.exports.len());
    (imports.max(exports) > MAX_NAMES).then(|| {
        format!("it has {imports} imports and {exports} exports; the first {MAX_NAMES} of each are listed")
    })
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
