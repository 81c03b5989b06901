//! A disk that turns read-only under a running host (R3): what the kernel then answers to each write, given by `strace`.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use crate::support::{Answer, Place, ProcessHost, TestInstall, database};

/// Each write to a file at a place, each change of its length and each sync fails as on a file system that was mounted
/// anew for reading. The log goes by another call.
struct ReadOnlyDisk(Child);

impl ReadOnlyDisk {
    /// Begins for every thread of a host that runs already, and answers once it holds.
    fn under(host: &ProcessHost) -> Self {
        let id = host.id().to_string();
        let inject = "inject=pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync:error=EROFS";
        let strace = Command::new("strace")
            .args(["-f", "-p", &id, "-o", "/dev/null", "-e", inject])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut strace = strace.unwrap_or_else(|error| {
            panic!("this test needs strace ({error}); try: apt-get install strace")
        });
        let mut said = String::new();
        let mut stderr = BufReader::new(strace.stderr.take().expect("a pipe"));
        stderr.read_line(&mut said).expect("a line");
        assert!(said.contains("attached"), "strace could not attach: {said}");
        // Whatever else it says must find a reader.
        std::thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
        Self(strace)
    }

    /// The disk can be written again.
    fn end(mut self) {
        // By this signal strace lets go of the program.
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        self.0.wait().expect("strace ends");
    }
}

/// Ids and states of the installs, as the operator sees them.
async fn installs(host: &ProcessHost) -> Vec<(String, String)> {
    let report = host.report("/installs").await;
    let lines = report.as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    lines
        .map(|line| (text(&line["installed_app_id"]), text(&line["status"])))
        .collect()
}

#[track_caller]
fn assert_come_again(answer: &Answer) {
    assert!(answer.header("retry-after").is_some());
    answer.problem(503, "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_on_a_disk_that_turned_read_only_events_are_put_off_and_taken_when_it_can_be_written() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Past what the test runner keeps to itself: nothing is left out in silence.
        let left_out = "LEFT OUT: a disk that turns read-only under a running host, since the host lets only root \
                        attach to it (K8); try: as root\n";
        io::stderr().write_all(left_out.as_bytes()).unwrap();
        return;
    }
    // Nothing listens there: no key is ever proven.
    let place = Place::new(&"http://127.0.0.1:9/".parse().unwrap()).dud("kyc");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let (first, second) = (TestInstall::new("1"), TestInstall::new("2"));
    cloud.event(&first.install()).await.expect(200);
    let before = installs(&host).await;
    assert_eq!(before, [(first.id.clone(), "pending".to_owned())]);

    let disk = ReadOnlyDisk::under(&host);
    for _ in 0..3 {
        assert_come_again(&cloud.event(&second.install()).await);
        assert_come_again(&cloud.event(&first.uninstall()).await);
    }
    assert_eq!(installs(&host).await, before);
    // What was answered before is answered again: nothing is written for it.
    cloud.event(&first.install()).await.expect(200);

    disk.end();
    cloud.event(&second.install()).await.expect(200);
    cloud.event(&first.uninstall()).await.expect(200);
    let after = [
        (first.id, "uninstalled".to_owned()),
        (second.id, "pending".to_owned()),
    ];
    assert_eq!(installs(&host).await, after);
    host.kill();
    database::assert_sound(&place.data()).await;
    assert_eq!(installs(&place.serve().await).await, after);
}
