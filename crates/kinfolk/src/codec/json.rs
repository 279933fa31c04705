//! When a text is JSON, and JSON as JavaScript writes it.

#[cfg(feature = "s3")]
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

use crate::error::{Error, ErrorKind, Result};

/// Which texts are read as JSON, as the Node library's `shouldParseJson` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// Node's `'auto'`: a text that begins with `[` or `{`, ends with `]` or `}`, and is one line.
    /// If it does not read as JSON it stays a text, and a warning is logged.
    #[default]
    Auto,
    /// Node's `true`: every text. One that does not read as JSON is an error.
    Always,
    /// Node's `false`: none. Pointers to large items are then not seen either.
    Never,
}

/// Node's `/^[[{].*[\]}]$/`: its dot matches no line end, of which JavaScript knows four.
pub(super) fn looks_like_json(text: &str) -> bool {
    let inner = text.strip_prefix(['[', '{']).and_then(|rest| rest.strip_suffix([']', '}']));
    inner.is_some_and(|inner| !inner.contains(['\n', '\r', '\u{2028}', '\u{2029}']))
}

/// Whether [`Json::Auto`] reads this text as JSON.
#[cfg(feature = "s3")]
pub(super) fn reads_as_json(text: &str) -> bool {
    looks_like_json(text) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

pub(super) fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

/// What is wrong, without the texts that serde quotes from the data.
pub(super) fn unreadable(error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "is not JSON",
        Category::Eof => "is not JSON: it ends too early",
        Category::Data => "is not the JSON that is expected",
        Category::Io => "cannot be read",
    };
    // A value that was read before has no lines.
    let place = match (error.line(), error.column()) {
        (0, _) => String::new(),
        (line, column) => format!(", at line {line} column {column}"),
    };
    Error::new(ErrorKind::Data, format!("it {what}{place}"))
}

/// What JavaScript's `JSON.stringify` makes of a value, but for integers beyond 2^53, which keep
/// all their digits here.
pub(super) fn stringify(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&write_number(number)),
        // Escaped alike.
        Value::String(_) => out.push_str(&value.to_string()),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

/// Keys that are array indices come first, in their order; the others follow as they were added.
fn write_object(members: &Map<String, Value>, out: &mut String) {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(key, _)| array_index(key).unwrap_or(u32::MAX));
    out.push('{');
    for (index, (key, value)) in ordered.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// ECMA-262, "array index": a whole number below 2^32 - 1, written without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = key.len() > 1 && key.starts_with('0');
    let index = key.parse().ok().filter(|_| digits && !leading_zero)?;
    (index < u32::MAX).then_some(index)
}

fn write_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => write_float(float),
        _ => number.to_string(),
    }
}

/// ECMA-262, Number::toString: the shortest digits that read back, as a plain number from 1e-6 up
/// to 1e21.
fn write_float(float: f64) -> String {
    if float == 0.0 {
        // Minus zero too.
        return "0".to_owned();
    }
    let shortest = format!("{:e}", float.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let text = match exponent {
        21.. | ..-6 => return format!("{}{mantissa}e{exponent:+}", sign(float)),
        ..0 => format!("0.{}{digits}", zeros(-exponent - 1)),
        _ if exponent >= count - 1 => format!("{digits}{}", zeros(exponent + 1 - count)),
        _ => {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or(0));
            format!("{whole}.{fraction}")
        }
    };
    format!("{}{text}", sign(float))
}

fn sign(float: f64) -> &'static str {
    if float < 0.0 { "-" } else { "" }
}

#[cfg(test)]
mod tests;
