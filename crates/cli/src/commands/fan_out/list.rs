//! `kinfolk fan-out list`: what is registered at a stream, and who uses it.

use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::id::{GroupName, StreamRef};
use kinfolk::fan_out;
use serde::Serialize;

use super::standing::Standing;
use crate::commands::group::listed;
use crate::exit::{Exit, Outcome};
use crate::output::escape;
use crate::state::State;
use crate::table::Table;
use crate::{aws, output};

/// List the fan-out consumers of a stream, whoever registered them, and who uses them.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The name of the stream, or its ARN.
    stream: StreamRef,

    /// Where the groups' state is kept: dynamodb:TABLE or sqlite:PATH.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

    /// Only those that are registered for this group.
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
GROUP    the group whose slot it is, as far as the state tells
USED BY  the worker that reads by it; in brackets if it was not alive within the last minute, by its
         own clock against this one

AWS charges for each by the hour, used or not.

Examples:
  kinfolk fan-out list orders
  kinfolk fan-out list orders --group billing --state sqlite:billing.db
  kinfolk fan-out list orders --json | jq -r '.consumers[] | select(.in_use | not) | .name'";

/// Runs the command.
pub(super) async fn run(args: Args) -> Outcome {
    let mut consumers = fan_out::list(&aws::kinesis().await?, &args.stream).await?;
    consumers.retain(|consumer| args.group.as_ref().is_none_or(|group| consumer.is_of(group)));
    let groups = match listed(&args.state).await {
        Ok(groups) => groups,
        // What is registered can be told without it.
        Err(failure) => {
            output::note(format_args!("who uses them is not known: {}", failure.message));
            Vec::new()
        }
    };
    let now = SystemClock.now().wall;
    let all = consumers.into_iter().map(|one| Standing::of(one, args.stream.name(), &groups, now));
    let all: Vec<Standing> = all.collect();
    if args.json {
        output::print_json(&Json::of(&args.stream, &all))?;
    } else if all.is_empty() {
        output::note(format_args!("stream {} has no fan-out consumer", args.stream));
    } else {
        output::print(text(&all))?;
    }
    Ok(Exit::Done)
}

fn text(all: &[Standing]) -> String {
    let mut table = Table::new(["NAME", "STATUS", "CREATED", "GROUP", "USED BY", "ARN"]);
    for Standing { consumer, slots } in all {
        let dash = || "-".to_owned();
        let slot = slots.iter().max_by_key(|slot| slot.alive);
        let used_by = slot.and_then(|slot| {
            let user = escape(slot.used_by.as_ref()?.as_str());
            Some(if slot.alive { user } else { format!("({user})") })
        });
        table.row([
            escape(consumer.name.as_str()),
            consumer.status.to_string(),
            consumer.created.map_or_else(dash, |time| time.to_string()),
            slot.map_or_else(dash, |slot| escape(slot.group.as_str())),
            used_by.unwrap_or_else(dash),
            escape(&consumer.arn),
        ]);
    }
    table.to_string()
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Json {
    stream: String,
    consumers: Vec<JsonConsumer>,
}

#[derive(Debug, Serialize)]
struct JsonConsumer {
    name: String,
    arn: String,
    status: String,
    created: Option<String>,
    kinfolk: bool,
    in_use: bool,
    slots: Vec<JsonSlot>,
}

#[derive(Debug, Serialize)]
struct JsonSlot {
    group: String,
    used_by: Option<String>,
    alive: bool,
}

impl Json {
    fn of(stream: &StreamRef, all: &[Standing]) -> Self {
        let consumer = |standing: &Standing| JsonConsumer {
            name: standing.consumer.name.to_string(),
            arn: standing.consumer.arn.clone(),
            status: standing.consumer.status.to_string(),
            created: standing.consumer.created.map(|time| time.to_string()),
            kinfolk: standing.consumer.is_kinfolk(),
            in_use: standing.in_use().is_some(),
            slots: standing
                .slots
                .iter()
                .map(|slot| JsonSlot {
                    group: slot.group.to_string(),
                    used_by: slot.used_by.as_ref().map(ToString::to_string),
                    alive: slot.alive,
                })
                .collect(),
        };
        Self { stream: stream.name().to_string(), consumers: all.iter().map(consumer).collect() }
    }
}
