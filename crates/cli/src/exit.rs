//! How a command ends.

use std::error::Error as StdError;
use std::process::ExitCode;

use kinfolk::ErrorKind;

/// The exit codes, as `kinfolk --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// The work failed, or a part of it.
    Failed,
    /// The arguments, the settings or the permissions are wrong.
    Setup,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            Exit::Setup => ExitCode::from(2),
        }
    }
}

/// Why a command ended early: what to print and how to exit.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) cause: Option<Box<dyn StdError + Send + Sync>>,
    pub(crate) hint: Option<String>,
}

/// What a command's `run` returns.
pub(crate) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// The work failed, or a part of it.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), cause: None, hint: None }
    }

    /// Something has to be set up differently.
    pub(crate) fn setup(message: impl Into<String>) -> Self {
        Self { exit: Exit::Setup, ..Self::failed(message) }
    }

    /// The same with its cause.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same with what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<kinfolk::Error> for Failure {
    fn from(error: kinfolk::Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Config | ErrorKind::Denied => Exit::Setup,
            _ => Exit::Failed,
        };
        let of_credentials = error.to_string().contains("AWS credentials");
        let hint = if error.kind() == ErrorKind::Denied || of_credentials {
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
             `aws sts get-caller-identity` tells who you are; \
             for `kinfolk local`, export what it prints"
        } else {
            error.kind().advice()
        };
        Self { exit, hint: Some(hint.to_owned()), ..Self::failed("").because(error).unwrapped() }
    }
}

impl Failure {
    /// The cause's own message in the place of an empty one.
    fn unwrapped(mut self) -> Self {
        self.message = self.cause.as_ref().map(ToString::to_string).unwrap_or_default();
        self
    }

    /// The texts of the causes, outermost first, each once.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let mut next = self.cause.as_ref().map(|cause| &**cause as &dyn StdError);
        while let Some(cause) = next {
            let text = cause.to_string();
            let said = texts.last().unwrap_or(&self.message);
            if !said.ends_with(&text) {
                texts.push(text);
            }
            next = cause.source();
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_library_is_said_once_with_its_causes_and_a_hint() {
        let error = kinfolk::Error::new(ErrorKind::Config, "cannot read stream orders: no")
            .with_source("ResourceNotFoundException: orders");
        let failure = Failure::from(error);
        assert_eq!(failure.exit, Exit::Setup);
        assert_eq!(failure.message, "cannot read stream orders: no");
        assert_eq!(failure.causes(), ["ResourceNotFoundException: orders"]);
        assert!(failure.hint.is_some());
    }
}
