//! A probe: what it does when it is told of its install is a setting, `on_install`.
//!
//! | `on_install` | does |
//! | --- | --- |
//! | `listen` | notes that it heard |
//! | `loop` | never comes back |
//! | `later` | fails until it was asked to listen |
//!
//! | under `api/` | answers |
//! | --- | --- |
//! | `GET heard` | whether it has heard of its install |
//! | `POST listen` | nothing; from then on `later` is like `listen` |
//! | `GET cloud` | whether Cloud took the key |

use airlock_guest::{
    App, Collection, Condition, Delivery, Failure, Host, Problem, Request, Response, Session,
};
use serde_json::Value;

const HEARD: &str = "heard";
const LISTENS: &str = "listens";

/// The app.
#[derive(Debug)]
pub struct Hooks;

impl App for Hooks {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["heard"]) => is_noted(host, HEARD).map(|heard| Response::json(&heard)),
            ("POST", ["listen"]) => note(host, LISTENS).map(|()| Response::empty(204)),
            ("GET", ["cloud"]) => {
                let listed = host.data().list::<Value>(&Collection::Ledgers, &[], None);
                Ok(Response::json(&listed.is_ok()))
            }
            _ => Err(Problem::not_found("There is nothing at this address.")),
        };
        answer.unwrap_or_else(Response::from)
    }

    fn installed(host: &impl Host, _delivery: &Delivery) -> Result<(), Failure> {
        let failed = |_| Failure::Retry("the store did not answer".to_owned());
        match host.setting("on_install").as_deref() {
            Some("loop") => loop {
                std::hint::spin_loop();
            },
            Some("later") if !is_noted(host, LISTENS).map_err(failed)? => {
                Err(Failure::Retry("not yet".to_owned()))
            }
            _ => note(host, HEARD).map_err(failed),
        }
    }
}

fn is_noted(host: &impl Host, key: &str) -> Result<bool, Problem> {
    Ok(host.store().get::<bool>(key)?.is_some())
}

fn note(host: &impl Host, key: &str) -> Result<(), Problem> {
    host.store().set(key, &true, Condition::Always)?;
    Ok(())
}

airlock_guest::export!(Hooks);

#[cfg(test)]
mod tests {
    use airlock_guest::testing::FakeHost;

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: "run".to_owned(),
            attempt: 1,
        }
    }

    fn heard(host: &FakeHost) -> Vec<u8> {
        let session = Session {
            id: "s".to_owned(),
            user_id: None,
            expires_at: 0,
        };
        Hooks::handle(host, &session, &Request::new("GET", "heard")).body
    }

    #[test]
    fn it_hears_of_its_install_unless_a_setting_says_otherwise() {
        let host = FakeHost::new();
        assert_eq!(heard(&host), b"false");
        Hooks::installed(&host, &delivery()).unwrap();
        assert_eq!(heard(&host), b"true");
    }
}
