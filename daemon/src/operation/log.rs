//! Structured logs on standard error, as text or JSON. One message may come ten times a minute; how often it came beyond is told.

use crate::capture::text::rfc3339;
use crate::clock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};

/// How often one message may come within [`WINDOW`]: enough to see what happens, too few to fill a disk.
const BURST: u32 = 10;

/// What the limit counts over.
const WINDOW: Duration = Duration::from_mins(1);

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What failed.
    Error,
    /// And what may harm.
    Warn,
    /// And what happens in the ordinary course.
    Info,
    /// And what helps to find a fault.
    Debug,
    /// And all else.
    Trace,
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err("a level is error, warn, info, debug or trace".to_owned()),
        }
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("a format is text or json".to_owned()),
        }
    }
}

/// The log of this process.
#[derive(Clone, Debug)]
pub struct Log {
    limiter: Limiter,
    change: Arc<dyn Change>,
}

/// Another level while it runs.
trait Change: Send + Sync + std::fmt::Debug {
    fn to(&self, level: LevelFilter) -> bool;
}

impl<S: std::fmt::Debug> Change for Handle<LevelFilter, S> {
    fn to(&self, level: LevelFilter) -> bool {
        self.reload(level).is_ok()
    }
}

impl Log {
    /// Begins to log; whoever logs before is not heard.
    #[must_use]
    pub fn begin(level: Option<Level>, format: Option<Format>) -> Self {
        let limiter = Limiter::default();
        let (level, change) = reload::Layer::new(LevelFilter::from(level.unwrap_or(Level::Info)));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false).with_timer(Clock);
        let lines: Box<dyn Layer<_> + Send + Sync> = match format.unwrap_or(Format::Text) {
            Format::Text => Box::new(lines.with_filter(limiter.clone())),
            Format::Json => Box::new(lines.json().flatten_event(true).with_filter(limiter.clone())),
        };
        let subscriber = tracing_subscriber::registry().with(level).with(lines);
        // Only a test that runs in one process with others meets a log that is there already.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Self { limiter, change: Arc::new(change) }
    }

    /// Logs as much as this from now on. Returns whether it does.
    #[must_use]
    pub fn set_level(&self, level: Level) -> bool {
        self.change.to(level.into())
    }

    /// Says which messages came too often since this was asked last.
    pub fn say_suppressed(&self) {
        for (place, count) in self.limiter.suppressed() {
            tracing::warn!(place, count, "a message came too often and was left out");
        }
    }
}

/// Times as everywhere else.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str(&rfc3339(clock::now()))
    }
}

/// How often each message came. Messages are told apart by where they are written in the program: there are some dozens.
#[derive(Clone, Debug, Default)]
struct Limiter {
    messages: Arc<Mutex<HashMap<Identifier, Count>>>,
}

#[derive(Debug)]
struct Count {
    place: String,
    since: Instant,
    passed: u32,
    suppressed: u64,
}

impl Limiter {
    fn passes(&self, metadata: &Metadata<'static>) -> bool {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let count = messages.entry(metadata.callsite()).or_insert_with(|| Count {
            place: format!("{}:{}", metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default()),
            since: Instant::now(),
            passed: 0,
            suppressed: 0,
        });
        if count.since.elapsed() >= WINDOW {
            (count.since, count.passed) = (Instant::now(), 0);
        }
        let passes = count.passed < BURST;
        count.passed += u32::from(passes);
        count.suppressed += u64::from(!passes);
        passes
    }

    /// What was left out in windows that are over.
    fn suppressed(&self) -> Vec<(String, u64)> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let over = messages.values_mut().filter(|count| count.suppressed > 0 && count.since.elapsed() >= WINDOW);
        over.map(|count| (count.place.clone(), std::mem::take(&mut count.suppressed))).collect()
    }
}

impl<S: Subscriber> Filter<S> for Limiter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.passes(event.metadata())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_that_comes_without_end_is_heard_ten_times_and_counted() {
        let (limiter, kept) = (Limiter::default(), Kept::default());
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_ansi(false).with_filter(limiter.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for number in 0..25 {
                tracing::warn!(number, "again");
            }
            tracing::warn!("another");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.matches("again").count(), text.matches("another").count()), (10, 1));
        assert!(limiter.suppressed().is_empty(), "the window is not over");
        for count in limiter.messages.lock().unwrap().values_mut() {
            count.since = Instant::now().checked_sub(WINDOW).unwrap();
        }
        let told = limiter.suppressed();
        assert!(told.len() == 1 && told[0].1 == 15 && told[0].0.contains("log.rs:"), "{told:?}");
    }
}
