//! The records of the demo: lines of a file, or made up.

use std::path::Path;

use crate::commands::put::lines::Lines;
use crate::exit::Failure;

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) data: Vec<u8>,
}

/// How many records share a key, roughly: the order within a key is what is checked.
const A_KEY: u64 = 10;
/// The most keys. Records of a key are put one after the other.
const MOST_KEYS: u64 = 1_000;

/// Orders of made-up customers, the same ones each time.
pub(super) fn made_up(count: u64) -> Vec<Item> {
    let item = |number: u64| {
        let dice = scatter(&number.to_le_bytes());
        let key = key(dice, count);
        let (quantity, cents) = (dice >> 32 & 7, dice >> 40 & 0xffff);
        let data = format!(
            r#"{{"order":{number},"customer":"{key}","quantity":{},"price":{}.{:02}}}"#,
            quantity + 1,
            cents / 100,
            cents % 100
        );
        Item { key, data: data.into_bytes() }
    };
    (0..count).map(item).collect()
}

/// The lines of a file, at most so many, each with the key in its `field`, or else one that it
/// shares with some others.
pub(super) async fn of_file(
    file: &Path,
    field: Option<&str>,
    most: Option<u64>,
) -> Result<Vec<Item>, Failure> {
    let mut lines = Lines::open(file).await?;
    let mut items = Vec::new();
    while most.is_none_or(|most| (items.len() as u64) < most) {
        let Some(data) = lines.next().await? else { break };
        let key = match field {
            Some(field) => lines.key(&data, field)?,
            None => String::new(),
        };
        items.push(Item { key, data });
    }
    if items.is_empty() {
        return Err(Failure::setup(format!("{} holds no lines", file.display())));
    }
    let count = items.len() as u64;
    for item in items.iter_mut().filter(|item| item.key.is_empty()) {
        item.key = key(scatter(&item.data), count);
    }
    Ok(items)
}

fn key(dice: u64, records: u64) -> String {
    format!("customer-{}", dice % (records / A_KEY).clamp(1, MOST_KEYS))
}

/// FNV-1a, mixed once more: its low bits alone are too regular.
fn scatter(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn made_up_records_are_json_differ_and_share_keys() {
        let items = made_up(10_000);
        let mut keys: HashMap<&str, u32> = HashMap::new();
        for (number, item) in items.iter().enumerate() {
            let value: serde_json::Value = serde_json::from_slice(&item.data).unwrap();
            assert_eq!(value["order"], number);
            assert_eq!(value["customer"], item.key.as_str());
            *keys.entry(&item.key).or_default() += 1;
        }
        assert!(keys.len() > 900 && keys.values().all(|count| *count < 40), "{keys:?}");
        assert_eq!(items, made_up(10_000));
    }

    #[test]
    fn few_records_share_a_key_too() {
        assert!(made_up(3).iter().all(|item| item.key == "customer-0"));
    }
}
