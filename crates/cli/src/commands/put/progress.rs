//! A progress bar on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kinfolk::producer::Producer;

use super::summary::rate;
use crate::output;

/// The bar; nothing where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for so many bytes, or only counts where they are not known.
    pub(super) fn new(total_bytes: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
        let template = match total_bytes {
            Some(_) => "{wide_bar} {percent} %  {msg}",
            None => "{msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self { bar }
    }

    /// Keeps the bar up to date for ever.
    pub(super) async fn follow(&self, producer: &Producer, elapsed: impl Fn() -> Duration) {
        while !self.bar.is_hidden() {
            let stats = producer.stats();
            let a_second = rate(stats.put, elapsed());
            let mut text = format!("{} put, {a_second:.0}/s", output::count(stats.put));
            if stats.throttled > 0 {
                text += &format!(", {} throttled", output::count(stats.throttled));
            }
            self.bar.set_message(text);
            // Each line has its end, which is not put.
            self.bar.set_position(stats.bytes + stats.put);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending().await
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
