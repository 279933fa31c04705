//! The fields of a protobuf message, as far as aggregates need them.

use super::{Malformed, Span};

/// The fields of a message that lies somewhere in an input, in order. Ends with its first error.
pub(super) struct Fields<'a> {
    input: &'a [u8],
    at: usize,
    end: usize,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A number of variable length.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(Span),
    /// A number of 4 or 8 bytes, which no field of ours is.
    Fixed,
}

impl<'a> Fields<'a> {
    /// The fields of the message at this place.
    pub(super) fn new(input: &'a [u8], message: Span) -> Self {
        let at = message.start();
        Self { input, at, end: at.saturating_add(message.len()) }
    }

    fn field(&mut self) -> Option<(u64, Value)> {
        let tag = self.number().filter(|tag| *tag <= u64::from(u32::MAX))?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => self.skip(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.number()?.try_into().ok()?;
                Value::Bytes(self.skip(len)?)
            }
            5 => self.skip(4).map(|_| Value::Fixed)?,
            // 3 and 4 are groups, which nobody writes; 6 and 7 are nothing.
            _ => return None,
        };
        // Fields are counted from 1.
        Some((tag >> 3, value)).filter(|(number, _)| *number > 0)
    }

    /// At most ten bytes of seven bits each, the least first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = *self.skip(1)?.of(self.input).first()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn skip(&mut self, len: usize) -> Option<Span> {
        let next = self.at.checked_add(len).filter(|next| *next <= self.end)?;
        let span = Span::new(self.at, len);
        self.at = next;
        span
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Value), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field().ok_or(Malformed::Encoding);
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}
