//! Reading lines, and the partition key out of them.

use std::path::{Path, PathBuf};

use kinfolk::producer::MAX_RECORD_BYTES;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::exit::{Exit, Failure};

/// The longest line with its end.
const LONGEST: u64 = MAX_RECORD_BYTES as u64 + 2;

const READ_BUFFER: usize = 256 * 1024;

/// The lines of a file, or of standard input.
pub(crate) struct Lines {
    input: Box<dyn AsyncBufRead + Send + Unpin>,
    name: PathBuf,
    total_bytes: Option<u64>,
    /// Of the last line that was read, from 1.
    number: u64,
}

impl Lines {
    /// Opens a file; `-` is standard input.
    pub(crate) async fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            let input = BufReader::with_capacity(READ_BUFFER, tokio::io::stdin());
            let name = PathBuf::from("standard input");
            return Ok(Self { input: Box::new(input), name, total_bytes: None, number: 0 });
        }
        let cannot =
            |error| Failure::setup(format!("cannot read {}", path.display())).because(error);
        let file = tokio::fs::File::open(path).await.map_err(cannot)?;
        let about = file.metadata().await.map_err(cannot)?;
        if about.is_dir() {
            return Err(Failure::setup(format!("{} is a folder, not a file", path.display())));
        }
        Ok(Self {
            input: Box::new(BufReader::with_capacity(READ_BUFFER, file)),
            name: path.to_owned(),
            total_bytes: about.is_file().then_some(about.len()),
            number: 0,
        })
    }

    /// The size of the file, if it is one.
    pub(crate) fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// The next line without its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let read = (&mut self.input).take(LONGEST).read_until(b'\n', &mut line).await;
        let read = read.map_err(|error| {
            let message = format!("cannot read {} after line {}", self.name.display(), self.number);
            Failure::failed(message).because(error)
        })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if read as u64 == LONGEST {
            return Err(self.at_line(format!("longer than {MAX_RECORD_BYTES} bytes")));
        }
        Ok(Some(line))
    }

    /// The partition key of the last line: its `field`, as text.
    pub(crate) fn key(&self, line: &[u8], field: &str) -> Result<String, Failure> {
        let object = match serde_json::from_slice(line) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(self.at_line("not a JSON object, so that it has no key".into())),
            Err(error) => {
                let column = error.column();
                return Err(self.at_line(format!("not JSON from column {column} on")));
            }
        };
        let problem = match object.get(field) {
            Some(Value::String(text)) if text.is_empty() => "is empty",
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => return Ok(value.to_string()),
            Some(Value::Null) => "is null",
            Some(_) => "is neither text nor a number",
            None => "is missing",
        };
        Err(self.at_line(format!("the field {field:?}, which --key names, {problem}")))
    }

    /// A failure at the last line.
    pub(crate) fn at_line(&self, problem: String) -> Failure {
        let before = match self.number.saturating_sub(1) {
            0 => "nothing is put".to_owned(),
            1 => "the line before it is put".to_owned(),
            count => format!("the {count} lines before it are put"),
        };
        let message = format!("{}, line {}: {problem}", self.name.display(), self.number);
        Failure { exit: Exit::Failed, ..Failure::failed(message) }
            .hint(format!("{before}; correct the line and put the rest from there on"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static [u8]) -> Lines {
        Lines { input: Box::new(text), name: "test".into(), total_bytes: None, number: 0 }
    }

    #[tokio::test]
    async fn lines_lose_their_ends_and_nothing_else() {
        let mut lines = lines(b"a\nb\r\n\n\xff\r \nlast");
        for expected in [&b"a"[..], b"b", b"", b"\xff\r ", b"last"] {
            assert_eq!(lines.next().await.unwrap().unwrap(), expected);
        }
        assert!(lines.next().await.unwrap().is_none());
        assert_eq!(lines.number, 5);
    }

    #[tokio::test]
    async fn a_line_too_long_is_not_read_into_memory() {
        let endless = tokio::io::BufReader::new(tokio::io::repeat(b'x'));
        let input = Box::new(endless);
        let mut lines = Lines { input, name: "test".into(), total_bytes: None, number: 0 };
        let failure = lines.next().await.unwrap_err();
        assert!(failure.message.contains("line 1: longer than 10485760 bytes"), "{failure:?}");
    }

    #[test]
    fn keys_are_text_or_numbers() {
        let lines = lines(b"");
        let key = |line: &str| lines.key(line.as_bytes(), "k");
        assert_eq!(key(r#"{"a":[],"k":"v\n"}"#).unwrap(), "v\n");
        assert_eq!(key(r#"{"k":12.5}"#).unwrap(), "12.5");
        assert_eq!(key(r#"{"k":true}"#).unwrap(), "true");
        for (line, problem) in [
            (r#"{"a":1}"#, "is missing"),
            (r#"{"k":null}"#, "is null"),
            (r#"{"k":""}"#, "is empty"),
            (r#"{"k":{}}"#, "is neither text nor a number"),
            (r#"["k"]"#, "not a JSON object"),
            (r#"{"k":"#, "not JSON from column"),
            ("", "not JSON"),
        ] {
            let failure = key(line).unwrap_err();
            assert!(failure.message.contains(problem), "{line}: {failure:?}");
            assert_eq!(failure.exit, Exit::Failed);
        }
    }
}
