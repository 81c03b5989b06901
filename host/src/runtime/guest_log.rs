//! What a guest says: lines of `log.write`, of its standard output and of its standard error.
//!
//! Every line goes to the host's log, marked as the guest's own words, escaped so that it can't forge a line, move the
//! cursor or turn text around; what looks secret or personal is masked (`masks`). A call has a share of bytes, and so has
//! the app in a second (`share`); past it one line says that the rest was dropped.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::model::{InstallId, Slug};

pub(super) mod masks;
mod share;

pub(crate) use share::LogShare;
use share::Room;

/// What the shortest line takes of a share, in bytes: the host's own words around it are about as long.
const LINE_COST: usize = 64;

/// Fields that are looked at of one line.
const MAX_FIELDS: usize = 64;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// For the developer.
    Debug,
    /// Worth knowing afterwards.
    Info,
    /// Odd, but served.
    Warn,
    /// Something failed.
    Error,
}

/// The log of one call. Cheap to clone; clones share the call's bytes.
#[derive(Debug, Clone)]
pub(crate) struct GuestLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Slug,
    install: Option<InstallId>,
    call_id: String,
    max_bytes: usize,
    max_line: usize,
    of_app: Arc<LogShare>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    written: usize,
    /// What that took of the share.
    cost: usize,
    full: bool,
    #[cfg(test)]
    lines: Vec<(Level, String)>,
}

impl GuestLog {
    /// A log for one call that takes `max_bytes`, `max_line` of them on one line, out of the share of its app.
    pub(crate) fn new(
        app: Slug,
        install: Option<InstallId>,
        call_id: String,
        max_bytes: usize,
        max_line: usize,
        of_app: Arc<LogShare>,
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            install,
            call_id,
            max_bytes,
            max_line,
            of_app,
            state: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that were logged.
    pub(crate) fn written_bytes(&self) -> usize {
        self.state().written
    }

    /// Writes one line. Cut at the line's length, dropped past the call's share; never fails.
    pub(crate) fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        // What is dropped costs nothing.
        if self.state().full {
            return;
        }
        let line = self.line(message, fields);
        let mut state = self.state();
        if state.full {
            return;
        }
        let cost = line.len().max(LINE_COST);
        if state.cost.saturating_add(cost) > self.0.max_bytes {
            state.full = true;
            self.emit(
                &mut state,
                Level::Warn,
                "[the call has used up its share of the log; the rest was dropped]",
            );
            return;
        }
        match self.0.of_app.take(cost, Instant::now()) {
            Room::Granted => {}
            Room::Dropped => return,
            Room::DroppedFirst => {
                self.emit(
                    &mut state,
                    Level::Warn,
                    "[the app has used up its share of the log for this second; more is dropped]",
                );
                return;
            }
        }
        state.written = state.written.saturating_add(line.len());
        state.cost = state.cost.saturating_add(cost);
        self.emit(&mut state, level, &line);
    }

    /// The line that is shown. A guest may say more than a thousand times as much, of which nothing else is looked at: for
    /// the time of a look the thread serves nobody.
    fn line(&self, message: &str, fields: &[(String, String)]) -> String {
        let most = self.0.max_line;
        // More than is shown, since a mask may be shorter than what it stands for.
        let head = |text| masks::head(text, most.saturating_mul(2));
        let mut line = escaped(&masks::text(head(message)), most);
        for (name, value) in fields.iter().take(MAX_FIELDS) {
            let room = most.saturating_sub(line.len());
            if room == 0 {
                break;
            }
            let (name, value) = (head(name), head(value));
            // Quoted as JSON text is, so that a value can't pretend to be another field.
            let value = serde_json::Value::from(&*masks::value(name, value)).to_string();
            let name = escaped(&masks::text(name), room);
            let _ = write!(line, " {name}={}", escaped(&value, room));
        }
        cut(&mut line, most);
        line
    }

    /// Its words are a field, which is quoted, so that they can't pretend to be other fields of the line.
    fn emit(&self, state: &mut State, level: Level, line: &str) {
        let inner = &self.0;
        let app = inner.app.as_str();
        let install = inner.install.as_ref().map(InstallId::as_str);
        let call = inner.call_id.as_str();
        // The level of an event is fixed where it is written, so there are four.
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    target: "airlock::guest", text = line, source = "guest", app, install, call, "{app} says"
                )
            };
        }
        match level {
            Level::Debug => say!(debug),
            Level::Info => say!(info),
            Level::Warn => say!(warn),
            Level::Error => say!(error),
        }
        #[cfg(test)]
        state.lines.push((level, line.to_owned()));
        #[cfg(not(test))]
        let _ = state;
    }

    /// The lines so far.
    #[cfg(test)]
    pub(crate) fn lines(&self) -> Vec<(Level, String)> {
        self.state().lines.clone()
    }
}

/// At most `max` bytes of the text, with everything that is not plain text written as an escape.
pub(crate) fn escaped(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        if line.len() >= max {
            break;
        }
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            character if character.is_control() || misleads(character) => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            character => line.push(character),
        }
    }
    cut(&mut line, max);
    line
}

/// Characters that turn text around, hide in it, or end a line.
fn misleads(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(line: &mut String, max: usize) {
    let mut end = line.len().min(max);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
}

/// Standard output or standard error of a guest: whole lines go to its log.
#[derive(Debug, Clone)]
pub(crate) struct GuestOutput {
    log: GuestLog,
    level: Level,
    /// The line begun, never longer than a line may be.
    begun: Arc<Mutex<Vec<u8>>>,
}

impl GuestOutput {
    pub(crate) fn new(log: GuestLog, level: Level) -> Self {
        Self {
            log,
            level,
            begun: Arc::default(),
        }
    }

    fn take(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            let room = self.log.0.max_line.saturating_sub(begun.len());
            begun.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
            // Runtimes print empty lines around their messages.
            if ended && !begun.is_empty() {
                self.log
                    .write(self.level, &String::from_utf8_lossy(&begun), &[]);
                begun.clear();
            }
        }
    }

    /// Logs a line that was begun and not ended, such as the last words before a trap.
    pub(crate) fn finish(&self) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !begun.is_empty() {
            self.log
                .write(self.level, &String::from_utf8_lossy(&begun), &[]);
            begun.clear();
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only other generations of WASI use this one, and they are not linked.
        Box::new(tokio::io::sink())
    }

    /// Overridden: the default queues zero-length writes without a bound (GHSA-5m8g).
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // Always room: what does not fit the call's share is dropped, so that printing never fails a guest.
        Ok(4096)
    }
}

impl Pollable for GuestOutput {
    fn ready<'life, 'future>(
        &'life mut self,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(max_bytes: usize) -> GuestLog {
        GuestLog::new(
            Slug::parse("kyc").unwrap(),
            None,
            "call".to_owned(),
            max_bytes,
            64,
            Arc::default(),
        )
    }

    /// What the log for people shows of something.
    fn shown(of: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = Mutex::new(file.reopen().unwrap());
        let log = tracing_subscriber::fmt().compact().with_ansi(false);
        tracing::subscriber::with_default(log.with_writer(writer).finish(), of);
        std::fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn h25_a_line_can_not_forge_another_or_steer_a_terminal() {
        let log = log(1000);
        log.write(
            Level::Info,
            "a\nb\r\u{1b}[2J\u{202e}c\u{2028}",
            &[("k\n".to_owned(), "v\" x=\"1".to_owned())],
        );
        assert_eq!(
            log.lines(),
            [(
                Level::Info,
                r#"a\nb\r\u{1b}[2J\u{202e}c\u{2028} k\n="v\" x=\"1""#.to_owned()
            )]
        );
    }

    #[test]
    fn h25_words_can_not_pretend_to_be_fields_of_the_line() {
        let shown = shown(|| {
            log(1000).write(Level::Warn, r#"done source="host" app="bank""#, &[]);
        });
        let expected = r#"kyc says text="done source=\"host\" app=\"bank\"" source="guest" app="kyc" call="call""#;
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn h24_a_call_has_a_share_of_the_log_and_one_line_says_that_it_is_used_up() {
        let log = log(200);
        for _ in 0..1000 {
            log.write(Level::Info, &"x".repeat(1000), &[]);
        }
        let lines = log.lines();
        assert_eq!(lines.len(), 4);
        assert!(lines[..3].iter().all(|(_, line)| line.len() == 64));
        assert!(lines[3].1.contains("used up"));
        assert_eq!(log.written_bytes(), 192);
    }

    #[test]
    fn h24_empty_lines_use_the_share_up_too() {
        let log = log(6400);
        for _ in 0..10_000 {
            log.write(Level::Info, "", &[]);
        }
        assert_eq!(log.lines().len(), 101);
    }

    #[test]
    fn h24_calls_of_one_app_share_what_it_may_write_in_a_second() {
        let of_app = Arc::new(LogShare::default());
        let log = |app: &Arc<LogShare>| {
            let slug = Slug::parse("kyc").unwrap();
            GuestLog::new(slug, None, "call".to_owned(), 64 * 1024, 4096, app.clone())
        };
        let written: usize = (0..100)
            .map(|_| {
                let log = log(&of_app);
                for _ in 0..16 {
                    log.write(Level::Info, &"x".repeat(4096), &[]);
                }
                log.written_bytes()
            })
            .sum();
        // Were this to take seconds, each of them would add a share.
        assert!((256 * 1024..6_553_600 / 2).contains(&written), "{written}");
        let other = log(&Arc::default());
        other.write(Level::Info, "x", &[]);
        assert_eq!(other.written_bytes(), 1);
    }

    #[test]
    fn secrets_are_masked_before_a_line_is_cut() {
        let log = log(1000);
        let key = "blnk_live_0123456789abcdef";
        log.write(Level::Info, &format!("{}{key}", "x".repeat(50)), &[]);
        log.write(
            Level::Info,
            "m",
            &[("api_key".to_owned(), "hunter2".to_owned())],
        );
        let lines: Vec<_> = log.lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                format!("{}blnk_[masked]", "x".repeat(50))[..63].to_owned(),
                r#"m api_key="[masked]""#.to_owned()
            ]
        );
    }

    #[test]
    fn h24_what_is_far_beyond_a_line_is_not_looked_at() {
        let log = log(1000);
        let key = format!("blnk_{}", "a".repeat(4 * 1024 * 1024));
        log.write(Level::Info, &format!("{key} end"), &[]);
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let words = format!("{key} end");
        log.write(Level::Info, "m", &[field(&words, "v"), field("k", &words)]);
        let lines: Vec<_> = log.lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            ["blnk_[masked]", r#"m blnk_[masked]="v" k="blnk_[masked]""#]
        );
    }

    #[test]
    fn h24_a_line_has_so_many_fields() {
        let log = GuestLog::new(
            Slug::parse("kyc").unwrap(),
            None,
            "call".to_owned(),
            64 * 1024,
            4096,
            Arc::default(),
        );
        let field = ("k".to_owned(), String::new());
        log.write(Level::Info, "", &vec![field; 500]);
        let lines = log.lines();
        assert_eq!(lines[0].1, r#" k="""#.repeat(64));
    }

    #[test]
    fn the_name_of_a_field_is_masked_too() {
        let log = log(1000);
        let name = "blnk_live_0123456789abcdef".to_owned();
        log.write(Level::Info, "m", &[(name, "v".to_owned())]);
        assert_eq!(log.lines()[0].1, r#"m blnk_[masked]="v""#);
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(escaped("aää", 4), "aä");
        assert_eq!(escaped("日本", 5), "日");
    }

    #[test]
    fn h16_output_becomes_lines_and_a_line_without_an_end_is_bounded() {
        let log = log(1000);
        let mut output = GuestOutput::new(log.clone(), Level::Warn);
        output.write(Bytes::from_static(b"one\n\ntw")).unwrap();
        output.write(Bytes::from_static(b"o\n")).unwrap();
        for _ in 0..100 {
            output.write(Bytes::from(vec![b'x'; 4096])).unwrap();
        }
        assert!(output.begun.lock().unwrap().len() <= 64);
        output.finish();
        let lines: Vec<_> = log.lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["one".to_owned(), "two".to_owned(), "x".repeat(64)]);
    }
}
