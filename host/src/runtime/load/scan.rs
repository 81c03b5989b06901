//! A look at a component's binary before anything of it is compiled: how much of everything it has.
//!
//! The scan reads each byte once and builds nothing, so it is over in the time that reading takes. It counts what a
//! compiler pays for and refuses what no honest toolchain makes, in words that name the part, its size and the limit.
//! What is valid is the compiler's to say: it validates with the engine's own configuration, right after the scan.
//!
//! Parser and validator recurse on types within types, and validating can take minutes where types are built for that. So
//! the scan runs where the compiler runs, which in production is a child process with limits of its own.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentType,
    ComponentTypeDeclaration, FunctionBody, Instance, InstanceTypeDeclaration, Parser, Payload,
};

use crate::runtime::limits::{
    MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES, MIB,
};

/// The version of the rules below. Compiled code is kept under it, and was scanned by them: raise it with every rule that
/// becomes stricter, or code that would be refused now comes out of the cache.
pub(super) const SCAN_VERSION: u32 = 1;

/// Types, imports and exports, each counted over all modules and components. Python's runtime, which is linked out of
/// thirty libraries, is within it.
const MAX_NAMES: u64 = 50_000;
/// Functions of all modules. The runtimes of Python and JavaScript are within it.
const MAX_FUNCTIONS: u64 = 200_000;
/// Segments of data, and of elements. Toolchains make a few for each module; some split data at every long row of zeros.
const MAX_SEGMENTS: u64 = 20_000;
/// Globals of all modules: position-independent code has one for each address that it shares.
const MAX_GLOBALS: u64 = 50_000;
/// Bytes of one function's code. The loops of the interpreters that are in use are within it; what the compiler needs grows
/// faster than this.
const MAX_FUNCTION_BYTES: u64 = 2 * MIB as u64;
/// Locals of one function, of which each costs the compiler a variable in every block.
const MAX_LOCALS: u64 = 10_000;
/// Components within components. Toolchains make three.
const MAX_DEPTH: usize = 10;

/// Why a component is refused by what its binary declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Cut short, or not in the binary format.
    #[error("is not a whole component: {0}; build the app again, and copy the file whole")]
    Malformed(String),
    /// More of something than it may have.
    #[error("has {found} {what}; a component may have {max}; try: {hint}")]
    TooMany {
        /// Of what, in the plural.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many there may be.
        max: u64,
        /// What to try.
        hint: &'static str,
    },
    /// One thing that is larger than it may be.
    #[error("has {what} of {found}; it may have {max}; try: {hint}")]
    TooLarge {
        /// What, with its article.
        what: &'static str,
        /// How large it is, with the unit.
        found: String,
        /// How large it may be, with the unit.
        max: String,
        /// What to try.
        hint: &'static str,
    },
    /// Asynchronous functions and what belongs to them.
    #[error(
        "uses {0} of the asynchronous component model, which this host does not run; \
         try: build the app for WASI 0.2, with plain functions"
    )]
    Asynchronous(&'static str),
}

/// What the app may have, as far as the operator or the package decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScanLimits {
    /// Bytes of memory.
    pub(crate) memory_bytes: u64,
}

/// Refuses a component that declares more than it may.
pub(crate) fn scan(component: &[u8], limits: ScanLimits) -> Result<(), ScanError> {
    let mut scan = Scan {
        limits,
        counts: Counts::default(),
        depth: 0,
    };
    for payload in Parser::new(0).parse_all(component) {
        scan.part(payload.map_err(|error| malformed(&error))?)?;
    }
    Ok(())
}

fn malformed(error: &wasmparser::BinaryReaderError) -> ScanError {
    ScanError::Malformed(error.to_string())
}

/// How many of each there are so far.
#[derive(Default)]
struct Counts {
    types: u64,
    imports: u64,
    exports: u64,
    functions: u64,
    data_segments: u64,
    element_segments: u64,
    globals: u64,
    core_instances: u64,
    memories: u64,
    tables: u64,
}

struct Scan {
    limits: ScanLimits,
    counts: Counts,
    depth: usize,
}

const SPLIT: &str = "split the app, or leave out what it does not use";
const TOOLCHAIN: &str = "build with an up-to-date toolchain, which makes few of them";

fn count(
    counter: &mut u64,
    more: u32,
    what: &'static str,
    max: u64,
    hint: &'static str,
) -> Result<(), ScanError> {
    *counter += u64::from(more);
    if *counter > max {
        return Err(ScanError::TooMany {
            what,
            found: *counter,
            max,
            hint,
        });
    }
    Ok(())
}

impl Scan {
    fn part(&mut self, payload: Payload<'_>) -> Result<(), ScanError> {
        let counts = &mut self.counts;
        let (counter, more, what, max, hint) = match &payload {
            Payload::TypeSection(types) => {
                (&mut counts.types, types.count(), "types", MAX_NAMES, SPLIT)
            }
            Payload::CoreTypeSection(types) => {
                (&mut counts.types, types.count(), "types", MAX_NAMES, SPLIT)
            }
            Payload::ImportSection(names) => (
                &mut counts.imports,
                names.count(),
                "imports",
                MAX_NAMES,
                SPLIT,
            ),
            Payload::ComponentImportSection(names) => (
                &mut counts.imports,
                names.count(),
                "imports",
                MAX_NAMES,
                SPLIT,
            ),
            Payload::ExportSection(names) => (
                &mut counts.exports,
                names.count(),
                "exports",
                MAX_NAMES,
                SPLIT,
            ),
            Payload::ComponentExportSection(names) => (
                &mut counts.exports,
                names.count(),
                "exports",
                MAX_NAMES,
                SPLIT,
            ),
            Payload::FunctionSection(functions) => {
                let (counter, more) = (&mut counts.functions, functions.count());
                (counter, more, "functions", MAX_FUNCTIONS, SPLIT)
            }
            Payload::GlobalSection(globals) => (
                &mut counts.globals,
                globals.count(),
                "globals",
                MAX_GLOBALS,
                SPLIT,
            ),
            Payload::DataSection(segments) => {
                let (counter, more) = (&mut counts.data_segments, segments.count());
                (counter, more, "segments of data", MAX_SEGMENTS, TOOLCHAIN)
            }
            Payload::ElementSection(segments) => {
                let (counter, more) = (&mut counts.element_segments, segments.count());
                (
                    counter,
                    more,
                    "segments of elements",
                    MAX_SEGMENTS,
                    TOOLCHAIN,
                )
            }
            _ => return self.content(payload),
        };
        count(counter, more, what, max, hint)
    }

    /// What counting sections does not tell.
    fn content(&mut self, payload: Payload<'_>) -> Result<(), ScanError> {
        match payload {
            Payload::Version { .. } => self.enter()?,
            Payload::End(_) => self.depth -= 1,
            Payload::CodeSectionEntry(body) => function(&body)?,
            Payload::ComponentTypeSection(types) => {
                for found in types {
                    self.component_type(&found.map_err(|error| malformed(&error))?)?;
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memory(memory.map_err(|error| malformed(&error))?)?;
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.table(table.map_err(|error| malformed(&error))?.ty.initial)?;
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.instance(&instance.map_err(|error| malformed(&error))?)?;
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for found in functions {
                    canonical(&found.map_err(|error| malformed(&error))?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn instance(&mut self, instance: &Instance<'_>) -> Result<(), ScanError> {
        let Instance::Instantiate { .. } = instance else {
            return Ok(());
        };
        let (counter, max) = (&mut self.counts.core_instances, MAX_CORE_INSTANCES.into());
        count(counter, 1, "instances of modules", max, TOOLCHAIN)
    }

    fn enter(&mut self) -> Result<(), ScanError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ScanError::TooMany {
                what: "levels of components within components",
                found: self.depth as u64,
                max: MAX_DEPTH as u64,
                hint: "put the app together in fewer steps",
            });
        }
        Ok(())
    }

    /// Counts a type and those within it, and refuses asynchronous ones.
    fn component_type(&mut self, found: &ComponentType<'_>) -> Result<(), ScanError> {
        count(&mut self.counts.types, 1, "types", MAX_NAMES, SPLIT)?;
        match found {
            ComponentType::Defined(ComponentDefinedType::Future(_)) => {
                Err(ScanError::Asynchronous("a future"))
            }
            ComponentType::Defined(ComponentDefinedType::Stream(_)) => {
                Err(ScanError::Asynchronous("a stream"))
            }
            ComponentType::Func(function) if function.async_ => {
                Err(ScanError::Asynchronous("a function"))
            }
            ComponentType::Component(declarations) => {
                declarations
                    .iter()
                    .try_for_each(|declaration| match declaration {
                        ComponentTypeDeclaration::Type(inner) => self.component_type(inner),
                        _ => Ok(()),
                    })
            }
            ComponentType::Instance(declarations) => {
                declarations
                    .iter()
                    .try_for_each(|declaration| match declaration {
                        InstanceTypeDeclaration::Type(inner) => self.component_type(inner),
                        _ => Ok(()),
                    })
            }
            _ => Ok(()),
        }
    }

    fn memory(&mut self, memory: wasmparser::MemoryType) -> Result<(), ScanError> {
        count(
            &mut self.counts.memories,
            1,
            "memories",
            MAX_MEMORIES.into(),
            TOOLCHAIN,
        )?;
        // Other sizes of pages are refused by the compiler; what counts here is that nothing overflows.
        let page_bytes = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16));
        let bytes = memory
            .initial
            .saturating_mul(page_bytes.unwrap_or(u64::MAX));
        if bytes > self.limits.memory_bytes {
            return Err(ScanError::TooLarge {
                what: "a memory that begins with a size",
                found: mebibytes(bytes),
                max: mebibytes(self.limits.memory_bytes),
                hint: "a smaller initial memory, or a higher memory_mib by the operator",
            });
        }
        Ok(())
    }

    fn table(&mut self, elements: u64) -> Result<(), ScanError> {
        count(
            &mut self.counts.tables,
            1,
            "tables",
            MAX_TABLES.into(),
            TOOLCHAIN,
        )?;
        if elements > MAX_TABLE_ELEMENTS as u64 {
            return Err(ScanError::TooLarge {
                what: "a table that begins with a size",
                found: format!("{elements} elements"),
                max: format!("{MAX_TABLE_ELEMENTS} elements"),
                hint: SPLIT,
            });
        }
        Ok(())
    }
}

/// Refuses a function that is too large to be compiled in good time.
fn function(body: &FunctionBody<'_>) -> Result<(), ScanError> {
    let bytes = body.range().len() as u64;
    if bytes > MAX_FUNCTION_BYTES {
        return Err(ScanError::TooLarge {
            what: "a function with code",
            found: mebibytes(bytes),
            max: mebibytes(MAX_FUNCTION_BYTES),
            hint: "split the function; generated code can look its data up in a table",
        });
    }
    let locals = body
        .get_locals_reader()
        .map_err(|error| malformed(&error))?;
    let mut found = 0_u64;
    for group in locals {
        found += u64::from(group.map_err(|error| malformed(&error))?.0);
        if found > MAX_LOCALS {
            return Err(ScanError::TooLarge {
                what: "a function with more locals than fit: a number",
                found: format!("at least {found}"),
                max: MAX_LOCALS.to_string(),
                hint: "split the function",
            });
        }
    }
    Ok(())
}

/// Refuses the built-in functions of asynchronous components.
fn canonical(function: &CanonicalFunction) -> Result<(), ScanError> {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            let is_async = |option: &CanonicalOption| {
                matches!(
                    option,
                    CanonicalOption::Async | CanonicalOption::Callback(_)
                )
            };
            if options.iter().any(is_async) {
                return Err(ScanError::Asynchronous("a function"));
            }
            Ok(())
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => Ok(()),
        CanonicalFunction::StreamNew { .. }
        | CanonicalFunction::StreamRead { .. }
        | CanonicalFunction::StreamWrite { .. }
        | CanonicalFunction::StreamCancelRead { .. }
        | CanonicalFunction::StreamCancelWrite { .. }
        | CanonicalFunction::StreamDropReadable { .. }
        | CanonicalFunction::StreamDropWritable { .. } => Err(ScanError::Asynchronous("a stream")),
        CanonicalFunction::FutureNew { .. }
        | CanonicalFunction::FutureRead { .. }
        | CanonicalFunction::FutureWrite { .. }
        | CanonicalFunction::FutureCancelRead { .. }
        | CanonicalFunction::FutureCancelWrite { .. }
        | CanonicalFunction::FutureDropReadable { .. }
        | CanonicalFunction::FutureDropWritable { .. } => Err(ScanError::Asynchronous("a future")),
        // Tasks, threads, waitable sets, error contexts: all of them came with it.
        _ => Err(ScanError::Asynchronous("a task or thread")),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB as u64))
}

#[cfg(test)]
mod tests;
