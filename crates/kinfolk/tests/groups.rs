//! The list of a table's groups, on the local DynamoDB.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use common::World;
use kinfolk::ErrorKind;
use kinfolk::core::snapshot::Snapshot;
use kinfolk::core::time::WallTime;
use kinfolk::group::list;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::TableSettings;
use kinfolk_local::Server;

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn empty() -> Snapshot {
    Snapshot {
        created_on: WallTime(7_000),
        version: "v".into(),
        started_at: None,
        workers: [].into(),
        slots: [].into(),
        shards: [].into(),
        places: [].into(),
    }
}

/// Makes an item larger than a third of what one page of a scan holds.
async fn enlarge(client: &Client, group: &str, stream: &str) {
    let update = client.update_item().table_name("state");
    let update = update.key("consumerGroup", text(group)).key("streamName", text(stream));
    let update = update.update_expression("SET theirs = :large");
    let large = text("x".repeat(390_000));
    update.expression_attribute_values(":large", large).send().await.unwrap();
}

#[tokio::test]
async fn every_group_of_every_page_is_listed_in_order_whatever_does_not_read() {
    let world = World::start("orders", 1).await;
    let client = &world.dynamodb;
    TableSettings::new().name("state").ensure(client).await.unwrap();
    assert!(list(client, "state").await.unwrap().is_empty());
    let names = ["c", "a", "e", "b", "d"]
        .into_iter()
        .flat_map(|group| ["returns", "orders"].into_iter().map(move |stream| (group, stream)));
    let mut names: Vec<_> = names.collect();
    for (group, stream) in &names {
        LifionStore::new(client, "state", *group, *stream).put(&empty()).await.unwrap();
        enlarge(client, group, stream).await;
    }
    let put = client.put_item().table_name("state").item("consumerGroup", text("b"));
    let put = put.item("streamName", text("orders")).item("shards", text("none"));
    put.send().await.unwrap();

    let listed = list(client, "state").await.unwrap();
    assert!(world.local.counts().of(Server::DynamoDb, "Scan") > 3, "it takes several pages");
    names.sort_unstable();
    let found: Vec<_> =
        listed.iter().map(|one| (one.group.as_str(), one.stream.as_str())).collect();
    assert_eq!(found, names);
    for one in listed {
        match one.state {
            Err(error) => {
                assert_eq!((one.group.as_str(), one.stream.as_str()), ("b", "orders"));
                assert_eq!(error.kind(), ErrorKind::Data);
                let size = "consumerGroupbstreamNameordersshardsnone".len() as u64;
                assert_eq!(one.bytes, Some(size));
            }
            Ok(state) => {
                assert_eq!(state, empty());
                assert!(
                    one.bytes.is_some_and(|size| (390_000..391_000).contains(&size)),
                    "{:?}",
                    one.bytes
                );
            }
        }
    }
    world.local.shutdown().await;
}

#[tokio::test]
async fn a_table_that_holds_no_groups_is_refused() {
    let world = World::start("orders", 1).await;
    let client = &world.dynamodb;
    let missing = list(client, "state").await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Config);
    assert_eq!(missing.to_string(), "cannot list the groups in table state: it does not exist");

    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let id = AttributeDefinition::builder().attribute_name("id");
    let id = id.attribute_type(ScalarAttributeType::S).build().unwrap();
    let create = client.create_table().table_name("other").key_schema(key.build().unwrap());
    let create = create.attribute_definitions(id).billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
    client.put_item().table_name("other").item("id", text("1")).send().await.unwrap();
    let other = list(client, "other").await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Config);
    assert!(other.to_string().contains("choose another table"), "{other}");
    world.local.shutdown().await;
}
