//! `airlock apps rotate-urls` and `airlock apps unpin`.

use anyhow::{Context as _, bail};
use clap::Args;

use super::super::ask::{Answerer, Conflict, answerer};
use super::super::{CommonArgs, Format, output};
use crate::admin::{AddressReport, OlderAddress};
use crate::install::Rotated;
use crate::model::Slug;

#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    /// The app: the name of its folder
    app: String,
    /// End the addresses before the newest, once Cloud uses the new ones
    #[arg(long)]
    retire: bool,
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnpinArgs {
    /// The app: the name of its folder
    app: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Makes new addresses, or ends the older ones.
pub(super) async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let slug = parse(&args.app)?;
    let report = match answerer(&args.common).await? {
        Answerer::Running(host) => {
            let change = if args.retire { "retire" } else { "rotate" };
            let answer = host.post(&format!("/apps/{slug}/{change}-urls")).await;
            match answer {
                Ok(report) => report,
                Err(error) if error.is::<Conflict>() => return Err(refusal(&slug, args.retire)),
                Err(error) => return Err(error),
            }
        }
        Answerer::Here(host) => {
            host.load_packages().await?;
            let rotated = if args.retire {
                host.endpoints().retire(&slug).await?
            } else {
                host.endpoints().rotate(&slug).await?
            };
            match rotated {
                Rotated::Unknown => None,
                Rotated::Two | Rotated::Retired(0) => return Err(refusal(&slug, args.retire)),
                Rotated::Made | Rotated::Retired(_) => Some(host.reports().addresses(&slug)),
            }
        }
    };
    let report: AddressReport =
        report.with_context(|| format!("there is no app `{slug}`; try: airlock apps list"))?;
    if args.format == Format::Json {
        return output::json(&report);
    }
    let shown =
        |address: Option<String>| address.unwrap_or_else(|| "set public_url to see it".to_owned());
    if args.retire {
        output::text(&format!(
            "The older addresses of {slug} work no more. These do:"
        ));
    } else {
        output::text(&format!(
            "New addresses of {slug}, for Cloud's manifest form:"
        ));
    }
    output::text(&format!(
        "callback URL          {}",
        shown(report.callback_url)
    ));
    output::text(&format!(
        "portal generator URL  {}",
        shown(report.portal_generator_url)
    ));
    if !args.retire {
        output::text(&format!(
            "Those before still work. Once Cloud has the new ones: airlock apps rotate-urls {slug} --retire"
        ));
    }
    Ok(())
}

fn refusal(slug: &Slug, retire: bool) -> anyhow::Error {
    if retire {
        anyhow::anyhow!(
            "{slug} has no older addresses to retire; to make new ones, try: airlock apps rotate-urls {slug}"
        )
    } else {
        anyhow::anyhow!(
            "the older addresses of {slug} still work, and two are the most; \
             try: airlock apps rotate-urls {slug} --retire, then again"
        )
    }
}

/// Forgets the pinned `app_id`.
pub(super) async fn unpin(args: UnpinArgs) -> anyhow::Result<()> {
    let slug = parse(&args.app)?;
    let configured = args
        .common
        .config()?
        .apps
        .get(&slug)
        .is_some_and(|app| app.app_id.is_some());
    if configured {
        bail!(
            "the app_id of {slug} is set in the configuration, not pinned; \
             try: change apps.{slug}.app_id, see: airlock config check"
        );
    }
    let forgotten = match answerer(&args.common).await? {
        Answerer::Running(host) => {
            let answer: Option<serde_json::Value> =
                host.post(&format!("/apps/{slug}/unpin")).await?;
            answer.and_then(|answer| Some(answer.get("app_id")?.as_str()?.to_owned()))
        }
        Answerer::Here(host) => host.installs().unpin(&slug).await?.map(|id| id.to_string()),
    };
    let forgotten = forgotten
        .with_context(|| format!("no app_id is pinned to {slug}; see: airlock apps show {slug}"))?;
    output::text(&format!(
        "Forgot that {slug} is {forgotten}. The next install that is proven decides its app_id anew."
    ));
    Ok(())
}

/// What `apps show` says about an older address.
pub(super) fn sentence(older: &OlderAddress) -> String {
    let used = older.last_used_at.as_ref().map_or_else(
        || "never used since".to_owned(),
        |at| format!("last used {at}"),
    );
    format!("{}: still valid, {used}", older.kind)
}

pub(super) fn parse(app: &str) -> anyhow::Result<Slug> {
    Slug::parse(app).map_err(|error| anyhow::anyhow!("the app's name {error}"))
}
