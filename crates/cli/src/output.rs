//! What people and scripts see.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::exit::Failure;

/// Whether to use colours on an output that is a terminal, or is none.
pub(crate) fn colours(terminal: bool) -> bool {
    // https://no-color.org: set to anything but nothing.
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes text to standard output. That nobody reads it any more is no failure of ours.
pub(crate) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed("cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON object and a line end to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed("cannot write as JSON").because(error))?;
    print(format_args!("{text}\n"))
}

/// Tells people something beside the output, on standard error.
pub(crate) fn note(text: impl fmt::Display) {
    // There is nowhere left to complain to.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints why a command ended early: the message, its causes, what to do.
pub(crate) fn failure(failure: &Failure) -> ExitCode {
    let colours = colours(io::stderr().is_terminal());
    let (red, bold, off) =
        if colours { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{red}error:{off} {}", escape(&failure.message));
    for cause in failure.causes() {
        let _ = write!(text, "\n  because: {}", escape(&cause));
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(text, "\n  {bold}hint:{off} {}", escape(hint));
    }
    note(text);
    failure.exit.into()
}

/// Text from elsewhere with its control characters as escapes, so that it cannot steer a
/// terminal. Line ends and tabs are control characters, too.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // Also what reorders the text around it (bidirectional overrides and isolates).
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A count with its thousands apart: `20,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the largest decimal unit that leaves a number before the point: `8.3 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A span in its two largest units: `1 h 20 m`.
pub(crate) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match () {
        () if ms == 0 => "0 s".to_owned(),
        () if minutes == 0 => format!("{seconds}.{} s", ms % 1_000 / 100),
        () if hours == 0 => format!("{minutes} m {} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {} m", minutes % 60),
        () => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_cannot_steer_a_terminal() {
        assert_eq!(escape("a\x1b[2Jb\r\n\u{9b}c\u{202e}é"), "a\\u{1b}[2Jb\\r\\n\\u{9b}c\\u{202e}é");
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([999, 1_000, 8_300_000].map(size), ["999 B", "1.0 kB", "8.3 MB"]);
    }
    #[test]
    fn spans_have_two_units() {
        let texts = [0, 40, 1_250, 61_000, 3_660_000, 90_000_000].map(duration);
        assert_eq!(texts, ["0 s", "0.0 s", "1.2 s", "1 m 1 s", "1 h 1 m", "1 d 1 h"]);
    }
}
