//! Hearing of changes in folders from the kernel (inotify).
//!
//! What is heard is a hint: somebody looks, and looks by the clock as well, because notices are lost when there are too
//! many, and never come from some network file systems. Where the kernel has no notices, all is left to the clock.

use std::path::Path;

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice<K> {
    /// Something changed in a folder that is watched under this key; with the name of what it was.
    In(K, Option<String>),
    /// Notices were lost.
    Lost,
}

/// The watch on one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watched(i32);

/// What is done with a link in a folder's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Followed,
    Left,
}

/// Folders that are watched, each under a key. A cheap handle.
#[derive(Clone)]
pub(crate) struct Notices<K>(Option<kernel::Watch<K>>);

impl<K: Clone + PartialEq> Notices<K> {
    /// Watches nothing yet. Needs an asynchronous runtime around it.
    pub(crate) fn begin() -> Self {
        match kernel::Watch::begin() {
            Ok(watch) => Self(Some(watch)),
            Err(error) => {
                tracing::warn!(
                    "The kernel tells of no changes in folders, so they are looked at by the clock alone: {error}; \
                     try: raise fs.inotify.max_user_instances"
                );
                Self(None)
            }
        }
    }

    /// Watches a folder, but none behind a link. None where that is not possible: the clock finds what changes there.
    pub(crate) fn watch(&self, folder: &Path, key: &K) -> Option<Watched> {
        self.0.as_ref()?.add(folder, key, Links::Left)
    }

    /// Watches a folder that may stand behind a link, as the operator's own may.
    pub(crate) fn watch_followed(&self, folder: &Path, key: &K) -> Option<Watched> {
        self.0.as_ref()?.add(folder, key, Links::Followed)
    }

    /// Ends the watches under a key but these.
    pub(crate) fn keep_only(&self, key: &K, watched: &[Watched]) {
        if let Some(watch) = &self.0 {
            watch.keep_only(key, watched);
        }
    }

    /// Waits for the next notice. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&self) -> Notice<K> {
        match &self.0 {
            Some(watch) => watch.next().await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::collections::{HashMap, VecDeque};
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use tokio::io::unix::AsyncFd;

    use super::{Links, Notice, Watched};

    /// What may change a package: names in a folder, content that was written to its end or is being written, modes.
    const CHANGES: WatchFlags = WatchFlags::CREATE
        .union(WatchFlags::DELETE)
        .union(WatchFlags::MOVED_FROM)
        .union(WatchFlags::MOVED_TO)
        .union(WatchFlags::MODIFY)
        .union(WatchFlags::CLOSE_WRITE)
        .union(WatchFlags::ATTRIB)
        .union(WatchFlags::DELETE_SELF)
        .union(WatchFlags::MOVE_SELF)
        .union(WatchFlags::ONLYDIR);

    struct Inner<K> {
        kernel: AsyncFd<OwnedFd>,
        keys: Mutex<HashMap<i32, K>>,
        heard: Mutex<VecDeque<Notice<K>>>,
        /// Whether it was said that no more folders can be watched.
        is_full: AtomicBool,
    }

    pub(super) struct Watch<K>(Arc<Inner<K>>);

    impl<K> Clone for Watch<K> {
        fn clone(&self) -> Self {
            Self(Arc::clone(&self.0))
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl<K: Clone + PartialEq> Watch<K> {
        pub(super) fn begin() -> io::Result<Self> {
            let kernel = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            #[expect(
                deprecated,
                reason = "sound here, since the descriptor is owned and never replaced; its successor is unsafe to call"
            )]
            let kernel = AsyncFd::new(kernel)?;
            Ok(Self(Arc::new(Inner {
                kernel,
                keys: Mutex::default(),
                heard: Mutex::default(),
                is_full: AtomicBool::new(false),
            })))
        }

        pub(super) fn add(&self, folder: &Path, key: &K, links: Links) -> Option<Watched> {
            let flags = match links {
                Links::Followed => CHANGES,
                Links::Left => CHANGES.union(WatchFlags::DONT_FOLLOW),
            };
            // Locked meanwhile, so that no notice of the new watch comes before its key is known.
            let mut keys = lock(&self.0.keys);
            match inotify::add_watch(self.0.kernel.get_ref(), folder, flags) {
                Ok(number) => {
                    keys.insert(number, key.clone());
                    Some(Watched(number))
                }
                Err(rustix::io::Errno::NOSPC) => {
                    if !self.0.is_full.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            "The kernel watches no more folders for this user; changes in the others are found by the \
                             clock, some seconds later; try: raise fs.inotify.max_user_watches"
                        );
                    }
                    None
                }
                // It is gone again, or was never a folder: whoever lists it finds out.
                Err(_) => None,
            }
        }

        pub(super) fn keep_only(&self, key: &K, watched: &[Watched]) {
            lock(&self.0.keys).retain(|number, own| {
                let stays = own != key || watched.contains(&Watched(*number));
                if !stays {
                    let _ = inotify::remove_watch(self.0.kernel.get_ref(), *number);
                }
                stays
            });
        }

        pub(super) async fn next(&self) -> Notice<K> {
            loop {
                if let Some(notice) = lock(&self.0.heard).pop_front() {
                    return notice;
                }
                let Ok(mut ready) = self.0.kernel.readable().await else {
                    // The runtime is ending, and with it whoever waits.
                    return std::future::pending().await;
                };
                if ready
                    .try_io(|kernel| self.read(kernel.get_ref()))
                    .is_ok_and(|read| read.is_err())
                {
                    return Notice::Lost;
                }
            }
        }

        /// Reads until there is nothing more.
        fn read(&self, kernel: &OwnedFd) -> io::Result<()> {
            let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
            let mut reader = Reader::new(kernel, &mut buffer);
            let mut any = false;
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(rustix::io::Errno::WOULDBLOCK) if any => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
                any = true;
                let mut keys = lock(&self.0.keys);
                let notice = if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                    Some(Notice::Lost)
                } else if event.events().contains(ReadFlags::IGNORED) {
                    keys.remove(&event.wd());
                    None
                } else {
                    let name = event.file_name();
                    let name = name.map(|name| name.to_string_lossy().into_owned());
                    let key = keys.get(&event.wd());
                    key.map(|key| Notice::In(key.clone(), name))
                };
                drop(keys);
                // A burst names one file over and over.
                let mut heard = lock(&self.0.heard);
                if let Some(notice) = notice
                    && heard.back() != Some(&notice)
                {
                    heard.push_back(notice);
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::convert::Infallible;
    use std::io;
    use std::marker::PhantomData;
    use std::path::Path;

    use super::{Links, Notice, Watched};

    #[derive(Clone)]
    pub(super) struct Watch<K>(Infallible, PhantomData<K>);

    impl<K> Watch<K> {
        pub(super) fn begin() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn add(&self, _: &Path, _: &K, _: Links) -> Option<Watched> {
            match self.0 {}
        }

        pub(super) fn keep_only(&self, _: &K, _: &[Watched]) {
            match self.0 {}
        }

        pub(super) async fn next(&self) -> Notice<K> {
            match self.0 {}
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    /// The names heard until nothing more comes.
    async fn heard(notices: &Notices<&'static str>) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        while let Ok(notice) =
            tokio::time::timeout(Duration::from_millis(200), notices.next()).await
        {
            let Notice::In(key, name) = notice else {
                panic!("nothing was lost");
            };
            all.push((key, name.unwrap_or_default()));
        }
        all.dedup();
        all
    }

    #[tokio::test]
    async fn changes_are_heard_under_the_key_of_their_folder_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&other).unwrap();
        let notices = Notices::begin();
        notices.watch(&one, &"one").unwrap();
        let kept = notices.watch(&other, &"other").unwrap();
        fs::write(one.join("a"), "text").unwrap();
        assert_eq!(heard(&notices).await, [("one", "a".to_owned())]);
        fs::write(folder.path().join("beside"), "").unwrap();
        fs::rename(one.join("a"), other.join("b")).unwrap();
        assert_eq!(
            heard(&notices).await,
            [("one", "a".to_owned()), ("other", "b".to_owned())]
        );
        notices.keep_only(&"one", &[]);
        notices.keep_only(&"other", &[kept]);
        fs::write(one.join("c"), "").unwrap();
        fs::write(other.join("d"), "").unwrap();
        assert_eq!(heard(&notices).await, [("other", "d".to_owned())]);
    }

    #[tokio::test]
    async fn a_link_is_not_followed_and_what_is_missing_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        let notices = Notices::begin();
        assert_eq!(notices.watch(&link, &"link"), None);
        assert_eq!(notices.watch(&folder.path().join("none"), &"none"), None);
    }

    #[tokio::test]
    async fn more_notices_than_the_kernel_keeps_are_told_as_lost() {
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let notices = Notices::begin();
        notices.watch(folder.path(), &"folder").unwrap();
        let (one, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&one, "").unwrap();
        // Two notices each, and none that is the same as the one before.
        for _ in 0..most / 2 {
            fs::rename(&one, &other).unwrap();
            fs::rename(&other, &one).unwrap();
        }
        let mut lost = false;
        while let Ok(notice) =
            tokio::time::timeout(Duration::from_millis(500), notices.next()).await
        {
            lost |= notice == Notice::Lost;
        }
        assert!(lost);
    }
    #[tokio::test]
    async fn a_folder_behind_a_link_is_watched_where_links_are_followed_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let notices = Notices::begin();
        assert_eq!(notices.watch(&link, &"link"), None);
        notices.watch_followed(&link, &"link").unwrap();
        fs::write(real.join("new"), "x").unwrap();
        let heard = heard(&notices).await;
        assert!(heard.contains(&("link", "new".to_owned())), "{heard:?}");
    }
}
