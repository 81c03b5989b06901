//! The command line: `airlock --help` is its description.
//!
//! Exit codes: 0 done, 1 it failed, 2 the command was not understood. An error says what failed, why, and what to try.

mod apps;
mod ask;
mod build;
#[cfg(feature = "dev")]
mod call;
mod compile;
mod config;
#[cfg(feature = "dev")]
mod dev;
mod inspect;
mod installs;
mod keys;
mod migrate;
mod output;
mod serve;
mod setup;
mod subject;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigError, Layers, Secrets};

/// Airlock hosts Blnk Custom Apps: WebAssembly components behind checked permissions.
#[derive(Debug, Parser)]
#[command(
    name = "airlock",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a simulated Cloud, this host and the sample apps, for development
    #[cfg(feature = "dev")]
    Dev(dev::DevArgs),
    /// Serve in production
    Serve(CommonArgs),
    /// Build an app and lay its package into the folder of packages
    Build(build::BuildArgs),
    /// Show what a package is, what it can reach, and whether this host would serve it
    Inspect(inspect::InspectArgs),
    /// Call an app in the sandbox, against a simulated Cloud, and show what it used
    #[cfg(feature = "dev")]
    Call(call::CallArgs),
    /// Look at the apps in the folder of packages, reload them, switch them off and on, and change their addresses
    #[command(subcommand)]
    Apps(apps::AppsCommand),
    /// Look at installs
    #[command(subcommand)]
    Installs(installs::InstallsCommand),
    /// Make keys, see what they seal, and exchange them
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Bring the database's tables to this version
    Migrate(CommonArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Flags that most commands share. Each beats the environment and the file.
#[derive(Debug, Clone, Default, Args)]
struct CommonArgs {
    /// The configuration file [default: `AIRLOCK_CONFIG`, else airlock.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the public listener binds
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the operator's listener binds
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The origin under which Cloud and browsers reach this host
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The folder of packages
    #[arg(long, value_name = "FOLDER")]
    plugins: Option<String>,
    /// The folder of the database and other state
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
}

impl CommonArgs {
    /// Every layer: defaults, the file, the environment, these flags.
    fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = Layers::defaults();
        match self
            .config
            .clone()
            .or_else(crate::config::file_of_environment)
        {
            Some(path) => layers.add_file(&path, true)?,
            None => layers.add_file("airlock.toml".as_ref(), false)?,
        }
        layers.add_environment(crate::config::environment())?;
        for (flag, name, value) in [
            ("listen", "listen", &self.listen),
            ("admin-listen", "admin_listen", &self.admin_listen),
            ("public-url", "public_url", &self.public_url),
            ("plugins", "plugins", &self.plugins),
            ("data-dir", "data_dir", &self.data_dir),
        ] {
            if let Some(text) = value {
                layers.add_flag(flag, name, text)?;
            }
        }
        Ok(layers)
    }

    fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::from_layers(&self.layers()?)?)
    }
}

/// It failed, and what was printed says so already.
#[derive(Debug, thiserror::Error)]
#[error("it failed, as the report says")]
struct Told;

fn secrets() -> anyhow::Result<Secrets> {
    Ok(Secrets::read(&crate::config::secret_variables())?)
}

/// Runs a command line; `arguments` begins with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if compile::is_asked(&arguments) {
        return compile::run(arguments);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<Told>() {
                output::failure(&error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints why a command line was not understood. Help and version come this way too, with exit code 0.
fn refused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        #[cfg(feature = "dev")]
        Command::Dev(args) => setup::block_on(dev::run(args)),
        Command::Serve(args) => setup::block_on(serve::run(args)),
        Command::Build(args) => setup::block_on(build::run(args)),
        Command::Inspect(args) => setup::block_on(inspect::run(args)),
        #[cfg(feature = "dev")]
        Command::Call(args) => setup::block_on(call::run(args)),
        Command::Apps(command) => setup::block_on(apps::run(command)),
        Command::Installs(command) => setup::block_on(installs::run(command)),
        Command::Keys(command) => setup::block_on(keys::run(command)),
        Command::Migrate(args) => setup::block_on(migrate::run(args)),
        Command::Config(command) => config::run(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
