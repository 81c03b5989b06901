//! The headers of every kind of answer, compared as a whole: what should not be there is not there.

mod ruled;

use std::time::Duration;

use serde_json::json;

use crate::support::clients::{exchange, token_of};
use crate::support::{Answer, Ask, Portal, TestHost};
use ruled::{Kind, expected, found};

struct Sweep {
    host: TestHost,
    cases: usize,
}

impl Sweep {
    async fn check(&mut self, case: &str, ask: Ask, status: u16, kind: Kind) -> Answer {
        let answer = self.host.http.send(ask).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        assert_eq!(
            found(&answer, case),
            expected(kind, self.host.http.origin()),
            "{case}"
        );
        let id = answer.header("x-request-id").expect("a request id");
        assert!(
            id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        self.cases += 1;
        answer
    }
}

/// A request as the shell sends it, to any path.
fn own(portal: &Portal, method: &str, target: &str) -> Ask {
    let ask = Ask::new(method, target).header("cookie", &portal.cookie);
    ask.header("sec-fetch-site", "same-origin")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table of every kind of answer")]
async fn every_answer_has_the_ruled_headers_errors_included() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let cloud = host.cloud("echo").await;
    let digest = portal
        .get("seen")
        .await
        .header("airlock-digest")
        .unwrap()
        .to_owned();
    let ui = format!("/ui/echo/{digest}");
    let missing = format!("/ui/echo/{}/index.html", "0".repeat(64));
    let big = vec![b' '; 1024 * 1024 + 1];
    let (shell, api) = (portal.shell(), portal.api("status/200"));
    let (callback, generator) = (cloud.callback.as_str(), cloud.portal.as_str());
    let guest_says = |status: u16| own(&portal, "GET", &portal.api(&format!("status/{status}")));
    let bad_policy = portal.api("header?name=content-security-policy&value=default-src%20*");
    let bad_cookie = portal.api("header?name=set-cookie&value=a%3Db");
    let (page, ui_file, ui_html) = (
        Kind::Page,
        Kind::Ui { keep: true },
        Kind::Ui { keep: false },
    );
    let mut sweep = Sweep { host, cases: 0 };
    for (ask, status, kind) in [
        (Ask::get("/"), 404, Kind::Other),
        (Ask::get("/metrics"), 404, Kind::Other),
        (Ask::new("DELETE", "/admin"), 404, Kind::Other),
        (
            Ask::get(&format!("/{}", "a".repeat(9000))),
            414,
            Kind::Other,
        ),
        (
            Ask::get("/").header("host", "evil.example"),
            421,
            Kind::Other,
        ),
        (
            Ask::get("/").header("service-worker", "script"),
            403,
            Kind::Other,
        ),
        (Ask::get("/assets/shell.js"), 200, Kind::Other),
        (Ask::get("/assets/none"), 404, Kind::Other),
        (Ask::post("/assets/shell.js"), 405, Kind::Other),
        (Ask::get(callback), 200, Kind::Other),
        (Ask::new("OPTIONS", generator), 204, Kind::Other),
        (Ask::new("DELETE", callback), 405, Kind::Other),
        (Ask::get("/api/callback/echo/wrong"), 404, Kind::Other),
        (Ask::post(callback).bytes("{"), 400, Kind::Other),
        (Ask::post(callback).bytes("{}"), 422, Kind::Other),
        (
            Ask::post(callback).bytes(vec![b' '; 65_537]),
            413,
            Kind::Other,
        ),
        (
            Ask::post(callback)
                .header("content-type", "text/plain")
                .bytes("{}"),
            415,
            Kind::Other,
        ),
        (Ask::get("/session"), 405, Kind::Other),
        (Ask::post("/session").json(&json!({})), 403, Kind::Other),
        (exchange("nonsense"), 401, Kind::Other),
        (exchange(&portal.token), 410, Kind::Other),
        (Ask::get("/enter"), 200, page),
        (Ask::new("HEAD", "/enter?token=x"), 200, page),
        (Ask::post("/enter"), 405, page),
        (Ask::get("/enter").header("host", "evil.example"), 421, page),
        (Ask::get(&shell), 401, page),
        (Ask::get("/s/nonsense/"), 401, page),
        (Ask::post(&shell), 405, page),
        (own(&portal, "GET", &shell), 200, Kind::Shell),
        (own(&portal, "HEAD", &shell), 200, Kind::Shell),
        (
            own(&portal, "GET", shell.trim_end_matches('/')),
            404,
            Kind::Other,
        ),
        (
            own(&portal, "GET", &format!("{shell}events")),
            404,
            Kind::Other,
        ),
        (
            own(&portal, "GET", &format!("{shell}none")),
            404,
            Kind::Other,
        ),
        (Ask::get(&api), 403, Kind::Other),
        (
            Ask::get(&api).header("sec-fetch-site", "same-origin"),
            401,
            Kind::Other,
        ),
        (own(&portal, "GET", &api), 200, Kind::Other),
        (own(&portal, "TRACE", &api), 405, Kind::Other),
        (
            own(&portal, "GET", &portal.api("seen%2fx")),
            400,
            Kind::Other,
        ),
        (own(&portal, "POST", &api).bytes(big), 413, Kind::Other),
        (
            own(&portal, "POST", &api)
                .header("content-encoding", "gzip")
                .bytes("x"),
            415,
            Kind::Other,
        ),
        (guest_says(404), 404, Kind::Other),
        (guest_says(500), 500, Kind::Other),
        (guest_says(99), 502, Kind::Other),
        (
            own(&portal, "GET", &portal.api("size/4000000")),
            502,
            Kind::Other,
        ),
        (own(&portal, "GET", &bad_policy), 200, Kind::Other),
        (own(&portal, "GET", &bad_cookie), 200, Kind::Other),
        (Ask::get("/airlock.js"), 200, ui_html),
        (Ask::new("PUT", "/airlock.js"), 405, ui_html),
        (Ask::get(&format!("{ui}/index.html")), 200, ui_html),
        (Ask::get(&format!("{ui}/main.js")), 200, ui_file),
        (
            Ask::get(&format!("{ui}/main.js")).header("origin", "null"),
            200,
            ui_file,
        ),
        (Ask::get(&format!("{ui}/none.js")), 404, ui_html),
        (Ask::get(&format!("{ui}/")), 404, ui_html),
        (Ask::post(&format!("{ui}/main.js")), 405, ui_html),
        (Ask::get(&missing), 404, ui_html),
        (Ask::get("/ui/none"), 404, ui_html),
        (
            Ask::get("/ui/echo").header("host", "evil.example"),
            421,
            ui_html,
        ),
    ] {
        let case = format!("{} {:.50}", ask.method, ask.target);
        sweep.check(&case, ask, status, kind).await;
    }
    let host = sweep.host;
    assert_eq!(sweep.cases, 57);
    // The two ends of a session, on its page and on its API.
    host.clock.advance(Duration::from_mins(15));
    let mut sweep = Sweep { host, cases: 0 };
    sweep
        .check(
            "an old session's page",
            own(&portal, "GET", &shell),
            410,
            page,
        )
        .await;
    sweep
        .check(
            "an old session's API",
            own(&portal, "GET", &api),
            410,
            Kind::Other,
        )
        .await;
}

#[tokio::test]
async fn an_exchange_and_an_app_out_of_order_have_them_too() {
    let host = TestHost::setup()
        .package("probes/echo")
        .dud("dud")
        .start()
        .await;
    let install = host.install("echo", &["data:read"]).await;
    let token = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    let dud = host.live_install("dud", &["data:read"]).await;
    host.activate("dud", &dud).await;
    let cloud = host.cloud("dud").await;
    let mut sweep = Sweep { host, cases: 0 };
    let answer = sweep
        .check("an exchange", exchange(&token), 200, Kind::Other)
        .await;
    assert!(answer.header("set-cookie").is_some());
    let launch = Ask::post(&cloud.portal).json(&dud.launch());
    let answer = sweep
        .check("a launch of a broken app", launch, 503, Kind::Other)
        .await;
    answer.problem(503, "app-not-serving");
}
