//! `airlock build`: run an app's own build command, check what came out, lay it into the folder of packages.
//!
//! The command finds the app's world in `target/wit` (see [`world`]), and cargo's output goes beside it.

mod command;
pub(super) mod copy;
mod toolchain;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio_util::sync::CancellationToken;

use self::command::Words;
use super::{CommonArgs, output, setup};
use crate::model::{Permission, Slug};
use crate::runtime::manifest::BuildCommand;
use crate::runtime::{Compiler, Manifest, Package, check_package};

/// Where packages are laid out before they are swapped in. The host ignores folders that begin with a dot.
const STAGING: &str = ".staging";

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The app's folder, the one with `app.toml` [default: this folder, or every app in guests/]
    app: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Builds one app, or all that are here.
pub(super) async fn run(args: BuildArgs) -> anyhow::Result<()> {
    let plugins = args.common.config()?.plugins;
    let folders = match args.app {
        Some(folder) => vec![folder],
        None => apps_here()?,
    };
    // A build in a group of its own does not hear Ctrl-C by itself.
    let stopping = setup::stop_on_signal()?;
    for folder in folders {
        let built = build(&folder, &plugins, &stopping).await?;
        output::text(&format!(
            "Built {} into {}",
            built.slug,
            built.package.display()
        ));
    }
    Ok(())
}

/// What a build gave.
pub(super) struct Built {
    /// The app.
    pub(super) slug: Slug,
    /// Its package.
    pub(super) package: PathBuf,
}

/// The app of this folder, else every app of `guests/`.
pub(super) fn apps_here() -> anyhow::Result<Vec<PathBuf>> {
    if Path::new("app.toml").is_file() {
        return Ok(vec![PathBuf::from(".")]);
    }
    let apps = sample_apps();
    ensure!(
        !apps.is_empty(),
        "there is no app.toml here and no app in guests/; try: airlock build FOLDER"
    );
    Ok(apps)
}

/// Every folder of `guests/` that is an app, in the order of their names.
pub(super) fn sample_apps() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("guests").into_iter().flatten().flatten();
    let mut apps: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("app.toml").is_file())
        .collect();
    apps.sort();
    apps
}

/// Builds the app in a folder into `plugins`. What stands there stays until the new package is whole and checked. Ends
/// when `stopping` is cancelled.
pub(super) async fn build(
    folder: &Path,
    plugins: &Path,
    stopping: &CancellationToken,
) -> anyhow::Result<Built> {
    let app = Source::read(folder)?;
    output::text(&format!("Building {}: {}", app.slug, app.build.command));
    let begun = Instant::now();
    app.run_command(&Words::Terminal, stopping).await?;
    output::text(&format!(
        "Built {} in {:.1} s",
        app.slug,
        begun.elapsed().as_secs_f32()
    ));
    let staged = app.stage(plugins)?;
    check(&staged)
        .await
        .with_context(|| format!("the package of {} was built, but can't be served", app.slug))?;
    app.lay(&staged, plugins)
}

/// Builds an app again, for a host that checks what it is given: nothing is compiled here. What the command says goes
/// into the file `words`.
pub(super) async fn rebuild(
    folder: &Path,
    plugins: &Path,
    words: &Path,
    stopping: &CancellationToken,
) -> anyhow::Result<Built> {
    let app = Source::read(folder)?;
    app.run_command(&Words::File(words), stopping).await?;
    relay(&app, plugins)
}

/// Lays down what was built before, with the page as it is now. Runs no command.
pub(super) fn lay_page(folder: &Path, plugins: &Path) -> anyhow::Result<Built> {
    relay(&Source::read(folder)?, plugins)
}

fn relay(app: &Source, plugins: &Path) -> anyhow::Result<Built> {
    let staged = app.stage(plugins)?;
    Package::read(&staged)
        .with_context(|| format!("the package of {} can't be served", app.slug))?;
    app.lay(&staged, plugins)
}

/// An app's folder that can be built.
struct Source {
    folder: PathBuf,
    slug: Slug,
    requested: BTreeSet<Permission>,
    build: BuildCommand,
}

impl Source {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let folder = std::fs::canonicalize(folder)
            .with_context(|| format!("there is no folder {}", folder.display()))?;
        let slug = slug_of(&folder)?;
        let path = folder.join("app.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "reading {}; try: name the folder that holds the app's app.toml",
                path.display()
            )
        })?;
        let manifest = Manifest::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let requested = manifest.requested();
        let Some(build) = manifest.build else {
            bail!(
                "{} has no [build] command, so there is nothing to build; \
                 try: copy the folder with its app.wasm into the folder of packages",
                path.display()
            );
        };
        Ok(Self {
            folder,
            slug,
            requested,
            build,
        })
    }

    /// Runs the app's own command, for which the app's world is there.
    async fn run_command(
        &self,
        words: &Words<'_>,
        stopping: &CancellationToken,
    ) -> anyhow::Result<()> {
        world::write(&self.folder, &self.requested)?;
        let command = &self.build.command;
        let status = command::run(&self.folder, command, words, stopping).await?;
        if status.success() {
            return Ok(());
        }
        let why = toolchain::missing(&self.folder)
            .await
            .unwrap_or_else(|| "its own words stand above".to_owned());
        bail!(
            "the build command of {} failed ({status}): `{command}` in {}; {why}",
            self.slug,
            self.folder.display()
        );
    }

    /// Lays manifest, component and page side by side, away from where the host looks.
    fn stage(&self, plugins: &Path) -> anyhow::Result<PathBuf> {
        stage(&self.folder, &self.build.output, plugins, &self.slug)
    }

    /// Swaps in what was laid out.
    fn lay(&self, staged: &Path, plugins: &Path) -> anyhow::Result<Built> {
        let package = plugins.join(self.slug.as_str());
        swap_in(staged, &package)
            .with_context(|| format!("laying the package into {}", package.display()))?;
        clear_staging(staged, plugins);
        Ok(Built {
            slug: self.slug.clone(),
            package,
        })
    }
}

/// The slug of an app's folder, which is the folder's name.
pub(super) fn slug_of(folder: &Path) -> anyhow::Result<Slug> {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    Slug::parse(name).map_err(|error| {
        anyhow::anyhow!(
            "the folder's name is the app's name, and {name:?} {error}; try: rename {}",
            folder.display()
        )
    })
}

/// Lays manifest, component and page side by side, away from where the host looks.
fn stage(folder: &Path, component: &str, plugins: &Path, slug: &Slug) -> anyhow::Result<PathBuf> {
    // A place of this process alone: another build of the same app must not change it between check and swap.
    let place = plugins.join(STAGING).join(std::process::id().to_string());
    let staged = place.join(slug.as_str());
    if staged.exists() {
        std::fs::remove_dir_all(&staged)
            .with_context(|| format!("clearing {}", staged.display()))?;
    }
    std::fs::create_dir_all(&staged).with_context(|| format!("making {}", staged.display()))?;
    let component = folder.join(component);
    let copy = |from: &Path, to: PathBuf| {
        std::fs::copy(from, &to)
            .with_context(|| format!("copying {} to {}", from.display(), to.display()))
    };
    ensure!(
        component.is_file(),
        "the build command left no {}; try: set [build] output to what it makes",
        component.display()
    );
    copy(&component, staged.join("app.wasm"))?;
    copy(&folder.join("app.toml"), staged.join("app.toml"))?;
    if folder.join("ui").is_dir() {
        copy::page(&folder.join("ui"), &staged.join("ui"))?;
    }
    Ok(staged)
}

/// Reads and compiles the package as a host would.
async fn check(staged: &Path) -> anyhow::Result<()> {
    let package = Package::read(staged)?;
    let compiler = Compiler::this_program().context("finding this program")?;
    for warning in check_package(package, &compiler).await? {
        output::text(&format!("warning: {warning}"));
    }
    Ok(())
}

/// Removes what was swapped out, and the staging folder if no other build uses it.
fn clear_staging(staged: &Path, plugins: &Path) {
    // What is left here is left over: the next build of the same app clears it.
    if let Some(place) = staged.parent() {
        let _ = std::fs::remove_dir_all(place);
    }
    let _ = std::fs::remove_dir(plugins.join(STAGING));
}

/// Swaps the new package in: at once where the system can, else by two renames.
fn swap_in(staged: &Path, package: &Path) -> std::io::Result<()> {
    if !package.exists() {
        return std::fs::rename(staged, package);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, staged, CWD, package, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let old = staged.with_extension("old");
    std::fs::rename(package, &old)?;
    std::fs::rename(staged, package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_swapped_in_whole_and_the_old_one_is_gone_from_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, package) = (
            folder.path().join(".staging/kyc"),
            folder.path().join("kyc"),
        );
        std::fs::create_dir_all(&staged).unwrap();
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(staged.join("app.toml"), "new").unwrap();
        std::fs::write(package.join("app.toml"), "old").unwrap();
        swap_in(&staged, &package).unwrap();
        assert_eq!(
            std::fs::read_to_string(package.join("app.toml")).unwrap(),
            "new"
        );
    }
}
