//! The records that runs put: packages of a Debian archive, a JSON object a line.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::Result;

/// All 20,000 of them, a line each.
pub fn packages() -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/packages.ndjson.gz");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(file)?).read_to_string(&mut text)?;
    Ok(text)
}
