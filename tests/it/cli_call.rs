//! `airlock call` on the real program: an answer and its figures, refusals, failures, and nothing left behind.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use airlock_cloud_sim::{CloudSim, Options};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Place, packages};

/// A place whose temporary folders are its own, so that what is left behind is seen.
fn place() -> Place {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    with_own_temporary_folder(Place::new(&nowhere).package("kyc").package("probes/echo"))
}

fn with_own_temporary_folder(place: Place) -> Place {
    let folder = place.folder.path().join("temporary");
    fs::create_dir(&folder).unwrap();
    place.set("TMPDIR", folder.to_str().unwrap())
}

/// Runs a call to its end. Whatever became of it, nothing is left.
#[track_caller]
fn call(place: &Place, code: i32, arguments: &[&str]) -> Output {
    let output = place.run(&[&["call"], arguments].concat());
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    let left: Vec<_> = fs::read_dir(place.folder.path().join("temporary"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    output
}

#[track_caller]
fn json_of(place: &Place, code: i32, arguments: &[&str]) -> Value {
    let output = call(place, code, &[arguments, &["--format", "json"]].concat());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["status", "headers", "body", "report"] {
        assert!(told.get(key).is_some(), "{key} is missing in {told:#}");
    }
    for key in [
        "cpu_us",
        "wall_us",
        "peak_memory_bytes",
        "cloud_calls",
        "denied",
        "log_bytes",
    ] {
        assert!(
            told["report"].get(key).is_some(),
            "{key} is missing in {told:#}"
        );
    }
    told
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_call_is_answered_by_the_app_over_the_simulated_cloud_with_its_figures() {
    let place = place();
    let told = json_of(&place, 0, &["kyc", "GET", "identities"]);
    assert_eq!(told["status"], 200);
    assert!(
        told["headers"]["content-type"]
            .as_str()
            .unwrap()
            .starts_with("application/json"),
        "{told:#}"
    );
    let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
    assert_eq!(told["body_json"], body);
    assert!(body["total"].as_u64().unwrap() > 0, "{body:#}");
    let report = &told["report"];
    assert!(report["cloud_calls"].as_u64().unwrap() >= 1, "{report:#}");
    assert!(report["cpu_us"].as_u64().unwrap() > 0);
    assert!(report["wall_us"].as_u64() >= report["cpu_us"].as_u64());
    assert_eq!(report["denied"], json!([]));
    assert_eq!(told["limits"]["peak_memory_bytes"], 32 << 20);
    assert_eq!(told["limits"]["cpu_us"], 250_000);
    assert_eq!(
        told["granted"],
        json!(["data:read", "data:write", "alerts:write"])
    );
}

#[test]
fn the_table_shows_the_answer_indented_and_each_figure_beside_its_limit() {
    let place = place();
    let output = call(&place, 0, &["kyc", "get", "/api/me"]);
    let text = out(&output);
    assert!(text.starts_with("200\n"), "{text}");
    for expected in [
        "\ncontent-type: application/json",
        "\n{\n  \"app\": \"KYC Review\",\n",
        "\nLIMIT        USED ",
        " 250 ms  ",
        " 32 MiB  ",
        "\nCloud calls  0 ",
        "\ngranted  data:read, data:write, alerts:write\n",
        "\ndenied   none\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in: {text}");
    }
    assert_eq!(err(&output), "");
}

#[test]
fn a_refusal_of_the_app_is_an_answer_and_what_was_denied_is_told() {
    let place = place();
    let told = json_of(&place, 0, &["kyc", "GET", "identities", "--grant", "none"]);
    assert_eq!(told["status"], 403);
    assert_eq!(told["granted"], json!([]));
    let told = json_of(&place, 0, &["kyc", "GET", "me", "--grant", "data:read"]);
    let scopes = &told["body_json"]["scopes"];
    assert_eq!(scopes["data:read"]["granted"], true);
    assert_eq!(scopes["data:write"]["granted"], false);
    let output = call(&place, 0, &["kyc", "GET", "me", "--grant", "alerts:read"]);
    let said = err(&output);
    assert!(said.contains("kyc does not ask for alerts:read"), "{said}");
}

#[test]
fn what_the_app_used_without_having_it_is_told_and_so_are_its_last_words() {
    let place = place();
    packages::lay(&packages::package("probes/hunt"), &place.plugins(), "hunt");
    fs::write(
        place.folder.path().join("order"),
        "{\"mask\": 1, \"patterns\": []}",
    )
    .unwrap();
    let arguments = ["hunt", "POST", "hunt", "--body", "order"];
    let told = json_of(&place, 0, &[&arguments[..], &["--grant", "none"]].concat());
    assert_eq!(told["status"], 200, "{told:#}");
    assert_eq!(told["body_json"]["used_key"], false);
    assert_eq!(told["report"]["denied"], json!(["data:read"]));
    assert_eq!(told["report"]["cloud_calls"], 0);
    let text = out(&call(
        &place,
        0,
        &[&arguments[..], &["--grant", "none"]].concat(),
    ));
    assert!(
        text.contains("\ngranted  none\ndenied   data:read\n"),
        "{text}"
    );
    let output = call(&place, 1, &["hunt", "POST", "crash"]);
    let said = err(&output);
    assert!(
        said.lines().all(|line| line.starts_with("app warn  ")) && said.contains("as asked"),
        "{said}"
    );
    let text = out(&output);
    assert!(
        text.starts_with("failed     the app crashed\n") && text.contains("\nbecause    wasm trap"),
        "{text}"
    );
}

#[test]
fn method_path_query_headers_and_body_arrive_as_they_are_given() {
    let place = place();
    let body = place.folder.path().join("body.json");
    fs::write(&body, "{\"a\": 1}").unwrap();
    let arguments = [
        "echo",
        "POST",
        "seen/a%20b?q=x%2By&q=2",
        "--header",
        "Accept: text/html",
        "--header",
        "cookie: secret",
        "--body",
        body.to_str().unwrap(),
    ];
    let told = json_of(&place, 0, &arguments);
    let seen = &told["body_json"];
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["path"], json!(["seen", "a b"]));
    assert_eq!(seen["query"], json!([["q", "x+y"], ["q", "2"]]));
    assert_eq!(
        seen["headers"],
        json!([
            ["accept", "text/html"],
            ["content-type", "application/json"]
        ])
    );
    let said = err(&call(&place, 0, &arguments));
    assert!(
        said.contains("left out cookie") && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn a_body_comes_from_standard_input_and_a_binary_answer_goes_where_it_is_asked_for() {
    let place = place();
    let bytes = [0_u8, 255, 10, 128];
    let run = |arguments: &[&str]| {
        let mut command = place.command(&[&["call", "echo", "POST", "echo"], arguments].concat());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        output
    };
    let told: Value =
        serde_json::from_slice(&run(&["--body", "-", "--format", "json"]).stdout).unwrap();
    assert_eq!(
        (&told["body"], &told["body_base64"]),
        (&Value::Null, &json!("AP8KgA=="))
    );
    assert_eq!(told["report"]["response_bytes"], 4);
    assert!(told.get("body_json").is_none());
    let text = out(&run(&["--body", "-"]));
    assert!(
        text.contains("(4 B that are no text; try: --output FILE"),
        "{text}"
    );
    let file = place.folder.path().join("answer.bin");
    let text = out(&run(&["--body", "-", "--output", file.to_str().unwrap()]));
    assert!(text.contains("(4 B written into "), "{text}");
    assert_eq!(fs::read(file).unwrap(), bytes);
}

#[test]
fn a_call_that_a_limit_stopped_prints_its_report_and_exits_with_1() {
    let place = place().set("AIRLOCK_LIMITS__PORTAL__WALL_MS", "100");
    let told = json_of(&place, 1, &["echo", "GET", "slow/4000"]);
    assert_eq!(told["failure"]["kind"], "wall");
    assert_eq!(told["status"], 504);
    assert_eq!(told["body"], Value::Null);
    assert!(
        told["report"]["wall_us"].as_u64().unwrap() >= 100_000,
        "{told:#}"
    );
    let output = call(&place, 1, &["echo", "GET", "slow/4000"]);
    let text = out(&output);
    assert!(
        text.starts_with("failed     the app took too long\n"),
        "{text}"
    );
    assert!(
        text.contains("page gets  504\n") && text.contains("\nLIMIT "),
        "{text}"
    );
    assert_eq!(err(&output), "", "the report says it");
}

#[test]
fn what_can_not_be_called_says_why_and_usage_is_exit_code_2() {
    let place = place().dud("dud");
    packages::lay(&place.plugins().join("kyc"), &place.plugins(), "torn");
    fs::write(place.plugins().join("torn/app.wasm"), b"no").unwrap();
    for (code, arguments, words) in [
        (1, &["kcy", "GET", "me"][..], "did you mean `kyc`?"),
        (
            1,
            &["dud", "GET", "me"],
            "has no component yet; try: airlock build",
        ),
        (
            1,
            &["torn", "GET", "me"],
            "torn can't be served: app.wasm is not WebAssembly",
        ),
        (
            1,
            &["plugins/kyc/app.wasm", "GET", "me"],
            "is a file, and a call needs the whole package",
        ),
        (
            1,
            &["kyc", "POST", "x", "--body", "no-such.json"],
            "reading the body from no-such.json",
        ),
        (
            1,
            &["kyc", "POST", "x", "--body", "."],
            "reading the body from .",
        ),
        (
            2,
            &["kyc", "GET", "me", "--grant", "data:raed"],
            "did you mean data:read?",
        ),
        (2, &["kyc", "FETCH", "me"], "a page can use GET, HEAD"),
        (2, &["kyc", "GET", "a/../b"], "\"..\""),
        (
            2,
            &["kyc", "GET", "me", "--header", "accept"],
            "NAME: VALUE",
        ),
        (2, &["kyc", "GET"], "<PATH>"),
    ] {
        let output = call(&place, code, arguments);
        let said = err(&output);
        assert!(
            said.contains("error: ") && said.contains(words),
            "{arguments:?}: {said}"
        );
        assert_eq!(out(&output), "", "{arguments:?}");
    }
    let large = place.folder.path().join("large");
    fs::write(&large, vec![b'x'; (1 << 20) + 1]).unwrap();
    let output = call(&place, 1, &["echo", "POST", "length", "--body", "large"]);
    assert!(
        err(&output).contains("longer than 1 MiB"),
        "{}",
        err(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_beside_a_running_host_disturbs_neither() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("kyc");
    let place = with_own_temporary_folder(place);
    let host = place.serve().await;
    let told = json_of(&place, 0, &["kyc", "GET", "identities"]);
    assert_eq!(told["status"], 200);
    assert_eq!(host.report("/installs").await, json!([]));
    // The calls went to the simulation of the call, not to the one that the configuration names.
    assert_eq!(sim.requests().len(), 0);
    assert!(host.stop().success());
}

#[test]
fn an_apps_own_folder_is_called_once_it_is_built() {
    let place = place();
    let source = place.folder.path().join("src/kyc");
    packages::lay(
        &place.plugins().join("kyc"),
        &place.folder.path().join("src"),
        "kyc",
    );
    let built = source.join("target/wasm32-wasip2/release/kyc.wasm");
    fs::create_dir_all(built.parent().unwrap()).unwrap();
    fs::rename(source.join("app.wasm"), &built).unwrap();
    let told = json_of(&place, 0, &["src/kyc", "GET", "me"]);
    assert_eq!(told["status"], 200);
}

#[test]
fn h44_a_package_is_called_as_every_host_reads_it_and_no_link_is_followed() {
    let place = place();
    let outside = place.folder.path().join("outside.html");
    fs::write(&outside, "<p>").unwrap();
    packages::lay(&place.plugins().join("kyc"), &place.plugins(), "linked");
    let page = place.plugins().join("linked/ui/linked.html");
    std::os::unix::fs::symlink(&outside, &page).unwrap();
    let output = call(&place, 1, &["linked", "GET", "me"]);
    let said = err(&output);
    assert!(
        said.contains("linked can't be served: ui/linked.html is not a regular file"),
        "{said}"
    );
    fs::remove_file(&page).unwrap();
    let component = place.plugins().join("linked/app.wasm");
    fs::rename(&component, place.folder.path().join("elsewhere.wasm")).unwrap();
    std::os::unix::fs::symlink(place.folder.path().join("elsewhere.wasm"), &component).unwrap();
    let output = call(&place, 1, &["linked", "GET", "me"]);
    let said = err(&output);
    assert!(said.contains("app.wasm is not a regular file"), "{said}");
}

#[test]
fn h44_of_an_apps_own_folder_no_more_is_copied_than_a_package_may_have() {
    let place = place();
    let sources = place.folder.path().join("src");
    packages::lay(&place.plugins().join("kyc"), &sources, "kyc");
    let source = sources.join("kyc");
    let built = source.join("target/wasm32-wasip2/release/kyc.wasm");
    fs::create_dir_all(built.parent().unwrap()).unwrap();
    let component = source.join("app.wasm");
    std::os::unix::fs::symlink(place.plugins().join("kyc/app.wasm"), &built).unwrap();
    fs::remove_file(&component).unwrap();
    let said = err(&call(&place, 1, &["src/kyc", "GET", "me"]));
    assert!(said.contains("kyc.wasm is not a plain file"), "{said}");
    fs::remove_file(&built).unwrap();
    fs::File::create(&built)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    let said = err(&call(&place, 1, &["src/kyc", "GET", "me"]));
    assert!(said.contains("kyc.wasm is larger than"), "{said}");
    fs::copy(place.plugins().join("kyc/app.wasm"), &built).unwrap();
    let many = source.join("ui/many");
    fs::create_dir(&many).unwrap();
    for number in 0..2_000 {
        fs::write(many.join(number.to_string()), "").unwrap();
    }
    let said = err(&call(&place, 1, &["src/kyc", "GET", "me"]));
    assert!(said.contains("more than 2000 files and folders"), "{said}");
}
