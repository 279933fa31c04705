//! The record that stands for a large item.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::codec::json::stringify;

/// The member that makes a record a pointer.
const MARK: &str = "@S3Item";

/// Where an object is.
pub(crate) struct Pointer {
    pub(crate) bucket: String,
    /// As S3 gave it. Nobody reads it.
    pub(crate) e_tag: String,
    pub(crate) key: String,
}

impl Pointer {
    /// The pointer that a record holds, if it is one: it names a bucket and a key.
    pub(crate) fn of(record: &Value) -> Option<Self> {
        let item = record.get(MARK)?;
        let text = |name: &str| Some(item.get(name)?.as_str()?.to_owned());
        let e_tag = text("eTag").unwrap_or_default();
        Some(Self { bucket: text("bucket")?, e_tag, key: text("key")? })
    }

    /// The record: the pointer, and those members of the item that are kept.
    pub(crate) fn record(&self, item: Option<&Value>, kept: &BTreeSet<String>) -> String {
        let pointer = json!({
            "bucket": self.bucket,
            "eTag": self.e_tag.replace('"', ""),
            "key": self.key,
        });
        let mut record = Map::from_iter([(MARK.to_owned(), pointer)]);
        // A member of that name would take the pointer's place, and the item would be lost.
        let kept = |key: &str| kept.contains(key) && key != MARK;
        for (key, value) in item.and_then(Value::as_object).into_iter().flatten() {
            if kept(key) {
                record.insert(key.clone(), value.clone());
            }
        }
        stringify(&Value::Object(record))
    }

    /// What a record holds beside its pointer.
    pub(crate) fn fields(&self, record: &Value) -> Map<String, Value> {
        let mut fields = record.as_object().cloned().unwrap_or_default();
        fields.shift_remove(MARK);
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer() -> Pointer {
        Pointer { bucket: "b".into(), e_tag: "\"e\"".into(), key: "k".into() }
    }

    #[test]
    fn a_record_is_nodes_to_the_byte() {
        let item = json!({ "z": 1, "7": 2, "a": { "b": 3.0 }, "@S3Item": 4, "large": "…" });
        let kept = ["a", "z", "7", "@S3Item", "none"].map(str::to_owned).into();
        assert_eq!(
            pointer().record(Some(&item), &kept),
            r#"{"7":2,"@S3Item":{"bucket":"b","eTag":"e","key":"k"},"z":1,"a":{"b":3}}"#
        );
        assert_eq!(
            pointer().record(None, &kept),
            r#"{"@S3Item":{"bucket":"b","eTag":"e","key":"k"}}"#
        );
    }

    #[test]
    fn only_what_names_a_bucket_and_a_key_is_a_pointer() {
        let record = json!({ "a": 1, "@S3Item": { "bucket": "b", "key": "k" }, "b": 2 });
        let pointer = Pointer::of(&record).unwrap();
        assert_eq!((pointer.bucket.as_str(), pointer.key.as_str()), ("b", "k"));
        assert_eq!(Value::from(pointer.fields(&record)).to_string(), r#"{"a":1,"b":2}"#);
        for other in [
            json!({ "@S3Item": { "bucket": "b" } }),
            json!({ "@S3Item": { "bucket": "b", "key": 1 } }),
            json!({ "@S3Item": null }),
            json!(["@S3Item"]),
            json!("@S3Item"),
        ] {
            assert!(Pointer::of(&other).is_none(), "{other}");
        }
    }
}
