//! A private server: its folder, its start, its end.
//!
//! A shell keeps it: it starts the server, waits until the pipe from the tests closes, then stops the server and removes
//! the folder. The pipe closes when the tests end in whatever way, SIGKILL included. Should the shell itself be killed,
//! the next run finds the folder with nobody holding its lock, and does the same.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::programs::{self, User};

/// Folders of servers begin so; they lie in the system's folder for temporary files.
const PREFIX: &str = "airlock-postgres-";
/// Nothing here must survive a power cut, and many small hosts connect at once.
const SETTINGS: &str = "listen_addresses = ''\nfsync = off\nfull_page_writes = off\n\
     max_connections = 400\nshared_buffers = 32MB\nwal_level = minimal\nmax_wal_senders = 0\nautovacuum = off\n";
/// Everybody who can enter the folder is let in; `guarded` alone needs its password.
const ACCESS: &str = "local all guarded scram-sha-256\nlocal all all trust\n";
/// Starts the server, says so, waits for the end of the tests, then cleans up.
const KEEPER: &str = r#"
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 -s start >&2 || { cat "$2/log" >&2; exit 1; }
echo ready
cat > /dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w -s stop > /dev/null 2>&1
rm -rf "$2"
"#;

/// A server of its own, reached by a socket in its folder.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    user: User,
    folder: PathBuf,
    keeper: Child,
    /// Closing it ends the server.
    pipe: Option<ChildStdin>,
    _lock: File,
}

impl Cluster {
    /// Makes and starts a server. Fails with what to install where the programs are missing.
    pub fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let (programs, user) = (programs::folder(), User::choose());
        sweep(&programs, &user);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        // Locked before it has its name: whoever sweeps must not take it for one that was left behind.
        let unnamed = std::env::temp_dir().join(format!("new-{name}"));
        std::fs::create_dir(&unnamed).expect("a folder for the server");
        let lock = File::create(unnamed.join("lock")).expect("a lock");
        lock.lock().expect("a lock of our own");
        std::fs::rename(&unnamed, &folder).expect("a folder for the server");
        user.own(&folder);
        make(&programs, &user, &folder);
        let mut keeper = user
            .command(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "keeper"])
            .args([&programs, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut said = String::new();
        let out = keeper.stdout.take().expect("a pipe");
        let _ = BufReader::new(out).read_line(&mut said);
        assert_eq!(said.trim(), "ready", "the server did not start");
        Self {
            pipe: keeper.stdin.take(),
            programs,
            user,
            folder,
            keeper,
            _lock: lock,
        }
    }

    /// The address of one of its databases, for the user who may do everything and needs no password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?{}", self.socket())
    }

    /// The same address, for a user who may do everything and needs a password.
    pub fn guarded_url(&self, database: &str, password: &str) -> String {
        let socket = self.socket();
        format!("postgres://guarded:{password}@localhost/{database}?{socket}")
    }

    /// The part of an address that says where the server's socket is.
    pub fn socket(&self) -> String {
        format!("host={}", self.folder.display())
    }

    /// Makes an empty database. `options` is the end of the statement, such as `encoding 'LATIN1'`.
    pub fn create_database(&self, name: &str, options: &str) {
        self.run("postgres", &format!("create database {name} {options}"));
    }

    /// Removes a database, whoever is connected to it.
    pub fn drop_database(&self, name: &str) {
        let statement = format!("drop database if exists {name} with (force)");
        // A test that stopped the server has removed it already.
        let _ = self.psql("postgres", &statement).output();
    }

    /// Runs statements in a database. Answers what `psql` prints: columns divided by `|`, without titles.
    pub fn run(&self, database: &str, statements: &str) -> String {
        let output = self.psql(database, statements).output().expect("psql");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops the server at once, as a crash would.
    pub fn stop(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Starts it again after [`Cluster::stop`].
    pub fn start_again(&self) {
        let log = self.folder.join("log");
        self.control(&["-l", &log.display().to_string(), "start"]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut command = self.user.command(&self.programs.join("pg_ctl"));
        command.args(["-w", "-t", "60", "-s", "-D"]);
        command.arg(self.folder.join("data")).args(arguments);
        let status = command.stdin(Stdio::null()).status().expect("pg_ctl");
        assert!(status.success(), "pg_ctl {arguments:?}: {status}");
    }

    fn psql(&self, database: &str, statements: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-U", "postgres", "-d", database, "-c", statements])
            .arg("-h")
            .arg(&self.folder)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.keeper.wait();
    }
}

fn make(programs: &Path, user: &User, folder: &Path) {
    let data = folder.join("data");
    let output = user
        .command(&programs.join("initdb"))
        .args(["--no-sync", "--username=postgres", "--auth=trust"])
        .args(["--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data)
        .output()
        .expect("initdb");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb: {error}");
    let settings = format!(
        "{SETTINGS}unix_socket_directories = '{}'\n",
        folder.display()
    );
    std::fs::write(data.join("postgresql.auto.conf"), settings).expect("the server's settings");
    std::fs::write(data.join("pg_hba.conf"), ACCESS).expect("the server's rules");
}

/// Stops and removes servers that a killed run has left behind: nobody holds their lock.
fn sweep(programs: &Path, user: &User) {
    let entries = std::fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten();
    for entry in entries.filter_map(Result::ok) {
        let folder = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(folder.join("lock")) else {
            continue;
        };
        if lock.try_lock().is_err() {
            continue;
        }
        let mut stop = user.command(&programs.join("pg_ctl"));
        stop.args(["-m", "immediate", "-w", "-s", "-D"]);
        let _ = stop.arg(folder.join("data")).arg("stop").output();
        let _ = std::fs::remove_dir_all(&folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_stops_starts_again_and_leaves_nothing() {
        let cluster = Cluster::start();
        cluster.create_database("one", "");
        cluster.run(
            "one",
            "create table kept (number bigint); insert into kept values (7)",
        );
        cluster.stop();
        assert!(
            !cluster
                .psql("one", "select 1")
                .output()
                .expect("psql")
                .status
                .success()
        );
        cluster.start_again();
        assert_eq!(cluster.run("one", "select number from kept"), "7");
        let folder = cluster.folder.clone();
        drop(cluster);
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_whose_tests_were_killed_is_gone_at_the_next_run() {
        let mut cluster = Cluster::start();
        let folder = cluster.folder.clone();
        // As if both the tests and the keeper had been killed: nobody holds the lock, and the server still runs.
        cluster.keeper.kill().expect("a living keeper");
        let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).expect("a server");
        let pid = pid.lines().next().expect("its number").to_owned();
        drop(cluster);
        // A process that has ended, but that nobody has asked about yet, has no working folder any more.
        let running = || std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok();
        assert!(running());
        sweep(&programs::folder(), &User::choose());
        assert!(!folder.exists());
        assert!(!running());
    }
}
