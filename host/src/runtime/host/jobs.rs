//! `jobs`: work for later. This host runs none yet, so it knows no job.

use wasmtime::component::HasData;

use super::Gate;
use super::bindings::blnk::app::jobs::{Host, JobError};

pub(super) struct View<'a>(pub(super) Gate<'a>);

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl Host for View<'_> {
    async fn schedule(
        &mut self,
        _name: String,
        _key: String,
        _payload: Vec<u8>,
        _delay_seconds: u32,
    ) -> wasmtime::Result<Result<(), JobError>> {
        self.0.enter("jobs.schedule")?;
        Ok(Err(JobError::UnknownJob))
    }

    async fn cancel(
        &mut self,
        _name: String,
        _key: String,
    ) -> wasmtime::Result<Result<bool, JobError>> {
        self.0.enter("jobs.cancel")?;
        Ok(Err(JobError::UnknownJob))
    }
}
