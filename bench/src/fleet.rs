//! Local servers, and processes of the binary that talk to them.

use std::path::PathBuf;
use std::process::Stdio;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_kinesis::Client as Kinesis;
use kinfolk_local::Local;
use rustix::process::{Pid, kill_process};
use tokio::process::{Child, Command};

pub use rustix::process::Signal;

use crate::{Result, clients};

/// Servers, a stream's name and a group's.
pub struct Fleet {
    pub local: Local,
    pub kinesis: Kinesis,
    pub dynamodb: DynamoDb,
    pub stream: String,
    pub group: String,
    keep: Keep,
    binary: PathBuf,
}

/// Where the group's state is kept.
#[derive(Clone, Debug)]
pub enum Keep {
    DynamoDb,
    Sqlite(PathBuf),
}

/// A process of the binary. Dropping it kills it.
pub struct Process {
    pub child: Child,
}

impl Fleet {
    /// Starts the servers. The binary is the one that was built beside this one.
    pub async fn start(stream: &str, group: &str) -> Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("kinfolk");
        if !binary.exists() {
            return Err("build the binary first: cargo build -p kinfolk-cli".into());
        }
        let local = Local::builder().start().await?;
        let (kinesis, dynamodb) = (clients::kinesis(&local), clients::dynamodb(&local));
        let (stream, group) = (stream.to_owned(), group.to_owned());
        Ok(Self { local, kinesis, dynamodb, stream, group, keep: Keep::DynamoDb, binary })
    }

    /// Keeps the state there.
    pub fn keep(self, keep: Keep) -> Self {
        Self { keep, ..self }
    }

    /// What says on the command line where the state is; nothing for DynamoDB.
    pub(crate) fn state(&self) -> Vec<String> {
        match &self.keep {
            Keep::DynamoDb => Vec::new(),
            Keep::Sqlite(path) => {
                vec!["--state".to_owned(), format!("sqlite:{}", path.display())]
            }
        }
    }

    /// `kinfolk` with these arguments and the servers in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL_KINESIS", self.local.kinesis_endpoint())
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.local.dynamodb_endpoint())
            .env("AWS_REGION", self.local.region())
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .kill_on_drop(true)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("kinfolk {}: {text}", arguments.join(" ")).into())
    }

    /// Starts a worker of the group, with these arguments beside the usual ones.
    pub fn worker(&self, stdout: impl Into<Stdio>, more: &[&str]) -> Result<Process> {
        self.worker_with(stdout, Stdio::inherit(), more)
    }

    /// Starts a worker of the group, which writes what it says of itself there.
    pub fn worker_with(
        &self,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
        more: &[&str],
    ) -> Result<Process> {
        let arguments =
            ["consume", "--stream", &self.stream, "--group", &self.group, "--from", "trim-horizon"];
        let mut command = self.command(&arguments);
        command.args(self.state()).args(more).stdout(stdout).stderr(stderr);
        Ok(Process { child: command.spawn()? })
    }

    /// Creates the stream.
    pub async fn create_stream(&self, shards: u32) -> Result<()> {
        let shards = shards.to_string();
        self.run(&["stream", "create", &self.stream, "--shards", &shards]).await
    }
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) -> Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(kill_process(pid.ok_or("the process has ended")?, signal)?)
    }
}
