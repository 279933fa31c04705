//! Starting a consumer that was set up.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use kinfolk_core::coordinate::{Coordinator, Input, Mode, Settings, Timing};
use kinfolk_core::snapshot::{About, Snapshot};
use kinfolk_core::topology::Listing;
use tokio::sync::{Mutex, mpsc, watch};

use super::Builder;
use crate::backup::Keeper;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::consumer::Consumer;
use crate::drive::{Driver, Report};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Announcer;
use crate::fence::Fence;
use crate::hub::Hub;
use crate::random;
use crate::read::Reading;
use crate::source::{Description, KinesisSource, Source};
use crate::store::StateStore;
use crate::store::dynamo::lifion::LifionStore;
#[cfg(feature = "sqlite")]
use crate::store::sqlite::SqliteStore;
use crate::stream::named;
#[cfg(feature = "sqlite")]
use crate::supervise;
use crate::supervise::Task;

/// The least budget: some records of ordinary size.
const LEAST_BUDGET: u64 = 1 << 20;

/// How often the stream is asked until it answers as one that can be read: for a minute.
const DESCRIPTIONS: u32 = 300;
/// How often the state is read until the first answer, each time with the limit of one attempt.
const FIRST_LOOKS: u32 = 10;

impl Builder {
    /// Starts a consumer that reads Kinesis and keeps its state in DynamoDB, both with this
    /// configuration.
    ///
    /// # Errors
    /// See [`clients`](Self::clients).
    pub async fn connect(self, aws: &SdkConfig) -> Result<Consumer> {
        let kinesis = aws_sdk_kinesis::Client::new(aws);
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        self.clients(kinesis, dynamodb).await
    }

    /// Starts a consumer with these clients.
    ///
    /// # Errors
    /// `Config`: there is no such stream, the table has other keys or must not be created, a
    /// setting is wrong. `Denied`, `Unavailable`: AWS said so. `Data`: the stored state does not
    /// read as it should.
    pub async fn clients(
        self,
        kinesis: aws_sdk_kinesis::Client,
        dynamodb: aws_sdk_dynamodb::Client,
    ) -> Result<Consumer> {
        let timing = self.timing.as_ref().unwrap_or(&Timing::LIFION);
        let attempt = Duration::from_millis(timing.attempt_ms.into());
        let store = LifionStore::new(
            &dynamodb,
            self.table.table(),
            self.group.clone(),
            self.stream.name().clone(),
        )
        .attempt_limit(attempt);
        let source = self.source(kinesis).await?;
        let table = self.table.clone();
        let look = async {
            // The table is looked at only when reading from it does not work: a round trip less
            // for everybody but the first.
            match first_look(&store).await {
                Err(error) if error.kind() == ErrorKind::Config => {
                    let made = async {
                        let arn = table.ensure(&dynamodb).await?;
                        table.ensure_tags(&dynamodb, &arn).await
                    };
                    made.await.map_err(|error| self.without_table(error))?;
                    first_look(&store).await
                }
                looked => looked,
            }
        };
        let opening = futures_util::try_join!(describe(&source), look)?;
        self.open(Arc::new(source), Arc::new(store.clone()), opening)
    }

    /// Starts a consumer that reads Kinesis and keeps its state in a SQLite file, which it shares
    /// with other processes of this machine. The file is made where it is missing, for its owner
    /// alone. [`table`](Self::table) says nothing here; the deadlines are by default
    /// [`Timing::SQLITE`].
    ///
    /// # Errors
    /// `Config`: there is no such stream, the path leads to something else or to where this user
    /// may not write, a setting is wrong. `Denied`: AWS said so. `Unavailable`: so did AWS, the
    /// disk is full, or others did not let go of the file. `Data`: the stored state does not read
    /// as it should.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(
        self,
        kinesis: aws_sdk_kinesis::Client,
        path: impl AsRef<Path>,
    ) -> Result<Consumer> {
        let timing = self.timing.as_ref().unwrap_or(&Timing::SQLITE);
        let attempt = Duration::from_millis(timing.attempt_ms.into());
        let (path, group, stream) =
            (path.as_ref().to_owned(), self.group.clone(), self.stream.name().clone());
        let open = move || SqliteStore::open(path, group, stream);
        let store = supervise::blocking(open).await??.attempt_limit(attempt);
        let source = self.source(kinesis).await?;
        let opening = futures_util::try_join!(describe(&source), first_look(&store))?;
        self.open(Arc::new(source), Arc::new(store.clone()), opening)
    }

    /// Starts a consumer with a source and a store of the caller's own.
    ///
    /// # Errors
    /// Those of the source and the store, and `Config` for a wrong setting.
    pub async fn start(
        self,
        source: Arc<dyn Source>,
        store: Arc<dyn StateStore>,
    ) -> Result<Consumer> {
        let opening =
            futures_util::try_join!(describe(source.as_ref()), first_look(store.as_ref()))?;
        self.open(source, store, opening)
    }

    fn open(
        self,
        source: Arc<dyn Source>,
        store: Arc<dyn StateStore>,
        ((description, listing), state): ((Description, Listing), Option<Snapshot>),
    ) -> Result<Consumer> {
        let timing = self.timing.clone().unwrap_or_else(|| store.timing());
        self.check(&timing)?;
        let clock = self.clock.clone();
        let settings = Settings {
            timing: timing.clone(),
            limits: store.limits(),
            initial: self.initial,
            mode: self.mode.clone(),
            fan_out: self.fan_out > 0,
            about: about(&self.app_name, clock.as_ref()),
            strict_node_leases: self.strict_node_leases,
        };
        let coordinator = Coordinator::new(settings, random::ids()?, clock.now());
        let announcer = Announcer::new();
        let fence = Arc::new(Fence::new(clock.clone()));
        let hub = Arc::new(Hub::new(fence.clone()));
        let (commands, receiver) = mpsc::channel(1);
        let (missing, missing_receiver) = mpsc::channel(1);
        let (consumer, read_by) = watch::channel(None);
        let (budget, pace) = (Budget::new(self.budget), self.pace);
        let driver = Driver {
            coordinator,
            timing,
            group: self.group.clone(),
            stream: self.stream.name().clone(),
            fan_out: self.fan_out,
            keeper: Keeper::new(self.backup, self.group.clone(), self.stream.name().clone()),
            store: store.clone(),
            reading: Reading {
                source,
                clock,
                budget,
                pace,
                deaggregate: self.deaggregate,
                consumer: read_by,
            },
            fence,
            hub: hub.clone(),
            announcer: announcer.clone(),
            commands: receiver,
            missing: missing_receiver,
            consumer,
            listener: Arc::new(Report { announcer: announcer.clone(), missing }),
        };
        let Description { created_on, server_time } = description;
        let first = Input::Opened { created_on, server_time, listing, state };
        Ok(Consumer {
            stream: self.stream.into(),
            group: self.group,
            hub,
            first_events: std::sync::Mutex::new(Some(announcer.listen())),
            announcer,
            store,
            commands,
            driver: Mutex::new(Task::spawn(driver.run(first))),
            shutdown_limit: self.shutdown_limit,
        })
    }

    /// The stream, as it is to be.
    async fn source(&self, kinesis: aws_sdk_kinesis::Client) -> Result<KinesisSource> {
        if let Some(settings) = &self.stream_settings {
            settings.ensure(&kinesis, &self.stream).await?;
        }
        Ok(KinesisSource::new(kinesis, self.stream.clone()))
    }

    /// The table knows nothing of the group: whoever reads the error must.
    fn without_table(&self, error: Error) -> Error {
        let message =
            format!("cannot keep the state of group {} on stream {}", self.group, self.stream);
        Error::new(error.kind(), message).with_source(error)
    }

    fn check(&self, timing: &Timing) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
        if let Err(reason) = timing.check() {
            return wrong(format!("these deadlines are unsafe: {reason}"));
        }
        if self.budget < LEAST_BUDGET {
            return wrong(format!("the byte budget must be at least {LEAST_BUDGET} bytes"));
        }
        named::check(&self.stream)?;
        if self.group.as_str().is_empty() {
            return wrong("the group needs a name".to_owned());
        }
        if matches!(&self.mode, Mode::Standalone { name: Some(name) } if name.as_str().is_empty()) {
            return wrong("a standalone worker's name is empty: give one, or none".to_owned());
        }
        Ok(())
    }
}

/// What the stream is and which shards it has, asked at the same time. A stream that is being
/// created is waited for.
async fn describe(source: &dyn Source) -> Result<(Description, Listing)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (description, listing) = futures_util::join!(source.describe(), source.list());
        match description {
            Err(error) if error.kind() == ErrorKind::Unavailable && attempts < DESCRIPTIONS => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            description => return Ok((description?, listing?)),
        }
    }
}

/// The first look of a process also connects, and fetches credentials: more than its limit may
/// allow for. It is repeated for a while.
async fn first_look(store: &dyn StateStore) -> Result<Option<Snapshot>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match store.look().await {
            Err(error) if error.kind() == ErrorKind::Unavailable && attempts < FIRST_LOOKS => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            looked => return looked,
        }
    }
}

fn about(app_name: &str, clock: &dyn Clock) -> About {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    About {
        app_name: app_name.to_owned(),
        host,
        pid: std::process::id(),
        started_on: clock.now().wall,
    }
}
