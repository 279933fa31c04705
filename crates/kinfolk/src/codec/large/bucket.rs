//! The bucket: found or made, tagged, and given a rule by which its items go.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, CreateBucketConfiguration,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, Tag, Tagging,
};

use super::LargeItems;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::stream;

/// The region whose name S3 does not take as a constraint.
const FIRST_REGION: &str = "us-east-1";

impl LargeItems {
    /// Makes sure that the bucket is there, has the tags, and deletes the items of this stream once
    /// their records are gone. Writes only what is missing.
    ///
    /// The rule is named `kinfolk-large-items-{stream}` and goes by the names of the items. Other
    /// rules stay as they are, among them the Node library's `lifion-kinesis-ttl-rule`, which
    /// matches no item at all. A rule that is there is changed in one case: it lets items go before
    /// the stream lets their records go, as after the stream's retention was raised.
    ///
    /// Streams whose names begin alike, such as `orders` and `orders-eu`, need buckets of their
    /// own: a rule for the first one's items would take the second one's too.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config): there is no such stream, or items would go too early, by
    /// [`expire_after_days`](Self::expire_after_days) or by another rule of the bucket. Otherwise
    /// as S3 fails.
    pub async fn ensure_bucket(&self, kinesis: &aws_sdk_kinesis::Client) -> Result<()> {
        let retention = stream::describe(kinesis, &(&self.stream).into()).await?.retention_hours;
        let retention_days = retention.div_ceil(24);
        let days = self.expire_days.unwrap_or(retention_days + 1);
        if days < retention_days {
            let message = format!(
                "large items would go after {days} days, but stream {} keeps its records for \
                 {retention_days}: raise expire_after_days",
                self.stream
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        if !self.is_there().await? {
            self.create().await?;
        }
        self.ensure_tags().await?;
        self.ensure_rule(days, retention_days).await
    }

    async fn is_there(&self) -> Result<bool> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(true),
            Err(error) if Failure::of(&error).is("NotFound") => Ok(false),
            Err(error) => Err(self.failed("look at", &error)),
        }
    }

    async fn create(&self) -> Result<()> {
        let region = self.client.config().region().map(ToString::to_string);
        let elsewhere = region.filter(|region| region != FIRST_REGION).map(|region| {
            let constraint = BucketLocationConstraint::from(region.as_str());
            CreateBucketConfiguration::builder().location_constraint(constraint).build()
        });
        let call = self.client.create_bucket().bucket(&self.bucket);
        match call.set_create_bucket_configuration(elsewhere).send().await {
            Ok(_) => tracing::info!(bucket = self.bucket, "created the bucket for large items"),
            // Somebody else was faster.
            Err(error) if Failure::of(&error).is("BucketAlreadyOwnedByYou") => {}
            Err(error) => return Err(self.failed("create", &error)),
        }
        Ok(())
    }

    async fn ensure_tags(&self) -> Result<()> {
        if self.tags.is_empty() {
            return Ok(());
        }
        let mut tags = match self.client.get_bucket_tagging().bucket(&self.bucket).send().await {
            Ok(answer) => answer.tag_set,
            Err(error) if Failure::of(&error).is("NoSuchTagSet") => Vec::new(),
            Err(error) => return Err(self.failed("read the tags of", &error)),
        };
        let there = |key: &str, value: &str| {
            tags.iter().any(|tag| tag.key() == key && tag.value() == value)
        };
        if self.tags.iter().all(|(key, value)| there(key, value)) {
            return Ok(());
        }
        tags.retain(|tag| !self.tags.contains_key(tag.key()));
        for (key, value) in &self.tags {
            tags.push(Tag::builder().key(key).value(value).build().map_err(incomplete)?);
        }
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(incomplete)?;
        let call = self.client.put_bucket_tagging().bucket(&self.bucket).tagging(tagging);
        call.send().await.map_err(|error| self.failed("tag", &error))?;
        Ok(())
    }

    async fn ensure_rule(&self, days: u32, least: u32) -> Result<()> {
        let call = self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket);
        let (rules, smallest) = match call.send().await {
            Ok(answer) => {
                (answer.rules.unwrap_or_default(), answer.transition_default_minimum_object_size)
            }
            Err(error) if Failure::of(&error).is("NoSuchLifecycleConfiguration") => {
                (Vec::new(), None)
            }
            Err(error) => return Err(self.failed("read the lifecycle rules of", &error)),
        };
        let Some(rules) = self.with_rule(rules, days, least)? else { return Ok(()) };
        let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        let call = self
            .client
            .put_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            // Would otherwise go back to its default.
            .set_transition_default_minimum_object_size(smallest)
            .lifecycle_configuration(rules.map_err(incomplete)?);
        call.send().await.map_err(|error| self.failed("set the lifecycle rules of", &error))?;
        Ok(())
    }

    /// The rules that the bucket is to have; `None` if it has them.
    fn with_rule(
        &self,
        mut rules: Vec<LifecycleRule>,
        days: u32,
        least: u32,
    ) -> Result<Option<Vec<LifecycleRule>>> {
        let id = format!("kinfolk-large-items-{}", self.stream);
        let ours = |rule: &LifecycleRule| rule.id() == Some(&id);
        let early = |rule: &LifecycleRule| self.expires_before(rule, least);
        if let Some(rule) = rules.iter().find(|rule| !ours(rule) && early(rule)) {
            let message = format!(
                "rule {} of bucket {} deletes large items before stream {} lets their records go, \
                 after {least} days: change it, or choose another bucket",
                rule.id().unwrap_or("(unnamed)"),
                self.bucket,
                self.stream
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        if rules.iter().any(|rule| ours(rule) && !early(rule)) {
            return Ok(None);
        }
        rules.retain(|rule| !ours(rule));
        rules.push(self.rule(id, days)?);
        Ok(Some(rules))
    }

    fn rule(&self, id: String, days: u32) -> Result<LifecycleRule> {
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        // Where versions are kept, what was deleted is to go too.
        let versions = NoncurrentVersionExpiration::builder().noncurrent_days(1).build();
        LifecycleRule::builder()
            .id(id)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(self.key_prefix()).build())
            .expiration(LifecycleExpiration::builder().days(days).build())
            .noncurrent_version_expiration(versions)
            .build()
            .map_err(incomplete)
    }

    /// Whether a rule deletes every item of this stream, and sooner than after so many days.
    #[allow(deprecated)] // older rules have their prefix beside the filter
    fn expires_before(&self, rule: &LifecycleRule, days: u32) -> bool {
        let narrowed = rule.filter().is_some_and(|filter| {
            filter.and().is_some()
                || filter.tag().is_some()
                || filter.object_size_greater_than().is_some()
                || filter.object_size_less_than().is_some()
        });
        let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix).or(rule.prefix());
        let expires = rule.expiration().and_then(LifecycleExpiration::days);
        rule.status() == &ExpirationStatus::Enabled
            && !narrowed
            && self.key_prefix().starts_with(prefix.unwrap_or_default())
            && expires.is_some_and(|after| i64::from(after) < i64::from(days))
    }

    fn failed<E>(&self, verb: &str, error: &SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Failure::of(error).error(format_args!("{verb} bucket {}", self.bucket))
    }
}

/// The SDK's builders only fail on what was left out.
fn incomplete(error: aws_sdk_s3::error::BuildError) -> Error {
    Error::new(ErrorKind::Internal, "an incomplete request").with_source(error)
}
