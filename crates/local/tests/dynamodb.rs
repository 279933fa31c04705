//! DynamoDB answers as far as a consumer group needs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
};
use common::DynamoDb;
use kinfolk_local::{Local, Server};

async fn table(client: &DynamoDb, name: &str) {
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute.build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refused_update_shows_what_stands_in_its_way() {
    let local = Local::builder().start().await.unwrap();
    let client = common::dynamodb(&local);
    table(&client, "groups").await;

    let update = |expected: &str, version: &str| {
        client
            .update_item()
            .table_name("groups")
            .key("id", AttributeValue::S("billing".into()))
            .update_expression("SET version = :next")
            .condition_expression("attribute_not_exists(version) OR version = :expected")
            .expression_attribute_values(":next", AttributeValue::N(version.into()))
            .expression_attribute_values(":expected", AttributeValue::N(expected.into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    update("0", "1").await.unwrap();
    update("1", "2").await.unwrap();
    let refused = update("1", "3").await.unwrap_err().into_service_error();
    let item = match refused {
        aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(why) => why.item,
        other => panic!("{other:?}"),
    };
    assert_eq!(item.unwrap()["version"], AttributeValue::N("2".into()));
    assert_eq!(local.counts().of(Server::DynamoDb, "UpdateItem"), 3);
    assert_eq!(local.counts().of(Server::DynamoDb, "CreateTable"), 1);
    local.shutdown().await;
}
