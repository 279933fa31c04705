//! Where a group's state is kept, as it is named on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use kinfolk::core::id::{GroupName, StreamName};
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::DEFAULT_TABLE;
use kinfolk::store::sqlite::SqliteStore;

/// How long a look at a file may take. Nobody's leases depend on it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place of state: `dynamodb:TABLE` or `sqlite:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A table of DynamoDB.
    DynamoDb(String),
    /// A file of this machine.
    Sqlite(PathBuf),
}

impl State {
    /// The state of a group that there is, to look at: nothing is made.
    pub(crate) fn open(
        &self,
        aws: &SdkConfig,
        group: &GroupName,
        stream: &StreamName,
    ) -> kinfolk::Result<Arc<dyn StateStore>> {
        let (group, stream) = (group.clone(), stream.clone());
        Ok(match self {
            Self::DynamoDb(table) => {
                let client = aws_sdk_dynamodb::Client::new(aws);
                Arc::new(LifionStore::new(&client, table, group, stream))
            }
            Self::Sqlite(path) => {
                let store = SqliteStore::open_existing(path, group, stream)?;
                Arc::new(store.attempt_limit(PATIENCE))
            }
        })
    }
}

impl Default for State {
    fn default() -> Self {
        Self::DynamoDb(DEFAULT_TABLE.to_owned())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DynamoDb(table) => write!(f, "dynamodb:{table}"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("dynamodb", table)) if !table.is_empty() => Ok(Self::DynamoDb(table.to_owned())),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err("expected dynamodb:TABLE or sqlite:PATH".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_table_by_its_name_or_a_file_by_its_path() {
        assert_eq!("dynamodb:mine".parse(), Ok(State::DynamoDb("mine".to_owned())));
        assert_eq!("sqlite:a/b:c.db".parse(), Ok(State::Sqlite("a/b:c.db".into())));
        assert_eq!(State::default().to_string(), "dynamodb:lifion-kinesis-state");
        assert_eq!(State::Sqlite("x.db".into()).to_string(), "sqlite:x.db");
        for wrong in ["mine", "dynamodb:", "sqlite:", "x.db", "postgres:x"] {
            assert!(wrong.parse::<State>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made_by_looking() {
        let file = std::env::temp_dir().join(format!("kinfolk-none-{}.db", std::process::id()));
        let aws = SdkConfig::builder().build();
        let opened = State::Sqlite(file.clone()).open(&aws, &"billing".into(), &"orders".into());
        assert_eq!(opened.unwrap_err().kind(), kinfolk::ErrorKind::Config);
        assert!(!file.exists());
    }
}
