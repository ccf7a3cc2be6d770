//! What a daemon needs beside capturing, to be left alone for weeks: it says how it fares, gives up the rights that it no longer needs,
//! and lets the system end it when it stands still.
//!
//! | module | is |
//! |---|---|
//! | [`board`] | figures of a run: what each port gave, what commits took |
//! | [`housekeeping`] | once a day: old sources go, space is given back |
//! | [`log`] | structured logs, limited by message |
//! | [`privileges`] | rights given up after set-up |
//! | [`reload`] | the configuration read again while it runs |
//! | [`settings`] | what the configuration says of all this |
//! | [`status`] | the figures at one moment, as metrics, as a health report and as a file beside the database |

pub mod board;
pub mod housekeeping;
pub mod log;
pub mod privileges;
pub mod reload;
pub mod settings;
pub mod status;

use crate::api::{self, ApiError};
use board::Board;
use log::Log;
use reload::Reload;
use sd_notify::NotifyState;
use status::StatusFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the flag that ends the run: what systemd shows should follow at once.
const LOOK: Duration = Duration::from_millis(100);

/// Between two writings of the status file.
const TELL: Duration = Duration::from_secs(1);

/// What runs beside capturing, in threads of its own.
pub struct Operation {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    watchman: Option<JoinHandle<()>>,
    api: Option<api::Server>,
}

impl Operation {
    /// Begins: everything is set up, and rights were given up. Tells systemd that the daemon is ready.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn begin(
        board: &Arc<Board>,
        api: Option<api::Bound>,
        file: StatusFile,
        log: Log,
        reload: Option<Reload>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, ApiError> {
        let ended = Arc::new(AtomicBool::new(false));
        let api = api.map(|bound| bound.serve(Arc::clone(board))).transpose()?;
        let watchman = Watchman {
            board: Arc::clone(board),
            file,
            log,
            reload,
            stop: Arc::clone(stop),
            ended: Arc::clone(&ended),
            watchdog: sd_notify::watchdog_enabled(),
        };
        notify(&[NotifyState::Ready, NotifyState::Status("listening")]);
        let watchman = std::thread::Builder::new().name("watchman".to_owned()).spawn(move || watchman.watch()).map_err(ApiError::Thread)?;
        Ok(Self { stop: Arc::clone(stop), ended, watchman: Some(watchman), api })
    }

    /// Ends what runs beside capturing; the status file then says that the daemon stopped.
    pub fn end(mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
        if let Some(watchman) = self.watchman.take() {
            // If it panicked it has said why.
            let _ = watchman.join();
        }
        if let Some(api) = self.api.take() {
            api.end();
        }
    }
}

/// Tells the service manager, if there is one. One that does not listen must not end the daemon.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}

/// Looks each second how the run fares, and says so.
struct Watchman {
    board: Arc<Board>,
    file: StatusFile,
    log: Log,
    /// None without a configuration file.
    reload: Option<Reload>,
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    /// How long systemd waits for a sign of life.
    watchdog: Option<Duration>,
}

impl Watchman {
    fn watch(mut self) {
        let (mut told, mut alive, mut stopping) = (None::<Instant>, None::<Instant>, false);
        while !self.ended.load(Ordering::Relaxed) {
            if !stopping && self.stop.load(Ordering::Relaxed) {
                stopping = true;
                notify(&[NotifyState::Stopping, NotifyState::Status("committing what is open")]);
            }
            if !stopping {
                self.reload();
            }
            if told.is_none_or(|told| told.elapsed() >= TELL) {
                told = Some(Instant::now());
                self.tell(stopping);
            }
            if let Some(period) = self.watchdog
                && alive.is_none_or(|alive| alive.elapsed() >= period / 2)
                && self.board.moves(period / 2)
            {
                alive = Some(Instant::now());
                notify(&[NotifyState::Watchdog]);
            }
            std::thread::sleep(LOOK);
        }
        // All may have ended between two looks.
        if !stopping {
            notify(&[NotifyState::Stopping]);
        }
        self.log.say_suppressed();
        self.file.write(&self.board.status().stopped());
    }

    /// Reads the configuration again, if that was asked for. systemd (v253) asks for the time with it, and for readiness after it
    /// (sd_notify(3)).
    fn reload(&mut self) {
        let Some(reload) = self.reload.as_mut().filter(|reload| reload.is_asked()) else { return };
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(_) => notify(&[NotifyState::Reloading]),
        }
        reload.reload(&self.log, &self.board);
        notify(&[NotifyState::Ready]);
    }

    fn tell(&mut self, stopping: bool) {
        let status = self.board.status();
        if !stopping {
            notify(&[NotifyState::Status(&status.line())]);
        }
        self.file.write(&status);
        self.log.say_suppressed();
    }
}
