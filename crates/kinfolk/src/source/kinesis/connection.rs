//! The connection that a call went out on, to be given up.

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The connection of one call. Unless it is [`kept`](Self::keep), no other call uses it once this is
/// dropped.
///
/// HTTP/2 puts all calls on one connection, which may be dead without a sign of it: the SDK's
/// connector sends no pings. A subscription that is given up because nothing comes must not be
/// followed by one on the same connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    captured: Arc<OnceLock<CaptureSmithyConnection>>,
    kept: bool,
}

impl Connection {
    /// Notes the connection of the call that this is given to.
    pub(super) fn capture(&self) -> Capture {
        Capture(self.captured.clone())
    }

    /// It is in order: the service has said its last word.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let captured = self.captured.get().filter(|_| !self.kept);
        if let Some(connection) = captured.and_then(CaptureSmithyConnection::get) {
            connection.poison();
        }
    }
}

/// See [`Connection::capture`].
#[derive(Debug)]
pub(super) struct Capture(Arc<OnceLock<CaptureSmithyConnection>>);

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "Capture"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(connection) = config.load::<CaptureSmithyConnection>() {
            // There is one attempt.
            let _ = self.0.set(connection.clone());
        }
        Ok(())
    }
}
