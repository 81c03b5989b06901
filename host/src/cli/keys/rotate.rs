//! `airlock keys rotate`.

use std::io::IsTerminal as _;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::ask::{Answerer, answerer};
use super::super::{CommonArgs, output, secrets};
use super::read;
use crate::install::{KeyStatus, RotationStep};
use crate::secret::SecretList;

/// Plain lines come once for so many values.
const LINE_EVERY: u64 = 1000;

#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    #[command(flatten)]
    common: CommonArgs,
}

/// Asks for one step after the other until nothing is left. Ended midway, it goes on where it was.
pub(super) async fn run(args: RotateArgs) -> anyhow::Result<()> {
    let answerer = answerer(&args.common).await?;
    let before = read(&answerer).await?;
    let newest = before
        .first()
        .map(|key| key.key.clone())
        .context("the host names no master key")?;
    expect_same_newest(&answerer, &newest)?;
    let others = before.iter().filter(|key| key.key != newest);
    let total: u64 = others.flat_map(|key| key.sealed.values()).sum();
    let mut progress = Progress::begin(total);
    let mut marked = 0;
    let last = loop {
        let step = step(&answerer).await?;
        marked += step.marked;
        if step.resealed == 0 && step.marked == 0 {
            break step;
        }
        progress.add(&step);
    };
    progress.end();
    report(&last, progress.done, marked, &read(&answerer).await?)
}

async fn step(answerer: &Answerer) -> anyhow::Result<RotationStep> {
    match answerer {
        Answerer::Running(host) => host
            .post("/keys/rotate")
            .await?
            .context("the running host is too old to rotate keys; try: start it anew"),
        Answerer::Here(host) => Ok(host.installs().rotate().await?),
    }
}

/// A running host knows the keys that it was started with. Where this command was given a newer one, the operator means
/// that one.
fn expect_same_newest(answerer: &Answerer, newest: &str) -> anyhow::Result<()> {
    let Answerer::Running(_) = answerer else {
        return Ok(());
    };
    let given = secrets().ok().and_then(|secrets| {
        let list = SecretList::parse('k', secrets.master_keys.as_ref()?).ok()?;
        list.ids().next()
    });
    match given.map(|id| format!("k{id}")) {
        Some(given) if given != newest => bail!(
            "the running host seals with {newest}, and the newest key given here is {given}; \
             try: put {given} first in the host's key file and send it SIGHUP, or start it anew with it"
        ),
        _ => Ok(()),
    }
}

fn report(
    last: &RotationStep,
    resealed: u64,
    marked: u64,
    keys: &[KeyStatus],
) -> anyhow::Result<()> {
    let newest = &last.newest;
    if resealed == 0 {
        output::text(&format!(
            "Everything that opens was sealed under {newest} already."
        ));
    } else {
        output::text(&format!("Sealed {resealed} values under {newest}."));
    }
    if marked > 0 {
        output::text(&format!(
            "{marked} installs have keys that do not open; they are marked key_unreadable, and their users must \
             install again."
        ));
    }
    let removable = keys.iter().filter(|key| key.configured && key.removable);
    let removable: Vec<&str> = removable.map(|key| key.key.as_str()).collect();
    if !removable.is_empty() {
        output::text(&format!(
            "No longer needed: {}. It may be removed from AIRLOCK_MASTER_KEYS.",
            removable.join(", ")
        ));
    }
    if last.remaining > 0 {
        bail!(
            "{} values are not under {newest} and do not open; see: airlock keys status, and the log",
            last.remaining
        );
    }
    Ok(())
}

/// A bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    told: u64,
}

impl Progress {
    fn begin(total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} values, {eta} left");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            bar,
            total,
            done: 0,
            told: 0,
        }
    }

    fn add(&mut self, step: &RotationStep) {
        self.done += step.resealed;
        // Installs go on arriving meanwhile, so the end may move.
        self.total = self.total.max(self.done + step.remaining);
        if let Some(bar) = &self.bar {
            bar.set_length(self.total);
            bar.set_position(self.done);
        } else if self.done >= self.told + LINE_EVERY {
            self.told = self.done;
            output::text(&format!("{} of {} values", self.done, self.total));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
