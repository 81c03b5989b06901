//! `airlock inspect`: what a package or a component is, what it can reach, and whether this host would serve it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Args;

use super::subject::{self, Named};
use super::{CommonArgs, Format, Told, output};
use crate::runtime::{
    Compiler, Inspection, LimitLine, RuntimeSettings, ScopeStatus, Subject, SubjectKind,
};

/// Prefix of the interfaces that standard libraries need, which are told on one line.
const WASI: &str = "wasi:";

#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 1 says that this host would not serve it; the report is printed all
the same. Nothing is asked of a running host: the folder is read, and the
component compiled.")]
pub(super) struct InspectArgs {
    /// An app in the folder of packages, the folder of a package, or the file of a component
    #[arg(value_name = "APP|PATH")]
    subject: String,
    #[command(flatten)]
    common: CommonArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the report; fails without a further word where it says that the subject does not load.
pub(super) async fn run(args: InspectArgs) -> anyhow::Result<()> {
    let config = args.common.config()?;
    crate::app::start_log("error", false)?;
    let subject = match subject::find("inspect", &args.subject, &config.plugins)? {
        Named::Folder(folder) => Subject::Package(folder),
        Named::File(path) => Subject::Component(path),
    };
    let settings = RuntimeSettings {
        compiler: Compiler::this_program().context("finding this program")?,
        ..crate::app::runtime_settings(&config)
    };
    let report = crate::runtime::inspect(subject, &settings).await?;
    match args.format {
        Format::Json => output::json(&report)?,
        Format::Table => print(&report),
    }
    if report.loads {
        Ok(())
    } else {
        Err(Told.into())
    }
}

fn print(report: &Inspection) {
    output::text(&title(report));
    let verdict = match &report.reason {
        None => "yes".to_owned(),
        Some(reason) => format!("no, because {reason}"),
    };
    output::facts(&[("loads on this host:", verdict)]);
    output::text("");
    output::facts(&facts(report));
    imports(report);
    scopes(report);
    if !report.never_given.is_empty() {
        let rows = report.never_given.iter();
        let rows: Vec<_> = rows
            .map(|given| vec![given.name.clone(), given.why.clone()])
            .collect();
        output::text("");
        output::table(&["NEVER GIVEN HERE", "WHY"], &rows);
    }
    limits(&report.limits);
}

/// `KYC Review (kyc 0.1.0), a package in plugins/kyc`.
fn title(report: &Inspection) -> String {
    let named = match (&report.name, &report.app, &report.version) {
        (Some(name), Some(app), Some(version)) => format!("{name} ({app} {version}), "),
        (_, Some(app), _) => format!("{app}, "),
        _ => String::new(),
    };
    let kind = match report.kind {
        SubjectKind::Package => "a package in",
        SubjectKind::Component => "a component in",
    };
    format!("{named}{kind} {}", report.path)
}

fn facts(report: &Inspection) -> Vec<(&'static str, String)> {
    let contract = match &report.wit {
        Some(wit) => format!("blnk:app {wit}; this host serves {}", report.serves),
        None => format!("not named; this host serves blnk:app {}", report.serves),
    };
    let mut facts = vec![("contract", contract)];
    if let Some(size) = report.size {
        facts.push(("component", output::bytes(size)));
    }
    if let Some(memory_bytes) = report.memory_bytes {
        facts.push((
            "memory",
            format!("{} at the start", output::bytes(memory_bytes)),
        ));
    }
    if let (Some(files), Some(size)) = (report.page_files, report.page_size) {
        let word = if files == 1 { "file" } else { "files" };
        facts.push(("page", format!("{files} {word}, {}", output::bytes(size))));
    }
    if let Some(digest) = &report.sha256 {
        facts.push(("sha256", digest.clone()));
    } else if let Some(digest) = &report.component_sha256 {
        facts.push(("app.wasm", format!("sha256 {digest}")));
    }
    if let Some(exports) = &report.exports {
        facts.push(("exports", told_exports(exports)));
    }
    let wasi = told_wasi(report.imports.as_deref().unwrap_or_default());
    if !wasi.is_empty() {
        facts.push(("wasi", wasi));
    }
    let warnings = report.warnings.iter();
    facts.extend(warnings.map(|warning| ("warning", warning.clone())));
    facts
}

/// What is imported of WASI: `0.2.6: io/poll, io/streams`.
fn told_wasi(imports: &[String]) -> String {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in imports.iter().filter_map(|name| name.strip_prefix(WASI)) {
        let (interface, version) = import.split_once('@').unwrap_or((import, "no version"));
        versions.entry(version).or_default().push(interface);
    }
    let told = versions
        .iter()
        .map(|(version, interfaces)| format!("{version}: {}", interfaces.join(", ")));
    told.collect::<Vec<_>>().join("; ")
}

/// The three exports that a host calls, each with whether it is there, then all others.
fn told_exports(exports: &[String]) -> String {
    const KNOWN: [&str; 3] = ["portal", "lifecycle", "background"];
    let named = |export: &str, known: &str| {
        export
            .strip_prefix("blnk:app/")
            .is_some_and(|rest| rest.split('@').next() == Some(known))
    };
    let mut told: Vec<_> = KNOWN
        .iter()
        .map(|known| {
            let there = exports.iter().any(|export| named(export, known));
            format!("{known} {}", if there { "yes" } else { "no" })
        })
        .collect();
    let others = exports.iter();
    let others = others.filter(|export| !KNOWN.iter().any(|known| named(export, known)));
    told.extend(others.cloned());
    told.join(", ")
}

fn imports(report: &Inspection) {
    let imports = report.imports.iter().flatten();
    let rows: Vec<_> = imports
        .filter(|name| !name.starts_with(WASI))
        .map(|name| {
            let scope = report
                .scopes
                .iter()
                .find(|line| line.imports.contains(name));
            let needs = scope.map_or("-", |line| &line.scope);
            vec![name.clone(), needs.to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        output::text("");
        output::table(&["IMPORT", "NEEDS"], &rows);
    }
}

fn scopes(report: &Inspection) {
    let rows: Vec<_> = report
        .scopes
        .iter()
        .map(|line| {
            let purpose = line.purpose.clone().unwrap_or_default();
            let why = match line.status {
                ScopeStatus::Missing => "not asked for: calls answer not-requested".to_owned(),
                ScopeStatus::Unused => format!("no import needs it ({purpose})"),
                _ => purpose,
            };
            vec![line.scope.clone(), line.status.as_str().to_owned(), why]
        })
        .collect();
    if !rows.is_empty() {
        output::text("");
        output::table(&["SCOPE", "STATUS", "WHY"], &rows);
    }
}

fn limits(lines: &[LimitLine]) {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let (name, unit) = split_unit(line.limit);
            let figure = |value: u64| format!("{value}{unit}");
            vec![
                name.replace('_', " "),
                line.package.map_or_else(|| "-".to_owned(), figure),
                figure(line.operator),
                figure(line.in_force),
            ]
        })
        .collect();
    output::text("");
    output::table(&["LIMIT", "PACKAGE", "OPERATOR", "IN FORCE"], &rows);
}

/// The unit at the end of a limit's key.
fn split_unit(key: &str) -> (&str, &'static str) {
    for (ending, unit) in [("_mib", " MiB"), ("_ms", " ms")] {
        if let Some(name) = key.strip_suffix(ending) {
            return (name, unit);
        }
    }
    (key, "")
}
