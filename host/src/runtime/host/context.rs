//! `context`: whom the guest serves.

use wasmtime::component::HasData;

use super::Gate;
use super::bindings::blnk::app::context::{Host, Install};

/// Most bytes that one call of `random` gives.
const MAX_RANDOM: usize = 1024;

pub(super) struct View<'a>(pub(super) Gate<'a>);

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl Host for View<'_> {
    async fn current(&mut self) -> wasmtime::Result<Install> {
        let binding = self.0.enter("context.current")?;
        let tenant = &binding.tenant;
        Ok(Install {
            installed_app_id: tenant.install_id().as_str().to_owned(),
            app_id: tenant.app_id().as_str().to_owned(),
            instance_id: tenant.instance_id().as_str().to_owned(),
            organization_id: tenant.organization_id().map(|id| id.as_str().to_owned()),
            granted: binding
                .grants
                .effective()
                .map(|scope| scope.as_str().to_owned())
                .collect(),
        })
    }

    async fn granted(&mut self, scope: String) -> wasmtime::Result<bool> {
        let binding = self.0.enter("context.granted")?;
        Ok(binding
            .grants
            .effective()
            .any(|effective| effective.as_str() == scope))
    }

    async fn setting(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self
            .0
            .enter("context.setting")?
            .settings
            .get(&name)
            .cloned())
    }

    async fn call_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.0.enter("context.call-id")?.call_id.clone())
    }

    async fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.0.enter("context.now")?.now.unsigned())
    }

    async fn random(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        self.0.enter("context.random")?;
        let length = usize::try_from(len)
            .ok()
            .filter(|length| *length <= MAX_RANDOM);
        let Some(length) = length else {
            return Err(wasmtime::Error::msg(format!(
                "context.random was asked for {len} bytes; it gives at most {MAX_RANDOM}"
            )));
        };
        let mut bytes = vec![0; length];
        crate::secret::fill_random(&mut bytes);
        Ok(bytes)
    }
}
