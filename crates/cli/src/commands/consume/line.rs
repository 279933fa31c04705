//! A record as a line of output.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kinfolk::{Batch, Record};
use serde::Serialize;

use super::Format;
use crate::output;

/// How lines are written.
pub(super) struct Line {
    pub(super) format: Format,
    /// Control characters are shown as escapes, for a terminal.
    pub(super) escaped: bool,
}

#[derive(Serialize)]
struct Object<'a> {
    shard: &'a str,
    sequence: &'a str,
    sub_sequence: u64,
    partition_key: Option<&'a str>,
    arrival: Option<String>,
    worker: &'a str,
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

impl Line {
    /// Appends a record's line.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        batch: &Batch,
        record: Record<'_>,
    ) -> io::Result<()> {
        match (self.format, self.escaped) {
            (Format::Json, false) => serde_json::to_writer(&mut *out, &object(batch, &record))?,
            (Format::Json, true) => {
                let text = serde_json::to_string(&object(batch, &record))?;
                out.write_all(output::escape(&text).as_bytes())?;
            }
            (Format::Raw, false) => out.write_all(record.data())?,
            (Format::Raw, true) => {
                let text = String::from_utf8_lossy(record.data());
                out.write_all(output::escape(&text).as_bytes())?;
            }
        }
        out.write_all(b"\n")
    }
}

fn object<'a>(batch: &'a Batch, record: &Record<'a>) -> Object<'a> {
    let text = std::str::from_utf8(record.data()).ok();
    Object {
        shard: batch.shard().as_str(),
        sequence: record.sequence_number(),
        sub_sequence: record.sub_sequence_number(),
        partition_key: record.partition_key(),
        arrival: record.arrival().and_then(|time| date(time.0)),
        worker: batch.worker().as_str(),
        epoch: batch.epoch(),
        data: text,
        data_base64: text.is_none().then(|| STANDARD.encode(record.data())),
    }
}

/// RFC 3339 in UTC, with milliseconds.
fn date(ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    Some(format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_milliseconds() {
        assert_eq!(date(1_500).as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert_eq!(date(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }
}
