//! Building apps again when their files change. The host that runs beside takes over what was built.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::inputs::{self, Inputs};
use super::place;
use crate::cli::{build, output};
use crate::model::Slug;
use crate::runtime::{Change, Debounce, Notice, Notices, Runtime, Stamp};

/// How often everything is looked at, whatever was heard.
const RESCAN: Duration = Duration::from_secs(3);
/// As much of a failed build's words is shown: the end, where compilers sum up.
const MOST_WORDS: u64 = 64 * 1024;

/// An app's folder, and what was last made of it.
pub(super) struct Source {
    folder: PathBuf,
    slug: Slug,
    seen: Option<Stamp>,
    /// What the last build was made from, whether it succeeded or not.
    tried: Inputs,
    /// Whether it failed: then the next change of any file begins another.
    has_failed: bool,
}

impl Source {
    /// A folder that is about to be built. None if its name is no app's.
    pub(super) fn begin(folder: &Path) -> Option<Self> {
        let folder = std::fs::canonicalize(folder).ok()?;
        Some(Self {
            slug: build::slug_of(&folder).ok()?,
            seen: None,
            tried: Inputs::read(&folder),
            has_failed: false,
            folder,
        })
    }

    /// The app's name.
    pub(super) fn slug(&self) -> &str {
        self.slug.as_str()
    }

    /// The build has failed.
    pub(super) fn failed(&mut self) {
        self.has_failed = true;
    }
}

/// Builds again what changes, one app after the other, until told to stop.
pub(super) async fn run(
    sources: Vec<Source>,
    plugins: PathBuf,
    runtime: Runtime,
    stopping: CancellationToken,
) {
    let notices = Notices::begin();
    let mut rebuild = Rebuild {
        sources,
        plugins,
        runtime,
        notices,
        stopping,
    };
    let mut debounce = Debounce::new();
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What changed while the host was starting is found by this first look, too.
    while !rebuild.stopping.is_cancelled() {
        tokio::select! {
            () = rebuild.stopping.cancelled() => {}
            notice = rebuild.notices.next() => match notice {
                Notice::In(number, _) => debounce.note(number, tokio::time::Instant::now()),
                Notice::Lost => rescan.reset_immediately(),
            },
            // What is saved while a build runs waits, and begins one more at its end.
            number = debounce.next() => rebuild.look(number).await,
            _ = rescan.tick() => for number in rebuild.changed() {
                debounce.note(number, tokio::time::Instant::now());
            },
        }
    }
}

struct Rebuild {
    sources: Vec<Source>,
    plugins: PathBuf,
    runtime: Runtime,
    notices: Notices<usize>,
    stopping: CancellationToken,
}

impl Rebuild {
    /// The sources that look otherwise than when they were last looked at.
    fn changed(&self) -> Vec<usize> {
        let numbered = self.sources.iter().enumerate();
        numbered
            .filter(|(number, source)| {
                inputs::watched(&source.folder, &self.notices, *number) != source.seen
            })
            .map(|(number, _)| number)
            .collect()
    }

    /// Builds an app again if something of it changed.
    async fn look(&mut self, number: usize) {
        let Some(source) = self.sources.get_mut(number) else {
            return;
        };
        let stamp = inputs::watched(&source.folder, &self.notices, number);
        if stamp == source.seen {
            return;
        }
        source.seen = stamp;
        if stamp.is_none() {
            output::text(&format!(
                "{}: its folder is gone; what was built stays",
                source.slug
            ));
            return;
        }
        // Before the build: what is saved meanwhile is another change.
        let inputs = Inputs::read(&source.folder);
        let begun = Instant::now();
        if inputs == source.tried {
            return;
        }
        let is_page_alone = !source.has_failed && inputs.sources == source.tried.sources;
        source.tried = inputs;
        let (verb, built) = if is_page_alone {
            let built = build::lay_page(&source.folder, &self.plugins);
            ("page copied", built)
        } else {
            output::text(&format!("{}: building…", source.slug));
            let words = words_of(&source.slug);
            let built = build::rebuild(&source.folder, &self.plugins, &words, &self.stopping);
            let built = built.await;
            if built.is_err() && !self.stopping.is_cancelled() {
                show(&words);
            }
            ("rebuilt", built)
        };
        if self.stopping.is_cancelled() {
            return;
        }
        let time = begun.elapsed();
        match built {
            Ok(_) => {
                source.has_failed = false;
                let change = self.runtime.reload(&source.slug).await;
                say(&self.runtime, &source.slug, verb, time, change);
            }
            Err(error) => {
                source.failed();
                output::failure(&error);
                output::text(&format!("{}: what was built before stays", source.slug));
            }
        }
    }
}

/// What became of a build, on one line.
fn say(runtime: &Runtime, slug: &Slug, verb: &str, time: Duration, change: Change) {
    let app = runtime.registry().find(slug);
    let reason = app
        .as_ref()
        .and_then(|app| app.reason())
        .unwrap_or_default();
    let end = match change {
        Change::Loaded => "live".to_owned(),
        // The watch of the folder may have been quicker.
        Change::Unchanged if reason.is_empty() => "live".to_owned(),
        Change::Unchanged | Change::Refused => format!("but can't be served: {reason}"),
        Change::Off => reason.to_owned(),
        Change::Removed => "but its package is gone".to_owned(),
    };
    output::text(&format!(
        "{slug}: {verb} in {:.1} s, {end}",
        time.as_secs_f32()
    ));
}

fn words_of(slug: &Slug) -> PathBuf {
    Path::new(place::FOLDER).join(format!("build-{slug}.txt"))
}

/// Shows what a build said, or the end of it.
fn show(words: &Path) {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(words) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(MOST_WORDS)));
        let _ = file.take(MOST_WORDS).read_to_end(&mut text);
    }
    output::text(String::from_utf8_lossy(&text).trim_end());
}
