//! Any text as a group's state item: what is read is written so that it reads as the same.
#![no_main]

use kinfolk::store::dynamo::lifion::Document;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    if let Ok(document) = Document::read(text) {
        let again = Document::read(&document.write()).expect("what was written reads");
        assert_eq!(again, document);
    }
});
