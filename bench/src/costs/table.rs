//! The figures as tables in Markdown.

use std::fmt::Write;

use kinfolk_local::Units;

use super::{Often, Ours, Rule, Shape, Theirs};

/// What one partition of DynamoDB takes in a second.
const PARTITION: Units = Units { read: 3_000.0, write: 1_000.0 };

/// Ours beside theirs.
pub fn figures(rows: &[(Ours, Theirs)]) -> String {
    let mut table = String::from(
        "| shards / workers | load | | item | beat (measured) | writes a beat \
         | write units an hour | a second | read units an hour | a second |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (ours, theirs) in rows {
        let (shape, load) = (name(ours.shape), ours.load);
        let (beat, writes) = (beat(ours), ours.writes_a_beat);
        let cells = cells(ours.bytes, &format!("{beat} | {writes:.2}"), ours.an_hour);
        line(&mut table, format_args!("| {shape} | {load} | Kinfolk, counted | {cells} |"));
        let cells = cells_of(theirs);
        line(&mut table, format_args!("| | | Node's rules, multiplied | {cells} |"));
    }
    table
}

/// The calls of each rule: how often, and the units of one.
pub fn rules(items: &[Theirs]) -> String {
    let names = items.iter().map(|item| format!(" {} {} |", name(item.shape), item.load));
    let mut table = format!(
        "| request | an hour |{}\n| --- | --- |{}\n",
        names.collect::<String>(),
        " ---: |".repeat(items.len())
    );
    for rule in Rule::ALL {
        let units = items.iter().map(|item| format!(" {} |", units_of(item, rule)));
        let (request, formula) = (rule.request(), formula(rule.often()));
        let units = units.collect::<String>();
        line(&mut table, format_args!("| {request} | {formula} |{units}"));
    }
    table
}

fn line(table: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(table, "{line}");
}

fn name(shape: Shape) -> String {
    format!("{} / {}", grouped(shape.shards.into()), shape.workers)
}

fn beat(ours: &Ours) -> String {
    let seconds = |ms: u32| f64::from(ms) / 1_000.0;
    let (shortest, longest) = ours.period_ms;
    let measured = ours.measured;
    match shortest == longest {
        true => format!("{} s ({measured:.2} s)", seconds(longest)),
        false => format!("{}–{} s ({measured:.2} s)", seconds(shortest), seconds(longest)),
    }
}

fn cells_of(theirs: &Theirs) -> String {
    cells(theirs.bytes, "20 s | –", theirs.an_hour)
}

fn cells(bytes: u64, beat: &str, units: Units) -> String {
    let item = size(bytes);
    let axis = |units: f64, most: f64| {
        let second = units / 3_600.0;
        let no = if second > most { " (impossible)" } else { "" };
        let shown = if second < 100.0 { format!("{second:.1}") } else { grouped(second) };
        format!("{} | {shown}{no}", grouped(units))
    };
    let (write, read) = (axis(units.write, PARTITION.write), axis(units.read, PARTITION.read));
    format!("{item} | {beat} | {write} | {read}")
}

/// Two digits after the point where a unit is a large part of it.
fn size(bytes: u64) -> String {
    let kb = bytes as f64 / 1_024.0;
    if kb < 10.0 { format!("{kb:.2} KB") } else { format!("{kb:.0} KB") }
}

fn units_of(item: &Theirs, rule: Rule) -> String {
    match item.calls.iter().find(|(called, _)| *called == rule) {
        Some((_, units)) if units.write > 0.0 => format!("{} w", units.write),
        Some((_, units)) => format!("{} r", units.read),
        None => "–".to_owned(),
    }
}

fn formula(often: Often) -> String {
    let each = |of: bool, what| if of { what } else { "" };
    let (workers, shards) = (each(often.workers, " × workers"), each(often.shards, " × shards"));
    format!("{}{workers}{shards}", grouped(often.times as f64))
}

/// A whole number, its digits in threes.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        assert_eq!(grouped(999.4), "999");
        assert_eq!(grouped(1_000.0), "1,000");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }

    #[test]
    fn what_no_partition_takes_is_called_impossible() {
        let second = |write: f64, read: f64| Units { read: read * 3_600.0, write: write * 3_600.0 };
        assert!(!cells(1, "", second(1_000.0, 3_000.0)).contains("impossible"));
        assert_eq!(cells(1, "", second(1_001.0, 3_001.0)).matches("impossible").count(), 2);
    }
}
