//! Dates as JavaScript's `toISOString` writes them: `2026-11-22T15:56:23.072Z`.

use jiff::Timestamp;
use kinfolk_core::time::WallTime;

/// 0000-01-01T00:00:00.000Z to 9999-12-29T23:59:59.999Z: the years that JavaScript writes with four
/// digits, up to the last day that jiff knows everywhere on earth.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_127_999_999;

/// Writes a date. One beyond the years 0 to 9999 becomes the nearest within.
pub(super) fn write(date: WallTime) -> String {
    let ms = date.0.clamp(*RANGE.start(), *RANGE.end());
    // Within the range there always is a timestamp.
    let date = Timestamp::from_millisecond(ms).unwrap_or_default();
    date.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads a date. Only the form that [`write`] writes is one: conditions compare dates as text, so
/// that one in another form could be read but never be matched.
pub(super) fn read(text: &str) -> Option<WallTime> {
    let date = WallTime(text.parse::<Timestamp>().ok()?.as_millisecond());
    (write(date) == text).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_written_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_362_983_072, "2026-11-22T15:56:23.072Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (*RANGE.start(), "0000-01-01T00:00:00.000Z"),
            (*RANGE.end(), "9999-12-29T23:59:59.999Z"),
        ] {
            assert_eq!(write(WallTime(ms)), text);
            assert_eq!(read(text), Some(WallTime(ms)));
        }
        assert_eq!(write(WallTime(i64::MAX)), "9999-12-29T23:59:59.999Z");
        assert_eq!(write(WallTime(i64::MIN)), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn other_forms_are_not_dates() {
        for text in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T15:56:23Z",
            "2026-11-22T15:56:23.0720Z",
            "2026-11-22T15:56:23.072+00:00",
            "2026-11-22 15:56:23.072Z",
            "2026-02-30T15:56:23.072Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms in RANGE) {
            prop_assert_eq!(read(&write(WallTime(ms))), Some(WallTime(ms)));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            read(&text);
        }
    }
}
