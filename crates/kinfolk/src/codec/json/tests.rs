use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn auto_follows_nodes_expression_to_the_letter() {
    for (text, expected) in [
        ("{}", true),
        ("[]", true),
        ("{]", true),
        ("[note] see {x}", true),
        ("{\"a\":1}", true),
        ("{", false),
        ("[", false),
        ("", false),
        ("1", false),
        ("null", false),
        ("\"{}\"", false),
        (" {}", false),
        ("{} ", false),
        ("{}\n", false),
        ("\u{feff}{}", false),
        ("{\n}", false),
        ("{\r}", false),
        ("{\"a\":\"\u{2028}\"}", false),
        ("{\"a\":\"\u{2029}\"}", false),
        ("{\"a\":\"\u{85}\u{b}\u{c}🙂\"}", true),
    ] {
        assert_eq!(looks_like_json(text), expected, "{text:?}");
    }
}

#[test]
fn numbers_are_written_as_javascript_does() {
    for (number, expected) in [
        (json!(0), "0"),
        (json!(-0.0), "0"),
        (json!(1.0), "1"),
        (json!(-1.5), "-1.5"),
        (json!(0.1 + 0.2), "0.30000000000000004"),
        (json!(123_456.789), "123456.789"),
        (json!(1e20), "100000000000000000000"),
        (json!(1.5e20), "150000000000000000000"),
        (json!(1e21), "1e+21"),
        (json!(-1.25e25), "-1.25e+25"),
        (json!(0.000_001), "0.000001"),
        (json!(0.000_001_5), "0.0000015"),
        (json!(0.000_000_1), "1e-7"),
        (json!(5e-324), "5e-324"),
        (json!(f64::MAX), "1.7976931348623157e+308"),
        (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        (json!(f64::NAN), "null"),
    ] {
        assert_eq!(stringify(&number), expected);
    }
}

#[test]
fn keys_keep_their_order_behind_array_indices() {
    let text = r#"{"b":1,"10":2,"a":3,"9":4,"01":5,"4294967295":6,"4294967294":7,"-1":8,"":9}"#;
    let expected = r#"{"9":4,"10":2,"4294967294":7,"b":1,"a":3,"01":5,"4294967295":6,"-1":8,"":9}"#;
    assert_eq!(stringify(&parse(text).unwrap()), expected);
}

#[test]
fn texts_are_escaped_as_javascript_does() {
    let text = "\"\\\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{2028}/é🙂";
    let expected = "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{2028}/é🙂\"";
    assert_eq!(stringify(&json!(text)), expected);
}

#[test]
fn an_error_quotes_nothing_of_the_data() {
    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[allow(dead_code)]
        id: u32,
    }
    for text in
        [r#"{"id":"secret"}"#, r#"{"secret":1}"#, r#"["secret"]"#, r#"{"id":secret}"#, "{\"secret"]
    {
        let error = unreadable(&serde_json::from_str::<Order>(text).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Data);
        let report = error.report().to_string();
        assert!(!report.contains("secret"), "{report}");
        assert!(report.contains("at line 1 column"), "{report}");
    }
    let error = unreadable(&serde_json::from_value::<Order>(json!("secret")).unwrap_err());
    assert_eq!(error.to_string(), "it is not the JSON that is expected");
}

proptest! {
    #[test]
    fn floats_read_back(float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL) {
        prop_assert_eq!(stringify(&json!(float)).parse::<f64>().unwrap(), float);
    }
}
