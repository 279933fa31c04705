//! Any bytes as compressed text, and any text through compression and back.
#![no_main]

use kinfolk::codec::lzutf8::{compress, decompress};

/// The most that may come out.
const LIMIT: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = decompress(bytes, LIMIT) {
        assert!(text.len() <= LIMIT);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let back = decompress(&compress(text), text.len()).expect("what was compressed reads");
        assert_eq!(back, text);
    }
});
