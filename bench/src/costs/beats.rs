//! Beats, as the writes of workers show them.

use std::time::{Duration, Instant};

/// The beats of all workers: how far apart, and how many writes each took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Beats {
    /// From the first write of a beat to that of the next, in seconds, on average.
    pub(super) apart: f64,
    /// Writes of one beat, on average.
    pub(super) writes: f64,
}

impl Beats {
    /// Of the writes of each worker. What is sent within half a period of the write before it
    /// belongs to the same beat: what did not fit that.
    pub(super) fn of(workers: &[Vec<Instant>], period: Duration) -> Self {
        let (mut time, mut gaps, mut writes) = (Duration::ZERO, 0u32, 0u32);
        for sent in workers {
            let begins = begins(sent, period / 2);
            if let (Some(first), Some(last)) = (begins.first(), begins.last()) {
                time += last.duration_since(*first);
                gaps += count(begins.len() - 1);
                writes += count(sent.iter().filter(|at| *at < last).count());
            }
        }
        let each = |sum: f64| if gaps == 0 { 0.0 } else { sum / f64::from(gaps) };
        Self { apart: each(time.as_secs_f64()), writes: each(f64::from(writes)) }
    }
}

/// The writes that begin a beat.
fn begins(sent: &[Instant], pause: Duration) -> Vec<Instant> {
    let mut last: Option<Instant> = None;
    let begins = sent.iter().copied().filter(|at| {
        let before = last.replace(*at);
        before.is_none_or(|before| at.duration_since(before) >= pause)
    });
    begins.collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writes_in_a_row_are_one_beat() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let one = vec![at(0), at(100), at(2_600), at(2_700), at(5_200), at(5_300)];
        let two = vec![at(1_000), at(3_500)];
        let beats = Beats::of(&[one, two], Duration::from_millis(2_500));
        assert!((beats.apart - 7.7 / 3.0).abs() < 1e-9);
        assert!((beats.writes - 5.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn workers_that_wrote_once_say_nothing() {
        let beats = Beats::of(&[vec![Instant::now()], Vec::new()], Duration::from_secs(1));
        assert_eq!(beats, Beats::default());
    }
}
