//! What a build command finds in the app's folder: the contract as far as the app asks for it, for the tools that make
//! components out of other languages.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

use crate::model::Permission;
use crate::runtime::world;

/// Below the app's folder, among what is built there: nobody's own files are here, and none of it is kept.
const FOLDER: &str = "target/wit";

/// Writes the folder anew unless it is what it should be.
pub(super) fn write(app: &Path, requested: &BTreeSet<Permission>) -> anyhow::Result<()> {
    let folder = app.join(FOLDER);
    let files = world::files(requested);
    let is_there = |file: &world::WitFile| {
        std::fs::read(folder.join(file.path)).is_ok_and(|found| found == file.text.as_bytes())
    };
    if files.iter().all(is_there) {
        return Ok(());
    }
    // Whole: a file that another version of this program left would be read as part of it.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("clearing {}", folder.display()))?;
    }
    for file in files {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("making {}", parent.display()))?;
        }
        std::fs::write(&path, file.text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_follows_the_scopes_and_nothing_older_stays_beside_it() {
        let app = tempfile::tempdir().unwrap();
        let world = app.path().join("target/wit/world.wit");
        let asks_for = |interface: &str| {
            let text = std::fs::read_to_string(&world).unwrap();
            text.contains(&format!("import blnk:app/{interface}@"))
        };
        write(app.path(), &[Permission::DataRead].into()).unwrap();
        assert!(asks_for("data") && !asks_for("alerts"));
        let older = app.path().join("target/wit/older.wit");
        std::fs::write(&older, "package older:one;").unwrap();
        write(app.path(), &[Permission::AlertsRead].into()).unwrap();
        assert!(asks_for("alerts") && !asks_for("data"));
        assert!(!older.exists());
    }

    #[test]
    fn what_is_right_already_is_not_written_again() {
        let app = tempfile::tempdir().unwrap();
        let world = app.path().join("target/wit/world.wit");
        write(app.path(), &BTreeSet::new()).unwrap();
        let mut permissions = std::fs::metadata(&world).unwrap().permissions();
        let before = std::fs::metadata(&world).unwrap().modified().unwrap();
        permissions.set_readonly(true);
        std::fs::set_permissions(&world, permissions).unwrap();
        write(app.path(), &BTreeSet::new()).unwrap();
        let after = std::fs::metadata(&world).unwrap();
        assert_eq!(after.modified().unwrap(), before);
        assert!(after.permissions().readonly());
    }
}
