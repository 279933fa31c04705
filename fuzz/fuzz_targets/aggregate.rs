//! Any bytes as a record of a stream, and as the message of an aggregate whose MD5 is right.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kinfolk::fuzzing::aggregate(bytes));
