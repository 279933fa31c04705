//! Columns that line up.

use std::fmt::{self, Write as _};

/// Rows under a head. Text from elsewhere must be escaped before it comes here.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
    /// The columns that hold numbers.
    right: [bool; N],
    /// How wide the columns are at least.
    least: [usize; N],
}

impl<const N: usize> Table<N> {
    /// A table of these columns; a name that begins with `>` makes a column of numbers.
    pub(crate) fn new(head: [&str; N]) -> Self {
        let right = head.map(|name| name.starts_with('>'));
        let head = head.map(|name| name.trim_start_matches('>').to_owned());
        Self { rows: vec![head], right, least: [0; N] }
    }

    /// Makes the columns of these tables line up with each other's.
    pub(crate) fn line_up(tables: &mut [Self]) {
        let widest = tables.iter().fold([0; N], |widths, table| table.widths(widths));
        for table in tables {
            table.least = widest;
        }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// How wide the columns are, and at least so much.
    fn widths(&self, mut widths: [usize; N]) -> [usize; N] {
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths(self.least);
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(widths).zip(self.right) {
                let _ = match right {
                    true => write!(line, "{cell:>width$}  "),
                    false => write!(line, "{cell:<width$}  "),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["SHARD", ">LAG", "OWNER"]);
        table.row(["é".into(), "1".into(), "a".into()]);
        table.row(["longest".into(), "12,345".into(), String::new()]);
        let text = "SHARD       LAG  OWNER\né             1  a\nlongest  12,345\n";
        assert_eq!(table.to_string(), text);
    }

    #[test]
    fn tables_line_up_with_each_other() {
        let table = |cell: &str| {
            let mut table = Table::new(["SHARD", ">LAG"]);
            table.row([cell.into(), cell.into()]);
            table
        };
        let mut tables = [table("longest"), table("x")];
        Table::line_up(&mut tables);
        let texts = tables.map(|table| table.to_string());
        assert_eq!(
            texts,
            ["SHARD        LAG\nlongest  longest\n", "SHARD        LAG\nx              x\n"]
        );
    }
}
