//! Tries and waits on a clock that stands still (W8): what is counted here is exact.

use std::sync::Mutex;

use super::*;

fn app() -> Slug {
    Slug::parse("kyc").unwrap()
}

fn unavailable(retry_after_seconds: Option<u32>) -> Tried {
    Tried {
        result: Err(CloudError::Unavailable(Wait {
            message: String::new(),
            retry_after_seconds,
        })),
        health: Health::Failed,
        again: true,
    }
}

fn lost() -> Tried {
    Tried {
        result: Err(CloudError::OutcomeUnknown(String::new())),
        health: Health::Failed,
        again: true,
    }
}

fn answered() -> Tried {
    Tried::last(Ok("{}".to_owned()), Health::Answered)
}

/// Breakers, budgets, and the moments at which tries began.
#[derive(Default)]
struct Trial {
    breakers: Breakers,
    budgets: Budgets,
    begun: Mutex<Vec<Instant>>,
}

impl Trial {
    /// A call whose tries end as scripted, the last one again and again.
    async fn run(&self, idempotent: bool, within: Duration, script: fn(usize) -> Tried) -> Ended {
        self.begun.lock().unwrap().clear();
        let (app, install) = (app(), InstallId::parse("instapp_1").unwrap());
        let bounds = Bounds {
            app: &app,
            install: &install,
            deadline: Instant::now() + within,
            idempotent,
            breakers: &self.breakers,
            budgets: &self.budgets,
        };
        bounds
            .run(|| {
                let mut begun = self.begun.lock().unwrap();
                begun.push(Instant::now());
                let tried = script(begun.len());
                async move { tried }
            })
            .await
    }

    fn tries(&self) -> usize {
        self.begun.lock().unwrap().len()
    }

    /// The waits between tries.
    fn waits(&self) -> Vec<Duration> {
        let begun = self.begun.lock().unwrap();
        begun.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

const LONG: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn w8_what_is_idempotent_is_tried_three_times_with_full_jitter() {
    let mut seen = Vec::new();
    for _ in 0..200 {
        let trial = Trial::default();
        let ended = trial.run(true, LONG, |_| unavailable(None)).await;
        assert!(matches!(ended.result, Err(CloudError::Unavailable(_))));
        assert_eq!(trial.tries(), 3);
        let waits = trial.waits();
        // The clock of the tests counts whole milliseconds, rounded up.
        assert!(waits[0] <= BASE + Duration::from_millis(1), "{waits:?}");
        assert!(waits[1] <= BASE * 2 + Duration::from_millis(1), "{waits:?}");
        seen.push(waits[1]);
    }
    // Of 200 even draws some lie in each quarter, except once in 10^24 runs.
    for quarter in 0..4 {
        let range = BASE / 2 * quarter..BASE / 2 * (quarter + 1);
        assert!(
            seen.iter().any(|wait| range.contains(wait)),
            "none in {range:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn w8_what_is_not_idempotent_is_tried_once() {
    let trial = Trial::default();
    let ended = trial.run(false, LONG, |_| lost()).await;
    assert!(matches!(ended.result, Err(CloudError::OutcomeUnknown(_))));
    assert!(ended.in_doubt);
    assert_eq!(trial.tries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_later_success_is_the_answer_and_a_refusal_is_not_tried_again() {
    let trial = Trial::default();
    let ended = trial
        .run(true, LONG, |n| if n == 2 { answered() } else { lost() })
        .await;
    assert!(ended.result.is_ok() && ended.in_doubt);
    assert_eq!(trial.tries(), 2);
    let ended = trial
        .run(true, LONG, |_| {
            Tried::last(Err(CloudError::NotFound), Health::Answered)
        })
        .await;
    assert_eq!(ended.result, Err(CloudError::NotFound));
    assert_eq!(trial.tries(), 1);
}

#[tokio::test(start_paused = true)]
async fn w8_retry_after_is_kept_up_to_five_seconds_and_not_waited_for_beyond() {
    let trial = Trial::default();
    trial.run(true, LONG, |_| unavailable(Some(5))).await;
    assert_eq!(trial.waits(), [Duration::from_secs(5); 2]);
    let trial = Trial::default();
    trial.run(true, LONG, |_| unavailable(Some(6))).await;
    assert_eq!(trial.tries(), 1);
}

#[tokio::test(start_paused = true)]
async fn w8_no_try_begins_after_the_calls_own_end() {
    let trial = Trial::default();
    let begun = Instant::now();
    let within = Duration::from_secs(7);
    trial.run(true, within, |_| unavailable(Some(4))).await;
    assert_eq!(trial.waits(), [Duration::from_secs(4)]);
    assert!(begun.elapsed() < within);
}

#[tokio::test(start_paused = true)]
async fn w8_the_budget_ends_retries_though_calls_go_on() {
    let trial = Trial::default();
    let mut tries = 0;
    for _ in 0..100 {
        // 429 is an answer: the breaker stays closed and only the budget bounds.
        let ended = trial.run(true, LONG, |_| Tried {
            health: Health::Answered,
            ..unavailable(None)
        });
        assert!(ended.await.result.is_err());
        tries += trial.tries();
    }
    // 100 calls earn 10 retries; the floor has 10, and one more per second that passed while waiting (under 0.3 s a call).
    assert!((100 + 20..100 + 20 + 30).contains(&tries), "{tries}");
}

#[tokio::test(start_paused = true)]
async fn w8_an_open_breaker_answers_at_once_and_sends_nothing() {
    let trial = Trial::default();
    trial.run(true, LONG, |_| unavailable(None)).await;
    let ended = trial.run(true, LONG, |_| unavailable(None)).await;
    assert_eq!(trial.tries(), 2, "the fifth failure ends the second call");
    assert!(matches!(ended.result, Err(CloudError::Unavailable(_))));
    let begun = Instant::now();
    let ended = trial.run(true, LONG, |_| answered()).await;
    assert_eq!((trial.tries(), begun.elapsed()), (0, Duration::ZERO));
    let Err(CloudError::Unavailable(wait)) = ended.result else {
        panic!()
    };
    assert!(matches!(wait.retry_after_seconds, Some(4 | 5)), "{wait:?}");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(trial.run(true, LONG, |_| answered()).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn w8_refusals_of_one_installs_key_never_open_the_breaker() {
    let trial = Trial::default();
    for _ in 0..50 {
        let refused = |_| Tried::last(Err(CloudError::NotFound), Health::Answered);
        trial.run(true, LONG, refused).await;
        assert_eq!(trial.tries(), 1);
    }
}
