//! `kinfolk consume`, run as people run it, on records that are no text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use aws_sdk_kinesis::primitives::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{kinesis, kinfolk, pointed};
use kinfolk::aggregate::Aggregator;
use kinfolk::producer::NewRecord;
use kinfolk_local::Local;
use serde_json::Value;

/// Text, bytes that are none, a text cut within a character, control characters.
const RECORDS: [&[u8]; 5] =
    ["Größe \"1\"".as_bytes(), b"\xff\x00\x80", b"{\"n\":1}", b"caf\xc3", b"\x1b[2J\t"];

async fn put(local: &Local) {
    let lines = RECORDS.join(&b'\n');
    let ran = kinfolk(local, &["put", "--stream", "mixed", "--create-shards", "1"], &lines).await;
    assert!(ran.out.starts_with("put 5 records"), "{} {}", ran.out, ran.err);
}

fn args<'a>(group: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["consume", "--stream", "mixed", "--group", group];
    args.extend(["--from", "trim-horizon", "--idle-exit", "2"]);
    args.extend(more);
    args
}

#[tokio::test]
async fn a_record_that_is_no_text_comes_in_base64_with_its_very_bytes() {
    let local = Local::builder().start().await.unwrap();
    put(&local).await;
    let ran = kinfolk(&local, &args("json", &[]), b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    println!("{}", ran.out);
    let lines: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), RECORDS.len(), "{}", ran.out);
    for (line, record) in lines.iter().zip(RECORDS) {
        match std::str::from_utf8(record) {
            Ok(text) => {
                assert_eq!(line["data"], text);
                assert_eq!(line.get("data_base64"), None);
            }
            Err(_) => {
                let bytes = STANDARD.decode(line["data_base64"].as_str().unwrap()).unwrap();
                assert_eq!(bytes, record);
                assert_eq!(line.get("data"), None);
            }
        }
    }
    local.shutdown().await;
}

#[tokio::test]
async fn raw_output_has_the_bytes_as_they_are() {
    let local = Local::builder().start().await.unwrap();
    put(&local).await;
    let ran = pointed(&local, &args("raw", &["--format", "raw"])).output().await.unwrap();
    let expected: Vec<u8> =
        RECORDS.iter().flat_map(|record| [*record, b"\n"]).flatten().copied().collect();
    assert_eq!(ran.stdout, expected, "{}", String::from_utf8_lossy(&ran.stderr));
    local.shutdown().await;
}

#[tokio::test]
async fn records_inside_an_aggregate_have_a_line_each_unless_asked_otherwise() {
    let local = Local::builder().start().await.unwrap();
    let made = ["stream", "create", "mixed", "--shards", "1"];
    assert_eq!(kinfolk(&local, &made, b"").await.code, 0);
    let mut aggregator = Aggregator::new(1_000);
    for data in ["first", "second"] {
        aggregator.add(NewRecord::new(data).partition_key(format!("key of {data}"))).unwrap();
    }
    let aggregate = aggregator.finish().unwrap().data;
    let put = kinesis(&local).await.put_record().stream_name("mixed").partition_key("outer");
    put.data(Blob::new(aggregate.to_vec())).send().await.unwrap();
    let ran = kinfolk(&local, &args("opened", &[]), b"").await;
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said = |line: Value| {
        (line["sub_sequence"].clone(), line["partition_key"].clone(), line["data"].clone())
    };
    let expected = [(0, "key of first", "first"), (1, "key of second", "second")];
    let expected = expected.map(|(sub, key, data)| (sub.into(), key.into(), data.into()));
    assert_eq!(lines.map(said).collect::<Vec<_>>(), expected, "{}", ran.err);
    let whole = ["--no-deaggregate", "--format", "raw"];
    let ran = pointed(&local, &args("whole", &whole)).output().await.unwrap();
    assert_eq!(ran.stdout, [&aggregate[..], b"\n"].concat());
    local.shutdown().await;
}
