//! `kinfolk`: consumer groups for Amazon Kinesis Data Streams, from the command line.

mod aws;
mod commands;
mod exit;
mod output;
mod signal;
mod state;
mod table;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::commands::Command;
use crate::exit::Failure;

/// Consumer groups for Amazon Kinesis Data Streams.
#[derive(Debug, Parser)]
#[command(name = "kinfolk", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more on standard error: -v, -vv, -vvv. RUST_LOG overrides it.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

const AFTER_HELP: &str = "\
See it work, without an account:
  kinfolk demo --kill --split          a group loses a worker and no record

Try it yourself:
  kinfolk local                        in one terminal: prints what to export
  kinfolk stream create orders         in another, after the exports
  echo hello | kinfolk put --stream orders

Region, credentials and endpoints come from the AWS SDK's usual places: AWS_REGION, AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL_DYNAMODB, ~/.aws, and so on.
NO_COLOR switches colours off.

Exit codes:
  0  all is done
  1  the work failed, or a part of it
  2  the arguments, the settings or the permissions are wrong";

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&Failure::failed("cannot start").because(error)),
    };
    let code = match runtime.block_on(cli.command.run()) {
        Ok(exit) => exit.into(),
        Err(failure) => output::failure(&failure),
    };
    // A read of standard input that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    code
}

fn log_to_stderr(verbose: u8) {
    // The SDK warns of each place that it looked for credentials in; the error tells enough.
    let level = match verbose {
        0 => "error,kinfolk=warn",
        1 => "warn,kinfolk=info",
        2 => "info,kinfolk=debug",
        _ => "debug,kinfolk=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::colours(std::io::stderr().is_terminal()))
        .with_target(verbose > 1)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn the_version_is_that_of_the_command() {
        let text = super::Cli::command().render_version();
        assert_eq!(text, concat!("kinfolk ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}
