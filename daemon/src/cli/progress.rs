//! A progress bar with rate and time left on long replays; nothing where stderr is no terminal.

use crate::capture::input::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// The bar of one command.
pub(super) struct Bar {
    bar: ProgressBar,
    progress: Option<Progress>,
    shown: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        let shown = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, if shown { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() });
        Self { bar, progress: None, shown }
    }

    /// The next file.
    pub(super) fn begin(&mut self, name: &str, progress: Option<Progress>) {
        self.progress = progress.filter(|_| self.shown);
        let Some((_, total)) = self.progress.as_ref().map(Progress::now) else { return };
        self.bar.reset();
        let style = match total {
            Some(total) => {
                self.bar.set_length(total);
                "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left"
            }
            None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        self.bar.set_message(crate::capture::text::shown(name));
    }

    /// A block was read.
    pub(super) fn tick(&self) {
        if let Some((read, _)) = self.progress.as_ref().map(Progress::now) {
            self.bar.set_position(read);
        }
    }

    /// A message that the bar does not overwrite.
    pub(super) fn say(&self, message: &str) {
        self.bar.suspend(|| eprintln!("{message}"));
    }

    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
