//! `airlock apps reload`, `apps enable` and `apps disable`.

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::super::ask::{Answerer, answerer};
use super::super::{CommonArgs, Format, output};
use super::addresses::parse;
use super::dash;
use crate::admin::ReloadLine;
use crate::app::Host;
use crate::install::EndpointKind;
use crate::model::Slug;
use crate::runtime::Change;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReloadArgs {
    /// The app: the name of its folder [default: every app]
    app: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SwitchArgs {
    /// The app: the name of its folder
    app: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Has the packages looked at now. Fails if one of them was refused.
pub(super) async fn reload(args: ReloadArgs) -> anyhow::Result<()> {
    let slug = args.app.as_deref().map(parse).transpose()?;
    let lines = match &slug {
        Some(slug) => vec![reload_one(&args.common, slug).await?],
        None => reload_all(&args.common).await?,
    };
    if args.format == Format::Json {
        match (&slug, lines.first()) {
            (Some(_), Some(line)) => output::json(line)?,
            _ => output::json(&lines)?,
        }
    } else if lines.is_empty() {
        output::text("There are no packages.");
    } else {
        let rows: Vec<_> = lines.iter().map(row).collect();
        output::table(&["APP", "CHANGE", "VERSION", "STATUS", "REASON"], &rows);
    }
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.change == refused())
        .collect();
    match refused.as_slice() {
        [] => Ok(()),
        [one] => bail!("the package of {} was refused: {}", one.slug, why(one)),
        many => bail!(
            "{} packages were refused; their reasons stand above",
            many.len()
        ),
    }
}

fn refused() -> &'static str {
    Change::Refused.as_str()
}

fn why(line: &ReloadLine) -> &str {
    line.reason.as_deref().unwrap_or("it does not say why")
}

fn row(line: &ReloadLine) -> Vec<String> {
    vec![
        line.slug.clone(),
        line.change.clone(),
        dash(line.version.clone()),
        dash(line.status.clone()),
        line.reason.clone().unwrap_or_default(),
    ]
}

async fn reload_one(common: &CommonArgs, slug: &Slug) -> anyhow::Result<ReloadLine> {
    let line = match answerer(common).await? {
        Answerer::Running(host) => host.post_and_wait(&format!("/apps/{slug}/reload")).await?,
        Answerer::Here(host) => {
            let change = host.load_package(slug).await?;
            let is_there = host.runtime().registry().find(slug).is_some();
            is_there.then(|| host.reports().reloaded(slug, change))
        }
    };
    line.with_context(|| format!("there is no app `{slug}`; try: airlock apps list"))
}

async fn reload_all(common: &CommonArgs) -> anyhow::Result<Vec<ReloadLine>> {
    match answerer(common).await? {
        Answerer::Running(host) => Ok(host.post_and_wait("/reload").await?.unwrap_or_default()),
        Answerer::Here(host) => {
            let changes = host.load_packages().await?;
            let reports = host.reports();
            let lines = changes.iter();
            Ok(lines
                .map(|(slug, change)| reports.reloaded(slug, *change))
                .collect())
        }
    }
}

/// Switches an app off.
pub(super) async fn disable(args: SwitchArgs) -> anyhow::Result<()> {
    let slug = parse(&args.app)?;
    match answerer(&args.common).await? {
        Answerer::Running(host) => {
            let path = format!("/apps/{slug}/disable");
            let _: ReloadLine = host.post(&path).await?.with_context(|| unknown(&slug))?;
        }
        Answerer::Here(host) => {
            ensure!(is_known(&host, &slug), unknown(&slug));
            host.switches().disable(&slug).await?;
        }
    }
    output::text(&format!(
        "{slug} is off: its portals and launches are refused, its install events are taken. To undo it: airlock apps enable {slug}"
    ));
    Ok(())
}

/// Switches an app on.
pub(super) async fn enable(args: SwitchArgs) -> anyhow::Result<()> {
    let slug = parse(&args.app)?;
    let line: Option<ReloadLine> = match answerer(&args.common).await? {
        Answerer::Running(host) => {
            let path = format!("/apps/{slug}/enable");
            Some(
                host.post_and_wait(&path)
                    .await?
                    .with_context(|| unknown(&slug))?,
            )
        }
        Answerer::Here(host) => {
            ensure!(is_known(&host, &slug), unknown(&slug));
            host.switches().enable(&slug).await?;
            if is_configured_off(&host, &slug) {
                return Err(configured_off(&slug));
            }
            None
        }
    };
    let Some(line) = line else {
        output::text(&format!(
            "{slug} is on. It serves when the host is started."
        ));
        return Ok(());
    };
    match line.status.as_deref() {
        Some("serving") => {
            output::text(&format!("{slug} is on and serves {}.", dash(line.version)));
        }
        Some("disabled") => return Err(configured_off(&slug)),
        Some(_) => output::text(&format!("{slug} is on, but can't serve: {}", why(&line))),
        None => output::text(&format!("{slug} is on. It has no package here.")),
    }
    Ok(())
}

/// What the command has said stays, and comes true when the configuration lets go.
fn configured_off(slug: &Slug) -> anyhow::Error {
    anyhow::anyhow!(
        "the configuration switches {slug} off, and wins; try: take apps.{slug}.enabled out of it, see: airlock config check"
    )
}

fn is_configured_off(host: &Host, slug: &Slug) -> bool {
    let app = host.config().apps.get(slug);
    app.is_some_and(|app| app.enabled == Some(false))
}

/// Whether there is, or was, an app of that name. Its package is not loaded for that.
fn is_known(host: &Host, slug: &Slug) -> bool {
    host.config().plugins.join(slug.as_str()).is_dir()
        || host
            .endpoints()
            .newest(EndpointKind::Callback, slug)
            .is_some()
        || host.switches().off().contains(slug)
}

fn unknown(slug: &Slug) -> String {
    format!("there is no app `{slug}`; try: airlock apps list")
}
