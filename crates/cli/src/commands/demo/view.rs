//! What people see while it runs, on standard error: what happens, a line each, and on a terminal
//! the state of things below, redrawn in place.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use crate::output::{self, colours, count, escape};

/// How often the progress is told where nothing can be redrawn.
const LINE_EACH_MS: u64 = 2_000;
/// Columns of the progress bar.
const BAR: u64 = 40;

/// How things stand.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub(super) total: u64,
    pub(super) put: u64,
    pub(super) put_rate: u64,
    pub(super) unique: u64,
    pub(super) unique_rate: u64,
    pub(super) workers: Vec<Row>,
}

/// A worker.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) pid: u32,
    pub(super) note: &'static str,
    pub(super) shards: String,
    pub(super) handled: u64,
    pub(super) rate: u64,
}

/// The view.
#[derive(Debug)]
pub(super) struct View {
    live: bool,
    colours: bool,
    /// The lines below what has happened.
    below: Vec<String>,
    told_ms: u64,
}

impl View {
    pub(super) fn new() -> Self {
        let live = io::stderr().is_terminal();
        Self { live, colours: colours(live), below: Vec::new(), told_ms: 0 }
    }

    /// Something happened. The text may come from elsewhere.
    pub(super) fn tell(&mut self, now_ms: u64, text: &str) {
        let line = format!("{:>5}.{} s  {}", now_ms / 1_000, now_ms % 1_000 / 100, escape(text));
        self.write(Some(&line), None);
    }

    /// How things stand now.
    pub(super) fn draw(&mut self, now_ms: u64, scene: &Scene) {
        if self.live {
            let lines = self.lines(scene);
            self.write(None, Some(lines));
        } else if now_ms >= self.told_ms + LINE_EACH_MS {
            self.told_ms = now_ms;
            let text = format!(
                "{} of {} put, {} handled, {} behind, {}/s",
                count(scene.put),
                count(scene.total),
                count(scene.unique),
                count(scene.put.saturating_sub(scene.unique)),
                count(scene.unique_rate),
            );
            self.tell(now_ms, &text);
        }
    }

    /// Takes what stands below off the screen.
    pub(super) fn clear(&mut self) {
        self.write(None, Some(Vec::new()));
    }

    fn lines(&self, scene: &Scene) -> Vec<String> {
        let (dim, off) = if self.colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let behind = scene.put.saturating_sub(scene.unique);
        let line = |name: &str, number: u64, beside: String, rate: u64| {
            format!("  {name:<8}{:>9} {beside:<17}{:>8}/s", count(number), count(rate))
        };
        let (pid, handled) = ("PID", "HANDLED");
        let mut lines = vec![
            String::new(),
            format!("  {}", bar(scene)),
            line("put", scene.put, format!("of {}", count(scene.total)), scene.put_rate),
            line("handled", scene.unique, format!("({} behind)", count(behind)), scene.unique_rate),
            String::new(),
            format!("  {dim}WORKER    {pid:>8}  {:<9}{handled:>9}{:>9}  SHARDS{off}", "", ""),
        ];
        for row in &scene.workers {
            lines.push(format!(
                "  worker {:<3}{:>8}  {:<9}{:>9}{:>7}/s  {}",
                row.number,
                row.pid,
                row.note,
                count(row.handled),
                count(row.rate),
                escape(&row.shards)
            ));
        }
        lines
    }

    /// Writes a line above what stands below, and draws the latter anew, in one go.
    fn write(&mut self, line: Option<&str>, below: Option<Vec<String>>) {
        if !self.live {
            let _ = line.map(output::note);
            return;
        }
        let mut text = String::new();
        if !self.below.is_empty() {
            let _ = write!(text, "\x1b[{}F", self.below.len());
        }
        if let Some(line) = line {
            let _ = writeln!(text, "{line}\x1b[K");
        }
        if let Some(below) = below {
            self.below = below;
        }
        // Without wrapping, a narrow terminal keeps as many lines as were written.
        text.push_str("\x1b[?7l");
        for line in &self.below {
            let _ = writeln!(text, "{line}\x1b[K");
        }
        text.push_str("\x1b[?7h\x1b[J");
        // There is nowhere left to complain to.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// What is handled, what is only put, and what is to come.
fn bar(scene: &Scene) -> String {
    let columns = |number: u64| (number * BAR).checked_div(scene.total).unwrap_or(0).min(BAR);
    let handled = columns(scene.unique);
    let put = columns(scene.put).max(handled);
    let part = |sign: &str, columns: u64| sign.repeat(usize::try_from(columns).unwrap_or(0));
    part("█", handled) + &part("▒", put - handled) + &part("░", BAR - put)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_always_as_wide() {
        let bar_of = |total, put, unique| bar(&Scene { total, put, unique, ..Scene::default() });
        assert_eq!(bar_of(0, 0, 0), "░".repeat(40));
        assert_eq!(bar_of(100, 50, 25), "█".repeat(10) + &"▒".repeat(10) + &"░".repeat(20));
        assert_eq!(bar_of(100, 100, 100), "█".repeat(40));
    }
}
