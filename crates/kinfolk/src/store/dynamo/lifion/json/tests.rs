use std::path::PathBuf;

use aws_sdk_dynamodb::primitives::Blob;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_value(json: &Value) -> Result<Item> {
    read(json.to_string().as_bytes())
}

/// What is said about a text that does not read.
fn error(text: impl AsRef<[u8]>) -> String {
    let error = read(text.as_ref()).expect_err("it reads");
    assert_eq!(error.kind(), ErrorKind::Data);
    error.report().to_string()
}

/// A plain item with one more attribute.
fn plain(name: &str, value: Value) -> Value {
    json!({"consumerGroup": "billing", "streamName": "orders", name: value})
}

/// A typed item with one more attribute.
fn typed(name: &str, value: Value) -> Value {
    json!({"consumerGroup": {"S": "billing"}, "streamName": {"S": "orders"}, name: value})
}

#[test]
fn each_golden_file_reads_to_the_same_item_in_both_forms() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        files += 1;
        let text = std::fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&text).unwrap();
        let item = read(&text).unwrap();
        assert_eq!(read_value(&json["rawItem"]).unwrap(), item, "{path:?}");
        assert_eq!(read_value(&json["item"]).unwrap(), item, "{path:?}");
        assert_eq!(read_value(&json!({"Item": json["rawItem"]})).unwrap(), item, "{path:?}");
        assert_eq!(read_value(&json!({"item": json["item"]})).unwrap(), item, "{path:?}");
        assert_eq!(write(&item), json["rawItem"], "{path:?}");
    }
    assert!(files > 10, "only {files} golden files");
}

#[test]
fn the_typed_form_is_preferred_to_the_plain_one() {
    let both = json!({"item": plain("n", json!(1)), "rawItem": typed("n", json!({"N": "2"}))});
    assert_eq!(read_value(&both).unwrap()["n"], AttributeValue::N("2".to_owned()));
}

#[test]
fn an_item_is_not_unwrapped_for_an_attribute_with_the_name_of_a_wrapper() {
    let item = read_value(&plain("item", plain("n", json!(1)))).unwrap();
    assert!(item["item"].is_m());
    let item = read_value(&typed("Item", json!({"S": "x"}))).unwrap();
    assert_eq!(item["Item"], AttributeValue::S("x".to_owned()));
}

#[test]
fn plain_values_become_what_the_node_sdk_would_make_of_them() {
    let value = json!({"list": [null, true, "text", -1, u64::MAX, i64::MIN, 0.5], "map": {}});
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let list = AttributeValue::L(vec![
        AttributeValue::Null(true),
        AttributeValue::Bool(true),
        text("text"),
        number("-1"),
        number("18446744073709551615"),
        number("-9223372036854775808"),
        number("0.5"),
    ]);
    let map = AttributeValue::M(Item::new());
    let expected = Item::from([("list".to_owned(), list), ("map".to_owned(), map)]);
    assert_eq!(read_value(&plain("x", value)).unwrap()["x"], AttributeValue::M(expected));
}

#[test]
fn a_plain_map_that_looks_typed_stays_a_map() {
    let item = read_value(&plain("x", json!({"S": "text"}))).unwrap();
    assert_eq!(item["x"].as_m().unwrap()["S"], AttributeValue::S("text".to_owned()));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = format!("\u{feff}{}\n", plain("x", json!(1)));
    assert_eq!(read(text.as_bytes()).unwrap().len(), 3);
}

#[test]
fn what_is_no_item_is_refused_with_what_to_do() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "the state is empty; "),
        (b" \n", "the state is empty; "),
        ("\u{feff}".as_bytes(), "the state is empty; "),
        (b"\xff\xfe{\0", "the state is not UTF-8: save it as UTF-8; "),
        (b"secret", "the state does not read as JSON; "),
        (b"{\"consumerGroup\": \"secret", "the state does not read as JSON; "),
        (b"{} secret", "the state does not read as JSON; "),
        (b"[{\"consumerGroup\": \"secret\"}]", "the state is not a JSON object; "),
        (b"\"secret\"", "the state is not a JSON object; "),
        (b"{}", "the state item has no consumerGroup; "),
        (b"{\"Items\": [\"secret\"]}", "the state item has no consumerGroup; "),
        (b"{\"consumerGroup\": \"secret\"}", "the state item has no streamName; "),
        (b"{\"Item\": [\"secret\"]}", "the state's Item is not a JSON object; "),
        (b"{\"rawItem\": null}", "the state's rawItem is not a JSON object; "),
    ];
    for (text, begin) in cases {
        let said = error(text);
        assert!(said.starts_with(begin), "{said}");
        assert!(said.contains("consumerGroup") && said.contains("get-item"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert!(error("{\n \"a\": 1,\n}").ends_with(": trailing comma at line 3 column 1"));
}

#[test]
fn what_json_libraries_say_about_data_is_not_passed_on() {
    // With serde_json's feature `raw_value`, the number is quoted in what it says.
    let said = error(r#"{"$serde_json::private::RawValue": 12345}"#);
    assert!(!said.contains("12345"), "{said}");
}

#[test]
fn keys_that_are_no_names_are_refused() {
    for key in ["consumerGroup", "streamName"] {
        for item in [
            plain(key, json!(12345)),
            plain(key, json!("")),
            plain(key, json!(null)),
            typed(key, json!({"N": "12345"})),
            typed(key, json!({"S": ""})),
        ] {
            let said = error(item.to_string());
            assert!(said.starts_with(&format!("the state item's {key} is not a name; ")), "{said}");
            assert!(!said.contains("12345"), "{said}");
        }
    }
}

#[test]
fn a_broken_value_is_named_with_its_path() {
    for (value, what) in [
        (json!({"S": 12345}), "a text"),
        (json!({"N": 12345}), "a number"),
        (json!({"N": "secret"}), "a number"),
        (json!({"N": "inf"}), "a number"),
        (json!({"BOOL": "secret"}), "true or false"),
        (json!({"NULL": false}), "true"),
        (json!({"M": ["secret"]}), "a map"),
        (json!({"L": {"secret": 1}}), "a list of values"),
        (json!({"SS": "secret"}), "a list of texts"),
        (json!({"SS": ["x", 12345]}), "a list of texts"),
        (json!({"NS": ["1", "secret"]}), "a list of numbers"),
        (json!({"BS": ["AA==", "secret"]}), "a list of base64 texts"),
        (json!({"B": "secret!"}), "a base64 text"),
        (json!({"B": "AA"}), "a base64 text"),
        (json!({"secret": "x"}), "a value with its type"),
        (json!({"s": "secret"}), "a value with its type"),
        (json!({"S": "secret", "N": "12345"}), "a value with its type"),
        (json!({}), "a value with its type"),
        (json!("secret"), "a value with its type"),
        (json!(null), "a value with its type"),
    ] {
        let list = json!({"L": [{"BOOL": true}, value]});
        for (path, value) in [
            ("shards", value.clone()),
            ("shards.s", json!({"M": {"s": value.clone()}})),
            ("shards.s[1]", json!({"M": {"s": list}})),
        ] {
            let said = error(typed("shards", value).to_string());
            let begin = format!("the state item's {path} is not {what}");
            assert!(said.starts_with(&begin), "{begin}: {said}");
            assert!(!said.contains("secret") && !said.contains("12345"), "{said}");
        }
    }
}

/// A value within so many others, each inside the next.
fn nested(begin: &str, value: &str, end: &str, levels: usize) -> String {
    begin.repeat(levels) + value + &end.repeat(levels)
}

#[test]
fn values_may_be_32_levels_deep_and_no_more() {
    let typed = r#"{"consumerGroup": {"S": "g"}, "streamName": {"S": "s"}, "x": "#;
    let plain = r#"{"consumerGroup": "g", "streamName": "s", "x": "#;
    for (item, begin, value, end) in [
        (typed, r#"{"M": {"n": "#, r#"{"S": "v"}"#, "}}"),
        (typed, r#"{"L": ["#, r#"{"S": "v"}"#, "]}"),
        (plain, r#"{"n": "#, "1", "}"),
        (plain, "[", "[]", "]"),
    ] {
        let text = |around| format!("{item}{}}}", nested(begin, value, end, around));
        assert!(read(text(31).as_bytes()).is_ok(), "{begin}");
        for around in [32, 50] {
            let said = error(text(around));
            assert!(said.ends_with(" is not within the 32 levels that DynamoDB allows"), "{said}");
            assert!(said.starts_with("the state item's x"), "{said}");
        }
        assert!(error(text(100_000)).contains("recursion limit exceeded"));
    }
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?[0-9]{1,38}(\\.[0-9]{1,5})?(E[+-]?[0-9]{1,2})?",
    ]
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Blob::new);
    let few = || 0usize..4;
    let leaf = prop_oneof![
        ".{0,20}".prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        bytes().prop_map(AttributeValue::B),
        prop::collection::vec(".{0,9}", few()).prop_map(AttributeValue::Ss),
        prop::collection::vec(number(), few()).prop_map(AttributeValue::Ns),
        prop::collection::vec(bytes(), few()).prop_map(AttributeValue::Bs),
    ];
    leaf.prop_recursive(5, 30, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), few()).prop_map(AttributeValue::L),
            prop::collection::hash_map(".{0,9}", inner, few()).prop_map(AttributeValue::M),
        ]
    })
}

fn any_item() -> impl Strategy<Value = Item> {
    let others = prop::collection::hash_map(".{0,9}", any_value(), 0..5);
    ("\\PC{1,9}", "\\PC{1,9}", others).prop_map(|(group, stream, mut item)| {
        item.insert("consumerGroup".to_owned(), AttributeValue::S(group));
        item.insert("streamName".to_owned(), AttributeValue::S(stream));
        item
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(item in any_item()) {
        let json = write(&item);
        prop_assert_eq!(&read_value(&json).unwrap(), &item);
        prop_assert_eq!(&read_value(&json!({"Item": json})).unwrap(), &item);
    }

    #[test]
    fn nothing_that_a_file_holds_panics(
        item in any_item(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = write(&item).to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Err(error) = read(&text) {
            prop_assert_eq!(error.kind(), ErrorKind::Data);
        }
    }
}
