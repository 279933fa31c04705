//! A row, column by column.

use kinfolk_core::time::WallTime;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::fault::Fault;

/// Reads a row's columns in their order. What does not read is named: table, row and column.
pub(super) struct Columns<'a, 's> {
    row: &'a Row<'s>,
    table: &'static str,
    /// Which column says what the row is about.
    subject: usize,
    next: usize,
}

impl<'a, 's> Columns<'a, 's> {
    pub(super) fn new(row: &'a Row<'s>, table: &'static str, subject: usize) -> Self {
        Self { row, table, subject, next: 0 }
    }

    pub(super) fn text<T: for<'t> From<&'t str>>(&mut self) -> Result<T, Fault> {
        self.text_if()?.ok_or_else(|| self.broken("a text"))
    }

    pub(super) fn text_if<T: for<'t> From<&'t str>>(&mut self) -> Result<Option<T>, Fault> {
        let value = self.value()?;
        let text = value.as_str_or_null().map_err(|_| self.broken("a text"))?;
        Ok(text.map(T::from))
    }

    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Fault> {
        self.number_if()?.ok_or_else(|| self.broken("a number"))
    }

    pub(super) fn number_if<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Fault> {
        let value = self.value()?;
        let number = value.as_i64_or_null().map_err(|_| self.broken("a number"))?;
        let fits = |number| T::try_from(number).map_err(|_| self.broken("a number of its size"));
        number.map(fits).transpose()
    }

    pub(super) fn time(&mut self) -> Result<WallTime, Fault> {
        Ok(WallTime(self.number()?))
    }

    pub(super) fn time_if(&mut self) -> Result<Option<WallTime>, Fault> {
        Ok(self.number_if()?.map(WallTime))
    }

    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        match self.value()? {
            ValueRef::Integer(0) => Ok(false),
            ValueRef::Integer(1) => Ok(true),
            _ => Err(self.broken("0 or 1")),
        }
    }

    /// The last column that was read is not this.
    pub(super) fn broken(&self, expected: &'static str) -> Fault {
        let read = self.next.saturating_sub(1);
        let column = self.row.as_ref().column_name(read).unwrap_or_default().to_owned();
        let subject = self.row.get_ref(self.subject).ok();
        let row = subject.and_then(|value| value.as_str().ok()).unwrap_or_default().to_owned();
        Fault::Row { table: self.table, column, row, expected }
    }

    fn value(&mut self) -> Result<ValueRef<'a>, Fault> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        Ok(value)
    }
}
