//! What a record holds.

pub mod lzutf8;
