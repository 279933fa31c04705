use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::*;

/// Written by the npm package: see interop/content/golden.js.
const GOLDEN: &str = include_str!("../../../../../testdata/lzutf8.ndjson");

const WORDS: [&str; 10] = [
    "kinesis ",
    "größe",
    "日本",
    "🙂",
    "{\"id\":",
    "0",
    "\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "shardId-000000000000",
    "b",
];

/// The same as in interop/content/golden.js.
fn generated(seed: u32, bytes: usize) -> String {
    let mut text = String::new();
    let mut state = seed;
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let pick = state >> 24;
        match pick {
            ..128 => text.push(char::from_u32(33 + (state >> 8) % 90).unwrap()),
            _ => text.push_str(WORDS[pick as usize % WORDS.len()]),
        }
    }
    text
}

#[test]
fn the_npm_package_gives_the_same_bytes() {
    let mut long = 0;
    for line in GOLDEN.lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| golden[name].as_u64().unwrap() as usize;
        if let Some(text) = golden["text"].as_str() {
            let compressed = STANDARD.decode(golden["compressed"].as_str().unwrap()).unwrap();
            assert_eq!(compress(text), compressed, "{text:?}");
            assert_eq!(decompress(&compressed, text.len()).unwrap(), text);
        } else {
            let text = match golden["gap"].as_u64() {
                Some(gap) => format!("WXYZ0123{}WXYZ0123", ".".repeat(gap as usize)),
                None => generated(number("seed") as u32, number("bytes")),
            };
            let compressed = compress(&text);
            assert_eq!(compressed.len(), number("compressed_bytes"), "{line}");
            assert_eq!(STANDARD.encode(Sha1::digest(&compressed)), golden["sha1"], "{line}");
            assert_eq!(decompress(&compressed, text.len()).unwrap(), text);
            long += usize::from(text.len() > BLOCK);
        }
    }
    assert!(long >= 3, "texts of several blocks are among them");
}

#[test]
fn a_text_may_have_as_many_bytes_as_the_limit_and_no_more() {
    for text in
        ["plain", "a long run: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    {
        let compressed = compress(text);
        assert_eq!(decompress(&compressed, text.len()).unwrap(), text);
        let error = decompress(&compressed, text.len() - 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains("bytes that are allowed"), "{error}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let limit = 1 << 20;
    // Each two bytes stand for 31.
    let bomb: Vec<u8> =
        b"a".iter().chain([0xDF, 1].iter().cycle().take(10 << 20)).copied().collect();
    let error = decompress(&bomb, limit).unwrap_err();
    assert!(error.to_string().contains("more than the 1048576 bytes"), "{error}");
}

#[test]
fn malformed_bytes_are_an_error_that_says_where() {
    for (bytes, at, what) in [
        (&b"abcd\xc4"[..], 4, "cut off"),
        (b"abcd\xe4\x00", 4, "cut off"),
        (b"abcd\xe4", 4, "cut off"),
        (b"abcd\xc4\x05", 4, "before the beginning"),
        (b"abcd\xe4\x01\x00", 4, "before the beginning"),
        (b"\xc4\x01", 0, "before the beginning"),
        (b"abcd\xc4\x00", 4, "no compressor"),
        (b"abcd\xc3\x04", 4, "no compressor"),
        (b"abcd\xe0\x00\x04", 4, "no compressor"),
        (b"ab\x80", 2, "not UTF-8"),
        (b"ab\xc3\xc3", 3, "cut off"),
    ] {
        let error = decompress(bytes, 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let text = error.to_string();
        assert!(
            text.contains(&format!("at byte {at}:")) && text.contains(what),
            "{bytes:?}: {text}"
        );
    }
}

/// Texts with repetitions, near and far.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ab]{1,40}",
        (0..WORDS.len()).prop_map(|word| WORDS[word].to_owned()),
        (any::<u32>(), 0..2_000_usize).prop_map(|(seed, bytes)| generated(seed, bytes)),
    ];
    prop::collection::vec(piece, 0..12)
        .prop_map(|pieces| [pieces.concat(), pieces.concat()].concat())
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back(text in text()) {
        let compressed = compress(&text);
        prop_assert!(compressed.len() <= text.len());
        prop_assert_eq!(decompress(&compressed, text.len()).unwrap(), text);
    }

    #[test]
    fn text_that_was_not_compressed_reads_as_itself(text: String) {
        prop_assert_eq!(decompress(text.as_bytes(), text.len()).unwrap(), text);
    }

    #[test]
    fn any_bytes_give_a_text_within_the_limit_or_an_error(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0xC0..=0xFF_u8, 0..8_u8], 0..400),
        limit in 0..1_000_usize,
    ) {
        match decompress(&bytes, limit) {
            Ok(text) => prop_assert!(text.len() <= limit),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Data),
        }
    }
}
