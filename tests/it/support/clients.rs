//! The clients of a host as values: Cloud, who knows the two secret addresses, and the portal in a browser.

use serde_json::{Value, json};
use url::Url;

use super::http::{Answer, Ask, Http};

/// Cloud: posts events, and asks for portal addresses.
#[derive(Debug, Clone)]
pub(crate) struct CloudClient {
    pub(crate) http: Http,
    /// Path of the callback, its secret included.
    pub(crate) callback: String,
    /// Path of the portal generator, its secret included.
    pub(crate) portal: String,
}

impl CloudClient {
    /// Posts an event.
    pub(crate) async fn event(&self, event: &Value) -> Answer {
        self.http.send(Ask::post(&self.callback).json(event)).await
    }

    /// Asks for a portal address.
    pub(crate) async fn ask_launch(&self, request: &Value) -> Answer {
        self.http.send(Ask::post(&self.portal).json(request)).await
    }

    /// The address of a launch that must succeed.
    pub(crate) async fn launch(&self, request: &Value) -> Url {
        let answer = self.ask_launch(request).await.expect(200).json();
        let address = answer["portal_url"].as_str().expect("a portal_url");
        address.parse().expect("an absolute address")
    }
}

/// The token in a portal's address.
pub(crate) fn token_of(address: &Url) -> String {
    let mut pairs = address.query_pairs();
    let (name, token) = pairs.next().expect("a query");
    assert_eq!(
        (name.as_ref(), pairs.count(), address.path()),
        ("token", 0, "/enter")
    );
    token.into_owned()
}

/// The exchange of a launch token, as the enter page does it.
pub(crate) fn exchange(token: &str) -> Ask {
    Ask::post("/session")
        .header("sec-fetch-site", "same-origin")
        .json(&json!({ "token": token }))
}

/// An open portal: the session's name and its cookie.
#[derive(Debug, Clone)]
pub(crate) struct Portal {
    pub(crate) http: Http,
    pub(crate) sid: String,
    /// `name=value`, as it goes back.
    pub(crate) cookie: String,
    pub(crate) token: String,
    /// Milliseconds since the epoch.
    pub(crate) expires_at: i64,
}

impl Portal {
    /// Opens the portal at a launch's address.
    pub(crate) async fn open(http: &Http, address: &Url) -> Self {
        let token = token_of(address);
        let answer = http.send(exchange(&token)).await.expect(200);
        let cookie = set_cookie(&answer);
        let body = answer.json();
        Self {
            http: http.clone(),
            sid: body["session"].as_str().expect("a session").to_owned(),
            cookie,
            token,
            expires_at: body["expires_at"].as_i64().expect("an end"),
        }
    }

    /// Path of something under the portal's `api/`.
    pub(crate) fn api(&self, path: &str) -> String {
        format!("/s/{}/api/{path}", self.sid)
    }

    /// Path of the shell.
    pub(crate) fn shell(&self) -> String {
        format!("/s/{}/", self.sid)
    }

    /// A request as the shell sends it.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, &self.api(path))
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.http.send(self.ask("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.http.send(self.ask("POST", path).json(body)).await
    }

    /// Opens the shell's page.
    pub(crate) async fn page(&self) -> Answer {
        self.http
            .send(Ask::get(&self.shell()).header("cookie", &self.cookie))
            .await
    }

    /// The exchange once more, with the cookie that it gave: what a remounted frame does.
    pub(crate) async fn remount(&self) -> Answer {
        self.http
            .send(exchange(&self.token).header("cookie", &self.cookie))
            .await
    }
}

/// The one cookie that an answer sets, as it goes back.
pub(crate) fn set_cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie").expect("a cookie");
    line.split(';').next().expect("a pair").to_owned()
}
