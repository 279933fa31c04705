//! What the fuzz targets reach that is not public.

use crate::aggregate::{opens_within_its_bounds, wrapped};

/// Opens these bytes, and an aggregate around them.
pub fn aggregate(bytes: &[u8]) {
    opens_within_its_bounds(bytes);
    opens_within_its_bounds(&wrapped(bytes));
}
