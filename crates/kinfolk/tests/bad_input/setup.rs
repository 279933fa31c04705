//! Names, credentials and permissions that are wrong.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use kinfolk::core::coordinate::Timing;
use kinfolk::store::dynamo::table::DEFAULT_TABLE;
use kinfolk::{Consumer, ErrorKind};
use kinfolk_local::{Fault, FaultKind, Local, Server};

use crate::common::World;
use crate::{next, refused, unreachable};

/// A service that refuses every call.
#[derive(Clone, Debug)]
struct Refusal(String);

impl Refusal {
    fn client(code: &str, message: &str) -> SharedHttpClient {
        let body = serde_json::json!({ "__type": code, "message": message });
        let connector = SharedHttpConnector::new(Self(body.to_string()));
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Refusal {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.0.as_str());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(400.try_into().unwrap(), body)))
    }
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_named() {
    let world = World::start("here", 1).await;
    let error = refused(Consumer::builder("nowhere", "group"), &world).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "cannot describe stream nowhere: it does not exist");
    assert!(error.report().to_string().contains("ResourceNotFoundException"));
}

#[tokio::test]
async fn a_stream_that_is_being_deleted_is_refused() {
    let slow = Local::builder().transition_time(Duration::from_secs(1)).start().await.unwrap();
    let world = World::on(slow, "going", 1).await;
    world.kinesis.delete_stream().stream_name("going").send().await.unwrap();
    let error = refused(world.builder(), &world).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "stream going is being deleted: name another one, or make it again once it is gone"
    );
}

#[tokio::test]
async fn wrong_credentials_are_an_error_that_says_what_to_check() {
    let mut world = World::start("creds", 1).await;
    let (kinesis, dynamodb) = (world.kinesis.clone(), world.dynamodb.clone());
    let unknown = (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        "AWS does not know these credentials (wrong access key or session token, or a region that \
         is not enabled)",
    );
    let signature = (
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
        "the signature was refused (wrong secret key, or this clock is off)",
    );
    for (code, message, said) in [unknown, signature] {
        let refusal = Refusal::client(code, message);
        let doings = [
            "describe stream creds",
            "read the state of group group on stream creds in table lifion-kinesis-state",
        ];
        for (at, doing) in doings.into_iter().enumerate() {
            (world.kinesis, world.dynamodb) = (kinesis.clone(), dynamodb.clone());
            if at == 0 {
                let config = kinesis.config().to_builder().http_client(refusal.clone());
                world.kinesis = aws_sdk_kinesis::Client::from_conf(config.build());
            } else {
                let config = dynamodb.config().to_builder().http_client(refusal.clone());
                world.dynamodb = aws_sdk_dynamodb::Client::from_conf(config.build());
            }
            let error = refused(world.builder(), &world).await;
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert_eq!(
                error.report().to_string(),
                format!("cannot {doing}: {said}: {code}: {message}")
            );
        }
    }
}

#[tokio::test]
async fn a_state_that_must_not_be_read_is_named() {
    let world = World::start("unread", 1).await;
    world.local.faults().add(Fault::dynamodb(FaultKind::Denied).on("GetItem"));
    let error = refused(world.builder(), &world).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        error.to_string(),
        "cannot read the state of group group on stream unread in table lifion-kinesis-state: \
         access denied"
    );
}

#[tokio::test]
async fn a_table_that_must_not_be_made_is_named_and_whose_state_it_would_hold() {
    let world = World::start("unmade", 1).await;
    world.local.faults().add(Fault::dynamodb(FaultKind::Denied).on("CreateTable"));
    let error = refused(world.builder(), &world).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        error.report().to_string(),
        "cannot keep the state of group group on stream unmade: cannot create table \
         lifion-kinesis-state: access denied: AccessDeniedException: Not authorized (an injected \
         fault)"
    );
}

#[tokio::test]
async fn a_state_that_must_not_be_written_any_more_is_told_of_and_tried_again() {
    let world = World::start("unwritten", 1).await;
    let builder = world.builder().timing(Timing::LIFION);
    let consumer = builder.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    world.put(0..1).await;
    let first = next(&consumer).await;
    let epoch = first.epoch();
    assert!(first.ack());
    let mut events = consumer.events();
    let denied = world.local.faults().add(Fault::dynamodb(FaultKind::Denied).on("UpdateItem"));
    assert_eq!(
        unreachable(&mut events).await,
        "cannot write the state of group group on stream unwritten in table \
         lifion-kinesis-state: access denied: AccessDeniedException: Not authorized (an injected \
         fault)"
    );
    let before = world.local.counts().of(Server::DynamoDb, "UpdateItem");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let tried = world.local.counts().of(Server::DynamoDb, "UpdateItem") - before;
    assert!((2..=12).contains(&tried), "{tried} attempts in 3 s");
    world.put(1..2).await;
    world.local.faults().remove(denied);
    let second = next(&consumer).await;
    assert_eq!(second.epoch(), epoch, "the tenure is the same");
    assert!(second.ack());
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_table_of_something_else_is_refused_with_the_keys_that_were_expected_and_found() {
    let world = World::start("table", 1).await;
    let definition = AttributeDefinition::builder().attribute_name("leaseKey");
    let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash);
    let create = world.dynamodb.create_table().table_name(DEFAULT_TABLE);
    create
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
    let error = refused(world.builder(), &world).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.report().to_string(),
        "cannot keep the state of group group on stream table: table lifion-kinesis-state has \
         other keys: expected consumerGroup (HASH, S) and streamName (RANGE, S), found leaseKey \
         (HASH, S); choose another table"
    );
    let puts = world.local.counts().of(Server::DynamoDb, "PutItem");
    assert_eq!(puts, 0, "nothing is written");
}
