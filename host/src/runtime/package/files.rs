//! Opening files without following links and without waiting.
//!
//! Every name is opened relative to its folder's handle, so swapping a folder for a link between two steps leads
//! nowhere; what was opened is then checked by its handle, not by its name.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::PackageError;

/// A regular file is opened at once, a pipe too: without this a pipe would wait for its writer.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn io(name: &str, error: impl Into<std::io::Error>) -> PackageError {
    PackageError::Io {
        file: name.to_owned(),
        error: error.into(),
    }
}

fn folder_error(name: &str, error: Errno) -> PackageError {
    match error {
        // What opening a link with NOFOLLOW and DIRECTORY answers, and what opening a file answers.
        Errno::NOTDIR | Errno::LOOP => PackageError::NotFolder(name.to_owned()),
        error => io(name, error),
    }
}

/// The folder at `path`, called `name` in errors.
pub(super) fn open_folder(path: &Path, name: &str) -> Result<OwnedFd, PackageError> {
    rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|error| folder_error(name, error))
}

/// A folder within another, if it is there.
pub(super) fn open_subfolder(
    parent: impl AsFd,
    entry: &str,
    name: &str,
) -> Result<Option<OwnedFd>, PackageError> {
    match rustix::fs::openat(parent, entry, FOLDER, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(folder_error(name, error)),
    }
}

/// The content of the regular file `entry` of a folder, if it is there. Called `name` in errors.
pub(super) fn read_file(
    folder: impl AsFd,
    entry: &str,
    name: &str,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    let handle = match rustix::fs::openat(folder, entry, FILE, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Ok(None),
        // A link; or a socket, or a device without a driver.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => {
            return Err(PackageError::NotRegular(name.to_owned()));
        }
        Err(error) => return Err(io(name, error)),
    };
    let status = rustix::fs::fstat(&handle).map_err(|error| io(name, error))?;
    if !FileType::from_raw_mode(status.st_mode).is_file() {
        return Err(PackageError::NotRegular(name.to_owned()));
    }
    let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    if size > max_bytes {
        return Err(PackageError::TooLarge {
            file: name.to_owned(),
            max_bytes,
        });
    }
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    File::from(handle)
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| io(name, error))?;
    if content.len() as u64 != size {
        return Err(PackageError::Changed(name.to_owned()));
    }
    Ok(Some(content))
}
