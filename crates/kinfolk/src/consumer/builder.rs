//! Setting a consumer up.

mod start;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::coordinate::{Mode, Timing};
use kinfolk_core::id::{GroupName, PlaceName, StreamRef};
use kinfolk_core::reader::Pace;
use kinfolk_core::topology::Initial;

use crate::aggregate::Deaggregate;
use crate::backup::Backup;
use crate::clock::{Clock, SystemClock};
use crate::store::dynamo::table::TableSettings;
use crate::stream::StreamSettings;

/// How much of records a worker holds by default, in bytes.
const BUDGET: u64 = 64 << 20;
/// Sets a [`Consumer`](crate::Consumer) up. Made by [`Consumer::builder`](crate::Consumer::builder).
#[derive(Clone, Debug)]
pub struct Builder {
    stream: StreamRef,
    group: GroupName,
    stream_settings: Option<StreamSettings>,
    initial: Initial,
    table: TableSettings,
    timing: Option<Timing>,
    mode: Mode,
    fan_out: u32,
    backup: Backup,
    pace: Pace,
    deaggregate: Deaggregate,
    budget: u64,
    app_name: String,
    shutdown_limit: Duration,
    strict_node_leases: bool,
    clock: Arc<dyn Clock>,
}

impl Builder {
    pub(super) fn new(stream: StreamRef, group: GroupName) -> Self {
        Self {
            stream,
            group,
            stream_settings: None,
            initial: Initial::default(),
            table: TableSettings::new(),
            timing: None,
            mode: Mode::Shared,
            fan_out: 0,
            backup: Backup::Folder(PathBuf::from(".")),
            pace: Pace::default(),
            deaggregate: Deaggregate::default(),
            budget: BUDGET,
            app_name: env!("CARGO_PKG_NAME").to_owned(),
            shutdown_limit: Duration::from_secs(30),
            strict_node_leases: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where the group begins if this worker is its first; `Latest` by default. A group that has
    /// begun goes on from its place whatever this says.
    #[must_use]
    pub fn initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
        self
    }

    /// What the stream is to be like before it is read; by default it must be there, and is left as
    /// it is. Says nothing for a [source of the caller's own](Self::start).
    #[must_use]
    pub fn stream_settings(mut self, settings: StreamSettings) -> Self {
        self.stream_settings = Some(settings);
        self
    }

    /// The table that holds the state; by default the Node library's, created if it is missing.
    #[must_use]
    pub fn table(mut self, table: TableSettings) -> Self {
        self.table = table;
        self
    }

    /// Deadlines of the worker; by default those that suit the store
    /// ([`StateStore::timing`](crate::store::StateStore::timing)). All workers of a group may have their own.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = Some(timing);
        self
    }

    /// Reads every shard of the stream, whatever the other workers of the group do. Its place goes
    /// with it: started again, it begins where [`initial`](Self::initial) says.
    #[must_use]
    pub fn standalone(mut self) -> Self {
        self.mode = Mode::Standalone { name: None };
        self
    }

    /// Reads every shard of the stream, whatever the other workers of the group do, and keeps its
    /// place under this name: the next process that is started under it goes on from there.
    /// Processes that run under one name at the same time share the shards among them.
    #[must_use]
    pub fn standalone_as(mut self, name: impl Into<PlaceName>) -> Self {
        self.mode = Mode::Standalone { name: Some(name.into()) };
        self
    }

    /// Reads by enhanced fan-out: records are pushed, and the worker has 2 MiB a second of each shard
    /// for itself. It takes one of so many fan-out consumers, which are registered for the group where
    /// they are missing. 0, the default, is none.
    ///
    /// A worker that finds all of them in use polls until one is free; a standalone worker without a
    /// name waits for one, since its place is kept in it. Where fan-out fails or is refused, the
    /// shard is polled ([`Event::FellBack`](crate::Event::FellBack)), and fan-out tried again after
    /// five minutes.
    ///
    /// Kinesis charges for a registered consumer by the hour, and nobody deregisters it by himself:
    /// see [`fan_out`](crate::fan_out).
    #[must_use]
    pub fn fan_out(mut self, consumers: u32) -> Self {
        self.fan_out = consumers;
        self
    }

    /// Where the state of a stream is kept that was deleted and made again, before it is replaced:
    /// in a new file of this folder, which its owner alone can read. The current folder by
    /// default. What cannot be kept is not replaced.
    #[must_use]
    pub fn backup_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.backup = Backup::Folder(folder.into());
        self
    }

    /// Keeps the state of a stream that was deleted and made again, before it is replaced: it is
    /// given as DynamoDB's typed JSON. An error keeps it from being replaced. Runs on a thread
    /// that may block.
    #[must_use]
    pub fn backup_with<E>(
        mut self,
        keep: impl Fn(&[u8]) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.backup = Backup::Hook(Arc::new(move |state: &[u8]| keep(state).map_err(Into::into)));
        self
    }

    /// How shards are polled; by default as Kinesis' limits allow.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What becomes of aggregates of the Kinesis Producer Library; by default they are opened, and
    /// their records handed out one by one. A worker that opens none hands out an aggregate as a
    /// whole, even where another one had begun to handle what is in it.
    #[must_use]
    pub fn deaggregate(mut self, deaggregate: Deaggregate) -> Self {
        self.deaggregate = deaggregate;
        self
    }

    /// How many bytes of records the worker holds at most, over all shards; 64 MiB by default,
    /// 1 MiB at the least. An answer may exceed its estimate, and the budget by as much.
    #[must_use]
    pub fn budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    /// The application's name, for people who look at the group.
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = name.into();
        self
    }

    /// How long [`Consumer::shutdown`](crate::Consumer::shutdown) waits for handlers; 30 seconds by default.
    #[must_use]
    pub fn shutdown_limit(mut self, limit: Duration) -> Self {
        self.shutdown_limit = limit;
        self
    }

    /// Take nothing that a silent Node consumer may still read when it comes back: its leases
    /// then wait for their own date, up to five minutes. Off by default.
    #[must_use]
    pub fn strict_node_leases(mut self, strict: bool) -> Self {
        self.strict_node_leases = strict;
        self
    }

    /// Another clock; for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
