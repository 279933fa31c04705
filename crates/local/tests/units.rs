//! What DynamoDB charges is counted at the server, whatever its clients ask for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConditionCheck, ExpectedAttributeValue, Get,
    KeySchemaElement, KeyType, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TransactGetItem, TransactWriteItem,
    WriteRequest,
};
use common::DynamoDb;
use kinfolk_local::{Fault, FaultKind, Local, Units};

const TABLE: &str = "table";
/// A condition that never holds.
const NEVER: &str = "attribute_exists(id) AND attribute_not_exists(id)";

type Item = HashMap<String, AttributeValue>;

/// A server with an empty table.
async fn start() -> (Local, DynamoDb) {
    let local = Local::builder().start().await.unwrap();
    let client = common::dynamodb(&local);
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let table = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    let table = table.attribute_definitions(attribute.build().unwrap());
    table.key_schema(key.build().unwrap()).send().await.unwrap();
    assert_eq!(local.units(), Units::default(), "a table costs nothing yet");
    (local, client)
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(id: &str) -> Item {
    HashMap::from([("id".to_owned(), text(id))])
}

/// An item of this many bytes, names included.
fn item(id: &str, size: usize) -> Item {
    let mut item = key(id);
    item.insert("a".to_owned(), text("x".repeat(size - "id".len() - id.len() - "a".len())));
    item
}

fn read(read: f64) -> Units {
    Units { read, write: 0.0 }
}

fn written(write: f64) -> Units {
    Units { read: 0.0, write }
}

/// What a call costs, and what it gives.
async fn cost<T>(local: &Local, call: impl Future<Output = T>) -> (Units, T) {
    let before = local.units();
    let answer = call.await;
    (local.units() - before, answer)
}

async fn put(local: &Local, client: &DynamoDb, item: Item) -> Units {
    let (cost, answer) =
        cost(local, client.put_item().table_name(TABLE).set_item(Some(item)).send()).await;
    answer.unwrap();
    cost
}

async fn get(local: &Local, client: &DynamoDb, id: &str, consistent: bool) -> Units {
    let get = client.get_item().table_name(TABLE).set_key(Some(key(id)));
    let (cost, answer) = cost(local, get.consistent_read(consistent).send()).await;
    answer.unwrap();
    cost
}

#[tokio::test]
async fn a_write_costs_a_unit_for_each_kilobyte_begun() {
    let (local, client) = start().await;
    assert_eq!(put(&local, &client, key("k")).await, written(1.0));
    assert_eq!(put(&local, &client, item("a", 1024)).await, written(1.0));
    assert_eq!(put(&local, &client, item("b", 1025)).await, written(2.0));
    assert_eq!(put(&local, &client, item("c", 2048)).await, written(2.0));
    assert_eq!(put(&local, &client, item("c", 100)).await, written(2.0), "of what was there");
    assert_eq!(put(&local, &client, item("c", 100)).await, written(1.0));
    assert_eq!(local.units_by_operation(), [("PutItem".to_owned(), written(9.0))].into());
}

#[tokio::test]
async fn a_read_costs_a_unit_for_each_four_kilobytes_begun_or_half_of_it() {
    let (local, client) = start().await;
    put(&local, &client, item("a", 4096)).await;
    put(&local, &client, item("b", 4097)).await;
    assert_eq!(get(&local, &client, "a", true).await, read(1.0));
    assert_eq!(get(&local, &client, "b", true).await, read(2.0));
    assert_eq!(get(&local, &client, "a", false).await, read(0.5));
    assert_eq!(get(&local, &client, "b", false).await, read(1.0));
    assert_eq!(get(&local, &client, "nobody", true).await, read(1.0));
    assert_eq!(get(&local, &client, "nobody", false).await, read(0.5));

    let one = client.get_item().table_name(TABLE).set_key(Some(key("b")));
    let (units, _) = cost(&local, one.projection_expression("id").send()).await;
    assert_eq!(units, read(1.0), "of the whole item, whatever is shown of it");
}

#[tokio::test]
async fn an_update_costs_as_much_as_the_whole_item() {
    let (local, client) = start().await;
    put(&local, &client, item("a", 10_000)).await;
    let update = client.update_item().table_name(TABLE).set_key(Some(key("a")));
    let update =
        update.update_expression("SET n = :n").expression_attribute_values(":n", text("1"));
    assert_eq!(cost(&local, update.send()).await.0, written(10.0));

    let shrink = client.update_item().table_name(TABLE).set_key(Some(key("a")));
    let shrink = shrink.update_expression("REMOVE a");
    assert_eq!(cost(&local, shrink.clone().send()).await.0, written(10.0));
    assert_eq!(cost(&local, shrink.send()).await.0, written(1.0));
}

#[tokio::test]
async fn a_delete_costs_as_much_as_what_it_removes() {
    let (local, client) = start().await;
    put(&local, &client, item("a", 3000)).await;
    let delete = client.delete_item().table_name(TABLE).set_key(Some(key("a")));
    assert_eq!(cost(&local, delete.clone().send()).await.0, written(3.0));
    assert_eq!(cost(&local, delete.send()).await.0, written(1.0), "nothing was left");
}

#[tokio::test]
async fn a_refused_condition_costs_as_much_as_the_item_in_its_way() {
    let (local, client) = start().await;
    for (there, units) in [(0, 1.0), (1024, 1.0), (1025, 2.0), (5000, 5.0)] {
        let id = there.to_string();
        if there > 0 {
            put(&local, &client, item(&id, there)).await;
        }
        let large = Some(item(&id, 3000));
        let put = client.put_item().table_name(TABLE).set_item(large);
        let (cost_of_put, refused) = cost(&local, put.condition_expression(NEVER).send()).await;
        let refused = refused.unwrap_err().into_service_error();
        assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
        assert_eq!(cost_of_put, written(units), "{there}");

        let update = client.update_item().table_name(TABLE).set_key(Some(key(&id)));
        let update = update.update_expression("REMOVE a").condition_expression(NEVER);
        let (cost_of_update, refused) = cost(&local, update.send()).await;
        let refused = refused.unwrap_err().into_service_error();
        assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
        assert_eq!(cost_of_update, written(units), "{there}");

        let delete = client.delete_item().table_name(TABLE).set_key(Some(key(&id)));
        let (cost_of_delete, refused) =
            cost(&local, delete.condition_expression(NEVER).send()).await;
        let refused = refused.unwrap_err().into_service_error();
        assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
        assert_eq!(cost_of_delete, written(units), "{there}");
    }
}

#[tokio::test]
async fn a_condition_of_the_old_form_is_charged_too() {
    let (local, client) = start().await;
    put(&local, &client, item("a", 3000)).await;
    let absent = ExpectedAttributeValue::builder().exists(false).build();
    let put = client.put_item().table_name(TABLE).set_item(Some(key("a"))).expected("id", absent);
    let (units, refused) = cost(&local, put.send()).await;
    assert!(refused.unwrap_err().into_service_error().is_conditional_check_failed_exception());
    assert_eq!(units, written(3.0));
}

#[tokio::test]
async fn the_item_in_the_way_is_shown_to_those_who_asked() {
    use ReturnValuesOnConditionCheckFailure::{AllOld, None as Nothing};

    let (local, client) = start().await;
    put(&local, &client, item("a", 3000)).await;
    for (asked, shown) in [(None, false), (Some(Nothing), false), (Some(AllOld), true)] {
        let put = client.put_item().table_name(TABLE).set_item(Some(key("a")));
        let put = put.condition_expression(NEVER);
        let put = put.set_return_values_on_condition_check_failure(asked);
        let (units, refused) = cost(&local, put.send()).await;
        let refused = refused.unwrap_err();
        let checksum = refused.raw_response().unwrap().headers().get("x-amz-crc32");
        assert_eq!(checksum, None, "it would be that of another answer");
        let refused = match refused.into_service_error() {
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(units, written(3.0));
        assert_eq!(refused.item, shown.then(|| item("a", 3000)));
    }
}

#[tokio::test]
async fn what_is_not_carried_out_costs_nothing_and_what_is_costs_though_its_answer_is_lost() {
    let (local, client) = start().await;
    let put = client.put_item().table_name(TABLE).set_item(Some(item("a", 2000)));
    let (units, invalid) =
        cost(&local, put.clone().item("a", text("")).item("", text("")).send()).await;
    invalid.unwrap_err();
    assert_eq!(units, Units::default());
    let (units, missing) = cost(&local, put.clone().table_name("another").send()).await;
    missing.unwrap_err();
    assert_eq!(units, Units::default());

    for (kind, expected) in [
        (FaultKind::Throttle, 0.0),
        (FaultKind::ServerError, 0.0),
        (FaultKind::LoseRequest, 0.0),
        (FaultKind::LoseAnswer, 2.0),
        (FaultKind::Duplicate, 4.0),
    ] {
        local.faults().add(Fault::dynamodb(kind.clone()).times(1));
        let (units, _) = cost(&local, put.clone().send()).await;
        assert_eq!(units, written(expected), "{kind:?}");
    }
}

#[tokio::test]
async fn a_page_costs_as_much_as_all_that_was_looked_at_rounded_up_once() {
    let (local, client) = start().await;
    let scan = client.scan().table_name(TABLE);
    assert_eq!(cost(&local, scan.clone().send()).await.0, read(0.5), "an empty table");
    for id in ["a", "b", "c"] {
        put(&local, &client, item(id, 1500)).await;
    }
    let scan = scan.consistent_read(true);
    assert_eq!(cost(&local, scan.clone().send()).await.0, read(2.0));
    let none = scan.clone().filter_expression("attribute_not_exists(id)");
    assert_eq!(cost(&local, none.send()).await.0, read(2.0), "all were looked at");
    let page = scan.clone().limit(2);
    assert_eq!(cost(&local, page.consistent_read(false).send()).await.0, read(0.5));

    let query = client.query().table_name(TABLE).key_condition_expression("id = :id");
    let query = query.expression_attribute_values(":id", text("a"));
    assert_eq!(cost(&local, query.clone().send()).await.0, read(0.5));
    assert_eq!(cost(&local, query.consistent_read(true).send()).await.0, read(1.0));
}

#[tokio::test]
async fn the_items_of_a_batch_are_rounded_up_one_by_one() {
    let (local, client) = start().await;
    let write = |item| {
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let batch = client.batch_write_item();
    let batch = batch.request_items(TABLE, vec![write(item("a", 100)), write(item("b", 1500))]);
    assert_eq!(cost(&local, batch.send()).await.0, written(3.0));

    let keys = KeysAndAttributes::builder().keys(key("a")).keys(key("b")).keys(key("nobody"));
    let batch = client.batch_get_item().request_items(TABLE, keys.build().unwrap());
    assert_eq!(cost(&local, batch.send()).await.0, read(1.5));
}

#[tokio::test]
async fn transactions_cost_twice_and_their_repetition_is_a_read() {
    let (local, client) = start().await;
    put(&local, &client, item("there", 2500)).await;
    let put = |item| {
        let put = Put::builder().table_name(TABLE).set_item(Some(item)).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let check = |condition: &str| {
        let check = ConditionCheck::builder().table_name(TABLE).set_key(Some(key("there")));
        let check = check.condition_expression(condition).build().unwrap();
        TransactWriteItem::builder().condition_check(check).build()
    };
    let write = client.transact_write_items().client_request_token("once");
    let write = write.transact_items(put(item("a", 1025))).transact_items(put(item("b", 100)));
    let write = write.transact_items(check("attribute_exists(id)"));
    assert_eq!(cost(&local, write.clone().send()).await.0, written(4.0 + 2.0 + 6.0));
    assert_eq!(cost(&local, write.send()).await.0, read(2.0 + 2.0 + 2.0));

    let get = Get::builder().table_name(TABLE).set_key(Some(key("a"))).build().unwrap();
    let get = TransactGetItem::builder().get(get).build();
    let get = client.transact_get_items().transact_items(get);
    assert_eq!(cost(&local, get.send()).await.0, read(2.0));

    let cancelled = client.transact_write_items().transact_items(put(item("c", 5000)));
    let (units, cancelled) = cost(&local, cancelled.transact_items(check(NEVER)).send()).await;
    assert_eq!(units, written(6.0), "for the condition that failed");
    let cancelled = match cancelled.unwrap_err().into_service_error() {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(why) => why,
        other => panic!("{other:?}"),
    };
    let reasons = cancelled.cancellation_reasons.unwrap();
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert!(reasons.iter().all(|reason| reason.item.is_none()), "nobody asked for it");
}

/// By the rules that AWS gives: names and values, 3 bytes for a list or map and 1 for each of its
/// elements, half a byte for each digit and one more, 1 for a boolean or null.
#[tokio::test]
async fn items_are_as_large_as_aws_says() {
    let (local, client) = start().await;
    let mut large = key("k");
    let list = vec![AttributeValue::Bool(true), AttributeValue::Null(true), text("abc")];
    large.insert("list".to_owned(), AttributeValue::L(list));
    let map = [("n".to_owned(), AttributeValue::N("123456".into()))].into();
    large.insert("map".to_owned(), AttributeValue::M(map));
    large.insert("numbers".to_owned(), AttributeValue::Ns(vec!["12".into(), "34".into()]));
    large.insert("bytes".to_owned(), AttributeValue::B(vec![0; 10].into()));
    large.insert("ü".to_owned(), text("é"));
    let size = (2 + 1)
        + (4 + 3 + 3 + (1 + 1 + 3))
        + (3 + 3 + 1 + (1 + 3 + 1))
        + (7 + 2 + 2)
        + (5 + 10)
        + (2 + 2);
    large.insert("rest".to_owned(), text("x".repeat(1024 - size - 4)));
    assert_eq!(put(&local, &client, large.clone()).await, written(1.0));
    large.insert("x".to_owned(), text(""));
    assert_eq!(put(&local, &client, large).await, written(2.0), "a byte more");
}

#[tokio::test]
async fn consumed_capacity_is_shown_to_those_who_asked() {
    use ReturnConsumedCapacity::{Indexes, None as Nothing, Total};

    let (local, client) = start().await;
    for (asked, shown) in
        [(None, None), (Some(Nothing), None), (Some(Total), Some(3.0)), (Some(Indexes), Some(3.0))]
    {
        let put = client.put_item().table_name(TABLE).set_item(Some(item("a", 3000)));
        let (units, answer) =
            cost(&local, put.set_return_consumed_capacity(asked.clone()).send()).await;
        assert_eq!(units, written(3.0));
        let consumed = answer.unwrap().consumed_capacity;
        assert_eq!(consumed.and_then(|consumed| consumed.capacity_units), shown);

        let get = client.get_item().table_name(TABLE).set_key(Some(key("a")));
        let (units, answer) =
            cost(&local, get.set_return_consumed_capacity(asked.clone()).send()).await;
        let answer = answer.unwrap();
        assert_eq!(units, read(0.5));
        assert_eq!(answer.item, Some(item("a", 3000)));
        assert_eq!(answer.consumed_capacity.is_some(), shown.is_some());

        let keys = KeysAndAttributes::builder().keys(key("a")).build().unwrap();
        let batch = client.batch_get_item().request_items(TABLE, keys);
        let answer = batch.set_return_consumed_capacity(asked).send().await.unwrap();
        assert_eq!(answer.consumed_capacity.is_some(), shown.is_some());
    }
}
