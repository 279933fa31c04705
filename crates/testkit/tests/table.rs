//! The state table is found or made as the Node library does it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TableDescription, Tag,
};
use common::scripted::Script;
use futures_util::future;
use kinfolk::ErrorKind;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::{DEFAULT_TABLE, TableSettings};

async fn describe(client: &Client, table: &str) -> TableDescription {
    client.describe_table().table_name(table).send().await.unwrap().table.unwrap()
}

async fn tags(client: &Client, arn: &str) -> Vec<(String, String)> {
    let answer = client.list_tags_of_resource().resource_arn(arn).send().await.unwrap();
    let mut tags: Vec<_> = answer.tags().iter().map(|t| (t.key.clone(), t.value.clone())).collect();
    tags.sort();
    tags
}

#[tokio::test]
async fn a_missing_table_is_created_with_the_node_librarys_keys() {
    let (local, client) = common::dynamodb().await;
    let arn = TableSettings::new().ensure(&client).await.unwrap();
    let table = describe(&client, DEFAULT_TABLE).await;
    assert_eq!(table.table_arn(), Some(arn.as_str()));
    let keys: Vec<_> =
        table.key_schema().iter().map(|k| (k.attribute_name(), &k.key_type)).collect();
    assert_eq!(keys, [("consumerGroup", &KeyType::Hash), ("streamName", &KeyType::Range)]);
    let billing = table.billing_mode_summary().and_then(|b| b.billing_mode()).cloned();
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
    // Again: nothing to do.
    assert_eq!(TableSettings::new().ensure(&client).await.unwrap(), arn);
    local.shutdown().await;
}

#[tokio::test]
async fn a_table_can_be_given_its_capacity() {
    let (local, client) = common::dynamodb().await;
    TableSettings::new().capacity(3, 4).ensure(&client).await.unwrap();
    let table = describe(&client, DEFAULT_TABLE).await;
    let throughput = table.provisioned_throughput().unwrap();
    assert_eq!(throughput.read_capacity_units(), Some(3));
    assert_eq!(throughput.write_capacity_units(), Some(4));
    local.shutdown().await;
}

#[tokio::test]
async fn those_who_start_together_share_one_table() {
    let (local, client) = common::dynamodb().await;
    let settings = TableSettings::new();
    let starts = (0..8).map(|_| settings.ensure(&client));
    let arns = future::try_join_all(starts).await.unwrap();
    assert!(arns.windows(2).all(|pair| pair[0] == pair[1]));
    local.shutdown().await;
}

#[tokio::test]
async fn a_missing_table_that_must_not_be_created_is_an_error_that_says_what_to_do() {
    let (local, client) = common::dynamodb().await;
    let settings = TableSettings::new().name("theirs").create_table(false);
    let error = settings.ensure(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let said = error.to_string();
    for part in ["theirs", "create_table(true)", "consumerGroup (HASH, S)", "streamName (RANGE, S)"]
    {
        assert!(said.contains(part), "{said}");
    }
    local.shutdown().await;
}

#[tokio::test]
async fn a_table_with_other_keys_is_refused_by_name() {
    let (local, client) = common::dynamodb().await;
    let definition = AttributeDefinition::builder().attribute_name("leaseKey");
    let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash);
    client
        .create_table()
        .table_name("kcl")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(definition.attribute_type(ScalarAttributeType::N).build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
    let error = TableSettings::new().name("kcl").ensure(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "table kcl has other keys: expected consumerGroup (HASH, S) and streamName (RANGE, S), \
         found leaseKey (HASH, N); choose another table"
    );
    local.shutdown().await;
}

/// An answer to DescribeTable.
fn table(status: &str) -> (u16, String) {
    let body = format!(
        r#"{{"Table": {{"TableStatus": "{status}", "TableArn": "arn:table", "KeySchema": [
            {{"AttributeName": "consumerGroup", "KeyType": "HASH"}},
            {{"AttributeName": "streamName", "KeyType": "RANGE"}}
        ], "AttributeDefinitions": [
            {{"AttributeName": "consumerGroup", "AttributeType": "S"}},
            {{"AttributeName": "streamName", "AttributeType": "S"}}
        ]}}}}"#
    );
    (200, body)
}

fn refusal(code: &str) -> (u16, String) {
    (400, format!(r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}}"#))
}

#[tokio::test]
async fn a_table_that_is_being_deleted_is_waited_for_and_made_again() {
    let script = Script::new([
        table("DELETING"),
        refusal("ResourceNotFoundException"),
        // Somebody else was faster, and the description lags behind.
        refusal("ResourceInUseException"),
        table("CREATING"),
        table("ACTIVE"),
    ]);
    let arn = TableSettings::new().ensure(&common::scripted(&script)).await.unwrap();
    assert_eq!(arn, "arn:table");
    let [describe, create] = ["DescribeTable", "CreateTable"];
    assert_eq!(script.asked(), [describe, describe, create, describe, describe]);
}

#[tokio::test]
async fn a_table_that_may_not_be_created_is_an_error_of_permissions() {
    let script =
        Script::new([refusal("ResourceNotFoundException"), refusal("AccessDeniedException")]);
    let error = TableSettings::new().ensure(&common::scripted(&script)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.to_string(), "cannot create table lifion-kinesis-state: access denied");
}

#[tokio::test]
async fn tags_are_merged_over_those_that_are_there() {
    let (local, client) = common::dynamodb().await;
    let settings = TableSettings::new().tags([("team", "orders"), ("cost", "42")]);
    let arn = settings.ensure(&client).await.unwrap();
    for (key, value) in [("team", "unknown"), ("kept", "yes")] {
        let tag = Tag::builder().key(key).value(value).build().unwrap();
        client.tag_resource().resource_arn(&arn).tags(tag).send().await.unwrap();
    }
    let server = kinfolk_local::Server::DynamoDb;
    let before = local.counts().of(server, "TagResource");
    for _ in 0..2 {
        settings.ensure_tags(&client, &arn).await.unwrap();
    }
    let expected = [("cost", "42"), ("kept", "yes"), ("team", "orders")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(tags(&client, &arn).await, expected);
    assert_eq!(local.counts().of(server, "TagResource"), before + 1, "written only if it changes");
    local.shutdown().await;
}

#[tokio::test]
async fn a_store_without_its_table_says_which_one() {
    let (local, client) = common::dynamodb().await;
    let store = LifionStore::new(&client, "nowhere", "billing", "orders");
    let error = store.look().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "cannot read the state of group billing on stream orders in table nowhere: it does not exist"
    );
    local.shutdown().await;
}
