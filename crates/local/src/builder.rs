use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use ferrokinesis::store::{DurableStateOptions, Store, StoreOptions};

use crate::{
    error::LocalError,
    kinesis::{Journal, Settings},
    local::Local,
};

/// How the servers are to run. Made by [`Local::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `start`"]
pub struct LocalBuilder {
    pub(crate) kinesis_port: u16,
    pub(crate) dynamodb_port: u16,
    pub(crate) s3: bool,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) shard_limit: u32,
    pub(crate) read_limits: bool,
    pub(crate) write_limits: bool,
    pub(crate) transition: Duration,
    pub(crate) iterator_life: Duration,
    pub(crate) event_records: usize,
    pub(crate) subscription: Duration,
    pub(crate) resubscribe_after: Duration,
}

impl Default for LocalBuilder {
    fn default() -> Self {
        Self {
            kinesis_port: 0,
            dynamodb_port: 0,
            s3: false,
            data_dir: None,
            shard_limit: 100_000,
            read_limits: true,
            write_limits: false,
            transition: Duration::from_millis(50),
            iterator_life: Duration::from_secs(300),
            event_records: 1000,
            subscription: Duration::from_secs(300),
            resubscribe_after: Duration::from_secs(5),
        }
    }
}

impl LocalBuilder {
    /// The port of Kinesis; 0, the default, is any free one.
    pub fn kinesis_port(mut self, port: u16) -> Self {
        self.kinesis_port = port;
        self
    }

    /// The port of DynamoDB; 0, the default, is any free one.
    pub fn dynamodb_port(mut self, port: u16) -> Self {
        self.dynamodb_port = port;
        self
    }

    /// Whether S3 runs too, on any free port; it does not by default. What it holds is in memory,
    /// whatever [`data_dir`](Self::data_dir) says.
    pub fn s3(mut self, on: bool) -> Self {
        self.s3 = on;
        self
    }

    /// Keeps everything in this folder, which is made for its owner alone. By default all is lost
    /// at the end.
    ///
    /// Records are in memory all the same, and read from the folder at the start. What was put
    /// outlives the process, however it ends; a loss of power may take the last moments.
    pub fn data_dir(mut self, folder: PathBuf) -> Self {
        self.data_dir = Some(folder);
        self
    }

    /// The number of open shards of all streams together, 100,000 by default; beyond it
    /// `LimitExceededException`.
    pub fn shard_limit(mut self, shards: u32) -> Self {
        self.shard_limit = shards;
        self
    }

    /// Whether reading is throttled as by AWS, which is the default: 5 GetRecords a second and 2 MB
    /// a second a shard.
    pub fn read_limits(mut self, on: bool) -> Self {
        self.read_limits = on;
        self
    }

    /// Whether writing is throttled as by AWS: 1,000 records and 1 MiB a second a shard. Off by
    /// default.
    pub fn write_limits(mut self, on: bool) -> Self {
        self.write_limits = on;
        self
    }

    /// How long a stream is CREATING, UPDATING or DELETING: 50 ms by default. (A consumer is
    /// CREATING for 500 ms.)
    pub fn transition_time(mut self, time: Duration) -> Self {
        self.transition = time;
        self
    }

    /// How long a shard iterator is good for: 5 minutes by default, as at AWS.
    pub fn iterator_life(mut self, time: Duration) -> Self {
        self.iterator_life = time;
        self
    }

    /// The most records of one SubscribeToShard event: 1,000 by default. An event also holds at
    /// most 2 MiB, or one record.
    pub fn event_records(mut self, records: usize) -> Self {
        self.event_records = records.max(1);
        self
    }

    /// How long a SubscribeToShard lasts: 5 minutes by default, as at AWS.
    pub fn subscription_time(mut self, time: Duration) -> Self {
        self.subscription = time;
        self
    }

    /// How long after a SubscribeToShard the same consumer and shard are refused with
    /// `ResourceInUseException`: 5 s by default, as at AWS. Later, the new subscription takes over
    /// from the old one.
    pub fn resubscribe_after(mut self, time: Duration) -> Self {
        self.resubscribe_after = time;
        self
    }

    /// Starts the servers on 127.0.0.1, inside the current Tokio runtime.
    ///
    /// # Errors
    /// [`LocalError`] when a port is taken or the data folder cannot be used.
    pub async fn start(self) -> Result<Local, LocalError> {
        Local::start(self).await
    }

    pub(crate) fn open_store(&self) -> Result<Store, LocalError> {
        let transition = u64::try_from(self.transition.as_millis()).unwrap_or(u64::MAX);
        let durable = match &self.data_dir {
            Some(folder) => Some(DurableStateOptions {
                state_dir: private_folder(&folder.join("kinesis"))?,
                snapshot_interval_secs: 30,
                max_retained_bytes: None,
            }),
            None => None,
        };
        let store = Store::new(StoreOptions {
            create_stream_ms: transition,
            delete_stream_ms: transition,
            update_stream_ms: transition,
            shard_limit: self.shard_limit,
            enforce_limits: self.write_limits,
            durable,
            ..StoreOptions::default()
        });
        store.check_ready().map_err(|error| LocalError::Stream(error.to_string()))?;
        Ok(store)
    }

    pub(crate) fn open_journal(&self) -> Result<Option<Journal>, LocalError> {
        let Some(folder) = &self.data_dir else { return Ok(None) };
        let path = private_folder(&folder.join("kinesis"))?.join("records.log");
        Journal::open(&path).map(Some).map_err(|source| LocalError::Folder { path, source })
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            read_limits: self.read_limits,
            iterator_life_ms: u64::try_from(self.iterator_life.as_millis()).unwrap_or(u64::MAX),
            event_records: self.event_records,
            subscription: self.subscription,
            resubscribe_after: self.resubscribe_after,
        }
    }

    pub(crate) fn open_database(&self) -> Result<dynoxide::Database, LocalError> {
        let database = match &self.data_dir {
            None => dynoxide::Database::memory(),
            Some(folder) => {
                let file = private_folder(folder)?.join("dynamodb.sqlite");
                private_file(&file)
                    .map_err(|source| LocalError::Folder { path: file.clone(), source })?;
                dynoxide::Database::new(&file.to_string_lossy())
            }
        };
        database.map_err(|error| LocalError::Database(error.to_string()))
    }
}

/// Makes a folder that only its owner can open.
fn private_folder(path: &Path) -> Result<PathBuf, LocalError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| LocalError::Folder { path: path.to_owned(), source })?;
    Ok(path.to_owned())
}

/// Makes an empty file that only its owner can read, unless there is one; SQLite gives its side
/// files the same rights.
pub(crate) fn private_file(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
