//! Compiled code: machine code that the host will run, and so as good as the host's own.
//!
//! [`CompiledCode`] is made in two places: by a compiler that this host started, and by the cache out of a file whose MAC
//! it has verified. Both are in this folder, and nobody else can make one; so what is loaded here was made by this host.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use super::scan::{ScanLimits, scan};
use crate::runtime::engine::Engine;
use crate::runtime::plugin::{LoadError, check_magic, quote};

/// Machine code of one component, with whatever stands before it.
pub(crate) struct CompiledCode {
    bytes: Vec<u8>,
    begin: usize,
}

impl CompiledCode {
    /// Scans and compiles a component here, in this process. Blocks for seconds and uses every core.
    pub(in crate::runtime) fn compile(
        engine: &Engine,
        component: &[u8],
        limits: ScanLimits,
    ) -> Result<Self, LoadError> {
        check_magic(component)?;
        scan(component, limits)?;
        let bytes = engine
            .wasmtime()
            .precompile_component(component)
            .map_err(|error| LoadError::Invalid(quote(&error)))?;
        Ok(Self::made_by_own_compiler(bytes))
    }

    /// What a compiler gave that this host started.
    pub(super) fn made_by_own_compiler(bytes: Vec<u8>) -> Self {
        Self { bytes, begin: 0 }
    }

    /// What stands from `begin` on in a file whose MAC was verified on these very bytes.
    pub(super) fn verified(bytes: Vec<u8>, begin: usize) -> Self {
        Self { bytes, begin }
    }

    /// The code.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.begin..).unwrap_or_default()
    }

    /// Makes the component of it, with the image of its first memory: else the first request would pay for that.
    pub(crate) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "the one place where compiled code becomes a component"
        )]
        // SAFETY: the bytes are what `precompile_component` gave, unchanged: they come from a compiler that this host
        // started itself, or from a file with this host's MAC over all of it. The fields are private, and no other place
        // makes this type. Wasmtime copies the bytes before it looks at them, and compares version, target and settings.
        let component = unsafe { Component::deserialize(engine.wasmtime(), self.bytes()) }?;
        // Where that fails, for want of descriptors, it fails again when the component is started, with its reason. The
        // code is sound all the same.
        let _ = component.initialize_copy_on_write_image();
        Ok(component)
    }
}

/// What compiled code depends on beside its component: version of Wasmtime, target, settings. Code is good for exactly the
/// engines of equal settings, in this process or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EngineSettingsHash([u8; 32]);

impl EngineSettingsHash {
    /// Of this engine.
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine
            .wasmtime()
            .precompile_compatibility_hash()
            .hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As lower-case hex.
    pub(super) fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// The standard library's hashers give 64 bits and promise nothing from one of its versions to the next.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        let beginning = digest.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(beginning)
    }
}

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::engine::EngineSettings;

    #[test]
    fn pooled_engines_and_the_compilers_own_have_equal_settings() {
        let pooled = |calls| {
            Engine::new(&EngineSettings {
                concurrent_calls: calls,
                ..EngineSettings::default()
            })
            .unwrap()
        };
        let compiling = EngineSettingsHash::of(&Engine::for_compiling().unwrap());
        assert_eq!(EngineSettingsHash::of(&pooled(4)), compiling);
        assert_eq!(EngineSettingsHash::of(&pooled(8)), compiling);
        assert_eq!(compiling.hex().len(), 64);
    }

    #[test]
    fn code_of_the_compilers_engine_runs_on_a_pooled_one() {
        let compiling = Engine::for_compiling().unwrap();
        let limits = ScanLimits {
            memory_bytes: 1 << 26,
        };
        let component = crate::runtime::testing::guest("");
        let code = CompiledCode::compile(&compiling, &component, limits).unwrap();
        let serving = Engine::new(&EngineSettings {
            concurrent_calls: 4,
            ..EngineSettings::default()
        })
        .unwrap();
        assert!(code.component(&serving).is_ok());
    }
}
