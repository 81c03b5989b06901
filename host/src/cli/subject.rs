//! What a command is about: the name of an app, or a path.

use std::path::{Path, PathBuf};

use super::output;
use crate::model::{Slug, nearest};

/// What was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A folder: of a package, or of an app's source.
    Folder(PathBuf),
    /// A file.
    File(PathBuf),
}

/// Finds what `given` names: an app in the folder of packages, else a path. Where both are there it takes the app and
/// says so; a path is always taken for a path if it has a slash, as `./kyc`.
pub(super) fn find(command: &str, given: &str, plugins: &Path) -> anyhow::Result<Named> {
    let path = Path::new(given);
    let app = Slug::parse(given)
        .ok()
        .map(|slug| plugins.join(slug.as_str()));
    if let Some(app) = app.filter(|app| app.exists()) {
        if path.exists() && path.canonicalize().ok() != app.canonicalize().ok() {
            output::note(&format!(
                "`{given}` is an app in {} and a path here; took the app. For the path, try: airlock {command} ./{given}",
                plugins.display()
            ));
        }
        return Ok(Named::Folder(named(app)?));
    }
    if path.is_dir() {
        return Ok(Named::Folder(named(path.to_owned())?));
    }
    if path.exists() {
        return Ok(Named::File(path.to_owned()));
    }
    let apps = apps(plugins);
    let hint = nearest(given, apps.iter().map(String::as_str))
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    anyhow::bail!(
        "there is no app `{given}` in {} and no such path{hint}; try: airlock apps list",
        plugins.display()
    )
}

/// The path with the folder's own name at its end, which is the app's name: `.` has none.
fn named(path: PathBuf) -> anyhow::Result<PathBuf> {
    match path.file_name() {
        Some(_) => Ok(path),
        None => Ok(path.canonicalize()?),
    }
}

/// The names of the folders in the folder of packages.
fn apps(plugins: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(plugins).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| Slug::parse(name.as_str()).is_ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_found_by_its_name_and_everything_else_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir_all(plugins.join("kyc")).unwrap();
        std::fs::write(folder.path().join("kyc.wasm"), "").unwrap();
        let find = |given: &str| find("inspect", given, &plugins);
        let text = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(find("kyc").unwrap(), Named::Folder(plugins.join("kyc")));
        assert_eq!(
            find(&text("plugins/kyc/")).unwrap(),
            Named::Folder(plugins.join("kyc/"))
        );
        assert_eq!(
            find(&text("kyc.wasm")).unwrap(),
            Named::File(folder.path().join("kyc.wasm"))
        );
        let error = find("kyk").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no app `kyk` in ") && error.contains("did you mean `kyc`?"),
            "{error}"
        );
        assert!(
            !find(&text("other"))
                .unwrap_err()
                .to_string()
                .contains("mean")
        );
    }
}
