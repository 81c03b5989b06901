//! `data/airlock.lock`: one host for one folder of state, and how the commands find it. Beside a database file lies
//! another lock, since two folders may name the same file. It can't tell of one file that is mounted alone into two
//! containers, nor of one that is moved under a running host.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::config::DatabaseUrl;

const LOCK: &str = "airlock.lock";
const TOKEN: &str = "admin.token";
/// Tries to take the lock, and the pause between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// The lock of a folder of state. It is free again when this is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct HostLock {
    file: File,
    folder: PathBuf,
    /// Held as long as this is.
    _database: Option<File>,
}

/// A host that holds the lock: where its operator's listener is, and the token that opens it.
pub struct Held {
    /// The operator's listener; none while the host is still starting.
    pub address: Option<SocketAddr>,
    /// The token, from a file that only the owner can read.
    pub token: String,
}

impl HostLock {
    /// Takes the lock of a folder and that of its database, where it is a file, or says who may have them.
    pub fn take(folder: &Path, database: &DatabaseUrl) -> anyhow::Result<Self> {
        let Some(file) = lock(&folder.join(LOCK))? else {
            anyhow::bail!(
                "another host is using {}; try: stop it, or set another --data-dir",
                folder.display()
            )
        };
        let database = match database {
            // A server orders its hosts by itself; and a folder that is not there is what opening the database tells of.
            DatabaseUrl::Postgres(_) => None,
            DatabaseUrl::Sqlite(path) if !beside(path).parent().is_some_and(Path::is_dir) => None,
            DatabaseUrl::Sqlite(path) => {
                make(path)?;
                let Some(file) = lock(&beside(path))? else {
                    anyhow::bail!(
                        "another host is using the database {}; try: stop it, or set another database.url",
                        path.display()
                    )
                };
                Some(file)
            }
        };
        Ok(Self {
            file,
            folder: folder.to_owned(),
            _database: database,
        })
    }

    /// Tells the commands where the operator's listener is and what opens it.
    pub fn announce(&self, address: SocketAddr, token: &str) -> anyhow::Result<()> {
        let path = self.folder.join(TOKEN);
        let mut file =
            open_private(&path).with_context(|| format!("writing {}", path.display()))?;
        file.set_len(0)?;
        file.write_all(token.as_bytes())?;
        let mut lock = &self.file;
        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(address.to_string().as_bytes())
            .context("writing the lock")
    }

    /// The host that holds the lock, if one does.
    pub fn holder(folder: &Path) -> anyhow::Result<Option<Held>> {
        let path = folder.join(LOCK);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
        };
        // A shared lock is refused while the host holds its own; taken, it is given back at once.
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let token = std::fs::read_to_string(folder.join(TOKEN)).unwrap_or_default();
        Ok(Some(Held {
            address: text.trim().parse().ok(),
            token: token.trim().to_owned(),
        }))
    }
}

/// Locks a file; none where another program has locked it.
fn lock(path: &Path) -> anyhow::Result<Option<File>> {
    let file = open_private(path).with_context(|| format!("opening {}", path.display()))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            // A command that only looks holds it for an instant.
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
    Ok(None)
}

/// Makes a database file that a link leads to and that is not there yet, so that the link has an end. A file that has a
/// second name is refused: another host could open it by that name and would lock something else.
fn make(database: &Path) -> anyhow::Result<()> {
    // One that is there is not opened: on closing it, SQLite's own locks of this process would be gone (POSIX locks).
    match std::fs::metadata(database) {
        Ok(found) => only_name(database, &found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && database.is_symlink() => {
            open_private(database)
                .map(drop)
                .with_context(|| format!("making the database {}", database.display()))
        }
        // What else is wrong with it, opening it tells.
        Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn only_name(database: &Path, found: &std::fs::Metadata) -> anyhow::Result<()> {
    let names = std::os::unix::fs::MetadataExt::nlink(found);
    anyhow::ensure!(
        names <= 1 || !found.is_file(),
        "the database {} has {names} names (hard links), so another host could use it unseen; \
         try: remove the other names, or copy the file",
        database.display()
    );
    Ok(())
}

#[cfg(not(unix))]
fn only_name(_: &Path, _: &std::fs::Metadata) -> anyhow::Result<()> {
    Ok(())
}

/// Where the lock of a database file lies: beside the file itself, however its name leads there.
fn beside(database: &Path) -> PathBuf {
    let mut name = real(database).into_os_string();
    name.push(".lock");
    PathBuf::from(name)
}

/// The path without links; of a file that is not there yet, the folder's.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Opens or makes a file that only its owner can read.
fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // A file that was there before keeps its mode otherwise.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders of state whose database is one file, each by its own name. Answers why the second host is refused.
    fn refused(second_name: impl FnOnce(&Path, &Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for folder in [&first, &second] {
            std::fs::create_dir(folder).unwrap();
        }
        let (file, other) = (first.join("airlock.db"), second.join("other.db"));
        second_name(&file, &other);
        let take = |folder, file: &Path| HostLock::take(folder, &DatabaseUrl::Sqlite(file.into()));
        // By the second name first: what it leads to may not be there yet.
        let _held = take(&second, &other);
        take(&first, &file).unwrap_err().to_string()
    }

    #[cfg(unix)]
    #[test]
    fn a_database_is_locked_by_whatever_link_it_is_opened() {
        use std::os::unix::fs::symlink;
        let error = refused(|file, other| symlink(file, other).unwrap());
        assert!(
            error.contains("another host is using the database"),
            "{error}"
        );
        let error = refused(|file, other| {
            std::fs::write(file, "").unwrap();
            std::fs::hard_link(file, other).unwrap();
        });
        assert!(error.contains("has 2 names (hard links)"), "{error}");
        assert!(error.contains("try: "), "{error}");
    }

    #[test]
    fn a_second_host_is_refused_and_the_first_one_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let database = DatabaseUrl::Sqlite(folder.path().join("airlock.db"));
        assert!(HostLock::holder(folder.path()).unwrap().is_none());
        let lock = HostLock::take(folder.path(), &database).unwrap();
        lock.announce("127.0.0.1:9090".parse().unwrap(), "token")
            .unwrap();
        let error = HostLock::take(folder.path(), &database)
            .unwrap_err()
            .to_string();
        assert!(error.contains("another host is using"), "{error}");
        let held = HostLock::holder(folder.path()).unwrap().unwrap();
        assert_eq!(held.address.unwrap().to_string(), "127.0.0.1:9090");
        assert_eq!(held.token, "token");
        drop(lock);
        assert!(HostLock::holder(folder.path()).unwrap().is_none());
    }
}
