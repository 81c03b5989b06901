//! What an app's folder says about the tools that its build command wants, and which of them are not here.
//!
//! Only asked after a build has failed: the shell's own words (`node: not found`) tell an author nothing about where to
//! get it, and a build that works needs no advice.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// A tool, by the file that speaks of it.
struct Tool {
    /// In the app's folder.
    file: &'static str,
    /// A program and arguments that succeed where the tool is as it should be.
    trial: &'static [&'static str],
    /// What to install.
    title: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        file: "Cargo.toml",
        trial: &["cargo", "--version"],
        title: "Rust, as rustup installs it",
    },
    Tool {
        file: "package.json",
        trial: &["node", "--version"],
        title: "Node.js 20 or newer",
    },
    Tool {
        file: "package.json",
        trial: &["npm", "--version"],
        title: "npm",
    },
    PYTHON,
    Tool {
        file: "pyproject.toml",
        ..PYTHON
    },
];

/// Debian keeps apart what makes a place for an app's packages.
const PYTHON: Tool = Tool {
    file: "requirements.txt",
    trial: &["python3", "-c", "import ensurepip, venv"],
    title: "Python 3.10 or newer with its venv module (Debian: python3-venv)",
};

/// What to install before a build of this folder can work: the first thing that is missing.
pub(super) async fn missing(app: &Path) -> Option<String> {
    for tool in TOOLS.iter().filter(|tool| app.join(tool.file).is_file()) {
        if !works(tool.trial).await {
            return Some(format!(
                "its {} speaks of a tool that is not here; try: install {}",
                tool.file, tool.title
            ));
        }
    }
    None
}

async fn works(trial: &[&str]) -> bool {
    let Some((program, arguments)) = trial.split_first() else {
        return false;
    };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.await.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_trial_is_passed_only_by_a_program_that_is_there_and_content() {
        assert!(works(&["true"]).await);
        assert!(!works(&["false"]).await);
        assert!(!works(&["airlock-has-no-such-program"]).await);
    }

    #[tokio::test]
    async fn a_folder_that_speaks_of_no_tool_misses_none() {
        let app = tempfile::tempdir().unwrap();
        assert_eq!(missing(app.path()).await, None);
        // Whoever runs this has it.
        std::fs::write(app.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(missing(app.path()).await, None);
    }
}
