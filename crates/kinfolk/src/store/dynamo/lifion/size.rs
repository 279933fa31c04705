//! The size of an item, as DynamoDB counts it for its limit and its units.

use aws_sdk_dynamodb::types::AttributeValue;

use super::decode::Item;

/// What DynamoDB adds for a list or a map …
const CONTAINER: usize = 3;
/// … and for each member of one.
const MEMBER: usize = 1;

/// The bytes of an item.
pub(super) fn of(item: &Item) -> u64 {
    fields(item, 0) as u64
}

fn fields(item: &Item, each: usize) -> usize {
    item.iter().map(|(name, value)| name.len() + each + bytes(value)).sum()
}

fn bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => of_number(number),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::M(map) => CONTAINER + fields(map, MEMBER),
        AttributeValue::L(list) => {
            CONTAINER + list.iter().map(|v| MEMBER + bytes(v)).sum::<usize>()
        }
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(|number| of_number(number)).sum(),
        AttributeValue::Bs(set) => set.iter().map(|bytes| bytes.as_ref().len()).sum(),
        _ => 1, // a boolean, a null
    }
}

/// A byte for each two digits, and one more.
fn of_number(number: &str) -> usize {
    number.bytes().filter(u8::is_ascii_digit).count().div_ceil(2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_and_what_holds_them_count() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let inner = Item::from([("ab".to_owned(), AttributeValue::Null(true))]);
        let item = Item::from([
            ("key".to_owned(), text("value")),                       // 3 + 5
            ("n".to_owned(), AttributeValue::N("12345".to_owned())), // 1 + 4
            ("map".to_owned(), AttributeValue::M(inner)),            // 3 + 3 + (2 + 1 + 1)
            ("list".to_owned(), AttributeValue::L(vec![text("é")])), // 4 + 3 + (1 + 2)
        ]);
        assert_eq!(of(&item), 8 + 5 + 10 + 10);
    }
}
