//! `kinfolk group list`: every group of a table, or of a file.

mod show;
mod summary;

use kinfolk::ErrorKind;
use kinfolk::clock::{Clock, SystemClock};
use kinfolk::group::{self, Listed};
use kinfolk::store::sqlite::SqliteStore;

use self::summary::Summary;
use crate::exit::{Exit, Failure, Outcome};
use crate::state::State;
use crate::{aws, output};

/// List the groups of a state table or file: their workers and shards in numbers.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where the groups' state is kept: dynamodb:TABLE or sqlite:PATH.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
WORKERS     those that said within the last minute, by their own clocks, that they are alive, and
            how many others there are that did not
SHARDS      those that the workers share, and how many of them have ended
STANDALONE  readers that read every shard by themselves: under a name, as a worker, or in a slot
SLOTS       fan-out slots in use, of how many
BEAT        how long ago a worker last said that it is alive, by its own clock against this one
NOTE        standalone   no worker shares shards
            left behind  no worker is in the group; the next one goes on where the last one stopped
            unreadable   the state does not read as it should, and why

The whole table or file is read. One state that does not read makes the exit code 1; the others are listed.

Examples:
  kinfolk group list
  kinfolk group list --state dynamodb:my-table
  kinfolk group list --state sqlite:billing.db
  kinfolk group list --json | jq -r '.groups[] | select(.note == \"left behind\") | .group'";

/// Runs the command.
pub(super) async fn run(args: Args) -> Outcome {
    let listed = listed(&args.state).await?;
    let now = SystemClock.now().wall;
    let all: Vec<Summary> = listed.iter().map(|listed| Summary::of(listed, now)).collect();
    if args.json {
        output::print_json(&show::Json::of(&args.state, &all))?;
    } else if all.is_empty() {
        output::note(format_args!("there is no group in {}\n  hint: {HINT}", args.state));
    } else {
        output::print(show::text(&all))?;
    }
    match all.iter().filter(|group| group.counts.is_err()).count() {
        0 => Ok(Exit::Done),
        unreadable => Err(Failure::failed(format!(
            "{unreadable} of {} states in {} cannot be read",
            all.len(),
            args.state
        ))
        .hint(
            "nothing was changed: look at the item with `aws dynamodb get-item`, or at the rows with \
             `sqlite3`; it may be of a later version of Kinfolk",
        )),
    }
}

/// Every group of a state.
pub(in crate::commands) async fn listed(state: &State) -> Result<Vec<Listed>, Failure> {
    let listed = match state {
        State::DynamoDb(table) => {
            let client = aws_sdk_dynamodb::Client::new(&aws::config().await?);
            group::list(&client, table).await
        }
        State::Sqlite(path) => SqliteStore::groups(path),
    };
    listed.map_err(explain)
}

const HINT: &str = "check --state, AWS_REGION and AWS_PROFILE; a group begins with its first worker: \
                    kinfolk consume --stream STREAM --group GROUP";

fn explain(error: kinfolk::Error) -> Failure {
    let wrong = error.kind() == ErrorKind::Config;
    let failure = Failure::from(error);
    if wrong { failure.hint(HINT) } else { failure }
}
