//! `kinfolk fan-out deregister`: those that nobody uses, or those that are named.

use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::id::{GroupName, SlotName, StreamRef};
use kinfolk::fan_out::{self, ConsumerStatus};
use kinfolk::group::Listed;

use super::standing::Standing;
use crate::commands::group::listed;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::escape;
use crate::state::State;
use crate::{aws, output};

/// Deregister fan-out consumers of a stream. Tells what would go; does it with --yes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The name of the stream, or its ARN.
    stream: StreamRef,

    /// The names of the consumers.
    #[arg(value_name = "NAME", required_unless_present = "orphans")]
    names: Vec<SlotName>,

    /// Those that Kinfolk registered and that no living worker of any group in the state uses.
    #[arg(long, conflicts_with = "names")]
    orphans: bool,

    /// Of the orphans, only those that are registered for this group.
    #[arg(long, value_name = "NAME", requires = "orphans")]
    group: Option<GroupName>,

    /// Where the groups' state is kept: dynamodb:TABLE or sqlite:PATH.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

    /// Also one that is in use, or that Kinfolk did not register.
    #[arg(long, conflicts_with = "orphans")]
    force: bool,

    /// Do it.
    #[arg(long)]
    yes: bool,
}

const AFTER_HELP: &str = "\
Whoever reads by a consumer that goes polls from there on; nothing is lost. A group whose workers run
registers what it is to have again within five minutes: stop them, or start them with fewer.

A consumer that only groups of another table or file use is an orphan to this one: name the state that
the stream's groups are kept in.

Examples:
  kinfolk fan-out deregister orders --orphans
  kinfolk fan-out deregister orders --orphans --group billing --yes
  kinfolk fan-out deregister orders kinfolk-billing-1f2e3d4c-3 --yes";

/// Runs the command.
pub(super) async fn run(args: Args) -> Outcome {
    let client = aws::kinesis().await?;
    let consumers = fan_out::list(&client, &args.stream).await?;
    let groups = match listed(&args.state).await {
        Err(_) if args.force => Vec::new(),
        groups => groups?,
    };
    let now = SystemClock.now().wall;
    let all = consumers.into_iter().map(|one| Standing::of(one, args.stream.name(), &groups, now));
    let all: Vec<Standing> = all.collect();
    let chosen = match args.orphans {
        true => orphans(&args, all, &groups)?,
        false => named(&args, &all)?,
    };
    if chosen.is_empty() {
        output::note(format_args!("stream {} has no orphan", args.stream));
    }
    for standing in &chosen {
        let name = &standing.consumer.name;
        let (shown, told) = (escape(name.as_str()), escape(&standing.told()));
        if args.yes {
            fan_out::deregister(&client, &args.stream, name).await?;
            output::print(format_args!("deregistered {shown}: {told}\n"))?;
        } else {
            output::print(format_args!("would deregister {shown}: {told}\n"))?;
        }
    }
    if !args.yes && !chosen.is_empty() {
        output::note("nothing was done: add --yes to deregister them");
    }
    Ok(Exit::Done)
}

fn orphans(args: &Args, all: Vec<Standing>, groups: &[Listed]) -> Result<Vec<Standing>, Failure> {
    let mut unreadable =
        groups.iter().filter(|one| one.stream == *args.stream.name() && one.state.is_err());
    if let Some(Listed { group, .. }) = unreadable.next() {
        let message = format!("the state of group {group} cannot be read: it may use any of them");
        return Err(Failure::failed(message).hint("name the consumers that are to go"));
    }
    let meant = |standing: &Standing| {
        standing.is_orphan()
            && standing.consumer.status != ConsumerStatus::Deleting
            && args.group.as_ref().is_none_or(|group| standing.consumer.is_of(group))
    };
    Ok(all.into_iter().filter(meant).collect())
}

fn named(args: &Args, all: &[Standing]) -> Result<Vec<Standing>, Failure> {
    let find = |name: &SlotName| {
        let found = all.iter().find(|standing| standing.consumer.name == *name);
        let standing = found.ok_or_else(|| {
            Failure::setup(format!("stream {} has no fan-out consumer {name}", args.stream))
                .hint(format!("kinfolk fan-out list {}", args.stream))
        })?;
        let refused = match standing.in_use() {
            _ if args.force => None,
            Some(_) => Some(standing.told()),
            None if !standing.consumer.is_kinfolk() => {
                Some("Kinfolk did not register it, so that others may use it".to_owned())
            }
            None => None,
        };
        match refused {
            Some(why) => Err(Failure::failed(format!("{name} stays: {why}"))
                .hint("with --force it goes all the same")),
            None => Ok(standing.clone()),
        }
    };
    args.names.iter().map(find).collect()
}
