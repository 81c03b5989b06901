//! An event is answered after it is on the disk (W4): read off the system calls of the real program.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::support::{Place, TestInstall};

/// A system call, from its first to its last line in the trace.
#[derive(Debug)]
struct Call {
    name: String,
    /// Its arguments and its result.
    text: String,
    began: usize,
    ended: usize,
}

impl Call {
    /// The number of the file or socket that it is about.
    fn descriptor(&self) -> Option<&str> {
        self.text
            .split(['<', ',', ')'])
            .next()
            .filter(|number| !number.is_empty())
    }

    fn worked(&self) -> bool {
        self.text
            .rsplit_once(" = ")
            .is_some_and(|(_, result)| !result.starts_with('-'))
    }
}

/// Puts together what `strace -f` cuts where another thread comes between.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, Call> = HashMap::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, tail) = resumed.split_once(" resumed>").expect("a resumed call");
            let mut call = open.remove(thread).expect("a call that was begun");
            call.text.push_str(tail);
            call.ended = at;
            calls.push(call);
            continue;
        }
        let Some((name, text)) = rest.split_once('(') else {
            continue;
        };
        let (text, unfinished) = match text.strip_suffix("<unfinished ...>") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let call = Call {
            name: name.to_owned(),
            text: text.to_owned(),
            began: at,
            ended: at,
        };
        if unfinished {
            open.insert(thread, call);
        } else {
            calls.push(call);
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

/// Asserts that an event whose body holds `word` was written to the database's log, synced, and then answered.
fn assert_synced_before_the_answer(calls: &[Call], word: &str) {
    let read = calls
        .iter()
        .find(|call| matches!(call.name.as_str(), "read" | "recvfrom") && call.text.contains(word))
        .unwrap_or_else(|| panic!("the host has not read the event with {word}"));
    let after: Vec<&Call> = calls
        .iter()
        .filter(|call| call.began > read.ended)
        .collect();
    let answer = after
        .iter()
        .find(|call| {
            matches!(
                call.name.as_str(),
                "write" | "writev" | "sendto" | "sendmsg"
            ) && call.descriptor() == read.descriptor()
        })
        .expect("the event was answered");
    assert!(answer.text.contains("HTTP/1.1 200 OK"), "{}", answer.text);
    let of_log = |names: &[&str]| {
        let found = after.iter().filter(|call| {
            names.contains(&call.name.as_str())
                && call.text.contains("airlock.db-wal")
                && call.worked()
        });
        // What begins after the answer does not count, and a sync must have ended before it.
        found
            .filter(|call| call.began < answer.began)
            .copied()
            .collect::<Vec<_>>()
    };
    let written = of_log(&["pwrite64"]);
    let written = written.last().expect("the event was written to the log");
    let synced = of_log(&["fdatasync", "fsync"]);
    let synced = synced.last().expect("the log was synced");
    assert!(
        written.ended < synced.began && synced.ended < answer.began,
        "written in line {}, synced in lines {} to {}, answered in line {}",
        written.ended,
        synced.began,
        synced.ended,
        answer.began
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_an_event_is_on_the_disk_before_it_is_answered() {
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    // -D leaves the host as our own child; -y names the files; the body of an event is shorter than 2,000 bytes.
    let strace = [
        "strace",
        "-D",
        "-f",
        "-y",
        "-s",
        "2000",
        "-e",
        "trace=read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync",
        "-o",
        trace.to_str().unwrap(),
    ];
    let found = std::process::Command::new("strace")
        .arg("--version")
        .output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "this test needs strace; try: apt-get install strace"
    );
    let place = Place::new(&"http://127.0.0.1:9/".parse().unwrap())
        .dud("kyc")
        .under(&strace);
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let install = TestInstall::new("traced");
    let events: [Value; 2] = [install.install(), install.uninstall()];
    for event in &events {
        cloud.event(event).await.expect(200);
    }
    assert!(host.stop().success());
    let text = fs::read(&trace).unwrap();
    let text = String::from_utf8_lossy(&text);
    let calls = calls(&text);
    for kind in ["install", "uninstall"] {
        assert_synced_before_the_answer(&calls, &format!("\\\"{kind}:{}\\\"", install.id));
    }
}

#[test]
fn a_trace_is_put_together_again() {
    let trace = "7 write(3</a>, \"x\" <unfinished ...>\n8 fsync(4</b>) = 0\n7 <... write resumed>, 1) = 1\n\
                 9 +++ exited with 0 +++\n8 fdatasync(4</b>) = -1 EIO (Input/output error)\n";
    let calls = calls(trace);
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.name.as_str(), call.began, call.ended, call.worked()))
        .collect();
    let expected = [
        ("write", 0, 2, true),
        ("fsync", 1, 1, true),
        ("fdatasync", 4, 4, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(calls[0].descriptor(), Some("3"));
}

#[test]
#[should_panic(expected = "the log was synced")]
fn an_answer_before_the_sync_is_seen() {
    let trace = "7 recvfrom(9<socket:[1]>, \"the-event\") = 9\n7 pwrite64(4</airlock.db-wal>, \"x\") = 1\n\
                 7 sendto(9<socket:[1]>, \"HTTP/1.1 200 OK\") = 15\n8 fdatasync(4</airlock.db-wal>) = 0\n";
    assert_synced_before_the_answer(&calls(trace), "the-event");
}
