//! `kinfolk local`: Kinesis and DynamoDB on this machine.

use std::path::{Path, PathBuf};

use kinfolk_local::Local;

use crate::exit::{Exit, Failure, Outcome};
use crate::{output, signal};

/// Run Kinesis and DynamoDB on this machine, for trying things out.
///
/// Prints what other commands need in their environment and runs until Ctrl-C or SIGTERM. Only
/// this machine can reach the servers; they take any credentials.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The port of Kinesis; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 4567)]
    kinesis_port: u16,

    /// The port of DynamoDB; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    dynamodb_port: u16,

    /// Keep streams and tables in this folder; without it they are gone at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Write the exports to this file as well, once the servers answer.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  kinfolk local                                    then copy the exports into another terminal
  kinfolk local --data ./state                     keep everything for the next time
  kinfolk local --kinesis-port 0 --dynamodb-port 0 --env-file local.env &
  . ./local.env                                    in a script, once the file is there";

/// Runs the command.
pub(crate) async fn run(args: Args) -> Outcome {
    let stop = signal::asked_to_stop();
    let mut builder =
        Local::builder().kinesis_port(args.kinesis_port).dynamodb_port(args.dynamodb_port);
    if let Some(folder) = args.data {
        builder = builder.data_dir(folder);
    }
    let local = builder.start().await.map_err(|error| {
        Failure::setup("cannot run Kinesis and DynamoDB here")
            .because(error)
            .hint("choose other ports; 0 is any free one: --kinesis-port 0 --dynamodb-port 0")
    })?;
    let exports = exports(&local);
    if let Some(file) = &args.env_file {
        write_at_once(file, &exports).map_err(|error| {
            Failure::setup(format!("cannot write {}", file.display())).because(error)
        })?;
    }
    output::print(exports)?;
    output::note("# running; Ctrl-C ends it");
    stop.await.map_err(|error| Failure::failed("cannot wait for Ctrl-C").because(error))?;
    local.shutdown().await;
    Ok(Exit::Done)
}

fn exports(local: &Local) -> String {
    format!(
        "export AWS_ENDPOINT_URL_KINESIS={}\n\
         export AWS_ENDPOINT_URL_DYNAMODB={}\n\
         export AWS_REGION={}\n\
         export AWS_ACCESS_KEY_ID=local\n\
         export AWS_SECRET_ACCESS_KEY=local\n",
        local.kinesis_endpoint(),
        local.dynamodb_endpoint(),
        local.region(),
    )
}

/// Writes a file so that nobody sees half of it: its being there is the sign to go on.
fn write_at_once(file: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, file)
}
