//! The list of written pages, which makes calls fast, is there for a host that does not run as root too: it must be opened
//! before the process closes itself to other users (K8).

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::support::{Place, packages};

/// A user and a group without any rights of their own.
const NOBODY: u32 = 65_534;

/// Whether the kernel has such a list: since Linux 6.7.
fn kernel_has_it() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (6, 7)
}

fn give_to_nobody(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            give_to_nobody(&entry.path());
        } else {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).expect("root may give files away");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_root_has_the_list_of_written_pages_as_far_as_the_kernel_has_it() {
    let nowhere = "http://127.0.0.1:9/".parse().unwrap();
    let mut place = Place::new(&nowhere).dud("kyc");
    let folder = place.folder.path().to_owned();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        // The program may lie where nobody else may look.
        let program = folder.join("airlock");
        fs::copy(packages::airlock(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (user, group) = (NOBODY.to_string(), NOBODY.to_string());
        place = place.program(program).under(&[
            "setpriv",
            "--reuid",
            &user,
            "--regid",
            &group,
            "--clear-groups",
        ]);
        give_to_nobody(&folder);
    }
    let host = place.serve().await;
    let said = place.log_text().contains("no list of the pages");
    assert_eq!(said, !kernel_has_it(), "{}", place.log_text());
    assert!(host.stop().success());
}
