//! ListShards: pages, filters, and tokens that name the stream themselves.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrokinesis::{
    error::KinesisErrorResponse as Failure,
    sequence::parse_sequence,
    types::{Shard, Stream as Description},
};
use serde::{Deserialize, Serialize};

use super::{
    Kinesis,
    start::invalid,
    stream::{is_closed, shard_number},
    wire::Millis,
};
use crate::clock;

/// Shards of a page, unless the caller wants fewer.
const PAGE: usize = 1000;

/// How long a token is good for.
const TOKEN_LIFE_MS: u64 = 300_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShards {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    next_token: Option<String>,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<usize>,
    shard_filter: Option<Filter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    #[serde(rename = "Type")]
    kind: FilterType,
    shard_id: Option<String>,
    timestamp: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum FilterType {
    AfterShardId,
    AtTrimHorizon,
    FromTrimHorizon,
    AtLatest,
    AtTimestamp,
    FromTimestamp,
}

/// Which shards to list. A token holds all of it, so that the next page takes the same view.
#[derive(Debug, Serialize, Deserialize)]
struct Query {
    stream: String,
    /// Only shards after this one.
    after: Option<String>,
    filter: FilterType,
    /// The filter's time, in milliseconds.
    time: u64,
    /// When the token was made.
    made: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardList {
    shards: Vec<Shard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Kinesis {
    pub(super) async fn list_shards(&self, call: ListShards) -> Result<ShardList, Failure> {
        let max = call.max_results.unwrap_or(PAGE);
        if !(1..=10_000).contains(&max) {
            return Err(invalid("MaxResults must be between 1 and 10000."));
        }
        let mut query = match &call.next_token {
            Some(token) => resume(&call, token)?,
            None => self.query(&call)?,
        };
        let stream = self.streams().find(Some(&query.stream), None)?;
        let description = self.streams().describe_now(&stream).await?;
        let lives = Lives::of(&description);
        let after = query.after.as_deref().unwrap_or("");
        let chosen = description
            .shards
            .iter()
            .filter(|shard| shard.shard_id.as_str() > after && lives.show(shard, &query));
        let mut shards: Vec<Shard> = chosen.take(max + 1).cloned().collect();
        let more = shards.len() > max;
        shards.truncate(max);
        let next_token = more.then(|| {
            query.after = shards.last().map(|shard| shard.shard_id.clone());
            query.made = clock::now_millis();
            query.token()
        });
        Ok(ShardList { shards, next_token })
    }

    fn query(&self, call: &ListShards) -> Result<Query, Failure> {
        let stream =
            self.streams().find(call.stream_name.as_deref(), call.stream_arn.as_deref())?;
        let now = clock::now_millis();
        let mut query = Query {
            stream: stream.name.clone(),
            after: call.exclusive_start_shard_id.clone(),
            filter: FilterType::FromTrimHorizon,
            time: now,
            made: now,
        };
        let Some(filter) = &call.shard_filter else { return Ok(query) };
        query.filter = filter.kind;
        match (filter.kind, &filter.shard_id, filter.timestamp) {
            (FilterType::AfterShardId, Some(id), _) => {
                query.after = query.after.max(Some(id.clone()))
            }
            (FilterType::AtTimestamp | FilterType::FromTimestamp, _, Some(time))
                if time.0 <= now =>
            {
                query.time = time.0
            }
            (
                FilterType::AfterShardId | FilterType::AtTimestamp | FilterType::FromTimestamp,
                ..,
            ) => {
                return Err(invalid(
                    "The shard filter lacks its ShardId, or a Timestamp that is not in the future.",
                ));
            }
            _ => {}
        }
        Ok(query)
    }
}

impl Query {
    fn token(&self) -> String {
        // Strings and numbers always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

fn resume(call: &ListShards, token: &str) -> Result<Query, Failure> {
    let alone = call.stream_name.is_none()
        && call.exclusive_start_shard_id.is_none()
        && call.shard_filter.is_none();
    if !alone {
        return Err(invalid("NextToken goes with nothing but MaxResults."));
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid("Invalid NextToken."))?;
    let query: Query = serde_json::from_slice(&bytes).map_err(|_| invalid("Invalid NextToken."))?;
    if clock::now_millis().saturating_sub(query.made) > TOKEN_LIFE_MS {
        return Err(Failure::client_error(
            "ExpiredNextTokenException",
            Some("NextToken is older than 300 seconds."),
        ));
    }
    Ok(query)
}

/// When the shards of a stream were open.
///
/// The store keeps whole seconds, and starts children a second late. So an end counts to the end of
/// its second, and a child starts when its parents end: no moment is without shards, and none shows
/// a child in place of a parent that may have later records.
struct Lives<'a> {
    description: &'a Description,
    /// The oldest moment of which the stream still knows.
    horizon: u64,
}

impl<'a> Lives<'a> {
    fn of(description: &'a Description) -> Self {
        let kept = u64::from(description.retention_period_hours) * 3_600_000;
        let made = Millis::from_seconds(description.stream_creation_timestamp.0).0;
        Self { description, horizon: clock::now_millis().saturating_sub(kept).max(made) }
    }

    fn show(&self, shard: &Shard, query: &Query) -> bool {
        let open_at =
            |time: u64| self.start(shard) <= time && self.end(shard).is_none_or(|end| time < end);
        let open_from = |time: u64| self.end(shard).is_none_or(|end| time < end);
        match query.filter {
            FilterType::AtLatest => !is_closed(shard),
            FilterType::AtTrimHorizon => open_at(self.horizon),
            FilterType::AtTimestamp => open_at(query.time.max(self.horizon)),
            FilterType::FromTimestamp => open_from(query.time.max(self.horizon)),
            FilterType::FromTrimHorizon | FilterType::AfterShardId => open_from(self.horizon),
        }
    }

    fn start(&self, shard: &Shard) -> u64 {
        let parent_end = |id: &String| {
            let parent = shard_number(self.description, id)?;
            self.end(self.description.shards.get(parent)?)
        };
        let parents = shard.parent_shard_id.iter().chain(&shard.adjacent_parent_shard_id);
        parents.filter_map(parent_end).max().unwrap_or(0)
    }

    fn end(&self, shard: &Shard) -> Option<u64> {
        let end =
            parse_sequence(shard.sequence_number_range.ending_sequence_number.as_deref()?).ok()?;
        Some(end.seq_time.unwrap_or(0) + 1000)
    }
}
