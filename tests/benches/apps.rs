//! How long a host with 1,000 apps needs until it is ready, out of the cache of compiled code, and the memory of an idle app.
//!
//! The apps are copies of KYC Review, of a hundred components that differ by a custom section: each of these is compiled
//! once, which takes a while, and has its own entry in the cache. No app shares memory with another in any case. `--apps N`
//! and `--components N` take other numbers.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench ends by a panic, and prints"
)]

#[expect(dead_code, reason = "a bench needs a part of it")]
#[path = "../it/support"]
mod support {
    pub(crate) mod clients;
    pub(crate) mod http;
    pub(crate) mod keys;
    pub(crate) mod packages;
    pub(crate) mod place;
    pub(crate) mod poll;
    pub(crate) mod process;
}

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use airlock_tests::measure::{Times, heading, line, ratio, shown};

use self::support::http::{Ask, Http};
use self::support::packages;
use self::support::place::Place;

const APPS: usize = 1_000;
const COMPONENTS: usize = 100;
const STARTS: usize = 10;
/// Ready again within this time.
const GOAL: Duration = Duration::from_secs(2);
/// Longest wait for a start that compiles every component.
const PATIENCE: Duration = Duration::from_hours(1);
/// Until nothing of a start is under way any more: longer than the watch's first look.
const REST: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    heading("apps: a host with many apps, out of the cache of compiled code");
    let apps = number("--apps", APPS);
    let components = number("--components", COMPONENTS).min(apps);
    let (one, many) = (place(1, 1), place(apps, components));
    let begun = Instant::now();
    drop(start(&one).await);
    let single = begun.elapsed();
    let begun = Instant::now();
    drop(start(&many).await);
    println!(
        "filling the cache: {} with 1 app, {} with {apps} of {components} components, each compiled once",
        shown(single),
        shown(begun.elapsed())
    );
    assert_eq!(compilations(&many), components);

    let (mut with_one, mut with_many) = (Times::default(), Times::default());
    let mut used = Times::default();
    for _ in 0..STARTS {
        time(&one, &mut with_one).await;
        used.add(time(&many, &mut with_many).await);
    }
    line("ready with 1 app", &with_one);
    line(&format!("ready with {apps} apps"), &with_many);
    line("processor time until then, of all cores", &used);
    println!(
        "→ {apps} apps make a start {:.1} times as long (median)",
        ratio(&with_many, &with_one, 50.0)
    );
    let worst = with_many.percentile(100.0);
    println!(
        "→ the goal is 2 s: {} ({} at worst of {STARTS})",
        if worst <= GOAL { "met" } else { "MISSED" },
        shown(worst)
    );

    let (few, lots) = (idle(&one).await, idle(&many).await);
    println!(
        "memory with 1 app {} MiB, with {apps} {} MiB; descriptors {} and {}",
        few.resident / 1024,
        lots.resident / 1024,
        few.descriptors,
        lots.descriptors
    );
    let package = packages::package("kyc");
    let component = fs::metadata(package.join("app.wasm")).unwrap().len();
    let cache = many.data().join("cache");
    println!(
        "→ an idle app: {:.0} KiB resident, {:.0} KiB of them proportional (PSS), and {:.0} KiB in files of memory; \
         its component has {} KiB, its code {} KiB",
        each(few.resident, lots.resident, apps),
        each(few.proportional, lots.proportional, apps),
        each(few.images, lots.images, apps),
        component / 1024,
        bytes_in(&cache) / 1024 / components as u64
    );
    assert_eq!((compilations(&one), compilations(&many)), (1, components));
}

/// `NAME N` of the command line.
fn number(name: &str, usual: usize) -> usize {
    let mut words = std::env::args().skip_while(|word| word != name);
    match (words.next(), words.next()) {
        (None, _) => usual,
        (Some(_), number) => number
            .and_then(|number| number.parse().ok())
            .filter(|number| *number > 1)
            .unwrap_or_else(|| panic!("{name} needs a whole number above 1")),
    }
}

/// A place with so many apps, of so many components.
fn place(apps: usize, components: usize) -> Place {
    let nowhere = "http://127.0.0.1:9/".parse().unwrap();
    let place = Place::new(&nowhere);
    let package = packages::package("kyc");
    let component = fs::read(package.join("app.wasm")).unwrap();
    for number in 0..apps {
        let slug = format!("kyc-{number}");
        packages::lay(&package, &place.plugins(), &slug);
        let own = [&component[..], &custom_section(number % components)].concat();
        fs::write(place.plugins().join(slug).join("app.wasm"), own).unwrap();
    }
    place
}

/// A custom section that says a number.
fn custom_section(number: usize) -> Vec<u8> {
    let content = [&b"\x04copy"[..], &(number as u64).to_le_bytes()].concat();
    [&[0, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

/// A host that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a host and asks every millisecond whether it is ready.
async fn start(place: &Place) -> Running {
    let log = File::options().create(true).append(true).open(place.log());
    let child = place
        .command(&["serve"])
        .stdout(Stdio::null())
        .stderr(log.expect("a log file"))
        .spawn();
    let mut host = Running(child.expect("airlock starts"));
    let operator = Http::new(&place.admin_origin());
    let end = Instant::now() + PATIENCE;
    loop {
        let ready = operator.try_send(Ask::get("/ready")).await;
        if ready.is_ok_and(|answer| answer.status == 200) {
            return host;
        }
        if let Some(status) = host.0.try_wait().expect("a child's status") {
            panic!("airlock serve ended with {status}: {}", place.log_text());
        }
        assert!(Instant::now() < end, "the host is not ready");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Times a start. Answers the processor time that it took.
async fn time(place: &Place, times: &mut Times) -> Duration {
    let begun = Instant::now();
    let host = start(place).await;
    times.add(begun.elapsed());
    let stat = fs::read_to_string(format!("/proc/{}/stat", host.0.id())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    // Linux counts in hundredths of a second here, whatever the machine.
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn compilations(place: &Place) -> usize {
    place.log_text().matches("Compiling kyc-").count()
}

/// What a host holds when nothing is asked of it, in KiB.
struct Held {
    resident: u64,
    proportional: u64,
    /// In files of memory (memfd), which no process need have mapped.
    images: u64,
    descriptors: usize,
}

async fn idle(place: &Place) -> Held {
    let host = start(place).await;
    tokio::time::sleep(REST).await;
    let process = Path::new("/proc").join(host.0.id().to_string());
    let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap();
    let line = |name: &str| -> u64 {
        let line = rollup.lines().find(|line| line.starts_with(name));
        let number = line.expect(name).split_whitespace().nth(1);
        number.expect("a number").parse().unwrap()
    };
    let descriptors: Vec<_> = fs::read_dir(process.join("fd"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let images = descriptors.iter().filter(|path| {
        fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:"))
    });
    let blocks: u64 = images
        .map(|path| fs::metadata(path).unwrap().blocks())
        .sum();
    Held {
        resident: line("Rss:"),
        proportional: line("Pss:"),
        images: blocks / 2,
        descriptors: descriptors.len(),
    }
}

/// What each app but the first adds.
#[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
fn each(one: u64, many: u64, apps: usize) -> f64 {
    many.saturating_sub(one) as f64 / (apps - 1) as f64
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.metadata().unwrap().len()).sum()
}
