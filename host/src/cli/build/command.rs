//! Running an app's own build command: in its folder, without this program's secrets, and not longer than this program.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::config::secrets;

/// Time that a build gets to end by itself once it is told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the words of the command go.
pub(super) enum Words<'a> {
    /// To the terminal, as they come.
    Terminal,
    /// Into a file, to be shown if it fails.
    File(&'a Path),
}

/// Runs a command by a shell, with the app's own target folder. It ends when `stopping` is cancelled.
pub(super) async fn run(
    folder: &Path,
    command: &str,
    words: &Words<'_>,
    stopping: &CancellationToken,
) -> anyhow::Result<ExitStatus> {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .current_dir(folder)
        .stdin(Stdio::null())
        // A group of its own, so that the compilers which it starts can be ended with it.
        .process_group(0)
        .kill_on_drop(true);
    shell.env("CARGO_TARGET_DIR", folder.join("target"));
    for name in crate::config::variable_names() {
        shell.env_remove(name);
    }
    for name in secrets::VARIABLES {
        shell.env_remove(name);
    }
    if let Words::File(path) = words {
        let shown = || format!("writing {}", path.display());
        let file = File::create(path).with_context(shown)?;
        shell.stdout(file.try_clone().with_context(shown)?);
        shell.stderr(file);
    }
    let running = || format!("running `{command}` in {}", folder.display());
    let mut child = shell.spawn().with_context(running)?;
    tokio::select! {
        status = child.wait() => status.with_context(running),
        () = stopping.cancelled() => {
            end(&mut child).await;
            bail!("stopped");
        }
    }
}

/// Asks the whole group to end, and makes it.
async fn end(child: &mut Child) {
    signal(child, rustix::process::Signal::TERM);
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        signal(child, rustix::process::Signal::KILL);
        let _ = child.wait().await;
    }
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let number = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = number.and_then(rustix::process::Pid::from_raw) {
        // It may have ended in this moment.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_ends_with_everything_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let stopping = CancellationToken::new();
        // The shell waits for a program of its own, which says who it is.
        let command = "sh -c 'echo $$ > started; exec sleep 600' & wait";
        let running = run(folder.path(), command, &Words::Terminal, &stopping);
        let stop = async {
            let started = folder.path().join("started");
            let id = loop {
                match std::fs::read_to_string(&started) {
                    Ok(id) if id.ends_with('\n') => break id.trim().to_owned(),
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            stopping.cancel();
            id
        };
        let (ended, id) = tokio::join!(running, stop);
        assert_eq!(ended.unwrap_err().to_string(), "stopped");
        // Its parent is gone, so whoever inherits it may take a moment to bury it.
        let state = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let is_gone = || state().is_empty() || state().contains(") Z ");
        for _ in 0..100 {
            if is_gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", state());
    }

    #[tokio::test]
    async fn words_for_a_file_stand_in_it_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let words = folder.path().join("words");
        let command = "echo one; echo two >&2; echo three; exit 3";
        let stopping = CancellationToken::new();
        let status = run(folder.path(), command, &Words::File(&words), &stopping).await;
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(std::fs::read_to_string(words).unwrap(), "one\ntwo\nthree\n");
    }
}
