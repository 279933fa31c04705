//! Where a group's state is kept, as it is named on the command line.

use std::fmt;
use std::str::FromStr;

use kinfolk::store::dynamo::table::DEFAULT_TABLE;

/// A place of state: `dynamodb:TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    table: String,
}

impl State {
    /// The DynamoDB table.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}

impl Default for State {
    fn default() -> Self {
        Self { table: DEFAULT_TABLE.to_owned() }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb:{}", self.table)
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("dynamodb", table)) if !table.is_empty() => Ok(Self { table: table.to_owned() }),
            _ => Err("expected dynamodb:TABLE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_table_by_its_name() {
        assert_eq!("dynamodb:mine".parse(), Ok(State { table: "mine".to_owned() }));
        assert_eq!(State::default().to_string(), "dynamodb:lifion-kinesis-state");
        assert!("mine".parse::<State>().is_err() && "dynamodb:".parse::<State>().is_err());
    }
}
