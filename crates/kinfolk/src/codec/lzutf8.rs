//! LZ-UTF8: UTF-8 text in which some bytes are pointers to what came before.
//!
//! In UTF-8 a byte of 0xC0 or more is always followed by one of 0x80 or more. LZ-UTF8 uses the
//! pairs that UTF-8 leaves free:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | `110LLLLL 0DDDDDDD` | the L bytes that began D bytes ago, where D is below 128 |
//! | `111LLLLL 0DDDDDDD DDDDDDDD` | the same for D up to 32,767 |
//! | any others | themselves |
//!
//! L is 4 to 31, and may be larger than D. The rules are those of the npm package `lzutf8` 0.6.3,
//! and [`compress`] gives the very bytes of its `compressAsync`. That works in blocks of 65,536
//! bytes, so that its output for longer texts is not that of the package's `compress`; both read
//! the same.

use crate::error::{Error, ErrorKind, Result};

/// The shortest and the longest match.
const MIN_MATCH: usize = 4;
const MAX_MATCH: usize = 31;
/// How far back a match may begin.
const MAX_DISTANCE: usize = 32_767;
/// Distances below this take one byte.
const NEAR: usize = 128;
/// No match crosses the end of a block, and a block's last three bytes begin no match.
const BLOCK: usize = 65_536;
/// Positions are found by a hash of the four bytes there.
const BUCKETS: usize = 65_537;
/// A bucket that holds so many positions forgets all but the newest when it gets another.
const BUCKET_FULL: u8 = 63;
const BUCKET_KEPT: u8 = 32;

/// Compresses a text, as the npm package's `compressAsync` does.
///
/// ```
/// use kinfolk::codec::lzutf8;
///
/// let small = lzutf8::compress("la la la la la la la la");
/// assert_eq!(small, b"la \xd4\x03");
/// assert_eq!(lzutf8::decompress(&small, 100).unwrap(), "la la la la la la la la");
/// ```
pub fn compress(text: &str) -> Vec<u8> {
    let input = text.as_bytes();
    let mut seen = Seen::new(input.len());
    let mut output = Vec::with_capacity(input.len());
    for start in (0..input.len()).step_by(BLOCK) {
        let block = input.get(..(start + BLOCK).min(input.len())).unwrap_or(input);
        compress_block(block, start, &mut seen, &mut output);
    }
    output
}

/// Compresses what lies behind `start`; what lies before may be pointed at.
fn compress_block(input: &[u8], start: usize, seen: &mut Seen, output: &mut Vec<u8>) {
    let mut matched_until = start;
    for (at, &byte) in input.iter().enumerate().skip(start) {
        let bucket = bucket(input, at);
        if at >= matched_until {
            match bucket.and_then(|bucket| longest_match(input, at, seen.newest_first(bucket))) {
                Some(found) => {
                    push_pointer(output, found);
                    matched_until = at + found.length;
                }
                None => output.push(byte),
            }
        }
        if let Some(bucket) = bucket {
            seen.add(bucket, at);
        }
    }
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

/// The longest match. One of two bytes is preferred to one of three, unless that is more than half
/// as long again.
fn longest_match(
    input: &[u8],
    at: usize,
    candidates: impl Iterator<Item = usize>,
) -> Option<Match> {
    let mut best: Option<Match> = None;
    for candidate in candidates {
        let distance = at - candidate;
        let to_surpass = match best {
            None => MIN_MATCH - 1,
            Some(best) if best.distance < NEAR && distance >= NEAR => best.length + best.length / 2,
            Some(best) => best.length,
        };
        if distance > MAX_DISTANCE || to_surpass >= MAX_MATCH || at + to_surpass >= input.len() {
            break;
        }
        if input.get(candidate + to_surpass) != input.get(at + to_surpass) {
            continue;
        }
        let length = common_prefix(input, candidate, at);
        if length > to_surpass {
            best = Some(Match { length, distance });
        }
    }
    best
}

fn common_prefix(input: &[u8], earlier: usize, later: usize) -> usize {
    let (earlier, later) = (input.iter().skip(earlier), input.iter().skip(later));
    earlier.zip(later).take(MAX_MATCH).take_while(|(a, b)| a == b).count()
}

#[allow(clippy::cast_possible_truncation)] // a length has five bits, a distance fifteen
fn push_pointer(output: &mut Vec<u8>, Match { length, distance }: Match) {
    if distance < NEAR {
        output.extend([0xC0 | length as u8, distance as u8]);
    } else {
        output.extend([0xE0 | length as u8, (distance >> 8) as u8, distance as u8]);
    }
}

/// Where to look for what begins here. `None` too close to the end of a block.
fn bucket(input: &[u8], at: usize) -> Option<usize> {
    let next: [u8; MIN_MATCH] = input.get(at..)?.first_chunk().copied()?;
    let [a, b, c, d] = next.map(usize::from);
    Some((a * 7_880_599 + b * 39_601 + c * 199 + d) % BUCKETS)
}

/// The positions that were passed, by bucket.
struct Seen {
    /// The newest position of each bucket.
    newest: Vec<u32>,
    /// How many positions of each bucket still count.
    counts: Vec<u8>,
    /// For each position, the one before it in the same bucket.
    previous: Vec<u32>,
}

impl Seen {
    fn new(positions: usize) -> Self {
        Self {
            newest: vec![0; BUCKETS],
            counts: vec![0; BUCKETS],
            previous: Vec::with_capacity(positions),
        }
    }

    fn newest_first(&self, bucket: usize) -> impl Iterator<Item = usize> {
        let count = self.counts.get(bucket).copied().unwrap_or(0);
        let newest = self.newest.get(bucket).copied();
        let earlier = |&at: &u32| self.previous.get(at as usize).copied();
        std::iter::successors(newest, earlier).take(count.into()).map(|at| at as usize)
    }

    fn add(&mut self, bucket: usize, at: usize) {
        let (Some(newest), Some(count), Ok(position)) =
            (self.newest.get_mut(bucket), self.counts.get_mut(bucket), u32::try_from(at))
        else {
            // A text of 4 GiB and more: what lies there is not pointed at.
            return;
        };
        // The last bytes of a block are in no bucket.
        self.previous.resize(at, 0);
        self.previous.push(*newest);
        *newest = position;
        *count = if *count == BUCKET_FULL { BUCKET_KEPT } else { *count } + 1;
    }
}

/// The text of compressed bytes, if it has no more than `limit` bytes.
///
/// It takes no more memory than twice the limit, whatever the input. Text that was not compressed
/// reads as itself.
///
/// # Errors
/// [`Data`](ErrorKind::Data): the text would be longer, or the bytes are malformed: a pointer that
/// is cut off, reaches before the beginning, or has a length or distance that no compressor gives;
/// or what comes out is not UTF-8. The npm package reads such bytes as whatever comes of it.
pub fn decompress(input: &[u8], limit: usize) -> Result<String> {
    let mut output = Vec::with_capacity(input.len().saturating_mul(2).min(limit));
    let mut rest = input;
    loop {
        let at = input.len() - rest.len();
        let (length, distance, behind) = match *rest {
            [] => break,
            [lead @ 0xE0..=0xFF, high @ 0..=0x7F, low, ref behind @ ..] => {
                (lead & 31, usize::from(high) << 8 | usize::from(low), behind)
            }
            [lead @ 0xC0..=0xDF, distance @ 0..=0x7F, ref behind @ ..] => {
                (lead & 31, distance.into(), behind)
            }
            [0xC0..=0xFF] | [0xE0..=0xFF, 0..=0x7F] => {
                return Err(malformed(at, "it is cut off"));
            }
            [byte, ref behind @ ..] => {
                if output.len() >= limit {
                    return Err(too_large(limit));
                }
                output.push(byte);
                rest = behind;
                continue;
            }
        };
        rest = behind;
        let length = usize::from(length);
        if length < MIN_MATCH || distance == 0 {
            return Err(malformed(at, "no compressor writes such a pointer"));
        }
        let Some(from) = output.len().checked_sub(distance) else {
            return Err(malformed(at, "a pointer reaches before the beginning"));
        };
        if output.len() + length > limit {
            return Err(too_large(limit));
        }
        copy(&mut output, from, length);
    }
    String::from_utf8(output)
        .map_err(|error| malformed(error.utf8_error().valid_up_to(), "its text is not UTF-8"))
}

/// Appends `length` bytes from `from` on, which may be among those that are appended.
fn copy(output: &mut Vec<u8>, from: usize, length: usize) {
    if from + length <= output.len() {
        return output.extend_from_within(from..from + length);
    }
    for at in from..from + length {
        let byte = output.get(at).copied();
        output.extend(byte);
    }
}

fn malformed(at: usize, what: &str) -> Error {
    Error::new(ErrorKind::Data, format!("it is not LZ-UTF8 at byte {at}: {what}"))
}

fn too_large(limit: usize) -> Error {
    let message = format!("decompressed it has more than the {limit} bytes that are allowed");
    Error::new(ErrorKind::Data, message)
}

#[cfg(test)]
mod tests;
