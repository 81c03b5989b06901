//! Changes that move both the database and what memory knows of it.

use crate::store::StoreError;

/// Runs a change in a task of its own and waits for it. Whoever asked may be gone at any moment, between the commit and
/// what memory learns of it too; database and memory must not part.
pub(super) async fn to_its_end<T, E>(
    change: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(change).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and memory with it.
            Err(_) => Err(StoreError::Late.into()),
        },
    }
}
