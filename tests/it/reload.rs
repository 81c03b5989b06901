//! The folder of packages while a host serves: what people with open portals, Cloud and the operator notice.

mod commands;
mod life;
mod many;
mod switches;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Portal, packages, poll};

/// Lays a version of an app beside the folder of packages, ready to be swapped in.
fn version(plugins: &Path, slug: &str, number: u32) -> PathBuf {
    let staging = plugins.join(".staging").join(number.to_string());
    packages::lay(&packages::package("probes/echo"), &staging, slug);
    let package = staging.join(slug);
    let manifest = fs::read_to_string(package.join("app.toml")).unwrap();
    let versioned = manifest.replace(
        "version = \"0.1.0\"",
        &format!("version = \"{number}.0.0\""),
    );
    assert_ne!(versioned, manifest);
    fs::write(package.join("app.toml"), versioned).unwrap();
    fs::write(package.join("ui/version.txt"), number.to_string()).unwrap();
    package
}

/// Swaps a version in at once, as `airlock build` does. What served lies in the version's place afterwards.
fn exchange(version: &Path, plugins: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let place = plugins.join(version.file_name().unwrap());
    renameat_with(CWD, version, CWD, &place, RenameFlags::EXCHANGE).unwrap();
}

/// The digest of the page that the shell shows.
async fn shown(portal: &Portal) -> String {
    let page = portal.page().await.expect(200).text();
    let (_, rest) = page.split_once("data-digest=\"").expect("a digest");
    rest.split_once('"').expect("its end").0.to_owned()
}

/// The digest that an answer of the API carries.
async fn live(portal: &Portal) -> String {
    let answer = portal.get("seen/live").await.expect(200);
    answer
        .header("airlock-digest")
        .expect("a digest")
        .to_owned()
}

/// Waits until another version than this one is live. Answers it.
async fn until_another(portal: &Portal, than: &str) -> String {
    poll::until("another version is live", async || {
        Some(live(portal).await).filter(|digest| digest != than)
    })
    .await
}
