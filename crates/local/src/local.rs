use std::{collections::BTreeMap, io, net::SocketAddr};

use tokio::net::TcpListener;

use crate::{
    builder::LocalBuilder,
    counts::{Counter, Counts},
    dynamodb::{self, DynamoDb},
    error::LocalError,
    fault::Faults,
    gate::Gate,
    kinesis::Kinesis,
    s3::S3,
    serve::{self, Tasks},
    units::{Meter, Units},
};

/// The servers, running. Dropping it ends them at once, with their connections.
#[derive(Debug)]
pub struct Local {
    kinesis: SocketAddr,
    dynamodb: SocketAddr,
    s3: Option<SocketAddr>,
    faults: Faults,
    counter: Counter,
    meter: Meter,
    tasks: Tasks,
}

impl Local {
    /// Servers on free ports, in memory, unless told otherwise.
    pub fn builder() -> LocalBuilder {
        LocalBuilder::default()
    }

    pub(crate) async fn start(builder: LocalBuilder) -> Result<Self, LocalError> {
        let (kinesis, kinesis_listener) = listen(builder.kinesis_port).await?;
        let (dynamodb, dynamodb_listener) = listen(builder.dynamodb_port).await?;
        let (inner, inner_listener) = listen(0).await?;
        let mut local = Self {
            kinesis,
            dynamodb,
            s3: None,
            faults: Faults::default(),
            counter: Counter::default(),
            meter: Meter::default(),
            tasks: Tasks::new(),
        };

        let (store, journal) = (builder.open_store()?, builder.open_journal()?);
        let backend =
            Kinesis::start(store, builder.settings(), journal, local.faults.clone()).await;
        let gate = local.gate(backend.map_err(|error| LocalError::Stream(error.to_string()))?);
        local
            .tasks
            .spawn(serve::accept(kinesis_listener, local.tasks.clone(), move || gate.clone()));

        local.tasks.spawn(dynamodb::run(inner_listener, builder.open_database()?));
        let (faults, counter, tasks) =
            (local.faults.clone(), local.counter.clone(), local.tasks.clone());
        let meter = local.meter.clone();
        let gate = move || Gate {
            backend: DynamoDb::new(inner, tasks.clone(), meter.clone()),
            faults: faults.clone(),
            counter: counter.clone(),
            tasks: tasks.clone(),
        };
        local.tasks.spawn(serve::accept(dynamodb_listener, local.tasks.clone(), gate));

        if builder.s3 {
            let (address, listener) = listen(0).await?;
            local.s3 = Some(address);
            let gate = local.gate(S3::default());
            local.tasks.spawn(serve::accept(listener, local.tasks.clone(), move || gate.clone()));
        }
        Ok(local)
    }

    /// Where Kinesis listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn kinesis_endpoint(&self) -> String {
        format!("http://{}", self.kinesis)
    }

    /// Where DynamoDB listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn dynamodb_endpoint(&self) -> String {
        format!("http://{}", self.dynamodb)
    }

    /// Where S3 listens, if it does: `http://127.0.0.1:PORT`. Buckets are in the path, not in the
    /// host's name.
    #[must_use]
    pub fn s3_endpoint(&self) -> Option<String> {
        self.s3.map(|address| format!("http://{address}"))
    }

    /// The region of the servers.
    #[must_use]
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// The faults in force: to be cloned, and changed while the servers run.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The number of calls so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counter.read()
    }

    /// The capacity units of DynamoDB that AWS would have charged so far.
    ///
    /// A condition that fails costs as much as writing the item in its way, at least one unit; other
    /// refusals cost nothing, nor does a call that a fault keeps from being carried out. One that is
    /// carried out costs, though its answer be lost.
    #[must_use]
    pub fn units(&self) -> Units {
        self.meter.read().into_values().sum()
    }

    /// [`units`](Self::units) by operation, of those that cost anything.
    #[must_use]
    pub fn units_by_operation(&self) -> BTreeMap<String, Units> {
        self.meter.read()
    }

    /// Ends the servers and waits until their tasks are gone.
    pub async fn shutdown(self) {
        self.tasks.shutdown().await;
    }

    fn gate<B>(&self, backend: B) -> Gate<B> {
        Gate {
            backend,
            faults: self.faults.clone(),
            counter: self.counter.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

async fn listen(port: u16) -> Result<(SocketAddr, TcpListener), LocalError> {
    let bind = |source: io::Error| LocalError::Bind { port, source };
    let listener = serve::listen(port).await.map_err(bind)?;
    Ok((listener.local_addr().map_err(bind)?, listener))
}
