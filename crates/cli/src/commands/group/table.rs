//! Columns that line up.

use std::fmt::{self, Write as _};

/// Rows under a head. Text from elsewhere must be escaped before it comes here.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
    /// The columns that hold numbers.
    right: [bool; N],
}

impl<const N: usize> Table<N> {
    /// A table of these columns; a name that begins with `>` makes a column of numbers.
    pub(super) fn new(head: [&str; N]) -> Self {
        let right = head.map(|name| name.starts_with('>'));
        Self { rows: vec![head.map(|name| name.trim_start_matches('>').to_owned())], right }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
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
}
