//! Tests of the parent's side with programs of the system in the child's place. The child itself is tested as part of the
//! real program.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::runtime::testing::guest;

const LIMITS: ScanLimits = ScanLimits {
    memory_bytes: 1 << 26,
};

/// What the host says of a child that does this.
async fn reason(script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("child");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let engine = Engine::for_compiling().unwrap();
    let compiler = Compiler::Child(program);
    match compiler.compile(&engine, guest("").into(), LIMITS).await {
        Ok(_) => panic!("it compiled"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn h10_each_end_of_a_child_has_its_sentence() {
    for (script, expected) in [
        (
            "echo 'app.wasm has too much' >&2; exit 3",
            "app.wasm has too much",
        ),
        (
            "kill -XCPU $$",
            "app.wasm can't be compiled: it took more than the 30 s of processor time that a compilation may use; \
             try: fewer or smaller functions",
        ),
        (
            "echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$",
            "app.wasm can't be compiled: it needs more than the 2048 MiB of memory that a compilation may use; \
             try: smaller functions",
        ),
        (
            "echo 'thread main has overflowed its stack' >&2; kill -ABRT $$",
            "app.wasm can't be compiled: it nests types or blocks too deep; \
             try: a component that a current toolchain makes",
        ),
        (
            "kill -KILL $$",
            "app.wasm can't be compiled: it was killed, by the system or by hand; is the machine out of memory?",
        ),
        (
            "echo one >&2; echo two >&2; kill -SEGV $$",
            "app.wasm can't be compiled: the compiler ended by signal 11: two",
        ),
        (
            "exit 1",
            "the compiler failed: exit status: 1: it said nothing",
        ),
    ] {
        assert_eq!(reason(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn what_a_child_says_is_one_bounded_line() {
    let text = reason(r"head -c 100000 /dev/zero | tr '\0' '\033' >&2; exit 3").await;
    assert!(text.len() < MAX_QUOTE + 20, "{} bytes", text.len());
    assert!(
        text.chars().all(|character| !character.is_control()),
        "{text}"
    );
}

#[tokio::test]
async fn a_child_that_can_not_be_started_is_the_hosts_fault() {
    let engine = Engine::for_compiling().unwrap();
    let compiler = Compiler::Child("/nowhere/airlock".into());
    let error = compiler.compile(&engine, guest("").into(), LIMITS).await;
    let text = error.err().unwrap().to_string();
    assert!(
        text.starts_with("the compiler failed: it can't be started: "),
        "{text}"
    );
}

#[tokio::test]
async fn a_child_has_nothing_of_the_environment_and_stands_in_the_root_folder() {
    let text = reason("(env | cut -d= -f1; pwd) | tr '\\n' ' ' >&2; exit 3").await;
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    // The shell adds some of its own.
    let own = |word: &&str| !["PWD", "_", "SHLVL", "OLDPWD", "PATH"].contains(word);
    let mut words: Vec<&str> = words.into_iter().filter(own).collect();
    words.sort_unstable();
    assert_eq!(words, ["/", "MIMALLOC_ARENA_RESERVE", "RAYON_NUM_THREADS"]);
}

#[tokio::test]
async fn a_child_that_nobody_waits_for_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (program, number) = (folder.path().join("child"), folder.path().join("number"));
    let script = format!(
        "#!/bin/sh\necho $$ > {}.new\nmv {0}.new {0}\nexec sleep 600\n",
        number.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let engine = Engine::for_compiling().unwrap();
    let compiler = Compiler::Child(program);
    let compiling = tokio::spawn(async move {
        compiler
            .compile(&engine, guest("").into(), LIMITS)
            .await
            .map(drop)
    });
    let number = until(|| std::fs::read_to_string(&number).ok()).await;
    compiling.abort();
    assert!(compiling.await.unwrap_err().is_cancelled());
    let process = format!("/proc/{}/stat", number.trim());
    let is_gone = || match std::fs::read_to_string(&process) {
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    };
    until(is_gone).await;
}

/// What a look finds, within ten times what it should take.
async fn until<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come within 10 s");
}
