//! The binary, run as people run it.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::process::Stdio;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Credentials;
use kinfolk_local::Local;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `kinfolk` with these arguments and this input against the local servers.
pub(crate) async fn kinfolk(local: &Local, args: &[&str], input: &[u8]) -> Ran {
    run(pointed(local, args), input).await
}

/// Runs `kinfolk` without any server, account or setting.
pub(crate) async fn offline(args: &[&str], input: &[u8]) -> Ran {
    run(bare(args), input).await
}

/// `kinfolk` with these arguments against the local servers, not yet started.
pub(crate) fn pointed(local: &Local, args: &[&str]) -> Command {
    let mut command = bare(args);
    command
        .env("AWS_REGION", local.region())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_ENDPOINT_URL_KINESIS", local.kinesis_endpoint())
        .env("AWS_ENDPOINT_URL_DYNAMODB", local.dynamodb_endpoint());
    command
}

fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinfolk"));
    command.args(args).env_clear().kill_on_drop(true);
    command
}

async fn run(mut command: Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that ends early does not read it all.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A client of the local Kinesis.
pub(crate) async fn kinesis(local: &Local) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(local.region()))
        .endpoint_url(local.kinesis_endpoint())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .load()
        .await;
    Client::new(&config)
}
