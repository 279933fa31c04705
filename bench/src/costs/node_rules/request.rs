//! The requests, in words of our own.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk::store::dynamo::table::DEFAULT_TABLE;

use super::NodeItem;
use super::item::{date, id, place, text, worker};
use super::rule::Rule;
use crate::Result;
use crate::costs::stream::shard;

impl NodeItem {
    /// Sends the request of a rule, once.
    pub(super) async fn ask(&self, rule: Rule) -> Result<()> {
        match rule {
            Rule::Register => self.register().await,
            Rule::Heartbeat => self.heartbeat().await,
            Rule::ClearOld | Rule::LeaseRound | Rule::Reconcile => self.read().await,
            Rule::Renewal => self.renew().await,
            Rule::Checkpoint => self.checkpoint().await,
        }
    }

    async fn register(&self) -> Result<()> {
        let update = self
            .update()
            .update_expression("SET #consumers.#me = :entry")
            .condition_expression("attribute_not_exists(#consumers.#me)")
            .expression_attribute_names("#consumers", "consumers")
            .expression_attribute_names("#me", id(0))
            .expression_attribute_values(":entry", worker());
        match update.send().await.map_err(SdkError::into_service_error) {
            Err(error) if error.is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err("a consumer that is there was registered once more".into()),
        }
    }

    async fn heartbeat(&self) -> Result<()> {
        let update = self
            .update()
            .update_expression("SET #consumers.#me.#date = :now")
            .expression_attribute_names("#consumers", "consumers")
            .expression_attribute_names("#me", id(0))
            .expression_attribute_names("#date", "heartbeat")
            .expression_attribute_values(":now", date());
        update.send().await?;
        Ok(())
    }

    async fn read(&self) -> Result<()> {
        let get = self.dynamodb.get_item().table_name(DEFAULT_TABLE).set_key(Some(self.key()));
        get.consistent_read(true).send().await?;
        Ok(())
    }

    async fn renew(&self) -> Result<()> {
        let update = self
            .shard()
            .update_expression(
                "SET #shards.#id.#owner = :me, #shards.#id.#until = :until, \
                 #shards.#id.#version = :next",
            )
            .condition_expression("#shards.#id.#version = :seen")
            .expression_attribute_names("#owner", "leaseOwner")
            .expression_attribute_names("#until", "leaseExpiration")
            .expression_attribute_values(":me", text(id(0)))
            .expression_attribute_values(":until", date())
            .expression_attribute_values(":seen", text(id(0)))
            .expression_attribute_values(":next", text(id(1)));
        update.send().await?;
        Ok(())
    }

    async fn checkpoint(&self) -> Result<()> {
        let update = self
            .shard()
            .update_expression(
                "SET #shards.#id.#arrived = :arrived, #shards.#id.#place = :place, \
                 #shards.#id.#version = :next",
            )
            .expression_attribute_names("#arrived", "approximateArrivalTimestamp")
            .expression_attribute_names("#place", "checkpoint")
            .expression_attribute_values(":arrived", date())
            .expression_attribute_values(":place", place(2))
            .expression_attribute_values(":next", text(id(2)));
        update.send().await?;
        Ok(())
    }

    /// An update of the first shard.
    fn shard(&self) -> UpdateItemFluentBuilder {
        self.update()
            .expression_attribute_names("#shards", "shards")
            .expression_attribute_names("#id", shard(0).as_str())
            .expression_attribute_names("#version", "version")
    }

    fn update(&self) -> UpdateItemFluentBuilder {
        self.dynamodb.update_item().table_name(DEFAULT_TABLE).set_key(Some(self.key()))
    }

    fn key(&self) -> HashMap<String, AttributeValue> {
        ["consumerGroup", "streamName"].map(|name| (name.to_owned(), text("costs"))).into()
    }
}
