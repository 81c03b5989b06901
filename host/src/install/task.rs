//! What is done to its end, whoever asked for it.

use tokio::runtime::Handle;

use crate::store::StoreError;

/// Begins work in a task of its own on the threads of `runtime`. It is done to its end, whether or not anybody still waits,
/// and its panic is that of whoever does. None where the runtime ends, and memory with it.
pub(crate) fn done_on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> + Send {
    // At once, so that whoever waits does not carry the work.
    let working = runtime.spawn(work);
    async {
        match working.await {
            Ok(done) => Some(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
    }
}

/// Runs a change that moves both the database and what memory knows of it. Whoever asked may be gone at any moment, between
/// the commit and what memory learns of it too; database and memory must not part.
pub(super) async fn to_its_end<T, E>(
    change: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let done = done_on(&Handle::current(), change).await;
    done.unwrap_or_else(|| Err(StoreError::Late.into()))
}
